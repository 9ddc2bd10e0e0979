"""The growth of a pattern program: convex solves over the patterns held, pricing of neurons, descent of the network.

A round solves the program over the patterns that it holds, keeps those that take part, and looks for neurons that bring
more than they cost at the dual point: their patterns join. Then the network, with short columns of the new neurons,
descends on the training problem itself, where neurons move from pattern to pattern; where that ends lower, the next
solve starts there. The objective never rises: every program holds a point as good as the last one.

The search for neurons is local (`pricing/local.py`). That it finds nothing ends the growth and proves nothing. Plain
NumPy: these functions and classes may stand word for word in generated code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from reludsl.adaptive.neurons import (
    Held,
    Neurons,
    Solved,
    canonical,
    columns_of,
    descended,
    first_dual,
    neurons_of,
    value_at,
)
from reludsl.backends.newton.kernel import NewtonIterate, size_unit, solve_by_newton
from reludsl.ir.pattern_problem import PatternProblem
from reludsl.lowering.patterns import pattern_keys, patterns_of
from reludsl.presolve import input_basis
from reludsl.pricing.local import Found, ascend, climb, unit_rows

Solve = Callable[[PatternProblem, Solved, float, float], Solved]
"""Solves a problem from a start to a relative gap, in at most so many seconds; the gap 0 is that of its own options."""


@dataclass(frozen=True)
class Search:
    """How patterns are searched for.

    The growth ends where the gap of its search is at most `tolerance`, or a round gains less than 0.3 of that, as soon
    as `escalations` times four times as many starts have changed nothing. For every sign and output there are `starts`
    in all directions, of which the best `added` of other patterns than those held, and half as many of the rest, go on
    to the exact search; and `tries` around every neuron, of which the best does. What brings more than it costs is most
    often near a neuron: 2000 starts found 90 to 100 such patterns in all directions, 440 to 600 at a distance of 0.1.
    The exact search crosses the hyperplanes of samples at most `crossings` times. Descents have at most
    `first_descent`, then `descent` iterations, and end where a hundred of them gain less than the tolerance.
    """

    tolerance: float = 1e-3
    seed: int = 0
    starts: int = 400
    escalations: int = 1
    added: int = 150
    tries: int = 4
    crossings: int = 12
    first_descent: int = 1500
    descent: int = 100


@dataclass(frozen=True)
class Round:
    """A moment of the growth: the objective so far, columns that are not zero, patterns held, seconds since the start.

    Between two rounds, in a descent, the number is that of the last, -1 before the first. `gap` is that to the bound
    which would hold if no neuron brought more than the dearest that was found: it proves nothing. It is inf before the
    first search, and where the loss has no conjugate.
    """

    number: int
    objective: float
    active: int
    patterns: int
    gap: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Grown:
    """The last program and its solution, how the growth ended, and its rounds.

    The status is solved, time limit, interrupted or failed. `dearest` is what the dearest neuron of the last search
    brings for each unit that it costs; None where there was no search.
    """

    posed: PatternProblem
    solved: Solved
    status: str
    rounds: tuple[Round, ...]
    dearest: float | None


def grow(
    problem: PatternProblem,
    slope: float,
    solve: Solve,
    search: Search,
    *,
    start: Solved | None = None,
    initial: Neurons | None = None,
    propose: np.ndarray | None = None,
    time_limit: float = float("inf"),
    monitor: Callable[[Round], bool] | None = None,
) -> Grown:
    """Solves the program over the patterns of `problem`, and over those that help, for an activation of this slope.

    `start` is a point of `problem` to begin at. With `initial` neurons, descent from there comes first, and its
    patterns take the place of the problem's. `propose`
    are directions (d, k) of neurons that are known to help: their patterns stay from beginning to end. `monitor` sees
    every moment and ends the growth by returning True. The last point is the best.
    """
    return Growth(problem, slope, solve, search, time_limit, monitor).run(start, initial, propose)


class Growth:
    """One growth: the patterns held, and the network from which the next round starts."""

    short = 0.01  # columns of new neurons where a descent begins, against the mean of the others

    def __init__(
        self,
        problem: PatternProblem,
        slope: float,
        solve: Solve,
        search: Search,
        time_limit: float,
        monitor: Callable[[Round], bool] | None,
    ) -> None:
        self.problem, self.slope, self.solve, self.search = problem, slope, solve, search
        self.time_limit, self.monitor = time_limit, monitor
        self.begun, self.ended = time.perf_counter(), ""
        self.generator = np.random.default_rng(search.seed)
        self.held = Held(problem, slope)
        (n, d), outputs = problem.X.shape, problem.Y.shape[1]
        self.neurons = Neurons(np.zeros((0, d)), np.zeros((n, 0), dtype=bool), np.zeros(0, dtype=int))
        self.proposed: np.ndarray = np.zeros((n, 0), dtype=bool)
        self.offset: np.ndarray = np.zeros(outputs)
        self.dual: np.ndarray | None = None
        self.rounds: list[Round] = []
        self.best, self.gap, self.dearest = np.inf, np.inf, float("nan")

    def run(self, start: Solved | None, initial: Neurons | None, propose: np.ndarray | None) -> Grown:
        """Rounds until the search finds nothing that matters, or a limit is met."""
        problem, search = self.problem, self.search
        if start is not None:
            self.neurons, self.offset, self.dual = neurons_of(problem, start.columns), start.offset, start.dual
        self._begin(initial, propose)
        starts, escalation, descends, gained = search.starts, 0, True, 1.0
        while True:
            posed = self.held.posed()
            start = self._placed(posed)
            accuracy = min(1e-2, max(0.1 * search.tolerance, min(0.03 * self.gap, 0.1 * gained)))
            solved = start if self.ended else self._solved(posed, start, accuracy)
            value, before = value_at(posed, solved), self.best
            self.neurons, self.offset, self.dual = neurons_of(posed, solved.columns), solved.offset, solved.dual
            self.best = value
            if self._moment(value, posed, record=True):
                break
            found = self._priced(starts)
            self.gap = self._gap(value)
            gained = (before - value) / max(abs(value), 1e-300)
            if self.gap <= search.tolerance or not found.count or gained < 0.3 * search.tolerance:
                if escalation == search.escalations:
                    solved = self._solved(posed, solved, 0.0)
                    self.best = value_at(posed, solved)
                    self._moment(self.best, posed, record=True)
                    break
                escalation, starts = escalation + 1, 4 * starts
            self.held = Held(problem, self.slope)
            self.held.add(self.neurons.masks)
            self.held.add(found.masks)
            self.held.add(self.proposed)
            if not self.held.masks:
                assert posed.masks is not None
                self.held.add(posed.masks[:, :1])
            if descends and found.count:
                descends = self._descend(found)
        dearest = None if np.isnan(self.dearest) else self.dearest
        return Grown(posed, solved, self.ended or "solved", tuple(self.rounds), dearest)

    def _begin(self, initial: Neurons | None, propose: np.ndarray | None) -> None:
        """The patterns to begin with, and a network that has them where it descended."""
        problem, masks = self.problem, self.problem.masks
        if initial is not None:
            first = canonical(problem.X, self.slope, initial)
            neurons, offset, value = self._descended(first, self.search.first_descent)
            masks = first.masks
            if np.isfinite(value):
                self.neurons, self.offset, self.best = neurons, offset, value
                masks = neurons.masks if neurons.count else masks
        assert masks is not None
        self.held.add(masks)
        if propose is not None:
            self.proposed = patterns_of(problem.X, propose, self.slope)[0]
            self.held.add(self.proposed)

    def _left(self) -> float:
        """The seconds that are left."""
        return max(self.time_limit - (time.perf_counter() - self.begun), 0.0)

    def _moment(self, value: float, posed: PatternProblem | None = None, record: bool = False) -> bool:
        """Shows where the growth is; whether it has to end."""
        seconds = time.perf_counter() - self.begun
        patterns = len(self.held.masks) if posed is None else posed.gates.shape[1]
        number = len(self.rounds) - (not record)
        state = Round(number, min(value, self.best), self.neurons.count, patterns, self.gap, seconds)
        if record:
            self.rounds.append(state)
        if self.monitor is not None and self.monitor(state):
            self.ended = self.ended or "interrupted"
        elif seconds > self.time_limit:
            self.ended = self.ended or "time limit"
        return bool(self.ended)

    def _placed(self, posed: PatternProblem) -> Solved:
        """The network as a point of a program that holds its patterns."""
        columns = columns_of(posed, self.neurons, self.held.add(self.neurons.masks))
        dual = self.dual
        if dual is None:
            dual = first_dual(posed, posed.predictions(columns, self.offset))
        return Solved(columns, self.offset, dual)

    def _solved(self, posed: PatternProblem, start: Solved, accuracy: float) -> Solved:
        """The solution of a program; where a solver ends above its start, the start."""
        solved = self.solve(posed, start, accuracy, self._left())
        self.ended = self.ended or solved.ended
        return solved if value_at(posed, solved) <= value_at(posed, start) else start._replace(dual=solved.dual)

    def _gap(self, value: float) -> float:
        """The relative gap to the bound that would hold if there were no dearer neuron than the dearest one found."""
        assert self.dual is not None
        z = self.problem.admissible(self.dual)
        bound = self.problem.dual_value(z, np.array([self.dearest * self.problem.group]))
        return (value - bound) / max(abs(value), 1e-300) if np.isfinite(bound) else np.inf

    def _priced(self, starts: int) -> Neurons:
        """Neurons of length 1 that bring more than they cost, the dearest of each pattern."""
        problem, search, outputs = self.problem, self.search, self.problem.Y.shape[1]
        assert self.dual is not None
        z = problem.admissible(self.dual)
        targets = np.concatenate([z, -z], axis=1)
        directions = self.generator.standard_normal((starts, problem.X.shape[1]))
        masks, owners = [self.neurons.masks[:, :0]], [self.neurons.places[:0]]
        for place in range(2 * outputs):
            z = targets[:, place]
            climbed = self._unknown(climb(problem.X, z, directions, self.slope))
            mine = np.flatnonzero(self.neurons.places == place)
            nearby = self._nearby(z, mine)
            masks += [climbed.masks, nearby.masks, self.neurons.masks[:, mine]]
            owners.append(np.full(climbed.masks.shape[1] + nearby.masks.shape[1] + len(mine), place))
        places = np.concatenate(owners)
        found = ascend(problem.X, targets[:, places], np.concatenate(masks, axis=1), self.slope, search.crossings)
        self.dearest = max(float(found.values.max(initial=0.0)) / problem.group, 1.0)
        dear = np.flatnonzero(found.values > problem.group * (1.0 + 0.1 * search.tolerance))
        dear = dear[np.argsort(-found.values[dear])]
        dear = dear[np.sort(np.unique(np.vstack([found.masks, places])[:, dear], axis=1, return_index=True)[1])]
        part = found.of(dear)
        return canonical(problem.X, self.slope, Neurons(part.directions, part.masks, places[dear]))

    def _nearby(self, z: np.ndarray, mine: np.ndarray) -> Found:
        """For each of some neurons the best to which starts around it climb, half its length away at most."""
        tries = self.search.tries
        U = np.repeat(unit_rows(self.neurons.u[mine]), tries, axis=0)
        away = 0.5 * self.generator.random((len(U), 1)) * unit_rows(self.generator.standard_normal(U.shape))
        climbed = climb(self.problem.X, z, U + away, self.slope)
        best = climbed.values.reshape(len(mine), tries).argmax(axis=1)
        return climbed.of(np.arange(len(mine)) * tries + best)

    def _unknown(self, climbed: Found) -> Found:
        """Neurons that have patterns of their own which are not held: the best, and some of the others."""
        added = self.search.added
        order = np.argsort(-climbed.values)
        unknown: list[int] = []
        seen = set(self.held.index)
        for k, key in zip(order, pattern_keys(self.problem.X, climbed.masks[:, order], self.slope), strict=True):
            if key is not None and key not in seen:
                seen.add(key)
                unknown.append(int(k))
        best, rest = unknown[:added], unknown[added:]
        if rest:
            best += list(self.generator.choice(rest, min(added // 2, len(rest)), replace=False))
        return climbed.of(np.array(best, dtype=int))

    def _descended(self, neurons: Neurons, iterations: int) -> tuple[Neurons, np.ndarray, float]:
        """Where the network of these neurons gets by descent, and the objective there."""
        least, left = self.search.tolerance, self._left()
        return descended(self.problem, self.slope, neurons, self.offset, iterations, least, left, self._moment)

    def _descend(self, found: Neurons) -> bool:
        """Lets the network descend, with short columns of the neurons that were found; whether that is lower."""
        lengths = np.linalg.norm(self.neurons.u, axis=1)
        short = self.short * (float(lengths.mean()) if len(lengths) else 1.0)
        start = self.neurons.beside(Neurons(short * found.u, found.masks, found.places))
        neurons, offset, value = self._descended(start, self.search.descent)
        if not value < self.best:
            return False
        self.neurons, self.offset, self.best = neurons, offset, value
        self.held.add(neurons.masks)
        return True


def by_newton(posed: PatternProblem, start: Solved, accuracy: float, seconds: float) -> Solved:
    """The solution of a program by the semismooth Newton method, to a relative gap of 1e-6 at best."""
    fit = posed.predictions(start.columns, start.offset)
    iterate = NewtonIterate(start.columns.T, start.offset, start.dual, fit)
    found = solve_by_newton(posed, tolerance=max(accuracy, 1e-6), time_limit=seconds, start=iterate)
    return Solved(found.columns, found.offset, found.dual)


def first_neurons(problem: PatternProblem, directions: np.ndarray) -> Neurons:
    """A network from which descent can begin, with directions (d, k) as hidden weights; signs and outputs take turns.

    The variance of its weights is that of He, Zhang, Ren and Sun (2015), for inputs of about 1, divided among the
    neurons.
    """
    places = 2 * problem.Y.shape[1]
    chosen = np.arange(max(directions.shape[1], places)) % directions.shape[1]
    u = np.sqrt(2.0 / (len(chosen) * len(directions))) / size_unit(problem.X) * directions.T[chosen]
    return Neurons(u, problem.X @ u.T >= 0, np.arange(len(u)) % places)


def grown_patterns(
    problem: PatternProblem, slope: float, search: Search, directions: np.ndarray | None, time_limit: float
) -> np.ndarray:
    """The patterns (n, P) held at the end of a growth by Newton's method. Prints its rounds.

    It begins with descent from `directions` (d, k), or with the problem's patterns where they are None.
    """
    basis, inner = input_basis(problem), problem
    if basis is not None:
        inner = replace(problem, X=problem.X @ basis)
        directions = None if directions is None else basis.T @ directions
    shown = -1

    def show(state: Round) -> bool:
        nonlocal shown
        if state.number > shown:
            shown = state.number
            value = state.objective / problem.scale
            print(f"round {state.number}: objective {value:.8g}, {state.patterns} patterns", flush=True)
        return False

    initial = None if directions is None else first_neurons(inner, directions)
    grown = grow(inner, slope, by_newton, search, initial=initial, time_limit=time_limit, monitor=show)
    assert grown.posed.masks is not None
    return grown.posed.masks

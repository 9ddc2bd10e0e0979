"""Global certificates: a proved lower bound on the non-convex training problem, beside any network.

A dual point z (n, c) bounds training from below, for every width, where no neuron of norm 1 brings more than it costs:
|z_kᵀσ(Xu)| ≤ β for every output k and all ‖u‖ ≤ 1, or ‖zᵀσ(Xu)‖ ≤ β where outputs share their neurons. Any z can be
scaled until that holds, by the price of the best neuron, and there are three ways to bound that price:

    enumeration         in closed form, over all cells of the samples: up to four dimensions, if there are few
    branch_and_bound    for separate outputs, in a few dimensions more; when it stops early its bound still holds
    relaxation          semidefinite: any dimension, one output or shared neurons; where the others do not end

The residual of the program's optimum is the z to take, from the solver's dual point or at the network itself. It need
not be optimal for anything: then the bound is loose.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from reludsl.backend import Outcome
from reludsl.cells import Cells, Incomplete, enumerate_cells, sample_rank
from reludsl.certificate.cells import loss_problem
from reludsl.certificate.duality import bound_from, pricing_of
from reludsl.certificate.result import Bound, Method, relative_gap
from reludsl.cones import Supports
from reludsl.data.encoding import Samples
from reludsl.ir import Program, RelaxationForm
from reludsl.ir.pattern_problem import PatternProblem, problem_without_columns
from reludsl.lowering import CellProgram, PatternProgram
from reludsl.lowering.pattern_program import augmented
from reludsl.lowering.patterns import count_patterns
from reludsl.model.model import Model
from reludsl.network import Network
from reludsl.pricing import Search, SearchState, branch, enumeration, greatest_over_cells, greatest_value
from reludsl.pricing.branch import climbed
from reludsl.pricing.kinks import kinks
from reludsl.relaxation import RelaxationDual, coordinates, relaxation_arrays

MOST_CELLS = 2000
"""More are not enumerated."""

MOST_RELAXED = 400
"""With more samples no relaxation is tried."""


@dataclass(frozen=True)
class CertifyProgress:
    """A moment of a certificate in the making: how, the greatest price so far as a multiple of the cost, cones seen.

    `bound` and `gap` are what it would prove if it ended now; None where other outputs are still to come.
    """

    by: Method
    nodes: int
    price: float
    bound: float | None
    gap: float | None
    seconds: float


@dataclass(frozen=True)
class Attempt:
    """One way that was tried: the bound that it proved, -inf for none, its seconds, and whether it got to its end.

    `message` says in a few words how far it got.
    """

    by: Method
    value: float
    seconds: float
    finished: bool
    message: str


@dataclass(frozen=True, eq=False)
class NewNeurons:
    """Directions (d, k) with ‖u‖ = 1, hidden bias last where there is one, of neurons that bring more than they cost.

    `worth` (k,) is what they bring as a multiple of that, with the sign that their output weights should have;
    `outputs` (k,) are the numbers of the outputs.
    """

    directions: np.ndarray
    worth: np.ndarray
    outputs: np.ndarray


@dataclass(frozen=True, eq=False)
class GlobalCertificate:
    """The optimum of the training problem lies between `bound.value` and the network's objective.

    `bound` is None where nothing was proved. `new` are neurons at which the objective could fall.
    """

    bound: Bound | None
    attempts: tuple[Attempt, ...]
    new: NewNeurons
    seconds: float

    @property
    def finished(self) -> bool:
        """Whether the way that proved the bound got to its end."""
        return any(attempt.finished and self.bound.by == attempt.by for attempt in self.attempts if self.bound)

    def to_json(self) -> dict[str, Any]:
        bound = self.bound
        return {
            "bound": None if bound is None else {"value": bound.value, "gap": bound.gap, "by": bound.by},
            "finished": self.finished,
            "seconds": round(self.seconds, 6),
            "attempts": [{**vars(attempt), "seconds": round(attempt.seconds, 6)} for attempt in self.attempts],
            "new_neurons": len(self.new.worth),
        }


Relax = Callable[[Program, Mapping[str, np.ndarray], float | None], Outcome]
"""Solves a relaxation with its arrays within so many seconds."""


@dataclass(frozen=True, eq=False)
class Certifier:
    """The ways that are open to a model and its training samples, and what they share."""

    model: Model
    samples: Samples

    @cached_property
    def X(self) -> np.ndarray:
        """The samples (n, d), with a column of ones for hidden biases."""
        return augmented(self.model, self.samples.X)

    @cached_property
    def rank(self) -> int:
        return sample_rank(self.X)

    @cached_property
    def problem(self) -> PatternProblem:
        """The losses, output biases and what a neuron costs."""
        arrays = {"X": self.X, "Y": self.samples.y, "y": self.samples.y, "omega": self.samples.weights}
        known = {name: array for name, array in arrays.items() if array is not None}
        if self.model.architecture.shared:
            return loss_problem(CellProgram(self.model).form, known)
        form = PatternProgram(self.model).form
        problem = problem_without_columns(form, known)
        return replace(problem, group=problem.scale * form.penalty.group, signed=False)

    @property
    def slope(self) -> float:
        return self.model.activation.slope

    @cached_property
    def cells(self) -> Cells | None:
        """All cells, where they can be enumerated."""
        if not 1 <= self.rank <= enumeration.MOST_DIMENSIONS or count_patterns(self.X) > MOST_CELLS:
            return None
        try:
            return enumerate_cells(self.X)
        except Incomplete:
            return None

    @property
    def branches(self) -> bool:
        """Whether branch and bound takes these samples."""
        return not self.model.architecture.shared and branch.searchable(len(self.X), self.rank)

    @property
    def relaxed(self) -> RelaxationForm | None:
        """The relaxation, where it has a bound."""
        model, outputs = self.model, self.problem.Y.shape[1]
        one = model.architecture.shared or outputs == 1
        if not one or len(self.X) > MOST_RELAXED or not self.rank:
            return None
        form = CellProgram(model).form if model.architecture.shared else PatternProgram(model).form
        bias = model.architecture.output_bias
        return RelaxationForm(form.loss, form.penalty, form.activation, form.mean, form.weighted, output_bias=bias)

    def directions(self, network: Network) -> np.ndarray:
        """Those of the network's neurons (d, m), hidden bias last where there is one."""
        hidden = network.hidden_weights
        if self.model.architecture.hidden_bias:
            hidden = np.concatenate([hidden, network.hidden_bias[None]])
        norms = np.linalg.norm(hidden, axis=0)
        return np.asarray(hidden[:, norms > 0] / norms[norms > 0])


def global_certificate(
    certifier: Certifier | None,
    network: Network,
    objective: float,
    duals: Iterable[Any] = (),
    known: Bound | None = None,
    *,
    gap: float = 1e-3,
    seconds: float | None = None,
    monitor: Callable[[CertifyProgress], bool] = lambda progress: False,
    relax: Relax | None = None,
) -> GlobalCertificate:
    """A bound on training, beside a network with its objective, from dual points as in `Outcome.dual`.

    It is done as soon as the relative `gap` is reached. `known` is a bound that the solve itself proved, which is all
    that there is without a `certifier`. After `seconds`
    or where `monitor` returns True, it ends with what is proved so far. `relax` solves relaxations, if anything does.
    """
    began = time.perf_counter()
    attempts, new = [], NewNeurons(np.zeros((0, 0)), np.zeros(0), np.zeros(0, dtype=int))
    if known is not None and known.scope == "global":
        attempts.append(Attempt(known.by, known.value, 0.0, True, "proved by the solve itself"))

    stopped = False

    def watch(progress: CertifyProgress) -> bool:
        nonlocal stopped
        stopped = monitor(progress) or stopped
        return stopped

    def best() -> Attempt | None:
        proved = [attempt for attempt in attempts if np.isfinite(attempt.value)]
        return max(proved, key=lambda attempt: attempt.value, default=None)

    def closed() -> bool:
        found = best()
        return found is not None and relative_gap(objective, found.value) <= gap

    def left() -> float:
        return np.inf if seconds is None else max(0.0, seconds - (time.perf_counter() - began))

    if certifier is not None and not closed():
        z = dual_point(certifier, network, duals)
        form = certifier.relaxed if relax is not None else None
        if certifier.cells is not None or not certifier.rank:
            attempts.append(by_enumeration(certifier, z))
        elif certifier.branches:
            limit = 0.5 * left() if form is not None else left()
            attempt, new = by_branching(certifier, network, z, objective, gap, limit, watch)
            attempts.append(attempt)
        ended = any(attempt.finished for attempt in attempts if attempt.by != "relaxation")
        if form is not None and relax is not None and not (ended or stopped or closed()):
            attempts.append(by_relaxation(certifier, form, relax, left()))
    found = best()
    bound = None if found is None else Bound(found.value, relative_gap(objective, found.value), "global", found.by)
    return GlobalCertificate(bound, tuple(attempts), new, time.perf_counter() - began)


def dual_point(certifier: Certifier, network: Network, duals: Iterable[Any]) -> np.ndarray:
    """The most promising dual point (n, c): of those given, and minus the gradient of the losses at the network."""
    problem = certifier.problem
    predictions = network.scores(certifier.samples.X).reshape(problem.Y.shape)
    candidates = [np.asarray(z, dtype=float) for z in duals if isinstance(z, np.ndarray) and z.shape == problem.Y.shape]
    candidates = [z for z in (*candidates, -problem.loss_gradient(predictions)) if np.isfinite(z).all()]
    if len(candidates) < 2:
        return candidates[0] if candidates else np.zeros(problem.Y.shape)
    directions = certifier.directions(network)

    def guess(problem: PatternProblem, z: np.ndarray, supports: Supports | None) -> np.ndarray:
        tried = [directions]
        for column in z.T:
            of = kinks(certifier.X, column, certifier.slope)
            tried.append(of.basis @ climbed(of, directions))
        values = z.T @ certifier.model.activation.value(certifier.X @ np.concatenate(tried, axis=1))
        lengths = np.linalg.norm(values, axis=0) if certifier.model.architecture.shared else np.abs(values)
        return np.array([lengths.max(initial=0.0)])

    return max(candidates, key=lambda z: bound_from(problem, z, prices_at=guess))


def by_enumeration(certifier: Certifier, z: np.ndarray) -> Attempt:
    """The bound by the best neurons of all cells."""
    began, cells = time.perf_counter(), certifier.cells

    def prices(problem: PatternProblem, z: np.ndarray, supports: Supports | None) -> np.ndarray:
        if cells is None:  # all samples are zero
            return np.zeros(1)
        parts = [z] if certifier.model.architecture.shared else [z[:, [k]] for k in range(z.shape[1])]
        return np.array([greatest_over_cells(certifier.X, part, cells, certifier.slope) for part in parts])

    value = bound_from(certifier.problem, z, prices_at=prices) / certifier.problem.scale
    count = cells.count if cells is not None else 1
    return Attempt("enumeration", value, time.perf_counter() - began, True, f"all {count} cells of the samples")


def by_branching(
    certifier: Certifier,
    network: Network,
    z: np.ndarray,
    objective: float,
    gap: float,
    seconds: float,
    monitor: Callable[[CertifyProgress], bool],
) -> tuple[Attempt, NewNeurons]:
    """The bound by branch and bound, output by output, and the neurons that were found to bring more than they cost."""
    began, problem = time.perf_counter(), certifier.problem
    searches: list[Search] = []
    stopped = closed = False
    told: CertifyProgress | None = None

    def prices(problem: PatternProblem, z: np.ndarray, supports: Supports | None) -> np.ndarray:
        outputs = z.shape[1]

        def watch(state: SearchState) -> bool:
            nonlocal stopped, closed, told
            known = [search.upper for search in searches]
            price = max(state.upper, *known, 0.0) / problem.group
            nodes, now = state.nodes + sum(search.nodes for search in searches), time.perf_counter() - began
            if told is not None and price > told.price * (1 - 0.01 * gap):  # the same bound, but for a little
                told = replace(told, nodes=nodes, seconds=now)
            else:
                bound = reached = None
                if len(known) == outputs - 1:
                    bound = problem.dual_value(z, np.array([price * problem.group])) / problem.scale
                    reached = relative_gap(objective, bound)
                told = CertifyProgress("branch_and_bound", nodes, price, bound, reached, now)
            reached = told.gap
            stopped = monitor(told) or stopped
            closed = reached is not None and reached <= gap
            return stopped or closed

        nonlocal told
        for k in range(outputs):
            told = None
            share = (seconds - (time.perf_counter() - began)) / (outputs - k)
            searches.append(
                greatest_value(
                    certifier.X,
                    z[:, k],
                    certifier.slope,
                    cost=problem.group,
                    tolerance=0.9 * gap,
                    starts=certifier.directions(network),
                    time_limit=share,
                    monitor=watch,
                )
            )
        return np.array([search.upper for search in searches])

    value = bound_from(problem, z, prices_at=prices) / problem.scale
    finished = closed or all(search.finished for search in searches)
    price = max((search.upper for search in searches), default=0.0) / problem.group
    message = f"{sum(search.nodes for search in searches)} cones, no neuron brings more than {price:.5g} of its cost"
    if not finished:
        message += "; interrupted" if stopped else "; stopped at the time limit"
    new = NewNeurons(
        np.concatenate([search.directions for search in searches], axis=1),
        np.concatenate([search.values for search in searches]) / problem.group,
        np.repeat(np.arange(len(searches)), [len(search.values) for search in searches]),
    )
    if len(new.worth):
        message += f"; {len(new.worth)} directions found that bring up to {np.abs(new.worth).max():.5g} of it"
    return Attempt("branch_and_bound", value, time.perf_counter() - began, finished, message), new


def by_relaxation(certifier: Certifier, form: RelaxationForm, relax: Relax, seconds: float) -> Attempt:
    """The bound of the semidefinite relaxation, from whatever dual point its solver ends with."""
    began = time.perf_counter()
    at = coordinates(certifier.X, certifier.slope)
    arrays = {"X": certifier.X, "Y": certifier.problem.Y, **relaxation_arrays(at, certifier.problem.Y.shape[1])}
    if certifier.samples.weights is not None:
        arrays["omega"] = certifier.samples.weights
    program = form.program()
    outcome = relax(program, arrays, seconds if np.isfinite(seconds) else None)
    value = -np.inf
    if isinstance(outcome.dual, RelaxationDual):
        pricing = pricing_of(program, arrays, outcome.dual.S)
        assert pricing is not None
        value = bound_from(pricing.problem, outcome.dual.Lam, prices_at=pricing.prices) / pricing.problem.scale
    order = len(at.whole) + at.rank + certifier.problem.Y.shape[1]
    message = f"the semidefinite relaxation of order {order}"
    finished = outcome.status == "solved"
    if not finished:
        message += f"; its solver ended so: {outcome.message or outcome.status}"
    return Attempt("relaxation", value, time.perf_counter() - began, finished, message)

"""Networks whose neurons all outputs share, grown neuron by neuron: a group lasso, descent and pricing in turns.

    minimize over U, A, c0   L(Σ_i σ(X u_i) A_i + c0) + group Σ_i ‖A_i‖₂ + ½ offset_l2 ‖c0‖²,   ‖u_i‖ = 1

The norm of a balanced neuron's weight decay is ‖u‖‖α‖, so this is training under weight decay at every width. With the
directions u_i held it is convex, a group lasso over rank-one atoms σ(Xu)αᵀ; its dual point Z tells by ‖Zᵀσ(Xu)‖ > group
which further directions lower the objective (`pricing/vector.py`). In between the weights of the network descend on the
training objective itself, which turns the directions. No step raises the objective, and neurons whose output weights
are zero are dropped. Plain NumPy and SciPy: the functions stand word for word in generated code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from reludsl.backends.descent.kernel import State, TrainingProblem, Watch, Weights, lbfgs
from reludsl.backends.newton.kernel import NewtonIterate, NewtonState, size_unit, solve_by_newton
from reludsl.cones.projection import Supports
from reludsl.ir.pattern_problem import PatternProblem
from reludsl.pricing.vector import best_directions, distinct, gates_at


@dataclass
class GrowthState:
    """A round of the search: its number, the objective, neurons, and seconds.

    `gap` is that to the bound that would hold if no neuron brought more than the dearest one that was found; it proves
    nothing.
    """

    iteration: int
    objective: float
    gap: float
    active: int
    seconds: float


@dataclass
class Neurons:
    """Unit directions (d, m), output weights (m, c), output biases (c,), the objective, and a dual point (n, c)."""

    directions: np.ndarray
    weights: np.ndarray
    offset: np.ndarray
    objective: float
    dual: np.ndarray


@dataclass
class Growth:
    """The best network, why the search ended, and its history.

    The status is solved (the gap is within the tolerance), time limit, round limit, interrupted, or stalled (what was
    found no longer lowers the objective).
    """

    neurons: Neurons
    status: str
    history: list[GrowthState] = field(default_factory=list)


def grow_shared(
    problem: PatternProblem,
    X: np.ndarray,
    slope: float,
    directions: np.ndarray,
    *,
    descends: bool = False,
    tolerance: float = 1e-6,
    seed: int = 0,
    time_limit: float = float("inf"),
    monitor: Callable[[GrowthState], bool] | None = None,
    within: Callable[[GrowthState], bool] | None = None,
) -> Growth:
    """The network that the search ends with. `problem` says losses, biases and cost; its own columns do not matter.

    `X` (n, d) are the samples, with the hidden bias as a column of them, `slope` is the activation's below 0. It begins
    with unit `directions` (d, m), or with `descends` where descent from these and random output weights leads. It ends
    where the gap to what the neurons that it finds would prove is within the tolerance. `monitor` sees every round and
    ends the search by returning True; `within` sees moments of rounds, with what is best so far, and may end it too.
    """
    return GrowthSearch(problem, X, slope, tolerance, seed, time_limit, monitor, within).run(directions, descends)


class GrowthSearch:
    """One search. Everything that is drawn comes from one generator, so that a seed tells the result."""

    most_rounds = 500
    most_added = 20  # directions in a round
    escalations = 3  # how often there are more starts before a search that finds nothing is believed
    descent_steps = 200

    def __init__(
        self,
        problem: PatternProblem,
        X: np.ndarray,
        slope: float,
        tolerance: float,
        seed: int,
        time_limit: float,
        monitor: Callable[[GrowthState], bool] | None,
        within: Callable[[GrowthState], bool] | None,
    ) -> None:
        self.problem, self.X, self.slope = problem, X, slope
        self.tolerance, self.monitor, self.within = tolerance, monitor, within
        self.time_limit, self.generator = time_limit, np.random.default_rng(seed)
        self.accuracy = 0.1 * tolerance  # of the convex solves
        self.started, self.ending = time.perf_counter(), ""
        self.history: list[GrowthState] = []

    def run(self, directions: np.ndarray, descends: bool) -> Growth:
        """Rounds of descent, pricing and the convex program, until the gap is closed or a limit is met."""
        m, outputs = directions.shape[1], self.problem.Y.shape[1]
        A, offset = np.zeros((m, outputs)), np.zeros(outputs)
        if descends:
            drawn = self.generator.standard_normal((m, outputs)) / (np.sqrt(m) * size_unit(self.X))
            directions, A, offset = self.descended(directions, drawn, offset)
        best = self.solved(directions, A, offset)
        while True:
            best = self.turned(best)
            found, gap = self.priced(best)
            self.tell(best, gap)
            if not self.ending and gap <= self.tolerance:
                self.ending = "solved"
            if self.exhausted() or not found.shape[1] + len(best.weights):
                break
            U = np.concatenate([best.directions, found], axis=1)
            A = np.concatenate([best.weights, np.zeros((found.shape[1], outputs))])
            grown = self.better(best, self.solved(U, A, best.offset))
            if best.objective - grown.objective <= 1e-4 * self.tolerance * abs(best.objective):
                self.accuracy *= 0.01  # a better dual point may tell better neurons
                if self.accuracy < 1e-13:
                    self.ending = self.ending or "stalled"
                    break
            best = grown
        return Growth(self.merged(best), self.ending or "stalled", self.history)

    # -- steps ---------------------------------------------------------------------------------------------------

    def solved(self, U: np.ndarray, A: np.ndarray, offset: np.ndarray) -> Neurons:
        """The convex program over directions U (d, m), from the output weights A (m, c), without those it leaves at 0.

        Stopped early by the time limit it may end above where it began: that is for the caller to compare.
        """
        problem = self.master(U)
        F = problem.gates @ A + offset
        z = -problem.loss_gradient(F)
        start = None
        if A.any() and np.isfinite(z).all():
            start = NewtonIterate(A.copy(), offset, z, F, nothing_known(len(A)))
        result = solve_by_newton(
            problem, tolerance=self.accuracy, time_limit=self.left(), start=start, monitor=self.asked
        )
        weights, offset = result.columns.T, result.offset
        sizes = np.linalg.norm(weights, axis=1)
        objective = value = self.objective(U, weights, offset)
        kept = sizes > 0
        for share in (1e-3, 1e-5, 1e-7):
            loud = sizes > share * sizes.max(initial=0.0)
            without = self.objective(U[:, loud], weights[loud], offset)
            if without <= objective + 0.01 * self.accuracy * abs(objective):
                kept, value = loud, without
                break
        return Neurons(U[:, kept], weights[kept], offset, value, result.dual)

    def turned(self, best: Neurons) -> Neurons:
        """After descent of all weights on the training objective, and the convex program over where it led."""
        if not len(best.weights):
            return best
        U, A, offset = self.descended(best.directions, best.weights, best.offset)
        if self.objective(U, A, offset) >= best.objective:
            return best
        return self.better(best, self.solved(U, A, offset))

    def descended(self, U: np.ndarray, A: np.ndarray, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Unit directions, output weights and biases to which the balanced network descends."""
        roots = np.sqrt(np.linalg.norm(A, axis=1))
        network = TrainingProblem(
            self.X,
            self.problem.Y,
            np.ones(len(self.X)) if self.problem.weights is None else self.problem.weights,
            self.problem.loss,
            (
                ("weight_decay", self.problem.group - self.problem.offset_l2, False),
                ("weight_decay", self.problem.offset_l2, True),
            ),
            np.ones(A.shape, dtype=bool),
            slope=self.slope,
            output_bias=self.problem.offset,
        )
        watch = Watch(1e-9, self.descent_steps, time_limit=self.left(), monitor=self.asked)
        watch.begin()
        with np.errstate(over="ignore", invalid="ignore"):
            lbfgs(network, Weights(U * roots, np.zeros(len(roots)), A / roots[:, None], offset), watch, self.generator)
        if watch.best is None:
            return U, A, offset
        lengths = np.linalg.norm(watch.best.U, axis=0)
        alive = lengths > 0
        return watch.best.U[:, alive] / lengths[alive], watch.best.alpha[alive] * lengths[alive, None], watch.best.c0

    def priced(self, best: Neurons) -> tuple[np.ndarray, float]:
        """Directions that bring more than they cost (d, k), and the gap, see `GrowthState`.

        Where that is within the tolerance there are more and more starts, before it is believed.
        """
        cost, Z = self.problem.group, best.dual
        starts, greatest, gap = 50, 0.0, np.inf
        for _ in range(1 + self.escalations):
            U, prices = best_directions(self.X, Z, self.slope, best.directions, starts, self.generator)
            greatest = max(greatest, float(prices.max(initial=0.0)))
            bound = self.problem.dual_value(Z, np.array([greatest]))
            gap = (best.objective - bound) / max(abs(best.objective), 1e-300)
            dear = prices > cost * (1 + 1e-9)
            if gap > self.tolerance or self.exhausted():
                return U[:, dear][:, : self.most_added], gap
            starts *= 4
        return U[:, :0], gap

    def merged(self, best: Neurons) -> Neurons:
        """With nearly parallel neurons as one, where that does not raise the objective."""
        sizes = np.linalg.norm(best.weights, axis=1)
        U = distinct(best.directions, sizes, apart=1e-3)
        if U.shape[1] == best.directions.shape[1] or self.ending not in ("solved", "stalled"):
            return best
        nearest = (best.directions.T @ U).argmax(axis=1)
        A = np.zeros((U.shape[1], best.weights.shape[1]))
        np.add.at(A, nearest, best.weights)
        return self.better(best, self.solved(U, A, best.offset))

    # -- numbers -------------------------------------------------------------------------------------------------

    def master(self, U: np.ndarray) -> PatternProblem:
        """The group lasso over directions U (d, m)."""
        T = self.X @ U
        ones = np.ones((len(T), 1))
        return replace(self.problem, X=ones, gates=gates_at(T, self.slope) * T, masks=None, signed=False, shared=True)

    def objective(self, U: np.ndarray, A: np.ndarray, offset: np.ndarray) -> float:
        """The objective of a network."""
        problem = self.master(U)
        value = problem.loss_value(problem.predictions(A.T, offset)) + problem.penalty_value(A.T, offset)
        return value if np.isfinite(value) else np.inf

    def better(self, first: Neurons, second: Neurons) -> Neurons:
        """The one with the lower objective; of two that are equal, the second."""
        return second if second.objective <= first.objective else first

    def left(self) -> float:
        """The seconds that are left."""
        return max(self.time_limit - (time.perf_counter() - self.started), 0.0)

    def exhausted(self) -> bool:
        """Whether the search is to end."""
        if not self.ending and time.perf_counter() - self.started > self.time_limit:
            self.ending = "time limit"
        return bool(self.ending)

    def tell(self, best: Neurons, gap: float) -> None:
        """Keeps the round in the history and shows it to the monitor."""
        seconds = time.perf_counter() - self.started
        self.history.append(GrowthState(len(self.history), best.objective, gap, len(best.weights), seconds))
        if self.monitor is not None and self.monitor(self.history[-1]):
            self.ending = "interrupted"
        elif len(self.history) > self.most_rounds:
            self.ending = self.ending or "round limit"

    def asked(self, state: NewtonState | State) -> bool:
        """Whether to end within a round, at a moment of one of its steps."""
        seconds = time.perf_counter() - self.started
        now = GrowthState(0, state.objective, np.inf, 0, seconds)
        if self.history:
            now = replace(self.history[-1], seconds=seconds)
        if self.within is not None and self.within(now):
            self.ending = "interrupted"
        return self.ending == "interrupted"


def nothing_known(columns: int) -> Supports:
    """Supports of columns without cones."""
    return Supports(*(np.zeros((columns, 0), dtype=kind) for kind in (int, bool, float, float)))

"""A dual augmented Lagrangian with semismooth Newton steps over a working set of columns, for `PatternProblem`.

    minimize  L(F x) + p(x)

with F x the predictions and p the penalties and cones, separable in the columns. Both x and the fit s = F x carry a
proximal term: step k minimizes over z (n, c) the convex function

    ψ(z) = sup_s [−⟨z, s⟩ − L(s) − ‖s − s_k‖² / (2τ)] + sup_x [⟨z, F x⟩ − p(x) − ‖x − x_k‖² / (2σ)]

whose suprema are attained at s* = prox_{τL}(s_k − τz) and x* = prox_{σp}(x_k + σFᵀz), so that ∇ψ = F x* − s*. Then
x_{k+1} = x*, s_{k+1} = F x*, and σ and τ grow (Rockafellar 1976; Li, Sun, Toh 2018 for the lasso). Columns stay in
their cones at all times. Every column needs its projection onto its cone, whose Jacobian is the projection onto the
span that the support leaves: with p̂ the direction of the projection and t = σ·group / its length,
J = p̂p̂ᵀ + (1 − t)(N − p̂p̂ᵀ). Few columns are active, so the Newton system has few unknowns.

A dual point comes for free: −(z + (s* − s_k)/τ) is a gradient of L at s*, so it lies in the domain of L*; scaling it
until no column costs less than it brings gives a lower bound on the optimum. Plain NumPy and SciPy: these functions
stand word for word in generated code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from reludsl.backends.newton.loss_terms import LegendreLoss, ProximalLoss, target_size
from reludsl.backends.newton.subproblem import Columns, Subproblem
from reludsl.cones.projection import ConeProjector, Supports
from reludsl.ir.pattern_problem import PatternProblem


@dataclass
class NewtonState:
    """A moment of the solve: Newton steps so far, objective and bound, columns that are not zero, relative gap."""

    iteration: int
    objective: float
    bound: float
    active: int
    gap: float
    seconds: float


@dataclass
class NewtonIterate:
    """All that a solve hands on: columns x (columns, d), output biases, dual point, fit, and supports of the cones.

    Without supports the projections begin anew.
    """

    x: np.ndarray
    c: np.ndarray
    z: np.ndarray
    s: np.ndarray
    supports: Supports | None = None


@dataclass
class NewtonResult:
    """Columns u (d, columns) and output biases, a dual point (n, c), why the solve ended, its history, how to go on.

    `supports` tell where the columns that the dual point makes of the samples meet their cones.
    """

    columns: np.ndarray
    offset: np.ndarray
    dual: np.ndarray
    supports: Supports
    status: str
    iterate: NewtonIterate
    history: list[NewtonState] = field(default_factory=list)


@dataclass
class Best:
    """The point with the least objective so far."""

    objective: float
    x: np.ndarray
    c: np.ndarray


def solve_by_newton(
    problem: PatternProblem,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 2000,
    time_limit: float = float("inf"),
    start: NewtonIterate | None = None,
    monitor: Callable[[NewtonState], bool] | None = None,
) -> NewtonResult:
    """Minimizes the problem's objective over columns in their cones, to a relative duality gap of `tolerance`.

    `start` is the iterate of a problem with the same samples and patterns. `monitor` sees every outer step and ends the
    solve by returning True. The status is solved, iteration limit, time limit, interrupted or stalled.
    """
    return NewtonSolve(problem, tolerance, max_iterations, time_limit, start, monitor).run()


def size_unit(A: np.ndarray) -> float:
    """The power of 2 next to the root mean square of the entries; 1 where they are zero."""
    square = float(np.mean(A**2)) if A.size else 0.0
    return float(2.0 ** np.round(0.5 * np.log2(square))) if 0 < square < np.inf else 1.0


class NewtonSolve:
    """One solve: rounds of an augmented Lagrangian on a working set, with all columns priced in between."""

    def __init__(
        self,
        problem: PatternProblem,
        tolerance: float,
        max_iterations: int,
        time_limit: float,
        start: NewtonIterate | None,
        monitor: Callable[[NewtonState], bool] | None,
    ) -> None:
        self.problem, self.tolerance, self.monitor = problem, tolerance, monitor
        self.max_iterations, self.time_limit = max_iterations, time_limit
        self.started, self.iterations, self.stopped = time.perf_counter(), 0, ""
        self.projector = None if problem.masks is None else ConeProjector(problem.X, problem.masks)
        n, outputs = problem.Y.shape
        # Of σ: so a solve takes the same steps whatever the units of the inputs are.
        self.unit = (size_unit(problem.X) * (size_unit(problem.gates) if problem.shared else 1.0)) ** -2
        if start is None:
            x, c = np.zeros((problem.columns, problem.entries)), np.zeros(outputs)
            s = np.zeros((n, outputs))
            gradient = problem.loss_gradient(s)
            if not np.isfinite(gradient).all():  # 0 is outside of the loss's domain, so the fit starts at a point of it
                s = problem.loss_prox(s, 1.0)
                gradient = problem.loss_gradient(s)
            start = NewtonIterate(x, c, -gradient, s)
            self.sigma = self.unit
        else:
            self.sigma = 30.0 * self.unit
        self.tau = 10.0 if problem.loss.steep else 100.0
        blocks = np.arange(problem.columns)
        self.supports = self._no_supports(problem.columns) if start.supports is None else start.supports.of(blocks)
        self.iterate = NewtonIterate(start.x.copy(), start.c, start.z, start.s, self.supports)
        self.bound, self.dual = -np.inf, np.zeros((n, outputs))
        self.history: list[NewtonState] = []
        self.best, self.dual_candidate = Best(np.inf, start.x, start.c), start.z
        # What pricing knows of the columns: supports, the last prices, and these as shares of the columns' lengths.
        self.pricing = self._no_supports(problem.columns)
        self.prices, self.shares = np.zeros(problem.columns), np.ones(problem.columns)

    def _no_supports(self, blocks: int) -> Supports:
        if self.projector is not None:
            return self.projector.no_supports(blocks)
        return Supports(*(np.zeros((blocks, 0), dtype=kind) for kind in (int, bool, float, float)))

    def run(self) -> NewtonResult:
        """Rounds until the gap over all columns is closed, or a limit is met."""
        problem, iterate = self.problem, self.iterate
        nonzero = np.any(iterate.x != 0, axis=1)
        chosen, gap, found = nonzero.copy(), np.inf, self._violators(iterate.z, nonzero, self._most(nonzero))
        least_sigma, least_tau = self.sigma, self.tau
        while True:
            previous, objective = gap, self._objective(iterate)
            gap = (objective - self.bound) / max(abs(objective), 1e-300) if np.isfinite(objective) else np.inf
            if objective < self.best.objective:
                self.best = Best(objective, iterate.x.copy(), iterate.c)
            self._tell(objective, int(nonzero.sum()), gap)
            if gap <= self.tolerance or self.stopped:
                break
            if not len(found) and gap >= 0.999 * previous:
                self.stopped = "stalled"
                break
            fresh = found[~self.supports.used[found].any(axis=1)]
            self.supports.put(fresh, self.pricing.of(fresh))
            chosen = nonzero | (chosen & (self.prices > 0.999 * problem.group))
            chosen[found] = True
            goal = max(0.3 * min(gap, 1.0), 0.3 * self.tolerance)
            self._augmented_lagrangian(Columns(problem, np.flatnonzero(chosen)), goal)
            self.sigma, self.tau = max(self.sigma / 25, least_sigma), max(self.tau / 25, least_tau)
            nonzero = np.any(iterate.x != 0, axis=1)
            found = self._violators(self.dual_candidate, chosen, self._most(nonzero))
        status = self.stopped or "solved"
        return NewtonResult(self.best.x.T, self.best.c, self.dual, self.pricing, status, iterate, self.history)

    def _most(self, nonzero: np.ndarray) -> int:
        """How many columns join the working set at once."""
        return max(2 * int(nonzero.sum()), 40, self.problem.columns // 20)

    def _violators(self, z: np.ndarray, chosen: np.ndarray, most: int) -> np.ndarray:
        """Columns outside of the working set that bring more than they cost at a dual point, dearest first.

        Those that seem dearest are priced first, and no more once there are enough: early on nearly all of them bring
        more than they cost. Only when all are priced does the bound get as good as the point.
        """
        problem, projector = self.problem, self.projector
        z = problem.admissible(z)
        C = problem.adjoint(z).T
        lengths = np.linalg.norm(C, axis=1)
        prices = lengths.copy()
        dear = np.flatnonzero(prices > problem.group)
        known = np.zeros(len(prices), dtype=bool)
        if projector is None:
            known[:] = True
        else:
            order = dear[np.argsort(-(lengths * self.shares)[dear])]
            for start in range(0, len(order), most):
                part = order[start : start + most]
                supports = self.pricing.of(part)
                prices[part] = projector.project(C[part], part % problem.gates.shape[1], supports, problem.group)[1]
                self.pricing.put(part, supports)
                self.shares[part] = prices[part] / lengths[part]
                known[part] = True
                if (known & ~chosen & (prices > problem.group * (1 + 1e-7))).sum() >= most:
                    break
        self._keep_bound(problem.dual_value(z, prices), z)
        self.prices = prices
        found = np.flatnonzero(known & ~chosen & (prices > problem.group * (1 + 1e-7)))
        return np.asarray(found[np.argsort(-prices[found])[:most]])

    def _keep_bound(self, value: float, z: np.ndarray) -> None:
        if value > self.bound:
            self.bound, self.dual = value, z

    def _tell(self, objective: float, active: int, gap: float) -> None:
        seconds = time.perf_counter() - self.started
        state = NewtonState(self.iterations, objective, self.bound, active, gap, seconds)
        self.history.append(state)
        if self.monitor is not None and self.monitor(state):
            self.stopped = "interrupted"
        elif seconds > self.time_limit:
            self.stopped = "time limit"
        elif self.iterations >= self.max_iterations:
            self.stopped = "iteration limit"

    def _objective(self, iterate: NewtonIterate) -> float:
        problem = self.problem
        F = problem.predictions(iterate.x.T, iterate.c)
        return problem.loss_value(F) + problem.penalty_value(iterate.x.T, iterate.c)

    def _value_on(self, columns: Columns, z: np.ndarray) -> float:
        """The value of a dual point for the problem that has these columns only."""
        problem = self.problem
        z = problem.admissible(z)
        C = columns.adjoint(z)
        prices: np.ndarray = np.linalg.norm(C, axis=1)
        dear = np.flatnonzero(prices > problem.group)
        if self.projector is not None and len(dear):
            part = self.pricing.of(columns.chosen[dear])
            _, prices[dear] = self.projector.project(C[dear], columns.patterns[dear], part, problem.group)
            self.pricing.put(columns.chosen[dear], part)
        return problem.dual_value(z, prices)

    def _augmented_lagrangian(self, columns: Columns, goal: float) -> None:
        """Outer steps on a working set until its own gap is at most `goal`; the iterate and the dual candidate move."""
        problem, iterate = self.problem, self.iterate
        x, c, z, s = iterate.x[columns.chosen], iterate.c, iterate.z, iterate.s
        supports = self.supports.of(columns.chosen)
        best, last, share, limit = -np.inf, np.inf, 0.2, float("inf")
        ceiling = 10.0 * self._objective(iterate)
        for _ in range(60):
            loss = LegendreLoss(problem) if problem.loss.legendre else ProximalLoss(problem, s, self.tau)
            around = Subproblem(columns, self.projector, supports, x, c, self.sigma, loss)
            begun, step = z, around.at(z)
            for inner in range(50):
                size = loss.size(z, step.target, step.residual)
                tight = min(share * around.moved(step), limit)
                floor = 1e-11 * (target_size(problem) + float(np.linalg.norm(step.fit)))
                losses = problem.loss_value(step.fit)
                total = losses + problem.penalty_value(step.values.T, step.offset)
                allowed = share * max(total - best, 0.3 * goal * abs(total))
                # Outside of the loss's domain the losses are infinite: the fit has to come back into it.
                consistent = bool(np.isfinite(losses)) and losses - problem.loss_value(step.target) <= allowed
                if self._settled(inner > 0, size <= max(tight, floor), consistent or size <= floor):
                    break
                lost = inner >= 10 and total > 100.0 * ceiling
                if lost:
                    break
                better = around.search(z, step, around.direction(z, step))
                self.iterations += 1
                if better is None or self._exhausted():
                    break
                z, step = better
            values = around.values(step)
            objective = problem.loss_value(step.fit) + problem.penalty_value(values.T, step.offset)
            if (lost or (inner == 49 and objective > ceiling)) and not self._exhausted():
                # Too far for Newton's method: the same step again, shorter, and from where it began.
                z, self.sigma, self.tau = begun, 0.1 * self.sigma, 0.1 * self.tau
                continue
            candidate = loss.dual(z, step.fit, step.target)
            x, c, s = values, step.offset, step.fit
            value = self._value_on(columns, candidate)
            if value >= best:
                best, self.dual_candidate = value, candidate
            gap = (objective - best) / max(abs(objective), 1e-300)
            if gap <= goal or self._exhausted():
                break
            limit = float(min(limit, max(tight, size)))
            growth = 5.0 if inner <= 6 else 2.0
            if objective > 1.2 * last:
                share, limit, growth = 0.3 * share, 0.3 * limit, 1.0
            last = min(objective, last)
            # Flat stretches of a smooth loss need long steps in the end; early on, and at kinks, they do harm.
            most = 1e4 * min(max(1.0, 1e-3 / max(gap, 1e-300)), 100.0) if problem.loss.smooth else 1e4
            self.sigma, self.tau = min(1e8 * self.unit, growth * self.sigma), min(most, growth * self.tau)
        iterate.x[:] = 0.0
        iterate.x[columns.chosen] = x
        iterate.c, iterate.z, iterate.s = c, z, s
        self.supports.put(columns.chosen, supports)

    def _settled(self, stepped: bool, near: bool, consistent: bool) -> bool:
        """Whether a subproblem is solved well enough. Without nearness some solves never end, and others take longer.

        There was a Newton step; the residual is small against the way that x and s have gone, and no larger than those
        accepted before; and the loss at the fit is hardly more than the loss at s, measured by the gap.
        """
        return stepped and near and consistent

    def _exhausted(self) -> bool:
        """Whether a limit is met."""
        return self.iterations >= self.max_iterations or time.perf_counter() - self.started > self.time_limit

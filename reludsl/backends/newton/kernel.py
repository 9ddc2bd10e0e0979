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
from scipy.linalg import cho_factor, cho_solve

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
    """All that a solve hands on: columns x (columns, d), output biases, dual point, fit, and supports of the cones."""

    x: np.ndarray
    c: np.ndarray
    z: np.ndarray
    s: np.ndarray
    supports: Supports


@dataclass
class NewtonResult:
    """Columns u (d, columns) and output biases, a dual point (n, c), why the solve ended, its history, how to go on."""

    columns: np.ndarray
    offset: np.ndarray
    dual: np.ndarray
    status: str
    iterate: NewtonIterate
    history: list[NewtonState] = field(default_factory=list)


@dataclass
class Step:
    """What the proximal maps give at a z: active columns, their projections and values, the offset, the fits, ψ."""

    active: np.ndarray
    projections: np.ndarray
    lengths: np.ndarray
    values: np.ndarray
    supports: Supports
    offset: np.ndarray
    offset_slopes: np.ndarray
    fit: np.ndarray
    target: np.ndarray
    psi: float


class Columns:
    """Columns of a problem as rows of arrays: which pattern, output and sign each has, and products with them."""

    def __init__(self, problem: PatternProblem, chosen: np.ndarray) -> None:
        patterns, outputs = problem.gates.shape[1], problem.Y.shape[1]
        self.problem, self.chosen = problem, chosen
        self.patterns = chosen % patterns
        self.outputs = chosen // patterns % outputs
        self.signs = np.where(chosen // (patterns * outputs) == 0, 1.0, -1.0)
        self.gates = np.ascontiguousarray(problem.gates.T[self.patterns]) * self.signs[:, None]

    def adjoint(self, z: np.ndarray) -> np.ndarray:
        """F^T z, a column a row (m, d)."""
        weighted = self.gates * (z[:, 0] if z.shape[1] == 1 else z.T[self.outputs])
        return np.asarray(weighted @ self.problem.X)

    def fit(self, active: np.ndarray, values: np.ndarray) -> np.ndarray:
        """The predictions (n, c) of some of the columns with these values."""
        parts = (values @ self.problem.X.T) * self.gates[active]
        total = np.zeros_like(self.problem.Y)
        for output in range(total.shape[1]):
            total[:, output] = parts[self.outputs[active] == output].sum(axis=0)
        return total


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
        if start is None:
            x, c = np.zeros((problem.columns, problem.X.shape[1])), np.zeros(outputs)
            s = np.zeros((n, outputs))
            supports = self._no_supports(problem.columns)
            start = NewtonIterate(x, c, -problem.loss_gradient(s), s, supports)
            self.sigma, self.tau = 1.0, 10.0
        else:
            start = NewtonIterate(start.x.copy(), start.c, start.z, start.s, start.supports.of(np.arange(len(start.x))))
            self.sigma, self.tau = 10.0, 100.0
        self.iterate = start
        self.bound, self.dual = -np.inf, np.zeros((n, outputs))
        self.history: list[NewtonState] = []
        self.pricing = self._no_supports(problem.columns)

    def _no_supports(self, blocks: int) -> Supports:
        if self.projector is not None:
            return self.projector.no_supports(blocks)
        return Supports(np.zeros((blocks, 0), dtype=int), np.zeros((blocks, 0), dtype=bool), np.zeros((blocks, 0)))

    def run(self) -> NewtonResult:
        """Rounds until the gap over all columns is closed, or a limit is met."""
        problem, iterate = self.problem, self.iterate
        every = Columns(problem, np.arange(problem.columns))
        prices = self._priced(every, iterate.z)
        chosen = np.zeros(problem.columns, dtype=bool)
        least_sigma, least_tau = self.sigma, self.tau
        previous = np.inf
        while True:
            nonzero = np.any(iterate.x != 0, axis=1)
            objective = self._objective(iterate)
            gap = (objective - self.bound) / max(abs(objective), 1e-300)
            self._tell(objective, int(nonzero.sum()), gap)
            if gap <= self.tolerance or self.stopped:
                break
            violating = np.flatnonzero((prices > problem.group * (1 + 1e-7)) & ~chosen)
            most = max(int(nonzero.sum()), 40, problem.columns // 5)
            violating = violating[np.argsort(-prices[violating])[:most]]
            if not len(violating) and gap >= 0.999 * previous:
                self.stopped = "stalled"
                break
            previous = gap
            chosen = nonzero | ((prices > 0.999 * problem.group) & chosen)
            chosen[violating] = True
            goal = max(0.1 * min(gap, 1.0), 0.3 * self.tolerance)
            self._augmented_lagrangian(Columns(problem, np.flatnonzero(chosen)), goal)
            self.sigma, self.tau = max(self.sigma / 25, least_sigma), max(self.tau / 25, least_tau)
            prices = self._priced(every, self.dual_candidate)
        status = self.stopped or "solved"
        return NewtonResult(iterate.x.T, iterate.c, self.dual, status, iterate, self.history)

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

    def _priced(self, columns: Columns, z: np.ndarray) -> np.ndarray:
        """What each column brings at a dual point, at least where that is more than it costs; the bound is kept."""
        problem = self.problem
        z = problem.admissible(z)
        C = problem.adjoint(z).T if len(columns.chosen) == problem.columns else columns.adjoint(z)
        prices: np.ndarray = np.linalg.norm(C, axis=1)
        dear = np.flatnonzero(prices > problem.group)
        if self.projector is not None and len(dear):
            part = self.pricing.of(columns.chosen[dear])
            _, prices[dear] = self.projector.project(C[dear], columns.patterns[dear], part, problem.group)
            self.pricing.put(columns.chosen[dear], part)
        value = problem.dual_value(z, prices)
        if len(columns.chosen) == problem.columns and value > self.bound:
            self.bound, self.dual = value, z
        self.value_here = value
        return prices

    def _augmented_lagrangian(self, columns: Columns, goal: float) -> None:
        """Outer steps on a working set until its own gap is at most `goal`; the iterate and the dual candidate move."""
        problem, iterate = self.problem, self.iterate
        x, c, z, s = iterate.x[columns.chosen], iterate.c, iterate.z, iterate.s
        supports = iterate.supports.of(columns.chosen)
        best, last, share, limit = -np.inf, np.inf, 0.2, float("inf")
        for _ in range(60):
            step = self._proximal(columns, x, c, z, s, supports)
            for inner in range(50):
                residual = step.fit - step.target
                size = float(np.linalg.norm(residual))
                squares = float(np.sum((self._spread(step, x) - x) ** 2) + np.sum((step.offset - c) ** 2))
                moved = float(np.sqrt(self.tau * squares / self.sigma + np.sum((step.target - s) ** 2)))
                tight = min(share * moved, limit)
                floor = 1e-11 * (np.sqrt(len(z)) + np.linalg.norm(step.fit))
                if inner and size <= max(tight, floor):
                    losses = problem.loss_value(step.fit)
                    total = losses + problem.penalty_value(step.values.T, step.offset)
                    allowed = share * max(total - best, 0.3 * goal * abs(total))
                    if size <= floor or losses - problem.loss_value(step.target) <= allowed:
                        break
                better = self._newton_step(columns, x, c, z, s, step, residual, size)
                self.iterations += 1
                if better is None:
                    break
                z, step = better
            candidate = z + (step.target - s) / self.tau
            x, c, s = self._spread(step, x), step.offset, step.fit
            supports = step.supports
            objective = problem.loss_value(s) + problem.penalty_value(x.T, c)
            self._priced(columns, candidate)
            best = max(best, self.value_here)
            self.dual_candidate = candidate
            gap = (objective - best) / max(abs(objective), 1e-300)
            seconds = time.perf_counter() - self.started
            if gap <= goal or self.iterations >= self.max_iterations or seconds > self.time_limit:
                break
            limit = float(min(limit, max(tight, size)))
            growth = 5.0 if inner <= 6 else 2.0
            if objective > 1.2 * last:
                share, limit, growth = 0.3 * share, 0.3 * limit, 1.0
            last = min(objective, last)
            # Flat stretches of a smooth loss need long steps in the end; early on, and at kinks, they do harm.
            most = 1e4 * min(max(1.0, 1e-3 / max(gap, 1e-300)), 100.0) if problem.loss.smooth else 1e4
            self.sigma, self.tau = min(1e8, growth * self.sigma), min(most, growth * self.tau)
        iterate.x[:] = 0.0
        iterate.x[columns.chosen] = x
        iterate.c, iterate.z, iterate.s = c, z, s
        iterate.supports.put(columns.chosen, supports)

    def _spread(self, step: Step, x: np.ndarray) -> np.ndarray:
        """The values of all columns of the working set, most of them zero."""
        values = np.zeros_like(x)
        values[step.active] = step.values
        return values

    def _proximal(
        self, columns: Columns, x: np.ndarray, c: np.ndarray, z: np.ndarray, s: np.ndarray, supports: Supports
    ) -> Step:
        """x*, s*, and ψ at z. The supports are a start for the projections; those of the step are its own."""
        problem, sigma, tau = self.problem, self.sigma, self.tau
        V = x + sigma * columns.adjoint(z)
        cost = sigma * problem.group
        lengths = np.linalg.norm(V, axis=1)
        long = np.flatnonzero(lengths > cost)
        U, own = V[long], Supports(supports.rows.copy(), supports.used.copy(), supports.multipliers.copy())
        lengths = lengths[long]
        if self.projector is not None and len(long):
            part = own.of(long)
            U, lengths = self.projector.project(U, columns.patterns[long], part, cost)
            own.put(long, part)
        kept = lengths > cost * (1 + 1e-12)
        active, U, lengths = long[kept], U[kept], lengths[kept]
        ridge = 1.0 + sigma * problem.l2
        values = (1.0 - cost / lengths)[:, None] * U / ridge
        fit = columns.fit(active, values)
        psi = ridge * float(np.sum(values**2)) / (2 * sigma)
        offset, slopes = c, np.zeros_like(c)
        if problem.offset:
            moved = c + sigma * z.sum(axis=0)
            offset = problem.offset_prox(moved, sigma)
            slopes = (np.abs(moved) > sigma * problem.offset_l1) / (1.0 + sigma * problem.offset_l2)
            fit = fit + offset
            penalties = problem.offset_l1 * np.abs(offset).sum() + 0.5 * problem.offset_l2 * np.sum(offset**2)
            psi += float(offset @ (moved - c) / sigma - penalties - np.sum((offset - c) ** 2) / (2 * sigma))
        target = problem.loss_prox(s - tau * z, tau)
        psi -= float(np.vdot(z, target)) + problem.loss_value(target) + float(np.sum((target - s) ** 2)) / (2 * tau)
        return Step(active, U, lengths, values, own, offset, slopes, fit, target, psi)

    def _newton_step(
        self,
        columns: Columns,
        x: np.ndarray,
        c: np.ndarray,
        z: np.ndarray,
        s: np.ndarray,
        step: Step,
        residual: np.ndarray,
        size: float,
    ) -> tuple[np.ndarray, Step] | None:
        """The next z and its step, by a Newton direction with halved lengths (Armijo); None where no length helps."""
        direction = self._direction(columns, z, s, step, residual, size)
        slope = float(np.vdot(residual, direction))
        length = 1.0
        for _ in range(30):
            trial = z + length * direction
            reached = self._proximal(columns, x, c, trial, s, step.supports)
            if reached.psi <= step.psi + 1e-4 * length * slope + 1e-13 * (1.0 + abs(step.psi)):
                return trial, reached
            length *= 0.5
        return None

    def _direction(
        self, columns: Columns, z: np.ndarray, s: np.ndarray, step: Step, residual: np.ndarray, size: float
    ) -> np.ndarray:
        """−(τ J_s + B^T B)^{-1} residual, with B^T B = σ F J_x F^T and J_s, J_x the Jacobians of the proximal maps.

        J_s is made definite by a little of the identity. With V = (τ J_s)^{-1}, sample by sample, the inverse is
        V − V B^T (I + B V B^T)^{-1} B V where B has fewer rows than z has entries; otherwise it is taken directly.
        """
        problem, sigma, tau = self.problem, self.sigma, self.tau
        n, outputs = residual.shape
        ridge = max(1e-7, min(0.1, 0.01 * size / np.sqrt(n)))
        J = problem.loss_prox_jacobian(s - tau * z, tau)
        diagonal = J.ndim == 2
        V = 1.0 / (tau * (J + ridge)) if diagonal else np.linalg.inv(J + ridge * np.eye(outputs)) / tau
        B, owners = self._rows(columns, step)
        B *= np.sqrt(sigma)
        VG = V * residual if diagonal else np.einsum("nab,nb->na", V, residual)
        if not len(B):
            return np.asarray(-VG)
        if diagonal and len(B) > n * outputs:
            out = np.empty_like(residual)
            for a in range(outputs):
                mine = B[owners == a]
                system = mine.T @ mine
                system[range(n), range(n)] += 1.0 / V[:, a]
                out[:, a] = cho_solve(cho_factor(system, check_finite=False), residual[:, a], check_finite=False)
            return -out
        places = [np.flatnonzero(owners == a) for a in range(outputs)]
        system, right = np.eye(len(B)), np.empty(len(B))
        for a in range(outputs):
            right[places[a]] = B[places[a]] @ VG[:, a]
            for b in range(a + 1):
                if diagonal and a != b:
                    continue
                weights = V[:, a] if diagonal else V[:, a, b]
                block = (B[places[a]] * weights) @ B[places[b]].T
                system[np.ix_(places[a], places[b])] += block
                if a != b:
                    system[np.ix_(places[b], places[a])] += block.T
        solution = cho_solve(cho_factor(system, check_finite=False), right, check_finite=False)
        back = np.column_stack([solution[places[a]] @ B[places[a]] for a in range(outputs)])
        correction = V * back if diagonal else np.einsum("nab,nb->na", V, back)
        return np.asarray(correction - VG)

    def _rows(self, columns: Columns, step: Step) -> tuple[np.ndarray, np.ndarray]:
        """B / √σ (r, n): a row F_j q for every direction q of a root of J_x, and the output that it belongs to."""
        problem, sigma = self.problem, self.sigma
        shares = sigma * problem.group / step.lengths
        shrink = 1.0 / (1.0 + sigma * problem.l2)
        roots, counts = [], []
        for place, column in enumerate(step.active):
            direction = step.projections[place] / step.lengths[place]
            used = step.supports.used[column]
            fixed = [direction[:, None]]
            if self.projector is not None and used.any():
                fixed.insert(0, self.projector.unit[step.supports.rows[column][used]].T)
            span = np.column_stack(fixed)
            basis = (
                np.linalg.qr(span, mode="complete")[0][:, span.shape[1] :] if span.shape[1] < len(span) else span[:, :0]
            )
            roots.append(np.sqrt(shrink) * np.column_stack([direction, np.sqrt(max(1 - shares[place], 0.0)) * basis]).T)
            counts.append(len(roots[-1]))
        rows = np.zeros((0, len(problem.X)))
        owners = np.repeat(columns.outputs[step.active], counts) if len(counts) else np.zeros(0, dtype=int)
        if roots:
            gates = np.repeat(columns.gates[step.active], counts, axis=0)
            rows = (np.concatenate(roots) @ problem.X.T) * gates
        if problem.offset:
            used_outputs = np.flatnonzero(step.offset_slopes > 0)
            ones = np.sqrt(step.offset_slopes[used_outputs])[:, None] * np.ones((1, len(problem.X)))
            rows, owners = np.concatenate([rows, ones]), np.concatenate([owners, used_outputs])
        return rows, owners

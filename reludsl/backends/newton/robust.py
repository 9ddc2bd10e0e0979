"""A primal-dual interior-point method for `RobustProblem`, whose Newton systems see nothing but patterns.

    minimize  Σ_k ω_k ℓ_k(f_k, h_k) + group Σ_j τ_j   over columns u_j; C = Γ (V − W)ᵀ, f_k = x_kᵀC_k, h_k = N_k T_k
    subject to  e_k x_kᵀu_j ≥ N_k t_j,  (t_j, u_j) and (T_k, C_k) in the cone of the spread,  τ_j ≥ ‖u_j‖₂

Columns begin in the interiors of their cones and slacks are computed from them, so that every iterate is a feasible
network and its objective an upper bound. The multipliers are a dual point after every step, and one of the cones, too:
they give a lower bound without any projection. Scalings and corrections are those of Nesterov, Todd (1997) and Mehrotra
(1992). Local variables are eliminated by hand. What is left of a column is a matrix B_j (d, d), of a sample a matrix
S_k that is a diagonal one and a few of rank one; with A_i the inverse of the sum of B_j⁻¹ over a pattern's columns,
the net columns n_i = v_i − w_i solve

    A_i n_i + Σ_k γ_ki S_k Σ_l γ_kl n_l = force_i

a system of as many unknowns as patterns times dimensions, made by one product of matrices. Columns that are going to be
zero, by their price and by their length, leave it, and come back should the dual point in the end ask for them. Plain
NumPy and SciPy: these functions stand word for word in generated code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError

from reludsl.backends.newton.kernel import NewtonState
from reludsl.backends.newton.robust_loss import DistancePart, MarginPart
from reludsl.backends.newton.robust_system import Point, RobustSystem, Setting
from reludsl.cones.robust import RobustCones, RobustRows
from reludsl.cones.spread import BallSpread, BoxSpread
from reludsl.ir.robust_problem import RobustDual, RobustProblem


@dataclass
class RobustResult:
    """Columns u (d, columns), a dual point with multipliers (columns, rows) of the cones, why the solve ended, history.

    The columns lie in their cones; `objective` and `bound` are the last ones of the history.
    """

    columns: np.ndarray
    dual: RobustDual
    multipliers: np.ndarray
    objective: float
    bound: float
    status: str
    history: list[NewtonState] = field(default_factory=list)


def solve_robust(
    problem: RobustProblem,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 200,
    time_limit: float = float("inf"),
    monitor: Callable[[NewtonState], bool] | None = None,
    cones: RobustCones | None = None,
) -> RobustResult:
    """Minimizes the problem's objective over columns in their cones, to a relative duality gap of `tolerance`.

    `cones` are those of the problem, where they are there already. `monitor` sees every step and ends the solve by
    returning True. The status is solved, iteration limit, time limit, interrupted or stalled.
    """
    return RobustSolve(problem, tolerance, max_iterations, time_limit, monitor, cones).run()


class RobustSolve:
    """One solve: the columns that are left, where they are, and their multipliers."""

    def __init__(
        self,
        problem: RobustProblem,
        tolerance: float,
        max_iterations: int,
        time_limit: float,
        monitor: Callable[[NewtonState], bool] | None,
        cones: RobustCones | None,
    ) -> None:
        self.problem, self.tolerance, self.monitor = problem, tolerance, monitor
        self.max_iterations, self.time_limit = max_iterations, time_limit
        self.started, self.iterations = time.perf_counter(), 0
        self.history: list[NewtonState] = []
        self.cones = problem.cones() if cones is None else cones
        every, (_, d) = np.arange(problem.columns), problem.X.shape
        self.counted = problem.omega > 0
        self.patterns = problem.pattern_of(every)
        self.signs = np.where(every < problem.gates.shape[1], 1.0, -1.0)
        self.alive = np.ones(len(every), dtype=bool)
        if self.cones is not None:
            self.alive = self.cones.interiors.alive[self.patterns]
        self.chosen, self.whole_again = every[self.alive], False
        self.multipliers = np.zeros((problem.columns, 0 if self.cones is None else len(self.cones.X)))
        part: Any = DistancePart if problem.distance else MarginPart
        self.setting = Setting(
            X=problem.X[self.counted],
            gates=np.ascontiguousarray(problem.gates[self.counted]),
            spread=problem.spread.of(np.flatnonzero(self.counted)),
            loss=part(problem.function, problem.y[self.counted], problem.omega[self.counted]),
            group=problem.group,
            column_spread=BoxSpread(np.zeros((1, d))) if self.cones is None else self.cones.spread,
            norm=BallSpread(np.ones(d)),
            **self._columns_of(self.chosen),
        )
        zero = np.zeros((problem.columns, d))
        self.best, self.bound = (problem.objective(zero.T), zero), -np.inf
        self.zero, self.begun = max(self.best[0], 1e-12 * problem.group), 0
        # The zero network's subgradients, for the start and for a program without columns.
        self.dual = problem.admissible(problem.dual_of(np.zeros(problem.X.shape)))
        self.dual_multipliers = self.multipliers

    def _columns_of(self, chosen: np.ndarray) -> dict[str, Any]:
        """What a setting knows of columns."""
        patterns = self.patterns[chosen]
        if self.cones is not None:
            rows = self.cones.rows(patterns)
        else:
            d = self.problem.X.shape[1]
            rows = RobustRows(np.zeros((0, d)), np.ones((len(chosen), 0)), BoxSpread(np.zeros((1, d))))
        return {"rows": rows, "patterns": patterns, "signs": self.signs[chosen]}

    def run(self) -> RobustResult:
        """Newton steps until the gap over all columns is closed, or a limit is met."""
        with np.errstate(all="ignore"):  # steps that overflow are not taken
            if len(self.chosen):
                self._begin()
            status = ""
            while not status:
                self._measure()
                status = self._told() or ("" if len(self.chosen) else "stalled")
                if not status and (self._slow() or not self._step()):
                    status = "stalled" if self.whole_again else ""
                    self._all_again()
            value, columns = self._pruned()
        return RobustResult(columns.T, self.dual, self.dual_multipliers, value, self.bound, status, self.history)

    @property
    def gap(self) -> float:
        """How far the best objective is above the best bound, relative to it."""
        return max(self.best[0] - self.bound, 0.0) / max(abs(self.best[0]), 1e-300)

    def _begin(self, inside: float = 1.0) -> None:
        """A point inside of everything, with multipliers that are centered for a μ, as far as one knows them.

        That is where the way begins where the penalty is so large that the zero network is optimal. Where it is not,
        the multipliers of the norms begin larger than they may be, and the others pull at the columns by more than
        that, both by about the same factor.
        """
        problem, setting = self.problem, self.setting
        dual = problem.admissible(problem.dual_of(np.zeros(problem.X.shape)))
        omega, slopes = problem.omega[self.counted], dual.scale[self.counted]
        slopes = np.maximum(slopes, 0.1 * omega * (slopes.sum() / omega.sum()))
        prices = np.linalg.norm(problem.adjoint(problem.combined(dual)), axis=0)
        group = np.sqrt(problem.group * max(problem.group, 2.0 * float(prices.max())))
        (n, d), (m, L) = setting.X.shape, (len(self.chosen), setting.column_spread.rows.shape[1])
        degrees = n * (2 * setting.spread.rows.shape[1] + 2) + m * (setting.rows.sides.shape[1] + 2 * L + 1)
        mu = inside * self.zero / degrees
        u, t = np.zeros((m, d)), np.zeros((m, L))
        if self.cones is not None:
            u, t = (mu / group * part[self.patterns[self.chosen]] for part in self.cones.centers)
        tau = setting.norm.centered(u, np.full((m, 1), mu / group))
        C = setting.slopes(u)
        N = np.broadcast_to(setting.spread.rows, (n, setting.spread.rows.shape[1]))
        T = setting.spread.centered(C, mu / (np.maximum(N, 1e-3 * N.max(initial=0.0)) * slopes[:, None]))
        f, h = np.einsum("nd,nd->n", setting.X, C), (N * T).sum(axis=1)
        e, z = setting.loss.start(f, h, mu, slopes)
        self.point = Point(u, t, tau, T, e)
        self.slacks = setting.slacks(self.point)
        self.z = [*self._centered(self.slacks, mu)[:4], z]

    def _centered(self, slacks: list[np.ndarray], mu: float) -> list[np.ndarray]:
        """The multipliers that make all products μ."""
        return [mu * kind.inverse(s) for kind, s in zip(self.setting.kinds, slacks, strict=False)]

    def _mu(self) -> float:
        """The mean product of slacks and multipliers."""
        pairs = zip(self.setting.kinds, self.slacks, self.z, strict=True)
        totals = [(float(np.vdot(s, z)), len(s) * kind.degree_of(s)) for kind, s, z in pairs]
        return float(sum(total for total, _ in totals) / sum(degree for _, degree in totals))

    def _measure(self) -> None:
        """Bounds from both sides by where the solve is. Columns that are near to zero leave, those that are not return.

        What has left is priced anew only when that could be what keeps the gap open.
        """
        problem, dual = self.problem, self.dual
        here, left = np.inf, ~self.alive
        if len(self.chosen):
            whole = np.zeros_like(self.best[1])
            whole[self.chosen] = self._noticed(self.point.u)
            here = problem.objective(whole.T)
            if here < self.best[0]:
                self.best = here, whole
            dual = problem.admissible(self._dual())
            self.multipliers[self.chosen] = self.z[0]
            left = np.ones(len(whole), dtype=bool)
            left[self.chosen] = False
        C = problem.adjoint(problem.combined(dual)).T
        prices = self._prices(C)
        own = problem.best_value(dual, prices[~left])
        most = max(float(prices[~left].max(initial=0.0)), problem.group)
        dear = np.flatnonzero(left & (prices > most))
        enough = max(self.tolerance, 0.5 * self.gap) * abs(self.best[0])
        if len(dear) and self.cones is not None and (self.best[0] - own <= enough or not len(self.chosen)):
            prices[dear], self.multipliers[dear] = self.cones.project(
                C[dear], self.patterns[dear], most, self.multipliers[dear], accuracy=1e-8
            )[1:]
        value = problem.best_value(dual, prices)
        if value > self.bound:
            self.bound, self.dual, self.dual_multipliers = value, dual, self.multipliers.copy()
        if self.gap <= self.tolerance or not len(self.chosen):
            return
        back = np.flatnonzero(left & self.alive & (prices > most * (1 + 0.1 * self.tolerance)))
        if len(back) and here - own <= self.tolerance * abs(here):
            self._all_again()
        elif not self.whole_again:
            self._leave(prices)

    @staticmethod
    def _noticed(columns: np.ndarray) -> np.ndarray:
        """The columns without those that whoever reads them takes for zero: shorter than 1e-6 of the longest."""
        lengths = np.linalg.norm(columns, axis=1)
        return np.where((lengths > 2e-6 * lengths.max(initial=0.0))[:, None], columns, 0.0)

    def _prices(self, C: np.ndarray) -> np.ndarray:
        """Bounds on what columns bring, by the multipliers that are there."""
        prices = np.linalg.norm(C, axis=1)
        if self.cones is not None:
            dear = np.flatnonzero(prices > self.problem.group)
            known = self.cones.bounds(C[dear], self.patterns[dear], self.multipliers[dear])
            prices[dear] = np.minimum(prices[dear], known)
        return np.asarray(prices)

    def _dual(self) -> RobustDual:
        """The dual point that the multipliers are."""
        setting, (n, d) = self.setting, self.problem.X.shape
        f, h = setting.predictions(self.point)
        pushed, pulled = setting.loss.adjoint(self.z[4]), setting.loss.pull(f, h, self.point.e)
        dual = RobustDual(np.zeros(n), np.zeros(n), np.zeros((n, d)))
        dual.along[self.counted] = pushed[0] + pulled[0]
        dual.scale[self.counted] = -pushed[1] - pulled[1]
        dual.across[self.counted] = -setting.spread.adjoint(self.z[3], d)[0]
        return dual

    def _told(self) -> str:
        """Tells the monitor, and why the solve ends here, if it does."""
        seconds = time.perf_counter() - self.started
        state = NewtonState(self.iterations, self.best[0], self.bound, len(self.chosen), self.gap, seconds)
        self.history.append(state)
        interrupted = self.monitor is not None and self.monitor(state)
        if self.gap <= self.tolerance:
            return "solved"
        if interrupted:
            return "interrupted"
        if seconds > self.time_limit:
            return "time limit"
        return "iteration limit" if self.iterations >= self.max_iterations else ""

    def _slow(self) -> bool:
        """Whether the ratio of both bounds is hardly nearer to one than it was many steps ago."""
        since = self.history[self.begun :]
        if len(since) <= 25:
            return False
        early, late = (np.log(state.objective / max(state.bound, 1e-12 * state.objective)) for state in since[-26::25])
        return bool(late > 0.9 * early)

    def _leave(self, prices: np.ndarray) -> None:
        """Columns leave that bring clearly less than they cost and are short; what they did becomes room of others."""
        lengths = np.linalg.norm(self.point.u, axis=1)
        cheap = prices[self.chosen] < 0.95 * float(prices[self.chosen].max(initial=0.0))
        kept = ~(cheap & (lengths < 0.05 * lengths.max(initial=0.0)))
        if self.gap > 0.5 or kept.mean() > 0.9:
            return
        was, mu = (self.chosen, self.setting, self.point, self.slacks, self.z), self._mu()
        point, before = self.point, self.setting.slopes(self.point.u)
        self._choose(self.chosen[kept])
        self.z = [*(z[kept] for z in self.z[:3]), *self.z[3:]]
        self.point = Point(point.u[kept], point.t[kept], point.tau[kept], point.T, point.e)
        self._make_room(self.setting.slopes(self.point.u) - before)
        if self._mu() > 1.2 * mu:  # so much room takes more steps to use up than columns that are shorter by then
            self.chosen, self.setting, self.point, self.slacks, self.z = was

    def _all_again(self) -> None:
        """All columns come back, and stay. The way begins anew, further inside: few ways lead on from elsewhere."""
        if not self.whole_again:
            self.whole_again, self.begun = True, len(self.history)
            self._choose(np.flatnonzero(self.alive))
            self._begin(4.0)

    def _choose(self, columns: np.ndarray) -> None:
        self.chosen = columns
        self.setting = replace(self.setting, **self._columns_of(columns))

    def _make_room(self, change: np.ndarray) -> None:
        """Raises the local variables of samples so that a change of their slopes takes no slack from them."""
        point, setting = self.point, self.setting
        raised = setting.spread.above(change, np.zeros((1, 1)))
        room = np.abs(np.einsum("nd,nd->n", setting.X, change)) + (setting.spread.rows * raised).sum(axis=1)
        self.point = Point(point.u, point.t, point.tau, point.T + raised, setting.loss.raised(point.e, room))
        self.slacks = setting.slacks(self.point)

    def _step(self) -> bool:
        """One Newton step with corrections of higher order; whether there was one worth its name."""
        setting = self.setting
        kinds = setting.kinds
        scaled = [kind(s, z) for kind, s, z in zip(kinds, self.slacks, self.z, strict=True)]
        try:
            system = RobustSystem(setting, self.point, scaled)
        except (LinAlgError, ValueError):
            return False
        self.iterations += 1
        mu, heading = self._mu(), Heading(system, [part.target(np.zeros(len(part.s))) for part in scaled])
        aim = mu * max((1.0 - min(1.0, *heading.rooms)) ** 3, 1e-3)
        pairs = zip(scaled, heading.ds, heading.dz, strict=True)
        targets = [part.target(np.full(len(part.s), aim), part.correction(s, z)) for part, s, z in pairs]
        heading = Heading(system, targets)
        for _ in range(2):  # a factorization costs more than a few solutions with it
            if min(heading.rooms) >= 1.0:
                break
            other = heading.balanced(aim)
            if sum(other.rooms) < 1.05 * sum(heading.rooms):
                break
            heading = other
        # Only where the losses have no curvature may slacks and multipliers go different ways.
        rooms = (min(heading.rooms),) * 2 if setting.loss.curvature.any() else heading.rooms
        steps = [min(1.0, 0.99 * room) for room in rooms]
        for _ in range(20):
            point = self.point.plus(heading.change, steps[0])
            slacks, z = setting.slacks(point), [a + steps[1] * b for a, b in zip(self.z, heading.dz, strict=True)]
            inside = (kind.inside(s).all() for kind, s in zip(kinds * 2, slacks + z, strict=True))
            if all(inside) and all(np.isfinite(s).all() for s in slacks + z):
                df, dh = setting.changes(heading.change)[1:]
                setting.loss.advance(system.f, system.h, df, dh, steps[0])
                self.point, self.slacks, self.z = point, slacks, z
                return steps[0] > 1e-6
            steps = [0.5 * step for step in steps]
        return False

    def _pruned(self) -> tuple[float, np.ndarray]:
        """The best columns without those that are hardly there, as long as the gap stays closed."""
        objective, columns = self.best
        lengths = np.linalg.norm(columns, axis=1)
        for share in (0.1, 0.03, 1e-2, 3e-3, 1e-3, 1e-4, 1e-5):
            kept = np.where((lengths > share * lengths.max(initial=0.0))[:, None], columns, 0.0)
            value = self.problem.objective(kept.T)
            if value <= objective or value - self.bound <= self.tolerance * abs(value):
                return value, kept
        return objective, columns


class Heading:
    """A direction for given targets: changes of variables, slacks and multipliers, and how far it leads."""

    def __init__(self, system: RobustSystem, targets: list[np.ndarray]) -> None:
        self.system, self.targets, scaled = system, targets, system.scaled
        self.change, self.ds = system.direction(targets)
        self.dz = [q - part.z - part.scaled(s) for q, part, s in zip(targets, scaled, self.ds, strict=True)]
        primal = min(float(part.room(part.s, s).min()) for part, s in zip(scaled, self.ds, strict=True))
        dual = min(float(part.room(part.z, z).min()) for part, z in zip(scaled, self.dz, strict=True))
        self.rooms = min(primal, 1.02), min(dual, 1.02)

    def balanced(self, aim: float) -> Heading:
        """A direction along which products that stay behind come nearer to the others (Gondzio 1996)."""
        ahead = min(1.0, 1.5 * min(self.rooms) + 0.1)
        parts = zip(self.targets, self.system.scaled, self.ds, self.dz, strict=True)
        return Heading(self.system, [q + part.balance(s, z, ahead, aim) for q, part, s, z in parts])

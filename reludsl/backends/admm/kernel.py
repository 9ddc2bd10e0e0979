"""The alternating direction method of multipliers for the pattern program.

    minimize    L(F u + 1 c^T) + penalty(v) + penalty(p)   subject to   u = v,   c = p,   v in the cones

The columns u_j and the output biases c are those of `PatternProblem`. Cones are kept in one of two ways. Exact: the
v-update is the proximal operator of penalty and cone together, the projection onto the cone followed by a shrinkage, so
that v is feasible at all times. Split, as published: G u = s with s >= 0 and G u = E_i Xs u_i, with E_i = 2 D_i - I and
Xs the rows of X scaled to a common length: the cones stay the same, the method converges faster. (Bai, Gautam,
Sojoudi 2022, Algorithm 3.1.)

The squared loss stays inside the u-update. Any other loss is split off as F u + 1 c^T = f and enters by its proximal
operator alone, with weight kappa against the other splittings. Either way the u-update minimizes

    weight/2 ||F u + 1 c^T - t||^2 + 1/2 ||u - v + lam||^2 + 1/2 ||G u - s + nu||^2 + eta/2 ||c - p + pi||^2,

which `LinearStep` does. Without split cones the iteration is a fixed-point iteration in few numbers, w plus its scaled
multiplier for all splittings w together: it is nonexpansive, and Anderson acceleration shortens its tails.

A dual point comes for free: minus a subgradient of the loss at f, or at F u where the loss stays inside. Plain NumPy
and SciPy: these functions stand word for word in generated code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reludsl.backends.admm.anderson import Anderson
from reludsl.backends.admm.cones import ExactCones, Pricing, SplitCones
from reludsl.backends.admm.linear import LinearStep, coordinate_descent
from reludsl.backends.admm.state import Iterate, Residuals, Result, joint_norm
from reludsl.cones.projection import ConeProjector
from reludsl.ir.pattern_problem import PatternProblem


@dataclass(frozen=True)
class AdmmSettings:
    """How the method iterates and when it stops.

    `squared` says that the loss is 1/2 ||F - Y||^2, without weights, and is left inside the linear step. `tolerance`
    bounds the primal and dual residuals relative to the size of what they compare; `gap` above 0 ends the iteration at
    that relative duality gap too. `rho` starts the penalty, which `balancing` adapts; `relaxation` lies in [1, 2),
    `dual_step` in (0, 1.618), and only one of them differs from 1. `cones` is exact, split, or auto, exact wherever
    `has_exact_prox`; `cone_scaling` matters to split cones only. `acceleration` is none, anderson, or auto, anderson
    wherever it `can_accelerate`. With `precision` single the iteration begins in single precision and ends in double.
    `linear_solver` is exact, cg, auto (exact up to 4000 samples), or rbcd, whose random blocks are drawn with `seed`.
    """

    squared: bool = False
    rho: float = 1.0
    tolerance: float = 1e-5
    gap: float = 0.0
    max_iterations: int = 20_000
    relaxation: float = 1.6
    balancing: bool = True
    dual_step: float = 1.0
    cones: str = "auto"
    cone_scaling: bool = True
    acceleration: str = "auto"
    precision: str = "double"
    linear_solver: str = "auto"
    seed: int = 0


def has_exact_prox(problem: PatternProblem) -> bool:
    """Whether penalty and cone have a proximal operator in closed form: a norm of whole columns, and a ridge."""
    return not problem.l1 and not problem.free


def splits_cones(problem: PatternProblem, settings: AdmmSettings) -> bool:
    """Whether there are cones, and they are split off."""
    exact = settings.cones == "exact" or (settings.cones == "auto" and has_exact_prox(problem))
    return problem.masks is not None and not exact


def can_accelerate(settings: AdmmSettings) -> bool:
    """Whether the iteration is a fixed-point iteration in its splittings: not with another step, nor random blocks."""
    return settings.dual_step == 1 and settings.linear_solver != "rbcd"


def linear_step(problem: PatternProblem, settings: AdmmSettings) -> LinearStep:
    """The linear step that the settings ask for. Coordinate descent needs no n x n matrix."""
    solver = "cg" if settings.linear_solver == "rbcd" else settings.linear_solver
    return LinearStep(problem, splits_cones(problem, settings), settings.cone_scaling, solver)


def solve_pattern_program(
    problem: PatternProblem,
    *,
    time_limit: float = float("inf"),
    start: Iterate | None = None,
    linear: LinearStep | None = None,
    monitor: Callable[[Residuals], bool] | None = None,
    **settings: Any,
) -> Result:
    """Minimizes the problem's objective over columns in their cones; `settings` are those of `AdmmSettings`.

    `start` is the iterate of a similar problem, `linear` the linear step of one with the same samples and patterns, and
    settings. `monitor` sees every check and ends the iteration by returning True. The status is solved, iteration
    limit, time limit or interrupted. With exact cones, and without any, the answer is the best iterate that was
    checked; with split cones it is the last, or the best projected one where a gap is asked for.
    """
    return AdmmSolve(problem, AdmmSettings(**settings), time_limit, start, linear, monitor).run()


class AdmmSolve:
    """One solve: the iteration, in single precision first if that is asked for, and checks now and then."""

    most_spent = 0.1  # the share of the time that bounds may take

    def __init__(
        self,
        problem: PatternProblem,
        settings: AdmmSettings,
        time_limit: float,
        start: Iterate | None,
        linear: LinearStep | None,
        monitor: Callable[[Residuals], bool] | None,
    ) -> None:
        self.started, self.time_limit, self.monitor = time.perf_counter(), time_limit, monitor
        self.whole, self.settings = problem, settings
        self.linear = linear or linear_step(problem, settings)
        self.split_loss = not (settings.squared or settings.linear_solver == "rbcd")
        self.split_cones = splits_cones(problem, settings)
        accelerated = settings.acceleration == "anderson" or (
            settings.acceleration == "auto" and can_accelerate(settings) and not self.split_cones
        )
        self.anderson = Anderson() if accelerated else None
        masks, projector = problem.masks, None
        if masks is not None and (settings.gap or not self.split_cones):
            projector = ConeProjector(problem.X, masks)
        self.exact = None if projector is None else ExactCones(projector, problem.columns)
        self.pricing = Pricing(problem, projector) if settings.gap else None
        self.spent, self.last_price = 0.0, 0.0  # seconds that bounds took, all of them and the last one
        self.generator = np.random.default_rng(settings.seed)
        state = first_iterate(problem, self.split_cones, settings.rho) if start is None else replace(start)
        self.state, self.iteration, self.accuracy = state, 0, 1e-6
        # An iterate that is handed over brings its penalty along: what its first residuals say would only spoil it.
        self.next_balancing, self.next_pricing = (10 if start is None else 1000), 10
        self.result = Result(state.v, state.p, None, "", state)
        self.best = np.inf
        # Where the solution is zero, residuals are held against a thousandth of Cauchy point and gradient at zero.
        gradient = problem.adjoint(problem.loss_gradient(np.zeros_like(problem.Y)))
        slope = joint_norm(gradient)
        curvature = joint_norm(problem.predictions(gradient, np.zeros(problem.Y.shape[1]))) ** 2
        self.least_dual, self.least_primal = 1e-3 * slope, 1e-3 * slope**3 / max(curvature, 1e-300)

    def run(self) -> Result:
        """Iterates until the stopping rule or a limit is met."""
        tolerance, result = self.settings.tolerance, self.result
        if self.settings.precision == "single":
            self._enter(np.float32)
            status = self._iterate(max(tolerance, 1e-4), patience=20)
            if status not in ("solved", "stalled"):
                result.status = status
            elif self.iteration >= self.settings.max_iterations:
                result.status = "iteration limit"
            self._enter(np.float64)
            self.next_pricing = self.iteration
        else:
            self._enter(np.float64)
        if not result.status:
            result.status = self._iterate(tolerance)
        result.iterate = self.state
        if self.pricing is not None and np.isfinite(self.pricing.bound):
            result.dual = self.pricing.dual
        return result

    def _enter(self, dtype: type) -> None:
        """Arrays of a precision to iterate with, as copies: slacks are changed in place."""
        problem, linear = self.whole, self.linear
        self.state = self.state.as_type(dtype)
        if dtype is np.float32:
            weights = None if problem.weights is None else problem.weights.astype(dtype)
            X, gates, Y = (array.astype(dtype) for array in (problem.X, problem.gates, problem.Y))
            problem = replace(problem, X=X, gates=gates, Y=Y, weights=weights)
            linear = linear.single(problem)
        self.problem, self.step = problem, linear
        self.guess: np.ndarray = np.zeros((0, 0), dtype)
        self.u, self.c = self.state.v, self.state.p
        nothing: np.ndarray = np.zeros((1, 1), dtype)
        self.slack, self.pulls = None, (nothing, nothing)
        if self.split_cones and problem.masks is not None:
            self.slack = SplitCones(linear.Xs, problem.masks, problem.columns)
            self._pull()
        self._restart()

    def _pull(self) -> None:
        """G^T s and G^T nu, which iterations keep up to date."""
        if self.slack is not None:
            self.pulls = self.slack.adjoint(self.state.s), self.slack.adjoint(self.state.nu)

    def _iterate(self, tolerance: float, patience: int = 0) -> str:
        """Iterations until the status that is returned. `patience` is how many checks in a row may bring nothing."""
        settings, state = self.settings, self.state
        least, waited = np.inf, 0
        while True:
            self.iteration += 1
            last = self.iteration >= settings.max_iterations
            measured = last or self.iteration % 10 == 0
            primal, dual = self._one(measured)
            if not measured:
                continue
            self.accuracy = 1e-3 * min(1e-3, float(np.sqrt(primal * dual)))
            check = self._checked(primal / tolerance, dual / tolerance)
            stop = self.monitor is not None and self.monitor(check)
            closed = check.objective - check.bound <= settings.gap * abs(check.objective) if settings.gap else False
            if closed or (check.primal <= 1 and check.dual <= 1):
                return "solved"
            if stop or check.seconds > self.time_limit or last:
                return "interrupted" if stop else "iteration limit" if last else "time limit"
            worst = max(check.primal, check.dual)
            waited = 0 if worst < 0.9 * least else waited + 1
            least = min(worst, least)
            if patience and waited >= patience:
                return "stalled"
            if settings.balancing and self.iteration >= self.next_balancing:
                # Ever rarer, so that the iteration converges as with a fixed penalty in the end; a penalty of another
                # order than it should have is looked at again soon, but only in the beginning.
                factor = float(np.clip(np.sqrt(check.primal / max(check.dual, 1e-300)), 0.01, 100.0))
                soon = self.iteration <= 50 and not 0.2 < factor < 5
                self.next_balancing = self.iteration + 10 if soon else int(1.3 * self.iteration) + 20
                if not 0.5 < factor < 2:
                    state.rescaled(factor)
                    self._pull()
                    self._restart()

    def _one(self, measured: bool) -> tuple[float, float]:
        """An iteration, and the relative primal and dual residuals after it, if `measured`."""
        problem, step, state, settings = self.problem, self.step, self.state, self.settings
        relaxation, gamma = settings.relaxation, settings.dual_step
        kappa, eta = step.kappa if self.split_loss else 0.0, step.eta
        base, middle = state.v - state.lam + (self.pulls[0] - self.pulls[1]), state.p - state.pi
        if settings.linear_solver == "rbcd":
            u, c = coordinate_descent(problem, step, base, state, self.u, self.c, 0.1, self.generator)
        else:
            accuracy = max(self.accuracy, 100 * float(np.finfo(state.v.dtype).eps))
            weight, target = (kappa, state.f - state.mu) if self.split_loss else (1.0 / state.rho, problem.Y)
            u, c, self.guess = step.columns(base, middle, target, weight, self.guess, accuracy)
        self.u, self.c = u, c
        Fu = problem.predictions(u, c) if self.split_loss else state.f
        # The splittings plus their scaled multipliers, over-relaxed, where the proximal operators are taken.
        v, f, p = (
            relaxation * new + (1 - relaxation) * old + multiplier
            for new, old, multiplier in ((u, state.v, state.lam), (Fu, state.f, state.mu), (c, state.p, state.pi))
        )
        if self.anderson is not None:
            v, f, p = self._unpacked(self.anderson.step(self._packed(v, f, p)))
        before = replace(state)
        pulls = self.pulls
        state.v = self._column_prox(v)
        state.lam = v - state.v if gamma == 1 else state.lam + gamma * (v - state.lam - state.v)
        if problem.offset:
            state.p = problem.offset_prox(p, 1.0 / (state.rho * eta)).astype(p.dtype)
            state.pi = state.pi + gamma * (p - state.pi - state.p)
        if self.split_loss:
            state.f = self.whole.loss_prox(f.astype(float), 1.0 / (state.rho * kappa)).astype(f.dtype)
            state.mu = state.mu + gamma * (f - state.mu - state.f)
        slacks = (0.0, 0.0, 0.0)
        if self.slack is not None:
            *moved, slacks = self.slack.update(u, state.s, state.nu, relaxation, gamma, measured)
            self.pulls = moved[0], moved[1]
        if not measured:
            return np.inf, np.inf
        # Residuals, each relative to what it compares (Boyd et al. 2011, section 3.3). The dual one is what
        # stationarity lacks: subgradients from the proximal operators, against those of the linear step at u.
        root_eta, root_kappa = float(np.sqrt(eta)) if problem.offset else 0.0, float(np.sqrt(kappa))
        change = v - state.v - before.lam - u + before.v
        if self.slack is not None:
            change += (relaxation - 1) * (step.M @ u - u) + (2 - relaxation) * pulls[0] - self.pulls[0]
        shift = (p - state.p - before.pi - c + before.p) * eta if problem.offset else 0.0 * c
        misfit = Fu - state.f
        if self.split_loss:
            lost = kappa * (f - state.f - before.mu - Fu + before.f)
            change += problem.adjoint(lost)
            shift = shift + lost.sum(axis=0)
        sizes = (joint_norm(u), slacks[1], root_eta * joint_norm(c), root_kappa * joint_norm(Fu))
        others = (joint_norm(state.v), slacks[2], root_eta * joint_norm(state.p), root_kappa * joint_norm(state.f))
        primal = np.hypot.reduce(
            [joint_norm(u - state.v), slacks[0], root_eta * joint_norm(c - state.p), root_kappa * joint_norm(misfit)]
        )
        primal /= max(float(np.hypot.reduce(sizes)), float(np.hypot.reduce(others)), self.least_primal, 1e-300)
        dual = state.rho * joint_norm(change, shift / root_eta if problem.offset else 0.0 * shift)
        dual /= max(state.rho * joint_norm(state.lam + self.pulls[1]), self.least_dual, 1e-300)
        return float(primal), float(dual)

    def _column_prox(self, v: np.ndarray) -> np.ndarray:
        """The proximal operator of the penalties of columns, and of exact cones, in double precision."""
        step, moved = 1.0 / self.state.rho, v.astype(float)
        if self.exact is not None and not self.split_cones:
            moved, _ = self.exact.project(moved, step * self.whole.group)
        return np.asarray(self.whole.penalty_prox(moved, step), dtype=v.dtype)

    def _checked(self, primal: float, dual: float) -> Residuals:
        """Looks at the answer so far: its objective, and, now and then, the bound."""
        problem, state = self.whole, self.state
        begun = time.perf_counter()
        priced = self.pricing is not None and self._worth_pricing(begun - self.started, max(primal, dual) <= 1)
        feasible = not self.split_cones
        if priced and self.pricing is not None:
            self.next_pricing = self.iteration + max(10, self.iteration // 10)
            self.pricing.price(self._dual_point())
        columns, offset = state.v.astype(float), state.p.astype(float)
        if self.exact is not None and (priced if self.split_cones else state.v.dtype != columns.dtype):
            columns, feasible = self.exact.project(columns, 0.0)[0], True
        if priced:
            self.last_price = time.perf_counter() - begun
            self.spent += self.last_price
        if feasible or self.pricing is None:
            objective = problem.loss_value(problem.predictions(columns, offset))
            objective += problem.penalty_value(columns, offset)
            if objective < self.best or not feasible:
                self.best = objective
                self.result.columns, self.result.offset = columns, offset
        if self.split_loss:
            self.result.dual = self._dual_point()
        bound = -np.inf if self.pricing is None else self.pricing.bound
        active = int(np.count_nonzero(np.any(state.v != 0, axis=0)))
        seconds = time.perf_counter() - self.started
        check = Residuals(self.iteration, self.best, primal, dual, state.rho, seconds, bound, active)
        self.result.history.append(check)
        return check

    def _worth_pricing(self, elapsed: float, converged: bool) -> bool:
        """Whether to compute the bound at this check: as long as it takes a tenth of the time, and always at the end.

        What it will take is what it took last time; the first one is on trust.
        """
        if converged or self.iteration >= self.settings.max_iterations or elapsed > self.time_limit:
            return True
        within = self.spent + self.last_price <= self.most_spent * (elapsed + self.last_price)
        return self.iteration >= self.next_pricing and within

    def _dual_point(self) -> np.ndarray:
        """Minus a subgradient of the loss: at f, by its last update, or at F u + 1 c^T."""
        if self.split_loss:
            return np.asarray(-self.state.rho * self.step.kappa * self.state.mu, dtype=float)
        u, c = self.u.astype(float), self.c.astype(float)
        return -self.whole.loss_gradient(self.whole.predictions(u, c))

    def _restart(self) -> None:
        """The acceleration begins again where the iterate is."""
        state = self.state
        if self.anderson is not None:
            self.anderson.restart(self._packed(state.v + state.lam, state.f + state.mu, state.p + state.pi))

    def _packed(self, v: np.ndarray, f: np.ndarray, p: np.ndarray) -> np.ndarray:
        """All splittings in one vector, in the norm in which the iteration is nonexpansive."""
        parts = [v.ravel()]
        if self.split_loss:
            parts.append(float(np.sqrt(self.step.kappa)) * f.ravel())
        if self.problem.offset:
            parts.append(float(np.sqrt(self.step.eta)) * p)
        return np.concatenate(parts)

    def _unpacked(self, packed: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The inverse."""
        state, size = self.state, self.state.v.size
        v, f, p = packed[:size].reshape(state.v.shape), state.f, state.p
        if self.split_loss:
            f = packed[size : size + f.size].reshape(f.shape) / float(np.sqrt(self.step.kappa))
        if self.problem.offset:
            p = packed[len(packed) - p.size :] / float(np.sqrt(self.step.eta))
        return v, f, p


def first_iterate(problem: PatternProblem, split_cones: bool, rho: float) -> Iterate:
    """All zero."""
    v, s = np.zeros((problem.X.shape[1], problem.columns)), np.zeros((split_cones * len(problem.X), problem.columns))
    f, p = np.zeros_like(problem.Y), np.zeros(problem.Y.shape[1])
    return Iterate(v, v, s, s, f, f, p, p, rho)

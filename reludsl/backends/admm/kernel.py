"""The alternating direction method of multipliers for the pattern program.

    minimize    L(F u + 1 c^T) + penalty(v) + penalty(p)   subject to   u = v,   c = p,   G u = s,   s >= 0

The columns u_j and the output biases c are those of `PatternProblem`. G u = E_i Xs u_i, with E_i = 2 D_i - I and Xs the
rows of X scaled to a common length: the cones stay the same, the method converges faster. Without cones there is no G.
(Bai, Gautam, Sojoudi 2022, Algorithm 3.1.)

The squared loss stays inside the u-update. Any other loss is split off as F u + 1 c^T = f and enters by its proximal
operator alone, with weight kappa against the other splittings. Either way the u-update minimizes

    weight/2 ||F u + 1 c^T - t||^2 + 1/2 ||u - v + lam||^2 + 1/2 ||G u - s + nu||^2 + eta/2 ||c - p + pi||^2.

Since E_i^2 = I, every diagonal block of G^T G is Xs^T Xs, and the u-update is exact at linear cost: with
M = I + Xs^T Xs and B = v - lam + G^T (s - nu), output by output,

    u = M^-1 (B + weight F^T q),   c = p - pi + weight/eta 1^T q,   (I + weight S) q = t - F M^-1 B - 1 (p - pi)^T,
    S = (1 + signed) (X M^-1 X^T) o (Gamma Gamma^T) + 1 1^T / eta.

S is factored once, S = Q diag(w) Q^T, which makes every change of the weight free. Where n x n is too large, conjugate
gradients solve the same system and S q costs one F and one F^T. As published, the u-update of a differentiable loss can
also be left to random block coordinate descent, with the loss inside. Plain NumPy: these functions stand word for word
in generated code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from reludsl.ir.pattern_problem import PatternProblem


@dataclass
class Residuals:
    """The state of the iteration at a check. Residuals are relative: at most 1 when the stopping rule is met."""

    iteration: int
    objective: float
    primal: float
    dual: float
    rho: float
    seconds: float


@dataclass
class Iterate:
    """All that an iteration hands on to the next: the splittings, their scaled multipliers, and the penalty."""

    v: np.ndarray
    lam: np.ndarray
    s: np.ndarray
    nu: np.ndarray
    f: np.ndarray
    mu: np.ndarray
    p: np.ndarray
    pi: np.ndarray
    rho: float

    def rescaled(self, factor: float) -> None:
        """Multiplies the penalty; the multipliers are kept, so the scaled ones are divided."""
        self.rho *= factor
        self.lam, self.nu, self.mu, self.pi = (part / factor for part in (self.lam, self.nu, self.mu, self.pi))


@dataclass
class Result:
    """The columns v and output biases of the last iterate, why the iteration ended, its history, and how to go on.

    `dual` is a dual point (n, c), where the loss is split off.
    """

    columns: np.ndarray
    offset: np.ndarray
    dual: np.ndarray | None
    status: str
    iterate: Iterate
    history: list[Residuals] = field(default_factory=list)


class LinearStep:
    """The parts of the u-update that depend on the samples and patterns alone, so that they serve every strength."""

    def __init__(self, problem: PatternProblem, cone_scaling: bool, linear_solver: str) -> None:
        X, gates, masks = problem.X, problem.gates, problem.masks
        n, d = X.shape
        self.problem = problem
        if cone_scaling:
            lengths = np.linalg.norm(X, axis=1, keepdims=True)
            self.Xs = X / np.where(lengths > 0, lengths, 1.0) * np.sqrt(d / n)
        else:
            self.Xs = X
        self.E = None if masks is None else np.where(np.tile(masks, problem.columns // masks.shape[1]), 1.0, -1.0)
        self.M = np.eye(d) if masks is None else np.eye(d) + self.Xs.T @ self.Xs
        self.inverse = np.linalg.inv(self.M)
        diagonal = np.einsum("nd,nd->n", X @ self.inverse, X) * np.einsum("np,np->n", gates, gates)
        self.diagonal = (2.0 if problem.signed else 1.0) * diagonal
        self.eta = n / max(float(self.diagonal.mean()), 1e-300) if problem.offset else float("inf")
        self.diagonal = self.diagonal + 1.0 / self.eta
        # kappa makes kappa S have the mean eigenvalue 1, the size of the other splittings.
        self.kappa = n / max(float(self.diagonal.sum()), 1e-300)
        self.eigenvalues, self.Q = np.zeros(0), np.zeros((0, 0))
        self.exact = linear_solver == "exact" or (linear_solver == "auto" and n <= 4000)
        if self.exact:
            S = (2.0 if problem.signed else 1.0) * (X @ self.inverse @ X.T) * (gates @ gates.T) + 1.0 / self.eta
            self.eigenvalues, self.Q = np.linalg.eigh(S)

    def cones(self, u: np.ndarray) -> np.ndarray:
        """G u, an array (n, columns); with no rows where there are no cones."""
        return np.zeros((0, u.shape[1])) if self.E is None else self.E * (self.Xs @ u)

    def cones_adjoint(self, s: np.ndarray) -> np.ndarray:
        """G^T s, an array like u."""
        return np.zeros((self.problem.X.shape[1], s.shape[1])) if self.E is None else self.Xs.T @ (self.E * s)

    def solve(self, r: np.ndarray, weight: float, q: np.ndarray, accuracy: float) -> np.ndarray:
        """The q with (I + weight S) q = r, for r (n, c); conjugate gradients start at `q`."""
        if self.exact:
            return np.asarray(self.Q @ ((self.Q.T @ r) / (1.0 + weight * np.maximum(self.eigenvalues, 0.0))[:, None]))
        q = q.copy()
        residual = r - self._times(q, weight)
        goal = accuracy * np.linalg.norm(r, axis=0)
        preconditioner = (1.0 / (1.0 + weight * self.diagonal))[:, None]
        z = preconditioner * residual
        direction, rz = z.copy(), np.sum(residual * z, axis=0)
        for _ in range(200):
            if (np.linalg.norm(residual, axis=0) <= goal).all():
                break
            image = self._times(direction, weight)
            step = rz / np.maximum(np.sum(direction * image, axis=0), 1e-300)
            q += step * direction
            residual -= step * image
            z = preconditioner * residual
            rz, before = np.sum(residual * z, axis=0), rz
            direction = z + rz / np.maximum(before, 1e-300) * direction
        return q

    def _times(self, q: np.ndarray, weight: float) -> np.ndarray:
        """(I + weight S) q, without any n x n matrix."""
        columns = self.inverse @ self.problem.adjoint(q)
        return np.asarray(q + weight * self.problem.predictions(columns, q.sum(axis=0) / self.eta))


def solve_pattern_program(
    problem: PatternProblem,
    *,
    squared: bool = False,
    rho: float = 1.0,
    tolerance: float = 1e-5,
    max_iterations: int = 20_000,
    relaxation: float = 1.6,
    balancing: bool = True,
    dual_step: float = 1.0,
    cone_scaling: bool = True,
    linear_solver: str = "auto",
    seed: int = 0,
    time_limit: float = float("inf"),
    start: Iterate | None = None,
    linear: LinearStep | None = None,
    monitor: Callable[[Residuals], bool] | None = None,
) -> Result:
    """Minimizes the problem's objective over columns in their cones.

    `squared` says that the loss is 1/2 ||F - Y||^2, without weights. `tolerance` bounds the primal and dual residuals
    relative to the size of what they compare; `rho` starts the penalty, which `balancing` adapts; `relaxation` lies in
    [1, 2), `dual_step` in (0, 1.618), and only one of them differs from 1. `linear_solver` is exact, cg, auto (exact up
    to 4000 samples), or rbcd, whose random blocks are drawn with `seed`. `start` is the iterate of a similar problem,
    `linear` the linear step of one with the same samples and patterns. `monitor` sees every check and ends the
    iteration by returning True. The status is solved, iteration limit, time limit or interrupted.
    """
    started = time.perf_counter()
    descent = linear_solver == "rbcd"
    step = linear or LinearStep(problem, cone_scaling, "cg" if descent else linear_solver)
    split = not (squared or descent)
    kappa, eta = step.kappa if split else 0.0, step.eta
    Y = problem.Y
    state = start if start is not None else first_iterate(problem, step, rho)
    u, c, q = state.v, state.p, np.zeros_like(Y)
    generator = np.random.default_rng(seed)
    result = Result(state.v, state.p, None, "iteration limit", state)
    # An iterate that is handed over brings its penalty along: what its first residuals say would only spoil it.
    accuracy, next_balancing = 1e-2, 10 if start is None else 1000
    # Where the solution is zero, residuals are held against a thousandth of Cauchy point and gradient at zero.
    gradient = problem.adjoint(problem.loss_gradient(np.zeros_like(Y)))
    slope = joint_norm(gradient)
    curvature = joint_norm(problem.predictions(gradient, np.zeros(Y.shape[1]))) ** 2
    least_dual_scale, least_primal_scale = 1e-3 * slope, 1e-3 * slope**3 / max(curvature, 1e-300)
    for iteration in range(1, max_iterations + 1):
        # u-update, through the n x n system or by block coordinate descent.
        base = state.v - state.lam + step.cones_adjoint(state.s - state.nu)
        if descent:
            u, c = coordinate_descent(problem, step, base, state, u, c, 0.1, generator)
        else:
            weight, target = (kappa, state.f - state.mu) if split else (1.0 / state.rho, Y)
            base, middle = step.inverse @ base, state.p - state.pi
            q = step.solve(target - problem.predictions(base, middle), weight, q, accuracy)
            u = base + weight * (step.inverse @ problem.adjoint(q))
            c = middle + weight / eta * q.sum(axis=0)
        Gu = step.cones(u)
        # Over-relaxed updates of the splittings: the penalties' proximal operators, and a projection onto s >= 0.
        before = (state.v, state.s, state.f, state.p)
        u_relaxed = relaxation * u + (1 - relaxation) * state.v
        c_relaxed = relaxation * c + (1 - relaxation) * state.p
        Gu_relaxed = relaxation * Gu + (1 - relaxation) * state.s
        state.v = problem.penalty_prox(u_relaxed + state.lam, 1.0 / state.rho)
        state.s = np.maximum(Gu_relaxed + state.nu, 0.0)
        state.lam = state.lam + dual_step * (u_relaxed - state.v)
        state.nu = state.nu + dual_step * (Gu_relaxed - state.s)
        if problem.offset:
            state.p = problem.offset_prox(c_relaxed + state.pi, 1.0 / (state.rho * eta))
            state.pi = state.pi + dual_step * (c_relaxed - state.p)
        if split:
            Fu = problem.predictions(u, c)
            Fu_relaxed = relaxation * Fu + (1 - relaxation) * state.f
            state.f = problem.loss_prox(Fu_relaxed + state.mu, 1.0 / (state.rho * kappa))
            state.mu = state.mu + dual_step * (Fu_relaxed - state.f)
        if iteration % 10 and iteration < max_iterations:
            continue
        # Residuals, each relative to what it compares (Boyd et al. 2011, section 3.3), and the stopping rule.
        v, s, f, p = state.v, state.s, state.f, state.p
        root_eta, root_kappa = float(np.sqrt(eta)) if problem.offset else 0.0, float(np.sqrt(kappa))
        primal = joint_norm(u - v, Gu - s, root_eta * (c - p))
        primal_scale = max(joint_norm(u, Gu, root_eta * c), joint_norm(v, s, root_eta * p), least_primal_scale)
        change = (v - before[0]) + step.cones_adjoint(s - before[1])
        offset_change = root_eta * (p - before[3])
        if split:
            primal = joint_norm(np.array([primal]), root_kappa * (Fu - f))
            primal_scale = max(primal_scale, root_kappa * joint_norm(Fu), root_kappa * joint_norm(f))
            change += kappa * problem.adjoint(f - before[2])
        dual = state.rho * joint_norm(change, offset_change)
        dual_scale = max(state.rho * joint_norm(state.lam + step.cones_adjoint(state.nu)), least_dual_scale)
        primal_error, dual_error = primal / max(primal_scale, 1e-300), dual / max(dual_scale, 1e-300)
        accuracy = 0.1 * min(0.1, float(np.sqrt(primal_error * dual_error)))
        objective = problem.loss_value(problem.predictions(v, p)) + problem.penalty_value(v, p)
        seconds = time.perf_counter() - started
        check = Residuals(iteration, objective, primal_error / tolerance, dual_error / tolerance, state.rho, seconds)
        result.columns, result.offset = v, p
        if split:
            result.dual = -state.rho * kappa * state.mu  # minus a subgradient of the loss at f, by the last update
        result.history.append(check)
        stop = monitor is not None and monitor(check)
        if check.primal <= 1 and check.dual <= 1:
            result.status = "solved"
            return result
        if stop or check.seconds > time_limit:
            result.status = "interrupted" if stop else "time limit"
            return result
        if balancing and iteration >= next_balancing:
            # Ever rarer, so that the iteration converges as with a fixed penalty in the end.
            next_balancing = int(1.3 * iteration) + 20
            factor = float(np.clip(np.sqrt(check.primal / max(check.dual, 1e-300)), 0.1, 10.0))
            if not 0.5 < factor < 2:
                state.rescaled(factor)
    return result


def first_iterate(problem: PatternProblem, step: LinearStep, rho: float) -> Iterate:
    """All zero."""
    u, c, F = np.zeros((problem.X.shape[1], problem.columns)), np.zeros(problem.Y.shape[1]), np.zeros_like(problem.Y)
    s = step.cones(u)
    return Iterate(u, u.copy(), s, s.copy(), F, F.copy(), c, c.copy(), rho)


def coordinate_descent(
    problem: PatternProblem,
    step: LinearStep,
    base: np.ndarray,
    state: Iterate,
    u: np.ndarray,
    c: np.ndarray,
    accuracy: float,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """The u-update by random block coordinate descent: gradient steps in one column, with backtracking, from u and c.

    Minimizes L(F u + 1 c^T) + rho/2 (u . M u - 2 u . base) + rho eta/2 ||c - p + pi||^2, a column at a time in random
    order, until the gradients met in a sweep are within `accuracy` of those of the first. (Bai, Gautam, Sojoudi 2022,
    Algorithm 3.2; the step is halved until the objective falls by a quarter of what its slope promises.)
    """
    u, c, rho = u.copy(), c.copy(), state.rho
    outputs, patterns = problem.Y.shape[1], problem.gates.shape[1]
    F = problem.predictions(u, c)
    value, first = problem.loss_value(F), 0.0
    for _ in range(50):
        met = 0.0
        for j in generator.permutation(problem.columns):
            sign = -1.0 if j >= outputs * patterns else 1.0
            output, gate = j // patterns % outputs, problem.gates[:, j % patterns]
            linear = rho * (step.M @ u[:, j] - base[:, j])
            slopes = problem.loss_gradient(F)[:, output]
            gradient = sign * (problem.X.T @ (gate * slopes)) + linear
            square = float(gradient @ gradient)
            met += square
            if square == 0.0:
                continue
            change = np.zeros_like(F)
            change[:, output] = -sign * gate * (problem.X @ gradient)
            bend = rho * float(gradient @ step.M @ gradient)
            length = square / (bend + float(np.sum(change**2)))
            while True:
                trial = problem.loss_value(F + length * change)
                growth = trial - value - length * float(linear @ gradient) + 0.5 * length**2 * bend
                if growth <= -0.25 * length * square + 1e-14 * abs(value) or length < 1e-18:
                    break
                length *= 0.5
            u[:, j] -= length * gradient
            F, value = F + length * change, trial
        if problem.offset:
            c, F, value, square = offset_step(problem, step, state, c, F, value)
            met += square
        first = first or met
        if met <= accuracy**2 * first:
            break
    return u, c


def offset_step(
    problem: PatternProblem, step: LinearStep, state: Iterate, c: np.ndarray, F: np.ndarray, value: float
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """One such step in the output biases: the new biases, predictions, loss, and the squared gradient."""
    weight = state.rho * step.eta
    gradient = problem.loss_gradient(F).sum(axis=0) + weight * (c - state.p + state.pi)
    square = float(gradient @ gradient)
    length = 1.0 / (len(F) + weight)
    while length >= 1e-18:
        moved = c - length * gradient
        trial = problem.loss_value(F - length * gradient)
        growth = trial - value
        growth += 0.5 * weight * float(np.sum((moved - state.p + state.pi) ** 2 - (c - state.p + state.pi) ** 2))
        if growth <= -0.25 * length * square + 1e-14 * abs(value):
            return moved, F - length * gradient, trial, square
        length *= 0.5
    return c, F, value, square


def joint_norm(*arrays: np.ndarray) -> float:
    """The Euclidean norm of all entries of the arrays together."""
    return float(np.sqrt(sum(np.vdot(array, array) for array in arrays)))

"""The alternating direction method of multipliers for the pattern program.

    minimize    L(F u) + beta * sum_j ||v_j||     subject to   u = v,   G u = s,   s >= 0

u holds 2P columns of length d: the first P enter the prediction with a plus sign, the others with a minus sign, so
that F u = sum_i D_i X (u_i - u_{P+i}). G u = E_i Xs u_i, with E_i = 2 D_i - I and Xs the rows of X scaled to a common
length: the cones stay the same, the method converges faster. (Bai, Gautam, Sojoudi 2022, Algorithm 3.1.)

The squared loss stays inside the u-update. Any other loss is split off as F u = f and enters by its proximal operator
alone, with weight kappa against the other two splittings. Either way the u-update minimizes

    weight / 2 ||F u - t||^2 + 1/2 ||u - v + lam||^2 + 1/2 ||G u - s + nu||^2.

Since E_i^2 = I, every diagonal block of G^T G is Xs^T Xs, and the u-update is exact at linear cost: with
M = I + Xs^T Xs and B = v - lam + G^T (s - nu),

    u = M^-1 (B + weight F^T q),   (I + weight S) q = t - F M^-1 B,   S = F M^-1 F^T = 2 (X M^-1 X^T) o (D D^T).

S is factored once, S = Q diag(w) Q^T, which makes every change of the weight free. Where n x n is too large, conjugate
gradients solve the same system and S q costs one F and one F^T. Plain NumPy: these functions stand word for word in
generated code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


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
class Result:
    """The columns v (d, 2P) of the last iterate, why the iteration ended, and its history."""

    columns: np.ndarray
    status: str
    history: list[Residuals] = field(default_factory=list)


@dataclass(frozen=True)
class SplitLoss:
    """A loss of the predictions f (n,): its value, a subgradient, and the minimizer of L(g) + ||g - f||^2 / (2 tau)."""

    value: Callable[[np.ndarray], float]
    gradient: Callable[[np.ndarray], np.ndarray]
    prox: Callable[[np.ndarray, float], np.ndarray]


class PatternProducts:
    """Products with F and its transpose, each one matrix product and one masked pass; nothing is P times the data."""

    def __init__(self, X: np.ndarray, D: np.ndarray) -> None:
        self.X, self.D = X, np.ascontiguousarray(D, dtype=float)

    def apply(self, u: np.ndarray) -> np.ndarray:
        """F u for columns u (d, 2P): the prediction (n,)."""
        P = self.D.shape[1]
        prediction: np.ndarray = np.einsum("nd,nd->n", self.X, self.D @ (u[:, :P] - u[:, P:]).T)
        return prediction

    def adjoint(self, r: np.ndarray) -> np.ndarray:
        """F^T r (d, 2P)."""
        plus = (self.X * r[:, None]).T @ self.D
        return np.concatenate([plus, -plus], axis=1)


def solve_pattern_program(
    X: np.ndarray,
    D: np.ndarray,
    loss: np.ndarray | SplitLoss,
    beta: float,
    *,
    rho: float = 1.0,
    tolerance: float = 1e-5,
    max_iterations: int = 20_000,
    relaxation: float = 1.6,
    balancing: bool = True,
    linear_solver: str = "auto",
    time_limit: float = float("inf"),
    monitor: Callable[[Residuals], bool] | None = None,
) -> Result:
    """Minimizes L(F u) + beta * sum_j ||u_j|| over u_j with E_j X u_j >= 0.

    X is (n, d), D (n, P) holds the patterns; `loss` is y (n,) for L(f) = 1/2 ||f - y||^2, or a SplitLoss. `tolerance`
    bounds the primal and dual residuals relative to the size of what they compare; `rho` starts the penalty, which
    `balancing` adapts; `relaxation` lies in [1, 2). `linear_solver` is exact, cg, or auto (exact up to 4000 samples).
    `monitor` sees every check and ends the iteration by returning True. The status is solved, iteration limit, time
    limit or interrupted.
    """
    started = time.perf_counter()
    n, d = X.shape
    P = D.shape[1]
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    Xs = X / np.where(lengths > 0, lengths, 1.0) * np.sqrt(d / n)
    E = np.where(D, 1.0, -1.0)
    E = np.concatenate([E, E], axis=1)
    products = PatternProducts(X, D)
    inverse = np.linalg.inv(np.eye(d) + Xs.T @ Xs)
    if linear_solver == "exact" or (linear_solver == "auto" and n <= 4000):
        solve_kernel = exact_kernel_solver(X, products.D, inverse)
    else:
        solve_kernel = conjugate_gradient_solver(products, inverse)
    split = loss if isinstance(loss, SplitLoss) else None
    y = np.zeros(n) if isinstance(loss, SplitLoss) else loss
    v, lam = np.zeros((d, 2 * P)), np.zeros((d, 2 * P))
    s, nu = np.zeros((n, 2 * P)), np.zeros((n, 2 * P))
    f, mu = np.zeros(n), np.zeros(n)
    # kappa makes kappa S have the mean eigenvalue 1, the size of the other two splittings.
    kappa = n / max(float(np.sum(np.einsum("nd,nd->n", X @ inverse, X) * 2 * D.sum(axis=1))), 1e-300) if split else 0.0
    q = np.zeros(n)
    result = Result(v, "iteration limit")
    accuracy, next_balancing = 1e-2, 10
    # Where the solution is zero, residuals are held against a thousandth of Cauchy point and gradient at zero.
    gradient = products.adjoint(split.gradient(f) if split else -y)
    slope = joint_norm(gradient)
    least_dual_scale = 1e-3 * slope
    least_primal_scale = 1e-3 * slope**3 / max(joint_norm(products.apply(gradient)) ** 2, 1e-300)
    for iteration in range(1, max_iterations + 1):
        # u-update, through the n x n system.
        weight, target = (kappa, f - mu) if split else (1.0 / rho, y)
        base = inverse @ (v - lam + Xs.T @ (E * (s - nu)))
        q = solve_kernel(target - products.apply(base), weight, q, accuracy)
        u = base + weight * (inverse @ products.adjoint(q))
        Gu = E * (Xs @ u)
        # Over-relaxed v- and s-updates: a block soft threshold and a projection onto the nonnegative numbers.
        u_relaxed = relaxation * u + (1 - relaxation) * v
        Gu_relaxed = relaxation * Gu + (1 - relaxation) * s
        v_before, s_before, f_before = v, s, f
        v = block_soft_threshold(u_relaxed + lam, beta / rho)
        s = np.maximum(Gu_relaxed + nu, 0.0)
        lam += u_relaxed - v
        nu += Gu_relaxed - s
        if split:
            Fu = products.apply(u)
            Fu_relaxed = relaxation * Fu + (1 - relaxation) * f
            f = split.prox(Fu_relaxed + mu, 1.0 / (rho * kappa))
            mu += Fu_relaxed - f
        if iteration % 10 and iteration < max_iterations:
            continue
        # Residuals, each relative to what it compares (Boyd et al. 2011, section 3.3), and the stopping rule.
        primal = joint_norm(u - v, Gu - s)
        primal_scale = max(joint_norm(u, Gu), joint_norm(v, s), least_primal_scale)
        change = (v - v_before) + Xs.T @ (E * (s - s_before))
        multipliers = lam + Xs.T @ (E * nu)
        if split:
            root = float(np.sqrt(kappa))
            primal = joint_norm(np.array([primal]), root * (Fu - f))
            primal_scale = max(joint_norm(u, Gu, root * Fu), joint_norm(v, s, root * f), least_primal_scale)
            change += kappa * products.adjoint(f - f_before)
        dual = rho * joint_norm(change)
        dual_scale = max(rho * joint_norm(multipliers), least_dual_scale)
        primal_error, dual_error = primal / max(primal_scale, 1e-300), dual / max(dual_scale, 1e-300)
        accuracy = 0.1 * min(0.1, float(np.sqrt(primal_error * dual_error)))
        state = Residuals(
            iteration,
            fit_value(products.apply(v), loss) + beta * float(np.linalg.norm(v, axis=0).sum()),
            primal_error / tolerance,
            dual_error / tolerance,
            rho,
            time.perf_counter() - started,
        )
        result.columns = v
        result.history.append(state)
        stop = monitor is not None and monitor(state)
        if state.primal <= 1 and state.dual <= 1:
            result.status = "solved"
            return result
        if stop or state.seconds > time_limit:
            result.status = "interrupted" if stop else "time limit"
            return result
        if balancing and iteration >= next_balancing:
            # Ever rarer, so that the iteration converges as with a fixed penalty in the end.
            next_balancing = int(1.3 * iteration) + 20
            factor = float(np.clip(np.sqrt(state.primal / max(state.dual, 1e-300)), 0.1, 10.0))
            if not 0.5 < factor < 2:
                rho, lam, nu, mu = rho * factor, lam / factor, nu / factor, mu / factor
    return result


def fit_value(f: np.ndarray, loss: np.ndarray | SplitLoss) -> float:
    """L(f) of predictions (n,)."""
    return loss.value(f) if isinstance(loss, SplitLoss) else 0.5 * float(np.sum((f - loss) ** 2))


def joint_norm(*arrays: np.ndarray) -> float:
    """The Euclidean norm of all entries of the arrays together."""
    return float(np.sqrt(sum(np.vdot(array, array) for array in arrays)))


def block_soft_threshold(columns: np.ndarray, threshold: float) -> np.ndarray:
    """Shortens every column by `threshold`; columns that are shorter become 0."""
    norms = np.linalg.norm(columns, axis=0)
    shortened: np.ndarray = columns * np.maximum(0.0, 1.0 - threshold / np.maximum(norms, 1e-300))
    return shortened


def exact_kernel_solver(X: np.ndarray, D: np.ndarray, inverse: np.ndarray) -> Callable[..., np.ndarray]:
    """Solves (I + weight S) q = r for any weight after one eigendecomposition of the n x n matrix S."""
    S = 2.0 * (X @ inverse @ X.T) * (D @ D.T)
    eigenvalues, Q = np.linalg.eigh(S)

    def solve(r: np.ndarray, weight: float, q: np.ndarray, accuracy: float) -> np.ndarray:
        solution: np.ndarray = Q @ ((Q.T @ r) / (1.0 + weight * np.maximum(eigenvalues, 0.0)))
        return solution

    return solve


def conjugate_gradient_solver(products: PatternProducts, inverse: np.ndarray) -> Callable[..., np.ndarray]:
    """Solves (I + weight S) q = r matrix-free by conjugate gradients with the diagonal of S as preconditioner."""
    X, D = products.X, products.D
    diagonal = 2.0 * np.einsum("nd,nd->n", X @ inverse, X) * D.sum(axis=1)

    def solve(r: np.ndarray, weight: float, q: np.ndarray, accuracy: float) -> np.ndarray:
        q = q.copy()
        residual = r - q - weight * products.apply(inverse @ products.adjoint(q))
        goal = accuracy * np.linalg.norm(r)
        preconditioner = 1.0 / (1.0 + weight * diagonal)
        z = preconditioner * residual
        direction, rz = z.copy(), float(residual @ z)
        for _ in range(200):
            if np.linalg.norm(residual) <= goal or rz == 0.0:
                break
            image = direction + weight * products.apply(inverse @ products.adjoint(direction))
            step = rz / float(direction @ image)
            q += step * direction
            residual -= step * image
            z = preconditioner * residual
            rz, before = float(residual @ z), rz
            direction = z + rz / before * direction
        return q

    return solve

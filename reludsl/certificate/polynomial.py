"""What a neuron of norm 1 brings at a dual point, over all such neurons, and feasible points of polynomial programs.

At a dual point z a neuron u brings q(u) = Σ_k z_k σ(x_kᵀu) = uᵀAu + gᵀu + h per unit of output weight, where
A = a Xᵀdiag(z)X, g = b Xᵀz, h = c Σ_k z_k. Its greatest value on the sphere has an exact dual (the S-lemma; Moré,
Sorensen 1983):

    max {q(u) : ‖u‖ = 1} = min {λ + t + h : [λI − A, −g/2; −gᵀ/2, t] ⪰ 0}

Every λ and t with a semidefinite matrix prove an upper bound, and the best λ is the root of a secular equation. That
the matrix is semidefinite is shown by a Cholesky factorization of it less what rounding can do (Rump 2006), and what
rounding does to A, g and h is added.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import brentq

from reludsl.certificate.result import Feasible
from reludsl.ir import PolynomialForm, Program, evaluate, objective
from reludsl.lowering.unit_neurons import semidefinite_factors

_UNIT = float(np.finfo(float).eps) / 2
_NOISE = (1e-6, 1e-5, 1e-4, 1e-3)


def sphere_prices(X: np.ndarray, coefficients: tuple[float, float, float], z: np.ndarray) -> np.ndarray:
    """Upper bounds on what a neuron of norm 1 brings at z (n,) with a positive and with a negative output weight: (2,).

    X is (n, d). True for every finite z, and exact but for rounding; inf where numbers overflow.
    """
    scale = float(np.abs(z).max(initial=0.0))
    if scale == 0.0:
        return np.zeros(2)
    a, b, c = coefficients
    z = z / scale
    with np.errstate(over="ignore", invalid="ignore"):
        A, g, h = a * (X.T @ (z[:, None] * X)), b * (X.T @ z), c * float(z.sum())
        lengths = np.linalg.norm(X, axis=1)
        sizes = np.abs(z) @ (abs(a) * lengths**2 + abs(b) * lengths + abs(c))
        rounding = (len(X) + 8) * 2 * _UNIT * float(sizes)
        prices = np.array([sphere_maximum(A, g) + h, sphere_maximum(-A, -g) - h])
        prices = scale * (prices + rounding)
    return np.where(np.isfinite(prices), prices, np.inf)


def sphere_maximum(A: np.ndarray, g: np.ndarray) -> float:
    """A proved upper bound on uᵀAu + gᵀu over ‖u‖ = 1, for a symmetric A (d, d) and g (d,); tight up to rounding."""
    if not (np.isfinite(A).all() and np.isfinite(g).all()):
        return np.inf
    A = (A + A.T) / 2
    values, vectors = np.linalg.eigh(A)
    weights = (vectors.T @ g) ** 2 / 4

    def slope(distance: float) -> float:
        """The derivative of λ + Σ w / (λ − eigenvalues) at this distance of λ from the largest eigenvalue."""
        with np.errstate(divide="ignore", over="ignore"):
            return 1.0 - float(np.sum(weights / (values[-1] - values + distance) ** 2, where=weights > 0))

    far = float(np.sqrt(weights.sum()))
    near = max(1e-3 * _UNIT * max(far, float(np.abs(values).max())), 1e-300)
    distance = near
    if far > near and slope(near) < 0:
        distance = float(brentq(slope, near, far)) if slope(far) > 0 else far
    t = float(np.sum(weights / (values[-1] - values + distance)))
    return _proved(A, g, float(values[-1]) + distance, t)


def _proved(A: np.ndarray, g: np.ndarray, shift: float, t: float) -> float:
    """λ + t for a λ and t hardly above those given for which the matrix of the dual is proved semidefinite."""
    order = len(g) + 1
    M = np.empty((order, order))
    M[:-1, :-1], M[-1, :-1], M[:-1, -1] = -A, -g / 2, -g / 2
    diagonal = np.append(-np.diag(A), 0.0)
    size = float(np.abs(diagonal).sum() + order * abs(shift) + abs(t))
    safety = 8 * (order + 2) * _UNIT * size
    more = max(safety, 1e-300)
    for _ in range(40):
        raised = np.append(np.full(order - 1, shift + more), t + more)
        M.flat[:: order + 1] = diagonal + raised - safety
        try:
            np.linalg.cholesky(M)
        except np.linalg.LinAlgError:
            more *= 4.0
            continue
        return (shift + t + 2 * more) + 4 * _UNIT * (abs(shift) + abs(t) + 2 * more)
    return np.inf


def feasible_matrices(
    program: Program, form: PolynomialForm, arrays: Mapping[str, np.ndarray], point: Mapping[str, np.ndarray]
) -> Feasible:
    """The matrices near the solver's point that are sums of neurons of norm 1, without those that are solver noise.

    Of the eigenvalues those below a share of the largest become 0, the share as large as it can be with the objective
    no worse than 1e-7 of itself. Where zero is better than all this, zero is given.
    """
    names = [matrix.name for matrix in form.matrices]
    V, W = (point[name] for name in names)

    def rounded(share: float) -> tuple[dict[str, np.ndarray], float, int]:
        factors = semidefinite_factors(V, W, share)
        whole = {**point, **{name: F @ F.T for name, F in zip(names, factors, strict=True)}}
        return whole, float(objective(program, {**arrays, **whole})), sum(F.shape[1] for F in factors)

    candidates = [rounded(share) for share in _NOISE]
    first = candidates[0]
    acceptable = first[1] + 1e-7 * abs(first[1])
    best = next(found for found in reversed(candidates) if found[1] <= acceptable)
    best = min(best, rounded(np.inf), key=lambda found: found[1])
    return Feasible(best[0], best[1], _violation(V, W))


def _violation(V: np.ndarray, W: np.ndarray) -> float:
    """How far matrices are from being sums of neurons, relative to the larger of their norms; 0 where they are."""
    largest = max(float(np.linalg.norm(Z)) for Z in (V, W))
    if largest == 0.0:
        return 0.0
    worst = 0.0
    for Z in (V, W):
        least = float(np.linalg.eigvalsh((Z + Z.T) / 2)[0])
        worst = max(worst, -least, abs(float(np.trace(Z[:-1, :-1]) - Z[-1, -1])))
    return worst / largest


def predictions(form: PolynomialForm, arrays: Mapping[str, np.ndarray], point: Mapping[str, np.ndarray]) -> np.ndarray:
    """The predictions (n, 1) of a point."""
    return np.asarray(evaluate(form.prediction, {**arrays, **point}), dtype=float)[:, None]

"""What a neuron of norm 1 brings at most at a dual point of training, by the semidefinite relaxation.

For L(σ(XU)Vᵀ) + γ/2 (‖U‖² + ‖V‖²) every Λ with ‖Λᵀσ(Xu)‖ ≤ γ for all unit vectors u bounds the optimum over all widths
by −L*(−Λ), whatever the convex loss L. The largest ‖Λᵀσ(Xu)‖² is at most every t with

    t uuᵀ-form − G ⪰ 0,   G = Pᵀ (L Lᵀ + S) P,   L the gains of the products from Λ,

for some S that is nonnegative but on the pairs aᵢbᵢ, where it is free: the products of a neuron are nonnegative, those
of pairs zero. For any Λ and S there is such a t, since multipliers of pairs alone make G as small as wanted on s; so
with the smallest t found, sΛ is feasible for 0 <= s <= γ/√t. Whatever comes in, the price √t is true: signs that are
not allowed are cut off, t is raised until a Cholesky factorization succeeds with the room that rounding needs, and what
the coordinates miss of the samples counts at the most that it could bring. Plain NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cholesky, eigh
from scipy.optimize import minimize_scalar

from reludsl.relaxation.coordinates import Coordinates


@dataclass(frozen=True, eq=False)
class RelaxationDual:
    """`Lam` (n, c), minus a gradient of the losses, and `S`, multipliers of the products of each piece."""

    Lam: np.ndarray
    S: tuple[np.ndarray, ...]


def sample_multipliers(at: Coordinates, piece: int, aa: np.ndarray, ab: np.ndarray, bb: np.ndarray) -> np.ndarray:
    """The multipliers of a piece's products from those (n, n) of all samples' products a with a, a with b, b with b."""
    a, b = at.parts(piece)
    mixed = a.T @ ab @ b
    return np.asarray(a.T @ aa @ a + b.T @ bb @ b + mixed + mixed.T)


def relaxation_price(coordinates: Coordinates, Lam: np.ndarray, S: Sequence[np.ndarray]) -> float:
    """A bound on ‖Λᵀσ(Xu)‖ over all unit vectors u, for Lam (n, c) and S (products, products) for each piece.

    `S` are 2γ times the multipliers of the products, in the units of the coordinates, for the objective above. They
    need neither be symmetric nor have any sign: what they are makes the price tight or loose, never untrue. inf where
    a number is not finite or nothing is proved.
    """
    if Lam.shape[0] != len(coordinates.line) or len(S) != len(coordinates.signs):
        raise ValueError(f"a dual point has {len(coordinates.line)} rows and {len(coordinates.signs)} multipliers")
    if not (np.isfinite(Lam).all() and all(np.isfinite(multipliers).all() for multipliers in S)):
        return np.inf
    live = (coordinates.line >= 0)[:, None]
    size = float(np.abs(np.where(live, Lam, 0.0)).max(initial=0.0))
    if not size:
        return 0.0
    Lam = np.where(live, Lam, 0.0) / size
    gains, squared = coordinates.gathered(Lam), 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for piece, multipliers in enumerate(S):
            found = _greatest(coordinates, piece, gains, multipliers / size / size)
            squared = max(squared, found) if np.isfinite(found) else np.inf
    missed = max(1.0, abs(coordinates.slope)) * float(np.linalg.norm(Lam, axis=1) @ coordinates.deviation)
    price = size * (np.sqrt(squared) * (1 + 1e-12) + missed * (1 + 1e-12))
    return float(price) if np.isfinite(price) else np.inf


def _greatest(coordinates: Coordinates, piece: int, gains: np.ndarray, S: np.ndarray) -> float:
    """A t that is at least ‖Λᵀσ(Xu)‖² for every unit vector u of a piece, by what `gains` (m, 2, c) Λ has; inf if none.

    In (s, w) pairs are worth σ(‖s‖² − ‖Qw‖²): for each σ the least t is an eigenvalue of order r, convex in σ.
    """
    i, r = len(coordinates.whole), coordinates.rank
    L = coordinates.products_of(gains, piece)
    pairs = np.arange(i)
    free = 0.5 * (S[pairs, i + pairs] + S[i + pairs, pairs])
    S = np.maximum(0.5 * (S + S.T), 0.0)
    S[pairs, i + pairs] = S[i + pairs, pairs] = free
    ss, ws, ww = coordinates.inward(S + L @ L.T, piece)
    Q = coordinates.Q[coordinates.whole]
    shift = Q.T @ Q
    R = np.sqrt(0.5) * coordinates.sizes
    size = float(np.linalg.norm(ss) + np.linalg.norm(ww) + np.linalg.norm(ws)) + 1e-200
    if not size < 1e150:
        return np.inf  # its square overflows
    values, vectors = eigh(-ss) if i else (np.zeros(0), np.zeros((0, 0)))
    C = vectors.T @ ws.T

    def least(sigma: float) -> float:
        K = sigma * shift + ww + C.T @ (C / np.maximum(values + sigma, 1e-300)[:, None])
        K = R[:, None] * K * R
        return float(np.linalg.eigvalsh(0.5 * (K + K.T))[-1]) if np.isfinite(K).all() else np.inf

    start = max(0.0, -float(values.min(initial=0.0))) + 1e-14 * size
    steps = np.concatenate([[0.0], size * 10.0 ** np.arange(-12, 0.5, 0.5)])
    found = [least(start + step) for step in steps]
    k = int(np.argmin(found))
    sigma, t = start + steps[k], found[k]
    ends = np.log(max(steps[max(k - 1, 0)], 1e-14 * size)), np.log(steps[min(k + 1, len(steps) - 1)])
    finer = minimize_scalar(lambda z: least(start + np.exp(z)), bounds=ends, method="bounded", options={"xatol": 1e-3})
    if finer.fun < t:
        sigma, t = start + float(np.exp(finer.x)), float(finer.fun)
    if not np.isfinite(t):
        return np.inf
    # In units in which t uuᵀ is t times the identity: positive definite by Cholesky (Rump 2006), with all that sums,
    # products and the factorization itself may have lost.
    M = np.empty((i + r, i + r))
    M[:i, :i] = sigma * np.eye(i) - ss
    M[i:, :i] = -ws
    M[i:, i:] = -ww - sigma * shift
    unit = 2.0**-52
    entries = float(np.linalg.norm(np.abs(S) + np.abs(L) @ np.abs(L).T)) + sigma
    room = unit * (4 * len(S) + L.shape[1] + r + 20) * (1 + np.sqrt(r)) ** 2 * entries
    steepness = 1.0 / R**2  # w ↦ ‖u‖²
    t, more, diagonal = max(t, 0.0), 0.0, np.arange(i + r)
    # σ absorbs the room that s needs, so that t has to grow by little.
    M[diagonal[:i], diagonal[:i]] += 4 * room
    M[i:, i:] -= 4 * room * shift
    for _ in range(60):
        raised = M.copy()
        raised[diagonal[i:], diagonal[i:]] += (t + more) * steepness
        raised[diagonal, diagonal] -= room + unit * (i + r + 4) * float(np.abs(raised[diagonal, diagonal]).sum())
        try:
            cholesky(raised, lower=True, check_finite=False, overwrite_a=True)
        except LinAlgError:
            more = max(4 * more, 1e-14 * t, 1e-14 * size * float((R**2).max(initial=0.0)))
        else:
            return (t + more) * (1 + 1e-12)
    return np.inf

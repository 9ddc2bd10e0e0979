"""By how much a linear function can fall on the perturbation sets of the samples: h_k(c) = max −c·δ over δ in it.

`BoxSpread` is h_k(c) = Σ_j H_kj |c_j|, the spread of a box around each sample, `BallSpread` h(c) = ‖r∘c‖₂, that of an
ellipsoid. Widths of 0 are those of entries that nothing perturbs, such as the bias. For interior-point methods a spread
is the least N_k t over local variables t that with v lie in a cone: t_j ≥ |v_j| for a box, t ≥ ‖r∘v‖₂ for a ball.
Plain NumPy: the classes stand word for word in generated code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reludsl.cones.interior import Nonnegative, SecondOrder


@dataclass
class Reduced:
    """The quadratic form of a scaled cone in (v, t), where t = G v + t′ for some G: a part in v and one in t′.

    That in v has the `diagonal` (b, d) and, where there is one, the product of `low` (b, d) with itself times `weight`
    (b,); that in t′ has the diagonal `stiffness` (b, L). `tilt` is what G is made of.
    """

    diagonal: np.ndarray
    stiffness: np.ndarray
    tilt: np.ndarray
    low: np.ndarray | None = None
    weight: np.ndarray | None = None


class BoxSpread:
    """h_k(c) = Σ_j H_kj |c_j| with half-widths H (n, d), or (1, d) where all samples have the same."""

    def __init__(self, widths: np.ndarray) -> None:
        self.widths = np.atleast_2d(np.asarray(widths, dtype=float))
        if len(self.widths) > 1 and np.all(self.widths == self.widths[0]):
            self.widths = self.widths[:1]
        self.moved = np.flatnonzero(self.widths.any(axis=0))
        self.rows = np.ascontiguousarray(self.widths[:, self.moved])

    @property
    def cone(self) -> type[Nonnegative]:
        """The kind of the cones in which slacks lie."""
        return Nonnegative

    def of(self, samples: np.ndarray) -> BoxSpread:
        """The spreads of some of the samples."""
        return self if len(self.widths) == 1 else BoxSpread(self.widths[samples])

    def with_still_entry(self) -> BoxSpread:
        """The spreads of vectors with a further last entry, which nothing perturbs."""
        return BoxSpread(np.pad(self.widths, ((0, 0), (0, 1))))

    def values(self, C: np.ndarray) -> np.ndarray:
        """h_k(c_k) of the slopes of each sample, C (n, d)."""
        return np.asarray((np.abs(C) * self.widths).sum(axis=1))

    def each(self, U: np.ndarray) -> np.ndarray:
        """h_k(u) of rows U (m, d), for each sample: (m, n), or (m, 1) where it is the same for all."""
        return np.asarray(np.abs(U) @ self.widths.T)

    def subgradient(self, C: np.ndarray) -> np.ndarray:
        """A subgradient of h_k at c_k, (n, d)."""
        return np.asarray(np.sign(C) * self.widths)

    def clipped(self, across: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Points near `across` (n, d) that are subgradients of scale_k h_k at 0, scale (n,) nonnegative."""
        most = scale[:, None] * self.widths
        return np.asarray(np.clip(across, -most, most))

    def shrunk(self, V: np.ndarray, multipliers: np.ndarray) -> np.ndarray:
        """The proximal operator of Σ_k λ_k h_k at rows V (m, d), λ (m, n) nonnegative."""
        totals = multipliers.sum(axis=1, keepdims=True) if len(self.widths) == 1 else multipliers
        return np.asarray(np.sign(V) * np.maximum(np.abs(V) - totals @ self.widths, 0.0))

    def slacks(self, V: np.ndarray, t: np.ndarray) -> np.ndarray:
        """t − v and t + v of the entries that move, linear in V (b, d) and t (b, L)."""
        return np.concatenate([t - V[:, self.moved], t + V[:, self.moved]], axis=1)

    def adjoint(self, q: np.ndarray, d: int) -> tuple[np.ndarray, np.ndarray]:
        """The transpose of `slacks`: (b, d) and (b, L)."""
        left, right = np.split(q, 2, axis=1)
        back = np.zeros((len(q), d))
        back[:, self.moved] = right - left
        return back, left + right

    def above(self, V: np.ndarray, room: np.ndarray) -> np.ndarray:
        """Local variables t that are `room` (b, L) inside of their bounds."""
        return np.asarray(np.abs(V[:, self.moved]) + room)

    def centered(self, V: np.ndarray, center: np.ndarray) -> np.ndarray:
        """The t whose centered multipliers have the sum μ / center, center (b, L)."""
        return np.asarray(center + np.hypot(center, V[:, self.moved]))

    def reduced(self, scaled: Nonnegative) -> Reduced:
        """The quadratic form of the scaling."""
        left, right = np.split(scaled.z / scaled.s, 2, axis=1)
        total = left + right
        diagonal = np.zeros((len(total), self.widths.shape[1]))
        diagonal[:, self.moved] = 4.0 * (left / total) * right
        return Reduced(diagonal, total, (left - right) / total)

    def tilted(self, part: Reduced, V: np.ndarray) -> np.ndarray:
        """G v for V (b, d): (b, L)."""
        return np.asarray(part.tilt * V[:, self.moved])

    def tilted_back(self, part: Reduced, t: np.ndarray) -> np.ndarray:
        """Gᵀ t for t (b, L): (b, d)."""
        back = np.zeros((len(t), self.widths.shape[1]))
        back[:, self.moved] = part.tilt * t
        return back


class BallSpread:
    """h(c) = ‖r∘c‖₂ with radii r (d,), the same for all samples."""

    def __init__(self, radii: np.ndarray) -> None:
        self.radii = np.asarray(radii, dtype=float)
        self.rows = np.ones((1, 1))

    @property
    def cone(self) -> type[SecondOrder]:
        """The kind of the cones in which slacks lie."""
        return SecondOrder

    def of(self, samples: np.ndarray) -> BallSpread:
        """The spreads of some of the samples."""
        return self

    def with_still_entry(self) -> BallSpread:
        """The spreads of vectors with a further last entry, which nothing perturbs."""
        return BallSpread(np.append(self.radii, 0.0))

    def values(self, C: np.ndarray) -> np.ndarray:
        """h(c_k) of the slopes of each sample, C (n, d)."""
        return np.asarray(np.linalg.norm(self.radii * C, axis=1))

    def each(self, U: np.ndarray) -> np.ndarray:
        """h(u) of rows U (m, d), the same for all samples: (m, 1)."""
        return np.asarray(np.linalg.norm(self.radii * U, axis=1, keepdims=True))

    def subgradient(self, C: np.ndarray) -> np.ndarray:
        """A subgradient of h at c_k, (n, d)."""
        lengths = self.each(C)
        return np.asarray(self.radii**2 * np.divide(C, lengths, out=np.zeros_like(C), where=lengths > 0))

    def clipped(self, across: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Points near `across` (n, d) that are subgradients of scale_k h at 0, scale (n,) nonnegative."""
        moved = self.radii > 0
        inside = np.where(moved, across, 0.0)
        lengths = np.linalg.norm(inside / np.where(moved, self.radii, 1.0), axis=1)
        return np.asarray(inside * np.minimum(1.0, scale / np.maximum(lengths, 1e-300))[:, None])

    def shrunk(self, V: np.ndarray, multipliers: np.ndarray) -> np.ndarray:
        """The proximal operator of Σ_k λ_k h at rows V (m, d), λ (m, n) nonnegative."""
        # V less θ with ‖θ / r‖ ≤ Σλ. At the optimum θ = V w / (ν + w), w = Σλ r², for the ν with ‖θ / r‖ = Σλ: the
        # root of a secular equation, which Newton's method for 1 / ‖·‖ reaches from the left (Moré, Sorensen 1983).
        totals = multipliers.sum(axis=1)
        scaled = self.radii * V
        weights = totals[:, None] * self.radii**2
        nu = np.zeros(len(V))
        moved = (self.radii > 0) & (totals[:, None] > 0)
        for _ in range(50):
            parts = np.divide(scaled, nu[:, None] + weights, out=np.zeros_like(V), where=moved)
            lengths = np.linalg.norm(parts, axis=1)
            long = lengths > 1.0 + 1e-15
            slopes = np.divide(parts**2, nu[:, None] + weights, out=np.zeros_like(V), where=moved).sum(axis=1)
            change = np.divide(lengths**2 * (lengths - 1.0), slopes, out=np.zeros_like(nu), where=long)
            nu += change
            if not np.any(change > 1e-14 * nu):
                break
        parts = np.divide(scaled, nu[:, None] + weights, out=np.zeros_like(V), where=moved)
        parts /= np.maximum(np.linalg.norm(parts, axis=1), 1.0)[:, None]  # whatever ν is, the result is no less than V
        return np.asarray(V - totals[:, None] * self.radii * parts)

    def slacks(self, V: np.ndarray, t: np.ndarray) -> np.ndarray:
        """t and r∘v, linear in V (b, d) and t (b, 1)."""
        return np.concatenate([t, self.radii * V], axis=1)

    def adjoint(self, q: np.ndarray, d: int) -> tuple[np.ndarray, np.ndarray]:
        """The transpose of `slacks`: (b, d) and (b, 1)."""
        return self.radii * q[:, 1:], q[:, :1]

    def above(self, V: np.ndarray, room: np.ndarray) -> np.ndarray:
        """Local variables t that are `room` (b, 1) inside of their bounds."""
        return np.asarray(self.each(V) + room)

    def centered(self, V: np.ndarray, center: np.ndarray) -> np.ndarray:
        """The t whose centered multiplier is about μ / center, center (b, 1)."""
        return np.asarray(center + np.hypot(center, self.each(V)))

    def reduced(self, scaled: SecondOrder) -> Reduced:
        """The quadratic form of the scaling."""
        squares = scaled.eta**-2
        stiff = 2.0 * scaled.head**2 - 1.0
        low = self.radii * scaled.tail
        tilt = (2.0 * scaled.head / stiff)[:, None] * low
        return Reduced(squares[:, None] * self.radii**2, (stiff * squares)[:, None], tilt, low, -2.0 * squares / stiff)

    def tilted(self, part: Reduced, V: np.ndarray) -> np.ndarray:
        """G v for V (b, d): (b, 1)."""
        return np.asarray(np.einsum("bd,bd->b", part.tilt, V)[:, None])

    def tilted_back(self, part: Reduced, t: np.ndarray) -> np.ndarray:
        """Gᵀ t for t (b, 1): (b, d)."""
        return np.asarray(part.tilt * t)

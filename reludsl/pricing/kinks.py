"""What neurons bring over samples, as a function of their direction: a linear part and kinks, in as few as there are.

    zᵀσ(Xu) = linear·c + Σ_k weights_k (rows_k·c)₊    for u = basis c

In the space of the samples, with one kink for all samples on a line through the origin. Plain NumPy: the functions
stand word for word in generated code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Kinks:
    """The function of the reduced direction; for unit vectors u it is that of the samples up to `missed`.

    `rows` (m, r) are unit vectors, `basis` (d, r) has orthonormal columns. Directions orthogonal to it bring nothing.
    """

    rows: np.ndarray
    weights: np.ndarray
    linear: np.ndarray
    basis: np.ndarray
    missed: float

    @property
    def rank(self) -> int:
        return int(self.rows.shape[1])

    @property
    def size(self) -> float:
        """A Lipschitz constant, and so a bound on the unit ball."""
        return float(np.abs(self.weights).sum() + np.linalg.norm(self.linear))

    def values(self, c: np.ndarray) -> np.ndarray:
        """The function at the columns of c (r, k): (k,)."""
        return np.asarray(self.linear @ c + self.weights @ np.maximum(self.rows @ c, 0.0))


def kinks(X: np.ndarray, z: np.ndarray, slope: float = 0.0) -> Kinks:
    """Those of samples X (n, d) at z (n,), for the activation max(t, 0) + slope · min(t, 0).

    Of w σ(t) a kink has (1 − slope) w t₊, the rest is linear; and (−t)₊ = t₊ − t, so that both ends of a line share it.
    """
    lengths = np.linalg.norm(X, axis=1)
    kept = (lengths > 0) & (z != 0)
    unit, sizes = X[kept] / lengths[kept, None], z[kept] * lengths[kept]
    if not len(unit):
        return Kinks(np.zeros((0, 0)), np.zeros(0), np.zeros(0), np.zeros((X.shape[1], 0)), 0.0)
    singular_values, directions = np.linalg.svd(unit, full_matrices=False)[1:]
    basis = directions[singular_values > 1e-10 * singular_values[0]].T
    reduced = unit @ basis
    reduced /= np.linalg.norm(reduced, axis=1)[:, None]
    rounded = np.round(reduced, 9)
    ahead = np.sign(rounded[np.arange(len(rounded)), np.argmax(np.abs(rounded) > 1e-3, axis=1)])
    first, line = np.unique(rounded * ahead[:, None] + 0.0, axis=0, return_index=True, return_inverse=True)[1:]
    rows, line = reduced[first] * ahead[first, None], line.reshape(-1)
    linear = (slope * sizes + (1.0 - slope) * np.where(ahead < 0, sizes, 0.0)) @ reduced
    weights = (1.0 - slope) * np.bincount(line, sizes, minlength=len(rows))
    apart = np.linalg.norm(unit - ahead[:, None] * (rows @ basis.T)[line], axis=1)
    left = np.linalg.norm(unit - reduced @ basis.T, axis=1)
    steepness = max(1.0, abs(slope)) + abs(1.0 - slope) + abs(slope)
    missed = steepness * float(np.abs(sizes) @ (apart + left + 2.0**-50 * X.shape[1]))
    counted = weights != 0
    return Kinks(rows[counted], weights[counted], linear, basis, missed)

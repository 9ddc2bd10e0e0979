"""Projection onto the cones of activation patterns, K = {u : e_k x_kᵀu ≥ 0 for all k} with signs e_k = ±1.

Π_K(c) = c + Aᵀλ, where A has the rows e_k x_k and λ ≥ 0 minimizes ‖c + Aᵀλ‖ (Moreau). Any λ ≥ 0 gives an upper bound
‖c + Aᵀλ‖ on ‖Π_K(c)‖, so bounds that are built on these norms stay true when the least-squares solver is inexact.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls


class PatternCones:
    """The cones of the patterns D (n, P) over the samples X (n, d). Rows are scaled to unit length: same cones."""

    def __init__(self, X: np.ndarray, D: np.ndarray) -> None:
        lengths = np.linalg.norm(X, axis=1)
        rows = lengths > 0
        self._unit = X[rows] / lengths[rows, None]
        self._signs = np.where(D[rows], 1.0, -1.0)

    def project(self, column: np.ndarray, pattern: int) -> np.ndarray:
        """Π_K(c) for a column (d,) and the index of its pattern; 0, which every cone holds, where NNLS fails."""
        projected = self._with_multipliers(column, pattern)
        return np.zeros_like(column) if projected is None else projected

    def norm_bound(self, column: np.ndarray, pattern: int) -> float:
        """‖Π_K(c)‖, or where NNLS fails ‖c‖, which is no smaller."""
        projected = self._with_multipliers(column, pattern)
        return float(np.linalg.norm(column if projected is None else projected))

    def _with_multipliers(self, column: np.ndarray, pattern: int) -> np.ndarray | None:
        """c + Aᵀλ for the best λ ≥ 0 that is found; None when the iteration limit was met."""
        A = self._signs[:, pattern, None] * self._unit
        size = float(np.linalg.norm(column))
        if size == 0.0 or (A @ column >= 0).all():
            return column
        try:
            multipliers, _ = nnls(A.T, -column / size, maxiter=30 * sum(A.shape))
        except RuntimeError:
            return None
        projected = column + size * (A.T @ multipliers)
        # Below the rounding of the subtraction nothing is left but noise: the cone has no such direction.
        return projected if np.linalg.norm(projected) > 1e-12 * size else np.zeros_like(column)

    def violation(self, *blocks: np.ndarray) -> float:
        """The largest violation of blocks of columns (d, P), one a pattern, relative to the longest column of all.

        0 when all hold.
        """
        longest = max(float(np.linalg.norm(columns, axis=0).max(initial=0.0)) for columns in blocks)
        if longest == 0.0:
            return 0.0
        worst = min(float((self._signs * (self._unit @ columns)).min(initial=0.0)) for columns in blocks)
        return max(0.0, -worst / longest)

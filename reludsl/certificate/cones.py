"""What a certificate asks of the cones of activation patterns: feasible blocks, and by how much others are outside."""

from __future__ import annotations

import numpy as np

from reludsl.cones import ConeProjector


class PatternCones:
    """The cones of the patterns D (n, P) over the samples X (n, d)."""

    def __init__(self, X: np.ndarray, D: np.ndarray) -> None:
        self.projector = ConeProjector(np.asarray(X, dtype=float), np.asarray(D, dtype=bool))

    def project(self, columns: np.ndarray) -> np.ndarray:
        """The columns (d, P), one a pattern, projected onto their cones."""
        count = columns.shape[1]
        supports = self.projector.no_supports(count)
        return self.projector.project(columns.T, np.arange(count), supports)[0].T

    def norm_bounds(self, columns: np.ndarray, patterns: np.ndarray, threshold: float) -> np.ndarray:
        """Bounds (m,) on the lengths of projections of columns (d, m), exact where they are above the threshold."""
        supports = self.projector.no_supports(len(patterns))
        return self.projector.project(columns.T, patterns, supports, threshold)[1]

    def violation(self, *blocks: np.ndarray) -> float:
        """The largest violation of blocks of columns (d, P), one a pattern, relative to the longest column of all.

        0 when all hold.
        """
        longest = max(float(np.linalg.norm(columns, axis=0).max(initial=0.0)) for columns in blocks)
        if longest == 0.0:
            return 0.0
        products = (self.projector.sides * (columns.T @ self.projector.unit.T) for columns in blocks)
        return max(0.0, -min(float(product.min(initial=0.0)) for product in products) / longest)

"""What a certificate asks of the cones of activation patterns: feasible blocks, and by how much others are outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from reludsl.cones import ConeProjector, Supports


class PatternCones:
    """The cones of the patterns D (n, P) over the samples X (n, d)."""

    def __init__(self, X: np.ndarray, D: np.ndarray) -> None:
        self.projector = ConeProjector(np.asarray(X, dtype=float), np.asarray(D, dtype=bool))

    def project(self, columns: np.ndarray) -> np.ndarray:
        """The columns (d, P), one a pattern, projected onto their cones."""
        projected = np.zeros_like(columns)
        nonzero = np.flatnonzero(columns.any(axis=0))
        supports = self.projector.no_supports(len(nonzero))
        projected[:, nonzero] = self.projector.project(columns[:, nonzero].T, nonzero, supports)[0].T
        return projected

    def norm_bounds(
        self, columns: np.ndarray, patterns: np.ndarray, threshold: float, expected: Supports | None = None
    ) -> np.ndarray:
        """Bounds (m,) on the lengths of projections of columns (d, m), exact where they are above the threshold.

        `expected` may say where the projections are supposed to be: any multipliers λ ≥ 0 prove a bound, so wrong ones
        cost time and nothing else.
        """
        bounds = np.full(len(patterns), np.inf)
        supports = replace(self.projector.no_supports(len(patterns)), inverses=None)
        if expected is not None:
            inside = expected.used & (expected.rows >= 0) & (expected.rows < len(self.projector.unit))
            rows = np.where(inside, expected.rows, 0)
            proving = inside & np.isfinite(expected.multipliers) & (expected.multipliers > 0)
            multipliers = np.where(proving, expected.multipliers, 0.0)
            for block, pattern in enumerate(patterns):
                used = proving[block]
                weights = multipliers[block, used] * self.projector.sides[pattern, rows[block, used]]
                bounds[block] = np.linalg.norm(columns[:, block] + weights @ self.projector.unit[rows[block, used]])
                if not bounds[block] <= threshold:
                    known = np.unique(rows[block, inside[block]])[: supports.rows.shape[1]]
                    supports.rows[block, : len(known)], supports.used[block, : len(known)] = known, True
        left = np.flatnonzero(~(bounds <= threshold))
        part = supports.of(left)
        bounds[left] = self.projector.project(columns[:, left].T, patterns[left], part, threshold)[1]
        return bounds

    def violation(self, *blocks: np.ndarray) -> float:
        """The largest violation of blocks of columns (d, P), one a pattern, relative to the longest column of all.

        0 when all hold.
        """

        def room(columns: np.ndarray, patterns: np.ndarray) -> np.ndarray:
            return np.asarray(self.projector.sides[patterns] * (columns.T @ self.projector.unit.T))

        return largest_violation(blocks, room)


def largest_violation(blocks: tuple[np.ndarray, ...], room: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> float:
    """The largest violation of blocks of columns (d, P), one a pattern, relative to the longest; 0 when all hold.

    `room` tells of columns (d, m) and their patterns (m,) how far they are inside of their cones, below 0 outside.
    """
    longest = max(float(np.linalg.norm(columns, axis=0).max(initial=0.0)) for columns in blocks)
    if longest == 0.0:
        return 0.0
    worst = 0.0
    for columns in blocks:
        nonzero = np.flatnonzero(columns.any(axis=0))
        worst = min(worst, float(room(columns[:, nonzero], nonzero).min(initial=0.0)))
    return -worst / longest

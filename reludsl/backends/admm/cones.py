"""The two ways of the ADMM to keep columns in their cones, and the price of columns at a dual point.

`SplitCones` is the published way: G u = s with s >= 0, a row for every sample and column. `ExactCones` needs no such
arrays: columns are projected, starting from the supports of the last projection. Both pass over the samples or the
columns in pieces, so that no temporary array has as many entries as samples times columns. Plain NumPy: it stands word
for word in scripts.
"""

from __future__ import annotations

import numpy as np

from reludsl.cones.projection import ConeProjector
from reludsl.ir.pattern_problem import PatternProblem


class SplitCones:
    """G u = E_i Xs u_i, with E_i = 2 D_i - I, and the updates of s and its scaled multiplier nu."""

    def __init__(self, Xs: np.ndarray, masks: np.ndarray, columns: int) -> None:
        self.Xs, self.columns = Xs, columns
        self.E = np.where(masks, 1.0, -1.0).astype(Xs.dtype)
        rows = max(1, 2**18 // columns)
        self.pieces = [slice(first, first + rows) for first in range(0, len(Xs), rows)]

    def times(self, u: np.ndarray, rows: slice) -> np.ndarray:
        """Some rows of G u, an array (rows, columns)."""
        return self._signed(self.Xs[rows] @ u, rows)

    def adjoint(self, s: np.ndarray) -> np.ndarray:
        """G^T s, an array like u."""
        total = np.zeros((self.Xs.shape[1], self.columns), dtype=self.Xs.dtype)
        for rows in self.pieces:
            total += self.Xs[rows].T @ self._signed(s[rows].copy(), rows)
        return total

    def update(
        self, u: np.ndarray, s: np.ndarray, nu: np.ndarray, relaxation: float, dual_step: float, measured: bool
    ) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
        """Moves s and nu, in place. Returns G^T of both and, if `measured`, the norms of G u - s, of G u and of s."""
        pulls = np.zeros((2, self.Xs.shape[1], self.columns), dtype=self.Xs.dtype)
        squares = np.zeros(3)
        for rows in self.pieces:
            Gu, part, multiplier = self.times(u, rows), s[rows], nu[rows]
            moved = relaxation * Gu + (1 - relaxation) * part
            part[:] = np.maximum(moved + multiplier, 0.0)
            multiplier += dual_step * (moved - part)
            if measured:
                squares += [np.vdot(a, a) for a in (Gu - part, Gu, part)]
            pulls[0] += self.Xs[rows].T @ self._signed(part.copy(), rows)
            pulls[1] += self.Xs[rows].T @ self._signed(multiplier.copy(), rows)
        first, second, third = np.sqrt(squares)
        return pulls[0], pulls[1], (float(first), float(second), float(third))

    def _signed(self, rows_of_all: np.ndarray, rows: slice) -> np.ndarray:
        E = self.E[rows]
        by_pattern = rows_of_all.reshape(len(E), -1, E.shape[1])
        by_pattern *= E[:, None, :]
        return rows_of_all


class ExactCones:
    """Projections of all columns of a problem onto their cones, in double precision, with supports that are kept."""

    def __init__(self, projector: ConeProjector, columns: int) -> None:
        self.projector = projector
        patterns, samples = projector.sides.shape
        self.patterns = np.arange(columns) % patterns
        self.supports = projector.no_supports(columns)
        self.piece = max(1, 2**22 // max(samples, 1))

    def project(self, u: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
        """The projections of the columns of u (d, columns), and their lengths.

        Columns whose projection is no longer than the threshold are 0, and their lengths bounds within the threshold.
        """
        C = np.ascontiguousarray(u.T, dtype=float)
        lengths: np.ndarray = np.linalg.norm(C, axis=1)
        long = np.flatnonzero(lengths > threshold)
        out = np.zeros_like(C)
        for first in range(0, len(long), self.piece):
            some = long[first : first + self.piece]
            part = self.supports.of(some)
            out[some], lengths[some] = self.projector.project(C[some], self.patterns[some], part, threshold)
            self.supports.put(some, part)
        return out.T, lengths


class Pricing:
    """Lower bounds on the optimum from dual points; the best one is kept, with its point."""

    def __init__(self, problem: PatternProblem, projector: ConeProjector | None) -> None:
        self.problem = problem
        self.cones = None if projector is None else ExactCones(projector, problem.columns)
        self.bound, self.dual = -np.inf, np.zeros_like(problem.Y)

    def price(self, z: np.ndarray) -> None:
        """Takes the bound of a point (n, c) that need not be dual feasible."""
        problem = self.problem
        z = problem.admissible(z)
        C = problem.adjoint(z)
        if self.cones is None:
            prices: np.ndarray = np.linalg.norm(C, axis=0)
        else:
            _, prices = self.cones.project(C, problem.group)
        value = max(problem.dual_value(z, prices, share) for share in (0.25, 0.5, 0.75, 0.9, 1.0))
        if value > self.bound:
            self.bound, self.dual = value, z

"""The projection of many columns onto the cones of their patterns, K = {u : e_k x_kᵀu ≥ 0 for all k}, e_k = ±1.

Π_K(c) = c + Aᵀλ, where A has the rows e_k x_k and λ ≥ 0 minimizes ‖c + Aᵀλ‖ (Moreau). It is found by an active set:
rows that are violated most join the support of a block, λ on the support solves its normal equations, and rows whose
multiplier would become negative leave it (Lawson, Hanson 1974). All blocks advance together, so that a step is one
product with the samples and one batch of small linear systems. Supports are kept: a later call for the same blocks
starts from them.

‖c + Aᵀλ‖ falls from step to step and bounds ‖Π_K(c)‖ from above for every λ ≥ 0, so a block may stop as soon as the
bound is below what is asked for. Plain NumPy and SciPy: the class stands word for word in generated code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls


@dataclass
class Supports:
    """For each block the rows of its support (m, K), which of these places are in use, and their multipliers."""

    rows: np.ndarray
    used: np.ndarray
    multipliers: np.ndarray

    def of(self, blocks: np.ndarray) -> Supports:
        """A copy for some of the blocks."""
        return Supports(self.rows[blocks], self.used[blocks], self.multipliers[blocks])

    def put(self, blocks: np.ndarray, part: Supports) -> None:
        """Takes the supports of some of the blocks over."""
        self.rows[blocks], self.used[blocks], self.multipliers[blocks] = part.rows, part.used, part.multipliers


class ConeProjector:
    """The cones of the patterns `masks` (n, P) over the samples X (n, d).

    Rows are scaled to unit length, which leaves the cones as they are, and rows of zeros are left out.
    """

    def __init__(self, X: np.ndarray, masks: np.ndarray) -> None:
        lengths = np.linalg.norm(X, axis=1)
        nonzero = lengths > 0
        self.unit = X[nonzero] / lengths[nonzero, None]
        self.sides = np.ascontiguousarray(np.where(masks[nonzero], 1.0, -1.0).T)

    def no_supports(self, blocks: int) -> Supports:
        """Supports to begin with."""
        shape = (blocks, min(self.unit.shape))
        return Supports(np.zeros(shape, dtype=int), np.zeros(shape, dtype=bool), np.zeros(shape))

    def project(
        self, C: np.ndarray, patterns: np.ndarray, supports: Supports, threshold: float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Π_K(c) for the rows c of C (m, d) and their patterns (m,): the projections (m, d) and their norms (m,).

        Where the norm is at most `threshold` the projection is given as 0, and the norm as a bound that is no larger
        than the threshold. `supports` are read as a start and overwritten. No cone is violated by more than 1e-11 of
        the length of the projection.
        """
        U, norms = C.copy(), np.linalg.norm(C, axis=1)
        sizes = norms.copy()
        least = np.maximum(threshold, 1e-13 * sizes)  # below the rounding of the subtraction nothing is left but noise
        live = np.flatnonzero(norms > least)
        warm = live[supports.used[live].any(axis=1)]
        self._settle(C, patterns, supports, warm, U, norms)
        unresolved = []
        for _ in range(20 + 4 * supports.rows.shape[1]):
            live = live[norms[live] > least[live]]
            if not len(live):
                break
            products = (U[live] @ self.unit.T) * self.sides[patterns[live]]
            worst = products.min(axis=1, initial=0.0)
            violated = worst < -1e-11 * norms[live]
            live, products, worst = live[violated], products[violated], worst[violated]
            if not len(live):
                break
            grown = self._add_worst(products, worst, supports, live)
            unresolved.append(live[~grown])  # a full support that leaves more than 0 has dependent rows
            live = live[grown]
            self._settle(C, patterns, supports, live, U, norms)
        else:
            unresolved.append(live[norms[live] > least[live]])
        for block in np.concatenate([live[:0], *unresolved]):
            alone = self._one(C[block], int(patterns[block]))
            # Where that fails too: 0, which every cone holds, and the length of the column, which is no smaller.
            U[block], norms[block] = (0.0, sizes[block]) if alone is None else (alone, np.linalg.norm(alone))
            supports.used[block] = False
        small = norms <= least
        U[small] = 0.0
        return U, norms

    def _add_worst(self, products: np.ndarray, worst: np.ndarray, supports: Supports, live: np.ndarray) -> np.ndarray:
        """Adds to each support up to three rows violated by at least 0.3 of the worst; False where it is full."""
        count = min(3, products.shape[1])
        places = np.argpartition(products, count - 1, axis=1)[:, :count]
        values = np.take_along_axis(products, places, axis=1)
        grown = np.zeros(len(live), dtype=bool)
        for a in range(count):
            free = ~supports.used[live]
            wanted = (values[:, a] <= 0.3 * worst) & free.any(axis=1)
            blocks, place = live[wanted], free.argmax(axis=1)[wanted]
            supports.rows[blocks, place] = places[wanted, a]
            supports.multipliers[blocks, place] = 0.0
            supports.used[blocks, place] = True
            grown |= wanted
        return grown

    def _settle(
        self,
        C: np.ndarray,
        patterns: np.ndarray,
        supports: Supports,
        blocks: np.ndarray,
        U: np.ndarray,
        norms: np.ndarray,
    ) -> None:
        """Solves for the multipliers on the supports; rows whose multiplier would turn negative leave, step by step."""
        while len(blocks):
            width = int(supports.used[blocks].sum(axis=1).max(initial=0))
            self._compact(supports, blocks)
            rows, used = supports.rows[blocks, :width], supports.used[blocks, :width]
            signs = np.take_along_axis(self.sides[patterns[blocks]], rows, axis=1) * used
            A = self.unit[rows] * signs[:, :, None]
            gram = A @ A.transpose(0, 2, 1)
            gram[:, range(width), range(width)] += np.where(used, 1e-14, 1.0)
            solution = np.linalg.solve(gram, -(A @ C[blocks][:, :, None]))[:, :, 0]
            projected = C[blocks] + (solution[:, None, :] @ A)[:, 0]
            solution += np.linalg.solve(gram, -(A @ projected[:, :, None]))[:, :, 0]  # the Gram matrix squares errors
            before = supports.multipliers[blocks, :width]
            negative = used & (solution <= 0)
            fine = ~negative.any(axis=1)
            with np.errstate(divide="ignore", invalid="ignore"):
                ratios = np.where(negative, before / (before - solution), np.inf)
            ratios = np.where(negative & ~np.isfinite(ratios), 0.0, ratios)
            step = np.minimum(1.0, ratios.min(axis=1, initial=np.inf))[:, None]
            moved = np.where(used, before + step * (solution - before), 0.0)
            leaving = negative & (ratios <= step)
            supports.multipliers[blocks, :width] = np.where(leaving, 0.0, np.maximum(moved, 0.0))
            supports.used[blocks, :width] = used & ~leaving
            settled = blocks[fine]
            U[settled] = C[settled] + (solution[fine][:, None, :] @ A[fine])[:, 0]
            norms[settled] = np.linalg.norm(U[settled], axis=1)
            blocks = blocks[~fine]

    def _compact(self, supports: Supports, blocks: np.ndarray) -> None:
        """Moves the places in use to the front."""
        order = np.argsort(~supports.used[blocks], axis=1, kind="stable")
        for array in (supports.rows, supports.used, supports.multipliers):
            array[blocks] = np.take_along_axis(array[blocks], order, axis=1)

    def _one(self, column: np.ndarray, pattern: int) -> np.ndarray | None:
        """Π_K(c) of one column by nonnegative least squares; None where that meets its limit."""
        A = self.sides[pattern][:, None] * self.unit
        size = float(np.linalg.norm(column))
        try:
            multipliers, _ = nnls(A.T, -column / size, maxiter=30 * sum(A.shape))
        except RuntimeError:
            return None
        return np.asarray(column + size * (A.T @ multipliers))

"""The projection of many columns onto the cones of their patterns, K = {u : e_k x_kᵀu ≥ 0 for all k}, e_k = ±1.

Π_K(c) = c + Aᵀλ, where A has the rows e_k x_k and λ ≥ 0 minimizes ‖c + Aᵀλ‖ (Moreau). It is found by a dual active set
(Goldfarb, Idnani 1983): the row that is violated most enters the support of a block, multipliers of other rows that
reach 0 on the way leave it. With A the rows of the support and B its pseudoinverse, transposed, every entry and every
departure is one update of rank one: of a row a that enters, w = B a is what the other multipliers lose and v = a − Aᵀw
the direction in which the column moves. All blocks advance together, so that a step is a few array operations.

Supports are kept: a later call for the same blocks starts from them. ‖c + Aᵀλ‖ falls from step to step and bounds
‖Π_K(c)‖ from above for every λ ≥ 0, so a block stops as soon as the bound is below what is asked for; often the last
λ, scaled, is enough. Where there are no more rows than dimensions and many of them, the cones are simplicial and block
principal pivoting changes whole supports at once. Plain NumPy and SciPy: the classes stand word for word in generated
code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import nnls

from reludsl.cones.rows import distinct_halfspaces


@dataclass
class Supports:
    """For each block the rows of its support (m, K), which of these places are in use, and their multipliers.

    `polars` (m, d) are the points Aᵀλ. `inverses` (m, K, d) are the transposed pseudoinverses of the supports, where
    they are kept: it saves time, not results.
    """

    rows: np.ndarray
    used: np.ndarray
    multipliers: np.ndarray
    polars: np.ndarray
    inverses: np.ndarray | None = None

    def of(self, blocks: np.ndarray) -> Supports:
        """A copy for some of the blocks."""
        inverses = None if self.inverses is None else self.inverses[blocks]
        return Supports(self.rows[blocks], self.used[blocks], self.multipliers[blocks], self.polars[blocks], inverses)

    def put(self, blocks: np.ndarray, part: Supports) -> None:
        """Takes the supports of some of the blocks over."""
        self.rows[blocks], self.used[blocks], self.multipliers[blocks] = part.rows, part.used, part.multipliers
        self.polars[blocks] = part.polars
        if self.inverses is not None and part.inverses is not None:
            self.inverses[blocks] = part.inverses


class ConeProjector:
    """The cones of the patterns `masks` (n, P) over the samples X (n, d).

    Rows are scaled to unit length, which leaves the cones as they are. Rows of zeros are left out, and of those that
    bound the same halfspaces all but one, unless `distinct` is False.
    """

    kept_entries = 1 << 24  # inverses are kept from call to call up to this many: 128 MiB
    least_pivoted = 64  # simplicial cones of at least as many rows are projected onto by block principal pivoting
    entries_at_once = 1 << 20  # blocks advance together as long as their arrays have about this many

    def __init__(self, X: np.ndarray, masks: np.ndarray, distinct: bool = True) -> None:
        lengths = np.linalg.norm(X, axis=1)
        nonzero = lengths > 0
        unit, sides = X[nonzero] / lengths[nonzero, None], np.where(masks[nonzero], 1, -1).astype(np.int8)
        kept = distinct_halfspaces(unit, sides) if distinct else np.arange(len(unit))
        self.unit, self.sides = unit[kept], np.ascontiguousarray(sides[kept].T)
        self.places, self.lengths = np.flatnonzero(nonzero)[kept], lengths[nonzero][kept]
        self.gram = self._gram_of_simplicial_cones()

    def _gram_of_simplicial_cones(self) -> np.ndarray | None:
        """The inner products of many rows that are well independent, so that the cones are simplicial; else None."""
        n, d = self.unit.shape
        if not self.least_pivoted <= n <= d:
            return None
        gram = self.unit @ self.unit.T
        eigenvalues = np.linalg.eigvalsh(gram)
        return gram if eigenvalues[0] >= 1e-8 * eigenvalues[-1] else None

    def no_supports(self, blocks: int) -> Supports:
        """Supports to begin with. They keep their inverses where these are not too large."""
        d, K = self.unit.shape[1], min(self.unit.shape)
        kept = self.gram is None and blocks * K * d <= self.kept_entries
        inverses = np.zeros((blocks, K, d)) if kept else None
        flags = np.zeros((blocks, K), dtype=bool)
        return Supports(np.zeros((blocks, K), dtype=int), flags, np.zeros((blocks, K)), np.zeros((blocks, d)), inverses)

    def project(
        self, C: np.ndarray, patterns: np.ndarray, supports: Supports, threshold: float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Π_K(c) for the rows c of C (m, d) and their patterns (m,): the projections (m, d) and their norms (m,).

        Where the norm is at most `threshold` the projection is given as 0, and the norm as a bound that is no larger
        than the threshold. `supports` are read as a start and overwritten. No cone is violated by more than 1e-11 of
        the length of the projection.
        """
        U, norms = np.zeros_like(C), np.linalg.norm(C, axis=1)
        least = np.maximum(threshold, 1e-13 * norms)  # below the rounding of the subtraction nothing is left but noise
        # The last polar point a, scaled as well as can be: min over s ≥ 0 of ‖c + s a‖.
        along = np.minimum(np.einsum("md,md->m", C, supports.polars), 0.0)
        squares = np.einsum("md,md->m", supports.polars, supports.polars)
        shorter = norms**2 - np.divide(along**2, squares, out=np.zeros_like(along), where=squares > 0)
        bounds = np.sqrt(np.maximum(shorter, 0.0))
        pruned = (along < 0) & (norms > least) & (bounds <= least) & (bounds > 1e-7 * norms)  # below are no digits
        live = np.flatnonzero((norms > least) & ~pruned)
        norms[pruned] = bounds[pruned]
        scales = -along[pruned] / squares[pruned]
        supports.multipliers[pruned] *= scales[:, None]
        supports.polars[pruned] *= scales[:, None]
        if self.gram is not None:
            pivoted = [self._pivot(C, patterns, supports, int(block), least, U, norms) for block in live]
            live = live[~np.array(pivoted, dtype=bool)]
        size = (2 * supports.rows.shape[1] + Batch.most_candidates) * C.shape[1]
        for part in np.array_split(live, max(1, len(live) * size // self.entries_at_once)) if len(live) else []:
            self._advance(C, patterns, supports, part, least, U, norms)
        return U, norms

    def kernel_left(self, rows: np.ndarray) -> np.ndarray:
        """X N Xᵀ for the samples (n, n) of simplicial cones, N the projection onto what a support's rows leave."""
        assert self.gram is not None
        left = self.gram.copy()
        if len(rows):
            factor = np.linalg.cholesky(self.gram[np.ix_(rows, rows)])
            part = solve_triangular(factor, self.gram[rows], lower=True, check_finite=False)
            left -= part.T @ part
        return np.asarray(left * self.lengths[:, None] * self.lengths)

    def rows_and_inverses(self, patterns: np.ndarray, supports: Supports) -> tuple[np.ndarray, np.ndarray]:
        """The rows A (m, K, d) of supports of blocks with these patterns, and their transposed pseudoinverses B.

        The latter are what the supports have kept, so whoever changes supports has to leave them out.
        """
        signs = np.take_along_axis(self.sides[patterns], supports.rows, axis=1) * supports.used
        A = self.unit[supports.rows] * signs[:, :, None]
        return A, inverses(A, supports.used) if supports.inverses is None else supports.inverses

    def _advance(
        self,
        C: np.ndarray,
        patterns: np.ndarray,
        supports: Supports,
        blocks: np.ndarray,
        least: np.ndarray,
        U: np.ndarray,
        norms: np.ndarray,
    ) -> None:
        """Projects some of the blocks, all of them together."""
        part = supports.of(blocks)
        A, B = self.rows_and_inverses(patterns[blocks], part)
        batch = Batch(self.unit, C[blocks], self.sides[patterns[blocks]], least[blocks], part, A, B)
        for _ in range(100 + 20 * supports.rows.shape[1]):
            ended = batch.ended()
            if 5 * ended.sum() >= len(blocks):  # what has ended is carried along until it is worth a copy
                done = blocks[ended]
                norms[done] = np.linalg.norm(batch.U[ended], axis=1)
                U[done] = np.where(norms[done, None] > least[done, None], batch.U[ended], 0.0)
                supports.put(done, batch.supports(ended))
                blocks = blocks[~ended]
                batch.keep(~ended)
            if not len(blocks):
                return
            batch.check()
            batch.move()
        for block in blocks:
            alone = self._one(C[block], int(patterns[block]))
            # Where that fails too: 0, which every cone holds, and the length of the column, which is no smaller.
            size = float(np.linalg.norm(C[block]))
            U[block], norms[block] = (0.0, size) if alone is None else (alone, np.linalg.norm(alone))
            supports.used[block], supports.polars[block] = False, 0.0

    def _pivot(
        self,
        C: np.ndarray,
        patterns: np.ndarray,
        supports: Supports,
        block: int,
        least: np.ndarray,
        U: np.ndarray,
        norms: np.ndarray,
    ) -> bool:
        """Projects a column onto a simplicial cone by block principal pivoting; whether that succeeded.

        All rows on the wrong side change it at once: those of the support with a negative multiplier, and the others
        that are violated; as long as that makes them fewer, now and then also when not (Júdice, Pires 1994).
        """
        assert self.gram is not None
        c, shortest, sides = C[block], float(least[block]), self.sides[patterns[block]].astype(float)
        h = sides * (self.unit @ c)
        size = float(np.linalg.norm(c))
        free = np.zeros(len(h), dtype=bool)
        free[supports.rows[block][supports.used[block]]] = True
        if not free.any():
            free = h < 0
        fewest, patience = len(h) + 1, 5
        for _ in range(50):
            rows, multipliers = np.flatnonzero(free), np.zeros_like(h)
            signs = sides[rows]
            if len(rows):
                system = self.gram[np.ix_(rows, rows)] * signs * signs[:, None]
                multipliers[rows] = -cho_solve(cho_factor(system, check_finite=False), h[rows], check_finite=False)
            positive = np.maximum(multipliers, 0.0)
            products = sides * (self.gram @ (sides * positive))
            bound = np.sqrt(max(size**2 + float(positive @ (2.0 * h + products)), 0.0))
            wrong = np.where(free, multipliers < 0, h + products < -1e-13 * size)
            count = int(wrong.sum())
            done = count == 0 or 1e-6 * size < bound <= shortest
            if done:
                break
            patience = 5 if count < fewest else patience - 1
            fewest = min(fewest, count)
            if patience < 0:
                return False
            free ^= wrong
        else:
            return False
        projection = c + (sides * positive) @ self.unit
        length = float(np.linalg.norm(projection))
        if length > shortest and (sides * (self.unit @ projection)).min() < -Batch.violation * length:
            return False
        U[block], norms[block] = (projection if length > shortest else 0.0), length
        rows = np.flatnonzero(positive > 0)
        supports.used[block] = np.arange(supports.used.shape[1]) < len(rows)
        supports.rows[block, : len(rows)] = rows
        supports.multipliers[block] = 0.0
        supports.multipliers[block, : len(rows)] = positive[rows]
        supports.polars[block] = projection - c
        return True

    def _one(self, column: np.ndarray, pattern: int) -> np.ndarray | None:
        """Π_K(c) of one column by nonnegative least squares; None where that fails, by its own word or by a check."""
        A = self.sides[pattern][:, None] * self.unit
        size = float(np.linalg.norm(column))
        try:
            multipliers, _ = nnls(A.T, -column / size, maxiter=30 * sum(A.shape))
        except RuntimeError:
            return None
        projection = column + size * (A.T @ multipliers)
        length = float(np.linalg.norm(projection))
        inside = (A @ projection).min(initial=0.0) >= -Batch.violation * length
        orthogonal = abs(float(projection @ (projection - column))) <= 1e-9 * size * length
        return projection if inside and orthogonal else None


class Batch:
    """Blocks on their way to their projections U: the columns C (m, d), and what the active set knows of each block."""

    most_candidates = 16  # how many of the rows that are violated most are looked at before all are
    violation = 1e-11  # a row counts as violated from here on, relative to the length of the column

    def __init__(
        self,
        unit: np.ndarray,
        C: np.ndarray,
        sides: np.ndarray,
        least: np.ndarray,
        supports: Supports,
        A: np.ndarray,
        B: np.ndarray,
    ) -> None:
        m, d = C.shape
        self.unit, self.C, self.sides, self.least = unit, C, sides.astype(float), least
        self.rows, self.used, self.multipliers = supports.rows, supports.used, supports.multipliers
        self.A, self.B, self.space = A, B, np.empty_like(B)
        # The row on its way in, and its multiplier so far; the rows that are looked at before all others are again.
        self.row, self.entering = np.zeros(m, dtype=int), np.zeros(m, dtype=bool)
        self.a, self.multiplier = np.zeros((m, d)), np.zeros(m)
        self.candidates = np.zeros((m, min(self.most_candidates, len(unit))), dtype=int)
        self.near = np.zeros((m, self.candidates.shape[1], d))
        self.satisfied = np.zeros(m, dtype=bool)
        self.over = np.zeros(m, dtype=bool)
        self.U = C.copy()
        self._begin()

    def _begin(self) -> None:
        """Starts from the supports that are there."""
        warm = np.flatnonzero(self.used.any(axis=1))
        if len(warm):
            self.multipliers[warm] = -(self.B[warm] @ self.C[warm, :, None])[:, :, 0]
            self._drop(warm)
            self.U += (self.multipliers[:, None, :] @ self.A)[:, 0]

    def _drop(self, blocks: np.ndarray) -> None:
        """Rows with a negative multiplier leave, one by one; the multipliers stay those of the supports."""
        while len(blocks):
            multipliers = np.where(self.used[blocks], self.multipliers[blocks], np.inf)
            places = multipliers.argmin(axis=1)
            negative = multipliers[np.arange(len(blocks)), places] < 0.0
            blocks, places = blocks[negative], places[negative]
            if not len(blocks):
                return
            b, g = self._departure(blocks, places, self.used.shape[1])
            self.multipliers[blocks] -= g * self.multipliers[blocks, places][:, None]
            self.B[blocks] -= g[:, :, None] * b[:, None, :]
            self._remove(blocks, places)

    def _refine(self, blocks: np.ndarray) -> None:
        """U orthogonal to its support again: updates leave rounding errors in multipliers and inverses."""
        A, B, C, multipliers = self.A[blocks], self.B[blocks], self.C[blocks], self.multipliers[blocks]
        sizes = np.linalg.norm(C, axis=1)
        multipliers -= (B @ self.U[blocks][:, :, None])[:, :, 0]
        U = C + (multipliers[:, None, :] @ A)[:, 0]
        errors = np.abs(A @ U[:, :, None])[:, :, 0].max(axis=1, initial=0.0)
        worn = np.flatnonzero(errors > 1e-14 * sizes)
        if len(worn):
            B = inverses(A[worn], self.used[blocks[worn]])
            self.B[blocks[worn]] = B
            for _ in range(2):
                multipliers[worn] -= (B @ U[worn, :, None])[:, :, 0]
                U[worn] = C[worn] + (multipliers[worn, None, :] @ A[worn])[:, 0]
            errors = np.abs(A[worn] @ U[worn, :, None])[:, :, 0].max(axis=1, initial=0.0)
            useless = worn[~(errors <= 1e-11 * sizes[worn])]  # of dependent rows, say: these blocks start anew
            multipliers[useless], U[useless] = 0.0, C[useless]
            places = blocks[useless]
            self.A[places], self.B[places], self.used[places] = 0.0, 0.0, False
        self.multipliers[blocks], self.U[blocks] = multipliers, U
        negative = blocks[(multipliers < 0.0).any(axis=1)]
        if len(negative):
            self._drop(negative)
            self.U[negative] = self.C[negative] + (self.multipliers[negative, None, :] @ self.A[negative])[:, 0]

    def _departure(self, blocks: np.ndarray, places: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
        """The update of B where a row leaves each support: the row b of B, and how much of it each row of B has."""
        B = self.B[blocks, :width]
        b = B[np.arange(len(blocks)), places]
        return b, (B @ b[:, :, None])[:, :, 0] / np.einsum("md,md->m", b, b)[:, None]

    def _remove(self, blocks: np.ndarray, places: np.ndarray) -> None:
        """Empties places of the supports."""
        self.A[blocks, places] = self.B[blocks, places] = 0.0
        self.used[blocks, places], self.multipliers[blocks, places] = False, 0.0

    def ended(self) -> np.ndarray:
        """Which blocks are inside their cones, or short enough."""
        lengths = np.linalg.norm(self.U, axis=1)
        # As many independent rows as dimensions leave 0, and what is there is the rounding of ill-conditioned rows.
        nothing = self.used.all(axis=1) & (self.used.shape[1] == self.C.shape[1])
        nothing &= ~self.entering & (lengths <= 1e-7 * np.linalg.norm(self.C, axis=1))
        self.U[nothing] = 0.0
        self.over = self.satisfied | nothing | (~self.entering & (lengths <= self.least))
        return self.over

    def keep(self, kept: np.ndarray) -> None:
        """Goes on with some of the blocks."""
        for name, value in vars(self).items():
            if name != "unit":
                setattr(self, name, value[kept])

    def supports(self, blocks: np.ndarray) -> Supports:
        """The supports of some of the blocks."""
        polars = self.U[blocks] - self.C[blocks]
        return Supports(self.rows[blocks], self.used[blocks], self.multipliers[blocks], polars, self.B[blocks])

    def check(self) -> None:
        """Chooses the rows that enter: the worst of the candidates, or of all rows once those are satisfied."""
        free = ~(self.entering | self.over)
        sizes = np.linalg.norm(self.U, axis=1)
        products = (self.near @ self.U[:, :, None])[:, :, 0]
        worst = products.argmin(axis=1) if products.shape[1] else np.zeros(len(products), dtype=int)
        each = np.arange(len(products))
        least = products[each, worst] if products.shape[1] else np.zeros(len(products))
        violated = free & (least < -self.violation * sizes)
        dry = np.flatnonzero(free & ~violated)
        if len(dry) * 4 >= len(free) or not (violated.any() or self.entering.any()):
            self._refine(dry)
            products = (self.U[dry] @ self.unit.T) * self.sides[dry]
            places = self._worst_of_each_part(products)
            values = np.take_along_axis(products, places, axis=1)
            held = (places[:, :, None] == self.rows[dry][:, None, :]) & self.used[dry][:, None, :]
            values[held.any(axis=2)] = 0.0  # rounding is what is left of them
            self.candidates[dry] = places
            signs = np.take_along_axis(self.sides[dry], places, axis=1) * (values < 0)
            self.near[dry] = self.unit[places] * signs[:, :, None]
            worst[dry] = values.argmin(axis=1) if values.shape[1] else 0
            bad = values.min(axis=1, initial=0.0) < -self.violation * sizes[dry]
            self.satisfied[dry[~bad]] = True
            violated[dry[bad]] = True
        chosen = np.flatnonzero(violated)
        self.row[chosen] = self.candidates[chosen, worst[chosen]]
        self.a[chosen] = self.near[chosen, worst[chosen]]
        self.multiplier[chosen] = 0.0
        self.entering |= violated

    def _worst_of_each_part(self, products: np.ndarray) -> np.ndarray:
        """The place of the least product in each of a number of parts of the rows (m, candidates)."""
        m, n = products.shape
        count = self.candidates.shape[1]
        if not count:
            return np.zeros((m, 0), dtype=int)
        length = n // count
        inner = products[:, : length * count].reshape(m, count, length)
        places = inner.argmin(axis=2) + length * np.arange(count)
        rest = products[:, length * count :]
        if rest.shape[1]:
            last = rest.argmin(axis=1)
            lower = (
                np.take_along_axis(rest, last[:, None], 1)[:, 0] < np.take_along_axis(products, places[:, -1:], 1)[:, 0]
            )
            places[lower, -1] = length * count + last[lower]
        return np.asarray(places)

    def move(self) -> None:
        """Moves the blocks with an entering row until that is satisfied and enters, or until another has to leave."""
        if not self.entering.any():
            return
        places_in_use = np.flatnonzero(self.used.any(axis=0))
        width = int(places_in_use[-1]) + 1 if len(places_in_use) else 0
        A, B, a = self.A[:, :width], self.B[:, :width], np.where(self.entering[:, None], self.a, 0.0)
        w = (B @ a[:, :, None])[:, :, 0]
        v = a - (w[:, None, :] @ A)[:, 0]
        height = np.einsum("md,md->m", v, v)
        slack = np.minimum(np.einsum("md,md->m", a, self.U), 0.0)
        dependent = height <= 1e-22
        full = np.where(dependent, np.inf, -slack / np.where(dependent, 1.0, height))
        each = np.arange(len(a))
        if width:
            losing = w > 1e-14
            ratios = np.where(losing, self.multipliers[:, :width] / np.where(losing, w, 1.0), np.inf)
            places = ratios.argmin(axis=1)
            part = ratios[each, places]
        else:
            places, part = np.zeros(len(a), dtype=int), np.full(len(a), np.inf)
        length = np.minimum(full, part)
        stuck = ~(self.entering & np.isfinite(length))
        length[stuck] = 0.0
        v[dependent] = 0.0
        self.U += length[:, None] * v
        self.multipliers[:, :width] = np.maximum(self.multipliers[:, :width] - length[:, None] * w, 0.0)
        self.multiplier += length
        enters, leaves = (full <= part) & ~stuck, np.flatnonzero((part < full) & ~stuck)
        row = np.where(enters, 1.0 / np.where(dependent, 1.0, height), 0.0)[:, None] * v
        if len(leaves):
            row[leaves], w[leaves] = self._departure(leaves, places[leaves], width)
        if width:
            B -= np.multiply(w[:, :, None], row[:, None, :], out=self.space[:, :width])
        self._remove(leaves, places[leaves])
        blocks = np.flatnonzero(enters)
        free = (~self.used[blocks]).argmax(axis=1)
        self.B[blocks, free], self.A[blocks, free] = row[blocks], self.a[blocks]
        self.rows[blocks, free], self.used[blocks, free] = self.row[blocks], True
        self.multipliers[blocks, free] = self.multiplier[blocks]
        self.entering[blocks] = False


def inverses(A: np.ndarray, used: np.ndarray) -> np.ndarray:
    """The transposed pseudoinverses (m, K, d) of stacked rows A (m, K, d), zero where a place is not in use."""
    if not used.any():
        return np.zeros_like(A)
    gram = A @ A.transpose(0, 2, 1)
    places = range(A.shape[1])
    gram[:, places, places] += np.where(used, 1e-14, 1.0)
    B = np.linalg.solve(gram, A)
    return np.asarray(2.0 * B - (B @ A.transpose(0, 2, 1)) @ B)

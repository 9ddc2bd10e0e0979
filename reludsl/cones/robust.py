"""The cones of activation patterns that hold on whole perturbation sets, K = {u : e_k x_kᵀu ≥ h_k(u) for all k}.

h_k is a spread (see `spread.py`), e_k = ±1 the side of the sample. Projections are found by a primal-dual interior-
point method on all columns together: min ½‖u − c‖² over e_k x_kᵀu ≥ N_k t and the cone of the spread's variables t.
For a box that takes the place of rows e_k x_k − H_k∘σ for all signs σ, exponentially many. Its points are strictly
inside of their cones at all times, and its multipliers prove how long a projection can be: for every λ ≥ 0

    ‖Π_K(c)‖ ≤ ‖prox of Σ_k λ_k h_k at c + Σ_k λ_k e_k x_k‖

since c·u ≤ (c + Σλ_k e_k x_k)·u − Σλ_k h_k(u) on the cone. A column stops as soon as that is below what is asked for.
The way begins in the interior of a cone; where a cone has none is found out by the same method on one more dimension.
Plain NumPy: the classes stand word for word in generated code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from reludsl.cones.interior import Nonnegative
from reludsl.cones.spread import BallSpread, BoxSpread, Reduced


@dataclass
class Interiors:
    """For each pattern (P,) whether its cone has an interior, and a direction of length 1 (P, d) well inside of it.

    `locals` (P, L) belong to the spread; `margins` (P,) are bounds on how far inside of its cone any direction of
    length 1 is, the least e_k x_kᵀu − h_k(u) in units of ‖x_k‖.
    """

    alive: np.ndarray
    directions: np.ndarray
    locals: np.ndarray
    margins: np.ndarray


class RobustRows:
    """The rows e_k x_kᵀu − N_k t of columns with given sides (m, n), as an operator on (u, t), and its transpose.

    With `lift` (n,), columns have one more entry, which adds to every row so many times itself.
    """

    def __init__(
        self, X: np.ndarray, sides: np.ndarray, spread: BoxSpread | BallSpread, lift: np.ndarray | None = None
    ) -> None:
        self.X, self.sides, self.spread, self.lift = X, sides, spread, lift

    def of(self, columns: np.ndarray) -> RobustRows:
        """The rows of some of the columns."""
        return RobustRows(self.X, self.sides[columns], self.spread, self.lift)

    def products(self, U: np.ndarray) -> np.ndarray:
        """e_k x_kᵀu (m, n) for U (m, d)."""
        if self.lift is None:
            return np.asarray((U @ self.X.T) * self.sides)
        return np.asarray((U[:, :-1] @ self.X.T) * self.sides + U[:, -1:] * self.lift)

    def slacks(self, U: np.ndarray, t: np.ndarray) -> np.ndarray:
        """The rows' values (m, n)."""
        return np.asarray(self.products(U) - t @ self.spread.rows.T)

    def combined(self, q: np.ndarray) -> np.ndarray:
        """Σ_k q_k e_k x_k (m, d) for q (m, n)."""
        total = (q * self.sides) @ self.X
        return total if self.lift is None else np.column_stack([total, q @ self.lift])

    def weights(self, q: np.ndarray) -> np.ndarray:
        """Σ_k q_k N_k (m, L) for q (m, n)."""
        return np.asarray((q.sum(axis=1, keepdims=True) if len(self.spread.rows) == 1 else q) @ self.spread.rows)

    def bounds(self, C: np.ndarray, multipliers: np.ndarray) -> np.ndarray:
        """Bounds (m,) on ‖Π_K(c)‖, one for any multipliers (m, n); negative ones count as 0."""
        multipliers = np.maximum(multipliers, 0.0)
        return np.asarray(np.linalg.norm(self.spread.shrunk(C + self.combined(multipliers), multipliers), axis=1))

    def matrix(self, column: int, reduced: Reduced) -> np.ndarray:
        """The rows (n, d) of one column as functions of u, where t = G u + t′."""
        A = self.X * self.sides[column][:, None]
        if self.lift is not None:
            A = np.column_stack([A, self.lift])
        spread, tilt = self.spread, reduced.tilt[column]
        if isinstance(spread, BoxSpread):
            A[:, spread.moved] -= spread.rows * tilt
        else:
            A -= tilt
        return np.asarray(A)


class ColumnSystem:
    """The Hessians (m, d, d) of columns after scaling, with their local variables eliminated: by rows and spreads.

    Over N_k t the rows see a number y = Σ_l N_l t_l where all samples share their N, and otherwise y = t itself.
    """

    def __init__(self, rows: RobustRows, scaled_rows: Nonnegative, scaled: Any) -> None:
        self.rows, self.reduced = rows, rows.spread.reduced(scaled)
        self.shared = len(rows.spread.rows) == 1
        stiffness = self.reduced.stiffness
        W = scaled_rows.z / scaled_rows.s
        if self.shared:
            row = rows.spread.rows[0]
            self.kappa = (row**2 / stiffness).sum(axis=1, keepdims=True) if len(row) else None
            N = np.ones((1, 1 if len(row) else 0))
        else:
            self.kappa, N = 1.0 / stiffness, rows.spread.rows
        m, d, size = len(W), self.reduced.diagonal.shape[1], N.shape[1]
        self.hessians = np.zeros((m, d, d))
        self.coupling, self.cores = np.empty((m, d, size)), np.empty((m, size, size))
        roots = np.sqrt(W)
        for column in range(m):
            A = rows.matrix(column, self.reduced) * roots[column][:, None]
            B = N * roots[column][:, None]
            self.coupling[column] = A.T @ B
            self.cores[column] = B.T @ B
            if self.shared and size:  # without the mean of the rows nothing is left to cancel
                A -= B * (self.coupling[column, :, 0] / self.cores[column, 0, 0])
            np.matmul(A.T, A, out=self.hessians[column])
        places = np.arange(d)
        self.hessians[:, places, places] += self.reduced.diagonal
        if self.reduced.low is not None and self.reduced.weight is not None:
            low = self.reduced.low
            self.hessians += (self.reduced.weight[:, None] * low)[:, :, None] * low[:, None, :]
        if size:
            assert self.kappa is not None
            total = self.cores[:, 0, 0].copy() if self.shared else None
            self.cores[:, range(size), range(size)] += 1.0 / self.kappa
            self.gains = np.linalg.solve(self.cores, self.coupling.transpose(0, 2, 1))
            if total is None:
                self.hessians -= self.coupling @ self.gains
            else:
                self.hessians += self.coupling @ self.gains / (self.kappa[:, 0] * total)[:, None, None]
        else:
            self.gains = self.coupling.transpose(0, 2, 1)

    def _seen(self, gt: np.ndarray) -> np.ndarray:
        """The y at which t′ would be by a force gt (m, L) alone, over κ."""
        if not self.shared:
            return gt
        if self.kappa is None:
            return np.zeros((len(gt), 0))
        return np.asarray(((gt / self.reduced.stiffness) @ self.rows.spread.rows.T) / self.kappa)

    def force(self, gu: np.ndarray, gt: np.ndarray) -> np.ndarray:
        """What forces on u (m, d) and t (m, L) come to on u alone."""
        back = self.rows.spread.tilted_back(self.reduced, gt)
        return np.asarray(gu + back + (self.gains.transpose(0, 2, 1) @ self._seen(gt)[:, :, None])[:, :, 0])

    def locals(self, du: np.ndarray, gt: np.ndarray) -> np.ndarray:
        """How t moves with u, by du (m, d), under the force gt (m, L)."""
        seen, spread = self._seen(gt), self.rows.spread
        moved = (self.gains @ du[:, :, None])[:, :, 0]
        if seen.shape[1]:
            assert self.kappa is not None
            y = moved + np.linalg.solve(self.cores, seen[:, :, None])[:, :, 0]
            pull = y / self.kappa - seen
            gt = gt + (pull * spread.rows if self.shared else pull)
        return np.asarray(spread.tilted(self.reduced, du) + gt / self.reduced.stiffness)


class RobustCones:
    """The cones of the patterns `masks` (n, P) over the samples X (n, d), which hold whatever the spread allows."""

    dead = 1e-9  # a cone counts as one without interior where no direction is further inside of it

    def __init__(self, X: np.ndarray, masks: np.ndarray, spread: BoxSpread | BallSpread) -> None:
        lengths = np.linalg.norm(X, axis=1)
        places = np.flatnonzero((lengths > 0) | (np.abs(spread.rows).sum(axis=1) * np.ones(len(X)) > 0))
        _, first = np.unique(np.column_stack([X[places], masks[places], places * 0]), axis=0, return_index=True)
        if len(spread.rows) == 1:
            places = places[np.sort(first)]
        self.places, self.X, self.spread = places, X[places], spread.of(places)
        self.sides = np.ascontiguousarray(np.where(masks[places], 1.0, -1.0).T)
        self.lengths = np.where(lengths > 0, lengths, 1.0)[places]
        self._interiors: Interiors | None = None
        self._centers: tuple[np.ndarray, np.ndarray] | None = None

    def rows(self, patterns: np.ndarray) -> RobustRows:
        """The rows of columns with these patterns."""
        return RobustRows(self.X, self.sides[patterns], self.spread)

    def slacks(self, U: np.ndarray, patterns: np.ndarray) -> np.ndarray:
        """e_k x_kᵀu − h_k(u) in units of ‖x_k‖, (m, rows), for U (m, d)."""
        return np.asarray((self.rows(patterns).products(U) - self.spread.each(U)) / self.lengths)

    def bounds(self, C: np.ndarray, patterns: np.ndarray, multipliers: np.ndarray) -> np.ndarray:
        """Bounds (m,) on ‖Π_K(c)‖ for C (m, d), true for all multipliers (m, rows)."""
        return self.rows(patterns).bounds(C, multipliers)

    @property
    def interiors(self) -> Interiors:
        """Directions inside of the cones: the projection of (u, s) = (0, -1) onto e_k x_kᵀu + ‖x_k‖ s ≥ h_k(u).

        Where its s is negative, its u is inside.
        """
        if self._interiors is None:
            (P, _), d = self.sides.shape, self.X.shape[1]
            rows = RobustRows(self.X, self.sides, self.spread.with_still_entry(), self.lengths)
            C, U = np.zeros((P, d + 1)), np.zeros((P, d + 1))
            C[:, -1], U[:, -1] = -1.0, 1.0
            search = InteriorSearch(rows, C, U, np.tile(self._still, (P, 1)))
            search.run(np.full(P, self.dead), 0.5, deep=True)
            directions, depths = search.U[:, :-1], -search.U[:, -1]
            sizes = np.maximum(np.linalg.norm(directions, axis=1), 1e-300)
            inside = (depths > 0) & (search.norms > self.dead)
            directions, t = directions / sizes[:, None], search.t / sizes[:, None]
            self._interiors = Interiors(inside, directions, t, search.norms)
        return self._interiors

    @property
    def centers(self) -> tuple[np.ndarray, np.ndarray]:
        """u (P, d) and t (P, L) where ‖u‖₂ and the logarithmic barrier of the cone balance; 0 without interior."""
        if self._centers is None:
            inner = self.interiors
            alive = np.flatnonzero(inner.alive)
            U, t = np.zeros_like(inner.directions), np.zeros_like(inner.locals)
            rows, C = self.rows(alive), np.zeros((len(alive), U.shape[1]))
            search = InteriorSearch(rows, C, inner.directions[alive], inner.locals[alive])
            search.center()
            # Centered for ½‖u‖², where the barrier's force is u itself: longer by ‖u‖ that of ‖u‖ is one.
            sizes = np.linalg.norm(search.U, axis=1, keepdims=True)
            U[alive], t[alive] = sizes * search.U, sizes * search.t
            self._centers = U, t
        return self._centers

    def project(
        self,
        C: np.ndarray,
        patterns: np.ndarray,
        threshold: float = 0.0,
        multipliers: np.ndarray | None = None,
        accuracy: float = 1e-13,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Π_K(c) for the rows c of C (m, d) and their patterns (m,): points (m, d), bounds (m,), multipliers (m, rows).

        The points lie inside of their cones. ‖Π_K(c)‖ is never above its bound, and where the bound is above the
        threshold, the point is so near to the projection that ½‖u − c‖² is within `accuracy` times ‖c‖² of the
        least. At or below it, and in cones without interior, the point is 0. Multipliers may be given as a start: where
        they prove as much nothing else is done.
        """
        rows = self.rows(patterns)
        known = np.zeros((len(C), len(self.X))) if multipliers is None else np.maximum(multipliers, 0.0)
        U, lengths = np.zeros_like(C), np.linalg.norm(C, axis=1)
        bounds = np.minimum(lengths, rows.bounds(C, known)) if multipliers is not None else lengths.copy()
        least = np.maximum(threshold, 1e-13 * lengths)
        empty = np.flatnonzero((bounds > least) & ~self.interiors.alive[patterns])
        if len(empty):
            of, least_of = rows.of(empty), least[empty]
            bounds[empty], known[empty] = self._proved_empty(C[empty], of, bounds[empty], known[empty], least_of)
        live = np.flatnonzero((bounds > least) & self.interiors.alive[patterns])
        if len(live):
            inner = self.interiors
            size = lengths[live, None]
            start, t = size * inner.directions[patterns[live]], size * inner.locals[patterns[live]]
            search = InteriorSearch(rows.of(live), C[live], start, t)
            search.run(least[live], accuracy)
            bounds[live] = np.minimum(bounds[live], search.norms)
            known[live] = search.multipliers
            U[live] = np.where(bounds[live, None] > least[live, None], search.U, 0.0)
        return U, bounds, known

    def _proved_empty(
        self, C: np.ndarray, rows: RobustRows, bounds: np.ndarray, known: np.ndarray, least: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Bounds and multipliers of columns whose cones have no interior to begin in.

        A further entry that helps all rows, though little, gives them one; what multipliers it finds are true without.
        It helps less and less until the bounds are at most `least`, as far as digits lead.
        """
        size, count = np.linalg.norm(C, axis=1, keepdims=True), len(C)
        bounds, known = bounds.copy(), known.copy()
        for lift in (1e-2, 1e-4, 1e-6, 1e-8, 1e-10):
            if np.all(bounds <= least):
                break
            lifted = RobustRows(self.X, rows.sides, self.spread.with_still_entry(), lift * self.lengths)
            start = np.column_stack([np.zeros_like(C), size])
            search = InteriorSearch(lifted, np.column_stack([C, np.zeros(count)]), start, lift * size * self._still)
            search.run(np.zeros(count), 1e-14)
            proved = rows.bounds(C, search.multipliers)
            shorter = proved < bounds
            bounds[shorter], known[shorter] = proved[shorter], search.multipliers[shorter]
        return bounds, known

    @property
    def _still(self) -> np.ndarray:
        """Local variables (L,) that take no more than half of ‖x_k‖ from any row."""
        most = float((np.abs(self.spread.rows).sum(axis=1) / self.lengths).max(initial=0.0))
        return np.full(self.spread.rows.shape[1], 0.5 / max(1.0, most))

    def repaired(self, U: np.ndarray, patterns: np.ndarray) -> np.ndarray:
        """Columns (m, d) made to lie in their cones: by no more of a direction inside of them than it takes.

        What a direction g adds to the slacks of u is no less than its own slacks, as h_k is convex. Columns of cones
        without interior become 0.
        """
        inner = self.interiors
        depths = self.slacks(inner.directions[patterns], patterns)
        lacking = np.maximum(-self.slacks(U, patterns), 0.0)
        lacking += np.where(lacking > 0, 1e-15 * np.linalg.norm(U, axis=1, keepdims=True), 0.0)
        shares = (lacking / np.maximum(depths, 1e-300)).max(axis=1, initial=0.0)
        alive = inner.alive[patterns] & (depths.min(axis=1, initial=np.inf) > 0)
        fixed = U + np.where(alive, shares, 0.0)[:, None] * inner.directions[patterns]
        return np.where(alive[:, None], fixed, 0.0)

    def violation(self, U: np.ndarray, patterns: np.ndarray) -> float:
        """The largest violation of columns (m, d), relative to the longest one; 0 when all cones hold."""
        longest = float(np.linalg.norm(U, axis=1).max(initial=0.0))
        if longest == 0.0:
            return 0.0
        return max(0.0, -float(self.slacks(U, patterns).min(initial=0.0))) / longest


class InteriorSearch:
    """min ½‖u − c‖² over the cones of many columns by a primal-dual method, from points U, t inside of them."""

    def __init__(self, rows: RobustRows, C: np.ndarray, U: np.ndarray, t: np.ndarray) -> None:
        self.all_rows, self.C, self.U, self.t = rows, C, U.copy(), t.copy()
        self.norms = np.linalg.norm(C, axis=1)
        self.multipliers = np.zeros(rows.sides.shape)

    def run(self, least: np.ndarray, accuracy: float, deep: bool = False) -> None:
        """Until the bounds on the lengths are at most `least`, or upper and lower bounds are within the accuracy.

        With `deep`, the columns are lifted, and good enough as soon as they are so many times as deep as any could be.
        """
        with np.errstate(all="ignore"):  # where digits end, numbers may overflow: such steps are not taken
            self._run(least, accuracy, deep)

    def _run(self, least: np.ndarray, accuracy: float, deep: bool) -> None:
        live, rows, spread = np.arange(len(self.C)), self.all_rows, self.all_rows.spread
        C, U, t, d = self.C, self.U, self.t, self.C.shape[1]
        s, v = rows.slacks(U, t), spread.slacks(U, t)
        sizes = np.maximum(np.einsum("md,md->m", C, C), 1e-300)
        degree = s.shape[1] + spread.cone.degree_of(v)
        z, w = sizes[:, None] / degree / s, (sizes / degree)[:, None] * spread.cone.inverse(v)
        least_now, stuck = least, np.zeros(len(C), dtype=bool)
        for _ in range(100):
            lengths = np.linalg.norm(U, axis=1)
            best = rows.bounds(C, z)
            better = best < self.norms[live]
            self.norms[live[better]], self.multipliers[live[better]] = best[better], z[better]
            along = np.einsum("md,md->m", C, U) / np.maximum(lengths, 1e-300)
            upper = self.norms[live]
            if deep:
                depth = -U[:, -1] / np.maximum(np.linalg.norm(U[:, :-1], axis=1), 1e-300)
                done = depth >= accuracy * upper
            else:
                # Both ½(‖c‖² − ‖Π‖²) and ½‖u − c‖² for the best u on its ray; and u itself must be near to that.
                loose = upper**2 - np.maximum(along, 0.0) ** 2 + (lengths - along) ** 2
                done = loose <= 2.0 * accuracy * sizes
            mu = (np.einsum("mn,mn->m", s, z) + np.einsum("ml,ml->m", v, w)) / degree
            # In the end rounding is all that is left of slacks: whoever meets that has gone as far as digits lead.
            done |= (upper <= least_now) | (mu * degree <= 1e-15 * sizes) | stuck
            self.U[live], self.t[live] = U, t
            keep = np.flatnonzero(~done)
            if not len(keep):
                return
            if len(keep) < len(live):
                live, C, U, t, s, v, z, w = (part[keep] for part in (live, C, U, t, s, v, z, w))
                sizes, least_now, rows = sizes[keep], least_now[keep], rows.of(keep)
            scaled_rows, scaled = Nonnegative(s, z), spread.cone(v, w)
            system = ColumnSystem(rows, scaled_rows, scaled)
            hessians = system.hessians
            hessians[:, np.arange(d), np.arange(d)] += 1.0
            broken = ~np.isfinite(hessians.sum(axis=(1, 2)))
            hessians[broken] = np.eye(d)
            hessians[:, np.arange(d), np.arange(d)] *= 1.0 + 1e-15 * d
            inverse, mu = np.linalg.inv(hessians), mu[keep]

            zero = np.zeros_like(mu)
            q_rows, q = scaled_rows.target(zero), scaled.target(zero)
            _, _, ds, dv = heading(rows, system, inverse, C - U, q_rows, q)
            dz, dw = q_rows - z - scaled_rows.scaled(ds), q - w - scaled.scaled(dv)
            room = np.minimum(1.0, least_room(spread.cone, (s, z), (ds, dz), (v, w), (dv, dw)))
            aim = mu * (1.0 - room) ** 3
            q_rows = scaled_rows.target(aim, scaled_rows.correction(ds, dz))
            q = scaled.target(aim, scaled.correction(dv, dw))
            du, dt, ds, dv = heading(rows, system, inverse, C - U, q_rows, q)
            dz, dw = q_rows - z - scaled_rows.scaled(ds), q - w - scaled.scaled(dv)
            room = least_room(spread.cone, (s, z), (ds, dz), (v, w), (dv, dw))
            step = np.minimum(1.0, 0.99 * room)[:, None]
            moved = U + step * du, t + step * dt, z + step * dz, w + step * dw
            s, v = rows.slacks(*moved[:2]), spread.slacks(*moved[:2])
            stuck = broken | ~(np.isfinite(s.sum(axis=1) + z.sum(axis=1)) & (s > 0).all(axis=1) & spread.cone.inside(v))
            U, t, z, w = (np.where(stuck[:, None], old, new) for old, new in zip((U, t, z, w), moved, strict=True))
            s, v = np.where(stuck[:, None], 1.0, s), np.where(stuck[:, None], 1.0, v)

    def center(self) -> None:
        """Where ½‖u − c‖² and the barriers of rows and spreads balance, to about a hundredth, from points inside."""
        with np.errstate(all="ignore"):
            self._center()

    def _center(self) -> None:
        rows, spread, (m, d) = self.all_rows, self.all_rows.spread, self.C.shape
        L = spread.rows.shape[1]
        size = np.sqrt(len(rows.X) + 2.0 * L) / np.maximum(np.linalg.norm(self.U, axis=1, keepdims=True), 1e-300)
        self.U, self.t = U, t = size * self.U, size * self.t
        s, v = rows.slacks(U, t), spread.slacks(U, t)
        z, w, one = 1.0 / s, spread.cone.inverse(v), np.ones(m)
        for _ in range(30):
            scaled_rows, scaled = Nonnegative(s, z), spread.cone(v, w)
            system = ColumnSystem(rows, scaled_rows, scaled)
            system.hessians[:, np.arange(d), np.arange(d)] += 1.0
            if not np.isfinite(system.hessians).all():
                return
            inverse = np.linalg.inv(system.hessians)
            q_rows, q = scaled_rows.target(one), scaled.target(one)
            du, dt, ds, dv = heading(rows, system, inverse, self.C - U, q_rows, q)
            dz, dw = q_rows - z - scaled_rows.scaled(ds), q - w - scaled.scaled(dv)
            room = least_room(spread.cone, (s, z), (ds, dz), (v, w), (dv, dw))
            step = np.minimum(1.0, 0.9 * room)[:, None]
            U, t, z, w = U + step * du, t + step * dt, z + step * dz, w + step * dw
            s, v = rows.slacks(U, t), spread.slacks(U, t)
            if not ((s > 0).all() and spread.cone.inside(v).all()):
                return
            self.U, self.t = U, t
            if np.abs(ds / s).max(initial=0.0) < 0.02:  # what is left is about its square
                return


def heading(
    rows: RobustRows, system: ColumnSystem, inverse: np.ndarray, pull: np.ndarray, q_rows: np.ndarray, q: np.ndarray
) -> tuple[np.ndarray, ...]:
    """How u, t and the slacks of rows and spreads change by a pull (m, d) on u and targets of rows and spreads."""
    spread = rows.spread
    back, gt = spread.adjoint(q, pull.shape[1])
    gt = gt - rows.weights(q_rows)
    force = system.force(pull + rows.combined(q_rows) + back, gt)
    du = (inverse @ force[:, :, None])[:, :, 0]
    dt = system.locals(du, gt)
    return du, dt, rows.slacks(du, dt), spread.slacks(du, dt)


def least_room(
    cone: Any,
    s: tuple[np.ndarray, ...],
    ds: tuple[np.ndarray, ...],
    v: tuple[np.ndarray, ...],
    dv: tuple[np.ndarray, ...],
) -> np.ndarray:
    """How far columns may go (m,) before slacks or multipliers of half-lines or of a cone meet the border."""
    rooms = [Nonnegative.room(at, by) for at, by in zip(s, ds, strict=True)]
    return np.asarray(np.min(rooms + [cone.room(at, by) for at, by in zip(v, dv, strict=True)], axis=0))

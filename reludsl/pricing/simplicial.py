"""Simplicial cones in batches: their undecided rows, their bounds, and how they are cut. See `branch.py`.

Every function takes all cones of a batch at once, as arrays whose first axis counts them. Plain NumPy: the functions
stand word for word in generated code.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np

from reludsl.pricing.kinks import Kinks

BATCH = 400_000
"""How many products of rows with generators a batch has."""


@dataclass(frozen=True, eq=False)
class Cones:
    """Some cones with their undecided rows.

    `V` (B, r, r) has the unit generators of each in its columns, `signs` (B,) says whether f or −f is meant, `g` (B, r)
    what is linear on all of the cone. `up` (B, p) are the numbers of rows that count positively, `down` (B, q) those
    that count negatively, with their multipliers `lam`; −1 is none, and of a multiplier that it is not chosen yet.
    `bounds` (B,) are known to hold; `edges` (B, 2) are generators to cut between, −1 where no cut is of use.
    """

    V: np.ndarray
    signs: np.ndarray
    g: np.ndarray
    up: np.ndarray
    down: np.ndarray
    lam: np.ndarray
    bounds: np.ndarray
    edges: np.ndarray
    depths: np.ndarray

    def __len__(self) -> int:
        return len(self.V)

    @property
    def greatest(self) -> float:
        """The greatest bound."""
        return float(self.bounds.max())

    @property
    def entries(self) -> int:
        """How many numbers of rows there are."""
        return len(self) * int(self.up.shape[1] + self.down.shape[1])

    def only(self, chosen: np.ndarray) -> Cones:
        """Those of `chosen` (k,) numbers, with as few columns for rows as they need."""
        up, down = self.up[chosen], self.down[chosen]
        p, q = (int((rows >= 0).sum(axis=1).max(initial=0)) for rows in (up, down))
        parts = (part[chosen] for part in (self.bounds, self.edges, self.depths))
        return Cones(
            self.V[chosen], self.signs[chosen], self.g[chosen], up[:, :p], down[:, :q], self.lam[chosen, :q], *parts
        )

    def batches(self) -> list[Cones]:
        """The same cones, in blocks of about one number of rows and of a size that caches like."""
        rows = (self.up >= 0).sum(axis=1) + (self.down >= 0).sum(axis=1)
        order = np.argsort(rows, kind="stable")
        blocks, start, r = [], 0, self.V.shape[1]
        while start < len(order):
            size = max(1, BATCH // (r * max(16, int(rows[order[min(start + 64, len(order) - 1)]]))))
            blocks.append(self.only(order[start : start + size]))
            start += size
        return blocks


def joint(blocks: list[Cones]) -> Cones:
    """Several blocks as one."""
    if len(blocks) == 1:
        return blocks[0]

    def whole(name: str) -> np.ndarray:
        parts = [getattr(block, name) for block in blocks]
        if name in ("up", "down", "lam"):
            most = max(part.shape[1] for part in parts)
            parts = [np.pad(part, ((0, 0), (0, most - part.shape[1])), constant_values=-1) for part in parts]
        return np.concatenate(parts)

    return Cones(*(whole(name) for name in Cones.__dataclass_fields__))


def orthants(of: Kinks) -> list[Cones]:
    """All orthants, for f and for −f. f is at most its size on them."""
    r, m = of.rank, len(of.weights)
    combinations_of_signs = np.array(list(product((1.0, -1.0), repeat=r + 1)))
    blocks, size = [], max(1, BATCH // (r * max(m, 16)))
    for start in range(0, len(combinations_of_signs), size):
        chosen = combinations_of_signs[start : start + size]
        signs, cones = chosen[:, 0], len(chosen)
        positive = signs[:, None] * of.weights > 0
        numbers = np.broadcast_to(np.arange(m, dtype=np.int32), (cones, m))
        down = gathered(numbers, ~positive)
        blocks.append(
            Cones(
                chosen[:, 1:, None] * np.eye(r),
                signs,
                signs[:, None] * of.linear,
                gathered(numbers, positive),
                down,
                np.full(down.shape, -1.0),
                np.full(cones, of.size),
                np.zeros((cones, 2), dtype=int),
                np.zeros(cones, dtype=int),
            )
        )
    return blocks


def halves(cones: Cones) -> Cones:
    """The cones, each cut in two at the middle of its edge."""
    B = np.arange(len(cones))
    first, second = cones.edges.T
    middle = cones.V[B, :, first] + cones.V[B, :, second]
    middle /= np.linalg.norm(middle, axis=1)[:, None]
    V = np.concatenate([cones.V, cones.V])
    V[B, :, first] = middle
    V[len(cones) + B, :, second] = middle
    twice = cones.only(np.concatenate([B, B]))
    return replace(twice, V=V, depths=twice.depths + 1)


def gathered(entries: np.ndarray, kept: np.ndarray, padding: float = -1) -> np.ndarray:
    """The entries (B, p) that are `kept`, moved to the front, in as few columns as are needed."""
    counts = kept.sum(axis=1)
    out = np.full((len(kept), int(counts.max(initial=0))), padding, dtype=entries.dtype)
    out[np.arange(out.shape[1]) < counts[:, None]] = entries[kept]
    return out


def bounded(of: Kinks, cones: Cones, threshold: float, refinements: int) -> tuple[Cones, np.ndarray]:
    """The cones with their bounds, their edges and without their decided rows; and points (r, B) to try.

    Bounds that are at most the threshold are not made better.
    """
    V = cones.V
    rows, weights = np.concatenate([of.rows, np.zeros((1, of.rank))]), np.append(np.abs(of.weights), 0.0)
    turned = np.swapaxes(V, 1, 2)
    A, w_up = turned @ np.swapaxes(rows[cones.up], 1, 2), weights[cones.up]  # (B, r, p)
    N, w_down = turned @ np.swapaxes(rows[cones.down], 1, 2), weights[cones.down]
    highest, lowest = N.max(axis=1), N.min(axis=1)
    open_up, open_down = (A.max(axis=1) > 0) & (A.min(axis=1) < 0), (highest > 0) & (lowest < 0)
    on_up, on_down = ~open_up & (A.max(axis=1) > 0), ~open_down & (highest > 0)
    g = cones.g + summed(rows[cones.up], w_up * on_up) - summed(rows[cones.down], w_down * on_down)
    w_up, w_down = w_up * open_up, w_down * open_down
    chord = np.divide(highest, highest - lowest, out=np.zeros_like(highest), where=open_down)
    lam = np.where(cones.lam < 0, chord, cones.lam)
    fixed = applied(turned, g) + applied(np.maximum(A, 0.0), w_up)
    q = fixed - applied(N, w_down * lam)
    best, t, support = cone_maxima(V, q, q > 0)
    best = np.minimum(best, cones.bounds)
    live, kept = np.flatnonzero(open_down.any(axis=1)), lam.copy()
    for step in range(refinements):
        live = live[best[live] > threshold]
        if not len(live):
            break
        there = summed(N[live], t[live]) > 0
        lam[live] += (there - lam[live]) / (step + 2.0)
        q[live] = fixed[live] - applied(N[live], w_down[live] * lam[live])
        bounds, t[live], support[live] = cone_maxima(V[live], q[live], support[live])
        better = live[bounds < best[live]]
        best[live] = np.minimum(bounds, best[live])
        kept[better] = lam[better]
    points = applied(V, t).T
    points = points[:, t.any(axis=1)]
    edges = losing_edges(A, w_up, N, w_down, t)
    bounds, up, down = best, gathered(cones.up, open_up), gathered(cones.down, open_down)
    found = replace(cones, g=g, up=up, down=down, lam=gathered(kept, open_down), bounds=bounds, edges=edges)
    return found, points / np.linalg.norm(points, axis=0)


def summed(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Σ_k weights_k rows_k for rows (B, p, r) and weights (B, p): (B, r)."""
    return np.asarray((weights[:, None, :] @ rows)[:, 0, :])


def applied(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Each matrix (B, r, p) times its vector (B, p): (B, r)."""
    return np.asarray((matrices @ vectors[:, :, None])[:, :, 0])


def cone_maxima(V: np.ndarray, q: np.ndarray, support: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bounds (B,) on max q·t over t ≥ 0 with ‖V t‖ ≤ 1, the t (B, r) that they come from, and which of it is not 0.

    t minimizes ½‖V t‖² − q·t, by principal pivoting in all cones at once: entries of the wrong sign change sides
    together, and where that does not end, only the last of them (Murty 1974). `support` (B, r) is where to begin.
    """
    r = V.shape[2]
    G = np.swapaxes(V, 1, 2) @ V
    t, support = np.zeros_like(q), support.copy()
    live, diagonal = np.arange(len(q)), np.eye(r, dtype=bool)
    small = 1e-12 * np.abs(q).max(axis=1)
    for step in range(6 + 4 * r):
        on = support[live]
        system = np.where(on[:, :, None] & on[:, None, :], G[live], diagonal) + 1e-14 * diagonal
        solved = np.linalg.solve(system, np.where(on, q[live], 0.0)[:, :, None])[:, :, 0]
        wrong = np.where(on, solved < 0, q[live] - applied(G[live], solved) > small[live, None])
        t[live] = np.maximum(solved, 0.0)
        wanting = wrong.any(axis=1)
        if not wanting.any():
            break
        live, wrong = live[wanting], wrong[wanting]
        if step >= 5:
            wrong = np.arange(r) == r - 1 - np.argmax(wrong[:, ::-1], axis=1)[:, None]
        support[live] ^= wrong
    p = applied(V, t)
    beyond = (q - summed(V, p)).max(axis=1)
    return np.linalg.norm(p, axis=1) + np.sqrt(r) * np.maximum(beyond, 0.0), t, support


def losing_edges(A: np.ndarray, w_up: np.ndarray, N: np.ndarray, w_down: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The edges (B, 2) along which rows lose most by their chords, near the maximizers t (B, r).

    −1 where they lose nothing: there is nothing undecided. An edge with much weight in t counts most.
    """
    edges = np.array(list(combinations(range(t.shape[1]), 2)), dtype=int).reshape(-1, 2)
    if not len(edges):
        return np.full((len(t), 2), -1)
    reach = t + 0.3 * t.sum(axis=1, keepdims=True) + 1e-200
    score = np.zeros((len(t), len(edges)))
    P, M = np.maximum(A, 0.0), np.maximum(N, 0.0)
    for k, (i, j) in enumerate(edges):
        lost = w_up * (P[:, i] + P[:, j] - np.maximum(A[:, i] + A[:, j], 0.0))
        also = w_down * (M[:, i] + M[:, j] - np.maximum(N[:, i] + N[:, j], 0.0))
        score[:, k] = (lost.sum(axis=1) + also.sum(axis=1)) * np.minimum(reach[:, i], reach[:, j])
    return np.where(score.max(axis=1)[:, None] > 0, edges[score.argmax(axis=1)], -1)

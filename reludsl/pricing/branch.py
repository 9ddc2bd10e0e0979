"""A rigorous bound on the most that a neuron of norm 1 can bring, by branch and bound over simplicial cones.

The greatest |zᵀσ(Xu)| over ‖u‖ ≤ 1 is that of f(u) = g·u + Σ w_k (x_k·u)₊ for one of two signs, the x_k unit vectors.
On a cone of generators v_1, ..., v_r, u = Σ t_i v_i with t ≥ 0, f is at most q·t:

    a row on one side of the cone       is linear there: it joins g and is not seen further down
    w_k > 0, a row on both sides        (x_k·u)₊ ≤ Σ t_i (x_k·v_i)₊, for it is convex
    w_k < 0, a row on both sides        w_k (x_k·u)₊ ≤ w_k λ_k x_k·u for every λ_k in [0, 1]

With the best λ nothing is lost on rows of the last kind; a few steps towards the sides of the bound's maximizer improve
them, and a cone starts with those of the cone that it was cut from. A cone is cut in two at the middle of the edge
where rows lose most by the chord. The maximum of q·t over the cone's part of the ball is a projection. Any t tells a
true bound: with p = Σ t_i v_i,

    max q·t  ≤  ‖p‖ + √r max_i (q_i − v_i·p)₊,

as Σ t_i ≤ √r ‖u‖ for generators within one orthant, where all cones start. Cones whose bounds are at most a threshold
are left alone; the greatest of these bounds counts in the end. Everything is float64, and the rounding of all sums, of
products and of cuts is added at the most that it can be. Cones go through in batches, of which each array operation
takes all. Plain NumPy: the functions stand word for word in generated code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from reludsl.pricing.kinks import Kinks, kinks
from reludsl.pricing.simplicial import BATCH, Cones, bounded, halves, joint, orthants

MOST_DIMENSIONS = 12
"""Of the space of the samples: there are 2^r orthants to begin with."""

_ROOM = 30_000_000
"""How many numbers of rows may wait; with more, cones near the threshold go first, which soon are done."""

_FOUND = 64
"""How many directions are told."""


@dataclass(frozen=True, eq=False)
class Search:
    """How a search for the greatest |zᵀσ(Xu)| over ‖u‖ ≤ 1 ended.

    It is at most `upper`, whether or not the search has `finished`, and at least `lower`. `directions` (d, k) are
    unit vectors that bring more than was asked for, by `values` (k,) of zᵀσ(Xu), the greatest sizes first. `nodes` is
    the number of cones that were bounded, `seconds` what it took.
    """

    upper: float
    lower: float
    directions: np.ndarray
    values: np.ndarray
    finished: bool
    nodes: int
    seconds: float


@dataclass(frozen=True)
class SearchState:
    """A moment of a search: `upper` and `lower` as they will be at its end, if it ends now; cones seen, and waiting."""

    upper: float
    lower: float
    nodes: int
    waiting: int
    seconds: float


def greatest_value(
    X: np.ndarray,
    z: np.ndarray,
    slope: float = 0.0,
    *,
    cost: float = 0.0,
    tolerance: float = 1e-3,
    starts: np.ndarray | None = None,
    time_limit: float = np.inf,
    monitor: Callable[[SearchState], bool] = lambda state: False,
    refinements: int = 6,
) -> Search:
    """Bounds on max |zᵀσ(Xu)| over ‖u‖ ≤ 1, for samples X (n, d), z (n,) and the activation with `slope` below 0.

    The upper bound is at most 1 + `tolerance` times the maximum, or that times `cost` where this is more: with a cost
    it is decided whether any neuron brings more than it costs, up to the tolerance, and what brings more than
    1 + tolerance / 2 times the cost is told. `starts` (d, k) are directions that bring much, if any are known. The
    search ends at the `time_limit` in seconds, or where `monitor` returns True, with what it has proved so far.

    Raises ValueError for samples that are not `searchable`, and for a z that is not finite.
    """
    began = time.perf_counter()
    if not np.isfinite(z).all():
        raise ValueError("z has to be finite")
    unit = float(np.abs(z).max(initial=0.0))
    of = kinks(X, z / (unit or 1.0), slope)
    if not searchable(len(of.weights), of.rank):
        raise ValueError(f"{len(of.weights)} samples of {of.rank} dimensions are too many to be searched")
    cost = cost / (unit or 1.0)
    asked = cost * (1.0 + 0.5 * tolerance)
    found = _Found(of, asked)
    found.add(climbed(of, starts))
    heap: list[tuple[float, int, Cones]] = []
    nodes = depth = entries = pushed = 0
    closed = 0.0  # the greatest bound of cones that were left alone

    def push(block: Cones) -> None:
        nonlocal pushed, entries
        pushed, entries = pushed + 1, entries + block.entries
        heappush(heap, (-block.greatest, pushed, block))

    def upper() -> float:
        most = max(closed, found.greatest, -heap[0][0] if heap else 0.0)
        return unit * (most * (1.0 + 1e-12) + of.missed + rounding(of, depth))

    if len(of.weights) or np.any(of.linear):
        for block in orthants(of):
            push(block)
    finished = True
    while heap:
        state = SearchState(upper(), unit * found.greatest, nodes, sum(len(b) for _, _, b in heap), _since(began))
        if state.seconds > time_limit or monitor(state):
            finished = False
            break
        parts = [heap.pop()[2] if entries > _ROOM else heappop(heap)[2]]
        while heap and sum(block.entries for block in parts) < BATCH // (4 * of.rank):
            parts.append(heappop(heap)[2])
        entries -= sum(block.entries for block in parts)
        block = joint(parts)
        threshold = max(cost, found.greatest) * (1.0 + tolerance)
        low = block.bounds <= threshold  # since the threshold rises with what is found
        closed = max(closed, float(block.bounds[low].max(initial=0.0)))
        if low.all():
            continue
        block, points = bounded(of, block.only(np.flatnonzero(~low)), threshold, refinements)
        nodes += len(block)
        found.add(points)
        threshold = max(cost, found.greatest) * (1.0 + tolerance)
        done = (block.bounds <= threshold) | (block.edges[:, 0] < 0)
        closed = max(closed, float(block.bounds[done].max(initial=0.0)))
        if done.all():
            continue
        block = halves(block.only(np.flatnonzero(~done)))
        depth = max(depth, int(block.depths.max()))
        for part in block.batches():
            push(part)
    return Search(
        upper(),
        unit * found.greatest,
        of.basis @ found.directions,
        unit * found.values,
        finished,
        nodes,
        _since(began),
    )


def searchable(samples: int, dimensions: int) -> bool:
    """Whether a search can begin: all orthants with all samples have to have room."""
    return dimensions <= MOST_DIMENSIONS and samples * 2 ** (dimensions + 1) <= _ROOM


def _since(began: float) -> float:
    return time.perf_counter() - began


def rounding(of: Kinks, depth: int) -> float:
    """What rounding can have taken off a bound, after so many cuts.

    The sums over rows, the products with generators, rows that are on one side but for rounding, and slivers between
    the halves of cones, which are an ulp off the plane of their edge, each time by the size of f.
    """
    m, r = of.rows.shape
    return 2.0**-52 * float(np.sqrt(r)) * float(2 * m + 20 * r + 8 * depth + 60) * of.size


class _Found:
    """The best directions so far (r, k), unit vectors of the reduced space, with their values of zᵀσ(Xu)."""

    def __init__(self, of: Kinks, asked: float) -> None:
        self.of, self.asked, self.greatest = of, asked, 0.0
        self.directions, self.values = np.zeros((of.rank, 0)), np.zeros(0)

    def add(self, points: np.ndarray) -> None:
        """Takes the columns of points (r, k) that bring more than was asked for, different in their sides of rows."""
        values = self.of.values(points)
        self.greatest = max(self.greatest, float(np.abs(values).max(initial=0.0)))
        more = np.abs(values) > self.asked
        if not more.any():
            return
        directions = np.concatenate([self.directions, points[:, more]], axis=1)
        values = np.concatenate([self.values, values[more]])
        order = np.argsort(-np.abs(values), kind="stable")[: 4 * _FOUND]
        directions, values = directions[:, order], values[order]
        sides = np.concatenate([self.of.rows @ directions > 0, values[None] > 0])
        first = np.sort(np.unique(sides, axis=1, return_index=True)[1])[:_FOUND]
        self.directions, self.values = directions[:, first], values[first]


def climbed(of: Kinks, starts: np.ndarray | None, count: int = 64, steps: int = 8) -> np.ndarray:
    """Unit vectors (r, k) that bring much: from `starts` (d, k), rows and random directions, by fixed-point steps.

    u goes to the gradient of f where it is, which is the best direction as long as no row changes its side.
    """
    r = of.rank
    if not r:
        return np.zeros((0, 0))
    given = np.zeros((r, 0)) if starts is None else of.basis.T @ starts
    random = np.random.default_rng(0).standard_normal((r, count))
    u = np.concatenate([given, of.rows[:count].T, -of.rows[:count].T, random], axis=1)
    u = u / np.maximum(np.linalg.norm(u, axis=0), 1e-300)
    best, values = u, np.abs(of.values(u))
    for _ in range(steps):
        for sign in (1.0, -1.0):
            slopes = sign * (of.linear[:, None] + of.rows.T @ (of.weights[:, None] * (of.rows @ best > 0)))
            moved = slopes / np.maximum(np.linalg.norm(slopes, axis=0), 1e-300)
            reached = sign * of.values(moved)
            better = reached > values
            best, values = np.where(better, moved, best), np.where(better, reached, values)
    return np.asarray(best)

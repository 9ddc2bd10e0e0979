"""The exact minimum of one goal of one sample by branch and bound over the neurons whose gates may flip.

It takes every perturbation set that has a support function. A node fixes some gates; its bound is that of a convex
relaxation, proved by weak duality in the original numbers (`Piecewise.bound`), so that no tolerance of a solver enters
(Bunel et al. 2018; multipliers of fixed gates as in β-CROWN, Wang et al. 2021). Where all gates are fixed that could
bend the goal downwards, the relaxation is the goal.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from reludsl.verification.cone_program import Proposal, deepest, minimize
from reludsl.verification.piecewise import Lower, Piecewise

Array = np.ndarray

_TOLERANCE = 1e-8
"""How far below the best point a node's bound is not looked into any more, relative to how far the goal moves."""


@dataclass(frozen=True, eq=False)
class Minimum:
    """Between `lower`, which is proved, and `upper`, the goal at `delta` (d,).

    `complete` says that the search ended by itself. For gates that jump, the least value need not be attained.
    """

    lower: float
    upper: float
    delta: Array
    complete: bool


def branch_and_bound(
    piecewise: Piecewise, deadline: float = np.inf, target: float | None = None, most_nodes: float = np.inf
) -> Minimum:
    """The minimum over the set; ends at the deadline (`time.monotonic`) or after so many nodes with what it has.

    A search for a `target` ends when it is known on which side of it the minimum lies.
    """
    search = _Search(piecewise)
    none = np.zeros(len(piecewise.weights), dtype=bool)
    root = search.node(none, none, -np.inf)
    ties = count()
    heap = [(root.bound, next(ties), root)]
    settled = np.inf  # the least bound of what need not be looked into
    tolerance = _TOLERANCE * piecewise.scale
    complete = True
    while heap:
        bound, _, node = heap[0]
        if min(bound, settled) >= search.upper - tolerance:
            break
        if target is not None and (min(bound, settled) > target or search.upper < target):
            break
        if time.monotonic() > deadline or search.nodes >= most_nodes:
            complete = False
            break
        heapq.heappop(heap)
        neuron = search.branching_neuron(node)
        if neuron is None:
            search.look_inside(node)
            settled = min(settled, bound)
            continue
        fixed = np.arange(len(none)) == neuron
        for open, closed in ((node.open | fixed, node.closed), (node.open, node.closed | fixed)):
            child = search.node(open, closed, bound)
            heapq.heappush(heap, (child.bound, next(ties), child))
    lower = min([settled, search.upper, *(bound for bound, _, _ in heap[:1])])
    return Minimum(float(lower), search.upper, search.delta, complete)


@dataclass(frozen=True, eq=False)
class _Node:
    open: Array
    closed: Array
    bound: float
    proposal: Proposal | None


class _Search:
    """The best perturbation so far, and how nodes are bounded."""

    def __init__(self, piecewise: Piecewise) -> None:
        self.piecewise = piecewise
        self.delta = np.zeros(len(piecewise.slope))
        self.upper = piecewise.value(self.delta)
        self.nodes = 0

    def node(self, open: Array, closed: Array, parent: float) -> _Node:
        piecewise = self.piecewise
        self.nodes += 1
        lower = piecewise.relaxed(open, closed)
        proposal = minimize(piecewise, lower, open, closed)
        if proposal is None:
            return _Node(open, closed, parent, None)
        if proposal.infeasible:
            zero = Lower(0.0, np.zeros(len(piecewise.slope)), np.zeros(len(open)), 0.0)
            proved = piecewise.bound(zero, proposal.share, proposal.sides) > 0
            return _Node(open, closed, np.inf if proved else parent, None)
        self.try_(proposal.delta)
        bound = piecewise.bound(lower, proposal.share, proposal.sides)
        return _Node(open, closed, parent if np.isnan(bound) else max(parent, bound), proposal)

    def try_(self, delta: Array) -> None:
        """Keeps a perturbation, and the worst for the network's affine piece there, where they are the best so far."""
        for point in (delta, self.piecewise.worst_of_piece(delta)):
            if (value := self.piecewise.value(point)) < self.upper:
                self.upper, self.delta = value, point

    def branching_neuron(self, node: _Node) -> int | None:
        """The free neuron whose relaxation is furthest below it at the node's minimum."""
        piecewise = self.piecewise
        free = ~(node.open | node.closed | piecewise.convex)
        if not free.any():
            return None
        delta = self.delta if node.proposal is None else node.proposal.delta
        s, t = piecewise.s + piecewise.gates @ delta, piecewise.t + piecewise.lines @ delta
        jump = 1.0 if piecewise.kind == "step" else t
        constant, linear, ramp = piecewise.terms(node.open, node.closed)
        gaps = piecewise.weights * (s >= 0) * jump - (constant + linear * t + ramp * np.maximum(s, 0.0))
        reach = np.minimum(piecewise.high, -piecewise.low) / np.maximum(piecewise.high, -piecewise.low)
        size = np.abs(piecewise.weights) * (np.maximum(piecewise.line_high, -piecewise.line_low) if jump is t else 1.0)
        # where no neuron is relaxed there, the one whose side is least settled
        return int(np.argmax(np.where(free, np.maximum(gaps, 1e-12 * size * reach), -np.inf)))

    def look_inside(self, node: _Node) -> None:
        """Tries points of a node with fixed gates where these gates are truly so."""
        if node.proposal is not None:
            for delta in strictly_inside(self.piecewise, node.proposal.delta, node.open, node.closed):
                self.try_(delta)


def strictly_inside(piecewise: Piecewise, delta: Array, open: Array, closed: Array) -> Iterator[Array]:
    """Points near to a perturbation, on the way to one that is far from the gates' hyperplanes.

    At a jump the least value is that of one side and attained on the other. Continuous neurons need none of this.
    """
    if piecewise.kind != "ramp" and (inside := deepest(piecewise, open, closed)) is not None:
        for share in 10.0 ** np.arange(-8, 1):
            yield delta + share * (inside - delta)

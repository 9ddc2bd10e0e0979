"""What columns bring where some penalties count the hidden biases and others leave them out.

The penalty of a column u = (v, b), b its bias, is

    p(u) = group ‖u‖ + inner group ‖v‖ + (l1 + inner l1) ‖v‖₁ + l1 |b| + (l2 + inner l2)/2 ‖v‖² + l2/2 b².

Its conjugate at m = (m_v, m_b) is that of a function of two numbers, since of all v of one length the best is parallel
to what the l1 norms leave of m_v: with r = (‖shrunk m_v‖ − inner group)₊ and s = (|m_b| − l1)₊, entries shrunk by
l1 + inner l1,

    p*(m) = min over a, b with a² + b² ≤ group² of (r − a)² / (2 (l2 + inner l2)) + (s − b)² / (2 l2).

A column c of the dual point brings sup over u in its cone of c·u − p(u) ≤ p*(c + Aᵀλ) for every λ ≥ 0, where A has the
rows of its cone: any λ proves a bound, and the best one makes it tight. It is found by Douglas-Rachford splitting of
the supremum into the cone, whose projections tell λ, and the penalty, whose proximal operator is like p*.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reludsl.certificate.cones import PatternCones
from reludsl.cones import ConeProjector, Supports
from reludsl.ir.pattern_problem import PatternProblem

_ROUNDS, _FEW = 1000, 100
_CHECKED = 10
"""After how many iterations multipliers are looked at."""
_ACCURACY = 1e-9
"""How near to the best multipliers is near enough."""
_NEAR = 1e-4
"""By how much columns may bring more than they cost at a dual point that deserves more than few rounds."""


def nearest_of_disk(
    r: np.ndarray, s: np.ndarray, radius: float, along: float, across: float
) -> tuple[np.ndarray, np.ndarray]:
    """The point (a, b) of a disk around 0 with the least (r − a)²/along + (s − b)²/across, for r, s ≥ 0.

    Up to rounding, and never outside of the disk. `along` is positive; where `across` is 0 b is s, cut off at the
    radius.
    """
    lengths = np.hypot(r, s)
    outside = lengths > radius
    if not radius:
        return np.zeros_like(r), np.zeros_like(s)
    if not across:
        b = np.minimum(s, radius)
        return np.minimum(r, np.sqrt(np.maximum(radius**2 - b**2, 0.0))), b
    # a = r / (1 + μ along) and b = s / (1 + μ across), where the multiplier μ ≥ 0 takes them to the border.
    low, high = np.zeros_like(r), lengths / max(radius * min(along, across), 1e-200)
    for _ in range(100 if along != across else 0):
        middle = 0.5 * (low + high)
        beyond = np.hypot(r / (1.0 + middle * along), s / (1.0 + middle * across)) > radius
        low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
    a, b = r / (1.0 + high * along), s / (1.0 + high * across)
    factors = radius / np.maximum(np.hypot(a, b), 1e-300)
    a, b = a * factors, b * factors
    return np.where(outside, a, r), np.where(outside, b, s)


@dataclass(frozen=True)
class MixedCost:
    """The penalty of columns (d, m) of a mixed problem, by what a dual point can say about it."""

    problem: PatternProblem

    @property
    def ridges(self) -> tuple[float, float]:
        """Those of the inner entries and of the bias."""
        return self.problem.l2 + self.problem.inner_l2, self.problem.l2

    def pulls(self, columns: np.ndarray, scale: float | np.ndarray = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """r and s of columns: what l1 norms and the inner norm leave of them, these multiplied by `scale`."""
        problem = self.problem
        left = np.maximum(np.abs(columns[:-1]) - scale * (problem.l1 + problem.inner_l1), 0.0)
        r = np.maximum(np.linalg.norm(left, axis=0) - scale * problem.inner_group, 0.0)
        return r, np.maximum(np.abs(columns[-1]) - scale * problem.l1, 0.0)

    def free(self, columns: np.ndarray) -> np.ndarray:
        """Which columns bring no more than they cost without ridges."""
        r, s = self.pulls(columns)
        return np.asarray(np.hypot(r, s) <= self.problem.group)

    def conjugates(self, columns: np.ndarray) -> np.ndarray:
        """p* of columns; inf where one brings more than it costs and no ridge is in its way."""
        (inner, last), (r, s) = self.ridges, self.pulls(columns)
        free = np.hypot(r, s) <= self.problem.group
        if not inner:
            return np.where(free, 0.0, np.inf)
        a, b = nearest_of_disk(r, s, self.problem.group, inner, last)
        across = (s - b) ** 2 / (2 * last) if last else np.where(s <= b, 0.0, np.inf)
        return np.where(free, 0.0, (r - a) ** 2 / (2 * inner) + across)

    def share(self, columns: np.ndarray) -> float:
        """A t in [0, 1] for which p*(t m) is finite for all columns m: the largest one, but for rounding."""
        inner, last = self.ridges
        if last:
            return 1.0
        if inner:
            largest = float(np.abs(columns[-1]).max(initial=0.0))
            return min(1.0, (1.0 - 1e-15) * (self.problem.group + self.problem.l1) / largest) if largest else 1.0
        largest = float(self.gauges(columns).max(initial=0.0))
        return (1.0 - 1e-15) / largest if largest > 1.0 else 1.0

    def gauges(self, columns: np.ndarray) -> np.ndarray:
        """The least number by which each column may be divided to bring no more than it costs; no less than 1."""
        gauges = np.ones(columns.shape[1])
        dear = np.flatnonzero(~self.free(columns))
        columns, low, high = columns[:, dear], np.ones(len(dear)), np.full(len(dear), 2.0)
        while not (inside := self._within(columns, high)).all():
            low, high = np.where(inside, low, high), np.where(inside, high, 2.0 * high)
        for _ in range(52):
            middle = 0.5 * (low + high)
            inside = self._within(columns, middle)
            low, high = np.where(inside, low, middle), np.where(inside, middle, high)
        gauges[dear] = high
        return gauges

    def _within(self, columns: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Whether columns bring no more than `scale` times what they cost."""
        return np.asarray(np.hypot(*self.pulls(columns, scale)) <= scale * self.problem.group)

    def values(self, columns: np.ndarray) -> np.ndarray:
        """p of columns."""
        problem, inner = self.problem, columns[:-1]
        norms = problem.group * np.linalg.norm(columns, axis=0) + problem.inner_group * np.linalg.norm(inner, axis=0)
        sizes = problem.l1 * np.abs(columns).sum(axis=0) + problem.inner_l1 * np.abs(inner).sum(axis=0)
        squares = problem.l2 * np.sum(columns**2, axis=0) + problem.inner_l2 * np.sum(inner**2, axis=0)
        return np.asarray(norms + sizes + 0.5 * squares)

    def prox(self, columns: np.ndarray, step: float) -> np.ndarray:
        """The proximal operator of step times p."""
        problem = self.problem
        (inner, last), (r, s) = self.ridges, self.pulls(columns, step)
        inner, last = 1.0 + step * inner, 1.0 + step * last
        a, b = nearest_of_disk(r, s, step * problem.group, inner, last)
        left = np.maximum(np.abs(columns[:-1]) - step * (problem.l1 + problem.inner_l1), 0.0)
        lengths = np.maximum(np.linalg.norm(left, axis=0), 1e-300)
        parts = [(r - a) / inner / lengths * left, ((s - b) / last)[None]]
        return np.asarray(np.sign(columns) * np.concatenate(parts))


def mixed_columns(problem: PatternProblem, z: np.ndarray) -> np.ndarray:
    """Columns c + Aᵀλ (d, columns), λ ≥ 0, of an admissible z (n, c) that bring as little as possible.

    Columns that bring no more than they cost stay as they are.
    """
    columns = problem.adjoint(z)
    cost = MixedCost(problem)
    dear = np.flatnonzero(~cost.free(columns))
    if problem.masks is not None and len(dear):
        projector = PatternCones(problem.X, problem.masks).projector
        columns[:, dear] = _reduced(cost, projector, columns[:, dear], dear % problem.masks.shape[1])
    return columns


def _reduced(cost: MixedCost, projector: ConeProjector, columns: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    """Columns (d, m) of these patterns with multipliers of their cones, by Douglas-Rachford splitting.

    A column is done when a point of its cone shows that no multipliers are better by much. Without ridges the supremum
    is 0 or inf; any step is as good, and where it is inf the iterates grow along the column of which more and more is
    wanted, and λ settles all the same. It is then not the best one for a share of the column, so that not much effort
    is spent on dual points that are far from admissible: a looser bound is as good there.
    """
    homogeneous = not cost.ridges[0]
    step = 1.0 / (cost.ridges[0] or 1.0)
    supports = projector.no_supports(len(patterns))
    left, live, W = columns.copy(), np.arange(len(patterns)), step * columns
    for done in range(1, _ROUNDS + 1):
        part = supports.of(live)
        U = projector.project(W[:, live].T, patterns[live], part)[0].T
        supports.put(live, part)
        if done % _CHECKED == 0:
            left[:, live] = columns[:, live] + _polars(projector, patterns[live], part) / step
            brought, costs = np.einsum("dm,dm->m", columns[:, live], U), cost.values(U)
            if homogeneous:
                gauges = np.divide(brought, costs, out=np.zeros_like(costs), where=costs > 0)
                least = max(1.0, float(gauges.max()))
                on = cost.gauges(left[:, live]) > (1.0 + _ACCURACY) * least
                on &= (done < _FEW) | (least < 1.0 + _NEAR)
            else:
                on = cost.conjugates(left[:, live]) > brought - costs + _ACCURACY * (costs + np.abs(brought))
            live, U = live[on], U[:, on]
            if not len(live):
                break
        W[:, live] += cost.prox(2.0 * U - W[:, live] + step * columns[:, live], step) - U
    return left


def _polars(projector: ConeProjector, patterns: np.ndarray, supports: Supports) -> np.ndarray:
    """Aᵀλ (d, m) of supports, from their multipliers, none of them negative."""
    weights = np.where(supports.used, np.maximum(supports.multipliers, 0.0), 0.0)
    weights = weights * np.take_along_axis(projector.sides[patterns], supports.rows, axis=1)
    return np.asarray(np.einsum("mk,mkd->dm", weights, projector.unit[supports.rows]))

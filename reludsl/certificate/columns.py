"""What columns bring at a dual point where projections alone do not tell: under l1 penalties and with free biases.

A column c may bring as much as it costs iff some λ ≥ 0 and some w with |w_i| ≤ l1 make ‖c + Aᵀλ − w‖ ≤ group, where A
has the rows of its cone, and entries that cost nothing have to be exactly 0 in c + Aᵀλ. Whatever λ ≥ 0 is found proves
an upper bound, since the rest is then arithmetic; a good λ makes it tight.

*l1.* ‖u‖₁ is linear on an orthant, so there the best λ is that of a projection of c − l1·σ onto the cone and the
orthant σ. A multiplier of the orthant above 2·l1 says that the neighbour beyond it is better: that sign flips. The
objective falls with every flip, so that ends (it is the active set method on pieces of a convex function).

*Free biases.* Samples are moved to their mean, which a free bias absorbs, and its coordinate is scaled up; the method
of multipliers makes it 0, and what rounding leaves is taken off exactly, by one row of the right sign.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import nnls

from reludsl.cones import ConeProjector, Supports
from reludsl.ir.pattern_problem import PatternProblem

_ROUNDS = 60
_STRETCH = 10.0
"""How long the coordinate of a free bias is, relative to the samples."""


def gauge(problem: PatternProblem, columns: np.ndarray) -> np.ndarray:
    """The least r for which columns (d, m) divided by r bring no more than they cost without a ridge: (m,).

    That is where ‖c‖ ≤ r·group beyond r·l1, entry by entry: the gauge of a ball and a box added up.
    """
    group, l1 = problem.group, problem.l1
    lengths: np.ndarray = np.linalg.norm(columns, axis=0)
    if not group and not l1:
        return np.asarray(np.where(lengths > 0, np.inf, 0.0))
    if not l1:
        return np.asarray(lengths / group)
    if not group:
        return np.asarray(np.abs(columns).max(axis=0, initial=0.0) / l1)
    found = np.asarray(lengths / (group + l1 * np.sqrt(len(columns))))
    live = np.flatnonzero(np.isfinite(lengths) & (lengths > 0))
    for _ in range(100):  # Newton steps on a convex function that falls: from the left they never pass its root
        beyond = np.maximum(np.abs(columns[:, live]) - l1 * found[live], 0.0)
        norms = np.linalg.norm(beyond, axis=0)
        slopes = group + l1 * beyond.sum(axis=0) / np.maximum(norms, 1e-300)
        changes = (norms - group * found[live]) / slopes
        on = changes > 1e-15 * found[live]
        live = live[on]
        found[live] += changes[on]
        if not len(live):
            break
    return found


class Reductions:
    """Columns of a problem with cones, `chosen` (m,), and what multipliers of their cones leave of them.

    Multipliers are kept: a later call starts from them.
    """

    def __init__(self, problem: PatternProblem, chosen: np.ndarray) -> None:
        assert problem.masks is not None
        self.problem, self.counted = problem, problem.X.shape[1] - problem.free
        self.samples, self.scale = problem.X, 1.0
        if problem.free:
            moved = problem.X[:, : self.counted] - problem.X[:, : self.counted].mean(axis=0)
            self.scale = _STRETCH * (float(np.sqrt(np.mean(np.sum(moved**2, axis=1)))) or 1.0)
            self.samples = np.column_stack([moved, np.full(len(moved), self.scale)])
        masks = problem.masks[:, chosen % problem.masks.shape[1]]
        rows = self.samples
        if problem.l1:  # the orthant is a part of the cone
            rows = np.concatenate([rows, np.eye(self.counted, rows.shape[1])])
            masks = np.concatenate([masks, np.ones((self.counted, len(chosen)), dtype=bool)])
        self.projector = ConeProjector(rows, masks, distinct=False)  # the orthant's rows stay the last ones
        self.axes = slice(len(self.projector.unit) - (self.counted if problem.l1 else 0), None)
        self.supports = replace(self.projector.no_supports(len(chosen)), inverses=None)  # they are changed here

    def reduced(self, C: np.ndarray, blocks: np.ndarray, noise: float = 0.0) -> np.ndarray:
        """c + Aᵀλ without its free entries (m, counted) for columns C (m, d) of some of the blocks.

        As short beyond l1 as λ ≥ 0 can make it where that is more than `group`. Where no λ is found that cancels a
        free entry, but for `noise`, which is the rounding in the sums that C was made by, the result is inf.
        """
        problem, counted = self.problem, self.counted
        C = self._moved(C)
        best, lowest = np.full((len(C), counted), np.inf), np.full(len(C), np.inf)
        pull = np.zeros(len(C))
        if problem.l1:
            self._turn(blocks, np.where(C[:, :counted] >= 0, 1.0, -1.0))
        live = np.arange(len(C))
        threshold = 0.0 if problem.free else max(problem.group, 1e-9 * problem.l1)
        for _ in range(_ROUNDS):
            at = blocks[live]
            aims = C[live].copy()
            if problem.l1:
                aims[:, :counted] -= problem.l1 * self.projector.sides[at, self.axes]
            if problem.free:
                aims[:, counted] += pull[live]
            part = self.supports.of(at)
            found, _ = self.projector.project(aims, at, part, threshold)
            multipliers = self._multipliers(aims, found, at, part)
            self.supports.put(at, part)
            reached = self._left(C[live], at, multipliers, noise)
            prices = np.linalg.norm(problem.shrunk(reached.T), axis=0)
            better = prices < lowest[live]
            best[live[better]], lowest[live[better]] = reached[better], prices[better]
            on = np.zeros(len(live), dtype=bool)
            if problem.l1:
                flipping = multipliers[:, self.axes] > 2 * problem.l1 * (1 + 1e-12)
                self._turn(at, np.where(flipping, -1.0, 1.0) * self.projector.sides[at, self.axes])
                on |= flipping.any(axis=1)
            if problem.free:
                change = np.abs(found[:, counted] - pull[live])
                pull[live] = found[:, counted]
                on |= change > 1e-10 * (np.linalg.norm(found, axis=1) + problem.l1)
            live = live[on & ~(lowest[live] <= max(problem.group, threshold))]
            if not len(live):
                break
        return best

    def _moved(self, C: np.ndarray) -> np.ndarray:
        """Columns as sums over the moved samples: a free bias takes up what the others are moved by."""
        if not self.problem.free:
            return C
        mean = self.problem.X[:, : self.counted].mean(axis=0)
        return np.column_stack([C[:, : self.counted] - C[:, self.counted :] * mean, self.scale * C[:, self.counted]])

    def _turn(self, blocks: np.ndarray, signs: np.ndarray) -> None:
        """Other orthants for blocks; rows that turn over leave the supports."""
        sides, first = self.projector.sides, len(self.projector.unit) - self.counted
        turned = sides[blocks, first:] != signs
        sides[blocks, first:] = signs
        part = self.supports.of(blocks)
        axis = np.maximum(part.rows - first, 0)
        leaving = (part.rows >= first) & np.take_along_axis(turned, axis, axis=1)
        part.used &= ~leaving
        part.multipliers[leaving] = 0.0
        part.polars[:] = 0.0
        self.supports.put(blocks, part)

    def _multipliers(self, aims: np.ndarray, found: np.ndarray, blocks: np.ndarray, part: Supports) -> np.ndarray:
        """The multipliers of all rows (m, rows), none of them negative, by which aims became what was found.

        Where rows that depend on each other made the projector give its support up they come from least squares.
        """
        projector = self.projector
        dense = np.zeros((len(aims), len(projector.unit)))
        block, place = np.nonzero(part.used)
        multipliers = np.maximum(part.multipliers[block, place], 0.0)
        np.add.at(dense, (block, part.rows[block, place]), multipliers)  # rounding may have brought a row in twice
        sides = projector.sides[blocks]
        reached = aims + (dense * sides) @ projector.unit
        sizes = np.linalg.norm(aims, axis=1)
        lengths = np.linalg.norm(reached, axis=1) - np.linalg.norm(found, axis=1)
        for k in np.flatnonzero((lengths > 1e-12 * sizes) & ~part.used.any(axis=1)):
            try:
                dense[k] = sizes[k] * nnls((sides[k][:, None] * projector.unit).T, -aims[k] / sizes[k])[0]
            except RuntimeError:  # it met its limit: the bound is true without
                continue
        return dense

    def _left(self, C: np.ndarray, blocks: np.ndarray, multipliers: np.ndarray, noise: float) -> np.ndarray:
        """What the multipliers of samples leave of moved columns, with free entries made 0."""
        problem, projector, counted = self.problem, self.projector, self.counted
        last = len(projector.unit) - (counted if problem.l1 else 0)
        sides, unit = projector.sides[blocks, :last], projector.unit[:last]
        left = C + (multipliers[:, :last] * sides) @ unit
        if not problem.free:
            return np.asarray(left[:, :counted])
        # One row takes the rest of the bias off: of all that may grow, or shrink as far as needed, the best.
        amount = -left[:, counted, None] / (sides * unit[:, counted])
        lengths = np.sum(unit[:, :counted] ** 2, axis=1)
        signed = amount * sides
        longer = 2 * signed * (left[:, :counted] @ unit[:, :counted].T) + signed**2 * lengths
        longer[amount + multipliers[:, :last] < 0] = np.inf
        row = longer.argmin(axis=1)
        taken = np.arange(len(row))
        found = np.isfinite(longer[taken, row])
        moved = left[:, :counted] + np.where(found, signed[taken, row], 0.0)[:, None] * unit[row, :counted]
        cancelled = found | (np.abs(left[:, counted]) <= noise * self.scale)
        return np.where(cancelled[:, None], moved, np.inf)

"""What a certificate asks of robust cones: neurons that keep their sides on whole sets, and how far others are off.

A neuron that changes sides somewhere goes a step along a direction strictly inside of its cone. The support function is
subadditive, so a step t times the direction takes at least t times the direction's room off what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from reludsl.certificate.cones import largest_violation
from reludsl.ir import RobustForm
from reludsl.lowering.perturbed import reach_of
from reludsl.lowering.robust_cones import open_features, surviving
from reludsl.perturbation_sets import PerturbationSet


class RobustCones:
    """The robust cones of the patterns of a program, with its arrays."""

    def __init__(self, form: RobustForm, arrays: Mapping[str, np.ndarray]) -> None:
        self.X = np.asarray(arrays[form.X.name], dtype=float)
        self.sides = np.where(np.asarray(arrays[form.clean.D.name], dtype=bool), 1.0, -1.0)
        self.norms = np.linalg.norm(self.X, axis=1)
        sets = {name: np.asarray(arrays[name], dtype=float) for name in ("r", "H", "M") if name in arrays}
        self.reach = reach_of(sets, form.ball)
        self.cut: PerturbationSet | None = None
        if form.M is not None:
            low, high = sets["M"] - sets["H"], sets["M"] + sets["H"]
            self.cut = PerturbationSet(np.minimum(low, 0), np.maximum(high, 0), 1 if form.ball == 1 else 2, sets["r"])

    def room(self, columns: np.ndarray, patterns: np.ndarray) -> np.ndarray:
        """How far each sample's whole set is on its side of columns (d, m) of these patterns: (n, m)."""
        sides = self.sides[:, patterns]
        if self.cut is None:
            return np.asarray(sides * (self.X @ columns) - self.reach.of(columns))
        reached = [self.cut.support(-side[:, None] * column) for side, column in zip(sides.T, columns.T, strict=True)]
        return np.asarray(sides * (self.X @ columns) - np.array(reached).reshape(-1, len(self.X)).T)

    def violation(self, *blocks: np.ndarray) -> float:
        """The largest violation of blocks of columns (d, P), one a pattern, relative to samples and the longest column.

        0 when all hold.
        """
        lengths = np.where(self.norms > 0, self.norms, 1.0)[:, None]
        return largest_violation(blocks, lambda columns, patterns: self.room(columns, patterns) / lengths)

    def project(self, columns: np.ndarray) -> np.ndarray:
        """Columns (d, P) inside of their cones, near the given ones: 0 where a cone has no interior."""
        moved = columns.copy()
        outside = np.flatnonzero(columns.any(axis=0))
        closed = np.ones(len(columns), dtype=bool)
        for part in self.reach.parts():
            closed &= ~open_features(self.X, part)[0]
        moved[closed] = 0.0
        room = self.room(moved[:, outside], outside)
        outside = outside[(room < 0).any(axis=0)]
        if not len(outside):
            return moved
        alive, directions = surviving(self.X, self.sides[:, outside] > 0, self.reach)
        moved[:, outside[~alive]] = 0.0
        outside, directions = outside[alive], directions[:, alive]
        for _ in range(3):  # rounding may leave a little to do
            missing = np.maximum(-self.room(moved[:, outside], outside), 0.0)
            if not missing.any():
                break
            inside = self.room(directions, outside)
            steps = np.where(missing > 0, missing / np.where(inside > 0, inside, np.inf), 0.0).max(axis=0, initial=0.0)
            moved[:, outside] += directions * steps * (1 + 1e-12)
        return moved

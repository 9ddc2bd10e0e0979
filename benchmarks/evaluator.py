"""The one judge of all answers, whoever they come from. It shares no loss and no objective with the solvers.

An answer's columns are projected onto their cones; what remains is a point of the program and a ReLU network at once,
and the loss of both is computed from the definitions below. Columns that are in their cones stay as they are. Some of
the projections are checked by nonnegative least squares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from benchmarks.problems import Instance
from reludsl.certificate.duality import bound_from
from reludsl.cones import ConeProjector


def loss_of(kind: str, F: np.ndarray, Y: np.ndarray) -> float:
    """The sum over the samples, for predictions F and targets Y, both (n, c)."""
    match kind:
        case "squared":
            return float(0.5 * np.sum((F - Y) ** 2))
        case "absolute":
            return float(np.sum(np.abs(F - Y)))
        case "huber":
            size = np.abs(F - Y)
            return float(np.sum(np.where(size <= 1.0, 0.5 * size**2, size - 0.5)))
        case "hinge":
            return float(np.sum(np.maximum(1.0 - Y * F, 0.0)))
        case "logistic":
            return float(np.sum(np.logaddexp(0.0, -Y * F)))
        case "cross_entropy":
            return float(np.sum(np.logaddexp.reduce(F, axis=1) - np.sum(Y * F, axis=1)))
    raise ValueError(kind)


@dataclass(frozen=True)
class Verdict:
    """What an answer is worth.

    `objective` is that of the program at the columns on their cones, `network` that of the network they make.
    `violation` is the farthest a column was outside, and `left` is after the projection, both relative to the longest
    column. `check` is by how much projections miss what tells them from other points, relative to the length of what
    was projected. `bound` is a lower bound on the optimum, by duality at this answer's slopes.
    """

    objective: float
    network: float
    violation: float
    left: float
    check: float
    bound: float


class Evaluator:
    """Judges answers to one instance at one strength: columns u (d, columns) in the order of `PatternProblem`."""

    def __init__(self, instance: Instance, beta: float) -> None:
        self.instance, self.beta = instance, beta
        self.kind, self.gated = instance.problem.loss, instance.problem.gated
        self.X, self.Y = instance.X @ instance.basis.T, instance.Y
        patterns, outputs = instance.masks.shape[1], self.Y.shape[1]
        columns = np.arange((1 if self.gated else 2) * outputs * patterns)
        self.patterns, self.outputs = columns % patterns, columns // patterns % outputs
        self.signs = np.where(columns < outputs * patterns, 1.0, -1.0)
        self.projector = None if self.gated else ConeProjector(self.X, instance.masks)

    def objective(self, u: np.ndarray) -> float:
        """The program's objective with every column on its cone."""
        return self._value(*self._feasible(u)[:2])

    def judge(self, u: np.ndarray, dual: np.ndarray | None = None) -> Verdict:
        """All of it. `dual` (n, c) is a dual point that the solver gives, otherwise it is read off the answer."""
        columns, which, violation = self._feasible(u)
        left = self._violation(columns, which)
        candidates = [-self._slopes(self._predictions(columns, which))] + ([] if dual is None else [dual])
        program = self.instance.reduced_program(self.beta)
        return Verdict(
            self._value(columns, which),
            self._value(columns, which, network=True),
            violation,
            left,
            self._check(u),
            max(float(bound_from(program, z)) for z in candidates),
        )

    def network_objective(self, hidden: np.ndarray, output: np.ndarray) -> float:
        """That of a network max(X hidden, 0) output with weight decay: hidden weights (d, m), output weights (m, c)."""
        F = np.maximum(self.instance.X @ hidden, 0.0) @ output
        return loss_of(self.kind, F, self.Y) + 0.5 * self.beta * float(np.sum(hidden**2) + np.sum(output**2))

    def _feasible(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """The columns that are not zero, as rows in the coordinates of the samples' span, on their cones.

        What lies outside the span changes no prediction and no cone: a better answer leaves it out.
        """
        which = np.flatnonzero(np.linalg.norm(u, axis=0) > 0)
        columns = (self.instance.basis @ u[:, which]).T
        if self.projector is None or not len(which):
            return columns, which, 0.0
        worst = self._violations(columns, which)
        longest = float(np.linalg.norm(columns, axis=1).max())
        outside = np.flatnonzero(worst > 1e-11 * np.linalg.norm(columns, axis=1))
        for part in np.array_split(outside, max(1, len(outside) // 100)):
            supports = self.projector.no_supports(len(part))
            columns[part], _ = self.projector.project(columns[part], self.patterns[which[part]], supports)
        kept = np.linalg.norm(columns, axis=1) > 0
        return columns[kept], which[kept], float(worst.max(initial=0.0)) / max(longest, 1e-300)

    def _violations(self, columns: np.ndarray, which: np.ndarray) -> np.ndarray:
        """How far each column is on the wrong side of a sample of unit length, at most; 0 where it is in its cone."""
        assert self.projector is not None
        found = np.zeros(len(which))
        for part in np.array_split(np.arange(len(which)), max(1, len(which) // 100)):
            products = (columns[part] @ self.projector.unit.T) * self.projector.sides[self.patterns[which[part]]]
            found[part] = -products.min(axis=1, initial=0.0)
        return found

    def _violation(self, columns: np.ndarray, which: np.ndarray) -> float:
        if self.projector is None or not len(which):
            return 0.0
        return float(self._violations(columns, which).max() / np.linalg.norm(columns, axis=1).max())

    def _predictions(self, columns: np.ndarray, which: np.ndarray, network: bool = False) -> np.ndarray:
        """F (n, c): neurons by their own signs for the network, by the patterns for the program."""
        F = np.zeros_like(self.Y)
        for part in np.array_split(np.arange(len(which)), max(1, len(which) // 100)):
            terms = self.X @ columns[part].T
            if network and not self.gated:
                terms = np.maximum(terms, 0.0)
            else:
                terms = terms * self.instance.masks[:, self.patterns[which[part]]]
            owners = np.eye(F.shape[1])[self.outputs[which[part]]] * self.signs[which[part], None]
            F += terms @ owners
        return F

    def _value(self, columns: np.ndarray, which: np.ndarray, network: bool = False) -> float:
        lengths = float(np.linalg.norm(columns, axis=1).sum())
        return loss_of(self.kind, self._predictions(columns, which, network), self.Y) + self.beta * lengths

    def _slopes(self, F: np.ndarray) -> np.ndarray:
        return np.asarray(self.instance.reduced_program(self.beta).loss_gradient(F))

    def _check(self, u: np.ndarray, count: int = 5) -> float:
        """Whether projections of the longest columns outside their cones satisfy what tells the projection p of c.

        p - c is a combination, with coefficients >= 0, of the rows that are 0 at p; the residual of the best one is
        what is missing. (Moreau 1962; that p is in its cone is seen by `left`.)
        """
        which = np.flatnonzero(np.linalg.norm(u, axis=0) > 0)
        if self.projector is None or not len(which):
            return 0.0
        columns = (self.instance.basis @ u[:, which]).T
        lengths = np.linalg.norm(columns, axis=1)
        outside = np.flatnonzero(self._violations(columns, which) > 1e-11 * lengths)
        outside = outside[np.argsort(-lengths[outside])[:count]]
        columns, patterns = columns[outside], self.patterns[which[outside]]
        points, _ = self.projector.project(columns, patterns, self.projector.no_supports(len(outside)))
        worst = 0.0
        for column, point, pattern in zip(columns, points, patterns, strict=True):
            rows = self.projector.sides[pattern][:, None] * self.projector.unit
            length, moved = float(np.linalg.norm(column)), float(np.linalg.norm(point - column))
            tight = rows[rows @ point <= 1e-9 * length]
            multipliers, _ = nnls(tight.T, (point - column) / moved, maxiter=100 * sum(tight.shape))
            worst = max(worst, float(np.linalg.norm(moved * (tight.T @ multipliers) - (point - column))) / length)
        return worst

"""One goal of one sample as a function of the perturbation: affine but for the neurons whose gates may flip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reludsl.perturbation_sets import PerturbationSet
from reludsl.verification.neurons import Goal, Kind, Neurons
from reludsl.verification.reach import Reach
from reludsl.verification.relaxation import relaxed

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Lower:
    """constant + slope · δ + Σ ramp_j max(0, s_j(δ)), a convex function below a goal.

    `size` bounds the terms of the affine part, for rounding.
    """

    constant: float
    slope: Array
    ramp: Array
    size: float


@dataclass(frozen=True, eq=False)
class Piecewise:
    """constant + slope · δ + Σ_j weights_j 1[s_j(δ) >= 0] · jump_j over the `k` neurons whose gates may flip.

    s_j(δ) = s_j + gates_j · δ in [low_j, high_j], and the line t_j(δ) = t_j + lines_j · δ in [line_low_j, line_high_j];
    the jump is t_j, or 1 for a step. `perturbations` is the set of this one sample, in the box `smallest`, `largest`.
    """

    kind: Kind
    constant: float
    slope: Array
    size: float
    weights: Array
    gates: Array
    s: Array
    low: Array
    high: Array
    magnitude: Array
    lines: Array
    t: Array
    line_low: Array
    line_high: Array
    line_magnitude: Array
    rounding: float
    perturbations: PerturbationSet
    smallest: Array
    largest: Array

    @classmethod
    def of(cls, neurons: Neurons, reach: Reach, goal: Goal, perturbations: PerturbationSet, sample: int) -> Piecewise:
        w, i = goal.weights[sample], sample
        c = w * neurons.heights
        open = reach.open[i]
        free = ~(open | reach.closed[i]) & (c != 0)
        linear = w * neurons.slope + (np.where(open, c, 0.0) if neurons.kind != "step" else 0.0)
        constants = np.where(open, c, 0.0) if neurons.kind == "step" else np.zeros(len(w))
        row = perturbations.rows(np.array([i]))
        smallest, largest = row.limits
        return cls(
            neurons.kind,
            float(goal.offset[i] + np.sum(constants + linear * reach.t[i])),
            neurons.lines @ linear,
            float(np.abs(goal.offset[i]) + np.sum(np.abs(constants) + np.abs(linear) * reach.line_magnitude[i])),
            c[free],
            neurons.gates.T[free],
            reach.s[i, free],
            reach.low[i, free],
            reach.high[i, free],
            reach.magnitude[i, free],
            neurons.lines.T[free],
            reach.t[i, free],
            reach.line_low[i, free],
            reach.line_high[i, free],
            reach.line_magnitude[i, free],
            reach.rounding,
            row,
            smallest[0],
            largest[0],
        )

    def value(self, delta: Array) -> float:
        """The goal at a perturbation (d,); a gate that rounding may open or close counts as what is greater."""
        s, sure = self.s + self.gates @ delta, self.rounding * self.magnitude
        terms = self.weights * (1.0 if self.kind == "step" else self.t + self.lines @ delta)
        flips = np.where(s > sure, terms, np.where(s < -sure, 0.0, np.maximum(terms, 0.0)))
        return float(self.constant + self.slope @ delta + flips.sum())

    def worst_of_piece(self, delta: Array) -> Array:
        """The worst perturbation (d,) of the affine function that the goal is around a perturbation."""
        open = np.where((self.s + self.gates @ delta >= 0) & (self.kind != "step"), self.weights, 0.0)
        return np.asarray(self.perturbations.maximizer(-(self.slope + open @ self.lines)[None])[0])

    @property
    def convex(self) -> Array:
        """The neurons (k,) that are convex terms as they are, so that no case needs to be told apart."""
        return (self.weights > 0) & (self.kind == "ramp")

    @property
    def scale(self) -> float:
        """How far the goal may move on the set, at most."""
        jump = 1.0 if self.kind == "step" else np.maximum(np.abs(self.line_low), np.abs(self.line_high))
        box = np.maximum(self.largest, -self.smallest)
        return float(np.abs(self.slope) @ box + np.sum(np.abs(self.weights) * jump))

    def relaxed(self, open: Array, closed: Array) -> Lower:
        """A convex function below the goal where the gates `open` (k,) are open and those of `closed` are closed."""
        constant, linear, ramp = self.terms(open, closed)
        return Lower(
            float(self.constant + np.sum(constant + linear * self.t)),
            self.slope + linear @ self.lines,
            ramp,
            float(self.size + np.sum(np.abs(constant) + np.abs(linear) * self.line_magnitude)),
        )

    def terms(self, open: Array, closed: Array) -> tuple[Array, Array, Array]:
        """That function neuron by neuron, see `relaxation.relaxed`."""
        kind, low, high = self.kind, self.low, self.high
        return relaxed(kind, self.weights, low, high, self.line_low, self.line_high, open, closed)

    def bound(self, lower: Lower, share: Array, sides: Array) -> float:
        """The smallest value of an affine function below `lower`, over the set: proved, whatever the multipliers are.

        `share` (k,) in [0, 1] are the slopes of max(0, s). `sides` (k,) are multipliers of the gates that are fixed,
        nonnegative for open ones and nonpositive for closed ones: sides_j s_j(δ) >= 0 there.
        """
        slopes = lower.ramp * share - sides
        slope = lower.slope + slopes @ self.gates
        rounding = self.rounding * (lower.size + np.abs(slopes) @ self.magnitude)
        return float(lower.constant + slopes @ self.s - self.perturbations.support(-slope[None])[0] - rounding)

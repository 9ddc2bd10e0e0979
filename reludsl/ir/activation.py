"""Activations: what a neuron does to its weighted sum, and what they are on a fixed activation pattern.

    relu          max(t, 0)
    leaky_relu    t for t >= 0, slope * t below
    absolute      |t|, the slope -1
    gated_relu    t where a fixed gate of the neuron is open, 0 elsewhere
    threshold     the norm of the neuron's weights where t >= 0, 0 elsewhere

On a pattern D the first three are linear, with gates D + slope (1 - D) (Pilanci, Ergen 2020; Sahiner et al. 2021), and
so is the fourth (Mishkin, Sahiner, Pilanci 2022). The last is constant there: a step with a trainable height
(Ergen, Gulluk, Lacotte, Pilanci 2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reludsl.ir.expression import Constant, Expression
from reludsl.ir.functions import absolute, pos
from reludsl.ir.scalar import Array, array_functions

ActivationName = Literal["relu", "leaky_relu", "absolute", "gated_relu", "threshold"]


@dataclass(frozen=True)
class Activation:
    """`slope` is the one below 0: 0 for `relu` and `gated_relu`, -1 for `absolute`; a step has none."""

    name: ActivationName = "relu"
    slope: float = 0.0

    @property
    def gated(self) -> bool:
        """Whether neurons are switched by fixed gates, not by their own weights."""
        return self.name == "gated_relu"

    @property
    def stepwise(self) -> bool:
        """Whether neurons are constant on a pattern."""
        return self.name == "threshold"

    def of(self, t: Expression) -> Expression:
        """σ(t), for activations that depend on the weighted sum alone."""
        assert not self.gated and not self.stepwise, f"{self.name} is no function of the weighted sum"
        match self.name:
            case "relu":
                return pos(t)
            case "absolute":
                return absolute(t)
        slope = Constant(self.slope, "slope")
        return slope * t + (1 - slope) * pos(t)

    def gates(self, D: Expression) -> Expression:
        """What multiplies the weighted sums on the patterns D, a 0-1 matrix."""
        match self.name:
            case "leaky_relu":
                slope = Constant(self.slope, "slope")
                return slope + (1 - slope) * D
            case "absolute":
                return 2.0 * D - 1.0
        return D

    def gate_values(self, D: Array) -> Array:
        """The gates of boolean patterns, as floating-point numbers."""
        return array_functions(D).where(D, 1.0, self.slope)  # type: ignore[no-any-return]

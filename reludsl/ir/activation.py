"""Activations: what a neuron does to its weighted sum, and what they are on a fixed activation pattern.

    relu          max(t, 0)
    leaky_relu    t for t >= 0, slope * t below
    absolute      |t|, the slope -1
    gated_relu    t where a fixed gate of the neuron is open, 0 elsewhere
    threshold     the norm of the neuron's weights where t >= 0, 0 elsewhere
    polynomial    a t^2 + b t + c, of neurons whose weights have norm 1

On a pattern D the first three are linear, with gates D + slope (1 - D) (Pilanci, Ergen 2020; Sahiner et al. 2021), and
so is the fourth (Mishkin, Sahiner, Pilanci 2022). The last is constant there: a step with a trainable height
(Ergen, Gulluk, Lacotte, Pilanci 2023). A polynomial has no patterns: it is linear in the products of a neuron's weights
(Bartan, Pilanci 2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reludsl.ir.expression import Add, Constant, Expression
from reludsl.ir.functions import absolute, pos, square
from reludsl.ir.scalar import Array, array_functions

ActivationName = Literal["relu", "leaky_relu", "absolute", "gated_relu", "threshold", "polynomial"]


def combination(*parts: tuple[float, Expression]) -> Expression:
    """The sum of expressions with their factors, as one writes it: without those of factor 0, and with minus signs."""
    terms = [factor * part if factor > 0 else -(-factor * part) for factor, part in parts if factor]
    return Add(tuple(terms)) if len(terms) != 1 else terms[0]


@dataclass(frozen=True)
class Activation:
    """`slope` is the one below 0: 0 for `relu` and `gated_relu`, -1 for `absolute`; steps and polynomials have none.

    `coefficients` are the a, b, c of a polynomial, None for the others.
    """

    name: ActivationName = "relu"
    slope: float = 0.0
    coefficients: tuple[float, float, float] | None = None

    @property
    def gated(self) -> bool:
        """Whether neurons are switched by fixed gates, not by their own weights."""
        return self.name == "gated_relu"

    @property
    def stepwise(self) -> bool:
        """Whether neurons are constant on a pattern."""
        return self.name == "threshold"

    @property
    def polynomial(self) -> bool:
        """Whether it is a polynomial: of no pattern, and not homogeneous, so hidden weights have norm 1."""
        return self.coefficients is not None

    def of(self, t: Expression) -> Expression:
        """σ(t), for activations that depend on the weighted sum alone."""
        assert not self.gated and not self.stepwise, f"{self.name} is no function of the weighted sum"
        if self.coefficients is not None:
            a, b, c = self.coefficients
            return combination((a, square(t)), (b, t)) + c
        match self.name:
            case "relu":
                return pos(t)
            case "absolute":
                return absolute(t)
        slope = Constant(self.slope, "slope")
        return slope * t + (1 - slope) * pos(t)

    def value(self, t: Array) -> Array:
        """σ(t) of numbers, for activations that depend on the weighted sum alone."""
        if self.coefficients is not None:
            a, b, c = self.coefficients
            return (a * t + b) * t + c
        xp = array_functions(t)
        return xp.maximum(t, 0.0) + self.slope * xp.minimum(t, 0.0)  # type: ignore[no-any-return]

    def derivative(self, t: Array) -> Array:
        """σ'(t) of numbers, at a kink that of the side t >= 0."""
        if self.coefficients is not None:
            a, b, _ = self.coefficients
            return 2.0 * a * t + b
        return array_functions(t).where(t >= 0, 1.0, self.slope)  # type: ignore[no-any-return]

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

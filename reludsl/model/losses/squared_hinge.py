"""The squared hinge loss ½ max(0, margin − y f)²."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reludsl.ir import Expression, Margin, ScalarFunction, array_functions, pos, square
from reludsl.ir.scalar import Array
from reludsl.model.losses.kind import loss_kind
from reludsl.options import NumberType, Option


@dataclass(frozen=True)
class SquaredHinge(ScalarFunction):
    """φ(t) = ½ max(0, margin − t)²; its conjugate is margin · s + s²/2 for s ≤ 0."""

    margin: float = 1.0
    name: ClassVar[str] = "squared_hinge"

    def expression(self, t: Expression) -> Expression:
        return 0.5 * square(pos(self.margin - t))

    def value(self, t: Array) -> Array:
        return 0.5 * array_functions(t).clip(self.margin - t, 0.0, None) ** 2  # type: ignore[no-any-return]

    def derivative(self, t: Array) -> Array:
        return array_functions(t).clip(t - self.margin, None, 0.0)  # type: ignore[no-any-return]

    def conjugate(self, s: Array) -> Array:
        return array_functions(s).where(s <= 0.0, self.margin * s + 0.5 * s**2, float("inf"))  # type: ignore[no-any-return]

    @property
    def conjugate_domain(self) -> tuple[float, float]:
        return -float("inf"), 0.0

    def prox(self, v: Array, tau: float) -> Array:
        xp = array_functions(v)
        return xp.where(v >= self.margin, v, (v + tau * self.margin) / (1.0 + tau))  # type: ignore[no-any-return]

    def prox_derivative(self, v: Array, tau: float) -> Array:
        return array_functions(v).where(v >= self.margin, 1.0, 1.0 / (1.0 + tau))  # type: ignore[no-any-return]

    @property
    def smooth(self) -> bool:
        return True

    @property
    def nonincreasing(self) -> bool:
        return True


KIND = loss_kind(
    "squared_hinge",
    "half the square of what a label's margin lacks",
    lambda settings: Margin(SquaredHinge(settings["margin"])),
    targets=("binary", "categorical"),
    options=(Option("margin", NumberType(0, open_minimum=True), "the product y f from which on nothing is lost", 1.0),),
    formula="½ max(0, margin − y f)²",
    details="For labels −1 and +1: a smooth hinge, which punishes large mistakes harder.",
    example="loss squared_hinge",
)

"""The hinge loss max(0, margin − y f)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reludsl.ir import Expression, Margin, ScalarFunction, array_functions, pos
from reludsl.ir.scalar import Array
from reludsl.model.losses.kind import loss_kind
from reludsl.options import NumberType, Option


@dataclass(frozen=True)
class Hinge(ScalarFunction):
    """φ(t) = max(0, margin − t); its conjugate is margin · s on [−1, 0]."""

    margin: float = 1.0
    name: ClassVar[str] = "hinge"

    def expression(self, t: Expression) -> Expression:
        return pos(self.margin - t)

    def value(self, t: Array) -> Array:
        return array_functions(t).clip(self.margin - t, 0.0, None)  # type: ignore[no-any-return]

    def derivative(self, t: Array) -> Array:
        return array_functions(t).where(t < self.margin, -1.0, 0.0)  # type: ignore[no-any-return]

    def conjugate(self, s: Array) -> Array:
        inside = (s >= -1.0) & (s <= 0.0)
        return array_functions(s).where(inside, self.margin * s, float("inf"))  # type: ignore[no-any-return]

    @property
    def conjugate_domain(self) -> tuple[float, float]:
        return -1.0, 0.0

    def prox(self, v: Array, tau: float) -> Array:
        # Right of the kink v stays, far left of it v moves by tau, in between it lands on the kink.
        xp = array_functions(v)
        return xp.where(v >= self.margin, v, xp.clip(v + tau, None, self.margin))  # type: ignore[no-any-return]

    def prox_derivative(self, v: Array, tau: float) -> Array:
        on_kink = (v > self.margin - tau) & (v < self.margin)
        return array_functions(v).where(on_kink, 0.0, 1.0)  # type: ignore[no-any-return]

    @property
    def nonincreasing(self) -> bool:
        return True


KIND = loss_kind(
    "hinge",
    "what a label's margin lacks",
    lambda settings: Margin(Hinge(settings["margin"])),
    targets=("binary", "categorical"),
    options=(Option("margin", NumberType(0, open_minimum=True), "the product y f from which on nothing is lost", 1.0),),
    formula="max(0, margin − y f)",
    details="For labels −1 and +1, as in support vector machines.",
    example="loss hinge { margin = 1, reduction = mean }",
)

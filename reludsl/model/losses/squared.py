"""The squared loss ½(f − y)²."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reludsl.ir import Distance, Expression, ScalarFunction, square
from reludsl.ir.scalar import Array
from reludsl.model.losses.kind import loss_kind


@dataclass(frozen=True)
class HalfSquare(ScalarFunction):
    """ψ(r) = r²/2, its own conjugate."""

    name: ClassVar[str] = "half_square"

    def expression(self, t: Expression) -> Expression:
        return 0.5 * square(t)

    def value(self, t: Array) -> Array:
        return 0.5 * t**2

    def derivative(self, t: Array) -> Array:
        return t

    def conjugate(self, s: Array) -> Array:
        return 0.5 * s**2

    @property
    def conjugate_domain(self) -> tuple[float, float]:
        return -float("inf"), float("inf")

    def prox(self, v: Array, tau: float) -> Array:
        return v / (1.0 + tau)

    def prox_derivative(self, v: Array, tau: float) -> Array:
        return 0.0 * v + 1.0 / (1.0 + tau)

    @property
    def smooth(self) -> bool:
        return True

    @property
    def symmetric(self) -> bool:
        return True


KIND = loss_kind(
    "squared",
    "half the squared distance",
    lambda settings: Distance(HalfSquare()),
    targets=("vector", "binary", "matrix", "categorical"),
    formula="½ (f − y)²",
    details=(
        "For real-valued targets, and for labels too, which it takes as the numbers −1 and +1. The one half is part of "
        "the definition."
    ),
    example="loss squared",
)

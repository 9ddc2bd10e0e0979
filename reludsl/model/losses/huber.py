"""The Huber loss: squared for small residuals, absolute for large ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reludsl.ir import Constant, Distance, Expression, Huber, ScalarFunction, array_functions
from reludsl.ir.scalar import Array
from reludsl.model.losses.kind import loss_kind
from reludsl.options import NumberType, Option


@dataclass(frozen=True)
class HuberFunction(ScalarFunction):
    """ψ(r) = r²/2 for |r| ≤ delta, delta · (|r| − delta/2) beyond; its conjugate is s²/2 on [−delta, delta]."""

    delta: float = 1.0
    name: ClassVar[str] = "huber"

    def expression(self, t: Expression) -> Expression:
        return Huber(t, Constant(self.delta, "delta"))

    def value(self, t: Array) -> Array:
        size = abs(t)
        clipped = array_functions(t).clip(size, None, self.delta)
        return clipped * (size - 0.5 * clipped)  # type: ignore[no-any-return]

    def derivative(self, t: Array) -> Array:
        return array_functions(t).clip(t, -self.delta, self.delta)  # type: ignore[no-any-return]

    def conjugate(self, s: Array) -> Array:
        return array_functions(s).where(abs(s) <= self.delta, 0.5 * s**2, float("inf"))  # type: ignore[no-any-return]

    @property
    def conjugate_domain(self) -> tuple[float, float]:
        return -self.delta, self.delta

    def prox(self, v: Array, tau: float) -> Array:
        return v - tau * array_functions(v).clip(v / (1.0 + tau), -self.delta, self.delta)  # type: ignore[no-any-return]

    def prox_derivative(self, v: Array, tau: float) -> Array:
        inside = abs(v) <= self.delta * (1.0 + tau)
        return array_functions(v).where(inside, 1.0 / (1.0 + tau), 1.0)  # type: ignore[no-any-return]

    @property
    def smooth(self) -> bool:
        return True

    @property
    def symmetric(self) -> bool:
        return True


KIND = loss_kind(
    "huber",
    "squared near the target, absolute far from it",
    lambda settings: Distance(HuberFunction(settings["delta"])),
    targets=("vector", "matrix"),
    options=(Option("delta", NumberType(0, open_minimum=True), "the residual from which on it grows linearly", 1.0),),
    formula="½ r² for |r| ≤ delta, delta (|r| − delta/2) beyond, r = f − y",
    details="Robust against outliers and smooth (Huber 1964). delta is in the units of the target as it is trained on.",
    example="loss huber { delta = 0.5 }",
)

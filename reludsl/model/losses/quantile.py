"""The quantile loss, and its symmetric case, the absolute loss |f − y|."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reludsl.ir import Distance, Expression, Maximum, ScalarFunction, absolute, array_functions
from reludsl.ir.scalar import Array
from reludsl.model.losses.kind import loss_kind
from reludsl.options import NumberType, Option


@dataclass(frozen=True)
class Pinball(ScalarFunction):
    """ψ(r) = above · max(r, 0) + below · max(−r, 0); its conjugate is 0 on [−below, above].

    r = f − y, so `above` weighs predictions above the target.
    """

    above: float = 1.0
    below: float = 1.0
    name: ClassVar[str] = "pinball"

    def expression(self, t: Expression) -> Expression:
        if self.above == self.below == 1.0:
            return absolute(t)
        if t.sign.is_nonnegative:
            return self.above * t
        if t.sign.is_nonpositive:
            return -self.below * t
        return Maximum((self.above * t, -self.below * t))

    def value(self, t: Array) -> Array:
        return array_functions(t).where(t > 0, self.above * t, -self.below * t)  # type: ignore[no-any-return]

    def derivative(self, t: Array) -> Array:
        return array_functions(t).where(t > 0, self.above, -self.below)  # type: ignore[no-any-return]

    def conjugate(self, s: Array) -> Array:
        low, high = self.conjugate_domain
        return array_functions(s).where((s >= low) & (s <= high), 0.0, float("inf"))  # type: ignore[no-any-return]

    @property
    def conjugate_domain(self) -> tuple[float, float]:
        return -self.below, self.above

    def prox(self, v: Array, tau: float) -> Array:
        # v less its projection onto tau times the subdifferential at 0.
        return v - array_functions(v).clip(v, -tau * self.below, tau * self.above)  # type: ignore[no-any-return]

    def prox_derivative(self, v: Array, tau: float) -> Array:
        on_kink = (v > -tau * self.below) & (v < tau * self.above)
        return array_functions(v).where(on_kink, 0.0, 1.0)  # type: ignore[no-any-return]

    @property
    def symmetric(self) -> bool:
        return self.above == self.below


KIND = loss_kind(
    "quantile",
    "the distance whose minimizer is a quantile of the target",
    lambda settings: Distance(Pinball(above=1.0 - settings["level"], below=settings["level"])),
    targets=("vector", "matrix"),
    options=(
        Option(
            "level",
            NumberType(0, 1, open_minimum=True, open_maximum=True),
            "the quantile that is predicted; 0.5 is the median",
            0.5,
        ),
    ),
    formula="level · max(y − f, 0) + (1 − level) · max(f − y, 0)",
    details="Its expectation is smallest at the quantile of the target at `level` (Koenker, Bassett 1978).",
    example="loss quantile { level = 0.9 }",
)

"""The logistic loss log(1 + exp(−y f))."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reludsl.ir import Expression, Margin, ScalarFunction, array_functions, logistic
from reludsl.ir.scalar import Array
from reludsl.model.losses.kind import loss_kind


@dataclass(frozen=True)
class Logistic(ScalarFunction):
    """φ(t) = log(1 + exp(−t)); its conjugate is the negative entropy of −s and 1 + s on [−1, 0]."""

    name: ClassVar[str] = "logistic_margin"

    def expression(self, t: Expression) -> Expression:
        return logistic(-t)

    def value(self, t: Array) -> Array:
        xp = array_functions(t)
        return xp.logaddexp(0.0 * t, -t)  # type: ignore[no-any-return]

    def derivative(self, t: Array) -> Array:
        # -1 / (1 + exp(t)) without overflow: exp only ever sees -|t|.
        xp = array_functions(t)
        small = xp.exp(-abs(t))
        return -xp.where(t >= 0, small, 1.0) / (1.0 + small)  # type: ignore[no-any-return]

    def conjugate(self, s: Array) -> Array:
        xp = array_functions(s)
        inside = (s >= -1.0) & (s <= 0.0)
        p = xp.where(inside, -s, 0.5)

        def xlogx(x: Array) -> Array:
            return xp.where(x > 0, x * xp.log(xp.where(x > 0, x, 1.0)), 0.0)  # type: ignore[no-any-return]

        return xp.where(inside, xlogx(p) + xlogx(1.0 - p), float("inf"))  # type: ignore[no-any-return]

    @property
    def conjugate_domain(self) -> tuple[float, float]:
        return -1.0, 0.0

    def prox(self, v: Array, tau: float) -> Array:
        # t solves t - v = tau / (1 + exp(t)), whose root lies in [v, v + tau]. Newton steps, but bisection where one
        # leaves the bracket, and at every third step: Newton's method alone can go round in a circle.
        xp = array_functions(v)
        low, high = v + 0.0, v + tau
        t = v + 0.5 * tau
        for step in range(150):
            slope = self.derivative(t)
            excess = t - v + tau * slope
            low, high = xp.where(excess < 0, t, low), xp.where(excess < 0, high, t)
            newton = t - excess / (1.0 - tau * slope * (1.0 + slope))
            if not xp.any(abs(newton - t) > 4e-15 * (abs(t) + abs(v) + tau)):
                break
            inside = (newton > low) & (newton < high) & (step % 3 != 2)
            t = xp.where(inside, newton, 0.5 * (low + high))
        return t

    def prox_derivative(self, v: Array, tau: float) -> Array:
        slope = self.derivative(self.prox(v, tau))
        return 1.0 / (1.0 - tau * slope * (1.0 + slope))

    @property
    def smooth(self) -> bool:
        return True

    @property
    def legendre(self) -> bool:
        return True

    def inverse_derivative(self, s: Array) -> Array:
        xp = array_functions(s)
        s = xp.clip(s, -1.0 + 1e-16, -1e-300)
        return xp.log1p(s) - xp.log(-s)  # type: ignore[no-any-return]

    def second_derivative(self, t: Array) -> Array:
        slope = self.derivative(t)
        return -slope * (1.0 + slope)

    @property
    def nonincreasing(self) -> bool:
        return True


KIND = loss_kind(
    "logistic",
    "the negative log-likelihood of a label",
    lambda settings: Margin(Logistic()),
    targets=("binary", "categorical"),
    formula="log(1 + exp(−y f))",
    details="For labels −1 and +1; f is the logarithm of the odds of +1.",
    example="loss logistic { reduction = mean }",
)

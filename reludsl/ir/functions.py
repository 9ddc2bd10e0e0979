"""Nonlinear expressions: elementwise functions, maxima, norms, and a loss applied to every entry.

Each states its curvature and monotonicity as a function; `attributes.py` does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from reludsl.ir.attributes import Curvature, Monotonicity, Rule, Sign, linear
from reludsl.ir.dims import Shape, ShapeError, show
from reludsl.ir.expression import Constant, Expression, common_shape
from reludsl.ir.structure import Axis, Reduction, Unary, reduced

if TYPE_CHECKING:
    from reludsl.ir.scalar import ScalarFunction

_CONVEX, _CONCAVE = Curvature.CONVEX, Curvature.CONCAVE
_INCREASING, _DECREASING, _NEITHER = Monotonicity

Operation = Literal["abs", "pos", "neg", "square", "exp", "log", "logistic", "sqrt", "entropy", "step"]


@dataclass(frozen=True)
class _Known:
    """What is known of a scalar function. `even`: it moves with the size of its argument."""

    curvature: Curvature
    monotonicity: Monotonicity
    sign: Sign = Sign.NONNEGATIVE
    even: bool = False


OPERATIONS: Final[Mapping[Operation, _Known]] = MappingProxyType(
    {
        "abs": _Known(_CONVEX, _NEITHER, even=True),
        "pos": _Known(_CONVEX, _INCREASING),  # max(x, 0)
        "neg": _Known(_CONVEX, _DECREASING),  # max(-x, 0)
        "square": _Known(_CONVEX, _NEITHER, even=True),
        "exp": _Known(_CONVEX, _INCREASING),
        "log": _Known(_CONCAVE, _INCREASING, Sign.UNKNOWN),
        "logistic": _Known(_CONVEX, _INCREASING),  # log(1 + exp(x))
        "sqrt": _Known(_CONCAVE, _INCREASING),
        "entropy": _Known(_CONCAVE, _NEITHER, Sign.UNKNOWN),  # -x log(x), 0 at 0
        "step": _Known(Curvature.UNKNOWN, _INCREASING),  # 1 where x >= 0, 0 elsewhere
    }
)


@dataclass(frozen=True)
class Elementwise(Expression):
    """One of `OPERATIONS`, on every entry."""

    operation: Operation
    argument: Expression

    @property
    def arguments(self) -> tuple[Expression, ...]:
        return (self.argument,)

    @property
    def shape(self) -> Shape:
        return self.argument.shape

    @property
    def sign(self) -> Sign:
        return OPERATIONS[self.operation].sign

    @property
    def rule(self) -> Rule:
        known = OPERATIONS[self.operation]
        monotone = Monotonicity.along(self.argument.sign) if known.even else known.monotonicity
        return Rule(known.curvature, (monotone,))


@dataclass(frozen=True)
class Huber(Unary):
    """t²/2 for |t| <= threshold, threshold·(|t| - threshold/2) beyond. The threshold is positive."""

    threshold: Constant

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.threshold.value <= 0:
            raise ValueError(f"the threshold of a Huber function is {self.threshold.value}")

    @property
    def arguments(self) -> tuple[Expression, ...]:
        return (self.argument, self.threshold)

    @cached_property
    def sign(self) -> Sign:
        return Sign.NONNEGATIVE

    @property
    def rule(self) -> Rule:
        return Rule(_CONVEX, (Monotonicity.along(self.argument.sign), _NEITHER))


@dataclass(frozen=True)
class Maximum(Expression):
    """The largest of several expressions, entry by entry."""

    terms: tuple[Expression, ...]

    @property
    def arguments(self) -> tuple[Expression, ...]:
        return self.terms

    @cached_property
    def shape(self) -> Shape:
        return common_shape(self.terms)

    @cached_property
    def sign(self) -> Sign:
        return Sign.known(
            any(term.sign.is_nonnegative for term in self.terms),
            all(term.sign.is_nonpositive for term in self.terms),
        )

    @property
    def rule(self) -> Rule:
        return Rule(_CONVEX, (_INCREASING,) * len(self.terms))


@dataclass(frozen=True)
class Minimum(Expression):
    """The smallest of several expressions, entry by entry."""

    terms: tuple[Expression, ...]

    @property
    def arguments(self) -> tuple[Expression, ...]:
        return self.terms

    @cached_property
    def shape(self) -> Shape:
        return common_shape(self.terms)

    @cached_property
    def sign(self) -> Sign:
        return Sign.known(
            all(term.sign.is_nonnegative for term in self.terms),
            any(term.sign.is_nonpositive for term in self.terms),
        )

    @property
    def rule(self) -> Rule:
        return Rule(_CONCAVE, (_INCREASING,) * len(self.terms))


@dataclass(frozen=True)
class Hypot(Expression):
    """The Euclidean norm of several expressions taken as one vector, entry by entry."""

    terms: tuple[Expression, ...]

    @property
    def arguments(self) -> tuple[Expression, ...]:
        return self.terms

    @cached_property
    def shape(self) -> Shape:
        return common_shape(self.terms)

    @cached_property
    def sign(self) -> Sign:
        return Sign.NONNEGATIVE

    @property
    def rule(self) -> Rule:
        return Rule(_CONVEX, tuple(Monotonicity.along(term.sign) for term in self.terms))


@dataclass(frozen=True)
class Max(Reduction):
    """The largest entry, of all, of each column (axis 0), or of each row (axis 1)."""

    @property
    def rule(self) -> Rule:
        return Rule(_CONVEX, (_INCREASING,))


@dataclass(frozen=True)
class LogSumExp(Reduction):
    """log(Σ exp(entries)), over all, over each column (axis 0), or over each row (axis 1)."""

    @cached_property
    def sign(self) -> Sign:
        # At least the largest entry, whatever the others are.
        return Sign.NONNEGATIVE if self.argument.sign.is_nonnegative else Sign.UNKNOWN

    @property
    def rule(self) -> Rule:
        return Rule(_CONVEX, (_INCREASING,))


Order = Literal[1, 2, "inf"]


@dataclass(frozen=True)
class Norm(Expression):
    """The norm of all entries taken as one vector, of each column (axis 0), or of each row (axis 1).

    Of a matrix without an axis: order 2 is the Frobenius norm, the others are entrywise too.
    """

    argument: Expression
    order: Order
    axis: Axis = None

    @property
    def arguments(self) -> tuple[Expression, ...]:
        return (self.argument,)

    @cached_property
    def shape(self) -> Shape:
        return reduced(self.argument.shape, self.axis)

    @property
    def sign(self) -> Sign:
        return Sign.NONNEGATIVE

    @property
    def rule(self) -> Rule:
        return Rule(_CONVEX, (Monotonicity.along(self.argument.sign),))


@dataclass(frozen=True)
class SumSquares(Unary):
    """The sum of the squares of all entries."""

    @cached_property
    def shape(self) -> Shape:
        return ()

    @cached_property
    def sign(self) -> Sign:
        return Sign.NONNEGATIVE

    @property
    def rule(self) -> Rule:
        return Rule(_CONVEX, (Monotonicity.along(self.argument.sign),))


@dataclass(frozen=True)
class Apply(Expression):
    """A scalar function (a loss) on every entry of the argument.

    It is what its definition is: shape, sign and curvature are those of `expanded`.
    """

    function: ScalarFunction
    argument: Expression

    @property
    def arguments(self) -> tuple[Expression, ...]:
        return (self.argument,)

    @cached_property
    def expanded(self) -> Expression:
        """The function of this argument in primitive nodes."""
        expression = self.function.expression(self.argument)
        if expression.shape != self.argument.shape:
            raise ShapeError(
                f"{self.function.name} takes {show(self.argument.shape)} to {show(expression.shape)}, not entrywise"
            )
        return expression

    @property
    def shape(self) -> Shape:
        return self.expanded.shape

    @property
    def sign(self) -> Sign:
        return self.expanded.sign

    @property
    def rule(self) -> Rule:
        return linear()

    @cached_property
    def curvature(self) -> Curvature:
        return self.expanded.curvature


def absolute(x: Expression) -> Expression:
    """|x|"""
    return Elementwise("abs", x)


def pos(x: Expression) -> Expression:
    """max(x, 0)"""
    return Elementwise("pos", x)


def neg(x: Expression) -> Expression:
    """max(-x, 0)"""
    return Elementwise("neg", x)


def square(x: Expression) -> Expression:
    """x²"""
    return Elementwise("square", x)


def exp(x: Expression) -> Expression:
    return Elementwise("exp", x)


def log(x: Expression) -> Expression:
    return Elementwise("log", x)


def logistic(x: Expression) -> Expression:
    """log(1 + exp(x))"""
    return Elementwise("logistic", x)


def sqrt(x: Expression) -> Expression:
    return Elementwise("sqrt", x)


def entropy(x: Expression) -> Expression:
    """-x log(x)"""
    return Elementwise("entropy", x)


def step(x: Expression) -> Expression:
    """1 where x >= 0, 0 elsewhere: neither convex nor concave"""
    return Elementwise("step", x)

"""The expressions of a convex program: what they all have in common, the leaves, and arithmetic.

An expression is an immutable tree. Every node knows its shape, sign and curvature, by rules (`attributes.py`)
and from its arguments alone. Trees are built with Python's operators:

    n, d, P = sizes("n, d, P")
    X, D = Data("X", (n, d)), Data("D", (n, P), Sign.NONNEGATIVE, values="{0, 1}")
    V = Variable("V", (d, P))
    f = Named("f", Sum(D * (X @ V), axis=1))

Constructors tidy only what nobody wants to tell apart: sums of sums become one sum, a constant factor comes
first, `-(-x)` and `1 * x` are `x`. Otherwise a tree stays as it was written, because the fast methods live on its
structure. Shapes that do not fit raise `ShapeError`: our own bug, the user's arrays are not known yet.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from reludsl.ir.attributes import Curvature, Monotonicity, Rule, Sign, linear
from reludsl.ir.dims import Dim, Shape, ShapeError, as_dim, as_shape, broadcast, show
from reludsl.source import Span

Range = tuple[Dim, Dim]  # of rows or columns: from the first up to, not including, the second


@dataclass(frozen=True)
class Expression:
    """A node. `span` is the place in the spec that asked for it; it takes no part in comparisons."""

    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)

    # NumPy arrays and scalars on the left of an operator must leave it to this class.
    __array_ufunc__: ClassVar[None] = None

    if TYPE_CHECKING:  # a leaf has them as fields, the other nodes compute them

        @property
        def shape(self) -> Shape:
            """Of length 0 (scalar), 1 (vector) or 2 (matrix)."""

        @property
        def sign(self) -> Sign:
            """What is known about the sign of every entry."""

    def __post_init__(self) -> None:
        _ = self.shape  # shapes that do not fit are found where they meet

    @property
    def arguments(self) -> tuple[Expression, ...]:
        """The expressions that this one is made of; none for a leaf."""
        return ()

    @property
    def rule(self) -> Rule:
        """This node as a function of its arguments."""
        return linear(len(self.arguments))

    @cached_property
    def curvature(self) -> Curvature:
        return self.rule.compose([argument.curvature for argument in self.arguments])

    @property
    def is_constant(self) -> bool:
        return self.curvature.is_constant

    def at(self, span: Span | None) -> Self:
        """The same expression, remembered to come from this place of the spec."""
        return replace(self, span=span)

    def __add__(self, other: Expression | float) -> Expression:
        terms = [term for term in (self, as_expression(other)) if term != Constant(0.0)]
        return terms[0] if len(terms) == 1 else Add(tuple(terms) or (Constant(0.0),))

    def __radd__(self, other: Expression | float) -> Expression:
        return as_expression(other) + self

    def __neg__(self) -> Expression:
        match self:
            case Negate(argument):
                return argument
            case Constant(value, None):
                return Constant(-value)
        return Negate(self)

    def __sub__(self, other: Expression | float) -> Expression:
        return self + -as_expression(other)

    def __rsub__(self, other: Expression | float) -> Expression:
        return as_expression(other) + -self

    def __mul__(self, other: Expression | float) -> Expression:
        factor = as_expression(other)
        if factor == Constant(1.0):
            return self
        return factor if self == Constant(1.0) else Multiply(self, factor)

    def __rmul__(self, other: Expression | float) -> Expression:
        return as_expression(other) * self

    def __truediv__(self, other: Expression | float) -> Expression:
        return Divide(self, as_expression(other))

    def __rtruediv__(self, other: Expression | float) -> Expression:
        return Divide(as_expression(other), self)

    def __matmul__(self, other: Expression) -> Expression:
        return MatMul(self, other)

    @property
    def T(self) -> Expression:
        from reludsl.ir.structure import Transpose  # the rearrangements are built on this module

        return self.argument if isinstance(self, Transpose) else Transpose(self)

    def __getitem__(self, ranges: slice | tuple[slice, slice]) -> Expression:
        """A part: `Z[:n, n:]`, with sizes for bounds."""
        from reludsl.ir.structure import Slice

        parts = ranges if isinstance(ranges, tuple) else (ranges,)
        if len(parts) != len(self.shape):
            raise ShapeError(f"{len(parts)} ranges for {show(self.shape)}")
        bounds: list[Range] = []
        for part, size in zip(parts, self.shape, strict=True):
            start, stop = part.start, part.stop
            bounds.append((as_dim(0 if start is None else start), size if stop is None else as_dim(stop)))
        return Slice(self, *bounds)


@dataclass(frozen=True)
class Constant(Expression):
    """A number. With a name (`beta`) it is printed by that name, and its value once."""

    value: float
    name: str | None = None

    shape = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", float(self.value))
        if not math.isfinite(self.value):
            raise ValueError(f"the constant {self.name or ''} is {self.value}")

    @property
    def sign(self) -> Sign:
        return Sign.of(self.value)


@dataclass(frozen=True)
class Size(Expression):
    """A size as a positive number, so that `1 / n` can be written before n is known."""

    dim: Dim

    shape = ()
    sign = Sign.NONNEGATIVE


@dataclass(frozen=True)
class Full(Expression):
    """An array with the same number in every entry: blocks of zeros, and the diagonal of an identity."""

    value: float
    shape: Shape

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", float(self.value))
        object.__setattr__(self, "shape", as_shape(self.shape))

    @property
    def sign(self) -> Sign:
        return Sign.of(self.value)


@dataclass(frozen=True)
class Data(Expression):
    """An array that is bound when the program is solved.

    `values` says what its entries can be, as it is printed: "{0, 1}"; `meaning` is a line for the reader.
    """

    name: str
    shape: Shape
    sign: Sign = Sign.UNKNOWN
    values: str = ""
    meaning: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", as_shape(self.shape))


@dataclass(frozen=True)
class Variable(Expression):
    """An array that is sought.

    `symmetric` says that it is a symmetric matrix, or that it holds symmetric `blocks` one below another, as many as
    its rows have room for (`BlockDiagonal`).
    """

    name: str
    shape: Shape
    symmetric: bool | Literal["blocks"] = False
    meaning: str = field(default="", compare=False)

    sign = Sign.UNKNOWN
    curvature = Curvature.AFFINE

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", as_shape(self.shape))
        if self.symmetric and (len(self.shape) != 2 or (self.symmetric is True and self.shape[0] != self.shape[1])):
            raise ShapeError(f"{self.name} cannot be symmetric with shape {show(self.shape)}")


@dataclass(frozen=True)
class Placeholder(Expression):
    """The argument in the definition of a scalar function: the t of `hinge(t) = max(0, 1 - t)`."""

    name: str = "t"
    shape: Shape = ()
    sign: Sign = field(default=Sign.UNKNOWN, compare=False, repr=False)

    curvature = Curvature.AFFINE


@dataclass(frozen=True)
class Named(Expression):
    """An expression with a name: printed once under "where", and assigned once in generated code."""

    name: str
    expression: Expression
    meaning: str = field(default="", compare=False)

    @property
    def arguments(self) -> tuple[Expression, ...]:
        return (self.expression,)

    @property
    def shape(self) -> Shape:
        return self.expression.shape

    @property
    def sign(self) -> Sign:
        return self.expression.sign


@dataclass(frozen=True)
class Add(Expression):
    """The sum of the terms, elementwise. Subtraction is a term with `Negate`."""

    terms: tuple[Expression, ...]

    def __post_init__(self) -> None:
        flat: list[Expression] = []
        for term in self.terms:
            flat.extend(term.terms if isinstance(term, Add) else (term,))
        object.__setattr__(self, "terms", tuple(flat))
        super().__post_init__()

    @property
    def arguments(self) -> tuple[Expression, ...]:
        return self.terms

    @cached_property
    def shape(self) -> Shape:
        return common_shape(self.terms)

    @cached_property
    def sign(self) -> Sign:
        return Sign.common(term.sign for term in self.terms)


@dataclass(frozen=True)
class Negate(Expression):
    argument: Expression

    @property
    def arguments(self) -> tuple[Expression, ...]:
        return (self.argument,)

    @property
    def shape(self) -> Shape:
        return self.argument.shape

    @property
    def sign(self) -> Sign:
        return self.argument.sign.negated()

    @property
    def rule(self) -> Rule:
        return Rule(Curvature.AFFINE, (Monotonicity.DECREASING,))


@dataclass(frozen=True)
class _Product(Expression):
    """What elementwise and matrix products share: linear in one factor while the other is constant."""

    left: Expression
    right: Expression

    @property
    def arguments(self) -> tuple[Expression, ...]:
        return (self.left, self.right)

    @cached_property
    def sign(self) -> Sign:
        return self.left.sign.times(self.right.sign)

    @property
    def rule(self) -> Rule:
        monotonicity = (Monotonicity.along(self.right.sign), Monotonicity.along(self.left.sign))
        if self.left.is_constant or self.right.is_constant:
            return Rule(Curvature.AFFINE, monotonicity)
        return Rule(Curvature.UNKNOWN, monotonicity, "both factors depend on the variables")


@dataclass(frozen=True)
class Multiply(_Product):
    """The elementwise product; a factor may be a scalar. A factor that is constant comes first."""

    def __post_init__(self) -> None:
        left, right = self.left, self.right
        if right.is_constant and not left.is_constant:
            object.__setattr__(self, "left", right)
            object.__setattr__(self, "right", left)
        super().__post_init__()

    @cached_property
    def shape(self) -> Shape:
        return broadcast(self.left.shape, self.right.shape)


@dataclass(frozen=True)
class MatMul(_Product):
    """The product of matrices and vectors, as NumPy's `@`."""

    @cached_property
    def shape(self) -> Shape:
        left, right = self.left.shape, self.right.shape
        if not left or not right or left[-1] != right[0]:
            raise ShapeError(f"{show(left)} @ {show(right)}: the inner sizes differ")
        return (*left[:-1], *right[1:])


@dataclass(frozen=True)
class Divide(Expression):
    """The quotient, elementwise, by a constant. A divisor of known sign is taken to be nonzero."""

    left: Expression
    right: Expression

    @property
    def arguments(self) -> tuple[Expression, ...]:
        return (self.left, self.right)

    @cached_property
    def shape(self) -> Shape:
        return broadcast(self.left.shape, self.right.shape)

    @cached_property
    def sign(self) -> Sign:
        return self.left.sign.times(self.right.sign)

    @property
    def rule(self) -> Rule:
        monotonicity = (Monotonicity.along(self.right.sign), Monotonicity.NEITHER)
        if self.right.is_constant:
            return Rule(Curvature.AFFINE, monotonicity)
        return Rule(Curvature.UNKNOWN, monotonicity, "the divisor depends on the variables")


def as_expression(value: Expression | float) -> Expression:
    return value if isinstance(value, Expression) else Constant(value)


def common_shape(expressions: Iterable[Expression]) -> Shape:
    """The shape of the elementwise combination of all of them."""
    return reduce(broadcast, (expression.shape for expression in expressions), ())

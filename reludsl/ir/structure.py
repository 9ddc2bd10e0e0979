"""Expressions that sum and rearrange entries: linear, whatever they are applied to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from reludsl.ir.attributes import Sign
from reludsl.ir.dims import ONE, Dim, Shape, ShapeError, show
from reludsl.ir.expression import Expression, Range

Axis = Literal[0, 1] | None


@dataclass(frozen=True)
class Unary(Expression):
    """An expression of one argument; entrywise of the argument's shape and sign unless said otherwise."""

    argument: Expression

    @property
    def arguments(self) -> tuple[Expression, ...]:
        return (self.argument,)

    @cached_property
    def shape(self) -> Shape:
        return self.argument.shape

    @cached_property
    def sign(self) -> Sign:
        return self.argument.sign


@dataclass(frozen=True)
class Reduction(Unary):
    """What takes all entries to one number, the columns of a matrix to one each (axis 0), or its rows (axis 1)."""

    axis: Axis = None

    @cached_property
    def shape(self) -> Shape:
        return reduced(self.argument.shape, self.axis)


@dataclass(frozen=True)
class Sum(Reduction):
    """The sum of all entries, of each column (axis 0), or of each row (axis 1)."""


@dataclass(frozen=True)
class Transpose(Unary):
    """The transpose of a matrix. Written `x.T`, which undoes itself."""

    @cached_property
    def shape(self) -> Shape:
        if len(self.argument.shape) != 2:
            raise ShapeError(f"{show(self.argument.shape)} has no transpose: say `row` or `column` of a vector")
        return self.argument.shape[::-1]


@dataclass(frozen=True)
class Trace(Unary):
    """The sum of the diagonal of a square matrix."""

    @cached_property
    def shape(self) -> Shape:
        _side(self.argument.shape, "trace")
        return ()


@dataclass(frozen=True)
class Diagonal(Unary):
    """The diagonal of a square matrix as a vector; of a vector, the matrix that has it for a diagonal."""

    @cached_property
    def shape(self) -> Shape:
        shape = self.argument.shape
        if len(shape) == 1:
            return (shape[0], shape[0])
        return (_side(shape, "diagonal"),)

    @cached_property
    def sign(self) -> Sign:
        return self.argument.sign


@dataclass(frozen=True)
class Expand(Unary):
    """A vector as a matrix of one row (axis 0) or one column (axis 1), so that it can meet a matrix elementwise."""

    axis: Literal[0, 1]

    @cached_property
    def shape(self) -> Shape:
        if len(self.argument.shape) != 1:
            raise ShapeError(f"only a vector is made a row or a column, not {show(self.argument.shape)}")
        (size,) = self.argument.shape
        return (ONE, size) if self.axis == 0 else (size, ONE)


@dataclass(frozen=True)
class BlockDiagonal(Unary):
    """The block-diagonal matrix whose blocks stand one below another in the argument, all of one shape.

    It has `columns` columns, so there are `columns` over the argument's own many blocks. Of square blocks it is square.
    """

    columns: Dim

    @cached_property
    def shape(self) -> Shape:
        whole = self.argument.shape
        if len(whole) != 2:
            raise ShapeError(f"blocks are rows of a matrix, not of {show(whole)}")
        return (whole[0], self.columns)


def row(vector: Expression) -> Expression:
    """[P] as [1, P]: the same in every row of what it meets."""
    return Expand(vector, 0)


def column(vector: Expression) -> Expression:
    """[n] as [n, 1]: the same in every column of what it meets."""
    return Expand(vector, 1)


@dataclass(frozen=True)
class Slice(Unary):
    """A range of rows, and for a matrix a range of columns. Written `Z[:n, n:]`."""

    rows: Range
    columns: Range | None = None

    @property
    def ranges(self) -> tuple[Range, ...]:
        return (self.rows,) if self.columns is None else (self.rows, self.columns)

    @cached_property
    def shape(self) -> Shape:
        whole = self.argument.shape
        if len(self.ranges) != len(whole):
            raise ShapeError(f"{len(self.ranges)} ranges for {show(whole)}")
        for (start, stop), size in zip(self.ranges, whole, strict=True):
            if not (start.is_at_least(0) and stop.is_at_least(start) and size.is_at_least(stop)):
                raise ShapeError(f"the range {start} to {stop} does not provably lie within {size}")
        return tuple(stop - start for start, stop in self.ranges)


@dataclass(frozen=True)
class Block(Expression):
    """A matrix put together from matrices: rows of blocks, of one height each, with widths that add up."""

    rows: tuple[tuple[Expression, ...], ...]

    @property
    def arguments(self) -> tuple[Expression, ...]:
        return tuple(block for blocks in self.rows for block in blocks)

    @cached_property
    def shape(self) -> Shape:
        if not self.rows or not all(self.rows):
            raise ShapeError("a block matrix without blocks")
        if any(len(block.shape) != 2 for block in self.arguments):
            raise ShapeError("a block must be a matrix: say `row` or `column` of a vector")
        height, widths = Dim(), set[Dim]()
        for blocks in self.rows:
            heights = {block.shape[0] for block in blocks}
            if len(heights) > 1:
                raise ShapeError(f"blocks of different heights in a row: {' | '.join(_shapes(blocks))}")
            height += heights.pop()
            widths.add(sum((block.shape[1] for block in blocks), Dim()))
        if len(widths) > 1:
            raise ShapeError(f"rows of blocks of different widths: {', '.join(map(str, widths))}")
        return height, widths.pop()

    @cached_property
    def sign(self) -> Sign:
        return Sign.common(block.sign for block in self.arguments)


def reduced(shape: Shape, axis: Axis) -> Shape:
    """The shape left over by a reduction. Raises ShapeError where there is nothing along that axis."""
    if not shape:
        raise ShapeError("a scalar has no entries to be reduced")
    if axis is None:
        return ()
    if len(shape) != 2:
        raise ShapeError(f"axis {axis} of {show(shape)}: only a matrix is reduced along an axis")
    return (shape[1 - axis],)


def _side(shape: Shape, what: str) -> Dim:
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ShapeError(f"the {what} of {show(shape)}, which is not square")
    return shape[0]


def _shapes(expressions: tuple[Expression, ...]) -> list[str]:
    return [show(expression.shape) for expression in expressions]

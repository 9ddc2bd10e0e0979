"""Whether a matrix is symmetric by its construction, whatever the values of data and variables.

A semidefinite constraint on a matrix that is not symmetric means different things to different solvers, so
programs may not hold one. The proof: push the transpose to the leaves, and compare with the matrix itself.
"""

from __future__ import annotations

from functools import reduce

from reludsl.ir.expression import (
    Add,
    Divide,
    Expression,
    Full,
    MatMul,
    Multiply,
    Named,
    Negate,
    Variable,
)
from reludsl.ir.structure import Block, BlockDiagonal, Diagonal, Expand, Slice, Transpose


def is_symmetric(matrix: Expression) -> bool:
    """Whether the matrix provably equals its transpose."""
    shape = matrix.shape
    return len(shape) == 2 and shape[0] == shape[1] and _pushed(matrix, False) == _pushed(matrix, True)


def _pushed(matrix: Expression, flip: bool) -> Expression:
    """The matrix, or its transpose when `flip`, with transposes only at leaves and sums in one fixed order."""
    if len(matrix.shape) < 2:
        return matrix
    match matrix:
        case Variable(symmetric=True):
            return matrix
        case Transpose(inside):
            return _pushed(inside, not flip)
        case Named(_, inside):
            return _pushed(inside, flip)
        case Full(value, shape):
            return Full(value, shape[::-1] if flip else shape)
        case Diagonal() | BlockDiagonal(Variable(symmetric="blocks")):
            return matrix
        case Negate(inside):
            return -_pushed(inside, flip)
        case Add(terms):
            return Add(tuple(sorted((_pushed(term, flip) for term in terms), key=repr)))
        case Multiply(left, right):
            return Multiply(*sorted((_pushed(left, flip), _pushed(right, flip)), key=repr))
        case Divide(left, right):
            return Divide(_pushed(left, flip), _pushed(right, flip))
        case MatMul():
            factors = [_pushed(factor, flip) for factor in _factors(matrix)]
            return reduce(MatMul, reversed(factors) if flip else factors)
        case Expand(vector, axis):
            return Expand(vector, 1 if (axis == 0) == flip else 0)
        case Slice(inside, rows, columns) if columns is not None:
            return Slice(_pushed(inside, flip), *((columns, rows) if flip else (rows, columns)))
        case Block(rows):
            grid = tuple(zip(*rows, strict=False)) if flip else rows
            return Block(tuple(tuple(_pushed(block, flip) for block in blocks) for blocks in grid))
    return Transpose(matrix) if flip else matrix


def _factors(matrix: Expression) -> list[Expression]:
    """The factors of a product of matrices, without the order in which they are multiplied."""
    match matrix:
        case MatMul(left, right) if len(left.shape) == len(right.shape) == 2:
            return [*_factors(left), *_factors(right)]
    return [matrix]

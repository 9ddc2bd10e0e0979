"""The words of PICOS: what every node and constraint of a program is called there.

In PICOS `*` is the product of matrices and `^` the one entry by entry, vectors are columns, and only scalars fit
matrices of any shape. What is not affine has a function in `graphs.py`, which is given the `problem` for its
constraints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from reludsl.ir import (
    ONE,
    Add,
    Apply,
    Block,
    BlockDiagonal,
    Constraint,
    Diagonal,
    Divide,
    Elementwise,
    Expand,
    Expression,
    Huber,
    Hypot,
    LogSumExp,
    MatMul,
    Max,
    Maximum,
    Minimum,
    Multiply,
    Nonnegative,
    Norm,
    NumpyVocabulary,
    SecondOrder,
    Semidefinite,
    Shape,
    Sum,
    SumSquares,
    Trace,
    Variable,
    Vocabulary,
    Zero,
    numpy_namespace,
    sqrt,
)
from reludsl.ir.builders import Builder
from reludsl.ir.translate import Translator, Untranslatable

T = TypeVar("T")

_ELEMENTWISE: Mapping[str, str] = {
    "abs": "magnitudes",
    "square": "squares",
    "exp": "exponentials",
    "logistic": "softplus",
    "log": "logarithms",
    "sqrt": "square_roots",
    "entropy": "entropies",
}


class PicosVocabulary(Vocabulary):
    """PICOS, imported as `picos`. What does not depend on the variables stays with NumPy, imported as `np`."""

    def rewritten(self, node: Expression) -> Expression:
        """A sum of squares is one cone, however many squares there are."""
        if isinstance(node, Sum) and node.axis is None and (found := _weighted_square(node.argument)) is not None:
            weight, inside = found
            if weight is None or not weight.shape:
                whole = SumSquares(inside)
                return whole if weight is None else weight * whole
            if weight.sign.is_nonnegative:
                return SumSquares(sqrt(weight) * inside)
        return node

    def spell(self, node: Expression, parts: tuple[T, ...], build: Builder[T]) -> T:
        if node.is_constant:
            constant = NumpyVocabulary().spell(node, parts, build)
            return build.call("sparse", constant) if isinstance(node, BlockDiagonal) else constant
        problem = build.reference("problem")
        match node, parts:
            case Add(terms), _:
                return super().spell(node, _fitted(terms, parts, node.shape, build), build)
            case Multiply(left, right), _ if left.shape and right.shape:
                first, second = _fitted((left, right), parts, node.shape, build)
                return build.infix("^", first, second)
            case Divide(_, right), (first, second) if right.shape:
                return build.infix("^", first, build.infix("/", 1, second))
            case MatMul(left, right), (first, second):
                return _product(left, right, first, second, build)
            case Elementwise("pos"), (x,):
                return build.call("above", problem, build.attribute(x, "shape"), x, 0)
            case Elementwise("neg"), (x,):
                return build.call("above", problem, build.attribute(x, "shape"), build.prefix("-", x), 0)
            case Elementwise(operation), (x,) if operation in _ELEMENTWISE:
                return build.call(_ELEMENTWISE[operation], problem, x)
            case Huber(), (x, threshold):
                return build.call("hubers", problem, x, threshold)
            case Maximum(terms), _:
                return build.call("above", problem, _size(node, build), *_fitted(terms, parts, node.shape, build))
            case Minimum(terms), _:
                return build.call("below", problem, _size(node, build), *_fitted(terms, parts, node.shape, build))
            case Hypot(terms), _:
                whole = _fitted(terms, parts, node.shape, build, scalars=True)
                return build.call("lengths", problem, _size(node, build), *whole)
            case Sum(_, axis), (x,):
                return _sum(x, axis, build)
            case Max(_, axis), (x,):
                return _max(x, axis, build)
            case LogSumExp(_, axis), (x,):
                if axis is None:
                    return build.call("log_sum_exp", problem, x)
                return build.call("log_sums_exp", problem, x, axis)
            case Norm(), (x,):
                return _norm(node, x, build)
            case SumSquares(), (x,):
                return build.call("sum_squares", problem, x)
            case Trace(), (x,):
                return build.call("picos.trace", x)
            case Diagonal(inside), (x,):
                return build.call("picos.diag" if len(inside.shape) == 1 else "picos.maindiag", x)
            case Expand(_, axis), (x,):
                return build.attribute(x, "T") if axis == 0 else x
            case Block(rows), _:
                blocks = iter(parts)
                grid = [build.sequence([next(blocks) for _ in row]) for row in rows]
                return build.call("picos.block", build.sequence(grid))
        return super().spell(node, parts, build)


def _weighted_square(node: Expression) -> tuple[Expression | None, Expression] | None:
    """The constant in front of squares, and what is squared; None for what is no multiple of squares."""
    match node:
        case Apply():
            return _weighted_square(node.expanded)
        case Elementwise("square", inside):
            return None, inside
        case Multiply(left, right):
            for factor, rest in ((left, right), (right, left)):
                if factor.is_constant and rest.shape == node.shape and (found := _weighted_square(rest)) is not None:
                    weight, inside = found
                    return factor if weight is None else factor * weight, inside
    return None


def _fitted(
    terms: Sequence[Expression], parts: Sequence[T], shape: Shape, build: Builder[T], scalars: bool = False
) -> tuple[T, ...]:
    """The parts with rows and columns repeated to a common shape; scalars too where they do not fit by themselves."""

    def fitted(term: Expression, part: T) -> T:
        if term.shape == shape:
            return part
        if not term.shape:
            whole = build.group([build.size(dim) for dim in _matrix(shape)])
            return build.infix("*", part, build.call("np.ones", whole)) if scalars else part
        if term.shape[0] == ONE and shape[0] != ONE:
            part = build.infix("*", _ones((shape[0], ONE), build), part)
        if term.shape[1] == ONE and shape[1] != ONE:
            part = build.infix("*", part, _ones((ONE, shape[1]), build))
        return part

    return tuple(fitted(term, part) for term, part in zip(terms, parts, strict=True))


def _ones(shape: Shape, build: Builder[T]) -> T:
    return build.call("np.ones", build.group([build.size(dim) for dim in shape]))


def _matrix(shape: Shape) -> Shape:
    """A shape as PICOS has it: two numbers."""
    return (*shape, ONE, ONE)[:2]


def _size(node: Expression, build: Builder[T]) -> T:
    return build.group([build.size(dim) for dim in _matrix(node.shape)])


def _product(left: Expression, right: Expression, first: T, second: T, build: Builder[T]) -> T:
    """A product of matrices and vectors; those that are not constant are columns."""
    if len(left.shape) == 2:
        return build.infix("*", first, second)
    if len(right.shape) == 2:
        return build.infix("*", build.attribute(second, "T"), first)
    row, other = (second, first) if left.is_constant else (first, second)
    return build.infix("*", build.attribute(row, "T"), other)


def _sum(x: T, axis: int | None, build: Builder[T]) -> T:
    if axis is None:
        return build.call("picos.sum", x)
    total = build.call("picos.sum", x, axis=axis)
    return build.attribute(total, "T") if axis == 0 else total


def _max(x: T, axis: int | None, build: Builder[T]) -> T:
    problem = build.reference("problem")
    if axis is None:
        return build.call("above", problem, build.group([1, 1]), x)
    return build.call("maxima", problem, x, axis)


def _norm(node: Norm, x: T, build: Builder[T]) -> T:
    problem = build.reference("problem")
    if node.order == 2:
        return build.call("norm", problem, x) if node.axis is None else build.call("norms", problem, x, node.axis)
    sizes = build.call("magnitudes", problem, x)
    return _sum(sizes, node.axis, build) if node.order == 1 else _max(sizes, node.axis, build)


def translate_constraint(constraint: Constraint, translate: Translator[T], build: Builder[T]) -> T:
    """The constraint as PICOS has it; a list of constraints where `is_several` says so."""
    match constraint:
        case Nonnegative(_, expression):
            return build.infix(">=", translate(expression), 0)
        case Zero(_, expression):
            return build.infix("==", translate(expression), 0)
        case SecondOrder(_, bound, vector, None):
            return build.infix("<=", build.call("abs", translate(vector)), translate(bound))
        case SecondOrder(_, bound, vector, axis):
            norms = build.call("norms", build.reference("problem"), translate(vector), axis)
            return build.infix("<=", norms, translate(bound))
        case Semidefinite(_, BlockDiagonal(Variable() as stack)):
            return build.call("semidefinite_blocks", translate(stack))
        case Semidefinite(_, matrix):
            return build.infix(">>", translate(matrix), 0)
    raise Untranslatable(f"PICOS has no word for {type(constraint).__name__}")


def is_several(constraint: Constraint) -> bool:
    """Whether the constraint becomes a list of PICOS's."""
    return isinstance(constraint, Semidefinite) and isinstance(constraint.matrix, BlockDiagonal)


def variable_call(variable: Variable, build: Builder[T]) -> T:
    """The variable as PICOS has it."""
    shape = [build.size(dim) for dim in variable.shape]
    if variable.symmetric == "blocks":
        return build.call("symmetric_blocks", variable.name, *shape)
    if not shape:
        return build.call("picos.RealVariable", variable.name)
    kind = "picos.SymmetricVariable" if variable.symmetric else "picos.RealVariable"
    return build.call(kind, variable.name, build.group(shape) if len(shape) > 1 else shape[0])


def picos_namespace(problem: Any) -> Mapping[str, Any]:
    """The names that translated expressions refer to."""
    import picos

    from reludsl.backends.picos import graphs

    functions = {
        name: value for name, value in vars(graphs).items() if getattr(value, "__module__", "") == graphs.__name__
    }
    return {**numpy_namespace(), "picos": picos, "problem": problem, "abs": abs, **functions}

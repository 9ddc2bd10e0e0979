"""The words of CVXPY: what every node and constraint of a program is called there, one to one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from reludsl.ir import (
    Block,
    BlockDiagonal,
    Constraint,
    Diagonal,
    Elementwise,
    Expand,
    Expression,
    Huber,
    Hypot,
    LogSumExp,
    Max,
    Maximum,
    Minimum,
    Multiply,
    Nonnegative,
    Norm,
    NumpyVocabulary,
    SecondOrder,
    Semidefinite,
    Sum,
    SumSquares,
    Trace,
    Translator,
    Variable,
    Vocabulary,
    Zero,
    axis_keyword,
    numpy_namespace,
)
from reludsl.ir.builders import Builder

T = TypeVar("T")

_ELEMENTWISE: Mapping[str, str] = {
    "abs": "cp.abs",
    "pos": "cp.pos",
    "neg": "cp.neg",
    "square": "cp.square",
    "exp": "cp.exp",
    "log": "cp.log",
    "logistic": "cp.logistic",
    "sqrt": "cp.sqrt",
    "entropy": "cp.entr",
}


class CvxpyVocabulary(Vocabulary):
    """CVXPY, imported as `cp`. What does not depend on the variables stays with NumPy, imported as `np`."""

    def spell(self, node: Expression, parts: tuple[T, ...], build: Builder[T]) -> T:
        if node.is_constant:
            return NumpyVocabulary().spell(node, parts, build)
        match node, parts:
            case Multiply(left, right), (first, second) if left.shape and right.shape:
                return build.call("cp.multiply", first, second)
            case Elementwise(operation), (x,) if operation in _ELEMENTWISE:
                return build.call(_ELEMENTWISE[operation], x)
            case Huber(), (x, threshold):
                # CVXPY's function is twice ours.
                return build.infix("*", 0.5, build.call("cp.huber", x, threshold))
            case Maximum(), _:
                return build.call("cp.maximum", *parts)
            case Minimum(), _:
                return build.call("cp.minimum", *parts)
            case Hypot(terms), _:
                return _hypot(node, terms, parts, build)
            case Sum(_, axis), (x,):
                return build.call("cp.sum", x, **axis_keyword(axis))
            case Max(_, axis), (x,):
                return build.call("cp.max", x, **axis_keyword(axis))
            case LogSumExp(_, axis), (x,):
                return build.call("cp.log_sum_exp", x, **axis_keyword(axis))
            case Norm(), (x,):
                return _norm(node, x, build)
            case SumSquares(), (x,):
                return build.call("cp.sum_squares", x)
            case Trace(), (x,):
                return build.call("cp.trace", x)
            case Diagonal(), (x,):
                return build.call("cp.diag", x)
            case Expand(argument, axis), (x,):
                size = build.size(argument.shape[0])
                shape = build.group([1, size] if axis == 0 else [size, 1])
                return build.call("cp.reshape", x, shape, order="C")
            case Block(rows), _:
                blocks = iter(parts)
                grid = [build.sequence([next(blocks) for _ in row]) for row in rows]
                return build.call("cp.bmat", build.sequence(grid))
        return super().spell(node, parts, build)


def _norm(node: Norm, x: T, build: Builder[T]) -> T:
    if len(node.argument.shape) == 2 and node.axis is None:
        if node.order == 2:
            return build.call("cp.norm", x, "fro")
        # CVXPY would take the operator norm.
        return build.call("cp.sum" if node.order == 1 else "cp.max", build.call("cp.abs", x))
    return build.call("cp.norm", x, node.order, **axis_keyword(node.axis))


def _hypot(node: Expression, terms: tuple[Expression, ...], parts: tuple[T, ...], build: Builder[T]) -> T:
    if not all(term.curvature.is_affine for term in terms):
        # CVXPY asks for the sign of all together, where each by itself is enough.
        parts = tuple(build.call("cp.abs", part) for part in parts)
    if not node.shape:
        return build.call("cp.norm", build.call("cp.hstack", build.sequence(parts)), 2)
    shape = build.group([build.size(dim) for dim in node.shape])
    whole = [
        part if term.shape == node.shape else build.infix("+", part, build.call("np.zeros", shape))
        for term, part in zip(terms, parts, strict=True)
    ]
    if len(node.shape) == 1:
        return build.call("cp.norm", build.call("cp.vstack", build.sequence(whole)), 2, axis=0)
    rows = [build.call("cp.vec", part, order="C") for part in whole]
    norms = build.call("cp.norm", build.call("cp.vstack", build.sequence(rows)), 2, axis=0)
    return build.call("cp.reshape", norms, shape, order="C")


def translate_constraint(constraint: Constraint, translate: Translator[T], build: Builder[T]) -> T:
    """The constraint as CVXPY has it; a list of constraints where it says so of many blocks, see `is_several`."""
    match constraint:
        case Nonnegative(_, expression):
            return build.infix(">=", translate(expression), 0)
        case Zero(_, expression):
            return build.infix("==", translate(expression), 0)
        case SecondOrder(_, bound, vector, axis):
            norm = build.call("cp.norm", translate(vector), 2, **axis_keyword(axis))
            return build.infix("<=", norm, translate(bound))
        case Semidefinite(_, BlockDiagonal(Variable() as stack)):
            return build.call("semidefinite_blocks", translate(stack))
        case Semidefinite(_, matrix):
            return build.infix(">>", translate(matrix), 0)
    raise NotImplementedError(type(constraint).__name__)


def is_several(constraint: Constraint) -> bool:
    """Whether the constraint becomes a list of CVXPY's."""
    return isinstance(constraint, Semidefinite) and isinstance(constraint.matrix, BlockDiagonal)


def variable_call(variable: Variable, build: Builder[T]) -> T:
    """The variable as CVXPY has it."""
    shape = [build.size(dim) for dim in variable.shape]
    if variable.symmetric == "blocks":
        return build.call("symmetric_blocks", *shape)
    keywords = {"symmetric": True} if variable.symmetric else {}
    return build.call("cp.Variable", build.group(shape), **keywords)


def cvxpy_namespace() -> Mapping[str, Any]:
    """The names that translated expressions refer to."""
    import cvxpy

    from reludsl.backends.cvxpy import blocks

    functions = {"semidefinite_blocks": blocks.semidefinite_blocks, "symmetric_blocks": blocks.symmetric_blocks}
    return {**numpy_namespace(), "cp": cvxpy, **functions}

"""The words of NumPy: what every node is called there. Evaluation uses it, and so does generated NumPy code.

Nothing here imports NumPy; `numpy_namespace` does when a translation is carried out.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from reludsl.ir.builders import Builder
from reludsl.ir.expression import Expression, Full
from reludsl.ir.functions import (
    Elementwise,
    Huber,
    Hypot,
    LogSumExp,
    Max,
    Maximum,
    Minimum,
    Norm,
    Operation,
    SumSquares,
)
from reludsl.ir.structure import Block, BlockDiagonal, Diagonal, Expand, Sum, Trace
from reludsl.ir.translate import Untranslatable, Vocabulary, axis_keyword, chained

T = TypeVar("T")


class NumpyVocabulary(Vocabulary):
    """NumPy, imported as `np`, and the helpers of `numpy_helpers.py`."""

    def spell(self, node: Expression, parts: tuple[T, ...], build: Builder[T]) -> T:
        match node, parts:
            case Elementwise(operation), (x,):
                return _elementwise(operation, x, build)
            case Huber(), (x, threshold):
                return build.call("huber", x, threshold)
            case Maximum(), _:
                return chained("np.maximum", parts, build)
            case Minimum(), _:
                return chained("np.minimum", parts, build)
            case Hypot(), _:
                return chained("np.hypot", parts, build)
            case Sum(_, axis), (x,):
                return build.call("np.sum", x, **axis_keyword(axis))
            case Max(_, axis), (x,):
                return build.call("np.max", x, **axis_keyword(axis))
            case LogSumExp(inside, axis), (x,):
                # Without an axis it reduces the first only, and what is left of a matrix once more.
                reduced = build.call("np.logaddexp.reduce", x, **axis_keyword(axis))
                twice = axis is None and len(inside.shape) == 2
                return build.call("np.logaddexp.reduce", reduced) if twice else reduced
            case Norm(), (x,):
                return _norm(node, x, build)
            case SumSquares(), (x,):
                return build.call("np.sum", build.call("np.square", x))
            case Trace(), (x,):
                return build.call("np.trace", x)
            case Diagonal(), (x,):
                return build.call("np.diag", x)
            case BlockDiagonal(_, columns), (x,):
                return build.call("block_diagonal", x, build.size(columns))
            case Expand(_, axis), (x,):
                whole = (None, None)
                return build.index(x, None, whole) if axis == 0 else build.index(x, whole, None)
            case Block(rows), _:
                blocks = iter(parts)
                grid = [build.sequence([next(blocks) for _ in row]) for row in rows]
                return build.call("np.block", build.sequence(grid))
            case Full(value, shape), _:
                return build.call("np.full", build.group([build.size(dim) for dim in shape]), value)
        return super().spell(node, parts, build)


def _elementwise(operation: Operation, x: T, build: Builder[T]) -> T:
    match operation:
        case "abs" | "square" | "exp" | "log" | "sqrt":
            return build.call(f"np.{operation}", x)
        case "pos":
            return build.call("np.maximum", x, 0)
        case "neg":
            return build.call("np.maximum", build.prefix("-", x), 0)
        case "logistic":
            return build.call("np.logaddexp", 0, x)  # does not overflow
        case "entropy" | "step":
            return build.call(operation, x)
    raise Untranslatable(operation)


def _norm(node: Norm, x: T, build: Builder[T]) -> T:
    matrix = len(node.argument.shape) == 2
    if matrix and node.axis is None and node.order != 2:
        # NumPy would take the operator norm.
        return build.call("np.sum" if node.order == 1 else "np.max", build.call("np.abs", x))
    axis = axis_keyword(node.axis)
    match node.order:
        case 2:
            return build.call("np.linalg.norm", x, **axis)
        case 1:
            return build.call("np.linalg.norm", x, 1, **axis)
        case "inf":
            return build.call("np.linalg.norm", x, build.reference("np.inf"), **axis)


def numpy_namespace() -> Mapping[str, Any]:
    """The names that translated expressions refer to."""
    import numpy

    from reludsl.ir import numpy_helpers

    helpers = (numpy_helpers.block_diagonal, numpy_helpers.entropy, numpy_helpers.huber, numpy_helpers.step)
    return {"np": numpy, **{helper.__name__: helper for helper in helpers}}


def helper_sources(called: Iterable[str]) -> tuple[str, ...]:
    """The source of the helpers among the functions that generated code calls, to be printed with it."""
    used = set(called)
    functions = {name: value for name, value in numpy_namespace().items() if inspect.isfunction(value)}
    return tuple(inspect.getsource(function) for name, function in functions.items() if name in used)

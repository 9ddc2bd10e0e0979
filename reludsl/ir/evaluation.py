"""The value of expressions and programs at a point: NumPy, by the same translation that generates code.

Bound arrays tell the sizes. Out of range is an answer (inf, nan), not a warning. Products stay as they are
written, so nothing is made that is larger than the arrays of the program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reludsl.ir.builders import Objects, Source
from reludsl.ir.dims import Dim, show
from reludsl.ir.expression import Constant, Data, Expression, Variable
from reludsl.ir.numpy_vocabulary import NumpyVocabulary, numpy_namespace
from reludsl.ir.program import Nonnegative, Program, SecondOrder, Semidefinite, Zero, size_names, total, walk
from reludsl.ir.structure import BlockDiagonal
from reludsl.ir.translate import Translator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


class BindingError(ValueError):
    """Arrays that do not fit the program they are given to."""


def evaluate(expression: Expression, values: Mapping[str, ArrayLike]) -> NDArray[np.float64] | float:
    """The value of an expression; a float for a scalar.

    `values` are the data and variables by name, and sizes where no array tells them; more than needed do no
    harm. Raises BindingError when one is missing, or when their shapes contradict each other.
    """
    value: NDArray[np.float64] | float = _Evaluator((expression,), values)(expression)
    return value if expression.shape else float(value)


def objective(program: Program, values: Mapping[str, ArrayLike]) -> float:
    """The sum of the terms. Raises BindingError."""
    return float(evaluate(total(program), values))


def violations(program: Program, values: Mapping[str, ArrayLike]) -> dict[str, float]:
    """By how much each constraint is violated at most, in absolute terms: 0 when it holds, inf where undefined.

    Of a semidefinite constraint: by how much the smallest eigenvalue is below 0. Raises BindingError.
    """
    import numpy as np

    value = _Evaluator(program.expressions, values)
    result: dict[str, float] = {}
    for constraint in program.constraints:
        match constraint:
            case Nonnegative(_, expression):
                excess = -value(expression)
            case Zero(_, expression):
                excess = np.abs(value(expression))
            case SecondOrder(_, bound, vector, axis):
                # Without an axis, of all entries: for a matrix this is the Frobenius norm.
                excess = np.linalg.norm(value(vector), axis=axis) - value(bound)
            case Semidefinite(_, BlockDiagonal(inside)):
                stack = value(inside)
                excess = _below_zero(stack.reshape(-1, stack.shape[1], stack.shape[1]))
            case Semidefinite(_, matrix):
                excess = _below_zero(value(matrix))
            case _:
                raise NotImplementedError(type(constraint).__name__)
        largest = float(np.max(excess, initial=0.0))
        result[constraint.name] = float("inf") if np.isnan(largest) else largest
    return result


def _below_zero(matrices: NDArray[np.float64]) -> NDArray[np.float64] | float:
    """Minus the eigenvalues of matrices (..., q, q), of their symmetric parts."""
    import numpy as np

    if not np.isfinite(matrices).all():
        return np.nan
    return np.asarray(-np.linalg.eigvalsh((matrices + np.swapaxes(matrices, -1, -2)) / 2), dtype=np.float64)


def infer_sizes(expressions: Iterable[Expression], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """The sizes, from the shapes of the arrays that are bound. Raises BindingError when they contradict."""
    arrays = [node for node in walk(*expressions) if isinstance(node, Data | Variable)]
    equations: list[tuple[Dim, int, str]] = []
    for array in dict.fromkeys(arrays):
        shape = shapes.get(array.name)
        if shape is None:
            continue
        if len(shape) != len(array.shape):
            raise BindingError(f"{array.name} has shape {shape}, but is {show(array.shape)}")
        equations += [(dim, size, array.name) for dim, size in zip(array.shape, shape, strict=True)]
    sizes: dict[str, int] = {}
    origin: dict[str, str] = {}

    def unknown(dim: Dim) -> list[str]:
        return [name for name in dim.names if name not in sizes]

    # A form with one size left to find tells it; the others wait until they have only one left.
    while soluble := [equation for equation in equations if len(unknown(equation[0])) == 1]:
        dim, side, array_name = soluble[0]
        (name,) = unknown(dim)
        size, rest = divmod(side - dim.evaluate(sizes, default=0), dict(dim.terms)[name])
        if rest or size < 0:
            raise BindingError(f"{array_name} has a side of {side}, which is to be {dim}")
        sizes[name], origin[name] = size, array_name
    for dim, side, array_name in equations:
        if not unknown(dim) and dim.evaluate(sizes) != side:
            known = "".join(f", and {name} = {sizes[name]} by {origin[name]}" for name in dim.names)
            raise BindingError(f"{array_name} has a side of {side}, which is to be {dim}{known}")
    return sizes


def numpy_texts(
    expressions: Sequence[Expression], arguments: Sequence[str], build: Source
) -> tuple[list[tuple[str, str]], list[str]]:
    """The Python text of expressions: assignments (name, text) to be made before, and one text for each.

    `arguments` are the names of the data in them; the helpers that they call are told to `build`.
    """
    nodes = tuple(walk(*expressions))
    constants = {node.name: node.value for node in nodes if isinstance(node, Constant) and node.name is not None}
    build.statements.clear()
    translate = Translator(NumpyVocabulary(), build, reserved=(*arguments, *constants))
    texts = [translate(expression).text for expression in expressions]
    return [*((name, repr(value)) for name, value in constants.items()), *build.statements], texts


def compiled(expression: Expression, arguments: Sequence[str]) -> Callable[..., Any]:
    """The expression as a Python function of arrays, for what is evaluated often: the code that scripts hold."""
    parts, (text,) = numpy_texts((expression,), arguments, Source())
    body = "".join(f"    {name} = {part}\n" for name, part in parts)
    namespace = dict(numpy_namespace())
    exec(f"def value({', '.join(arguments)}):\n{body}    return {text}", namespace)
    function: Callable[..., Any] = namespace["value"]
    return function


class _Evaluator:
    """Evaluates several expressions at one point; named ones once."""

    def __init__(self, expressions: tuple[Expression, ...], values: Mapping[str, ArrayLike]) -> None:
        import numpy as np

        given: dict[str, Any] = {}
        for node in walk(*expressions):
            if isinstance(node, Data | Variable) and node.name not in given:
                if node.name not in values:
                    raise BindingError(f"no value for {node.name} : {show(node.shape)}")
                # Booleans count as 0 and 1: without this, the difference of two of them would not be a number.
                given[node.name] = np.asarray(values[node.name], dtype=np.float64)
        sizes = infer_sizes(expressions, {name: array.shape for name, array in given.items()})
        for name in size_names(walk(*expressions)):
            if name not in sizes:
                if name not in values:
                    raise BindingError(f"no array tells the size {name}")
                sizes[name] = int(np.asarray(values[name]))
        self._translate = Translator(NumpyVocabulary(), Objects(numpy_namespace(), given, sizes))

    def __call__(self, expression: Expression) -> Any:
        import numpy as np

        with np.errstate(all="ignore"):
            return self._translate(expression)

"""What `--set name=value` says, read by the language's own grammar: a hyperparameter's value, or a grid of values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reludsl.diagnostics import Diagnostic, has_errors, listed, suggestion
from reludsl.grammar import parse, tree
from reludsl.mistakes import Mistakes
from reludsl.model.values import INVALID, Reader
from reludsl.options import NumberType
from reludsl.source import Source

if TYPE_CHECKING:
    import numpy as np

_VALUE: Final = "write `name=value` with a number or arithmetic, such as `--set beta=8/255`"
NEEDS_GRID: Final = "write a grid, such as `--set beta=logspace(-4, 0, 20)` or `--set beta=[0.1, 1, 10]`"


def read_override(name: str, value: object) -> tree.Value:
    """A hyperparameter's new value. Raises Mistakes (C220)."""
    return _read(name, f"{value}", _VALUE)


@dataclass(frozen=True)
class Grid:
    """The values of a hyperparameter in order; `fixed` says that one was written alone."""

    values: tuple[tree.Value, ...]
    fixed: bool = False


def read_grid(name: str, value: object, hyperparameters: Mapping[str, float]) -> Grid:
    """A hyperparameter's values: those of a grid, or a single one.

    `value` is text, a number, or a list or array of numbers. A grid is `logspace(a, b, n)` (from 10^a to 10^b, evenly
    in the logarithm), `geomspace(a, b, n)` (the same, from a to b), `linspace(a, b, n)` or a list; its numbers may be
    arithmetic over `hyperparameters`. Raises Mistakes (C208, C209, C210, C213, C220, C240, C241).
    """
    written = _read(name, _text(value), NEEDS_GRID)
    reader = Reader()
    reader.hyperparameters = dict(hyperparameters)
    grid = _grid(written, reader)
    if has_errors(reader.diagnostics):
        raise Mistakes(reader.diagnostics)
    return grid


def _text(value: object) -> str:
    """A value as the language writes it; arrays and lists become lists."""
    entries = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(entries, (list, tuple)):
        return f"[{', '.join(_text(entry) for entry in entries)}]"
    return str(entries)


def _read(name: str, text: str, remedy: str) -> tree.Value:
    written = f"{name}={text}"
    head = "reludsl 1\nhyperparameters {\n"
    spec, diagnostics = parse(Source("--set", f"{head}{written}\n}}\n", hidden_lines=head.count("\n")))
    if spec is not None and not diagnostics:
        match spec.sections:
            case (tree.HyperparameterSection((setting,)),) if setting.name.text == name:
                return setting.value
    notes = tuple(diagnostic.message for diagnostic in diagnostics[:1])
    raise Mistakes([Diagnostic("C220", f"`--set {written}` cannot be read", notes=notes, help=remedy)])


# -- grids -------------------------------------------------------------------------------------------------------

_ANY: Final = NumberType()
_POSITIVE: Final = NumberType(0, open_minimum=True)
_COUNT: Final = NumberType(1, 10_000, integer=True)


@dataclass(frozen=True)
class _Function:
    """A function that spaces values; `numpy` calls it the same. `ends` is what its first two arguments have to be."""

    name: str
    ends: NumberType

    @property
    def usage(self) -> str:
        return f"{self.name}(first, last, count)"

    def __call__(self, first: float, last: float, count: int) -> np.ndarray:
        import numpy as np

        with np.errstate(over="ignore"):  # an overflow is reported as a mistake
            return np.asarray(getattr(np, self.name)(first, last, count))


_FUNCTIONS: Final = {
    function.name: function
    for function in (_Function("logspace", _ANY), _Function("linspace", _ANY), _Function("geomspace", _POSITIVE))
}


def _grid(written: tree.Value, reader: Reader) -> Grid:
    match written:
        case tree.List(()):
            reader.report("C220", "the grid has no values", written.span, "empty", help=NEEDS_GRID)
            return Grid(())
        case tree.List(items):
            return Grid(items)  # the checker reads them, and all mistakes in them
        case tree.Call():
            return Grid(_spaced(written, reader))
    return Grid((written,), fixed=True)


def _spaced(call: tree.Call, reader: Reader) -> tuple[tree.Value, ...]:
    function = _FUNCTIONS.get(call.function.text)
    if function is None:
        guess = suggestion(call.function.text, _FUNCTIONS)
        reader.report(
            "C240",
            f"there is no grid `{call.function.text}`",
            call.function.span,
            "unknown function",
            help=f"did you mean `{guess}`?" if guess else f"the grids are {listed(_FUNCTIONS, 'and')}, and lists",
        )
        return ()
    arguments = _arguments(call, function, reader)
    if any(argument is INVALID for argument in arguments):
        return ()
    points = function(*arguments).tolist()
    for point in [point for point in points if not math.isfinite(point)][:1]:
        reader.arithmetic(_literal(point, call))  # reports it
    return tuple(_literal(point, call) for point in points)


def _arguments(call: tree.Call, function: _Function, reader: Reader) -> tuple[Any, ...]:
    """The ends and the number of values, INVALID where a mistake was reported."""
    named = [part for part in call.arguments if isinstance(part, tree.Setting)]
    if named or len(call.arguments) != 3:
        wrong = "have no names" if named else f"are 3, not {len(call.arguments)}"
        place, label = (named[0].span, "named") if named else (call.span, "expected 3 arguments")
        message = f"the arguments of `{function.name}` {wrong}"
        reader.report("C241", message, place, label, help=f"write `{function.usage}`")
        return (INVALID,)
    declared = zip(call.arguments, _ARGUMENTS, (function.ends, function.ends, _COUNT), strict=True)
    return tuple(
        reader.value(type_, part, f"{what} of `{function.name}`")
        for part, what, type_ in declared
        if not isinstance(part, tree.Setting)
    )


_ARGUMENTS: Final = ("the first value", "the last value", "the number of values")


def _literal(number: Any, written: tree.Value) -> tree.Value:
    """A number in the place where it was written."""
    return tree.Number(repr(number), written.span)

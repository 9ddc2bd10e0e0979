"""The numerics of a loss as standalone classes, for generated code that has nothing but NumPy."""

from __future__ import annotations

import inspect
import re
import textwrap
from dataclasses import fields
from typing import Any

from reludsl.ir.builders import Source
from reludsl.ir.custom_loss import PREDICTION, TARGET, CustomLoss
from reludsl.ir.derivative import derivative
from reludsl.ir.dims import sizes
from reludsl.ir.expression import Constant, Data, Expression
from reludsl.ir.numpy_vocabulary import NumpyVocabulary, helper_sources
from reludsl.ir.program import walk
from reludsl.ir.sample_loss import SampleLoss, summed
from reludsl.ir.scalar import ScalarFunction
from reludsl.ir.substitution import substitute
from reludsl.ir.translate import Translator

_SCALAR = ("value", "derivative", "conjugate", "conjugate_domain", "prox", "prox_derivative", "smooth")
_SAMPLE = (
    "one_hot",
    "value",
    "probabilities",
    "gradient",
    "conjugate",
    "nearest_slope",
    "prox",
    "prox_jacobian",
    "smooth",
)


def standalone_classes(loss: SampleLoss) -> tuple[str, ...]:
    """The source of the classes that `construction(loss)` names, and of what they call.

    Methods are the loss's own, word for word, but for the array library: here it is NumPy. Those of a loss that is an
    expression are written down from it.
    """
    if isinstance(loss, CustomLoss):
        return _of_expressions(loss)
    functions = [value for value in _parameters(loss).values() if isinstance(value, ScalarFunction)]
    classes = [_standalone(function, _SCALAR) for function in functions]
    helpers = [_plain(inspect.getsource(summed))] if functions else []
    return (*classes, *helpers, _standalone(loss, _SAMPLE))


def construction(loss: Any) -> str:
    """The expression that builds a loss, or the function that it is made of."""
    if isinstance(loss, CustomLoss):
        return f"{type(loss).__name__}()"  # what it holds stands in its methods
    arguments = ", ".join(
        construction(value) if isinstance(value, ScalarFunction) else f"{name}={value!r}"
        for name, value in _parameters(loss).items()
    )
    return f"{type(loss).__name__}({arguments})"


def _of_expressions(loss: CustomLoss) -> tuple[str, ...]:
    """A class with the value and the slope of a loss, entry by entry, and the helpers that these call."""
    build = Source()
    value = _method("value", loss.definition, build, "summed(np.where(np.isfinite(result), result, np.inf))")
    slope = _method("gradient", derivative(loss.definition, PREDICTION.name), build, "result.copy()")
    text = f'''@dataclass(frozen=True)
class {type(loss).__name__}:
    """The loss of the spec, of predictions f and targets y; inf outside of its domain."""

{textwrap.indent(value, "    ")}

{textwrap.indent(slope, "    ")}'''
    return (*helper_sources(build.called), _plain(inspect.getsource(summed)), text)


def _method(name: str, expression: Expression, build: Source, result: str) -> str:
    """A method that evaluates an expression in f and y, entry by entry."""
    entries = sizes("n")
    whole = substitute(expression, {entry.name: Data(entry.name, entries) for entry in (PREDICTION, TARGET)})
    nodes = tuple(walk(whole))
    constants = {node.name: node.value for node in nodes if isinstance(node, Constant) and node.name is not None}
    build.statements.clear()
    text = Translator(NumpyVocabulary(), build, reserved=(PREDICTION.name, TARGET.name, *constants))(whole).text
    lines = [
        f"def {name}(self, {PREDICTION.name}: np.ndarray, {TARGET.name}: np.ndarray) -> np.ndarray:",
        *(f"    {constant} = {value!r}" for constant, value in constants.items()),
        '    with np.errstate(all="ignore"):',
        *(f"        {part} = {value}" for part, value in build.statements),
        f"        result = np.broadcast_to({text}, {PREDICTION.name}.shape)",
        f"    return {result}",
    ]
    return "\n".join(lines)


def _parameters(declared: Any) -> dict[str, Any]:
    return {entry.name: getattr(declared, entry.name) for entry in fields(declared)}


def _standalone(declared: Any, methods: tuple[str, ...]) -> str:
    """A frozen dataclass with the parameters of a declared loss or function, and those of its methods that it has."""
    kind = type(declared)
    parameters = _parameters(declared)
    lines = ["@dataclass(frozen=True)", f"class {kind.__name__}:"]
    documentation = inspect.cleandoc(kind.__doc__ or kind.__name__)
    quoted = f'"""{documentation}"""' if "\n" not in documentation else f'"""{documentation}\n"""'
    lines += [textwrap.indent(quoted, "    "), *([""] if parameters else [])]
    for name, value in parameters.items():
        lines.append(f"    {name}: {type(value).__name__ if isinstance(value, ScalarFunction) else 'float'}")
    for method in methods:
        match getattr(kind, method, None):
            case None:
                continue
            case bool(fact):
                text = f"{method} = {fact}"
            case property(fget=getter) if getter is not None:
                text = _plain(inspect.getsource(getter))
            case function:
                text = _plain(inspect.getsource(function))
        lines += ["", textwrap.indent(text, "    ")]
    return "\n".join(lines)


def _plain(source: str) -> str:
    """A function's source with NumPy for the array library."""
    source = re.sub(r"  # type: ignore\[[\w-]+\]", "", textwrap.dedent(source).strip())
    source = re.sub(r"array_functions\(\w+\)", "np", source)
    return re.sub(r"\bAny\b", "float | np.ndarray", re.sub(r"\bArray\b", "np.ndarray", source))

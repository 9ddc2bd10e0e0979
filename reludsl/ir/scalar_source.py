"""The numerics of a loss as standalone classes, for generated code that has nothing but NumPy."""

from __future__ import annotations

import inspect
import re
import textwrap
from dataclasses import fields
from typing import Any

from reludsl.ir.assignments import ROOM, assignments
from reludsl.ir.builders import Source
from reludsl.ir.custom_loss import ARGUMENTS, CustomLoss, on_arrays
from reludsl.ir.evaluation import numpy_texts
from reludsl.ir.expression import Expression
from reludsl.ir.numpy_vocabulary import helper_sources
from reludsl.ir.sample_loss import SampleLoss, steps_inside, summed
from reludsl.ir.scalar import ScalarFunction

_SCALAR = ("value", "derivative", "conjugate", "conjugate_domain", "prox", "prox_derivative", "smooth", "legendre")
_SAMPLE = (
    "one_hot",
    "steep",
    "value",
    "probabilities",
    "gradient",
    "conjugate",
    "nearest_slope",
    "prox",
    "prox_jacobian",
    "smooth",
    "legendre",
)

_LEGENDRE = ("inverse_derivative", "second_derivative", "fit", "hessian", "room")
"""What only losses and functions of Legendre type have."""

_SEARCHED = {
    "conjugate": "searched_conjugate",
    "nearest_slope": "searched_slope",
    "prox": "searched_prox",
    "prox_jacobian": "searched_prox_jacobian",
}
"""The methods of a loss that is an expression, and the functions of `search.py` that they call."""


def standalone_classes(loss: SampleLoss) -> tuple[Any, ...]:
    """The classes that `construction(loss)` names, as source, and what they call: source, or functions of ours.

    Methods are the loss's own, word for word, but for the array library: here it is NumPy. Those of a loss that is an
    expression are written down from it.
    """
    if isinstance(loss, CustomLoss):
        return _of_expressions(loss)
    functions = [value for value in _parameters(loss).values() if isinstance(value, ScalarFunction)]
    classes = [_standalone(function, _SCALAR) for function in functions]
    helpers = [_plain(inspect.getsource(summed))] if functions else []
    helpers += [_plain(inspect.getsource(steps_inside))] if loss.legendre else []
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


def _of_expressions(loss: CustomLoss) -> tuple[Any, ...]:
    """A class with the value of a loss and its derivatives, entry by entry, and the functions that it calls."""
    from reludsl.ir import search  # with NumPy

    build = Source()
    entries = "np.broadcast_to({}, f.shape)"
    positive = ", ".join("({}, {})" for _ in loss.positive)
    methods = [
        _method("losses", (loss.definition,), build, entries, "np.where(np.isfinite(result), result, np.inf)"),
        _method("gradient", (loss.slope,), build, entries, "result.copy()"),
        _method("curvature", (loss.bend,), build, entries, "result.copy()"),
        _method("inward", sum(loss.positive, ()), build, f"[{positive}]", "inward_direction(result, f.shape)"),
        *(_plain(inspect.getsource(getattr(CustomLoss, name))) for name in ("value", *_SEARCHED)),
    ]
    body = textwrap.indent("\n\n".join(methods), "    ")
    text = f'''@dataclass(frozen=True)
class {type(loss).__name__}:
    """The loss of the spec, of predictions f and targets y; inf outside of its domain."""

    one_hot = {loss.one_hot}
    smooth = {loss.smooth}
    legendre = False
    steep = {loss.steep}

{body}'''
    searched = (getattr(search, name) for name in _SEARCHED.values())
    return (*helper_sources(build.called), _plain(inspect.getsource(summed)), search.inward_direction, *searched, text)


def _method(name: str, expressions: tuple[Expression, ...], build: Source, result: str, returned: str) -> str:
    """A method that evaluates expressions in f and y, entry by entry: `result` with their texts, then `returned`."""
    parts, texts = numpy_texts([on_arrays(expression) for expression in expressions], ARGUMENTS, build)
    parts.append(("result", result.format(*texts)))
    lines = [
        f"def {name}(self, f: np.ndarray, y: np.ndarray) -> np.ndarray:",
        '    with np.errstate(all="ignore"):',
        *(f"        {entry} = {text}" for part in parts for entry, text in assignments(*part, room=ROOM - 8)),
        f"    return {returned}",
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
    for method in (*methods, *(_LEGENDRE if declared.legendre else ())):
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
    source = re.sub(
        r"^ *from reludsl.*\n+", "", textwrap.dedent(source).strip(), flags=re.MULTILINE
    )  # what is called stands there, too
    source = re.sub(r"  # type: ignore\[[\w-]+\]", "", source)
    source = re.sub(r"array_functions\(\w+\)", "np", source)
    return re.sub(r"\bAny\b", "float | np.ndarray", re.sub(r"\bArray\b", "np.ndarray", source))

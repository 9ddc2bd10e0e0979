"""Formulas of a spec: the tree of an expression becomes a scalar expression of the IR, every node with its place.

Which functions there are is said here, once. What consists of numbers alone becomes one number, so its sign is known.
Every mistake is collected; what holds one is read as None, and whoever meets that stays silent about it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from reludsl.diagnostics import Diagnostic, Label, listed, suggestion
from reludsl.grammar import tree
from reludsl.ir import (
    Constant,
    Expression,
    Huber,
    Hypot,
    Maximum,
    Minimum,
    Placeholder,
    absolute,
    exp,
    log,
    logistic,
    pos,
    square,
)
from reludsl.model.rewritings import for_unknown_function
from reludsl.model.values import INVALID, Formula
from reludsl.source import Span


@dataclass(frozen=True)
class Function:
    """A function of formulas: how it is written, what it makes of expressions, and of numbers.

    `least` and `most` count its arguments; the last `parameters` of them are positive numbers.
    """

    usage: str
    meaning: str
    build: Callable[..., Expression]
    number: Callable[..., float]
    least: int = 1
    most: int | None = 1
    parameters: int = 0

    @property
    def count(self) -> str:
        """How many arguments it takes."""
        several = f"{self.least} argument{'s' if self.least > 1 else ''}"
        return several if self.most == self.least else f"at least {several}"


def _norm(*terms: Expression) -> Expression:
    return Hypot(terms) if len(terms) > 1 else absolute(terms[0])


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _huber(x: float, delta: float) -> float:
    clipped = min(abs(x), delta)
    return clipped * (abs(x) - 0.5 * clipped)


FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "abs": Function("abs(x)", "|x|", absolute, abs),
        "pos": Function("pos(x)", "max(x, 0)", pos, lambda x: max(x, 0.0)),
        "max": Function("max(x, ...)", "the largest", lambda *terms: Maximum(terms), max, least=2, most=None),
        "min": Function("min(x, ...)", "the smallest", lambda *terms: Minimum(terms), min, least=2, most=None),
        "square": Function("square(x)", "x²", square, lambda x: x * x),
        "exp": Function("exp(x)", "the exponential function", exp, math.exp),
        "log": Function("log(x)", "the natural logarithm", log, math.log),
        "logistic": Function("logistic(x)", "log(1 + exp(x))", logistic, _softplus),
        "huber": Function(
            "huber(x, delta)",
            "½ x² for |x| ≤ delta, delta (|x| − delta/2) beyond; delta is a positive number",
            Huber,
            _huber,
            least=2,
            most=2,
            parameters=1,
        ),
        "norm": Function("norm(x, ...)", "the Euclidean norm of the arguments", _norm, math.hypot, most=None),
    }
)

_OPERATORS: Final[Mapping[str, Callable[[Any, Any], Any]]] = MappingProxyType(
    {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
)


def read_expression(formula: Formula, variables: Sequence[Placeholder]) -> tuple[Expression | None, list[Diagnostic]]:
    """The formula in these variables, or None with its mistakes (C213, C240, C241, C245, C246).

    None without a mistake means that one of its names could not be read.
    """
    reading = _Reading(formula, variables)
    return reading(formula.value), reading.diagnostics


class _Reading:
    """Reads one formula and collects its mistakes."""

    def __init__(self, formula: Formula, variables: Sequence[Placeholder]) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._variables = {variable.name: variable for variable in variables}
        self._numbers = formula.numbers

    def __call__(self, value: tree.Value) -> Expression | None:
        match value:
            case tree.Number():
                return self._number(value.value, value.span)
            case tree.Name(text):
                return self._name(text, value.span)
            case tree.Negate(operand):
                inside = self(operand)
                return None if inside is None else (-inside).at(value.span)
            case tree.Binary():
                return self._binary(value)
            case tree.Call():
                return self._call(value)
        said = f'the text "{value.value}"' if isinstance(value, tree.Text) else "a list"
        self._report(
            "C245",
            f"{said} is not a number",
            value.span,
            "expected an expression",
            f"write an expression in {listed(self._variables, 'and')}",
        )
        return None

    def _report(self, code: str, message: str, span: Span, label: str, remedy: str) -> None:
        self.diagnostics.append(Diagnostic(code, message, (Label(span, label),), help=remedy))

    def _name(self, text: str, span: Span) -> Expression | None:
        if text in self._variables:
            return self._variables[text].at(span)
        number = self._numbers.get(text, INVALID)
        return None if number is INVALID else Constant(number, span=span)

    def _number(self, number: float, span: Span) -> Expression | None:
        if math.isfinite(number):
            return Constant(number, span=span)
        message = "the value is too large for a floating-point number"
        self._report("C213", message, span, "overflows", "stay below 1.7e308")
        return None

    def _binary(self, value: tree.Binary) -> Expression | None:
        left, right = self(value.left), self(value.right)
        if value.operator == "/" and isinstance(right, Constant) and right.value == 0:
            self._report("C213", "division by zero", value.right.span, "this is 0", "divide by any other number")
            return None
        if left is None or right is None:
            return None
        function = _OPERATORS[value.operator]
        if isinstance(left, Constant) and isinstance(right, Constant):
            return self._number(function(left.value, right.value), value.span)
        result: Expression = function(left, right)
        return result.at(value.span)

    # -- calls ---------------------------------------------------------------------------------------------------

    def _call(self, call: tree.Call) -> Expression | None:
        written = [part.value if isinstance(part, tree.Setting) else part for part in call.arguments]
        arguments = [self(part) for part in written]
        function = FUNCTIONS.get(call.function.text)
        if function is None:
            self._unknown_function(call, arguments)
            return None
        if not self._counted(call, function):
            return None
        first_parameter = len(written) - function.parameters
        parameters = zip(written[first_parameter:], arguments[first_parameter:], strict=True)
        fine = [self._is_parameter(call, part, argument) for part, argument in parameters]
        parts = [argument for argument in arguments if argument is not None]
        if not all(fine) or len(parts) < len(arguments):
            return None
        numbers = [part.value for part in parts if isinstance(part, Constant)]
        if len(numbers) == len(parts):
            return self._computed(call, function, numbers)
        return function.build(*parts).at(call.span)

    def _unknown_function(self, call: tree.Call, arguments: Sequence[Expression | None]) -> None:
        name = call.function.text
        guess = suggestion(name, FUNCTIONS)
        if name in self._variables or name in self._numbers:
            remedy = f"write `{name} * (...)`: a product needs its sign"
        elif known := for_unknown_function(name, arguments):
            remedy = known
        elif guess:
            remedy = f"did you mean `{guess}`?"
        else:
            remedy = f"the functions are {listed(FUNCTIONS, 'and')}"
        self._report("C240", f"there is no function `{name}`", call.function.span, "unknown function", remedy)

    def _counted(self, call: tree.Call, function: Function) -> bool:
        """C241: whether the call has as many arguments as it needs, none of them with a name."""
        name, given = call.function.text, len(call.arguments)
        named = next((part for part in call.arguments if isinstance(part, tree.Setting)), None)
        if named is not None:
            message = f"the arguments of `{name}` have no names"
            self._report("C241", message, named.span, "named", f"write `{function.usage}`")
            return False
        if given >= function.least and (function.most is None or given <= function.most):
            return True
        message = f"`{name}` takes {function.count}, not {given}"
        self._report("C241", message, call.span, f"expected {function.count}", f"write `{function.usage}`")
        return False

    def _is_parameter(self, call: tree.Call, written: tree.Value, argument: Expression | None) -> bool:
        """C246: whether an argument is a positive number."""
        if argument is None or (isinstance(argument, Constant) and argument.value > 0):
            return argument is not None
        name = call.function.text
        depends = not isinstance(argument, Constant)
        self._report(
            "C246",
            f"the last argument of `{name}` {'is not a number' if depends else 'is not positive'}",
            written.span,
            "expected a positive number",
            f"write a number or a hyperparameter: `{FUNCTIONS[name].usage}`",
        )
        return False

    def _computed(self, call: tree.Call, function: Function, numbers: Sequence[float]) -> Expression | None:
        try:
            return self._number(function.number(*numbers), call.span)
        except OverflowError:
            return self._number(math.inf, call.span)
        except ValueError:
            said = f"`{call.function.text}` of {numbers[0]:g} has no value"
            self._report("C213", said, call.span, f"of {numbers[0]:g}", "choose a positive argument")
            return None

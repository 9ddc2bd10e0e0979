"""The two ways to carry out a translation: with Python objects, or as Python source text.

Both are told the same things, a call at a time, by the same walk (`translate.py`). What one computes the other
writes down, so evaluation and generated code cannot drift apart.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol, TypeAlias, TypeVar

from reludsl.ir.dims import Dim
from reludsl.literals import literal

T = TypeVar("T")

# What may stand beside translated parts in a call: it means the same to every library.
Plain: TypeAlias = int | float | str | bool | None
Bounds: TypeAlias = tuple[Dim | None, Dim | None]


class Builder(Protocol[T]):
    """What a translation is carried out with. T is what it is made into: objects, or code."""

    def number(self, value: float) -> T: ...

    def constant(self, name: str, value: float) -> T:
        """A constant that has a name."""

    def size(self, dim: Dim) -> T: ...

    def bound(self, name: str) -> T:
        """The data or the variable of this name."""

    def reference(self, path: str) -> T:
        """Something of a library: `np.inf`."""

    def call(self, function: str, *arguments: T | Plain, **keywords: T | Plain) -> T:
        """A function of a library or a helper, by its dotted path."""

    def method(self, target: T, name: str, *arguments: T | Plain, **keywords: T | Plain) -> T: ...

    def attribute(self, target: T, name: str) -> T: ...

    def infix(self, symbol: str, left: T | Plain, right: T | Plain) -> T: ...

    def prefix(self, symbol: Literal["-", "~"], operand: T) -> T: ...

    def index(self, target: T, *items: Bounds | None) -> T:
        """`target[start:stop, ...]`; a None among the items is a new axis, a None in bounds is left out."""

    def sequence(self, items: Sequence[T | Plain]) -> T:
        """A Python list."""

    def group(self, items: Sequence[T | Plain]) -> T:
        """A Python tuple."""

    def let(self, name: str, value: T) -> T:
        """Gives a name to a value that is used more than once."""


_OPERATORS: Final[Mapping[str, Callable[[Any, Any], Any]]] = MappingProxyType(
    {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": operator.truediv,
        "@": operator.matmul,
        "**": operator.pow,
        "<<": operator.lshift,
        ">>": operator.rshift,
        "&": operator.and_,
        "^": operator.xor,
        "|": operator.or_,
        ">=": operator.ge,
        "<=": operator.le,
        "==": operator.eq,
    }
)


@dataclass(frozen=True)
class Objects:
    """Carries a translation out. `namespace` holds the libraries and helpers, `values` data and variables."""

    namespace: Mapping[str, Any]
    values: Mapping[str, Any]
    sizes: Mapping[str, int]

    def number(self, value: float) -> Any:
        return value

    def constant(self, name: str, value: float) -> Any:
        return value

    def size(self, dim: Dim) -> Any:
        return dim.evaluate(self.sizes)

    def bound(self, name: str) -> Any:
        return self.values[name]

    def reference(self, path: str) -> Any:
        first, *rest = path.split(".")
        return reduce(getattr, rest, self.namespace[first])

    def call(self, function: str, *arguments: Any, **keywords: Any) -> Any:
        return self.reference(function)(*arguments, **keywords)

    def method(self, target: Any, name: str, *arguments: Any, **keywords: Any) -> Any:
        return getattr(target, name)(*arguments, **keywords)

    def attribute(self, target: Any, name: str) -> Any:
        return getattr(target, name)

    def infix(self, symbol: str, left: Any, right: Any) -> Any:
        return _OPERATORS[symbol](left, right)

    def prefix(self, symbol: Literal["-", "~"], operand: Any) -> Any:
        return operator.neg(operand) if symbol == "-" else operator.invert(operand)

    def index(self, target: Any, *items: Bounds | None) -> Any:
        def bound(dim: Dim | None) -> int | None:
            return None if dim is None else dim.evaluate(self.sizes)

        return target[tuple(None if item is None else slice(*map(bound, item)) for item in items)]

    def sequence(self, items: Sequence[Any]) -> Any:
        return list(items)

    def group(self, items: Sequence[Any]) -> Any:
        return tuple(items)

    def let(self, name: str, value: Any) -> Any:
        return value


_ATOM: Final = 100
# As in Python's grammar: the larger, the tighter.
_PRECEDENCE: Final[Mapping[str, int]] = MappingProxyType(
    {
        "**": 80,
        "prefix": 70,
        "*": 60,
        "/": 60,
        "@": 60,
        "+": 50,
        "-": 50,
        "<<": 45,
        ">>": 45,
        "&": 40,
        "^": 35,
        "|": 30,
        ">=": 20,
        "<=": 20,
        "==": 20,
    }
)


@dataclass(frozen=True)
class Code:
    """Source text of an expression, with its outermost operator (none for a name, a call, a number).

    `opposite` is there when the text is the negative of another: to add it is to subtract that one.
    """

    text: str
    operator: str = ""
    opposite: Code | None = None

    @property
    def precedence(self) -> int:
        return _PRECEDENCE[self.operator] if self.operator else _ATOM

    def __str__(self) -> str:
        return self.text


class Source:
    """Writes a translation down, with the fewest parentheses that leave no doubt.

    `statements` are the assignments (name, text) in the order they have to be made; `called` the functions
    used, so that whoever prints the code knows which helpers to print with it.
    """

    def __init__(self) -> None:
        self.statements: list[tuple[str, str]] = []
        self.called: set[str] = set()

    def number(self, value: float) -> Code:
        if value < 0:
            return self.prefix("-", self.number(-value))
        return Code(number(value))

    def constant(self, name: str, value: float) -> Code:
        return Code(name)

    def size(self, dim: Dim) -> Code:
        text = dim.written(times=" * ")
        if len(dim.terms) + bool(dim.constant) > 1:
            return Code(text, "+")
        if text.startswith("-"):
            return Code(text, "prefix")
        return Code(text, "*" if "*" in text else "")

    def bound(self, name: str) -> Code:
        return Code(name)

    def reference(self, path: str) -> Code:
        return Code(path)

    def call(self, function: str, *arguments: Code | Plain, **keywords: Code | Plain) -> Code:
        self.called.add(function)
        given = [_written(argument) for argument in arguments]
        given += [f"{name}={_written(value)}" for name, value in keywords.items()]
        return Code(f"{function}({', '.join(given)})")

    def method(self, target: Code, name: str, *arguments: Code | Plain, **keywords: Code | Plain) -> Code:
        return self.call(f"{_operand(target, _ATOM)}.{name}", *arguments, **keywords)

    def attribute(self, target: Code, name: str) -> Code:
        return Code(f"{_operand(target, _ATOM)}.{name}")

    def infix(self, symbol: str, left: Code | Plain, right: Code | Plain) -> Code:
        if symbol == "+" and isinstance(right, Code) and right.opposite is not None:
            return self.infix("-", left, right.opposite)
        precedence = _PRECEDENCE[symbol]
        # The one operator that binds to the right is `**`; the others take a left operand of their own kind
        # as it is. (D * X) @ V would not need its parentheses, but readers do.
        tight = symbol == "**" or (
            isinstance(left, Code) and "@" in (symbol, left.operator) and symbol != left.operator
        )
        before = _operand(left, precedence + 1 if tight else precedence)
        after = _operand(right, precedence + 1)
        return Code(f"{before} {symbol} {after}", symbol)

    def prefix(self, symbol: Literal["-", "~"], operand: Code) -> Code:
        # -a * b is (-a) * b to Python, which is the same number as -(a * b).
        text = f"{symbol}{_operand(operand, _PRECEDENCE['*'])}"
        loose = operand.operator if operand.precedence < _PRECEDENCE["prefix"] else ""
        kind = loose if _PRECEDENCE.get(loose) == _PRECEDENCE["*"] else "prefix"
        return Code(text, kind, operand if symbol == "-" else None)

    def index(self, target: Code, *items: Bounds | None) -> Code:
        written = []
        for item in items:
            if item is None:
                written.append("None")
                continue
            start, stop = ("" if dim is None else self.size(dim).text for dim in item)
            space = " " if " " in start + stop else ""
            written.append(f"{start}{space}:{space}{stop}".strip())
        return Code(f"{_operand(target, _ATOM)}[{', '.join(written)}]")

    def sequence(self, items: Sequence[Code | Plain]) -> Code:
        return Code(f"[{', '.join(map(_written, items))}]")

    def group(self, items: Sequence[Code | Plain]) -> Code:
        comma = "," if len(items) == 1 else ""
        return Code(f"({', '.join(map(_written, items))}{comma})")

    def let(self, name: str, value: Code) -> Code:
        self.statements.append((name, value.text))
        return Code(name)


def number(value: float) -> str:
    """A number as source: the shortest text that is read back exactly, without a needless `.0`."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e6 else repr(float(value))


def _written(value: Code | Plain) -> str:
    if isinstance(value, Code):
        return value.text
    return number(value) if isinstance(value, float) else literal(value)


def _operand(value: Code | Plain, least: int) -> str:
    text = _written(value)
    return f"({text})" if isinstance(value, Code) and value.precedence < least else text

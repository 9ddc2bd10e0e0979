"""The walk from expressions to a library: evaluation, generated code and the printed program are all this walk.

It has two parameters. A *vocabulary* says which call of a library each node becomes; a *builder* makes the calls
(`Objects`) or writes them down (`Source`), see `builders.py`. A vocabulary for another library overrides
`spell`, and leaves to this one what Python's operators already say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from typing import Generic, TypeVar

from reludsl.ir.builders import Builder, Plain
from reludsl.ir.dims import Dim
from reludsl.ir.expression import (
    Add,
    Constant,
    Data,
    Divide,
    Expression,
    MatMul,
    Multiply,
    Named,
    Negate,
    Placeholder,
    Size,
    Variable,
)
from reludsl.ir.functions import Apply
from reludsl.ir.structure import Axis, Slice, Transpose

T = TypeVar("T")


class Untranslatable(NotImplementedError):
    """A vocabulary has no word for a node."""


class Vocabulary:
    """Which call each node becomes. This one knows what is the same in all libraries: Python's own operators."""

    # Whether an applied scalar function is replaced by its definition, as solvers need it, or spelled itself.
    expands_functions = True

    def rewritten(self, node: Expression) -> Expression:
        """What is translated in the place of a node: of the same value, in words that the library takes better."""
        return node

    def spell(self, node: Expression, parts: tuple[T, ...], build: Builder[T]) -> T:
        """The node, given its translated arguments. Raises Untranslatable for a node that has no word.

        Leaves and named expressions never come here: they are the same in every library.
        """
        match node, parts:
            case Add(), _:
                return reduce(lambda left, right: build.infix("+", left, right), parts)
            case Negate(), (x,):
                return build.prefix("-", x)
            case Multiply(), (left, right):
                return build.infix("*", left, right)
            case Divide(), (left, right):
                return build.infix("/", left, right)
            case MatMul(), (left, right):
                return build.infix("@", left, right)
            case Transpose(), (x,):
                return build.attribute(x, "T")
            case Slice(inside), (x,):
                bounds = zip(node.ranges, inside.shape, strict=True)
                return build.index(x, *(_bounds(start, stop, size) for (start, stop), size in bounds))
        raise Untranslatable(f"{type(self).__name__} has no word for {type(node).__name__}")


class Translator(Generic[T]):
    """Translates the expressions of one program. A named expression is translated where it is first met, once.

    `reserved` are names that generated code must not use for anything else.
    """

    def __init__(self, vocabulary: Vocabulary, build: Builder[T], reserved: Iterable[str] = ()) -> None:
        self._vocabulary = vocabulary
        self._build = build
        self._reserved = set(reserved)
        self._named: dict[str, T] = {}
        self._arguments: list[T] = []  # of the functions whose definitions are being translated, innermost last

    def __call__(self, expression: Expression) -> T:
        """What the expression becomes. Raises Untranslatable."""
        build = self._build
        expression = self._vocabulary.rewritten(expression)
        match expression:
            case Constant(value, None):
                return build.number(value)
            case Constant(value, str(name)):
                return build.constant(name, value)
            case Size(dim):
                return build.size(dim)
            case Data(name) | Variable(name):
                return build.bound(name)
            case Placeholder(name):
                return self._arguments[-1] if self._arguments else build.bound(name)
            case Named(name, inside):
                if name not in self._named:
                    self._named[name] = build.let(name, self(inside))
                return self._named[name]
            case Apply() if self._vocabulary.expands_functions:
                return self._applied(expression)
        parts = tuple(self(argument) for argument in expression.arguments)
        return self._vocabulary.spell(expression, parts, build)

    def _applied(self, node: Apply) -> T:
        value = self(node.argument)
        definition = node.function.definition(shape=node.argument.shape, sign=node.argument.sign)
        uses = sum(isinstance(part, Placeholder) for part in _every(definition))
        if uses > 1 and not isinstance(node.argument, Data | Variable | Named | Constant):
            value = self._build.let(self._fresh(f"{node.function.name}_argument"), value)
        self._arguments.append(value)
        try:
            return self(definition)
        finally:
            self._arguments.pop()

    def _fresh(self, name: str) -> str:
        candidate, count = name, 1
        while candidate in self._reserved:
            count += 1
            candidate = f"{name}_{count}"
        self._reserved.add(candidate)
        return candidate


def axis_keyword(axis: Axis) -> dict[str, Plain]:
    """`axis=...` for a call, or nothing."""
    return {} if axis is None else {"axis": axis}


def chained(function: str, parts: tuple[T, ...], build: Builder[T]) -> T:
    """f(f(a, b), c): a function of two arguments, of any number of them."""
    return reduce(lambda left, right: build.call(function, left, right), parts)


def _bounds(start: Dim, stop: Dim, size: Dim) -> tuple[Dim | None, Dim | None]:
    return None if start == 0 else start, None if stop == size else stop


def _every(expression: Expression) -> Iterator[Expression]:
    yield expression
    for argument in expression.arguments:
        yield from _every(argument)

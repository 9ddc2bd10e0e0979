"""The convex program: a sum of terms to be minimised, constraints, and what they are made of.

    minimize  Σ terms   subject to  constraints

A program is data. What it means is said by `evaluation.py`, that it is convex is proved by `verifier.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from reludsl.ir.dims import Dim
from reludsl.ir.expression import (
    Add,
    Constant,
    Data,
    Expression,
    Full,
    Named,
    Placeholder,
    Size,
    Variable,
)
from reludsl.ir.functions import Apply
from reludsl.ir.scalar import ScalarFunction
from reludsl.ir.structure import Axis, BlockDiagonal, Slice
from reludsl.source import Span


@dataclass(frozen=True)
class Term:
    """One term of the objective, such as the loss. Its expression is a convex scalar."""

    name: str
    expression: Expression
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Constraint:
    """What has to hold. `span` is the place in the spec that asked for it."""

    name: str
    span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)

    @property
    def expressions(self) -> tuple[Expression, ...]:
        raise NotImplementedError


@dataclass(frozen=True)
class Nonnegative(Constraint):
    """Every entry of a concave expression is at least 0."""

    expression: Expression

    @property
    def expressions(self) -> tuple[Expression, ...]:
        return (self.expression,)


@dataclass(frozen=True)
class Zero(Constraint):
    """Every entry of an affine expression is 0."""

    expression: Expression

    @property
    def expressions(self) -> tuple[Expression, ...]:
        return (self.expression,)


@dataclass(frozen=True)
class SecondOrder(Constraint):
    """‖vector‖₂ <= bound. For a matrix: of each column (axis 0) or row (axis 1), with a bound for each."""

    bound: Expression
    vector: Expression
    axis: Axis = None

    @property
    def expressions(self) -> tuple[Expression, ...]:
        return (self.bound, self.vector)


@dataclass(frozen=True)
class Semidefinite(Constraint):
    """A symmetric affine matrix has no negative eigenvalue: of a `BlockDiagonal` one, no block has."""

    matrix: Expression

    @property
    def expressions(self) -> tuple[Expression, ...]:
        return (self.matrix,)


_Node = TypeVar("_Node", bound=Expression)


@dataclass(frozen=True)
class Program:
    """A convex program. What it consists of is listed in the order of first appearance, objective first.

    `form` is what it was built from, where it was (`pattern_form.py` and others): fast methods ask for it. Variables
    that are `opposed` are chosen against the others, to make the objective as large as it can be.
    """

    name: str
    objective: tuple[Term, ...]
    constraints: tuple[Constraint, ...] = ()
    meaning: str = ""
    form: object = field(default=None, compare=False, repr=False)
    opposed: tuple[Variable, ...] = ()

    @cached_property
    def expressions(self) -> tuple[Expression, ...]:
        """All that the objective and the constraints are made of, outermost expressions only."""
        terms = tuple(term.expression for term in self.objective)
        return terms + tuple(part for constraint in self.constraints for part in constraint.expressions)

    @cached_property
    def nodes(self) -> tuple[Expression, ...]:
        return tuple(walk(*self.expressions))

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        return self._distinct(Variable)

    @cached_property
    def data(self) -> tuple[Data, ...]:
        return self._distinct(Data)

    @cached_property
    def constants(self) -> tuple[Constant, ...]:
        """The constants that have a name."""
        return tuple(constant for constant in self._distinct(Constant) if constant.name is not None)

    @cached_property
    def named(self) -> tuple[Named, ...]:
        return self._distinct(Named)

    @cached_property
    def functions(self) -> tuple[ScalarFunction, ...]:
        return tuple(dict.fromkeys(node.function for node in self.nodes if isinstance(node, Apply)))

    @cached_property
    def sizes(self) -> tuple[str, ...]:
        """The names of the sizes: those of data first, in the order of first appearance."""
        return size_names((*self.data, *self.variables, *self.nodes))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of data, variables and constants."""
        constants = tuple(constant.name for constant in self.constants if constant.name is not None)
        return (*(data.name for data in self.data), *(variable.name for variable in self.variables), *constants)

    def _distinct(self, kind: type[_Node]) -> tuple[_Node, ...]:
        return tuple(dict.fromkeys(node for node in self.nodes if isinstance(node, kind)))


def total(program: Program) -> Expression:
    """The objective as one expression."""
    terms = tuple(term.expression for term in program.objective)
    return terms[0] if len(terms) == 1 else Add(terms or (Constant(0.0),))


def walk(*expressions: Expression) -> Iterator[Expression]:
    """Every node from the outside in, a named expression and its inside only once.

    After an applied scalar function and its argument come the nodes of its definition, without the placeholder.
    """
    entered = set[Named]()
    functions = set[ScalarFunction]()
    stack = list(reversed(expressions))
    while stack:
        node = stack.pop()
        match node:
            case Placeholder():
                continue
            case Named():
                if node in entered:
                    continue
                entered.add(node)
            case Apply(function) if function not in functions:
                functions.add(function)
                stack.append(function.definition())
        yield node
        stack.extend(reversed(node.arguments))


def size_names(nodes: Iterable[Expression]) -> tuple[str, ...]:
    """The names of the sizes that stand in nodes, in the order of first appearance."""

    def dims() -> Iterator[Dim]:
        for node in nodes:
            match node:
                case Size(dim):
                    yield dim
                case Data() | Variable() | Full():
                    yield from node.shape
                case Slice():
                    for bounds in node.ranges:
                        yield from bounds
                case BlockDiagonal(_, columns):
                    yield columns

    return tuple(dict.fromkeys(name for dim in dims() for name in dim.names))

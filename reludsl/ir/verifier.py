"""The proof that a program is convex, by the rules of disciplined convex programming; or what stands in the way.

A failure names the innermost node at fault, the rule it breaks, and the nearest place in the spec. Shapes inside
expressions are checked as these are built (`ShapeError`); what is left are the rules between expressions and
the objective or a constraint, and that one name means one thing.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from dataclasses import dataclass

from reludsl.ir.attributes import Curvature, Monotonicity
from reludsl.ir.dims import show
from reludsl.ir.expression import Constant, Data, Divide, Expression, MatMul, Multiply, Named, Variable
from reludsl.ir.functions import Apply
from reludsl.ir.program import Nonnegative, Program, SecondOrder, Semidefinite, Zero
from reludsl.ir.structure import reduced
from reludsl.ir.symmetry import is_symmetric
from reludsl.ir.text import described
from reludsl.source import Span


@dataclass(frozen=True)
class Violation:
    """Why a program is not proved convex: `rule` is a sentence, `node` the expression that breaks it."""

    where: str
    rule: str
    node: Expression | None = None
    span: Span | None = None

    def __str__(self) -> str:
        place = f"{self.span}: " if self.span is not None else ""
        return f"{place}{self.where}: {self.rule}"


class NotConvex(Exception):
    """A lowering made a program that is not convex: a bug of ours, never of the user."""

    def __init__(self, program: Program, violations: list[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__(f"program {program.name} is not convex:\n" + "\n".join(map(str, violations)))


def require_convex(program: Program) -> None:
    """Raises NotConvex with all that is wrong."""
    if violations := verify(program):
        raise NotConvex(program, violations)


def verify(program: Program) -> list[Violation]:
    """All reasons why the program is not proved convex; none when it is."""
    return [*_names(program), *_objective(program), *_constraints(program)]


def _names(program: Program) -> Iterator[Violation]:
    meanings: dict[str, object] = dict.fromkeys(program.sizes, "a size")
    nodes: tuple[Data | Variable | Constant | Named, ...]
    nodes = (*program.data, *program.variables, *program.constants, *program.named)
    for name, node in ((node.name or "", node) for node in nodes):
        if not name.isidentifier() or keyword.iskeyword(name):
            yield Violation(f"name {name}", "a name must be an identifier, for generated code", node, node.span)
        if meanings.setdefault(name, node) != node:
            yield Violation(f"name {name}", "one name stands for two things", node, node.span)
    functions: dict[str, object] = {}
    for function in program.functions:
        if functions.setdefault(function.name, function) != function:
            yield Violation(f"function {function.name}", f"one name stands for two: {function}")
    for kind, entries in (("term", program.objective), ("constraint", program.constraints)):
        seen = set[str]()
        for entry in entries:
            if entry.name in seen:
                yield Violation(f"{kind} {entry.name}", f"there are two {kind}s of this name", None, entry.span)
            seen.add(entry.name)


def _objective(program: Program) -> Iterator[Violation]:
    for term in program.objective:
        where, expression = f"term {term.name}", term.expression
        if expression.shape:
            rule = f"a term of the objective must be a scalar, not {show(expression.shape)}"
            yield Violation(where, rule, expression, expression.span or term.span)
        yield from _curvature(where, expression, Curvature.CONVEX, term.span)


def _constraints(program: Program) -> Iterator[Violation]:
    for constraint in program.constraints:
        where, span = f"constraint {constraint.name}", constraint.span
        match constraint:
            case Nonnegative(_, expression):
                yield from _curvature(where, expression, Curvature.CONCAVE, span)
            case Zero(_, expression):
                yield from _curvature(where, expression, Curvature.AFFINE, span)
            case SecondOrder(_, bound, vector, axis):
                if not vector.shape or (axis is not None and len(vector.shape) == 1):
                    rule = f"there is no norm along axis {axis} of shape {show(vector.shape)}"
                    yield Violation(where, rule, vector, vector.span or span)
                elif bound.shape != reduced(vector.shape, axis):
                    rule = (
                        f"a bound of shape {show(bound.shape)} does not fit "
                        f"the norms of shape {show(reduced(vector.shape, axis))}"
                    )
                    yield Violation(where, rule, bound, bound.span or span)
                yield from _curvature(where, bound, Curvature.CONCAVE, span)
                yield from _curvature(where, vector, Curvature.AFFINE, span)
            case Semidefinite(_, matrix):
                if len(matrix.shape) != 2 or matrix.shape[0] != matrix.shape[1]:
                    rule = f"a semidefinite matrix must be square, not {show(matrix.shape)}"
                    yield Violation(where, rule, matrix, matrix.span or span)
                elif not is_symmetric(matrix):
                    rule = f"a semidefinite matrix must be symmetric by its construction; `{described(matrix)}` is not"
                    yield Violation(where, rule, matrix, matrix.span or span)
                yield from _curvature(where, matrix, Curvature.AFFINE, span)


def _curvature(where: str, expression: Expression, wanted: Curvature, span: Span | None) -> Iterator[Violation]:
    fault = find_fault(expression, wanted, span)
    if fault is not None:
        yield Violation(where, fault.rule, fault.node, fault.span)


@dataclass(frozen=True)
class Fault:
    """The innermost `node` because of which an expression does not have the curvature that it needs.

    Either the node itself has to be `wanted`, or its `argument` has to be, for the node's own rule to apply; a rule
    that has an obstacle never does. `span` is the nearest place in the spec.
    """

    node: Expression
    wanted: Curvature
    argument: Expression | None = None
    monotone: Monotonicity | None = None
    span: Span | None = None

    @property
    def rule(self) -> str:
        """The rule that is broken, as a sentence."""
        node, argument = self.node, self.argument
        if node.rule.obstacle:
            return f"in `{described(node)}` {node.rule.obstacle}"
        if argument is None or self.monotone is None:
            return f"`{described(node)}` is {node.curvature.value}, but has to be {self.wanted.value} here"
        match node:
            case Multiply(left, right) | MatMul(left, right) | Divide(left, right):
                how = f"`{described(right if argument is left else left)}` is of unknown sign"
            case _:
                how = f"`{described(node)}` is {node.rule.curvature.value} and {self.monotone.value} in its argument"
        return f"{how}, so `{described(argument)}` has to be {self.wanted.value}, but is {argument.curvature.value}"


def find_fault(node: Expression, wanted: Curvature, span: Span | None = None) -> Fault | None:
    """Why `node` is not proved to be `wanted`; None when it is. `span` is pointed at for want of a better place."""
    if node.curvature.is_also(wanted):
        return None
    span = node.span or span
    if isinstance(node, Apply):
        return find_fault(node.expanded, wanted, span)
    rule = node.rule
    if rule.obstacle:
        inside = (find_fault(part, wanted, span) for part in node.arguments if part.curvature is Curvature.UNKNOWN)
        return next(inside, None) or Fault(node, wanted, span=span)
    if not rule.curvature.is_also(wanted):
        # Its arguments may break a rule by themselves, whatever the node is wanted for.
        return find_fault(node, rule.curvature, span) or Fault(node, wanted, span=span)
    linear = rule.curvature.is_affine
    for argument, monotone in zip(node.arguments, rule.monotonicity, strict=True):
        needed = monotone.needs(wanted)
        if argument.curvature.is_also(needed):
            continue
        if (
            argument.curvature is Curvature.UNKNOWN
            or (linear and wanted.is_affine)
            or (linear and monotone is not Monotonicity.NEITHER)
        ):
            return find_fault(argument, needed, span)
        return Fault(node, needed, argument, monotone, span)
    raise AssertionError(f"{node} obeys every rule but is not {wanted.value}")

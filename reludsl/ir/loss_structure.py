"""What a written loss is a function of: the margin y f or the distance f − y, as far as its formula shows it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from reludsl.ir.expression import Add, Expression, Multiply, Named, Negate, Placeholder

PREDICTION, TARGET, ARGUMENT = Placeholder("f"), Placeholder("y"), Placeholder("t")


@dataclass(frozen=True)
class LossStructure:
    """The loss is `function` of the placeholder t: of y f, or of f − y."""

    of: Literal["margin", "distance"]
    function: Expression


def structure_of(definition: Expression) -> LossStructure | None:
    """The structure of a loss that is defined by the placeholders f and y; None where its formula shows none."""
    for name, replaced in (("margin", _margin), ("distance", _distance)):
        function = _rewritten(definition, replaced)
        if not _holds(function, PREDICTION) and not _holds(function, TARGET):
            return LossStructure("margin" if name == "margin" else "distance", function)
    return None


def _rewritten(node: Expression, replaced: Any) -> Expression:
    """The expression with what `replaced` recognizes, outermost first, in terms of t."""
    found = replaced(node)
    if found is not None:
        return found.at(node.span)  # type: ignore[no-any-return]

    def part(value: Any) -> Any:
        if isinstance(value, Expression):
            return _rewritten(value, replaced)
        return tuple(part(entry) for entry in value) if isinstance(value, tuple) else value

    changed = {field.name: part(getattr(node, field.name)) for field in fields(node) if field.name != "span"}
    return replace(node, **changed)


def _holds(node: Expression, placeholder: Placeholder) -> bool:
    same = isinstance(node, Placeholder) and node.name == placeholder.name
    return same or any(_holds(argument, placeholder) for argument in node.arguments)


def _is(node: Expression, placeholder: Placeholder) -> bool:
    while isinstance(node, Named):
        node = node.expression
    return isinstance(node, Placeholder) and node.name == placeholder.name


def _margin(node: Expression) -> Expression | None:
    """A product with one factor y and one factor f."""
    if not isinstance(node, (Multiply, Negate)):
        return None
    negative, factors = _factors(node)
    f = [factor for factor in factors if _is(factor, PREDICTION)]
    y = [factor for factor in factors if _is(factor, TARGET)]
    if len(f) != 1 or len(y) != 1:
        return None
    product: Expression = ARGUMENT
    for factor in factors:
        if factor is not f[0] and factor is not y[0]:
            product = factor * product
    return -product if negative else product


def _factors(node: Expression) -> tuple[bool, list[Expression]]:
    """Whether a product is negative, and its factors."""
    match node:
        case Negate(inside):
            negative, factors = _factors(inside)
            return not negative, factors
        case Multiply(left, right):
            (first, before), (second, after) = _factors(left), _factors(right)
            return first != second, before + after
    return False, [node]


def _distance(node: Expression) -> Expression | None:
    """A sum with the terms f and −y, or y and −f."""
    if not isinstance(node, Add):
        return None
    signed = [(True, term.argument) if isinstance(term, Negate) else (False, term) for term in node.terms]
    f = [place for place, (_, term) in enumerate(signed) if _is(term, PREDICTION)]
    y = [place for place, (_, term) in enumerate(signed) if _is(term, TARGET)]
    if len(f) != 1 or len(y) != 1 or signed[f[0]][0] == signed[y[0]][0]:
        return None
    total: Expression = -ARGUMENT if signed[f[0]][0] else ARGUMENT
    for place, term in enumerate(node.terms):
        if place not in (f[0], y[0]):
            total = total + term
    return total

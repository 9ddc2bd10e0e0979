"""Expressions in the place of placeholders: how the definition of a function becomes a part of a program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from reludsl.ir.expression import Expression, Placeholder


def substitute(expression: Expression, replacements: Mapping[str, Expression]) -> Expression:
    """The expression with `replacements` for the placeholders of these names; others stay.

    Nodes are made anew by their constructors, so shapes, signs and curvatures are those of the result, and keep the
    places that they come from; a replacement without a place takes that of the placeholder. What has no such
    placeholder is the same object as before. Raises ShapeError where the replacements do not fit together.
    """
    if isinstance(expression, Placeholder):
        found = replacements.get(expression.name, expression)
        return found if found.span is not None or expression.span is None else found.at(expression.span)
    parts = {field.name: getattr(expression, field.name) for field in fields(expression)}
    changed = {name: new for name, old in parts.items() if (new := _substituted(old, replacements)) is not old}
    return replace(expression, **changed) if changed else expression


def _substituted(part: Any, replacements: Mapping[str, Expression]) -> Any:
    """A field of a node: an expression, a tuple of such (of rows of blocks, too), or anything else."""
    if isinstance(part, Expression):
        return substitute(part, replacements)
    if not isinstance(part, tuple):
        return part
    entries = tuple(_substituted(entry, replacements) for entry in part)
    return entries if any(new is not old for new, old in zip(entries, part, strict=True)) else part

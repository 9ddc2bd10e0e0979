"""From the model to a convex program, one reformulation a file, each with a way back to a network."""

from __future__ import annotations

from reludsl.lowering.base import Code, Instance, Lowered, Meaning, Relation
from reludsl.lowering.pattern_program import PatternProgram
from reludsl.model.model import Model

__all__ = ["Code", "Instance", "Lowered", "Meaning", "PatternProgram", "Relation", "lower"]


def lower(model: Model) -> Lowered:
    """The convex program that the model's formulation asks for. Both kinds of today are pattern programs."""
    return PatternProgram(model)

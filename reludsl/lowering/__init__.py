"""From the model to a program, one reformulation a file, each with a way back to a network."""

from __future__ import annotations

from reludsl.lowering.base import Code, Instance, Lowered, Meaning, Recovered, Relation
from reludsl.lowering.feature_program import FeatureProgram
from reludsl.lowering.pattern_program import PatternProgram
from reludsl.lowering.training_program import TrainingProgram
from reludsl.model.model import Model, RandomFeatures

__all__ = [
    "Code",
    "FeatureProgram",
    "Instance",
    "Lowered",
    "Meaning",
    "PatternProgram",
    "Recovered",
    "Relation",
    "TrainingProgram",
    "lower",
]


def lower(model: Model) -> Lowered:
    """The convex program that the model's formulation asks for."""
    if isinstance(model.formulation, RandomFeatures) or model.activation.stepwise:
        return FeatureProgram(model)
    return PatternProgram(model)

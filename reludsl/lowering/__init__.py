"""From the model to a program, one reformulation a file, each with a way back to a network."""

from __future__ import annotations

from reludsl.lowering.base import Code, Instance, Lowered, Meaning, Recovered, Relation
from reludsl.lowering.feature_program import FeatureProgram
from reludsl.lowering.pattern_program import PatternProgram
from reludsl.lowering.robust_program import RobustProgram, WassersteinProgram
from reludsl.lowering.training_program import TrainingProgram
from reludsl.model.model import Model, RandomFeatures, Wasserstein

__all__ = [
    "Code",
    "FeatureProgram",
    "Instance",
    "Lowered",
    "Meaning",
    "PatternProgram",
    "Recovered",
    "Relation",
    "RobustProgram",
    "TrainingProgram",
    "WassersteinProgram",
    "lower",
]


def lower(model: Model) -> Lowered:
    """The convex program that the model's formulation asks for."""
    if isinstance(model.formulation, RandomFeatures) or model.activation.stepwise:
        return FeatureProgram(model)
    if model.perturbation is None or model.perturbation.changes_nothing:
        return PatternProgram(model)
    return WassersteinProgram(model) if isinstance(model.perturbation, Wasserstein) else RobustProgram(model)

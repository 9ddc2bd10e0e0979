"""From the model to a program, one reformulation a file, each with a way back to a network."""

from __future__ import annotations

from reludsl.lowering.base import Code, Instance, Lowered, Meaning, Recovered, Relation
from reludsl.lowering.cell_program import CellProgram
from reludsl.lowering.feature_program import FeatureProgram
from reludsl.lowering.pattern_program import PatternProgram
from reludsl.lowering.polynomial_program import PolynomialProgram
from reludsl.lowering.relaxation_program import RelaxationProgram
from reludsl.lowering.robust_program import RobustProgram, WassersteinProgram
from reludsl.lowering.shared_program import SharedProgram
from reludsl.lowering.training_program import TrainingProgram
from reludsl.model.model import Adaptive, Model, RandomFeatures, SdpRelaxation, Wasserstein

__all__ = [
    "CellProgram",
    "Code",
    "FeatureProgram",
    "Instance",
    "Lowered",
    "Meaning",
    "PatternProgram",
    "PolynomialProgram",
    "Recovered",
    "Relation",
    "RelaxationProgram",
    "RobustProgram",
    "SharedProgram",
    "TrainingProgram",
    "WassersteinProgram",
    "lower",
]


def lower(model: Model) -> Lowered:
    """The convex program that the model's formulation asks for."""
    if isinstance(model.formulation, SdpRelaxation):
        return RelaxationProgram(model)
    if model.architecture.shared:
        return SharedProgram(model) if isinstance(model.formulation, Adaptive) else CellProgram(model)
    if model.activation.polynomial:
        return PolynomialProgram(model)
    if isinstance(model.formulation, RandomFeatures) or model.activation.stepwise:
        return FeatureProgram(model)
    if model.perturbation is None or model.perturbation.changes_nothing:
        return PatternProgram(model)
    return WassersteinProgram(model) if isinstance(model.perturbation, Wasserstein) else RobustProgram(model)

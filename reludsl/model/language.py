"""Edition 1 of the language, put together from the entries of this room. Backends add the kinds of `solver`."""

from __future__ import annotations

from reludsl.model import architectures, data, formulations, losses, perturbations, regularizers
from reludsl.model.registry import Language, Section


def core_language() -> Language:
    """The language without solvers."""
    return Language(
        sections=(
            Section(
                "data",
                "What is bound when the spec meets data: roles, names, types.",
                required=True,
                example="data {\n  input  X : matrix[n, d]\n  target y : vector[n]\n}",
            ),
            Section(
                "hyperparameters",
                "Named numbers for use in options; `--set name=value` replaces one.",
                example="hyperparameters { beta = 1e-3 }",
            ),
            Section(
                "architecture",
                "The network that is trained.",
                architectures.KINDS,
                required=True,
                plural="architectures",
            ),
            Section(
                "loss",
                "How far a prediction is from its target.",
                losses.KINDS,
                required=True,
                plural="losses",
            ),
            Section(
                "regularizer",
                "What keeps the weights small; several add up.",
                regularizers.KINDS,
                repeatable=True,
                default="none",
                plural="regularizers",
            ),
            Section(
                "perturbation",
                "Changes of the inputs that the network must withstand.",
                perturbations.KINDS,
                default="none",
                plural="perturbations",
            ),
            Section(
                "formulation",
                "Which convex program stands for the training problem.",
                formulations.KINDS,
                default="sampled",
                defaults=formulations.DEFAULTS,
                plural="formulations",
            ),
            Section("solver", "Which backend solves it, and how: a default, the command line wins.", plural="backends"),
        ),
        roles=data.ROLES,
        types=data.TYPES,
    )

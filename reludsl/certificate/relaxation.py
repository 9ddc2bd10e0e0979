"""What a point of a semidefinite relaxation predicts, and how far it is from its constraints.

The objective of a solver's moments is no bound on anything: their products may be a little negative, by which the
objective can fall below the optimum of the relaxation.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from reludsl.ir import Program, RelaxationForm, violations


def relaxed_predictions(
    form: RelaxationForm, arrays: Mapping[str, np.ndarray], point: Mapping[str, np.ndarray]
) -> np.ndarray:
    """F (n, c) at a point of the program."""
    outputs, slope, both = arrays[form.y.name].shape[1], form.activation.slope, arrays["X"] @ arrays["B"]
    F = np.zeros(arrays[form.y.name].shape) if form.c0 is None else np.asarray(point[form.c0.name], dtype=float)
    for piece in form.pieces:
        values = 0.5 * ((1.0 - slope) * arrays[form.N(piece).name] + (1.0 + slope) * both)
        F = F + values @ np.asarray(point[form.Z(piece).name], dtype=float)[:, :outputs]
    return np.asarray(F)


def relaxation_violation(
    program: Program, form: RelaxationForm, arrays: Mapping[str, np.ndarray], point: Mapping[str, np.ndarray]
) -> float:
    """The largest violation of the constraints, relative to the largest product of a sample with itself."""
    largest = 0.0
    for piece in form.pieces:
        N, Z = np.asarray(arrays[form.N(piece).name]), np.asarray(point[form.Z(piece).name])
        largest = max(largest, float(np.einsum("nk,kl,nl->n", N, Z, N).max(initial=0.0)))
    return max(violations(program, {**arrays, **point}).values()) / largest if largest > 0 else 0.0

"""The most that a neuron of norm 1 can bring, in closed form over the cells of the samples: up to four dimensions.

On a cell no sample changes its side, so ‖zᵀσ(Xu)‖² is a quadratic form there, and over a simplicial cone its greatest
value is known (`cells/peaks.py`). Cells are complete or are not given at all. Plain NumPy: the functions stand word for
word in generated code.
"""

from __future__ import annotations

import numpy as np

from reludsl.cells.arrangement import Cells
from reludsl.cells.peaks import greatest_values

MOST_DIMENSIONS = 4
"""Of the space of the samples: beyond, cells are too many."""

_ROUNDING = 1e-8
"""By how much squares are raised, for the rounding in cells, sums and eigenvalues."""


def greatest_over_cells(X: np.ndarray, z: np.ndarray, cells: Cells, slope: float = 0.0) -> float:
    """A bound on max ‖zᵀσ(Xu)‖ over ‖u‖ ≤ 1, as good as equal, for X (n, d), finite z (n, c) and all cells of X.

    `slope` is that of σ below 0.
    """
    gates = np.where(cells.masks, 1.0, slope)
    return greatest_over_gates(X, z, gates, cells.basis, cells.generators, cells.deviation)


def greatest_over_gates(
    X: np.ndarray, z: np.ndarray, gates: np.ndarray, basis: np.ndarray, generators: np.ndarray, deviation: np.ndarray
) -> float:
    """What `greatest_over_cells` gives, from the slopes of σ on all cones, `gates` (n, S), and the parts of `Cells`.

    Never too small: of samples on the wrong side between hyperplanes that were taken for one, and of rounding, all that
    they could bring is added.
    """
    size = float(np.abs(z).max(initial=0.0))
    if not size:
        return 0.0
    z = z / size
    reduced = X @ basis
    sums = np.stack([(z * column[:, None]).T @ gates for column in reduced.T])  # (r, c, S)
    forms = np.einsum("acs,bcs->sab", sums, sums)
    largest = float(greatest_values(forms, generators).max(initial=0.0))
    lengths = np.linalg.norm(z, axis=1)
    steepest = max(1.0, float(np.abs(gates).max()))
    uncertain = steepest * (2.0 * lengths @ deviation + 1e-12 * lengths @ np.linalg.norm(X, axis=1))
    found = size * float(np.sqrt(largest * (1.0 + _ROUNDING)) + uncertain)
    return np.inf if np.isnan(found) else found

"""Rows that are equal, found at once. Plain NumPy: these functions stand word for word in generated code."""

from __future__ import annotations

import numpy as np


def row_keys(*parts: np.ndarray) -> np.ndarray:
    """Keys (n,), to be compared only, that are equal where the rows of all parts (n, ...) are."""
    rows = np.ascontiguousarray(np.concatenate([np.asarray(part, dtype=float) for part in parts], axis=1))
    rows += 0.0  # -0 becomes 0
    return rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).reshape(-1)


def distinct_halfspaces(unit: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """The rows (n, d) of length 1 that bound other halfspaces than those before them, on their sides ±1 (n, P).

    Rows within 1e-13 of each other count as equal, and as opposite to each other's negatives.
    """
    rounded = np.round(unit, 13)
    first = (rounded != 0).argmax(axis=1)[:, None]
    orientation = np.sign(np.take_along_axis(rounded, first, axis=1))
    rounded = orientation * rounded
    if len(np.unique(row_keys(rounded))) == len(unit):
        return np.arange(len(unit))
    return np.sort(np.unique(row_keys(rounded, orientation * sides), return_index=True)[1])

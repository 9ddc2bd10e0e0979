"""Column scalings. These functions stand word for word in generated code, so they use NumPy and nothing of ours."""

from __future__ import annotations

import numpy as np


def learn_scaling(values: np.ndarray, scale: str) -> tuple[np.ndarray, np.ndarray]:
    """Offset and divisor of each column, so that (values - offset) / divisor is scaled; a constant column divides by 1.

    `values` is (n, d) or (n,); `scale` is none, standard, minmax or unit_columns. Standard deviations divide by n.
    """
    shape = values.shape[1:]
    offset, divisor = np.zeros(shape), np.ones(shape)
    if scale == "standard":
        offset, divisor = values.mean(axis=0), values.std(axis=0)
        # Rounding leaves a constant column with a deviation of a few units in the last place.
        divisor = np.where(divisor <= 1e-13 * np.abs(offset), 0.0, divisor)
    elif scale == "minmax":
        offset, divisor = values.min(axis=0), values.max(axis=0) - values.min(axis=0)
    elif scale == "unit_columns":
        largest = np.abs(values).max(axis=0)
        safe = np.where(largest > 0, largest, 1.0)  # squares of the raw numbers could overflow
        divisor = safe * np.sqrt(((values / safe) ** 2).sum(axis=0))
    return offset, np.where(divisor > 0, divisor, 1.0)

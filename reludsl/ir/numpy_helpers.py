"""Functions that NumPy has no word for. Evaluation calls them; generated code is given their source.

Each must make sense on its own, with `np` as the only name from outside.
"""

import numpy as np


def entropy(x: np.ndarray) -> np.ndarray:
    """-x log(x); 0 at 0 and -inf below, as a concave function is outside its domain."""
    inside = np.where(x > 0, x, 1.0)
    return np.where(x < 0, -np.inf, -inside * np.log(inside))


def step(x: np.ndarray) -> np.ndarray:
    """1 where x >= 0, 0 elsewhere."""
    return np.where(x >= 0, 1.0, 0.0)


def huber(x: np.ndarray, threshold: float) -> np.ndarray:
    """x²/2 up to the threshold in size, a straight line beyond."""
    clipped = np.minimum(np.abs(x), threshold)
    return np.asarray(clipped * (np.abs(x) - 0.5 * clipped))

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


def block_diagonal(x: np.ndarray, columns: int) -> object:
    """The blocks that stand one below another in x, put on the diagonal: a sparse matrix, for products."""
    from scipy.sparse import csr_array

    rows, width = x.shape
    first = np.arange(rows) // (rows * width // columns) * width
    places = first[:, None] + np.arange(width)
    return csr_array((np.ravel(x), np.ravel(places), np.arange(0, rows * width + 1, width)), shape=(rows, columns))

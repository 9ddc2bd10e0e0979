"""Fixed hidden neurons as features. Plain NumPy: these functions stand word for word in generated code."""

from __future__ import annotations

import numpy as np


def penalty_norms(
    directions: np.ndarray, group: float, l1: float, group_without_bias: float, l1_without_bias: float
) -> np.ndarray:
    """The penalty of each direction, relative to the sum of the strengths: its norm, by which it is divided.

    `group` weighs the Euclidean norm and `l1` the l1 norm, the others these norms without the last entry. Without any
    penalty the Euclidean norm is taken.
    """
    without = directions[:-1]
    norms = group * np.linalg.norm(directions, axis=0) + l1 * np.abs(directions).sum(axis=0)
    norms += group_without_bias * np.linalg.norm(without, axis=0) + l1_without_bias * np.abs(without).sum(axis=0)
    total = group + l1 + group_without_bias + l1_without_bias
    norms = norms / total if total > 0 else np.linalg.norm(directions, axis=0)
    return np.where(norms > 0, norms, 1.0)


def feature_values(X: np.ndarray, directions: np.ndarray, slope: float, stepwise: bool) -> np.ndarray:
    """Neurons (n, N) on samples X (n, d): max(t, 0) + slope min(t, 0), or steps as high as the direction is long."""
    t = X @ directions
    if stepwise:
        return np.where(t >= 0, np.linalg.norm(directions, axis=0), 0.0)
    return np.asarray(np.maximum(t, 0.0) + slope * np.minimum(t, 0.0))


def used_neurons(directions: np.ndarray, a: np.ndarray, stepwise: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The neurons of nonzero output weights a, (N,) or (N, c): columns (d, m), their signs, the outputs they feed.

    A column is the direction times the size of its output weight; of a step, whose height counts, the unit direction.
    Weights below 1e-6 of the largest are solver noise and are left out.
    """
    weights = a.reshape(len(a), -1)
    sizes = np.abs(weights)
    kept, owners = np.nonzero(sizes > 1e-6 * sizes.max(initial=0.0))
    chosen = directions[:, kept]
    if stepwise:
        chosen = chosen / np.linalg.norm(chosen, axis=0)
    return chosen * sizes[kept, owners], np.sign(weights[kept, owners]), owners

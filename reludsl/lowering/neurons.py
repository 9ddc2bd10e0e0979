"""From the columns of a program to neurons. Plain NumPy: these functions stand word for word in generated code."""

from __future__ import annotations

import numpy as np


def effective_neurons(
    columns: np.ndarray, outputs: int, signed: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The nonzero columns (d, m) of a program, the sign of each, the output that it feeds, and its pattern.

    `columns` are ordered by sign, where it tells apart those that add and those that subtract, then by output. Those
    shorter than 1e-6 of the longest are solver noise and are left out.
    """
    count = columns.shape[1]
    norms = np.linalg.norm(columns, axis=0)
    kept = np.flatnonzero(norms > 1e-6 * norms.max(initial=0.0))
    of_one_sign = count // 2 if signed else count
    signs = np.where(kept < of_one_sign, 1.0, -1.0)
    patterns = of_one_sign // outputs
    return columns[:, kept], signs, kept % of_one_sign // patterns, kept % patterns


def balanced_neurons(
    columns: np.ndarray, signs: np.ndarray, owners: np.ndarray, outputs: int, free: int
) -> tuple[np.ndarray, np.ndarray]:
    """Hidden weights (d, m) and output weights (m, outputs) of neurons whose products with |output weight| are columns.

    A column v becomes hidden weights v / √‖v‖ and the output weight ±√‖v‖, so that both have the same norm; the last
    `free` entries, which no penalty counts, are left out of ‖v‖. A column with nothing but such entries gets an output
    weight of 1e-4 times the root of their size: its penalty vanishes in the limit only.
    """
    counted = np.linalg.norm(columns[: len(columns) - free], axis=0)
    roots = np.sqrt(np.maximum(counted, 1e-8 * np.linalg.norm(columns, axis=0)))
    weights = np.zeros((len(roots), outputs))
    weights[np.arange(len(roots)), owners] = signs * roots
    return columns / roots, weights

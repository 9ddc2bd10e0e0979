"""Pruning: fewer neurons with the same predictions on the training samples, and no more penalty.

Neurons are columns b of B (d, m), hidden weights times the absolute output weight, with a sign and an output each. The
contribution of one to its output is ± σ(X b), σ(t) = max(t, 0) + slope min(t, 0), X (n, d) with a column of ones where
neurons have a bias. Contribution and penalty are positively homogeneous in b.

Two neurons that are active on the same samples are as good as their sum, by the triangle inequality. Of the others,
each output needs no more than its contributions have rank, at most n: a point of a cone is a sum of linearly
independent generators (Carathéodory). Pilanci, Ergen (2020) bound the width by it, Mishkin, Pilanci (2023), "Optimal
sets and solution paths of ReLU networks", prune optimal networks so. All functions are plain NumPy, so that they can
stand word for word in generated code.
"""

from __future__ import annotations

import numpy as np


def prune_neurons(
    X: np.ndarray,
    B: np.ndarray,
    signs: np.ndarray,
    outputs: np.ndarray,
    slope: float,
    group: float,
    l1: float,
    free_rows: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Neurons B (d, k), signs (k,), outputs (k,), none of which can be left out for the others.

    `signs` (m,) holds -1 and +1, `outputs` (m,) indices; `slope` is in [-1, 1). The penalty of b is `group` ‖b‖₂ +
    `l1` ‖b‖₁ without its last `free_rows` entries. Predictions on X change by at most 1e-9 of an output's largest, or
    1e-13 of its contributions where they cancel, and the penalty grows by at most 1e-12 of its own; where rounding
    denies that, the neurons come back as they were.
    """
    scale = power_of_two(B)
    X, whole = X / power_of_two(X), B / scale
    columns, kept_signs, kept_outputs = merge_neurons(X, *heard_neurons(X, whole, signs, outputs, slope), slope)
    terms, costs = contributions(X, columns, slope) * kept_signs, neuron_penalties(columns, group, l1, free_rows)
    factors = np.zeros(len(costs))
    for output in np.unique(kept_outputs):
        here = kept_outputs == output
        factors[here] = independent_factors(terms[:, here], costs[here])
    kept = factors > 0
    columns, kept_signs, kept_outputs = (columns * factors)[:, kept], kept_signs[kept], kept_outputs[kept]

    allowed = neuron_penalties(whole, group, l1, free_rows).sum() * (1 + 1e-12)
    agree = neuron_penalties(columns, group, l1, free_rows).sum() <= allowed
    before, after = contributions(X, whole, slope) * signs, contributions(X, columns, slope) * kept_signs
    for output in np.unique(outputs):
        old, new = before[:, outputs == output], after[:, kept_outputs == output]
        difference = np.abs(old.sum(axis=1) - new.sum(axis=1)).max(initial=0.0)
        rounding = 1e-13 * np.abs(old).sum(axis=1).max(initial=0.0)  # what is left where everything cancels
        agree &= difference <= max(1e-9 * np.abs(old.sum(axis=1)).max(initial=0.0), rounding)
    return (columns * scale, kept_signs, kept_outputs) if agree else (B, signs, outputs)


def power_of_two(A: np.ndarray) -> float:
    """The power of two by which the largest entry of A comes to lie between 1 and 2: exact to divide by."""
    exponent = np.frexp(np.abs(A).max(initial=0.0))[1]
    return float(np.ldexp(1.0, exponent - 1))


def contributions(X: np.ndarray, B: np.ndarray, slope: float) -> np.ndarray:
    """What neurons B (d, m) give on samples X (n, d) before their signs: σ(X B), (n, m)."""
    margins: np.ndarray = X @ B
    return np.where(margins > 0, margins, slope * margins)


def neuron_penalties(B: np.ndarray, group: float, l1: float, free_rows: int) -> np.ndarray:
    """`group` ‖b‖₂ + `l1` ‖b‖₁ of each column b of B (d, m) without its last `free_rows` entries: (m,)."""
    counted = B[: len(B) - free_rows]
    penalties: np.ndarray = group * np.linalg.norm(counted, axis=0) + l1 * np.abs(counted).sum(axis=0)
    return penalties


def heard_neurons(
    X: np.ndarray, B: np.ndarray, signs: np.ndarray, outputs: np.ndarray, slope: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The neurons that contribute more than 1e-13 of their output's largest prediction somewhere."""
    terms = contributions(X, B, slope)
    largest = np.zeros(len(signs))
    for output in np.unique(outputs):
        here = outputs == output
        largest[here] = np.abs(terms[:, here] @ signs[here]).max(initial=0.0)
    heard = np.abs(terms).max(axis=0, initial=0.0) > 1e-13 * largest
    return B[:, heard], signs[heard], outputs[heard]


def merge_neurons(
    X: np.ndarray, B: np.ndarray, signs: np.ndarray, outputs: np.ndarray, slope: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Neurons of one output and sign that are active on the same samples become their sum, until no two are.

    A sample with x·b = 0 up to rounding goes with either side. With slope -1 the neurons b and -b are the same. A sum
    is taken only if it gives the summed contributions to 1e-10 of the largest of them.
    """
    count = len(signs) + 1
    while len(signs) < count:
        count = len(signs)
        B, terms = B.copy(), contributions(X, B, slope)
        above, below = sample_sides(X, B)
        head = np.zeros(count, dtype=bool)  # the neurons that took others in, or may
        for j in range(count):
            heads = np.flatnonzero(head & (signs == signs[j]) & (outputs == outputs[j]))
            aligned = ~((above[heads] & below[j]) | (below[heads] & above[j])).any(axis=1)
            partners = [(k, 1.0) for k in heads[aligned]]
            if slope == -1:
                mirrored = ~((above[heads] & above[j]) | (below[heads] & below[j])).any(axis=1)
                partners += [(k, -1.0) for k in heads[mirrored]]
            for k, side in partners:
                merged, wanted = B[:, k] + side * B[:, j], terms[:, k] + terms[:, j]
                if np.abs(contributions(X, merged, slope) - wanted).max() <= 1e-10 * np.abs(wanted).max():
                    B[:, k], terms[:, k] = merged, wanted
                    above[k], below[k] = sample_sides(X, merged)
                    break
            else:
                head[j] = True
        B, signs, outputs = B[:, head], signs[head], outputs[head]
    return B, signs, outputs


def sample_sides(X: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where x·b > 0 and where x·b < 0 beyond rounding: a row of bits for each column of B (d, m)."""
    margins, rounding = X @ B, 1e-12 * (np.abs(X) @ np.abs(B))
    return np.packbits(margins > rounding, axis=0).T, np.packbits(margins < -rounding, axis=0).T


def independent_factors(A: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Factors t >= 0 (m,) with A t = A 1 and costs·t <= costs·1 whose columns of A (n, m), those with t > 0, are
    linearly independent (Carathéodory).

    As long as they are not, t moves along a null vector on which the costs (m,), none negative, do not grow, until a
    factor is zero. Columns come in by groups, so that null spaces stay small: each is computed once, and a reflection
    of its orthonormal basis takes out a column whose factor is zero.
    """
    largest = np.abs(A).max(axis=0, initial=0.0)
    largest = np.where(largest > 0, largest, 1.0)
    sizes = largest * np.maximum(np.linalg.norm(A / largest, axis=0), 1.0)
    A, costs, weights = A / sizes, costs / sizes, sizes.copy()  # normalized columns and their weights
    if len(A) > len(weights):
        A = np.asarray(np.linalg.qr(A, mode="r"))
    active, entered = np.zeros(0, dtype=int), 0
    while entered < len(weights):
        entering = np.arange(entered, min(len(weights), entered + max(64, len(active))))
        active, entered = np.concatenate([active, entering]), entered + len(entering)
        part = A[:, active]
        if len(A) > len(active):
            part = np.asarray(np.linalg.qr(part, mode="r"))
        singular_values, basis = np.linalg.svd(part)[1:]
        rank = int((singular_values > 1e-12 * singular_values.max(initial=0.0)).sum())
        N = basis[rank:].T
        while N.shape[1]:
            present = weights[active]
            z = np.where(present > 0, N[:, 0], 0.0)
            z = -z if costs[active] @ z > 0 else z
            z = z if z.min() < -1e-12 else -z  # one that costs nothing may have a single sign
            falling = z < -1e-12
            moved = present + (present[falling] / -z[falling]).min() * z
            gone = falling & (moved <= 1e-13 * present)
            weights[active] = np.where(gone, 0.0, moved)
            for row in np.flatnonzero(gone):
                mirror, length = N[row].copy(), np.linalg.norm(N[row])
                if length > 1e-12:
                    mirror[0] += np.copysign(length, mirror[0])
                    N = N[:, 1:] - np.outer(N @ mirror, mirror[1:] * (2 / (mirror @ mirror)))
        active = active[weights[active] > 0]
    factors: np.ndarray = weights / sizes
    return factors

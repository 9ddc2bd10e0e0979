"""Activation patterns of two-layer networks, which samples each neuron is active on, and the way back to neurons.

A pattern is 1[Xg >= 0] for a direction g. All functions are plain NumPy, so that they can stand word for word in
generated code. Masks are boolean arrays (n, P), one pattern a column; the pattern that is active nowhere is left out,
since its neurons contribute nothing.
"""

from __future__ import annotations

from itertools import combinations, product
from math import comb

import numpy as np


def sample_patterns(X: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, int]:
    """Distinct patterns of directions g ~ N(0, I), in the order in which they were found, and how many were drawn.

    `X` is (n, d). Drawing ends with `count` patterns, or when the last max(1000, 5 * found) directions brought no new
    one: the supply is then visibly exhausted. (Bai, Gautam, Sojoudi 2022, Algorithm 2.1, without the repetitions.)
    """
    n, d = X.shape
    generator = np.random.default_rng(seed)
    batch = max(64, min(count, 10_000_000 // n))
    found: dict[bytes, np.ndarray] = {}
    drawn = fruitless = 0
    while len(found) < count and fruitless < max(1000, 5 * len(found)):
        masks = X @ generator.standard_normal((d, batch)) >= 0
        for mask in masks.T:
            key = np.packbits(mask).tobytes()
            drawn += 1
            if mask.any() and key not in found:
                found[key] = mask.copy()
                fruitless = 0
            else:
                fruitless += 1
            if len(found) == count:
                break
    masks = np.array(list(found.values()), dtype=bool).reshape(-1, n)
    return np.ascontiguousarray(masks.T), drawn


def recover_neurons(V: np.ndarray, W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Balanced neurons from the columns of V, which add to the output, and W (both (d, P)), which subtract.

    A column v becomes hidden weights v / √‖v‖ and the output weight √‖v‖, so both have the same norm. Columns shorter
    than 1e-6 of the longest are solver noise and are dropped. Returns hidden weights (d, m) and output weights (m,).
    """
    columns = np.concatenate([V, W], axis=1)
    signs = np.repeat([1.0, -1.0], [V.shape[1], W.shape[1]])
    norms = np.linalg.norm(columns, axis=0)
    kept = norms > 1e-6 * norms.max(initial=0.0)
    roots = np.sqrt(norms[kept])
    return columns[:, kept] / roots, signs[kept] * roots


def cover_count(hyperplanes: int, rank: int) -> int:
    """The greatest number of patterns: 2 * sum of C(hyperplanes - 1, k) for k < rank (Cover 1965)."""
    return 2 * sum(comb(hyperplanes - 1, k) for k in range(rank)) if hyperplanes else 1


def count_patterns(X: np.ndarray) -> int:
    """An upper bound on the number of patterns of X (n, d), exact in general position. Parallel rows count once."""
    Z, _, _ = hyperplane_normals(X)
    return cover_count(*Z.shape)


def enumerate_patterns(X: np.ndarray) -> tuple[np.ndarray, bool]:
    """All patterns of X (n, d) whose directions fill a full-dimensional cone, and whether that is proved to be all.

    The others lie on the boundary of such cones and add no function: there xᵀu = 0 for the samples in question. In
    general position Cover's formula proves the count; where more hyperplanes meet than must, nothing is proved here.
    """
    Z, group, orientation = hyperplane_normals(X)
    signs = arrangement_cells(Z)
    masks = np.ones((len(X), len(signs)), dtype=bool)
    rows = group >= 0
    masks[rows] = (signs.T[group[rows]] * orientation[rows, None]) > 0
    masks = np.unique(masks, axis=1)
    return np.ascontiguousarray(masks[:, masks.any(axis=0)]), len(signs) == cover_count(*Z.shape)


def hyperplane_normals(X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct hyperplanes {g : xᵀg = 0} of the rows of X, in coordinates of their span.

    Returns unit normals Z (m, r), the hyperplane of each row (-1 for a zero row), and the row's orientation, +1 or -1,
    against the normal. Rows within 1e-10 of parallel share a hyperplane.
    """
    norms = np.linalg.norm(X, axis=1)
    nonzero = np.flatnonzero(norms > 0)
    unit = X[nonzero] / norms[nonzero, None]
    group, orientation = np.full(len(X), -1), np.ones(len(X))
    chosen: list[int] = []
    for k, row in enumerate(unit):
        if chosen:
            cosines = unit[chosen] @ row
            nearest = int(np.abs(cosines).argmax())
            side = 1.0 if cosines[nearest] > 0 else -1.0
            if np.linalg.norm(row - side * unit[chosen[nearest]]) <= 1e-10:
                group[nonzero[k]], orientation[nonzero[k]] = nearest, side
                continue
        group[nonzero[k]] = len(chosen)
        chosen.append(k)
    normals = unit[chosen].reshape(len(chosen), X.shape[1])
    if not chosen:
        return np.zeros((0, 0)), group, orientation
    singular_values, basis = np.linalg.svd(normals, full_matrices=False)[1:]
    rank = int((singular_values > 1e-10 * singular_values[0]).sum())
    Z = normals @ basis[:rank].T
    return Z / np.linalg.norm(Z, axis=1, keepdims=True), group, orientation


def arrangement_cells(Z: np.ndarray) -> np.ndarray:
    """The sign vectors (cells, m) of the open cells of the central hyperplane arrangement with unit normals Z (m, r).

    The normals span their space and are pairwise not parallel. Every cell is then a pointed cone, so it touches one
    of the arrangement's rays. The cells around a ray are those of the arrangement of the hyperplanes that hold it,
    one dimension lower: r - 1 of them in general position, which gives all sign choices, or more, which is a
    recursion.
    """
    m, r = Z.shape
    if m == 0:
        return np.zeros((1, 0), dtype=np.int8)
    if m == r:  # independent hyperplanes cut their space into all sign choices
        return np.array(list(product((-1, 1), repeat=m)), dtype=np.int8)
    found: list[np.ndarray] = []
    degenerate: set[tuple[int, ...]] = set()
    choices = np.array(list(product((-1, 1), repeat=r - 1)), dtype=np.int8)
    subsets = np.array(list(combinations(range(m), r - 1)))
    for part in np.array_split(subsets, max(1, len(subsets) // 2048)):
        singular_values, basis = np.linalg.svd(Z[part])[1:]
        independent = singular_values[:, -1] > 1e-9
        part, rays = part[independent], basis[independent, -1]
        products = rays @ Z.T
        on_ray = np.abs(products) <= 1e-9
        np.put_along_axis(on_ray, part, True, axis=1)
        signs = np.where(on_ray, 0, np.sign(products)).astype(np.int8)
        simple = on_ray.sum(axis=1) == r - 1
        for side in (1, -1):
            cells = np.repeat(side * signs[simple, None, :], len(choices), axis=1)
            here = np.broadcast_to(part[simple, None, :], (*cells.shape[:2], r - 1))
            np.put_along_axis(cells, here, np.broadcast_to(choices, here.shape), axis=2)
            found.append(np.unique(cells.reshape(-1, m), axis=0))
        for k in np.flatnonzero(~simple):
            holding = np.flatnonzero(on_ray[k])
            if tuple(holding) in degenerate:
                continue
            degenerate.add(tuple(holding))
            local = arrangement_cells(Z[holding] @ np.linalg.svd(rays[k : k + 1])[2][1:].T)
            for side in (1, -1):
                cells = np.repeat(side * signs[k : k + 1], len(local), axis=0)
                cells[:, holding] = local
                found.append(cells)
    return np.unique(np.concatenate(found), axis=0)

"""Activation patterns of two-layer networks, which samples each neuron is active on, and the way back to neurons.

A pattern is 1[Xg >= 0] for a direction g. All functions are plain NumPy and SciPy, so that they can stand word for word
in generated code. Masks are boolean arrays (n, P), one pattern a column; directions are (d, P).

The slope of the activation below 0 says which patterns count. With slope 0 the one that is active nowhere is left out,
since its neurons contribute nothing. With slope -1, the absolute value, a pattern and its complement give the same
functions, so one of them is left out.
"""

from __future__ import annotations

from itertools import combinations, product
from math import comb

import numpy as np
from scipy.optimize import linprog


def sample_patterns(
    X: np.ndarray, count: int, seed: int, slope: float = 0.0, draws: bool = False
) -> tuple[np.ndarray, np.ndarray, int]:
    """Distinct patterns of directions g ~ N(0, I) in the order in which they were found, the first direction that has
    each, and how many were drawn.

    `X` is (n, d). Drawing ends with `count` patterns, or when the last max(1000, 5 * found) directions brought no new
    one: the supply is then visibly exhausted. With `draws`, exactly `count` directions are drawn, however few patterns
    they have. (Bai, Gautam, Sojoudi 2022, Algorithm 2.1, without the repetitions.)
    """
    n, d = X.shape
    generator = np.random.default_rng(seed)
    batch = max(64, min(count, 10_000_000 // n))
    found: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
    drawn = fruitless = 0
    while drawn < count if draws else len(found) < count and fruitless < max(1000, 5 * len(found)):
        directions = generator.standard_normal((d, batch))
        masks = X @ directions >= 0
        for k, key in enumerate(pattern_keys(X, masks, slope)):
            drawn += 1
            if key is not None and key not in found:
                found[key] = masks[:, k].copy(), directions[:, k].copy()
                fruitless = 0
            else:
                fruitless += 1
            if (drawn if draws else len(found)) == count:
                break
    kept = np.array([mask for mask, _ in found.values()], dtype=bool).reshape(-1, n)
    gates = np.array([direction for _, direction in found.values()]).reshape(-1, d)
    return np.ascontiguousarray(kept.T), np.ascontiguousarray(gates.T), drawn


def patterns_of(X: np.ndarray, directions: np.ndarray, slope: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """The distinct patterns of given directions (d, k), in their order, and the first direction that has each."""
    masks = X @ directions >= 0
    first: dict[bytes, int] = {}
    for k, key in enumerate(pattern_keys(X, masks, slope)):
        if key is not None:
            first.setdefault(key, k)
    kept = list(first.values())
    return np.ascontiguousarray(masks[:, kept]), np.ascontiguousarray(directions[:, kept])


def pattern_keys(X: np.ndarray, masks: np.ndarray, slope: float) -> list[bytes | None]:
    """What tells the functions of one pattern from those of another; None for a pattern that has only the zero one.

    A zero sample is active in every pattern, in a complement too.
    """
    nonzero = np.linalg.norm(X, axis=1) > 0
    if slope == -1 and nonzero.any():
        masks = masks ^ (nonzero[:, None] & ~masks[nonzero.argmax()])
    keys = [row.tobytes() for row in np.ascontiguousarray(np.packbits(masks, axis=0).T)]
    return [key if slope != 0 or any(key) else None for key in keys]


def random_directions(d: int, count: int, seed: int) -> np.ndarray:
    """Directions (d, count) drawn uniformly from the unit sphere; more of them extend fewer."""
    directions = np.random.default_rng(seed).standard_normal((count, d))
    return np.ascontiguousarray((directions / np.linalg.norm(directions, axis=1, keepdims=True)).T)


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


def enumerate_patterns(X: np.ndarray, slope: float = 0.0) -> tuple[np.ndarray, bool]:
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
    first: dict[bytes, int] = {}
    for k, key in enumerate(pattern_keys(X, masks, slope)):
        if key is not None:
            first.setdefault(key, k)
    return np.ascontiguousarray(masks[:, list(first.values())]), len(signs) == cover_count(*Z.shape)


def interior_directions(X: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """For each pattern (n, P) a unit direction (d, P) strictly inside its cell, away from the hyperplanes of X (n, d).

    It is the shortest in the 1-norm that keeps a margin of 1 from every normalized sample: a linear program that stays
    well scaled in the thinnest cells. A pattern without an interior is left out, which happens to an enumerated one
    only where samples are parallel up to rounding; `patterns_of` then tells which patterns are there.
    """
    norms = np.linalg.norm(X, axis=1)
    nonzero = norms > 0
    unit = X[nonzero] / norms[nonzero, None]
    found = []
    for mask in masks[nonzero].T:
        sided = np.where(mask, 1.0, -1.0)[:, None] * unit
        program = linprog(np.ones(2 * X.shape[1]), A_ub=np.hstack([-sided, sided]), b_ub=-np.ones(len(unit)))
        if program.x is not None:
            direction = np.subtract(*np.split(program.x, 2))
            if not len(unit):
                direction[0] = 1.0  # zero samples have one cell, the whole space
            if (sided @ direction > 0).all():
                found.append(direction / np.linalg.norm(direction))
    return np.ascontiguousarray(np.array(found).reshape(-1, X.shape[1]).T)


def hyperplane_normals(X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct hyperplanes {g : xᵀg = 0} of the rows of X, in coordinates of their span.

    Returns unit normals Z (m, r), the hyperplane of each row (-1 for a zero row), and the row's orientation, +1 or -1,
    against the normal. Rows within 1e-8 of parallel share a hyperplane.
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
            if np.linalg.norm(row - side * unit[chosen[nearest]]) <= 1e-8:
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

"""The greatest values of quadratic forms on simplicial cones of a few generators, a face at a time.

The maximum is at a generator, on an arc between two of them, or inside of a face with more, where only the leading
eigenvector of the form on its span can be one. On an arc uᵀMu = p + R cos 2(θ − φ). Plain NumPy.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np


def greatest_values(forms: np.ndarray, generators: np.ndarray) -> np.ndarray:
    """max uᵀMu over unit vectors u of each cone, (S,), for symmetric forms M (S, r, r) that are positive semidefinite.

    `generators` (S, r, r) are unit vectors, one a row. Where rounding leaves open whether a leading
    eigenvector lies in a face, the eigenvalue is given: never too little.
    """
    r = generators.shape[1]
    at_rays = np.einsum("sgx,sxy,sgy->sg", generators, forms, generators)
    best = at_rays.max(axis=1)
    for i, j in combinations(range(r), 2):
        start, end = generators[:, i], generators[:, j]
        cosine = np.einsum("sr,sr->s", start, end)
        across = end - cosine[:, None] * start
        sine = np.linalg.norm(across, axis=1)
        across /= np.maximum(sine, 1e-300)[:, None]
        mixed = np.einsum("sx,sxy,sy->s", start, forms, across)
        second = np.einsum("sx,sxy,sy->s", across, forms, across)
        half = 0.5 * (at_rays[:, i] - second)
        top = 0.5 * np.arctan2(mixed, half)  # of the two directions of the maximum, the one in (-π/2, π/2]
        inside = np.where(top < 0, top + np.pi, top) <= np.arctan2(sine, cosine)
        best = np.where(inside, np.maximum(best, 0.5 * (at_rays[:, i] + second) + np.hypot(half, mixed)), best)
    for size in range(3, r + 1):
        for face in combinations(range(r), size):
            span, weights = np.linalg.qr(np.swapaxes(generators[:, face], 1, 2))
            values, vectors = np.linalg.eigh(np.swapaxes(span, 1, 2) @ forms @ span)
            weights[:, range(size), range(size)] += 1e-300 * (weights[:, range(size), range(size)] == 0)
            with np.errstate(over="ignore", invalid="ignore"):
                places = np.linalg.solve(weights, vectors[:, :, -1:])[:, :, 0]
                places /= np.abs(places).max(axis=1, keepdims=True)
                outside = (places < -1e-12).any(axis=1) & (places > 1e-12).any(axis=1)
            best = np.where(outside, best, np.maximum(best, values[:, -1]))
    return np.asarray(best)

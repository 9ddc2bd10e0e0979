"""Coordinates of simplicial cones in which a conic solver is at ease, and the cone program's arrays made of them.

A cone with the unit generators g_1, ..., g_r can be as thin as 1e-4, so that in their coordinates, and in those of the
space, everything of interest happens in the last digits. With q the normalized mean of the generators and U S Vᵀ a
singular value decomposition of what is left of them beside q, the vector is u = B y, B = [q, U S]: along q, and across
in units of the cone's own width. Then g = B N with N = [qᵀg; Vᵀ], which is well conditioned however thin the cone is,
and the cone is {B y : N⁻¹ y ≥ 0}. Plain NumPy: the functions stand word for word in generated code.
"""

from __future__ import annotations

import numpy as np


def cell_coordinates(generators: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """B (S, r, r), whose columns are the coordinate vectors of each cone, and T (S, r, r) with cones {B y : T y ≥ 0}.

    `generators` (S, r, r) are unit vectors, one a row. The rows of T have unit length; those of S are in the order of
    the generators, the face that does not hold generator i being {T_i y = 0}.
    """
    r = generators.shape[1]
    q = generators.sum(axis=1)
    q /= np.linalg.norm(q, axis=1)[:, None]
    along = np.einsum("sgr,sr->sg", generators, q)
    across = generators - along[:, :, None] * q[:, None, :]
    V, widths, U = np.linalg.svd(across)  # of the transpose: generators are rows here
    widths, U, V = widths[:, : r - 1], U[:, : r - 1], V[:, :, : r - 1]
    B = np.concatenate([q[:, :, None], np.swapaxes(widths[:, :, None] * U, 1, 2)], axis=2)
    N = np.concatenate([along[:, None, :], np.swapaxes(V, 1, 2)], axis=1)
    T = np.linalg.inv(N)
    return B, T / np.linalg.norm(T, axis=2)[:, :, None]


def cell_arrays(
    X: np.ndarray, Y: np.ndarray, basis: np.ndarray, generators: np.ndarray, masks: np.ndarray
) -> dict[str, np.ndarray]:
    """The arrays B, D, H, L and M of the cell program for samples X (n, d), targets Y (n, c), and cones of cells.

    A block holds the outputs' coordinates first, then the r of hidden weights. Blocks are in units of ‖Y‖ / ‖X‖, where
    they are of order one; B and H undo that.
    """
    coordinates, sides = cell_coordinates(generators)
    S, r, _ = generators.shape
    c = Y.shape[1]
    unit = float(np.linalg.norm(Y) or 1.0) / float(np.linalg.norm(X, 2) or 1.0)
    B = np.zeros((X.shape[1], S, c + r))
    B[:, :, c:] = unit * np.einsum("dr,sry->dsy", basis, coordinates)
    H = np.zeros((S, c + r, c + r))
    H[:, range(c), range(c)] = unit
    H[:, c:, c:] = unit * np.einsum("srx,sry->sxy", coordinates, coordinates)
    first, second = np.triu_indices(r, 1) if r > 1 else (np.zeros(1, int), np.zeros(1, int))
    L, M = np.zeros((2, S, len(first), c + r))
    L[:, :, c:], M[:, :, c:] = sides[:, first], sides[:, second]
    return {
        "B": B.reshape(len(B), -1),
        "D": np.repeat(masks, c + r, axis=1),
        "H": H.reshape(-1, c + r),
        "L": L.reshape(-1, c + r),
        "M": M.reshape(-1, c + r),
    }

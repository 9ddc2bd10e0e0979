"""From blocks of moments to neurons: nonnegative factors of the moments of hidden weights.

A block is a sum of [α; y][α; y]ᵀ over neurons of one cone, hidden weights B y and output weights α. In coordinates in
which the cone is the nonnegative orthant, the moments of hidden weights are a matrix with nonnegative eigenvalues and
entries; up to order 4 every such matrix is a sum of tᵢ tᵢᵀ with nonnegative tᵢ (Maxfield, Minc 1962). These are found
by elimination. Plain NumPy: the functions stand word for word in generated code.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np


def nonnegative_factor(A: np.ndarray) -> np.ndarray:
    """R ≥ 0 (r, k) with R Rᵀ = A, for A (r, r), r <= 4, that is positive semidefinite and entrywise nonnegative.

    An elimination with pivot i leaves A_jk − A_ij A_ik / A_ii. Of three pivots there is one that leaves nothing
    negative. Of four there need not be: then so much of it is eliminated that the first entry is 0, and what is left
    is a sum of two matrices of order 3. What violates the conditions, as rounding does, is cut off.
    """
    A = np.maximum(0.5 * (A + A.T), 0.0)
    sizes = np.sqrt(np.diag(A))
    A = np.minimum(A, np.outer(sizes, sizes))
    left = [int(i) for i in np.flatnonzero(sizes)]
    if not left:
        return np.zeros((len(A), 0))
    shares = {i: eliminated_share(A, i, [k for k in left if k != i]) for i in left}
    pivot = max(left, key=lambda i: (shares[i][0], A[i, i]))
    share, j, k = shares[pivot] if len(left) > 3 else (1.0, pivot, pivot)
    column = A[:, pivot] * np.sqrt(share / A[pivot, pivot])
    rest = np.maximum(A - np.outer(column, column), 0.0)
    if share == 1:
        rest[pivot] = rest[:, pivot] = 0.0
    parts = [rest] if share == 1 else parts_without(rest, j, k)
    return np.column_stack([column, *(nonnegative_factor(part) for part in parts)])


def eliminated_share(A: np.ndarray, pivot: int, others: list[int]) -> tuple[float, int, int]:
    """The greatest t <= 1 for which A − t a aᵀ / A_ii, a the column of pivot i, has nothing negative; its first 0."""
    found = (1.0, pivot, pivot)
    for j, k in combinations(others, 2):
        product = A[pivot, j] * A[pivot, k]
        share = A[j, k] * A[pivot, pivot]
        if share < product * found[0] * (1 - 1e-12):
            found = (float(share / product), j, k)
    return found


def parts_without(A: np.ndarray, j: int, k: int) -> list[np.ndarray]:
    """Two matrices with sum A, without k and without j, for A of order 4 with A_jk = 0; both as nonnegative as A is.

    With first and second what j and k alone make of the block pq of the others, what is left of it is positive
    semidefinite. If its entry pq is negative it is shared out so that neither part's is: in proportion to those of
    first and second, whose sum exceeds it.
    """
    others = [i for i in range(4) if i not in (j, k)]
    alone = []
    for i in (j, k):
        part = np.zeros((4, 4))
        part[i], part[:, i] = A[i], A[:, i]
        if A[i, i] > 0:
            part[np.ix_(others, others)] = np.outer(A[i, others], A[i, others]) / A[i, i]
        alone.append(part)
    p, q = others
    mixed = alone[0][p, q] + alone[1][p, q]
    share = alone[0][p, q] / mixed if mixed > 0 else 0.5
    left = A - alone[0] - alone[1]
    return [alone[0] + share * left, alone[1] + (1 - share) * left]


def cell_neurons(W: np.ndarray, sides: np.ndarray, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    """The neurons of a block W (c + r, c + r), outputs first: coordinates y (k, r) and output weights (k, c).

    `sides` (r, r) is the T of the cone {y : T y ≥ 0}. The sums of αyᵀ are kept as well as rounding allows, those of ααᵀ
    are as small as they can be.
    """
    hidden = sides @ W[outputs:, outputs:] @ sides.T
    R = nonnegative_factor(hidden)
    alpha = np.linalg.pinv(R, rcond=1e-7) @ sides @ W[outputs:, :outputs]
    return np.linalg.solve(sides, R).T, alpha


def loud_blocks(W: np.ndarray, share: float) -> np.ndarray:
    """The blocks of W (S, q, q) whose traces are more than this share of the largest."""
    sizes = np.trace(W, axis1=1, axis2=2)
    return np.flatnonzero(sizes > share * sizes.max(initial=0.0))

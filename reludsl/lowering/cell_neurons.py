"""From blocks of moments to neurons that several outputs share. Plain NumPy, for generated code as well."""

from __future__ import annotations

import numpy as np

from reludsl.cells.coordinates import cell_coordinates
from reludsl.cells.moments import cell_neurons, loud_blocks
from reludsl.lowering.pruning import contributions, independent_factors


def moment_neurons(
    W: np.ndarray, B: np.ndarray, generators: np.ndarray, share: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Hidden weights (d, k) and output weights (k, c) of blocks W (S (c + r), c + r), outputs first.

    Blocks that have at most this share of the largest trace are left out, as solver noise. `B` (d, S (c + r)) holds the
    coordinate vectors of the cones with these `generators` (S, r, r).
    """
    r, order = generators.shape[1], W.shape[1]
    blocks, vectors = W.reshape(-1, order, order), B.reshape(len(B), -1, order)[:, :, order - r :]
    sides = cell_coordinates(generators)[1]
    hidden, weights = [np.zeros((len(B), 0))], [np.zeros((0, order - r))]
    for k in loud_blocks(blocks, share):
        y, alpha = cell_neurons(blocks[k], sides[k], order - r)
        hidden.append(vectors[:, k] @ y.T)
        weights.append(alpha)
    return np.concatenate(hidden, axis=1), np.concatenate(weights)


def shared_neurons(X: np.ndarray, U: np.ndarray, alpha: np.ndarray, slope: float) -> tuple[np.ndarray, np.ndarray]:
    """Fewer neurons, hidden weights (d, m) and output weights (m, c), with the predictions of those given on X (n, d).

    Every neuron is balanced: both of its norms are the same. Those with one direction are one, as on a ray that cones
    share; and no more are needed than their contributions to all outputs have rank. The penalty does not grow; where
    rounding denies that, the neurons come back balanced only.
    """
    norms, sizes = np.linalg.norm(U, axis=0), np.linalg.norm(alpha, axis=1)
    kept = norms * sizes > 1e-13 * float((norms * sizes).max(initial=0.0))
    directions, alpha = U[:, kept] / norms[kept], alpha[kept] * norms[kept, None]
    first: list[int] = []
    merged = alpha.copy()
    for k in range(len(alpha)):
        apart = np.linalg.norm(directions[:, first] - directions[:, [k]], axis=0)
        if len(first) and apart.min() <= 1e-9:
            merged[first[int(apart.argmin())]] += alpha[k]
        else:
            first.append(k)
    found, merged = directions[:, first], merged[first]
    terms = contributions(X, found, slope)[:, None, :] * merged.T[None]
    factors = independent_factors(terms.reshape(len(X) * alpha.shape[1], len(first)), np.linalg.norm(merged, axis=1))
    found, merged = found[:, factors > 0], (merged * factors[:, None])[factors > 0]
    before, after = contributions(X, directions, slope) @ alpha, contributions(X, found, slope) @ merged
    close = np.abs(before - after).max(initial=0.0) <= 1e-8 * np.abs(before).max(initial=0.0)
    cheap = np.linalg.norm(merged, axis=1).sum() <= np.linalg.norm(alpha, axis=1).sum() * (1 + 1e-12)
    if not (close and cheap):
        found, merged = directions, alpha
    roots = np.sqrt(np.linalg.norm(merged, axis=1))
    roots = np.where(roots > 0, roots, 1.0)
    return found * roots, merged / roots[:, None]

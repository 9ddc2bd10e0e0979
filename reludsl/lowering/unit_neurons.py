"""Neurons of norm 1 from semidefinite matrices. Plain NumPy: these functions stand word for word in generated code.

A neuron u with output weight α and ‖u‖ = 1 is the matrix |α| p pᵀ, p = (u, 1). Every Z ⪰ 0 of order d + 1 with the
trace of its first d rows equal to its last diagonal entry is a sum of such matrices, as many as its rank (Sturm, Zhang
2003, "On cones of nonnegative quadratic functions", proposition 4; Bartan, Pilanci 2021, section 4).
"""

from __future__ import annotations

import numpy as np

from reludsl.lowering.pruning import independent_factors


def network_neurons(V: np.ndarray, W: np.ndarray, noise: float = 1e-7) -> tuple[np.ndarray, np.ndarray]:
    """The neurons (d, r) of norm 1 and output weights (r,) of matrices V, which adds to the output, and W.

    The matrices (d + 1, d + 1) may be off by a solver's errors: eigenvalues up to `noise` times the largest of both are
    left out.
    """
    factors = semidefinite_factors(V, W, noise)
    (up, added), (down, subtracted) = (unit_neurons(factor) for factor in factors)
    return np.concatenate([up, down], axis=1), np.concatenate([added, -subtracted])


def semidefinite_factors(V: np.ndarray, W: np.ndarray, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Factors F (d + 1, r) of matrices F Fᵀ near V and W with the trace of the first d rows equal to the last entry.

    Eigenvalues of at most `noise` times the largest of both become 0, none is negative, and the first d rows are
    scaled, so that the last entry, which is the l1 norm of output weights, stays.
    """
    spectra = [np.linalg.eigh((Z + Z.T) / 2) for Z in (V, W)]
    least = max(noise * max(float(values[-1]) for values, _ in spectra), 0.0)
    factors = []
    for values, vectors in spectra:
        kept = values > least
        F = vectors[:, kept] * np.sqrt(values[kept])
        inner, last = float(np.sum(F[:-1] ** 2)), float(np.sum(F[-1] ** 2))
        if inner > 0 and last > 0:
            F[:-1] *= np.sqrt(last / inner)
        else:  # no sum of neurons is near
            F = F[:, :0]
        factors.append(F)
    return factors[0], factors[1]


def unit_neurons(F: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """U (d, r) of norm 1 and weights (r,) above 0 with F Fᵀ = Σ_j weights_j (u_j, 1)(u_j, 1)ᵀ, up to rounding.

    F (d + 1, r) is what `semidefinite_factors` gives. A rotation of two columns does not change F Fᵀ. Of two columns
    p = (v, s) of which one has ‖v‖ > |s| and the other ‖v‖ < |s|, one rotation makes ‖v‖ = |s| for one of them; since
    the differences ‖v‖² − s² add up to 0, at most r − 1 rotations do so for all.
    """
    P = F.copy()
    excess = np.sum(P[:-1] ** 2, axis=0) - P[-1] ** 2
    for _ in range(P.shape[1] - 1):
        i, j = int(excess.argmax()), int(excess.argmin())
        high, low = float(excess[i]), float(excess[j])
        if high <= 0 or low >= 0:
            break  # all are 0, up to rounding
        mixed = float(P[:-1, i] @ P[:-1, j] - P[-1, i] * P[-1, j])
        # The root t of low t² + 2 mixed t + high that is smaller, in the form without cancellation.
        root = np.sqrt(mixed**2 - low * high)
        t = -high / (mixed + (root if mixed >= 0 else -root))
        cosine = 1.0 / np.sqrt(1.0 + t**2)
        P[:, [i, j]] = P[:, [i, j]] @ (cosine * np.array([[1.0, -t], [t, 1.0]]))
        excess[i], excess[j] = 0.0, high + low
    norms = np.linalg.norm(P[:-1], axis=0)
    real = (norms > 0) & (P[-1] != 0)
    return P[:-1, real] / norms[real] * np.sign(P[-1, real]), P[-1, real] ** 2


def needed_neurons(
    X: np.ndarray, U: np.ndarray, alpha: np.ndarray, coefficients: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Neurons and output weights without those that the others can replace on samples X (n, d): at most n are left.

    Predictions on X change by at most 1e-9 of the largest, and the l1 norm of the output weights does not grow beyond
    rounding; where that is denied, all come back as they were.
    """
    a, b, c = coefficients
    T = X @ U
    terms = ((a * T + b) * T + c) * alpha
    costs = np.abs(alpha)
    factors = independent_factors(terms, costs)
    change = np.abs(terms @ factors - terms.sum(axis=1)).max(initial=0.0)
    largest = np.abs(terms.sum(axis=1)).max(initial=0.0)
    rounding = 1e-13 * np.abs(terms).sum(axis=1).max(initial=0.0)  # what is left where everything cancels
    if change > max(1e-9 * largest, rounding) or costs @ factors > costs.sum() * (1 + 1e-12):
        return U, alpha
    kept = factors > 0
    return U[:, kept], (alpha * factors)[kept]

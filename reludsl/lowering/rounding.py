"""From the moments of a relaxation to a network: neurons near the moments, then descent on the training objective.

Moments Z = Σ WWᵀ, W the coordinates of outputs and hidden weights, need not be those of neurons. With normal G the
columns of WG/√m have the moments Z on average; ±W/√2 has them at once, with one neuron for each eigenvector and sign.
Three-operator splitting (Davis, Yin 2017; for this purpose Prakhya, Birdal, Yurtsever 2025) goes on from WG/√m towards
neurons whose own moments are near Z. Each is a start for descent, which ends no higher than it began; the network is
compared with the one without hidden neurons. Plain NumPy and SciPy: the functions stand word for word in generated
code.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from reludsl.ir.pattern_problem import PatternProblem
from reludsl.lowering.cell_neurons import shared_neurons


def rounded_neurons(
    X: np.ndarray,
    problem: PatternProblem,
    slope: float,
    B: np.ndarray,
    sizes: Sequence[np.ndarray],
    moments: Sequence[np.ndarray],
    rounding: str,
    neurons: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hidden weights (d, m), output weights (m, c) and biases (c,) with a low L + group/2 (‖U‖² + ‖α‖²).

    The samples are X (n, d); the problem tells losses, strengths and whether there are output biases, which are zeros
    otherwise. `moments` are symmetric matrices (c + r, c + r), outputs first; B (d, c + r) takes coordinates to hidden
    weights, `sizes` (n, c + r) take those of each matrix to the sizes of projections. `rounding` is "gaussian" or
    "three_operator", with as many `neurons`, or "eigenvectors".
    """
    outputs = problem.Y.shape[1]
    found = []
    for N, Z in zip(sizes, moments, strict=True):
        values, vectors = np.linalg.eigh(0.5 * (Z + Z.T))
        kept = values > 1e-9 * max(float(values.max(initial=0.0)), 0.0)
        factor = vectors[:, kept] * np.sqrt(values[kept])
        found.append(np.concatenate([factor[:outputs], B @ factor, N @ factor]))
    W = np.concatenate(found, axis=1)
    if rounding == "eigenvectors":
        W = np.concatenate([W, -W], axis=1) / np.sqrt(2)
    else:
        start = W @ np.random.default_rng(seed).standard_normal((W.shape[1], neurons)) / np.sqrt(neurons)
        W = start if rounding == "gaussian" else three_operator_neurons(X, W, start, outputs)
    V, U = W[:outputs], W[outputs : outputs + X.shape[1]]
    U, alpha, offset = descended(X, problem, slope, U, V.T)
    U, alpha = shared_neurons(X, U, alpha, slope)
    nothing = descended(X, problem, slope, U[:, :0], alpha[:0])
    zero, value = (network_value(X, problem, slope, *one)[0] for one in (nothing, (U, alpha, offset)))
    return nothing if zero <= value else (U, alpha, offset)


def three_operator_neurons(
    X: np.ndarray, W: np.ndarray, start: np.ndarray, outputs: int, iterations: int = 200
) -> np.ndarray:
    """Neurons (c + d, m), outputs first, whose moments are near those of W (c + d + n, p), from `start` (c + d + n, m).

    The last rows are sizes |Xu|. In a, b, u and v with a + b = |Xu| the function ¼‖WWᵀ − ZZᵀ‖² is made small over
    {a − b = Xu} and over {a, b ≥ 0, aᵢbᵢ = 0}, which is not convex: a heuristic, of a fixed number of steps.
    """
    d = X.shape[1]
    left, sizes, _ = np.linalg.svd(X, full_matrices=False)

    def parts(columns: np.ndarray) -> np.ndarray:
        """[v; u; a; b] of [v; u; |Xu|]."""
        projections, lengths = X @ columns[outputs : outputs + d], columns[outputs + d :]
        both = 0.5 * (lengths + projections), 0.5 * (lengths - projections)
        return np.concatenate([columns[: outputs + d], *both])

    target, moved = parts(W), parts(start)
    step = 0.5 / max(float(np.linalg.norm(target, 2)) ** 2, 1e-300)
    n, hidden = len(X), slice(outputs, outputs + d)
    a, b = slice(outputs + d, outputs + d + n), slice(outputs + d + n, None)
    chosen = moved
    for _ in range(iterations):
        linear = moved.copy()
        off = X @ linear[hidden] - linear[a] + linear[b]
        along = left.T @ off  # (XXᵀ + 2)⁻¹ of it, by the singular values of X
        off = 0.5 * (off - left @ ((sizes**2 / (sizes**2 + 2.0))[:, None] * along))
        linear[hidden] -= X.T @ off
        linear[a] += off
        linear[b] -= off
        gradient = linear @ (linear.T @ linear) - target @ (target.T @ linear)
        chosen = 2.0 * linear - moved - step * gradient
        positive, negative = np.maximum(chosen[a], 0.0), np.maximum(chosen[b], 0.0)
        ahead = positive >= negative
        chosen[a], chosen[b] = np.where(ahead, positive, 0.0), np.where(ahead, 0.0, negative)
        moved = moved + chosen - linear
    found = chosen[: outputs + d]
    return found if np.isfinite(found).all() else start[: outputs + d]


def network_value(
    X: np.ndarray, problem: PatternProblem, slope: float, U: np.ndarray, alpha: np.ndarray, offset: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """The objective of hidden weights U (d, m), output weights alpha (m, c), biases (c,), and a gradient in each."""
    t = X @ U
    slopes = np.where(t > 0, 1.0, slope)
    hidden = slopes * t
    F = hidden @ alpha + offset
    gamma, ridge = problem.group, problem.offset_l2
    value = problem.loss_value(F) + 0.5 * gamma * float((U**2).sum() + (alpha**2).sum())
    value += 0.5 * ridge * float((offset**2).sum())
    steep = problem.loss_gradient(F)
    by_offset = steep.sum(axis=0) + ridge * offset if problem.offset else np.zeros_like(offset)
    return value, X.T @ ((steep @ alpha.T) * slopes) + gamma * U, hidden.T @ steep + gamma * alpha, by_offset


def descended(
    X: np.ndarray, problem: PatternProblem, slope: float, U: np.ndarray, alpha: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Neurons and output biases of an objective that is no higher than without biases, by L-BFGS on the network itself.

    It begins anew where it ends, as at a kink, as long as that helps.
    """
    d, m = U.shape
    ends = d * m, d * m + alpha.size

    def parts(point: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        hidden, weights, offset = np.split(point, ends)
        return hidden.reshape(d, m), weights.reshape(alpha.shape), offset

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        value, *gradients = network_value(X, problem, slope, *parts(point))
        return value, np.concatenate([gradient.ravel() for gradient in gradients])

    best = np.concatenate([U.ravel(), alpha.ravel(), np.zeros(problem.Y.shape[1])])
    least = objective(best)[0]
    if not (U.size or problem.offset):
        return parts(best)
    options = {"maxiter": 3000, "maxfun": 6000, "maxcor": 20, "ftol": 1e-12, "gtol": 1e-8}
    for _ in range(10):
        found = minimize(objective, best, jac=True, method="L-BFGS-B", options=options)
        if not found.fun < least:
            break
        enough = found.fun > least - 1e-7 * abs(least)
        best, least = found.x, float(found.fun)
        if enough or problem.loss.smooth:
            break
    return parts(best)

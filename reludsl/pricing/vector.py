"""Neurons that several outputs share, priced: local maxima of ‖Zᵀσ(Xu)‖ over unit vectors u.

At a dual point Z (n, c) a neuron u brings ‖Zᵀσ(Xu)‖ for each unit of output weight, which costs β. The price g is
convex in u on every cell of the samples' hyperplanes, so a step to the gradient, u ← Xᵀ(Γ ∘ Zv), v = Zᵀσ(Xu)/g(u), Γ
the gates at u, can only raise it as long as it stays in the cell: a power method, for many starts at once by matrix
products. Across cells the price is a difference of convex functions, whose maxima often lie on hyperplanes. There it is
raised by great circles. On the circle through u and p the price is a sinusoid between the angles where samples change
sides, so its maximum is found exactly, by sorting the angles. Circles are tried towards the gradient and the leading
singular vector of the face that u is in, and off every hyperplane that u lies on. Where no circle helps, u is a local
maximum along all edges and in its face. With two inputs one circle is the whole space, and the maximum is global.

A local search proves nothing about the global maximum. Plain NumPy: these functions stand word for word in scripts.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import qr


def gates_at(T: np.ndarray, slope: float) -> np.ndarray:
    """The slopes of σ at T: 1 above 0, `slope` elsewhere."""
    return np.where(T > 0, 1.0, slope)


def vector_prices(X: np.ndarray, Z: np.ndarray, slope: float, U: np.ndarray) -> np.ndarray:
    """‖Zᵀσ(Xu)‖ (k,) for the columns u of U (d, k), samples X (n, d) and a dual point Z (n, c)."""
    T = X @ U
    return np.asarray(np.linalg.norm(Z.T @ (gates_at(T, slope) * T), axis=0))


def best_directions(
    X: np.ndarray,
    Z: np.ndarray,
    slope: float,
    given: np.ndarray,
    starts: int,
    generator: np.random.Generator,
    most: int = 20,
) -> tuple[np.ndarray, np.ndarray]:
    """Distinct unit vectors (d, k) that are local maxima of the price, or on the way to one, and prices, dearest first.

    The search begins at `given` (d, j), at `starts` random directions, and at the leading ones of XᵀZ, both ways. The
    `most` dearest points of the power method are raised further by great circles.
    """
    d = X.shape[1]
    leading = np.linalg.svd(X.T @ Z, full_matrices=False)[0]
    U = np.concatenate([given, generator.standard_normal((d, starts)), leading, -leading], axis=1)
    lengths = np.linalg.norm(U, axis=0)
    U = power_steps(X, Z, slope, U[:, lengths > 0] / lengths[lengths > 0])
    U = distinct(U, vector_prices(X, Z, slope, U))
    U = np.concatenate([raised(X, Z, slope, U[:, :most]), U], axis=1)
    prices = vector_prices(X, Z, slope, U)
    U = distinct(U, prices)
    return U, vector_prices(X, Z, slope, U)


def distinct(U: np.ndarray, values: np.ndarray, apart: float = 1e-6) -> np.ndarray:
    """The columns of U in the order of falling values, without those that nearly equal an earlier one."""
    U = U[:, np.argsort(-values, kind="stable")]
    cosines = U.T @ U
    near = np.triu(cosines >= 1.0 - 0.5 * apart**2, 1).any(axis=0)
    return np.asarray(U[:, ~near])


def power_steps(X: np.ndarray, Z: np.ndarray, slope: float, U: np.ndarray, rounds: int = 30) -> np.ndarray:
    """Unit vectors (d, k) after steps to the gradient; one that would lower the price is shortened."""
    T = X @ U
    length = np.ones(U.shape[1])
    H = gates_at(T, slope) * T
    V = Z.T @ H
    prices = np.linalg.norm(V, axis=0)
    for _ in range(rounds):
        G = X.T @ (gates_at(T, slope) * (Z @ (V / np.where(prices > 0, prices, 1.0))))
        norms = np.linalg.norm(G, axis=0)
        trial = U + length * (G / np.where(norms > 0, norms, 1.0) - U)
        sizes = np.linalg.norm(trial, axis=0)
        trial /= np.where(sizes > 0, sizes, 1.0)
        T_trial = X @ trial
        V_trial = Z.T @ (gates_at(T_trial, slope) * T_trial)
        reached = np.linalg.norm(V_trial, axis=0)
        better = reached > prices
        if not (reached > prices * (1 + 1e-12)).any() and (length < 1e-3).all():
            break
        U, T, V = (np.where(better, new, old) for new, old in ((trial, U), (T_trial, T), (V_trial, V)))
        prices = np.where(better, reached, prices)
        length = np.where(better, np.minimum(2.0 * length, 1.0), 0.25 * length)
    return U


def raised(X: np.ndarray, Z: np.ndarray, slope: float, U: np.ndarray, rounds: int = 50) -> np.ndarray:
    """Unit vectors (d, k), each moved along great circles until none of those that are tried raises its price."""
    U = U.copy()
    prices = vector_prices(X, Z, slope, U)
    live = np.arange(U.shape[1])
    for _ in range(rounds):
        ways = [circles(X, Z, slope, U[:, j]) for j in live]
        owners = np.repeat(live, [way.shape[1] for way in ways])
        if not len(owners):
            break
        P = np.concatenate(ways, axis=1)
        angles = np.concatenate(
            [
                best_angles(X @ U[:, owners[part]], X @ P[:, part], Z, slope)
                for part in np.array_split(np.arange(len(owners)), -(-len(owners) * Z.size // 200_000))
            ]
        )
        trials = np.cos(angles) * U[:, owners] + np.sin(angles) * P
        trials /= np.linalg.norm(trials, axis=0)
        reached = vector_prices(X, Z, slope, trials)
        moved = []
        for j in live:
            mine = np.flatnonzero(owners == j)
            if not len(mine):
                continue
            best = mine[reached[mine].argmax()]
            if reached[best] > prices[j] * (1 + 1e-12):
                U[:, j], prices[j] = trials[:, best], reached[best]
                moved.append(j)
        live = np.array(moved, dtype=int)
        if not len(live):
            break
    return U


def circles(X: np.ndarray, Z: np.ndarray, slope: float, u: np.ndarray, near: float = 1e-10) -> np.ndarray:
    """Unit vectors (d, k) orthogonal to u: with u they span the great circles along which its price may rise.

    Towards the gradient, and towards the leading singular vector, of the face of hyperplanes that u is in; and for each
    of these hyperplanes, off it and along the others. u lies on those with |xᵀu| up to `near` ‖x‖.
    """
    lengths = np.linalg.norm(X, axis=1)
    t = X @ u
    touched = np.flatnonzero((np.abs(t) <= near * lengths) & (lengths > 0))
    N = (X[touched] / lengths[touched, None]).T
    off = np.zeros((len(u), 0))
    face = np.eye(len(u))
    if len(touched):
        Q, R, order = qr(N, mode="economic", pivoting=True)
        rank = int((np.abs(np.diag(R)) > 1e-8).sum())
        Q, independent = Q[:, :rank], N[:, order[:rank]]
        off = Q @ np.linalg.inv(independent.T @ Q)  # each leaves one hyperplane and stays on the others
        face = face - Q @ Q.T
    M = X.T @ (gates_at(t, slope)[:, None] * Z)
    inner = face @ M
    value = u @ M
    ways = [inner @ value, np.linalg.svd(inner, full_matrices=False)[0][:, 0], *off.T]
    P = np.array(ways).T
    sizes = np.linalg.norm(P, axis=0)
    P = P[:, sizes > 0] / sizes[sizes > 0]
    P -= u[:, None] * (u @ P)
    sizes = np.linalg.norm(P, axis=0)
    P = P[:, sizes > 1e-9] / sizes[sizes > 1e-9]
    return np.asarray(P - u[:, None] * (u @ P))


def best_angles(T0: np.ndarray, T1: np.ndarray, Z: np.ndarray, slope: float) -> np.ndarray:
    """The angles θ (k,) that maximize ‖Zᵀσ(T0 cos θ + T1 sin θ)‖, column by column of T0 and T1 (n, k).

    A sample is above 0 on the half circle around its own angle. Between the ends of these the vector is A cos θ +
    B sin θ, and the square of its norm a quadratic form in (cos θ, sin θ), whose maximum is at an end or where the form
    has its leading eigenvector.
    """
    n, k = T0.shape
    own = np.arctan2(T1, T0)
    rises, falls = wrapped(own - 0.5 * np.pi), wrapped(own + 0.5 * np.pi)
    above = rises > falls  # at θ = -π
    ends = np.concatenate([rises, falls])
    order = np.argsort(ends, axis=0)
    ends = np.take_along_axis(ends, order, axis=0)
    rows, columns = order % n, np.arange(k)
    signs = np.where(order < n, 1.0 - slope, slope - 1.0)
    sides = np.where(above, 1.0, slope)
    parts = []
    for T in (T0, T1):
        first = (sides * T).T @ Z  # (k, c)
        steps = (signs * T[rows, columns])[:, :, None] * Z[rows]
        parts.append(np.concatenate([first[None], first + np.cumsum(steps, axis=0)]))
    A, B = parts
    aa, ab, bb = (np.einsum("akc,akc->ak", x, y) for x, y in ((A, A), (A, B), (B, B)))
    low = np.concatenate([np.full((1, k), -np.pi), ends])
    high = np.concatenate([ends, np.full((1, k), np.pi)])
    cosine, sine = np.cos(low), np.sin(low)
    at_ends = aa * cosine**2 + 2.0 * ab * cosine * sine + bb * sine**2
    half = 0.5 * (aa - bb)
    top = low + np.mod(0.5 * np.arctan2(ab, half) - low, np.pi)
    at_top = np.where(top <= high, 0.5 * (aa + bb) + np.hypot(half, ab), -1.0)
    values = np.concatenate([at_ends, at_top])
    angles = np.concatenate([low, top])
    return np.asarray(angles[values.argmax(axis=0), columns])


def wrapped(angles: np.ndarray) -> np.ndarray:
    """Angles in [-π, π)."""
    return np.asarray(np.mod(angles + np.pi, 2.0 * np.pi) - np.pi)

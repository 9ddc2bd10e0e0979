"""Robust cones: the weights with which a neuron keeps its pattern on whole sets around the samples.

Sample k may move within a set around x_k with support function h_k, symmetric around 0. The robust cone of a pattern
with the sides e_k = ±1 is {u : e_k x_kᵀu >= h_k(u) for all k}. The pattern survives when some u is strictly inside.

A sample whose row is 0 has no side. If its set is not {0}, u has to vanish where the set extends, and survival is
decided among the other features. All functions are plain NumPy, so that they can stand word for word in generated code.
Masks are boolean (n, P), one pattern a column; directions are (d, P), of norm 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Reach:
    """How far each sample may move: a box of half-widths (n, d), or (1, d) for all samples; a ball of radii (d,),
    {δ : ‖δ / radii‖ <= 1} in the norm of an order, 1 or 2; their intersection, where both are there; or not at all.

    For an intersection the smaller of both support functions is taken, an upper bound of its own. A feature that never
    moves, such as the bias, has half-width and radius 0.
    """

    half_widths: np.ndarray | None = None
    radii: np.ndarray | None = None
    order: int = 2

    def of(self, U: np.ndarray) -> np.ndarray:
        """The support functions at directions (d, P): (n, P), or (1, P) where they are the same for all samples."""
        bounds = np.full((1, U.shape[1]), 0.0 if self.half_widths is None and self.radii is None else np.inf)
        if self.radii is not None:
            stretched = self.radii[:, None] * U
            bounds[0] = np.abs(stretched).max(axis=0) if self.order == 1 else np.linalg.norm(stretched, axis=0)
        if self.half_widths is not None:
            bounds = np.minimum(bounds, self.half_widths @ np.abs(U))
        return bounds

    def parts(self) -> list[Reach]:
        """The box and the ball by themselves: their support functions are convex, the smaller of both is not."""
        if self.half_widths is None or self.radii is None:
            return [self]
        return [Reach(self.half_widths), Reach(None, self.radii, self.order)]

    def extents(self, n: int, d: int) -> np.ndarray:
        """How far each feature of each sample reaches, (n, d), of a single part."""
        if self.half_widths is not None:
            return np.broadcast_to(self.half_widths, (n, d))
        return np.broadcast_to(np.zeros(d) if self.radii is None else self.radii, (n, d))

    def within(self, samples: np.ndarray, features: np.ndarray) -> Reach:
        """The reach of some of the samples along some of the features."""
        half_widths = self.half_widths
        if half_widths is not None:
            half_widths = (half_widths if len(half_widths) == 1 else half_widths[samples])[:, features]
        return Reach(half_widths, None if self.radii is None else self.radii[features], self.order)

    def scaled(self, divisor: np.ndarray) -> Reach:
        """The reach of samples x / divisor (d,), with one row of half-widths where all are the same."""
        half_widths = self.half_widths
        if half_widths is not None:
            same = len(half_widths) > 1 and bool((half_widths == half_widths[0]).all())
            half_widths = (half_widths[:1] if same else half_widths) / divisor
        return Reach(half_widths, None if self.radii is None else self.radii / divisor, self.order)

    def farthest(self, samples: np.ndarray, U: np.ndarray) -> np.ndarray:
        """For each of some samples and its direction, a row of U (B, d), a move (B, d) that attains the support
        function of a single part."""
        if self.half_widths is not None:
            corners: np.ndarray = self.half_widths[samples if len(self.half_widths) > 1 else samples * 0] * np.sign(U)
            return corners
        if self.radii is None:
            return np.zeros_like(U)
        stretched = self.radii * U
        if self.order == 1:
            moves, rows, axes = np.zeros_like(U), np.arange(len(U)), np.abs(stretched).argmax(axis=1)
            moves[rows, axes] = self.radii[axes] * np.sign(U[rows, axes])
            return moves
        norms = np.linalg.norm(stretched, axis=1, keepdims=True)
        touching: np.ndarray = self.radii * stretched / np.where(norms > 0, norms, 1.0)
        return touching

    def gradient(self, U: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The gradient (d, P) of Σ_k weights_kp h_k at each direction (d, P), for weights (n, P)."""
        at_ball: np.ndarray = weights
        total = np.zeros_like(U)
        if self.half_widths is not None:
            at_box = weights
            if self.radii is not None:
                at_box = weights * (self.half_widths @ np.abs(U) <= Reach(None, self.radii, self.order).of(U))
                at_ball = weights - at_box
            one = len(self.half_widths) == 1
            total += self.half_widths.T @ (at_box.sum(axis=0, keepdims=True) if one else at_box) * np.sign(U)
        if self.radii is not None:
            ball = Reach(None, self.radii, self.order)
            total += ball.farthest(np.zeros(U.shape[1], dtype=int), U.T).T * at_ball.sum(axis=0)
        return total


def inside(X: np.ndarray, directions: np.ndarray, reach: Reach) -> np.ndarray:
    """Which directions (d, P) keep every sample strictly on its side, |x_kᵀu| > h_k(u), but for zero products of sets
    that are {0} along u."""
    products, widths = np.abs(X @ directions), reach.of(directions)
    sided = products > widths + 1e-12 * np.linalg.norm(X, axis=1)[:, None] * np.linalg.norm(directions, axis=0)
    nothing = ((X != 0).astype(float) @ (directions != 0) == 0) & (widths == 0)
    kept: np.ndarray = (sided | nothing).all(axis=0) & directions.any(axis=0)
    return kept


def open_features(X: np.ndarray, reach: Reach) -> tuple[np.ndarray, np.ndarray]:
    """The features (d,) in which a direction inside a robust cone may be other than 0, and the samples (n,) that have a
    side there. Zero samples that move along a feature close it, which may leave other samples with nothing."""
    extents = reach.extents(*X.shape)
    features = np.ones(X.shape[1], dtype=bool)
    while True:
        sided = (X[:, features] != 0).any(axis=1)
        closed = features & (extents[~sided] > 0).any(axis=0)
        if not closed.any():
            return features, sided
        features &= ~closed


def surviving(X: np.ndarray, masks: np.ndarray, reach: Reach) -> tuple[np.ndarray, np.ndarray]:
    """Which patterns (n, P) of X (n, d) survive, and directions (d, P) strictly inside their cones, 0 for the others.

    For a box or a ball this is decided exactly, up to cones that leave no sample more than 1e-9 of room, relative to
    its norm and reach; the direction leaves the sample with least room at least 0.98 of what is possible. For an
    intersection a pattern survives here if it survives in the box or in the ball, which is sufficient.
    """
    alive, directions = np.zeros(masks.shape[1], dtype=bool), np.zeros((X.shape[1], masks.shape[1]))
    for part in reach.scaled(np.ones(X.shape[1])).parts():
        features, sided = open_features(X, part)
        undecided = np.flatnonzero(~alive)
        if not features.any() or not len(undecided):
            continue
        if not sided.any():
            directions[np.flatnonzero(features)[0], undecided] = alive[undecided] = True
            continue
        signs = np.where(masks[np.ix_(sided, undecided)], 1.0, -1.0)
        found = nearest_points(X[np.ix_(sided, features)], signs, part.within(sided, features))
        directions[np.ix_(features, undecided)] = found
        alive[undecided] = found.any(axis=0)
    return alive, directions


def farthest_inside(
    X: np.ndarray, masks: np.ndarray, reach: Reach, columns: np.ndarray, enough: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """For each pattern (n, P) a direction u (d, P) of its robust cone that goes far along its column c of `columns`
    (d, P), and the value cᵀu (P,), at least 0.999 of the largest there is; 0 for both where no direction has more than
    0, or more than `enough`, or where the pattern does not survive.

    Exact for a box or a ball; for an intersection it is the better one of both, a lower bound.
    """
    values, directions = np.zeros(masks.shape[1]), np.zeros((X.shape[1], masks.shape[1]))
    for part in reach.scaled(np.ones(X.shape[1])).parts():
        features, sided = open_features(X, part)
        if not features.any() or not masks.shape[1]:
            continue
        C = columns[features]
        if sided.any():
            signs = np.where(masks[sided], 1.0, -1.0)
            data, near = X[np.ix_(sided, features)], part.within(sided, features)
            found = projections(data, signs, near, C, nearest_points(data, signs, near), enough)
        else:
            found = C / np.maximum(np.linalg.norm(C, axis=0), 1e-300)
        along = (C * found).sum(axis=0)
        better = np.flatnonzero(along > np.maximum(values, enough))
        values[better] = along[better]
        directions[:, better] = 0.0
        directions[np.ix_(features, better)] = found[:, better]
    return values, directions


def nearest_points(X: np.ndarray, signs: np.ndarray, reach: Reach) -> np.ndarray:
    """For each column of signs (n, P) a unit direction (d, P) with e_k x_kᵀu > h_k(u) for all k; 0 where there is none.

    With a running over e_k (x_k + δ) for all samples and moves, scaled to norms of at most 1, the largest margin
    min aᵀu of a direction of norm 1 is the distance of the convex hull of these points from 0, attained at its nearest
    point. Wolfe (1976) finds it: a corral of affinely independent points, the nearest point of their hull, and the
    sample and move that are worst for this point join until they are no worse; all columns advance together. The norm
    of any point of the hull bounds the margin from above. No row of X is 0 together with its set.
    """
    n, d = X.shape
    sizes = np.linalg.norm(X, axis=1) + np.linalg.norm(reach.extents(n, d), axis=1)
    unit = X / sizes[:, None]
    columns = signs.shape[1]
    corral, weights = np.zeros((columns, d + 2, d)), np.zeros((columns, d + 2))
    best, best_margins = np.zeros((columns, d)), np.zeros(columns)
    points = (unit.T @ signs).T / n
    norms = np.full(columns, np.inf)  # of the points that are in the hull
    active = np.arange(columns)
    for _ in range(100 * (d + 2)):
        U = points[active]
        products = signs[:, active] * (unit @ U.T) - reach.of(U.T) / sizes[:, None]
        worst = products.argmin(axis=0)
        values, lengths = products[worst, np.arange(len(active))], np.linalg.norm(U, axis=1)
        relative = values / np.where(lengths > 0, lengths, 1.0)
        better = relative > np.maximum(best_margins[active], 1e-9)
        best_margins[active[better]], best[active[better]] = relative[better], U[better]
        entering = signs[worst, active][:, None] * unit[worst] - reach.farthest(worst, U) / sizes[worst, None]
        going = (best_margins[active] < 0.98 * norms[active]) & (norms[active] > 1e-9)
        active, entering = active[going], entering[going]
        if not len(active):
            break
        slots = (weights[active] == 0).argmax(axis=1)
        corral[active, slots] = entering
        used = weights[active] > 0
        used[np.arange(len(active)), slots] = True
        weights[active] = corral_weights(corral[active], weights[active], used)
        points[active] = np.einsum("pk,pkd->pd", weights[active], corral[active])
        lengths = np.linalg.norm(points[active], axis=1)
        stuck = lengths >= norms[active]  # by rounding: the point is as near as it gets
        norms[active] = lengths
        active = active[~stuck]
    lengths = np.linalg.norm(best, axis=1, keepdims=True)
    return (best / np.where(lengths > 0, lengths, 1.0)).T


def projections(
    X: np.ndarray, signs: np.ndarray, reach: Reach, columns: np.ndarray, interiors: np.ndarray, enough: float
) -> np.ndarray:
    """Unit directions (d, P) of robust cones with the largest products with the columns (d, P), up to 0.001 of them.

    They are the projections of the columns onto the cones: c + Aᵀλ with λ >= 0 of least norm, A with the rows
    e_k (x_k + δ) for all samples and moves, found as in `nearest_points`. The norm bounds the product from above for
    every λ >= 0; going into the cone along its interior direction (d, P) until it is reached gives a bound from below.
    Zero where there is no interior direction and where the product is at most `enough`.
    """
    n, d = X.shape
    sizes = np.linalg.norm(X, axis=1) + np.linalg.norm(reach.extents(n, d), axis=1)
    unit = X / sizes[:, None]
    room = (signs * (unit @ interiors) - reach.of(interiors) / sizes[:, None]).min(axis=0)
    P = signs.shape[1]
    corral, weights = np.zeros((P, d + 2, d)), np.zeros((P, d + 2))
    best, best_values = np.zeros((P, d)), np.maximum(enough, 1e-9 * np.linalg.norm(columns, axis=0))
    points, norms = columns.T.copy(), np.full(P, np.inf)
    active = np.flatnonzero((room > 0) & columns.any(axis=0))
    for _ in range(100 * (d + 2)):
        U = points[active]
        lengths = np.linalg.norm(U, axis=1)
        moving = (lengths > best_values[active] * 1.001) & (lengths < norms[active])
        active, U, lengths = active[moving], U[moving], lengths[moving]
        if not len(active):
            break
        norms[active] = lengths
        products = signs[:, active] * (unit @ U.T) - reach.of(U.T) / sizes[:, None]
        worst = products.argmin(axis=0)
        outside = np.maximum(-products[worst, np.arange(len(active))], 0.0) * (1 + 1e-9)
        reached = U + (outside / room[active])[:, None] * interiors.T[active]
        reached /= np.linalg.norm(reached, axis=1, keepdims=True)
        values = (reached * columns.T[active]).sum(axis=1)
        better = values > best_values[active]
        best_values[active[better]], best[active[better]] = values[better], reached[better]
        entering = signs[worst, active][:, None] * unit[worst] - reach.farthest(worst, U) / sizes[worst, None]
        going = (best_values[active] * 1.001 < lengths) & (outside > 0)
        active, entering = active[going], entering[going]
        slots = (weights[active] == 0).argmax(axis=1)
        corral[active, slots] = entering
        used = weights[active] > 0
        used[np.arange(len(active)), slots] = True
        weights[active] = corral_weights(corral[active], weights[active], used, columns.T[active])
        points[active] = columns.T[active] + np.einsum("pk,pkd->pd", weights[active], corral[active])
    return best.T


def corral_weights(
    corral: np.ndarray, weights: np.ndarray, used: np.ndarray, columns: np.ndarray | None = None
) -> np.ndarray:
    """Weights (P, K) >= 0 on some points of each corral (P, K, d), from weights on `used` points (P, K) on, so that
    the combination is nearest to 0 among all of sum 1; with columns (P, d), of any sum, so that it is nearest to minus
    the column. A point whose weight would become negative on the way leaves: its weight is 0.
    """
    weights, used = weights.copy(), used.copy()
    if columns is None:
        first = ~weights.any(axis=1)
        weights[first] = used[first]
    width = int(np.flatnonzero(used.any(axis=0)).max(initial=-1)) + 1  # free places are filled from the left
    all_weights, weights, used, corral = weights, weights[:, :width], used[:, :width], corral[:, :width]
    diagonal = np.arange(width)
    left = np.arange(len(corral))
    while len(left):
        here = used[left]
        A = np.where(here[:, :, None], corral[left], 0.0)
        system = A @ A.transpose(0, 2, 1)
        if columns is None:
            system += here[:, :, None] * here[:, None, :]
            right = here[:, :, None].astype(float)
        else:
            right = -A @ columns[left, :, None]
        system[:, diagonal, diagonal] += np.where(here, 1e-15, 1.0)
        wanted = np.linalg.solve(system, right)[:, :, 0]
        if columns is None:
            wanted /= wanted.sum(axis=1, keepdims=True)
        negative = here & (wanted <= 1e-13)
        ends = ~negative.any(axis=1)
        weights[left[ends]] = np.where(here[ends], wanted[ends], 0.0)
        left, wanted, negative = left[~ends], wanted[~ends], negative[~ends]
        old = weights[left]
        ratios = np.where(negative, old / np.maximum(old - wanted, 1e-300), np.inf)
        step = ratios.min(axis=1, keepdims=True)
        new = np.maximum(old + np.minimum(step, 1.0) * (wanted - old), 0.0)
        leaving = negative & (ratios <= step * (1 + 1e-12))
        new[leaving] = 0.0
        weights[left] = new
        used[left] &= ~leaving
    return all_weights

"""Neurons that bring much, by local search: max over ‖u‖ ≤ 1 of zᵀσ(Xu), σ(t) = t for t > 0 and slope · t below.

The function is not concave, so a search of many starts finds neurons and proves nothing: there may be better ones. Two
searches follow one another. `climb` goes towards Xᵀ(γ ∘ z) / ‖·‖, the best unit vector for the slopes γ of σ at Xu, by
a few matrix products for all starts. `ascend` goes on exactly: within the cone of a pattern σ is linear, and the best
unit vector there is the projection of c = Xᵀ(γ ∘ z), divided by its length. A sample k that binds it with the
multiplier λ_k (rows of length 1) is crossed if (1 − slope) z_k ‖x_k‖ + λ_k > 0: on the other side its multiplier would
be negative. So a search ends where no such sample is left, and a maximum lies on kinks with z_k < 0 only. Plain NumPy:
these functions may stand word for word in generated code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reludsl.cones.projection import ConeProjector
from reludsl.cones.rows import row_keys


@dataclass(frozen=True, eq=False)
class Found:
    """Neurons: what they bring (m,), unit directions (m, d) and patterns (n, m).

    A direction may lie on the border of its pattern's cone, where its own signs do not tell the pattern.
    """

    values: np.ndarray
    directions: np.ndarray
    masks: np.ndarray

    def of(self, chosen: np.ndarray) -> Found:
        """Some of the neurons."""
        return Found(self.values[chosen], self.directions[chosen], self.masks[:, chosen])


def climb(
    X: np.ndarray,
    z: np.ndarray,
    starts: np.ndarray,
    slope: float = 0.0,
    steps: int = 30,
    entries_at_once: int = 1 << 22,
) -> Found:
    """From each of the directions `starts` (m, d) to the best of a few steps: never worse than the start.

    `X` is (n, d), `z` (n,). A step that does not gain is taken back and halved, one that gains doubles the next.
    Starts climb together as long as their products with the samples have about `entries_at_once` entries.
    """
    values, directions = np.full(len(starts), -np.inf), unit_rows(starts)
    for part in np.array_split(np.arange(len(starts)), 1 + len(starts) * len(X) // entries_at_once):
        best = U = along = directions[part]
        reached, length = values[part], np.ones(len(part))
        for _ in range(steps + 1):
            products = U @ X.T
            gates = (products > 0) * (1.0 - slope) + slope if slope else (products > 0).astype(float)
            value = (products * gates) @ z
            gained = value > reached
            reached = np.where(gained, value, reached)
            best = np.where(gained[:, None], U, best)
            along = np.where(gained[:, None], unit_rows((gates * z) @ X), along)
            length = np.where(gained, np.minimum(2.0 * length, 1.0), 0.5 * length)
            U = unit_rows(best + length[:, None] * (along - best))
        values[part], directions[part] = reached, best
    return Found(values, directions, X @ directions.T >= 0)


def ascend(
    X: np.ndarray, z: np.ndarray, masks: np.ndarray, slope: float = 0.0, steps: int = 100, crossed: float = 0.3
) -> Found:
    """From the best neuron of each of the patterns `masks` (n, m) to one that no single sample's crossing improves.

    `z` is (n,), or (n, m) with one for each pattern: searches for several outputs and signs advance together.
    Of the samples whose crossing gains, those with at least `crossed` times the greatest gain are crossed together.
    A pattern whose cone has no neuron that brings anything ends with the value 0.
    """
    m, d = masks.shape[1], X.shape[1]
    best = Found(np.zeros(m), np.zeros((m, d)), masks.copy())
    if not m:
        return best
    projector, planes = ConeProjector(X, masks), hyperplanes(X)
    z = np.broadcast_to(z if z.ndim == 2 else z[:, None], masks.shape)
    gains = np.zeros((planes.max() + 1, m))
    np.add.at(gains, planes, (1.0 - slope) * np.linalg.norm(X, axis=1)[:, None] * z)
    gains = gains[planes[projector.places]].T
    masks, supports, live = masks.copy(), projector.no_supports(m), np.arange(m)
    for _ in range(steps):
        C = (np.where(masks[:, live], 1.0, slope) * z[:, live]).T @ X
        part = supports.of(live)
        U, lengths = projector.project(C, live, part)
        better = np.flatnonzero(lengths > best.values[live] * (1.0 + 1e-10))
        live, U, lengths, part = live[better], U[better], lengths[better], part.of(better)
        if not len(live):
            break
        best.values[live], best.directions[live] = lengths, U / lengths[:, None]
        best.masks[:, live] = masks[:, live]
        gain = np.take_along_axis(gains[live], part.rows, axis=1) + part.multipliers
        gain = np.where(part.used, gain, -np.inf)
        greatest = gain.max(axis=1, initial=-np.inf)
        crossing = (greatest > 1e-12 * lengths)[:, None] & (gain > crossed * greatest[:, None])
        blocks, places = np.nonzero(crossing)
        flips = np.zeros((planes.max() + 1, len(live)), dtype=bool)
        flips[planes[projector.places[part.rows[blocks, places]]], blocks] = True
        flips = flips[planes]
        masks[:, live] ^= flips
        projector.sides[live] *= np.where(flips[projector.places], -1, 1).astype(np.int8).T
        part.used[crossing], part.multipliers[crossing], part.polars[:] = False, 0.0, 0.0
        part.inverses = supports.inverses = None  # those of supports that are no more
        going = np.flatnonzero(crossing.any(axis=1))
        live = live[going]
        supports.put(live, part.of(going))
    return best


def hyperplanes(X: np.ndarray) -> np.ndarray:
    """The number (n,) of the hyperplane {u : xᵀu = 0} of each sample; zero samples have one for themselves.

    Samples cross a hyperplane together. They share it where they are parallel up to rounding.
    """
    unit = np.round(unit_rows(X), 13)
    first = (unit != 0).argmax(axis=1)[:, None]
    orientation = np.sign(np.take_along_axis(unit, first, axis=1))
    return np.asarray(np.unique(row_keys(orientation * unit), return_inverse=True)[1]).reshape(-1)


def unit_rows(U: np.ndarray) -> np.ndarray:
    """The rows (m, d) divided by their lengths; zeros stay."""
    lengths = np.linalg.norm(U, axis=1, keepdims=True)
    return np.asarray(U / np.where(lengths > 0, lengths, 1.0))

"""Projected gradient ascent: changes of samples, within their sets, that make losses large (Madry et al., ICLR 2018).

    δ ← Π(δ + argmax {∇ℓ(x + δ)·s : s at most `step_size` radii long})

Steps are steepest in the norm of the set: by sign in a box, along the gradient in an ℓ2 ball, along one axis in an ℓ1
ball. From δ = 0 a single step of one radius is the fast gradient sign method and its likes (Goodfellow, Shlens,
Szegedy, ICLR 2015). What is found is a lower bound on the worst loss. Plain NumPy: these functions stand word for word
in generated code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from reludsl.perturbation_sets import PerturbationSet


def worst_changes(
    sets: PerturbationSet,
    start: np.ndarray | None,
    steps: int,
    step_size: float,
    see: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> np.ndarray:
    """The changes (n, d) of the greatest losses met on the way from `start` (n, d), or from 0 for None.

    The samples themselves are looked at in any case, so that no loss is below that without changes. `see` takes
    changes and gives the losses (n,) and in which direction (n, d) they are to go on. `step_size` is in radii; the
    radius of a box is its longer side in each feature.
    """
    # In units of the radii, where a ball is round.
    unit = np.ones(sets.lower.shape[1]) if sets.radius is None else np.where(sets.radius > 0, sets.radius, 1.0)
    balls = sets.scaled(unit)
    z = np.zeros(sets.lower.shape)
    losses, uphill = see(z)
    worst, found = losses, z
    if start is not None:
        z = start / unit
        losses, uphill = see(z * unit)
        found = np.where((losses > worst)[:, None], z, found)
        worst = np.fmax(worst, losses)
    for _ in range(steps):
        step = steps_from(balls, z, step_size).maximizer(np.nan_to_num(uphill) * unit)
        z = balls.project(z + step)
        losses, uphill = see(z * unit)
        found = np.where((losses > worst)[:, None], z, found)
        worst = np.fmax(worst, losses)
    return np.asarray(found * unit)


def steps_from(sets: PerturbationSet, z: np.ndarray, step_size: float) -> PerturbationSet:
    """The steps from changes z (n, d) that are at most so many radii long and stay in the box."""
    lower, upper = np.minimum(sets.lower - z, 0.0), np.maximum(sets.upper - z, 0.0)
    if sets.radius is not None:
        return replace(sets, lower=lower, upper=upper, radius=step_size * sets.radius)
    reach = step_size * np.maximum(sets.upper, -sets.lower)
    return PerturbationSet(np.maximum(lower, -reach), np.minimum(upper, reach))


def random_changes(sets: PerturbationSet, generator: np.random.Generator) -> np.ndarray:
    """Changes (n, d) of bounded sets: somewhere between 0 and a random vertex."""
    return np.asarray(sets.random_vertices(generator) * generator.random((len(sets.lower), 1)))


def uphill_slopes(slopes: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """The slopes of losses in the outputs, (n,) or (n, c), and where a loss is flat, those that it has later on.

    A margin loss that is flat rises when the outputs go against the labels Y; any other when they go anywhere.
    """
    flat = slopes == 0 if slopes.ndim == 1 else ~slopes.any(axis=1, keepdims=True)
    return np.where(flat, np.where(Y != 0, -Y, 1.0), slopes)

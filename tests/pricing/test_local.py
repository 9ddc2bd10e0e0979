"""The local search for neurons: what it finds is there, and on few samples it is the best there is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls

from reludsl.lowering.patterns import enumerate_patterns
from reludsl.pricing.local import ascend, climb, hyperplanes

SLOPES = (0.0, 0.1, -1.0)


def instance(n: int, d: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.standard_normal((n, d)), generator.standard_normal(n)


def brings(X: np.ndarray, z: np.ndarray, directions: np.ndarray, slope: float) -> np.ndarray:
    t = X @ directions.T
    return z @ np.where(t > 0, t, slope * t)


def best_of_all(X: np.ndarray, z: np.ndarray, slope: float) -> float:
    """Over every pattern, the length of the projection onto its cone, by nonnegative least squares."""
    masks, _ = enumerate_patterns(X, slope=0.5)
    best = 0.0
    for mask in masks.T:
        c = X.T @ (np.where(mask, 1.0, slope) * z)
        best = max(best, nnls((np.where(mask, 1.0, -1.0)[:, None] * X).T, -c)[1])
    return best


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("seed", range(4))
def test_a_climb_never_ends_below_its_start(slope: float, seed: int) -> None:
    X, z = instance(30, 4, seed)
    starts = np.random.default_rng(9).standard_normal((40, 4))
    starts /= np.linalg.norm(starts, axis=1, keepdims=True)
    found = climb(X, z, starts, slope, entries_at_once=300)
    assert (found.values >= brings(X, z, starts, slope) - 1e-12).all()
    np.testing.assert_allclose(found.values, brings(X, z, found.directions, slope), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(found.directions, axis=1), 1.0)
    np.testing.assert_array_equal(found.masks, X @ found.directions.T >= 0)


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("seed", range(4))
def test_from_every_pattern_the_best_neuron_is_found(slope: float, seed: int) -> None:
    X, z = instance(9, 3, seed)
    masks, _ = enumerate_patterns(X, slope=0.5)
    assert ascend(X, z, masks, slope).values.max() == pytest.approx(best_of_all(X, z, slope), rel=1e-9)


@pytest.mark.parametrize("slope", SLOPES)
def test_a_neuron_brings_what_is_said_within_its_pattern(slope: float) -> None:
    X, z = instance(40, 5, 1)
    starts = climb(X, z, np.random.default_rng(2).standard_normal((50, 5)), slope)
    found = ascend(X, z, starts.masks, slope)
    assert (found.values >= starts.values - 1e-12).all()
    np.testing.assert_allclose(brings(X, z, found.directions, slope), found.values, rtol=1e-9)
    sides = np.where(found.masks, 1.0, -1.0)
    assert (sides * (X @ found.directions.T)).min() >= -1e-10


def test_no_single_crossing_gains_where_a_search_ends() -> None:
    X, z = instance(25, 4, 3)
    starts = climb(X, z, np.random.default_rng(4).standard_normal((20, 4)))
    found = ascend(X, z, starts.masks)
    for value, u, mask in zip(found.values, found.directions, found.masks.T, strict=True):
        for k in np.flatnonzero(np.abs(X @ u) < 1e-9):
            crossed = mask.copy()
            crossed[k] ^= True
            c = X.T @ (crossed * z)
            assert nnls((np.where(crossed, 1.0, -1.0)[:, None] * X).T, -c)[1] <= value * (1 + 1e-8)


def test_searches_for_several_duals_go_together_as_alone() -> None:
    X, z = instance(20, 3, 5)
    masks = climb(X, z, np.random.default_rng(6).standard_normal((6, 3))).masks
    together = ascend(X, np.column_stack([z, z, z, -z, -z, -z]), masks)
    np.testing.assert_allclose(together.values[:3], ascend(X, z, masks[:, :3]).values, rtol=1e-12)
    np.testing.assert_allclose(together.values[3:], ascend(X, -z, masks[:, 3:]).values, rtol=1e-12)


def test_parallel_and_zero_samples_cross_together() -> None:
    X, _ = instance(7, 3, 7)
    X = np.vstack([X, 2.0 * X[:2], -X[1:4], np.zeros((1, 3))])
    z = np.random.default_rng(8).standard_normal(len(X))
    numbers = hyperplanes(X)
    assert numbers[0] == numbers[7] and numbers[1] == numbers[8] == numbers[9]
    assert len(np.unique(numbers)) == 8
    found = ascend(X, z, climb(X, z, np.random.default_rng(1).standard_normal((60, 3))).masks)
    np.testing.assert_allclose(brings(X, z, found.directions, 0.0), found.values, rtol=1e-9)
    assert found.values.max() == pytest.approx(best_of_all(X, z, 0.0), rel=1e-9)


def test_a_dual_point_below_zero_is_worth_nothing() -> None:
    X, _ = instance(10, 3, 0)
    masks = climb(X, -np.ones(10), np.random.default_rng(0).standard_normal((5, 3))).masks
    found = ascend(X, -np.ones(10), masks)
    np.testing.assert_allclose(brings(X, -np.ones(10), found.directions, 0.0), found.values, atol=1e-12)
    assert ascend(X, -np.ones(10), masks[:, :0]).values.shape == (0,)

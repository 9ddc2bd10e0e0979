"""Activation patterns: counts by Cover's formula, completeness by brute force, sampling by its promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linprog

from reludsl.lowering.patterns import (
    count_patterns,
    cover_count,
    enumerate_patterns,
    interior_directions,
    patterns_of,
    random_directions,
    sample_patterns,
)

# Ties, parallel rows and zero rows are frequent among these.
small_integers = arrays(np.float64, st.tuples(st.integers(1, 7), st.integers(1, 3)), elements=st.integers(-1, 1))
slopes = st.sampled_from([0.0, 0.2, -0.5, -1.0])


def found_by_directions(X: np.ndarray, count: int = 100_000) -> set[bytes]:
    masks = X @ np.random.default_rng(0).standard_normal((X.shape[1], count)) >= 0
    return {mask.tobytes() for mask in np.unique(masks, axis=1).T if mask.any()}


@pytest.mark.parametrize(("n", "d"), [(1, 1), (7, 1), (9, 2), (30, 2), (12, 3), (10, 4), (7, 5), (3, 6)])
def test_general_position_meets_covers_count(n: int, d: int) -> None:
    X = np.random.default_rng(n * d).standard_normal((n, d))
    # The pattern that is active nowhere exists when some direction has all samples on its other side.
    silent = linprog(np.zeros(d), A_ub=X, b_ub=-np.ones(n), bounds=(None, None)).status == 0
    assert cover_count(n if d > 1 else 1, min(n, d)) == count_patterns(X)
    masks, complete = enumerate_patterns(X)
    assert complete and masks.shape[1] == count_patterns(X) - silent


@settings(max_examples=60, deadline=None)
@given(small_integers)
def test_degenerate_arrangements_are_complete(X: np.ndarray) -> None:
    """Ties, parallel rows and zero rows: exactly the patterns that some direction has."""
    enumerated = {mask.tobytes() for mask in enumerate_patterns(X)[0].T}
    assert enumerated == found_by_directions(X, 20_000)


def test_a_bias_column_is_a_degenerate_arrangement_too() -> None:
    grid = np.array([[x, y, 1.0] for x in (-1, 0, 1) for y in (-1, 0, 1)])
    enumerated = {mask.tobytes() for mask in enumerate_patterns(grid)[0].T}
    assert enumerated == found_by_directions(grid)
    assert not enumerate_patterns(grid)[1]  # complete, but Cover's formula does not prove it


def test_scale_of_rows_does_not_matter() -> None:
    X = np.random.default_rng(1).standard_normal((8, 3))
    scaled = X * np.logspace(-6, 6, 8)[:, None]
    assert np.array_equal(enumerate_patterns(X)[0], enumerate_patterns(scaled)[0])


def functions_of(X: np.ndarray, mask: np.ndarray, slope: float) -> set[bytes]:
    """What a neuron on this pattern computes, by its gates on nonzero samples; with -1 up to sign."""
    gates = np.where(mask, 1.0, slope)[X.any(axis=1)]
    return {gates.tobytes(), (-gates).tobytes()} if slope == -1 else {gates.tobytes()}


@settings(max_examples=60, deadline=None)
@given(small_integers, slopes)
def test_the_slope_says_which_patterns_count(X: np.ndarray, slope: float) -> None:
    """Every function that a neuron can have is there once; the zero function alone is left out."""
    masks, complete = enumerate_patterns(X, slope)
    there = [functions_of(X, mask, slope) for mask in masks.T]
    assert all(first.isdisjoint(second) for k, first in enumerate(there) for second in there[:k])
    gaussian = X @ np.random.default_rng(0).standard_normal((X.shape[1], 5000)) >= 0
    wanted = [functions_of(X, mask, slope) for mask in np.unique(gaussian, axis=1).T if slope != 0 or mask.any()]
    assert {min(functions) for functions in there} == {min(functions) for functions in wanted}
    assert complete == enumerate_patterns(X)[1]


@pytest.mark.parametrize(("n", "d"), [(1, 1), (7, 1), (9, 2), (12, 3), (7, 5), (3, 6)])
def test_half_of_covers_count_up_to_complements(n: int, d: int) -> None:
    X = np.random.default_rng(n * d).standard_normal((n, d))
    assert enumerate_patterns(X, -1.0)[0].shape[1] * 2 == enumerate_patterns(X, 0.5)[0].shape[1] == count_patterns(X)


@settings(max_examples=60, deadline=None)
@given(small_integers, slopes)
def test_interior_directions_have_their_patterns_strictly(X: np.ndarray, slope: float) -> None:
    masks, _ = enumerate_patterns(X, slope)
    directions = interior_directions(X, masks)
    assert directions.shape == (X.shape[1], masks.shape[1])
    margins = np.where(masks, 1, -1) * (X @ directions)
    assert (margins[X.any(axis=1)] > 0).all()
    assert np.allclose(np.linalg.norm(directions, axis=0), 1)
    again, gates = patterns_of(X, directions, slope)
    assert np.array_equal(again, masks) and np.array_equal(gates, directions)


@pytest.mark.parametrize("angle", [1e-3, 1e-6, 1e-7])
def test_thin_cells_have_interior_directions(angle: float) -> None:
    """Scales of rows do not matter either."""
    generator = np.random.default_rng(3)
    X = generator.standard_normal((6, 2))
    X = np.concatenate([X, X + angle * generator.standard_normal(X.shape)]) * np.logspace(-6, 6, 12)[:, None]
    masks, complete = enumerate_patterns(X, 1.0)
    assert complete and masks.shape[1] == 24
    assert np.array_equal(X @ interior_directions(X, masks) > 0, masks)


def test_a_pattern_without_an_interior_is_left_out() -> None:
    X = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    masks = np.array([[True, False, True], [True, True, True], [True, True, False]])
    assert np.array_equal(X @ interior_directions(X, masks) >= 0, masks[:, [0, 2]])


@pytest.mark.parametrize("sides", [(1, 1), (1, -1)])
def test_nearly_parallel_rows_are_enumerated(sides: tuple[int, int]) -> None:
    """At every angle there are the patterns of two hyperplanes, or of one."""
    for angle in np.logspace(-14, -2, 60):
        X = np.array([[1.0, 0.0], [1.0, angle]]) * np.array(sides)[:, None]
        assert enumerate_patterns(X, 1.0)[0].shape[1] in (2, 4)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(1, 5), st.integers(1, 60), st.integers(0, 5), slopes, st.booleans())
def test_samples_are_distinct_and_seeded(n: int, d: int, count: int, seed: int, slope: float, draws: bool) -> None:
    X = np.random.default_rng(seed).standard_normal((n, d))
    masks, directions, drawn = sample_patterns(X, count, seed, slope, draws)
    assert masks.shape[0] == n and masks.shape[1] <= min(count, drawn)
    assert drawn == count if draws else masks.shape[1] >= 1
    assert masks.any(axis=0).all() or slope != 0
    assert np.array_equal(X @ directions >= 0, masks)
    distinct, gates = patterns_of(X, directions, slope)
    assert np.array_equal(distinct, masks) and np.array_equal(gates, directions)
    again, _, drawn_again = sample_patterns(X, count, seed, slope, draws)
    assert np.array_equal(masks, again) and drawn == drawn_again


@pytest.mark.parametrize("slope", [0.0, 0.2, -1.0])
def test_the_stream_of_a_seed_is_that_of_the_generator(slope: float) -> None:
    """Directions come from one NumPy generator in blocks, a column each; what they bring is counted one by one."""
    X = np.random.default_rng(7).standard_normal((20, 3))
    generator = np.random.default_rng(5)
    stream = np.hstack([generator.standard_normal((3, 70)) for _ in range(2)])
    expected, gates = patterns_of(X, stream, slope)
    masks, directions, drawn = sample_patterns(X, 70, 5, slope)
    assert np.array_equal(masks[:, :40], expected[:, :40]) and np.array_equal(directions[:, :40], gates[:, :40])
    masks, directions, drawn = sample_patterns(X, 70, 5, slope, draws=True)
    expected, gates = patterns_of(X, stream[:, :70], slope)
    assert np.array_equal(masks, expected) and np.array_equal(directions, gates) and drawn == 70


def test_draws_are_counted_when_they_bring_nothing() -> None:
    """A guarantee speaks of draws: all are made, although one sample has but two patterns."""
    masks, _, drawn = sample_patterns(np.ones((1, 1)), 100_000, 0, draws=True)
    assert drawn == 100_000 and masks.shape == (1, 1)
    assert sample_patterns(np.ones((1, 1)), 1000, 0, slope=0.2, draws=True)[0].shape == (1, 2)


def test_given_directions_keep_their_order() -> None:
    X = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    directions = np.array([[1.0, 2.0, -1.0, -1.0, 1.0], [1.0, 3.0, -1.0, 1.0, 0.0]])
    masks, gates = patterns_of(X, directions)
    assert np.array_equal(masks, [[1, 0, 0], [1, 0, 1], [1, 1, 1]])
    assert np.array_equal(gates, directions[:, [0, 2, 3]])
    assert np.array_equal(patterns_of(X, directions, -1.0)[1], directions[:, [0, 3]])
    assert np.array_equal(patterns_of(X[:2], directions)[1], directions[:, [0, 3]])
    assert np.array_equal(patterns_of(X[:2], directions, 0.1)[1], directions[:, [0, 2, 3]])


def test_no_directions_have_no_patterns() -> None:
    masks, directions = patterns_of(np.ones((3, 2)), np.zeros((2, 0)))
    assert masks.shape == (3, 0) and directions.shape == (2, 0)
    assert interior_directions(np.ones((3, 2)), masks).shape == (2, 0)


def test_random_directions_are_uniform_on_the_sphere() -> None:
    directions = random_directions(4, 40_000, 0)
    assert directions.shape == (4, 40_000)
    assert np.allclose(np.linalg.norm(directions, axis=0), 1)
    # Mean 0 and covariance I/d, within five standard errors.
    assert np.abs(directions.mean(axis=1)).max() < 5 / np.sqrt(4 * 40_000)
    assert np.abs(directions @ directions.T / 40_000 - np.eye(4) / 4).max() < 5 / np.sqrt(8 * 40_000)
    assert np.array_equal(random_directions(4, 10, 0), directions[:, :10])
    assert not np.array_equal(random_directions(4, 10, 1), directions[:, :10])


def test_more_samples_extend_fewer() -> None:
    X = np.random.default_rng(0).standard_normal((50, 4))
    few, directions, _ = sample_patterns(X, 20, 0)
    many, more, _ = sample_patterns(X, 60, 0)
    assert np.array_equal(many[:, :20], few) and np.array_equal(more[:, :20], directions)


def test_an_exhausted_supply_is_noticed() -> None:
    X = np.random.default_rng(0).standard_normal((6, 2))
    masks, _, drawn = sample_patterns(X, 1000, 0)
    assert masks.shape[1] == enumerate_patterns(X)[0].shape[1]
    assert drawn > 1000

"""Activation patterns: counts by Cover's formula, completeness by brute force, sampling by its promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linprog

from reludsl.lowering.patterns import count_patterns, cover_count, enumerate_patterns, sample_patterns


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
@given(arrays(np.float64, st.tuples(st.integers(1, 7), st.integers(1, 3)), elements=st.integers(-1, 1)))
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


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(1, 5), st.integers(1, 60), st.integers(0, 5))
def test_samples_are_distinct_and_seeded(n: int, d: int, count: int, seed: int) -> None:
    X = np.random.default_rng(seed).standard_normal((n, d))
    masks, drawn = sample_patterns(X, count, seed)
    assert masks.shape[0] == n and 1 <= masks.shape[1] <= min(count, drawn)
    assert len({mask.tobytes() for mask in masks.T}) == masks.shape[1]
    assert masks.any(axis=0).all()
    again, drawn_again = sample_patterns(X, count, seed)
    assert np.array_equal(masks, again) and drawn == drawn_again


def test_more_samples_extend_fewer() -> None:
    X = np.random.default_rng(0).standard_normal((50, 4))
    few, _ = sample_patterns(X, 20, 0)
    many, _ = sample_patterns(X, 60, 0)
    assert np.array_equal(many[:, :20], few)


def test_an_exhausted_supply_is_noticed() -> None:
    X = np.random.default_rng(0).standard_normal((6, 2))
    masks, drawn = sample_patterns(X, 1000, 0)
    assert masks.shape[1] == enumerate_patterns(X)[0].shape[1]
    assert drawn > 1000

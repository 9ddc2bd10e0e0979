"""The price of shared neurons: closed forms, all cells, and what a local maximum has to satisfy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reludsl.cells import enumerate_cells
from reludsl.cells.peaks import greatest_values
from reludsl.pricing.vector import best_angles, best_directions, distinct, power_steps, raised, vector_prices


def unit(columns: np.ndarray) -> np.ndarray:
    return np.asarray(columns / np.linalg.norm(columns, axis=0))


def drawn(seed: int, n: int, d: int, c: int) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    generator = np.random.default_rng(seed)
    return generator.standard_normal((n, d)), generator.standard_normal((n, c)), generator


def greatest_of_cells(X: np.ndarray, Z: np.ndarray, slope: float) -> float:
    """The exact maximum, by enumeration."""
    cells = enumerate_cells(X)
    gates = np.where(cells.masks, 1.0, slope)
    sums = np.stack([(Z * column[:, None]).T @ gates for column in (X @ cells.basis).T])
    return float(np.sqrt(greatest_values(np.einsum("acs,bcs->sab", sums, sums), cells.generators).max()))


@pytest.mark.parametrize("slope", [0.0, 0.3, -1.0])
@pytest.mark.parametrize(("d", "n", "c"), [(1, 9, 2), (2, 25, 3), (3, 14, 2), (3, 12, 4)])
def test_the_dearest_neuron_of_all_cells_is_found(d: int, n: int, c: int, slope: float) -> None:
    for seed in range(4):
        X, Z, generator = drawn(seed, n, d, c)
        U, prices = best_directions(X, Z, slope, np.zeros((d, 0)), 40, generator)
        assert prices[0] == pytest.approx(greatest_of_cells(X, Z, slope), rel=1e-9)
        assert np.all(np.diff(prices) <= 1e-12 * prices[0]) and np.linalg.norm(U, axis=0) == pytest.approx(1.0)
        assert prices == pytest.approx(vector_prices(X, Z, slope, U), rel=1e-12)


def test_where_all_samples_are_active_it_is_a_singular_value() -> None:
    generator = np.random.default_rng(0)
    X = generator.uniform(1.0, 2.0, (30, 6))  # every nonnegative direction has all of them active
    Z = X @ np.outer(np.ones(6), [1.0, 0.5, 0.25])
    U, prices = best_directions(X, Z, 0.0, np.zeros((6, 0)), 10, generator)
    values = np.linalg.svd(X.T @ Z)[1]
    assert prices[0] == pytest.approx(values[0], rel=1e-9)
    assert np.abs(U[:, 0]) == pytest.approx(np.abs(np.linalg.svd(X.T @ Z)[0][:, 0]), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000), st.integers(1, 30), st.integers(2, 6), st.integers(1, 4), st.sampled_from([0.0, 0.2, -1.0])
)
def test_a_great_circle_is_maximized_exactly(seed: int, n: int, d: int, c: int, slope: float) -> None:
    X, Z, generator = drawn(seed, n, d, c)
    basis = np.linalg.qr(generator.standard_normal((d, 2)))[0]
    T0, T1 = X @ basis[:, :1], X @ basis[:, 1:]
    (angle,) = best_angles(T0, T1, Z, slope)
    grid = np.linspace(-np.pi, np.pi, 4001)
    on_grid = vector_prices(X, Z, slope, basis[:, :1] * np.cos(grid) + basis[:, 1:] * np.sin(grid))
    found = vector_prices(X, Z, slope, basis @ np.array([[np.cos(angle)], [np.sin(angle)]]))
    assert found[0] >= on_grid.max() * (1 - 1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 40), st.integers(2, 7), st.integers(1, 4))
def test_no_search_lowers_a_price_or_leaves_the_sphere(seed: int, n: int, d: int, c: int) -> None:
    X, Z, generator = drawn(seed, n, d, c)
    U = unit(generator.standard_normal((d, 6)))
    before = vector_prices(X, Z, 0.0, U)
    stepped = power_steps(X, Z, 0.0, U)
    after = vector_prices(X, Z, 0.0, stepped)
    higher = vector_prices(X, Z, 0.0, raised(X, Z, 0.0, stepped))
    assert np.all(after >= before * (1 - 1e-12)) and np.all(higher >= after * (1 - 1e-12))
    assert np.linalg.norm(stepped, axis=0) == pytest.approx(1.0)


def test_raised_points_are_local_maxima() -> None:
    X, Z, generator = drawn(3, 60, 5, 3)
    U = raised(X, Z, 0.0, unit(generator.standard_normal((5, 8))))
    prices = vector_prices(X, Z, 0.0, U)
    for size in (1e-2, 1e-3, 1e-4):
        for k in range(U.shape[1]):
            near = unit(U[:, [k]] + size * unit(generator.standard_normal((5, 300))))
            assert vector_prices(X, Z, 0.0, near).max() <= prices[k] * (1 + 1e-9)


@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_samples_that_are_zero_or_parallel_and_a_dual_point_of_zeros(slope: float) -> None:
    X, Z, generator = drawn(5, 12, 3, 2)
    X[3], X[4], X[5] = 0.0, 2.0 * X[0], -X[1]
    prices = best_directions(X, Z, slope, np.zeros((3, 0)), 30, generator)[1]
    assert prices[0] == pytest.approx(greatest_of_cells(X, Z, slope), rel=1e-9)
    nothing = best_directions(X, np.zeros((12, 2)), slope, np.zeros((3, 0)), 5, generator)
    assert not nothing[1].any() and np.isfinite(nothing[0]).all()


def test_distinct_keeps_the_dearest_of_equals() -> None:
    U = unit(np.array([[1.0, 1.0, 0.0], [0.0, 1e-9, 1.0]]))
    assert distinct(U, np.array([1.0, 2.0, 3.0])).shape[1] == 2
    assert distinct(U, np.array([1.0, 2.0, 3.0]))[:, 0] == pytest.approx([0.0, 1.0])

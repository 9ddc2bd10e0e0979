"""Branch and bound of the pricing problem: exact maxima pattern by pattern, and what is claimed when it ends early."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from reludsl.lowering.patterns import enumerate_patterns
from reludsl.pricing import SearchState, branch, greatest_over_cells, greatest_value, simplicial
from reludsl.pricing.kinks import kinks


def activated(t: np.ndarray, slope: float) -> np.ndarray:
    return np.maximum(t, 0.0) + slope * np.minimum(t, 0.0)


def exact_maximum(X: np.ndarray, z: np.ndarray, slope: float) -> float:
    """max |zᵀσ(Xu)| over the unit ball: on every pattern a projection onto its cone, as nonnegative least squares."""
    best = 0.0
    for mask in enumerate_patterns(X)[0].T:
        A = np.where(mask, 1.0, -1.0)[:, None] * X
        for sign in (1.0, -1.0):
            c = sign * X.T @ (z * np.where(mask, 1.0, slope))
            best = max(best, nnls(A.T, -c)[1])
    return best


def random_directions(d: int, count: int = 2000) -> np.ndarray:
    u = np.random.default_rng(1).standard_normal((d, count))
    return u / np.linalg.norm(u, axis=0)


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, float]:
    """Samples with repeated, opposite and zero rows among them."""
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    n, d = draw(st.integers(1, 8)), draw(st.integers(1, 4))
    X, z = generator.standard_normal((n, d)), generator.standard_normal(n)
    for k in range(draw(st.integers(0, 3))):
        X[draw(st.integers(0, n - 1))] = draw(st.sampled_from([-2.0, 0.0, 1.0])) * X[k % n]
    if draw(st.booleans()):
        X[:, -1] = 1.0
    return X * draw(st.sampled_from([1e-8, 1.0, 1e8])), z, draw(st.sampled_from([0.0, 0.3, -1.0]))


@settings(deadline=None, max_examples=60)
@given(problems())
def test_the_bound_is_the_maximum_up_to_the_tolerance(problem: tuple[np.ndarray, np.ndarray, float]) -> None:
    X, z, slope = problem
    exact = exact_maximum(X, z, slope)
    size = float(np.abs(z) @ np.linalg.norm(X, axis=1))
    found = greatest_value(X, z, slope, tolerance=1e-6)
    assert found.finished
    assert found.upper >= exact * (1 - 1e-12)
    assert found.lower <= exact + 1e-9 * size
    assert found.upper <= exact * (1 + 1.1e-6) + 1e-8 * size
    assert found.upper >= np.abs(z @ activated(X @ random_directions(X.shape[1]), slope)).max() * (1 - 1e-12)


@settings(deadline=None, max_examples=30)
@given(problems(), st.floats(0.2, 2.0))
def test_a_cost_is_decided(problem: tuple[np.ndarray, np.ndarray, float], share: float) -> None:
    X, z, slope = problem
    exact = exact_maximum(X, z, slope)
    cost = share * exact
    found = greatest_value(X, z, slope, cost=cost, tolerance=1e-3)
    size = float(np.abs(z) @ np.linalg.norm(X, axis=1))
    assert exact * (1 - 1e-12) <= found.upper <= max(exact, cost) * (1 + 1.1e-3) + 1e-8 * size
    assert np.allclose(z @ activated(X @ found.directions, slope), found.values, atol=1e-9 * size)
    assert np.allclose(np.linalg.norm(found.directions, axis=0), 1.0)
    assert (np.abs(found.values) > cost * (1 + 4e-4)).all()
    if exact > cost * 1.002 and size > 0:
        assert len(found.values) and abs(found.values[0]) == pytest.approx(found.lower)


def hard(n: int, d: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random samples, and a z of which most is orthogonal to what single neurons bring."""
    generator = np.random.default_rng(seed)
    X, z = generator.standard_normal((n, d)), generator.standard_normal(n)
    features = np.maximum(X @ generator.standard_normal((d, n // 2)), 0.0)
    return X, z - features @ np.linalg.lstsq(features, z, rcond=None)[0]


@pytest.mark.parametrize("d", [2, 3, 4])
def test_pruned_cones_count(d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All cones are left alone at once, and what was found is less than the maximum: only their bounds are above it."""
    X, z = hard(30, d)
    exact = greatest_value(X, z, tolerance=1e-7)
    monkeypatch.setattr(branch, "climbed", lambda of, starts: np.zeros((of.rank, 0)))
    found = greatest_value(X, z, cost=2 * exact.upper)
    assert found.finished and found.lower < 0.999 * exact.lower
    assert exact.lower <= found.upper <= 2 * exact.upper * 1.001


@pytest.mark.parametrize("limit", [0, 1, 2, 5])
def test_an_unfinished_search_still_bounds(limit: int) -> None:
    X, z = hard(40, 4)
    exact = greatest_value(X, z, tolerance=1e-6)
    assert exact.finished
    uppers: list[float] = []

    def stop(state: SearchState) -> bool:
        uppers.append(state.upper)
        return len(uppers) > limit

    found = greatest_value(X, z, tolerance=1e-6, monitor=stop)
    assert not found.finished and np.isfinite(found.upper)
    assert min(uppers) >= exact.lower and found.upper == uppers[-1] > exact.upper
    assert found.lower <= exact.upper
    assert not greatest_value(X, z, time_limit=0.0).finished


def test_crowded_searches_keep_their_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where too many cones wait, those near the threshold go first."""
    X, z = hard(40, 4)
    expected = greatest_value(X, z, tolerance=1e-4)
    monkeypatch.setattr(branch, "_ROOM", 40 * 2**5)
    monkeypatch.setattr(branch, "BATCH", 4000)
    monkeypatch.setattr(simplicial, "BATCH", 4000)
    found = greatest_value(X, z, tolerance=1e-4)
    assert found.finished and found.upper == pytest.approx(expected.upper, rel=2e-4)


@pytest.mark.parametrize("slope", [0.0, 0.2, -1.0])
def test_enumeration_agrees(slope: float) -> None:
    from reludsl.cells import enumerate_cells

    X, z = hard(15, 3)
    exact = greatest_over_cells(X, z[:, None], enumerate_cells(X), slope)
    assert greatest_value(X, z, slope, tolerance=1e-7).upper == pytest.approx(exact, rel=1e-6)
    assert exact == pytest.approx(exact_maximum(X, z, slope), rel=1e-7)


def test_of_several_outputs_enumeration_is_not_below_any_direction() -> None:
    from reludsl.cells import enumerate_cells

    generator = np.random.default_rng(3)
    X, Z = generator.standard_normal((20, 3)), generator.standard_normal((20, 2))
    values = np.linalg.norm(Z.T @ np.maximum(X @ random_directions(3, 20000), 0.0), axis=0)
    assert values.max() <= greatest_over_cells(X, Z, enumerate_cells(X)) <= values.max() * 1.001


def test_directions_outside_of_the_samples_bring_nothing() -> None:
    X, z = hard(30, 3)
    basis = np.linalg.qr(np.random.default_rng(2).standard_normal((20, 3)))[0]
    wide, narrow = greatest_value(X @ basis.T, z, tolerance=1e-6), greatest_value(X, z, tolerance=1e-6)
    assert wide.upper == pytest.approx(narrow.upper, rel=1e-5)
    of = kinks(np.concatenate([X @ basis.T, -3 * X @ basis.T, np.zeros((2, 20))]), np.append(np.tile(z, 2), [1, 1]))
    assert of.rows.shape == (30, 3) and of.missed < 1e-11 * of.size


NOTHING: list[Callable[[], tuple[np.ndarray, np.ndarray]]] = [
    lambda: (np.zeros((3, 2)), np.ones(3)),
    lambda: (np.ones((3, 2)), np.zeros(3)),
    lambda: (np.array([[1.0, 2.0], [1.0, 2.0]]), np.array([1.0, -1.0])),
]


@pytest.mark.parametrize("case", NOTHING)
def test_where_nothing_is_brought(case: Callable[[], tuple[np.ndarray, np.ndarray]]) -> None:
    X, z = case()
    found = greatest_value(X, z)
    assert found.finished and 0.0 <= found.upper < 1e-12 and not found.directions.size


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        greatest_value(np.ones((2, 1)), np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="13 samples of 13 dimensions"):
        greatest_value(np.eye(13), np.ones(13))

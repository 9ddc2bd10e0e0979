"""Cones that hold on whole perturbation sets: projections, bounds on their lengths, interiors, and the spreads."""

from __future__ import annotations

from typing import Any

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from reludsl.cones.robust import RobustCones
from reludsl.cones.spread import BallSpread, BoxSpread
from reludsl.lowering.patterns import sample_patterns

Spread = BoxSpread | BallSpread
KINDS = ("box", "boxes", "ball", "ball without bias", "nothing")


def spread_of(kind: str, n: int, d: int, size: float, seed: int = 0) -> Spread:
    """Spreads of some size; those of boxes and of the last ball leave the last entry, the bias, alone."""
    generator = np.random.default_rng(seed)
    widths = size * generator.uniform(0.5, 1.5, (n, d))
    widths[:, -1] = 0.0
    match kind:
        case "box":
            return BoxSpread(widths[:1])
        case "boxes":
            return BoxSpread(widths)
        case "ball":
            return BallSpread(np.full(d, size))
        case "ball without bias":
            return BallSpread(widths[0])
    return BoxSpread(np.zeros((1, d)))


def samples(n: int, d: int, patterns: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian samples with a bias column, and the masks of random patterns."""
    X = np.random.default_rng(seed).standard_normal((n, d))
    X[:, -1] = 1.0
    return X, sample_patterns(X, patterns, seed)[0]


def spread_value(spread: Spread, k: int, u: Any) -> Any:
    """h_k(u) as an expression."""
    if isinstance(spread, BallSpread):
        return cp.norm(cp.multiply(spread.radii, u), 2)
    return spread.widths[min(k, len(spread.widths) - 1)] @ cp.abs(u)


def conic_projection(X: np.ndarray, mask: np.ndarray, spread: Spread, c: np.ndarray) -> np.ndarray:
    """Π_K(c) by an interior-point solver that knows nothing of ours."""
    u = cp.Variable(len(c))
    sides = np.where(mask, 1.0, -1.0)
    rows = [sides[k] * X[k] @ u >= spread_value(spread, k, u) for k in range(len(X))]
    cp.Problem(cp.Minimize(cp.sum_squares(u - c)), rows).solve(solver=cp.CLARABEL)
    return np.asarray(u.value)


@pytest.mark.parametrize("kind", KINDS)
def test_centers_balance_the_norm_and_the_barriers(kind: str) -> None:
    X, masks = samples(25, 5, 6)
    cones = RobustCones(X, masks, spread_of(kind, 25, 5, 0.02))
    U, t = cones.centers
    alive = np.flatnonzero(cones.interiors.alive)
    assert len(alive)
    assert not U[~cones.interiors.alive].any()
    rows, spread = cones.rows(alive), cones.spread
    v = spread.slacks(U[alive], t[alive])
    z, w = 1.0 / rows.slacks(U[alive], t[alive]), spread.cone.inverse(v)
    assert (z > 0).all()
    assert spread.cone.inside(v).all()
    back, on_t = spread.adjoint(w, X.shape[1])
    lengths = np.linalg.norm(U[alive], axis=1, keepdims=True)
    # The gradients of the barriers in u and in t, against that of the norm.
    assert rows.combined(z) + back == pytest.approx(U[alive] / lengths, abs=0.02)
    assert on_t == pytest.approx(rows.weights(z), rel=0.02)
    # A logarithmic barrier is homogeneous: its force along a point is its degree.
    degree = z.shape[1] + spread.cone.degree_of(v)
    assert lengths == pytest.approx(degree, rel=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_projections_are_those_of_a_conic_solver(kind: str) -> None:
    X, masks = samples(25, 5, 6)
    spread = spread_of(kind, 25, 5, 0.02)
    cones = RobustCones(X, masks, spread)
    C = np.random.default_rng(1).standard_normal((6, 5))
    C += 2.0 * cones.interiors.directions  # so that not all of them have nothing in their cones
    alive = np.flatnonzero(cones.interiors.alive)
    assert len(alive)
    U, bounds, multipliers = cones.project(C[alive], alive)
    for place, pattern in enumerate(alive):
        expected = conic_projection(X, masks[:, pattern], spread, C[pattern])
        assert U[place] == pytest.approx(expected, abs=2e-5)
        assert bounds[place] == pytest.approx(np.linalg.norm(expected), abs=1e-5)
    assert cones.slacks(U, alive).min() >= -1e-12
    assert (np.linalg.norm(U, axis=1) <= bounds + 1e-9).all()
    assert multipliers.min() >= 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_threshold_only_saves_work(kind: str) -> None:
    X, masks = samples(30, 4, 8, seed=3)
    cones = RobustCones(X, masks, spread_of(kind, 30, 4, 0.01))
    C = 3.0 * np.random.default_rng(2).standard_normal((8, 4))
    patterns = np.arange(8)
    U, exact, multipliers = cones.project(C, patterns)
    threshold = float(np.median(exact)) + 0.1
    pruned, bounds, _ = cones.project(C, patterns, threshold)
    assert ((bounds > threshold) == (exact > threshold)).all()
    assert pruned[exact > threshold] == pytest.approx(U[exact > threshold], abs=1e-6)
    assert not pruned[exact <= threshold].any()
    assert cones.project(C, patterns, threshold, multipliers)[1] == pytest.approx(exact, abs=1e-6)


@given(st.sampled_from(KINDS), st.integers(0, 1000), st.floats(-3, 3))
@settings(max_examples=60, deadline=None)
def test_all_multipliers_prove_a_bound(kind: str, seed: int, size: float) -> None:
    X, masks = samples(15, 4, 4, seed % 7)
    cones = RobustCones(X, masks, spread_of(kind, 15, 4, 0.03, seed))
    generator = np.random.default_rng(seed)
    patterns = np.flatnonzero(cones.interiors.alive)
    C = generator.standard_normal((len(patterns), 4))
    wrong = 10.0**size * generator.standard_normal((len(patterns), len(cones.X)))
    # Points of the cones: the directions inside of them, and what projections leave of others.
    points = cones.project(generator.standard_normal(C.shape), patterns)[0]
    for inside in (cones.interiors.directions[patterns], points):
        along = np.einsum("md,md->m", C, inside) / np.maximum(np.linalg.norm(inside, axis=1), 1e-300)
        assert (along <= cones.bounds(C, patterns, wrong) + 1e-9).all()


@pytest.mark.parametrize("size", [0.003, 0.03, 0.1, 1.0])
def test_cones_are_alive_where_a_linear_program_finds_a_direction(size: float) -> None:
    X, masks = samples(40, 4, 12, seed=5)
    spread = spread_of("boxes", 40, 4, size)
    assert isinstance(spread, BoxSpread)
    cones = RobustCones(X, masks, spread)
    for pattern in range(12):
        A = np.where(masks[:, pattern], 1.0, -1.0)[:, None] * X
        # u = a − b, a, b ≥ 0, in a box: the largest s with A (a − b) − H (a + b) ≥ s.
        rows = np.column_stack([-A + spread.widths, A + spread.widths, np.ones(len(A))])
        found = linprog([0.0] * 8 + [-1.0], rows, np.zeros(len(A)), bounds=[(0, 1)] * 8 + [(None, 1)])
        assert cones.interiors.alive[pattern] == (found.x[-1] > 1e-7)
    depths = cones.slacks(cones.interiors.directions, np.arange(12)).min(axis=1)
    assert (depths[cones.interiors.alive] > 0).all()
    assert (depths <= cones.interiors.margins + 1e-9).all()


def test_nothing_is_projected_into_cones_without_interior() -> None:
    X, masks = samples(40, 4, 12, seed=5)
    cones = RobustCones(X, masks, spread_of("box", 40, 4, 1.0))
    one_sided = masks.all(axis=0) | ~masks.any(axis=0)  # there is always room for the bias
    assert (cones.interiors.alive == one_sided).all()
    empty = np.flatnonzero(~one_sided)
    U, bounds, _ = cones.project(np.random.default_rng(0).standard_normal((len(empty), 4)), empty, 1e-6)
    assert not U.any()
    assert bounds.max() <= 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_repaired_columns_are_in_their_cones_and_others_stay(kind: str) -> None:
    X, masks = samples(30, 4, 8, seed=3)
    cones = RobustCones(X, masks, spread_of(kind, 30, 4, 0.01))
    patterns = np.arange(8)
    inside = cones.interiors.directions * cones.interiors.alive[:, None]
    U = inside + 0.3 * np.random.default_rng(0).standard_normal(inside.shape)
    fixed = cones.repaired(U, patterns)
    assert cones.violation(fixed, patterns) <= 1e-14
    assert cones.repaired(inside, patterns) == pytest.approx(inside, abs=1e-15)
    assert cones.violation(U, patterns) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_spread_shrinks_is_its_proximal_point(kind: str) -> None:
    n, d = 6, 4
    spread, generator = spread_of(kind, n, d, 0.5), np.random.default_rng(0)
    V, multipliers = generator.standard_normal((5, d)), generator.uniform(0, 0.6, (5, n))
    multipliers[0] = 0.0
    shrunk = spread.shrunk(V, multipliers)
    for row in range(5):
        u = cp.Variable(d)
        total = sum(multipliers[row, k] * spread_value(spread, k, u) for k in range(n))
        cp.Problem(cp.Minimize(0.5 * cp.sum_squares(u - V[row]) + total)).solve(solver=cp.CLARABEL)
        assert shrunk[row] == pytest.approx(u.value, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_spreads_are_the_worst_of_their_sets(kind: str) -> None:
    n, d = 6, 4
    spread, generator = spread_of(kind, n, d, 0.5), np.random.default_rng(0)
    C = generator.standard_normal((n, d))
    if isinstance(spread, BallSpread):
        directions = generator.standard_normal((4000, 1, d))
        deltas = directions / np.linalg.norm(directions, axis=2, keepdims=True) * spread.radii
    else:
        deltas = np.array(np.meshgrid(*[[-1.0, 1.0]] * d)).reshape(d, -1).T[:, None, :] * spread.widths
    worst = -np.einsum("snd,nd->sn", np.broadcast_to(deltas, (len(deltas), n, d)), C).min(axis=0)
    assert (worst <= spread.values(C) + 1e-12).all()
    assert worst == pytest.approx(spread.values(C), rel=2e-2 if isinstance(spread, BallSpread) else 1e-12)
    attained = np.einsum("nd,nd->n", spread.subgradient(C), C)
    assert attained == pytest.approx(spread.values(C), abs=1e-12)
    far = spread.clipped(100.0 * generator.standard_normal((n, d)), np.ones(n))
    assert (np.einsum("nd,nd->n", far, C) <= spread.values(C) + 1e-12).all()

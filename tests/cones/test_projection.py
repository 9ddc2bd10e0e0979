"""Projections onto pattern cones against an independent least-squares solver, and by their own conditions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from reludsl.cones import ConeProjector


def one_by_one(projector: ConeProjector, C: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    """The projections by SciPy, each by itself: c + Aᵀλ for the λ ≥ 0 that makes it shortest."""
    rows = []
    for c, pattern in zip(C, patterns, strict=True):
        A = projector.sides[pattern][:, None] * projector.unit
        size = max(float(np.linalg.norm(c)), 1e-300)
        multipliers, _ = nnls(A.T, -c / size, maxiter=200 * sum(A.shape)) if len(A) else (np.zeros(0), 0.0)
        rows.append(c + size * (A.T @ multipliers))
    return np.array(rows)


def check(X: np.ndarray, masks: np.ndarray, C: np.ndarray, warm: np.ndarray | None = None) -> None:
    """Exact, inside the cones, norms that belong to them; also when the supports come from another projection."""
    projector, patterns = ConeProjector(X, masks), np.arange(len(C))
    supports = projector.no_supports(len(C))
    if warm is not None:
        projector.project(warm, patterns, supports)
    U, norms = projector.project(C, patterns, supports)
    sizes = np.maximum(np.linalg.norm(C, axis=1), 1e-300)
    errors = np.linalg.norm(U - one_by_one(projector, C, patterns), axis=1) / sizes
    assert errors.max(initial=0.0) <= 1e-9
    inside = (U @ projector.unit.T) * projector.sides
    assert (inside.min(axis=1, initial=0.0) >= -1e-9 * np.linalg.norm(U, axis=1)).all()
    assert norms == pytest.approx(np.linalg.norm(U, axis=1), abs=1e-12 * sizes.max())


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(1, 6),
    st.integers(1, 8),
    st.sampled_from(["gaussian", "integer", "low rank", "repeated", "wide", "any masks"]),
    st.integers(-8, 8),
    st.integers(0, 10_000),
)
def test_projections_are_exact(n: int, d: int, P: int, kind: str, exponent: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n, d))
    match kind:
        case "integer" | "any masks":
            X = generator.integers(-2, 3, (n, d)).astype(float)
        case "low rank":
            X = X[:, :1] @ generator.standard_normal((1, d))
        case "repeated":
            X = np.vstack([X, X, -X, 0 * X[:1]])
        case "wide":
            X = generator.standard_normal((n, n + d))
    masks = X @ generator.standard_normal((X.shape[1], P)) >= 0
    if kind == "any masks":  # also of cones that hold nothing but 0
        masks = generator.random(masks.shape) < 0.5
    C = generator.standard_normal((P, X.shape[1]))
    other = C + 0.3 * generator.standard_normal(C.shape)
    scale = 10.0**exponent
    check(scale * X, masks, C / scale)
    check(scale * X, masks, C, warm=other)


def test_columns_as_pricing_meets_them() -> None:
    """Gradients of a loss: chambers are narrow, and supports hold nearly as many rows as there are dimensions."""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((200, 10))
    masks = X @ generator.standard_normal((10, 40)) >= 0
    C = ((X * generator.standard_normal(200)[:, None]).T @ masks).T
    check(X, masks, C)
    check(X, masks, -C, warm=C)


def test_a_threshold_bounds_what_is_below_and_keeps_what_is_above() -> None:
    generator = np.random.default_rng(1)
    X = generator.standard_normal((60, 5))
    masks = X @ generator.standard_normal((5, 30)) >= 0
    C, patterns = generator.standard_normal((30, 5)), np.arange(30)
    projector = ConeProjector(X, masks)
    exact, norms = projector.project(C, patterns, projector.no_supports(30))
    threshold = float(np.median(norms))
    U, bounds = projector.project(C, patterns, projector.no_supports(30), threshold)
    above = norms > threshold
    assert U[above] == pytest.approx(exact[above], abs=1e-12)
    assert not U[~above].any()
    assert (bounds[~above] <= threshold).all() and (bounds >= norms * (1 - 1e-12)).all()


def test_no_columns_and_no_rows() -> None:
    projector = ConeProjector(np.zeros((3, 2)), np.ones((3, 4), dtype=bool))
    C = np.ones((4, 2))
    assert projector.project(C, np.arange(4), projector.no_supports(4))[0] == pytest.approx(C)
    U, norms = projector.project(np.zeros((0, 2)), np.arange(0), projector.no_supports(0))
    assert U.shape == (0, 2) and norms.shape == (0,)


@pytest.mark.parametrize(("n", "d", "shift"), [(70, 70, 0.0), (64, 100, 0.0), (90, 120, 0.3)])
def test_simplicial_cones_by_block_principal_pivoting(n: int, d: int, shift: float) -> None:
    generator = np.random.default_rng(n)
    X = generator.standard_normal((n, d)) + shift
    masks = X @ generator.standard_normal((d, 12)) >= 0
    assert ConeProjector(X, masks).gram is not None
    C = ((X * generator.standard_normal(n)[:, None]).T @ masks).T
    check(X, masks, C)
    check(X, masks, -C, warm=C + 0.1 * generator.standard_normal(C.shape))
    # The active set finds the same.
    patient = ConeProjector(X, masks)
    patient.gram = None
    for threshold in (0.0, 0.5 * float(np.linalg.norm(C, axis=1).max())):
        found, expected = (
            projector.project(C, np.arange(12), projector.no_supports(12), threshold)
            for projector in (ConeProjector(X, masks), patient)
        )
        assert found[0] == pytest.approx(expected[0], abs=1e-9 * np.abs(C).max())
        assert (found[1][expected[1] <= threshold] <= threshold).all()


def test_what_a_simplicial_support_leaves() -> None:
    generator = np.random.default_rng(5)
    X = generator.standard_normal((70, 80)) * generator.uniform(0.1, 10.0, (70, 1))
    projector = ConeProjector(X, np.ones((70, 1), dtype=bool))
    rows = np.array([3, 10, 44])
    N = np.eye(80) - np.linalg.pinv(X[rows]) @ X[rows]
    assert projector.kernel_left(rows) == pytest.approx(X @ N @ X.T, abs=1e-8)
    assert projector.kernel_left(rows[:0]) == pytest.approx(X @ X.T)


def test_nearly_dependent_rows_are_left_to_the_active_set() -> None:
    generator = np.random.default_rng(2)
    X = generator.standard_normal((70, 80))
    X[1] = X[0] + 1e-9 * X[1]
    masks = X @ generator.standard_normal((80, 3)) >= 0
    assert ConeProjector(X, masks).gram is None

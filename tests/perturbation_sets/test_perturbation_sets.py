"""Perturbation sets against independent solvers: supports, maximizers, projections, vertices."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reludsl import emission
from reludsl.perturbation_sets import PerturbationSet, perturbation_set

NORMS = ("linf", "l2", "l1", "box")


def random_set(generator: np.random.Generator, norm: str, n: int, d: int) -> PerturbationSet:
    """A bounded set with features that cannot move, limits that cut, touch or leave the ball alone, other radii."""
    radius = (
        generator.choice([0.0, 0.1, 1.0, 7.0], d) if generator.random() < 0.6 else generator.choice([0.0, 0.5, 3.0])
    )
    sides = generator.choice([0.0, 0.05, 0.3, 1.0, 10.0, np.inf], (2, n, d), p=[0.1, 0.2, 0.2, 0.1, 0.1, 0.3])
    if norm == "box":
        sides = np.minimum(sides, 20.0)
        return PerturbationSet(-sides[0], sides[1])
    base = perturbation_set(np.zeros((n, d)), norm, radius)
    return PerturbationSet(np.maximum(-sides[0], base.lower), np.minimum(sides[1], base.upper), base.order, base.radius)


def constraints(sets: PerturbationSet, k: int, delta: Any) -> list[Any]:
    """The set of one sample for CVXPY, in its own words."""
    low, high, radius = sets.lower[k], sets.upper[k], np.ones(delta.size) if sets.radius is None else sets.radius
    still = (radius == 0) | (low == high)
    below, above = np.isfinite(low) & ~still, np.isfinite(high) & ~still
    found = [delta[still] == 0, delta[below] >= low[below], delta[above] <= high[above]]
    if sets.order is not None and not still.all():
        found.append(cp.norm(cp.multiply(delta[~still], 1.0 / radius[~still]), sets.order) <= 1)
    return [constraint for constraint in found if constraint.size]


shapes = given(
    st.sampled_from(NORMS),
    st.integers(1, 4),
    st.integers(1, 6),
    st.integers(0, 1_000_000),
    st.booleans(),
    st.booleans(),
)


def direction(generator: np.random.Generator, n: int, d: int, whole: bool, sparse: bool) -> np.ndarray:
    """Slopes, also with ties and with zeros."""
    C = generator.integers(-2, 3, (n, d)).astype(float) if whole else generator.standard_normal((n, d))
    return np.where(generator.random((n, d)) < 0.4, 0.0, C) if sparse else C


@settings(max_examples=60, deadline=None)
@shapes
def test_support_is_the_value_of_the_program(norm: str, n: int, d: int, seed: int, whole: bool, sparse: bool) -> None:
    generator = np.random.default_rng(seed)
    sets, C = random_set(generator, norm, n, d), direction(generator, n, d, whole, sparse)
    supports = sets.support(C)
    for k in range(n):
        delta = cp.Variable(d)
        value = cp.Problem(cp.Maximize(C[k] @ delta), constraints(sets, k, delta)).solve(solver="CLARABEL")
        assert supports[k] == pytest.approx(value, rel=1e-6, abs=1e-6)


@settings(max_examples=60, deadline=None)
@shapes
def test_projections_are_those_of_a_solver(norm: str, n: int, d: int, seed: int, whole: bool, sparse: bool) -> None:
    generator = np.random.default_rng(seed)
    sets, points = random_set(generator, norm, n, d), 3.0 * direction(generator, n, d, whole, sparse)
    nearest = sets.project(points)
    assert sets.contains(nearest, 1e-12).all()
    for k in range(n):
        delta = cp.Variable(d)
        program = cp.Problem(cp.Minimize(cp.norm(delta - points[k])), constraints(sets, k, delta))
        distance = program.solve(solver="CLARABEL")
        assert np.linalg.norm(nearest[k] - points[k]) == pytest.approx(distance, rel=1e-6, abs=1e-6)
        assert nearest[k] == pytest.approx(delta.value, abs=1e-3)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(NORMS), st.integers(1, 5), st.integers(1, 40), st.integers(0, 1_000_000), st.floats(-8, 8))
def test_conditions_of_optimality(norm: str, n: int, d: int, seed: int, exponent: float) -> None:
    """A maximizer is inside and attains the support; a projection p of x obeys h(x - p) <= (x - p)·p."""
    generator = np.random.default_rng(seed)
    sets = random_set(generator, norm, n, d)
    C = 10.0**exponent * generator.standard_normal((n, d)) * 10.0 ** generator.uniform(-6, 6, (1, d))
    best = sets.maximizer(C)
    assert sets.contains(best, 1e-13).all()
    sizes = (np.abs(C) * np.abs(np.stack(sets.limits)).max(axis=0)).sum(axis=1)
    assert (np.abs(sets.support(C) - (C * best).sum(axis=1)) <= 1e-13 * sizes).all()
    others = [sets.random_vertices(generator), sets.project(C), np.zeros((n, d))]
    assert all((sets.support(C) >= (C * other).sum(axis=1) - 1e-13 * sizes).all() for other in others)
    point = 3.0 * generator.standard_normal((n, d)) * 10.0 ** generator.uniform(-2, 2, (n, 1))
    nearest = sets.project(point)
    rest = point - nearest
    assert sets.contains(nearest, 1e-13).all()
    assert (sets.support(rest) <= (rest * nearest).sum(axis=1) + 1e-11 * (1.0 + (point**2).sum(axis=1))).all()
    assert sets.project(nearest) == pytest.approx(nearest, rel=1e-12, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(0, 10_000))
def test_balls_without_a_cut_have_the_dual_norm(d: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    X, C, radius = np.zeros((3, d)), generator.standard_normal((3, d)), generator.uniform(0, 2, d)
    dual = {"linf": 1, "l2": 2, "l1": np.inf}
    for norm, order in dual.items():
        supports = perturbation_set(X, norm, radius).support(C)
        assert supports == pytest.approx(np.linalg.norm(radius * C, ord=order, axis=1), rel=1e-14)


@settings(max_examples=100, deadline=None)
@shapes
def test_support_never_lies_below_the_truth(norm: str, n: int, d: int, seed: int, whole: bool, sparse: bool) -> None:
    """It is positively homogeneous, sublinear, and attained inside, to rounding."""
    generator = np.random.default_rng(seed)
    sets, C = random_set(generator, norm, n, d), direction(generator, n, d, whole, sparse)
    support, grown = sets.support(C), sets.support(2.0 * C)
    assert (support >= 0).all()
    assert grown == pytest.approx(2.0 * support, rel=1e-14, abs=0)
    parts = sets.support(C + 1.0) + sets.support(-np.ones_like(C))  # sublinear, as every support function
    assert (support <= parts + 1e-13 * (1.0 + parts)).all()


def test_one_feature() -> None:
    X = np.array([[0.0], [0.9], [1.5]])
    for norm in ("linf", "l2", "l1"):
        sets = perturbation_set(X, norm, 0.25, minimum=0.0, maximum=1.0)
        assert sets.support(np.ones((3, 1))) == pytest.approx([0.25, 0.1, 0.0], abs=1e-15)
        assert sets.support(-2.0 * np.ones((3, 1))) == pytest.approx([0.0, 0.5, 0.5], abs=1e-15)
        assert sets.project(np.full((3, 1), -9.0)).ravel() == pytest.approx([0.0, -0.25, -0.25], abs=1e-15)


def test_radius_zero_leaves_the_sample_alone() -> None:
    X, C = np.ones((2, 3)), np.array([[1.0, -2.0, 3.0], [0.0, 0.0, 0.0]])
    for norm in ("linf", "l2", "l1"):
        sets = perturbation_set(X, norm, 0.0)
        for result in (sets.maximizer(C), sets.project(C), sets.random_vertices(np.random.default_rng(0))):
            assert (result == 0).all()
        assert (sets.support(C) == 0).all()
        assert sets.contains(np.zeros((2, 3)), 0.0).all()
        assert not sets.contains(np.full((2, 3), 1e-9), 0.0).any()


def test_infinite_sides_have_an_infinite_support() -> None:
    sets = perturbation_set(np.zeros((1, 2)), "box", lower=[-1.0, 0.0], minimum=-3.0)
    assert not sets.bounded
    assert sets.support(np.array([[1.0, 0.0]])) == [np.inf]
    assert sets.support(np.array([[-2.0, -1.0]])) == [2.0]
    assert (sets.project(np.array([[50.0, -1.0]])) == [[50.0, 0.0]]).all()
    with pytest.raises(ValueError, match="without bounds"):
        sets.random_vertices(np.random.default_rng(0))


def test_vertices_of_a_ball_are_spread_evenly() -> None:
    generator = np.random.default_rng(0)
    radius = np.array([0.1, 5.0])
    ends = perturbation_set(np.zeros((4000, 2)), "l1", radius).random_vertices(generator)
    assert ((ends != 0).sum(axis=1) == 1).all()
    assert np.mean(ends[:, 0] != 0) == pytest.approx(0.5, abs=0.04)
    points = perturbation_set(np.zeros((4000, 2)), "l2", radius).random_vertices(generator) / radius
    assert np.linalg.norm(points, axis=1) == pytest.approx(1.0, rel=1e-14)
    assert points.mean(axis=0) == pytest.approx([0.0, 0.0], abs=0.05)
    assert (points**2).mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.03)


@settings(max_examples=60, deadline=None)
@shapes
def test_scaled_inputs_have_the_scaled_set(norm: str, n: int, d: int, seed: int, whole: bool, sparse: bool) -> None:
    generator = np.random.default_rng(seed)
    sets, C = random_set(generator, norm, n, d), direction(generator, n, d, whole, sparse)
    divisor = generator.uniform(0.1, 10.0, d) * generator.choice([-1.0, 1.0], d)
    scaled = sets.scaled(divisor)
    assert scaled.support(C * divisor) == pytest.approx(sets.support(C), rel=1e-12, abs=1e-12)
    assert scaled.contains(sets.maximizer(C) / divisor, 1e-12).all()
    index = np.arange(n)[::-1]
    assert (sets.rows(index).support(C[index]) == sets.support(C)[index]).all()


def test_extreme_sizes_stay_inside() -> None:
    C = np.array([[1e-200, 1.0, 1e-300], [1e200, 1e-250, 1.0]])
    for norm in ("l2", "l1"):
        sets = perturbation_set(np.zeros((2, 3)), norm, [1e-100, 1.0, 1e100], lower=-1.0, upper=0.5)
        assert sets.contains(sets.maximizer(C), 1e-13).all()
        sets = perturbation_set(np.zeros((2, 3)), norm, [1e-6, 1.0, 1e6], lower=-1.0, upper=0.5)
        for size in (1e-100, 1e-6, 1e6, 1e100):
            assert sets.contains(sets.project(np.full((2, 3), size)), 1e-13).all()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"norm": "l3", "radius": 1.0}, "the norm is 'l3'"),
        ({"norm": "box", "radius": 1.0}, "no radius"),
        ({"norm": "l2"}, "needs a radius"),
        ({"norm": "l2", "radius": -1.0}, "not below 0"),
        ({"norm": "l2", "radius": np.inf}, "finite"),
        ({"norm": "l2", "radius": np.nan}, "not a number"),
        ({"norm": "l2", "radius": [1.0, 2.0]}, "each of the 3 inputs"),
        ({"norm": "l2", "radius": 1.0, "lower": 0.1}, "to be in its set"),
        ({"norm": "l2", "radius": 1.0, "upper": [0.0, 0.0, -1.0]}, "to be in its set"),
        ({"norm": "l2", "radius": 1.0, "minimum": 1.0, "maximum": 0.0}, "above the maximum"),
    ],
)
def test_senseless_sets_are_refused(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        perturbation_set(np.zeros((2, 3)), **arguments)


def test_the_source_stands_alone(tmp_path: Path) -> None:
    """Generated code embeds the class with all that it calls; it then needs NumPy and the standard library only."""
    parts = emission._with_what_they_call((perturbation_set,))
    imports = "from __future__ import annotations\nfrom dataclasses import dataclass, replace\nfrom typing import Any\n"
    path = tmp_path / "alone.py"
    path.write_text("\n\n".join([imports + "import numpy as np", *map(emission._source, parts)]), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("alone", path)
    assert spec is not None and spec.loader is not None
    alone = importlib.util.module_from_spec(spec)
    sys.modules["alone"] = alone  # where `dataclass` looks for it
    try:
        spec.loader.exec_module(alone)
        X = np.random.default_rng(0).standard_normal((5, 3))
        for norm in ("linf", "l2", "l1"):
            ours, theirs = (
                make(X, norm, [0.3, 0.4, 0.0], minimum=-1.0) for make in (perturbation_set, alone.perturbation_set)
            )
            for method in ("support", "maximizer", "project"):
                assert (getattr(ours, method)(X) == getattr(theirs, method)(X)).all()
    finally:
        del sys.modules["alone"]

"""Weak duality, whatever the dual point is; projections by their optimality conditions; honest feasible points."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reludsl.certificate.cones import PatternCones
from reludsl.certificate.duality import Feasible, bound_from, dual_bound, feasible_point, largest_price
from reludsl.ir import objective
from reludsl.ir.pattern_form import PatternForm
from reludsl.lowering.patterns import sample_patterns
from reludsl.model.losses.hinge import Hinge
from reludsl.model.losses.logistic import Logistic
from reludsl.model.losses.squared import HalfSquare

FORMS = {
    "squared": (HalfSquare(), "distance"),
    "hinge": (Hinge(), "margin"),
    "hinge, margin 2": (Hinge(2.0), "margin"),
    "logistic": (Logistic(), "margin"),
}


def form_of(loss: str, mean: bool, beta: float) -> PatternForm:
    function, structure = FORMS[loss]
    return PatternForm(function, structure, mean, beta)  # type: ignore[arg-type]


def instance(seed: int, n: int, d: int, labels: bool) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n, d))
    y = generator.standard_normal(n)
    D, _ = sample_patterns(X, 8, seed)
    return {"X": X, "y": np.where(y > 0, 1.0, -1.0) if labels else y, "D": D}


def random_feasible(arrays: dict[str, np.ndarray], seed: int, scale: float) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    cones = PatternCones(arrays["X"], arrays["D"])
    shape = (arrays["X"].shape[1], arrays["D"].shape[1])
    return {
        name: np.column_stack([cones.project(scale * generator.standard_normal(shape[0]), i) for i in range(shape[1])])
        for name in ("V", "W")
    }


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(FORMS)),
    st.booleans(),
    st.floats(1e-3, 10),
    st.integers(0, 10_000),
    st.floats(-6, 6),
    st.floats(-4, 2),
)
def test_no_dual_point_beats_a_feasible_one(
    loss: str, mean: bool, beta: float, seed: int, z_exponent: float, point_exponent: float
) -> None:
    """Random and absurd dual points of every size and sign give true lower bounds, or -inf."""
    form = form_of(loss, mean, beta)
    arrays = instance(seed, 12, 3, form.structure == "margin")
    z = 10.0**z_exponent * np.random.default_rng(seed + 1).standard_normal(12)
    bound = bound_from(form, arrays["X"], arrays["D"].astype(float), arrays["y"], z)
    point = random_feasible(arrays, seed + 2, 10.0**point_exponent)
    value = objective(form.program("p"), {**arrays, **point})
    assert not math.isnan(bound)
    assert bound <= value + 1e-9 * (1 + abs(value))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 6))
def test_projection_meets_the_optimality_conditions(seed: int, n: int, d: int) -> None:
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n, d))
    D = (X @ generator.standard_normal((d, 3)) >= 0).astype(float)
    cones = PatternCones(X, D)
    for pattern in range(3):
        c = generator.standard_normal(d)
        u = cones.project(c, pattern)
        rows = (2 * D[:, pattern] - 1)[:, None] * X
        assert (rows @ u >= -1e-9 * np.linalg.norm(X, axis=1)).all()
        assert abs((c - u) @ u) <= 1e-9  # Moreau: c = u + (c - u) with orthogonal parts,
        inside = cones.project(generator.standard_normal(d), pattern)
        assert (c - u) @ inside <= 1e-9  # and c - u in the polar cone


def test_projection_of_degenerate_cones() -> None:
    X = np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, 0.0], [1.0, 0.0]])
    cones = PatternCones(X, np.array([[1.0], [1.0], [0.0], [1.0]]))
    assert cones.project(np.array([-1.0, 2.0]), 0) == pytest.approx([0.0, 2.0])
    only_zero = PatternCones(np.array([[1.0], [1.0]]), np.array([[1.0], [0.0]]))
    assert only_zero.project(np.array([3.0]), 0) == pytest.approx([0.0])
    assert only_zero.project(np.array([0.0]), 0) == pytest.approx([0.0])


def test_where_least_squares_fails_the_answers_stay_true(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **keywords: object) -> None:
        raise RuntimeError("iteration limit")

    monkeypatch.setattr("reludsl.certificate.cones.nnls", fail)
    cones = PatternCones(np.eye(2), np.array([[1.0], [0.0]]))
    c = np.array([-3.0, 4.0])
    assert cones.project(c, 0) == pytest.approx([0.0, 0.0])  # in the cone
    assert cones.norm_bound(c, 0) == 5.0  # not below the norm of the projection


def test_largest_price_is_the_largest_over_the_cones() -> None:
    arrays = instance(3, 10, 3, False)
    z = arrays["y"]
    X, D = arrays["X"], arrays["D"].astype(float)
    cones = PatternCones(X, D)
    by_hand = max(
        float(np.linalg.norm(cones.project(sign * X.T @ (D[:, i] * z), i)))
        for i in range(D.shape[1])
        for sign in (1, -1)
    )
    assert largest_price(X, D, z, 1e-9) == pytest.approx(by_hand)
    assert largest_price(X, D, z, 2 * by_hand) == 2 * by_hand  # certainly no larger than the threshold


def test_an_infeasible_point_is_projected_and_its_violation_told() -> None:
    form = form_of("squared", False, 0.1)
    arrays = instance(5, 12, 3, False)
    generator = np.random.default_rng(0)
    shape = (3, arrays["D"].shape[1])
    point = {"V": generator.standard_normal(shape), "W": generator.standard_normal(shape)}
    program = form.program("p")
    feasible = feasible_point(program, arrays, point)
    assert feasible.violation > 0.1
    assert feasible_point(program, arrays, feasible.point).violation <= 1e-12
    assert feasible.objective == pytest.approx(objective(program, {**arrays, **feasible.point}))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 9999), st.floats(-8, 8))
def test_the_violation_is_what_the_definition_says(seed: int, exponent: float) -> None:
    """The worst e_k x_kᵀv / ‖x_k‖ below zero, over all columns of both blocks, relative to the longest column."""
    arrays = instance(seed, 12, 3, False)
    generator = np.random.default_rng(seed)
    P = arrays["D"].shape[1]
    # Blocks of very different sizes: each is held against the longest column of both.
    point = {"V": generator.standard_normal((3, P)), "W": 10.0**exponent * generator.standard_normal((3, P))}
    worst = max(
        -(2.0 * arrays["D"][k, i] - 1.0) * float(arrays["X"][k] @ block[:, i]) / float(np.linalg.norm(arrays["X"][k]))
        for block in point.values()
        for i in range(P)
        for k in range(12)
    )
    longest = max(float(np.linalg.norm(block[:, i])) for block in point.values() for i in range(P))
    found = feasible_point(form_of("squared", False, 0.1).program("p"), arrays, point).violation
    assert found == pytest.approx(max(worst, 0.0) / longest, rel=1e-9)


def test_zero_is_taken_when_it_is_better() -> None:
    form = form_of("squared", False, 1e3)
    arrays = instance(5, 12, 3, False)
    point = random_feasible(arrays, 1, 1.0)
    feasible = feasible_point(form.program("p"), arrays, point)
    assert feasible.objective == pytest.approx(0.5 * float(arrays["y"] @ arrays["y"]))


def test_kinks_give_no_bound() -> None:
    form = form_of("hinge", False, 0.1)
    arrays = instance(5, 12, 3, True)
    zero = {name: np.zeros((3, arrays["D"].shape[1])) for name in ("V", "W")}
    assert dual_bound(form.program("p"), arrays, Feasible(zero, 12.0, 0.0)) is None


def test_no_penalty_bounds_by_the_loss_alone() -> None:
    form = form_of("squared", False, 0.0)
    arrays = instance(5, 12, 3, False)
    zero = {name: np.zeros((3, arrays["D"].shape[1])) for name in ("V", "W")}
    program = form.program("p")
    bound = dual_bound(program, arrays, feasible_point(program, arrays, zero))
    assert bound is not None and 0 <= bound.value <= 1e-12

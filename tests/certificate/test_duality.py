"""Weak duality, whatever the dual point is; projections by their optimality conditions; honest feasible points."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import cycle, product

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reludsl.certificate.columns import gauge
from reludsl.certificate.cones import PatternCones
from reludsl.certificate.duality import (
    Feasible,
    block_prices,
    bound_from,
    dual_bound,
    feasible_point,
)
from reludsl.cones import Supports
from reludsl.ir import objective
from reludsl.ir.pattern_problem import as_columns
from tests.certificate.instances import (
    ACTIVATIONS,
    LOSSES,
    OFFSETS,
    PENALTIES,
    SMOOTH,
    Arrays,
    Instance,
    patterns_of,
    random_feasible,
    solved,
)

INSIDE = 1 - 1e-12
"""What takes a point on the border of a conjugate's domain inside, whatever rounding made of it."""

instances = st.builds(
    Instance,
    loss=st.sampled_from(sorted(LOSSES)),
    activation=st.sampled_from([*ACTIVATIONS, "features"]),
    offset=st.sampled_from(sorted(OFFSETS)),
    several=st.booleans(),
    weighted=st.booleans(),
    mean=st.booleans(),
    beta=st.floats(1e-3, 10),
    seed=st.integers(0, 10_000),
    penalty=st.sampled_from(sorted(PENALTIES)),
    one_sided=st.booleans(),
).map(lambda given: replace(given, several=True) if given.loss == "cross-entropy" else given)


def dual_points(given: Instance, seed: int, exponent: float) -> list[np.ndarray]:
    """Random and adversarial dual points (n, c): of any size, with and without the samples that do not count, ..."""
    generator = np.random.default_rng(seed)
    problem = given.problem
    random = 10.0**exponent * generator.standard_normal((given.n, given.outputs))
    weights = np.ones(given.n) if problem.weights is None else problem.weights
    # ... and at gradients, where the conjugate is finite, pushed and shrunk.
    scale = float(np.exp(generator.uniform(-6, 2)))
    predictions = problem.predictions(*as_columns(given.program, random_feasible(given, seed, scale)))
    gradient = -problem.loss_gradient(predictions)
    return [
        random,
        random * weights[:, None],
        gradient,
        10.0**exponent * gradient,
        gradient + 1e-3 * random * weights[:, None],
        np.zeros_like(random),
    ]


@settings(max_examples=60, deadline=None)
@given(instances, st.integers(0, 10_000), st.floats(-6, 6), st.floats(-4, 2))
def test_no_dual_point_beats_a_feasible_one(
    given: Instance, seed: int, z_exponent: float, point_exponent: float
) -> None:
    """Random and absurd dual points of every size and sign give true lower bounds, or -inf."""
    assert_weak_duality(given, seed, z_exponent, point_exponent)


def assert_weak_duality(given: Instance, seed: int, z_exponent: float, point_exponent: float) -> None:
    problem = given.problem
    point = random_feasible(given, seed + 2, 10.0**point_exponent)
    value = objective(given.program, {**given.arrays, **point})
    for z in dual_points(given, seed, z_exponent):
        bound = bound_from(problem, z) / problem.scale
        assert not math.isnan(bound)
        assert bound <= value + 1e-9 * (1 + abs(value))


MIXED = [penalty for penalty in PENALTIES if penalty.startswith("biased")]
UNMIXED = [penalty for penalty in PENALTIES if penalty not in MIXED]
VARIED = [
    Instance("squared"),
    Instance("squared", offset="free", mean=True, weighted=True),
    Instance("squared", "gated", "squared", several=True),
    Instance("squared", "features", "absolute", several=True, weighted=True),
    Instance("huber", "leaky", "both", weighted=True),
    Instance("huber", "features", "free", mean=True),
    Instance("huber", "absolute", "absolute", several=True),
    Instance("squared hinge", "absolute", "free", weighted=True),
    Instance("squared hinge", "gated", "none", several=True, mean=True),
    Instance("squared hinge", "features", "both"),
    Instance("logistic", "relu", "free"),
    Instance("logistic", "gated", "absolute", weighted=True, mean=True),
    Instance("logistic", "leaky", "squared", several=True, weighted=True),
    Instance("logistic", "features", "free", several=True),
    Instance("cross-entropy", "relu", "none", several=True),
    Instance("cross-entropy", "relu", "free", several=True, weighted=True, mean=True),
    Instance("cross-entropy", "gated", "squared", several=True, weighted=True),
    Instance("cross-entropy", "features", "absolute", several=True),
    Instance("cross-entropy", "absolute", "free", several=True),
    *[
        Instance("squared" if place % 2 else "logistic", activation, offset, penalty=penalty, one_sided=place % 3 == 0)
        for place, (activation, offset, penalty) in enumerate(
            product(("relu", "absolute", "gated"), ("none", "free"), UNMIXED)
        )
    ],
    *[
        Instance("logistic" if place % 2 else "squared", activation, offset, penalty=penalty, one_sided=place % 3 == 0)
        for place, (penalty, activation, offset) in enumerate(
            zip(MIXED, cycle(("relu", "absolute", "leaky")), cycle(("free", "none", "both", "free")), strict=False)
        )
    ],
    Instance("cross-entropy", "relu", "none", several=True, penalty="sparse group"),
    Instance("cross-entropy", "leaky", "free", several=True, weighted=True, penalty="free l1"),
    Instance("cross-entropy", "gated", "none", several=True, weighted=True, penalty="free sparse group"),
    Instance("huber", "gated", "free", several=True, mean=True, penalty="free"),
    Instance("cross-entropy", "relu", "free", several=True, weighted=True, penalty="biased group, group"),
    Instance("huber", "leaky", "both", mean=True, penalty="biased l1, group", n=40, d=5),
]
varied = pytest.mark.parametrize("given_", VARIED, ids=lambda given: " ".join(str(given).split("(")[1].split(", ")[:6]))


@varied
def test_the_bound_is_tight_at_the_optimum(given_: Instance) -> None:
    """At the points that another solver finds the gap closes, and the bound does not pass that solver's optimum."""
    point, optimum, dual = solved(given_)
    feasible = feasible_point(given_.program, given_.arrays, point)
    assert feasible.objective == pytest.approx(optimum, rel=1e-6)
    # The gradient at a point is off by as much as the point, which is more than its objective is.
    for multipliers, accuracy in ((None, 1e-4), (dual, 1e-5)):
        bound = dual_bound(given_.program, given_.arrays, feasible, point, multipliers)
        assert bound is not None and bound.scope == "program" and bound.by == "duality"
        assert optimum - accuracy * abs(optimum) <= bound.value <= optimum + 1e-7 * abs(optimum)


@varied
def test_no_dual_point_beats_the_optimum(given_: Instance) -> None:
    """Close to the optimal dual point and far from it, more sharply than with random feasible points."""
    point, optimum, _ = solved(given_)
    problem = given_.problem
    best = -problem.loss_gradient(problem.predictions(*as_columns(given_.program, point)))
    generator = np.random.default_rng(1)
    candidates = [best * factor for factor in (0.5, 0.99, 1.01, 2.0, 100.0, -1.0)]
    candidates += [best * generator.uniform(1 - spread, 1 + spread, best.shape) for spread in (1e-6, 1e-3, 0.1, 1.0)]
    candidates += [best + spread * generator.standard_normal(best.shape) for spread in (1e-6, 1e-3, 0.1)]
    candidates += dual_points(given_, 0, 0.0)
    for z in candidates:
        assert bound_from(problem, z) / problem.scale <= optimum + 1e-7 * abs(optimum)


KINKS = [
    Instance(loss, activation, offset, several, weighted, mean, penalty=penalty)
    for loss, activation, offset, several, weighted, mean, penalty in (
        ("hinge", "relu", "none", False, False, False, "group"),
        ("hinge", "gated", "free", True, True, True, "sparse group"),
        ("hinge", "leaky", "free", False, True, False, "free l1"),
        ("hinge", "features", "absolute", False, False, True, "group"),
        ("absolute", "relu", "free", False, True, True, "l1"),
        ("absolute", "absolute", "squared", True, False, False, "free"),
        ("absolute", "gated", "none", False, False, False, "free sparse group"),
        ("quantile", "relu", "none", True, True, False, "group, ridge"),
        ("quantile", "gated", "both", False, False, True, "free l1, ridge"),
        ("quantile", "features", "free", False, False, False, "group"),
        ("cross-entropy", "relu", "free", True, True, True, "free"),
        ("absolute", "relu", "none", False, True, True, "biased group, l1"),
        ("hinge", "leaky", "free", True, False, False, "biased l2, group"),
    )
]


@pytest.mark.parametrize("given_", KINKS, ids=lambda given: f"{given.loss} {given.activation} {given.penalty}")
def test_the_dual_point_of_cvxpy_is_tight_at_kinks(given_: Instance) -> None:
    """The multipliers of the predictions close the gap, also where no gradient would."""
    point, optimum, dual = solved(given_)
    feasible = feasible_point(given_.program, given_.arrays, point)
    bound = dual_bound(given_.program, given_.arrays, feasible, point, dual)
    assert bound is not None
    assert bound.value <= optimum + 1e-7 * abs(optimum)
    assert bound.value >= optimum - 1e-5 * abs(optimum)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(instances, st.integers(0, 10_000), st.floats(-6, 6), st.floats(-4, 2))
def test_no_dual_point_beats_a_feasible_one_at_length(
    given: Instance, seed: int, z_exponent: float, point_exponent: float
) -> None:
    assert_weak_duality(given, seed, z_exponent, point_exponent)


@settings(max_examples=40, deadline=None)
@given(instances, st.sampled_from([np.nan, np.inf, -np.inf, 1e200, -1e300]), st.integers(0, 10_000))
def test_absurd_dual_points_are_no_bound_or_a_true_one(given: Instance, absurd: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    z = generator.standard_normal(given.problem.Y.shape)
    z[generator.integers(given.n), generator.integers(given.outputs)] = absurd
    bound = bound_from(given.problem, z)
    assert bound == -math.inf or math.isfinite(absurd)
    zero = {name: 0 * array for name, array in random_feasible(given, seed, 1.0).items()}
    value = objective(given.program, {**given.arrays, **zero})
    assert bound / given.problem.scale <= value + 1e-9 * (1 + abs(value))


def test_a_dual_point_of_another_shape_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"is \(12, 1\), not \(12,\)"):
        bound_from(Instance().problem, np.zeros(12))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(-5, 40))
def test_wrong_supports_change_no_price(seed: int, largest: int) -> None:
    """Where projections start is a hint: any rows, even such as do not exist, give the same lengths above the cost."""
    given_ = Instance(seed=seed, beta=0.1)
    problem, generator = given_.problem, np.random.default_rng(seed)
    shape = (problem.columns, generator.integers(0, 8))
    rows = generator.integers(-6, max(largest, -5), shape)
    supports = Supports(rows, generator.random(shape) < 0.7, np.full(shape, np.nan), np.full((len(rows), 3), np.nan))
    found, expected = (block_prices(problem, problem.Y, hint) for hint in (supports, None))
    assert np.maximum(found, problem.group) == pytest.approx(np.maximum(expected, problem.group), rel=1e-9)


def test_what_a_column_brings_is_its_gauge() -> None:
    """The least scale at which a column is a vector of the ball and one of the box, by an independent program."""
    generator = np.random.default_rng(0)
    columns = generator.standard_normal((4, 6)) * np.array([1e-3, 1, 1, 10, 100, 0])
    for group, l1 in ((0.7, 0.2), (0.01, 1.0), (1.0, 1e-6), (0.5, 0.0), (0.0, 0.3)):
        problem = replace(Instance().problem, group=group, l1=l1)
        for column, found in zip(columns.T, gauge(problem, columns), strict=True):
            scale, inside = cp.Variable(), cp.Variable(4)
            constraints = [cp.norm(inside) <= group * scale, cp.norm(column - inside, "inf") <= l1 * scale]
            by_hand = cp.Problem(cp.Minimize(scale), constraints).solve(solver="CLARABEL")
            assert found == pytest.approx(by_hand, rel=1e-6, abs=1e-8)


def test_a_complete_program_bounds_the_training_problem() -> None:
    given_ = VARIED[0]
    point, optimum, _ = solved(given_)
    feasible = feasible_point(given_.program, given_.arrays, point)
    bound = dual_bound(given_.program, given_.arrays, feasible, point, complete=True)
    assert bound is not None and (bound.scope, bound.by) == ("global", "enumeration")
    assert bound.value == pytest.approx(optimum, rel=1e-4)


@settings(max_examples=100, deadline=None)
@given(instances.filter(lambda given: given.loss in SMOOTH), st.integers(0, 9999), st.floats(-4, 3))
def test_admissible_points_suit_output_biases_and_the_domain(given: Instance, seed: int, exponent: float) -> None:
    problem = given.problem
    predictions = problem.predictions(*as_columns(given.program, random_feasible(given, seed, 10.0**exponent)))
    z = -problem.loss_gradient(predictions)
    found = problem.admissible(z)
    assert found.shape == z.shape
    if problem.offset and not problem.offset_l1 and not problem.offset_l2:
        assert np.abs(found.sum(axis=0)).max() <= 1e-9 * (1 + np.abs(z).max())
    assert math.isfinite(problem.conjugate_value(-INSIDE * found))
    again = problem.admissible(found)  # nothing is left to do
    assert again == pytest.approx(found, abs=1e-9 * (1 + np.abs(z).max()))


def test_the_conjugate_of_weighted_losses_is_the_supremum() -> None:
    """Against its definition, over predictions; samples without weight must be left alone."""
    for name in SMOOTH:
        given_ = Instance(name, several=name == "cross-entropy", weighted=True)
        problem = given_.problem
        generator = np.random.default_rng(0)
        F = generator.standard_normal((given_.n, given_.outputs))
        S = problem.loss_gradient(F)
        attained = float(np.sum(S * F)) - problem.loss_value(F)
        assert problem.conjugate_value(INSIDE * S) == pytest.approx(attained)
        for other in (F + generator.standard_normal(F.shape), 10 * F, 0 * F):
            assert problem.conjugate_value(S) >= float(np.sum(S * other)) - problem.loss_value(other) - 1e-9
        assert problem.weights is not None
        S[problem.weights == 0] = 0.1
        assert problem.conjugate_value(S) == math.inf


# -- cones -------------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 6))
def test_projection_meets_the_optimality_conditions(seed: int, n: int, d: int) -> None:
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n, d))
    D = (X @ generator.standard_normal((d, 3)) >= 0).astype(float)
    cones = PatternCones(X, D)
    for pattern in range(3):
        c = generator.standard_normal(d)
        u = one(cones, c, pattern)
        rows = (2 * D[:, pattern] - 1)[:, None] * X
        assert (rows @ u >= -1e-9 * np.linalg.norm(X, axis=1)).all()
        assert abs((c - u) @ u) <= 1e-9  # Moreau: c = u + (c - u) with orthogonal parts,
        inside = one(cones, generator.standard_normal(d), pattern)
        assert (c - u) @ inside <= 1e-9  # and c - u in the polar cone


def one(cones: PatternCones, column: np.ndarray, pattern: int) -> np.ndarray:
    """The projection of one column."""
    projector = cones.projector
    found: np.ndarray = projector.project(column[None], np.array([pattern]), projector.no_supports(1))[0][0]
    return found


def test_projection_of_degenerate_cones() -> None:
    X = np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, 0.0], [1.0, 0.0]])
    cones = PatternCones(X, np.array([[1.0], [1.0], [0.0], [1.0]]))
    assert one(cones, np.array([-1.0, 2.0]), 0) == pytest.approx([0.0, 2.0])
    only_zero = PatternCones(np.array([[1.0], [1.0]]), np.array([[1.0], [0.0]]))
    assert one(only_zero, np.array([3.0]), 0) == pytest.approx([0.0])
    assert one(only_zero, np.array([0.0]), 0) == pytest.approx([0.0])


def test_where_least_squares_fails_the_answers_stay_true(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **keywords: object) -> None:
        raise RuntimeError("iteration limit")

    def no_row_chosen(self: object) -> None:
        return

    monkeypatch.setattr("reludsl.cones.projection.nnls", fail)
    monkeypatch.setattr("reludsl.cones.projection.Batch.check", no_row_chosen)
    cones = PatternCones(np.eye(2), np.array([[1.0], [0.0]]))
    c = np.array([[-3.0], [4.0]])
    assert cones.project(c) == pytest.approx(0.0)  # in the cone
    assert cones.norm_bounds(c, np.array([0]), 0.0) == pytest.approx(5.0)  # not below the norm of the projection


def test_the_largest_price_is_the_largest_over_the_cones() -> None:
    for several in (False, True):
        given_ = Instance(seed=3, n=10, several=several)
        problem, D, X = given_.problem, patterns_of(given_), given_.arrays["X"]
        z = problem.Y
        cones = PatternCones(X, D)
        by_hand = max(
            float(np.linalg.norm(one(cones, sign * X.T @ (D[:, i] * z[:, k]), i)))
            for k in range(z.shape[1])
            for i in range(D.shape[1])
            for sign in (1, -1)
        )
        assert block_prices(replace(problem, group=1e-9), z).max() == pytest.approx(by_hand)
        assert block_prices(replace(problem, group=2 * by_hand), z).max() <= 2 * by_hand


def test_without_cones_the_largest_price_is_a_norm() -> None:
    given_ = Instance(activation="gated", several=True)
    z, X, D = given_.problem.Y, given_.arrays["X"], patterns_of(given_)
    norms = [np.linalg.norm(X.T @ (D[:, i] * z[:, k])) for i in range(D.shape[1]) for k in range(3)]
    assert block_prices(given_.problem, z).max() == pytest.approx(max(norms))
    features = Instance(activation="features", several=True)
    by_hand = np.abs(features.arrays["Z"].T @ features.problem.Y).max()
    assert block_prices(features.problem, features.problem.Y).max() == pytest.approx(by_hand)


# -- feasible points ---------------------------------------------------------------------------------------------------


def random_point(given: Instance, seed: int = 0) -> Arrays:
    """A point that does not look at the cones."""
    generator = np.random.default_rng(seed)
    shape = (given.d, given.arrays["D"].shape[1])
    return {"V": generator.standard_normal(shape), "W": generator.standard_normal(shape)}


@pytest.mark.parametrize("several", [False, True])
def test_an_infeasible_point_is_projected_and_its_violation_told(several: bool) -> None:
    given_ = Instance(beta=0.1, seed=5, several=several)
    program, arrays = given_.program, given_.arrays
    feasible = feasible_point(program, arrays, random_point(given_))
    assert feasible.violation > 0.1
    assert feasible_point(program, arrays, feasible.point).violation <= 1e-12
    assert feasible.objective == pytest.approx(objective(program, {**arrays, **feasible.point}))


@pytest.mark.parametrize("activation", ["gated", "features"])
def test_without_cones_every_point_is_feasible(activation: str) -> None:
    given_ = Instance(activation=activation, offset="both", several=True, beta=1e-3)
    point, optimum, _ = solved(given_)
    feasible = feasible_point(given_.program, given_.arrays, point)
    assert feasible.violation == 0.0
    assert feasible.objective == pytest.approx(optimum, rel=1e-6)
    assert np.array_equal(feasible.point["c0"], point["c0"])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 9999), st.floats(-8, 8))
def test_the_violation_is_what_the_definition_says(seed: int, exponent: float) -> None:
    """The worst e_k x_kᵀv / ‖x_k‖ below zero, over all columns of both blocks, relative to the longest column."""
    given_ = Instance(beta=0.1, seed=seed)
    arrays = given_.arrays
    P = arrays["D"].shape[1]
    # Blocks of very different sizes: each is held against the longest column of both.
    point = random_point(given_, seed)
    point["W"] = 10.0**exponent * point["W"]
    worst = max(
        -(2.0 * arrays["D"][k, i] - 1.0) * float(arrays["X"][k] @ block[:, i]) / float(np.linalg.norm(arrays["X"][k]))
        for block in point.values()
        for i in range(P)
        for k in range(12)
    )
    longest = max(float(np.linalg.norm(block[:, i])) for block in point.values() for i in range(P))
    found = feasible_point(given_.program, arrays, point).violation
    assert found == pytest.approx(max(worst, 0.0) / longest, rel=1e-9)


def test_zero_is_taken_when_it_is_better() -> None:
    given_ = Instance(beta=1e3, seed=5)
    feasible = feasible_point(given_.program, given_.arrays, random_feasible(given_, 1, 1.0))
    y = given_.arrays["y"]
    assert feasible.objective == pytest.approx(0.5 * float(y @ y))


def zero_point(given: Instance) -> Arrays:
    return {name: 0 * block for name, block in random_point(given).items()}


def test_kinks_give_no_bound() -> None:
    given_ = Instance("hinge", beta=0.1, seed=5)
    assert dual_bound(given_.program, given_.arrays, Feasible(zero_point(given_), 12.0, 0.0)) is None


def test_no_penalty_bounds_by_the_loss_alone() -> None:
    given_ = Instance(beta=0.0, seed=5)
    program, arrays = given_.program, given_.arrays
    bound = dual_bound(program, arrays, feasible_point(program, arrays, zero_point(given_)))
    assert bound is not None and 0 <= bound.value <= 1e-12

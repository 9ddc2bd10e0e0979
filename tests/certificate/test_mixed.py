"""What columns bring where only some penalties count the biases, against the definition by an independent program."""

from __future__ import annotations

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reludsl.certificate.mixed import MixedCost, mixed_columns, nearest_of_disk
from reludsl.ir.pattern_problem import PatternProblem
from tests.certificate.instances import PENALTIES, Instance

MIXED = [penalty for penalty in PENALTIES if penalty.startswith("biased")]
mixed = pytest.mark.parametrize("penalty", MIXED)


def penalty_of(problem: PatternProblem, u: cp.Variable) -> cp.Expression:
    """The penalty of a column by its definition."""
    inner = u[:-1]
    total = problem.group * cp.norm(u) + problem.l1 * cp.norm1(u) + problem.l2 / 2 * cp.sum_squares(u)
    total += problem.inner_group * cp.norm(inner) + problem.inner_l1 * cp.norm1(inner)
    return total + problem.inner_l2 / 2 * cp.sum_squares(inner)


def brings(problem: PatternProblem, column: np.ndarray, rows: np.ndarray | None = None) -> float:
    """sup c·u − p(u) over the cone of rows, with ‖u‖ ≤ 1000: more than that only where it is inf."""
    u = cp.Variable(len(column))
    constraints = [cp.norm(u) <= 1000] + ([] if rows is None else [rows @ u >= 0])
    program = cp.Problem(cp.Maximize(column @ u - penalty_of(problem, u)), constraints)
    return float(program.solve(solver="CLARABEL"))


@mixed
def test_the_conjugate_is_the_supremum(penalty: str) -> None:
    problem, generator = Instance(penalty=penalty).problem, np.random.default_rng(0)
    columns = generator.standard_normal((4, 12)) * 10.0 ** generator.uniform(-1.5, 0.5, 12)
    assert problem.mixed
    for k in range(12):
        found, expected = float(MixedCost(problem).conjugates(columns)[k]), brings(problem, columns[:, k])
        if np.isfinite(found):
            assert found == pytest.approx(expected, rel=1e-5, abs=1e-7)
        else:
            assert expected > 1.0  # it grows with the ball


@mixed
def test_the_share_is_the_largest_with_a_finite_conjugate(penalty: str) -> None:
    cost, generator = MixedCost(Instance(penalty=penalty).problem), np.random.default_rng(1)
    for scale in (0.01, 1.0, 1e3):
        columns = scale * generator.standard_normal((4, 5))
        share = cost.share(columns)
        assert 0 < share <= 1
        assert np.isfinite(cost.conjugates(share * columns).sum())
        assert share == 1 or cost.conjugates((1 + 1e-9) * share * columns).sum() == np.inf


@mixed
def test_multipliers_leave_what_the_cone_does(penalty: str) -> None:
    """Of each column that is not free as it is: c + Aᵀλ brings what the cone lets c bring, neither more nor less."""
    given_ = Instance(penalty=penalty, beta=1.0, seed=4)
    problem = given_.problem
    cost, z = MixedCost(problem), problem.Y
    assert problem.masks is not None
    columns, left = problem.adjoint(z), mixed_columns(problem, z)
    for k in range(problem.columns):
        rows = (2.0 * problem.masks[:, k % problem.masks.shape[1]] - 1.0)[:, None] * problem.X
        found, expected = float(cost.conjugates(left)[k]), brings(problem, columns[:, k], rows)
        if np.isfinite(found):
            assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)
        else:
            assert expected > 1.0


@mixed
def test_the_proximal_operator_is_the_minimizer(penalty: str) -> None:
    """No worse than what another solver finds, whose own value no point can be far below."""
    problem, generator = Instance(penalty=penalty).problem, np.random.default_rng(2)
    columns = generator.standard_normal((4, 4))
    for step in (0.3, 2.0):
        cost = MixedCost(problem)
        found = cost.prox(columns, step)
        values = step * cost.values(found) + np.sum((found - columns) ** 2, axis=0) / 2
        for k in range(4):
            u = cp.Variable(4)
            distance = cp.sum_squares(u - columns[:, k]) / 2
            value = cp.Problem(cp.Minimize(step * penalty_of(problem, u) + distance)).solve(solver="CLARABEL")
            assert values[k] == pytest.approx(value, rel=1e-7, abs=1e-9)


@settings(max_examples=200, deadline=None)
@given(
    st.floats(0, 10), st.floats(0, 10), st.floats(0, 5), st.floats(0.01, 10), st.floats(0, 10), st.floats(0, 2 * np.pi)
)
def test_the_nearest_point_of_a_disk(r: float, s: float, radius: float, along: float, across: float, at: float) -> None:
    """It is in the disk, and no other point of it is nearer."""
    a, b = (float(part[0]) for part in nearest_of_disk(np.array([r]), np.array([s]), radius, along, across))
    assert np.hypot(a, b) <= radius * (1 + 1e-15)
    if across < 1e-3:  # nearly a constraint: distances across are not to be compared
        return

    def distance(first: float, second: float) -> float:
        return (r - first) ** 2 / along + (s - second) ** 2 / across

    for share in (0.0, 0.3, 1.0):
        other = share * radius * np.array([np.cos(at), np.sin(at)])
        assert distance(a, b) <= distance(*other) * (1 + 1e-9) + 1e-9


def test_without_cones_columns_stay_as_they_are() -> None:
    problem = Instance(activation="gated", penalty="biased group, l1").problem
    assert np.array_equal(mixed_columns(problem, problem.Y), problem.adjoint(problem.Y))
    assert not replace(problem, inner_l1=0.0).mixed

"""The fast solver of robust programs: against a conic solver, the clean program, and its own bounds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reludsl.backends.newton.kernel import NewtonState, solve_by_newton
from reludsl.backends.newton.robust import RobustResult, RobustSolve, solve_robust
from reludsl.backends.newton.robust_loss import curvature, kinks
from reludsl.cones.spread import BallSpread, BoxSpread
from reludsl.ir import Expression, Margin, ScalarFunction
from reludsl.ir.pattern_problem import PatternProblem
from reludsl.ir.robust_problem import RobustDual, RobustProblem, robust_bound
from reludsl.model.losses.hinge import Hinge
from reludsl.model.losses.huber import HuberFunction as Huber
from reludsl.model.losses.logistic import Logistic
from reludsl.model.losses.quantile import Pinball
from reludsl.model.losses.squared import HalfSquare as Squared
from reludsl.model.losses.squared_hinge import SquaredHinge
from tests.cones.test_robust import KINDS, cp, samples, spread_of, spread_value

MARGINS: dict[str, ScalarFunction] = {"hinge": Hinge(), "squared hinge": SquaredHinge(0.7), "logistic": Logistic()}
DISTANCES: dict[str, ScalarFunction] = {"squared": Squared(), "absolute": Pinball(), "huber": Huber(0.5)}
LOSSES = MARGINS | DISTANCES


def robust_problem(
    loss: str = "hinge", kind: str = "box", n: int = 30, d: int = 4, patterns: int = 8, seed: int = 0, **parts: Any
) -> RobustProblem:
    """A planted network with noise; `group` is a share of what columns may bring at the zero network."""
    X, masks = samples(n, d, patterns, seed)
    generator = np.random.default_rng(seed + 1)
    f = np.maximum(X @ generator.standard_normal((d, 3)), 0.0) @ generator.standard_normal(3)
    f += 0.3 * generator.standard_normal(n) - np.median(f)
    share, size = parts.pop("share", 0.05), parts.pop("size", 0.02)
    parts = {"gates": masks.astype(float), "masks": masks, **parts}
    problem = RobustProblem(
        X=X,
        function=LOSSES[loss],
        distance=loss in DISTANCES,
        y=f if loss in DISTANCES else np.where(f > 0, 1.0, -1.0),
        spread=spread_of(kind, n, d, size, seed),
        **parts,
    )
    C = problem.adjoint(problem.combined(problem.dual_of(np.zeros_like(X))))
    return replace(problem, group=share * float(np.linalg.norm(C, axis=0).max()))


def conic_optimum(problem: RobustProblem) -> float:
    """The optimum by an interior-point solver from the definition of the program."""
    X, y, omega = problem.X, problem.y, problem.omega
    columns = [cp.Variable(X.shape[1]) for _ in range(problem.columns)]
    half = problem.gates.shape[1]
    net = [columns[i] - columns[half + i] if problem.signed else columns[i] for i in range(half)]
    total, rows = problem.group * sum(cp.norm(u, 2) for u in columns), []
    slopes = problem.gates @ cp.vstack(net)
    for k in range(len(X)):
        h = spread_value(problem.spread, k, slopes[k])
        worst = cp.abs(X[k] @ slopes[k] - y[k]) + h if problem.distance else y[k] * (X[k] @ slopes[k]) - h
        match problem.function:
            case Hinge(margin):
                loss = cp.pos(margin - worst)
            case SquaredHinge(margin):
                loss = 0.5 * cp.square(cp.pos(margin - worst))
            case Logistic():
                loss = cp.logistic(-worst)
            case Squared():
                loss = 0.5 * cp.square(worst)
            case Pinball():
                loss = worst
            case Huber(delta):
                loss = 0.5 * cp.huber(worst, delta)
            case _:
                raise AssertionError(problem.function)
        total = total + omega[k] * loss
        if problem.masks is not None:
            for j, u in enumerate(columns):
                side = 1.0 if problem.masks[k, j % half] else -1.0
                rows.append(side * X[k] @ u >= spread_value(problem.spread, k, u))
    return float(cp.Problem(cp.Minimize(total), rows).solve(solver=cp.CLARABEL))


def assert_solved(problem: RobustProblem, result: RobustResult, tolerance: float) -> None:
    """The columns are in their cones, the bound is one of the returned dual point, and the gap is closed."""
    assert result.status == "solved"
    assert result.objective == pytest.approx(problem.objective(result.columns), rel=1e-12)
    assert result.objective - result.bound <= tolerance * abs(result.objective)
    cones = problem.cones()
    if cones is not None:
        assert cones.violation(result.columns.T, problem.pattern_of(np.arange(problem.columns))) <= 1e-12
    assert robust_bound(problem, result.dual, cones, result.multipliers) >= result.bound - 1e-9 * abs(result.bound)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", LOSSES)
def test_optima_are_those_of_a_conic_solver(loss: str, kind: str) -> None:
    problem = robust_problem(loss, kind, n=16, d=3, patterns=4)
    result = solve_robust(problem)
    assert_solved(problem, result, 1e-6)
    expected = conic_optimum(problem)
    assert result.objective == pytest.approx(expected, rel=1e-5)
    assert result.bound <= expected * (1 + 1e-6)


VARIANTS: dict[str, dict[str, Any]] = {
    "weights": {"weights": np.where(np.arange(16) % 5 == 0, 0.0, 0.5 + 0.1 * np.arange(16))},
    "gated": {"masks": None, "signed": False},
    "cheap": {"share": 1e-2},
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("loss", ["hinge", "logistic", "squared"])
@pytest.mark.parametrize("kind", ["boxes", "ball without bias"])
def test_variants_agree_with_a_conic_solver(variant: str, loss: str, kind: str) -> None:
    problem = robust_problem(loss, kind, n=16, d=3, patterns=4, **VARIANTS[variant])
    result = solve_robust(problem)
    assert_solved(problem, result, 1e-6)
    assert result.objective == pytest.approx(conic_optimum(problem), rel=2e-5)


@pytest.mark.parametrize("loss", ["hinge", "absolute", "logistic"])
def test_units_change_nothing(loss: str) -> None:
    problem = robust_problem(loss, "boxes", n=40, patterns=10, share=1e-3)
    assert isinstance(problem.spread, BoxSpread)
    raw = replace(
        problem, X=50.0 * problem.X, spread=BoxSpread(50.0 * problem.spread.widths), group=50.0 * problem.group
    )
    first, second = solve_robust(problem), solve_robust(raw)
    assert_solved(problem, first, 1e-6)
    assert_solved(raw, second, 1e-6)
    assert second.objective == pytest.approx(first.objective, rel=2e-6)
    assert len(second.history) <= len(first.history) + 3


@pytest.mark.parametrize("loss", LOSSES)
def test_features_of_many_scales_widths_of_zero_and_a_small_penalty(loss: str) -> None:
    problem = robust_problem(loss, n=60, d=6, patterns=15, seed=1, share=1e-4)
    assert isinstance(problem.spread, BoxSpread)
    generator, scales = np.random.default_rng(1), np.array([1e-2, 0.06, 0.4, 2.5, 16.0, 1.0])
    widths = problem.spread.widths * generator.uniform(0.3, 1.0, (60, 6)) * (generator.random((60, 6)) < 0.8)
    problem = replace(problem, X=problem.X * scales, spread=BoxSpread(widths * scales))
    assert_solved(problem, solve_robust(problem), 1e-6)


def test_columns_that_readers_take_for_zero_are_not_counted() -> None:
    result = solve_robust(robust_problem("logistic", n=40, patterns=12))
    lengths = np.linalg.norm(result.columns, axis=0)
    assert lengths[lengths > 0].min() > 1e-6 * lengths.max()


@pytest.mark.parametrize("slope", [0.3, -1.0])
def test_leaky_gates_agree_with_a_conic_solver(slope: float) -> None:
    problem = robust_problem("hinge", "ball", n=16, d=3, patterns=4)
    problem = replace(problem, gates=np.where(problem.gates > 0, 1.0, slope))
    result = solve_robust(problem)
    assert_solved(problem, result, 1e-6)
    assert result.objective == pytest.approx(conic_optimum(problem), rel=1e-5)


@pytest.mark.parametrize("spread", [BoxSpread(np.zeros((1, 4))), BallSpread(np.zeros(4))])
@pytest.mark.parametrize("loss", MARGINS)
def test_without_perturbation_it_is_the_clean_program(loss: str, spread: BoxSpread | BallSpread) -> None:
    problem = replace(robust_problem(loss), spread=spread)
    clean = PatternProblem(
        problem.X, problem.gates, problem.masks, Margin(MARGINS[loss]), problem.y[:, None], group=problem.group
    )
    expected = solve_by_newton(clean, tolerance=1e-7).history[-1]
    result = solve_robust(problem, tolerance=1e-6)
    assert_solved(problem, result, 1e-6)
    assert expected.bound * (1 - 1e-9) <= result.objective <= expected.objective * (1 + 1.1e-6)


def test_the_optimum_grows_with_the_radius() -> None:
    values = [solve_robust(robust_problem("logistic", "ball", size=size)).objective for size in (0.0, 0.01, 0.03, 0.1)]
    # The penalty is the same for all: it is a share of what columns bring at zero, where the spread has no say.
    assert all(larger >= smaller * (1 - 2e-6) for smaller, larger in pairwise(values))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_large_penalty_leaves_the_zero_network(loss: str) -> None:
    problem = robust_problem(loss, share=1.01)
    result = solve_robust(problem)
    zero = problem.loss_value(np.zeros_like(problem.X))
    assert result.status == "solved"
    assert not result.columns.any()
    assert result.objective == pytest.approx(zero, rel=1e-12)
    assert result.bound == pytest.approx(zero, rel=1e-6)


def test_where_no_pattern_survives_only_the_zero_network_is_left() -> None:
    problem = robust_problem("hinge", size=1.0)
    kept = (problem.gates.mean(axis=0) > 0) & (problem.gates.mean(axis=0) < 1)  # otherwise the bias is always alive
    problem = replace(problem, gates=problem.gates[:, kept], masks=problem.gates[:, kept] > 0)
    result = solve_robust(problem)
    assert result.status == "solved"
    assert not result.columns.any()
    assert result.bound == pytest.approx(problem.loss_value(np.zeros_like(problem.X)), rel=1e-6)


@cache
def solved(loss: str, kind: str) -> tuple[RobustProblem, RobustResult]:
    problem = robust_problem(loss, kind, n=16, d=3, patterns=4)
    return problem, solve_robust(problem, tolerance=1e-7)


@given(
    st.sampled_from(list(LOSSES)),
    st.sampled_from(["box", "boxes", "ball without bias"]),
    st.integers(0, 10**6),
    st.floats(-4, 4),
    st.floats(0, 1),
)
@settings(max_examples=80, deadline=None)
def test_all_dual_points_bound_the_optimum(loss: str, kind: str, seed: int, size: float, near: float) -> None:
    problem, result = solved(loss, kind)
    generator = np.random.default_rng(seed)
    good = (result.dual.along, result.dual.scale, result.dual.across)
    wrong = RobustDual(*(near * part + 10.0**size * generator.standard_normal(part.shape) for part in good))
    multipliers = 10.0**size * generator.standard_normal(result.multipliers.shape)
    assert robust_bound(problem, wrong, multipliers=multipliers) <= result.objective * (1 + 1e-9)


def test_dual_points_that_are_none_bound_nothing() -> None:
    problem, result = solved("logistic", "box")
    broken = replace(result.dual, along=np.full(16, np.nan))
    assert robust_bound(problem, broken) == -np.inf
    huge = RobustDual(*(1e200 * part for part in (result.dual.along, result.dual.scale, result.dual.across)))
    assert robust_bound(problem, huge) <= result.objective


@pytest.mark.parametrize("loss", ["squared hinge", "logistic", "squared"])
def test_the_gradient_at_an_optimum_proves_it(loss: str) -> None:
    problem = robust_problem(loss, "ball", n=40, patterns=6)
    result = solve_robust(problem, tolerance=1e-8)
    bound = robust_bound(problem, problem.dual_of(problem.slopes(result.columns)))
    assert result.objective * (1 - 1e-2) <= bound <= result.objective


def test_limits_and_interruption_leave_a_feasible_point_and_a_bound() -> None:
    problem = robust_problem()
    optimum = solve_robust(problem).objective
    states: list[NewtonState] = []

    def stop(state: NewtonState) -> bool:
        states.append(state)
        return state.iteration >= 8

    limited = solve_robust(problem, max_iterations=8)
    late = solve_robust(problem, time_limit=0.0)
    interrupted = solve_robust(problem, monitor=stop)
    assert [limited.status, late.status, interrupted.status] == ["iteration limit", "time limit", "interrupted"]
    assert states == interrupted.history
    cones = problem.cones()
    assert cones is not None
    for result in (limited, late, interrupted):
        assert result.bound <= optimum <= result.objective * (1 + 1e-6)
        assert cones.violation(result.columns.T, problem.pattern_of(np.arange(problem.columns))) <= 1e-12
    bounds = [state.bound for state in interrupted.history]
    assert bounds == sorted(bounds)
    assert bounds[-1] > 0


def test_columns_that_left_too_early_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = robust_problem("squared hinge", n=40, patterns=12)
    expected = solve_robust(problem)
    left: list[int] = []

    def careless(solve: RobustSolve, prices: np.ndarray) -> None:
        if solve.iterations == 8 and not left:
            kept = np.arange(len(solve.chosen)) % 3 > 0
            left.append(int((~kept).sum()))
            point, before = solve.point, solve.setting.slopes(solve.point.u)
            solve._choose(solve.chosen[kept])
            solve.z = [*(z[kept] for z in solve.z[:3]), *solve.z[3:]]
            solve.point = replace(point, u=point.u[kept], t=point.t[kept], tau=point.tau[kept])
            solve._make_room(solve.setting.slopes(solve.point.u) - before)

    monkeypatch.setattr(RobustSolve, "_leave", careless)
    result = solve_robust(problem)
    assert left[0] >= 5
    assert_solved(problem, result, 1e-6)
    assert result.objective == pytest.approx(expected.objective, rel=2e-6)


@dataclass(frozen=True)
class Broken(Hinge):
    """max(1 − t, ½ (2 − t), 0): two kinks, at 0 and 2."""

    def expression(self, t: Expression) -> Expression:
        raise NotImplementedError

    def value(self, t: np.ndarray) -> np.ndarray:
        return np.maximum(np.maximum(1.0 - t, 1.0 - 0.5 * t), 0.0)

    def derivative(self, t: np.ndarray) -> np.ndarray:
        return np.where(t < 0, -1.0, np.where(t < 2, -0.5, 0.0))

    def conjugate(self, s: np.ndarray) -> np.ndarray:
        inside = (s >= -1) & (s <= 0)
        return np.where(inside, np.where(s < -0.5, -1.0, 2.0 * s), np.inf)

    def prox(self, v: np.ndarray, tau: float) -> np.ndarray:
        return np.where(
            v < -tau, v + tau, np.where(v < -0.5 * tau, 0.0, np.clip(v + 0.5 * tau, None, np.maximum(v, 2)))
        )

    def prox_derivative(self, v: np.ndarray, tau: float) -> np.ndarray:
        on_kink = ((v > -tau) & (v < -0.5 * tau)) | ((v > 2 - 0.5 * tau) & (v < 2))
        return np.where(on_kink, 0.0, 1.0)


def test_losses_with_several_kinks() -> None:
    places, jumps = kinks(Broken())
    assert places == pytest.approx([0.0, 2.0], abs=1e-9)
    assert jumps == pytest.approx([0.5, 0.5])
    problem = replace(robust_problem(), function=Broken())
    result = solve_robust(problem)
    assert_solved(problem, result, 1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_curvatures_are_those_of_differences(loss: str) -> None:
    function = LOSSES[loss]
    t, step = np.array([-2.13, -0.41, 0.33, 0.62, 3.2]), 1e-5
    difference = (function.derivative(t + step) - function.derivative(t - step)) / (2 * step)
    assert curvature(function, t) == pytest.approx(difference, abs=1e-6)

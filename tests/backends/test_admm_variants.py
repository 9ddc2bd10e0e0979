"""Exact and split cones, acceleration, single precision and duality gaps: ways that differ, answers that do not."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reludsl.backend import Control, Progress
from reludsl.backends.admm import AdmmBackend
from reludsl.backends.admm.anderson import Anderson
from reludsl.backends.admm.cones import Pricing
from reludsl.backends.admm.kernel import AdmmSolve, solve_pattern_program
from reludsl.backends.newton.kernel import solve_by_newton
from reludsl.certificate import dual_bound, feasible_point
from reludsl.ir import BlockPenalty, Distance
from reludsl.ir.pattern_problem import PatternProblem, pattern_problem
from reludsl.lowering.patterns import sample_patterns
from reludsl.model.losses.huber import HuberFunction
from reludsl.model.losses.squared import HalfSquare
from tests.backends.test_newton import LOSSES, VARIANTS, posed, settings_of

PUBLISHED: dict[str, Any] = {
    "cones": "split",
    "acceleration": "none",
    "relaxation": 1.0,
    "balancing": False,
    "cone_scaling": False,
}


def violation(problem: PatternProblem, u: np.ndarray) -> float:
    """The largest violation of a cone by a column, for samples and columns of unit length."""
    assert problem.masks is not None
    sides = np.tile(np.where(problem.masks, 1.0, -1.0), problem.columns // problem.masks.shape[1])
    lengths = np.linalg.norm(problem.X, axis=1)[:, None] * np.linalg.norm(u, axis=0)
    products = sides * (problem.X @ u) / np.where(lengths > 0, lengths, 1.0)
    return float(max(0.0, -products.min()))


def degenerate(n: int = 80, P: int = 40) -> PatternProblem:
    """Samples on a coarse grid, many of them alike: programs whose plain iterations have long tails."""
    generator = np.random.default_rng(0)
    X = np.round(generator.standard_normal((n, 4)))
    X[:, -1] = 1.0
    D, _, _ = sample_patterns(X, P, 0)
    y = np.maximum(X @ generator.standard_normal((4, 5)) / 2, 0) @ generator.standard_normal(5)
    y = y + 0.1 * generator.standard_normal(n)
    return PatternProblem(X, D.astype(float), D, Distance(HalfSquare()), y[:, None], group=0.5)


def best_of_newton(problem: PatternProblem) -> float:
    return solve_by_newton(problem, tolerance=1e-9).history[-1].objective


# -- exact and split cones -----------------------------------------------------------------------------------------


FAST = [(loss, "relu") for loss in LOSSES] + [(loss, variant) for loss in ("squared", "huber") for variant in VARIANTS]
EVERY = [
    pytest.param(loss, variant, marks=() if (loss, variant) in FAST else pytest.mark.slow)
    for loss in LOSSES
    for variant in VARIANTS
]


@pytest.mark.parametrize(("loss", "variant"), EVERY)
def test_exact_cones_reach_the_optimum_with_its_proof(loss: str, variant: str) -> None:
    program, arrays = posed(LOSSES[loss], **VARIANTS[variant])
    backend, seen = AdmmBackend(), []

    def monitor(progress: Progress) -> bool:
        seen.append(progress)
        return False

    settings = settings_of(backend, gap=1e-4, tolerance=1e-10, max_iterations=30_000)
    outcome = backend.solve(program, arrays, settings, Control(monitor=monitor))
    assert outcome.status == "solved" and outcome.point is not None
    found = feasible_point(program, arrays, outcome.point)
    assert found.violation <= 1e-9
    problem = pattern_problem(program, arrays)
    assert problem is not None
    best = best_of_newton(problem) / problem.scale
    assert found.objective == pytest.approx(best, rel=1.1e-4)
    bound = dual_bound(program, arrays, found, outcome.point, outcome.dual)
    assert bound is not None and bound.gap <= 1.1e-4
    told = seen[-1]
    assert told.bound is not None and told.active is not None
    assert told.objective - told.bound <= 1e-4 * abs(told.objective)
    assert all(moment.bound is None or moment.bound <= best * (1 + 1e-9) for moment in seen)


@pytest.mark.parametrize("loss", ["squared", "huber", "logistic"])
@pytest.mark.parametrize("variant", ["relu", "leaky", "several outputs", "free output bias", "group and ridge"])
def test_split_cones_reach_the_same(loss: str, variant: str) -> None:
    program, arrays = posed(LOSSES[loss], **VARIANTS[variant])
    problem = pattern_problem(program, arrays)
    assert problem is not None
    result = solve_pattern_program(problem, cones="split", gap=1e-4, tolerance=1e-10, max_iterations=50_000)
    assert result.status == "solved"
    assert violation(problem, result.columns) <= 1e-9
    value = problem.loss_value(problem.predictions(result.columns, result.offset))
    value += problem.penalty_value(result.columns, result.offset)
    assert value == pytest.approx(best_of_newton(problem), rel=1.1e-4)


def test_published_options_are_the_published_iteration() -> None:
    """Algorithm 3.1 as it stands in the paper: dense matrices, dual variables without scaling, step γ."""
    generator = np.random.default_rng(1)
    n, d, rho, gamma, beta = 12, 3, 0.3, 0.2, 0.4
    X, y = generator.standard_normal((n, d)), generator.standard_normal(n)
    D, _, _ = sample_patterns(X, 4, 1)
    P = D.shape[1]
    F = np.hstack([sign * np.diag(D[:, i].astype(float)) @ X for sign in (1, -1) for i in range(P)])
    G = np.zeros((2 * P * n, 2 * P * d))
    for j in range(2 * P):
        G[j * n : (j + 1) * n, j * d : (j + 1) * d] = np.diag(np.where(D[:, j % P], 1.0, -1.0)) @ X
    v, lam = np.zeros(2 * P * d), np.zeros(2 * P * d)
    s, nu = np.zeros(2 * P * n), np.zeros(2 * P * n)
    for _ in range(40):
        u = np.linalg.solve(
            F.T @ F + rho * (np.eye(2 * P * d) + G.T @ G), F.T @ y + rho * (v - lam) + rho * G.T @ (s - nu)
        )
        blocks = (u + lam).reshape(2 * P, d)
        lengths = np.linalg.norm(blocks, axis=1, keepdims=True)
        v = (np.maximum(0.0, 1 - beta / rho / np.maximum(lengths, 1e-300)) * blocks).ravel()
        s = np.maximum(G @ u + nu, 0.0)
        lam, nu = lam + gamma / rho * (u - v), nu + gamma / rho * (G @ u - s)
    problem = PatternProblem(X, D.astype(float), D, Distance(HalfSquare()), y[:, None], group=beta)
    options = {**PUBLISHED, "rho": rho, "dual_step": gamma / rho}
    ours = solve_pattern_program(problem, squared=True, max_iterations=40, tolerance=1e-15, **options)
    assert ours.status == "iteration limit"
    assert ours.columns.T.ravel() == pytest.approx(v, abs=1e-10)
    assert ours.iterate.lam.T.ravel() == pytest.approx(lam, abs=1e-10)
    assert ours.iterate.s.T.ravel() == pytest.approx(s, abs=1e-10)
    assert ours.iterate.nu.T.ravel() == pytest.approx(nu, abs=1e-10)


def test_gated_programs_have_no_cones_to_treat_one_way_or_the_other() -> None:
    program, arrays = posed(LOSSES["huber"], **VARIANTS["gated"])
    problem = pattern_problem(program, arrays)
    assert problem is not None
    results = [solve_pattern_program(problem, cones=cones, max_iterations=200) for cones in ("exact", "split")]
    assert np.array_equal(results[0].columns, results[1].columns)


@pytest.mark.parametrize(
    ("penalty", "options", "told"),
    [
        (BlockPenalty(group=0.5, l1=0.1), {"cones": "exact"}, "`cones = exact` needs"),
        (BlockPenalty(group_without_biases=0.5), {"cones": "exact"}, "`cones = exact` needs"),
        (BlockPenalty(l1=0.1), {"acceleration": "anderson"}, "split cones are too large"),
        (BlockPenalty(group=0.5), {"acceleration": "anderson", "cones": "split"}, "split cones are too large"),
        (BlockPenalty(group=0.5), {"acceleration": "anderson", "linear_solver": "rbcd"}, "without `rbcd` only"),
        (BlockPenalty(group=0.5), {"precision": "single", "linear_solver": "rbcd"}, "too coarse"),
        (BlockPenalty(l1=0.1), {"gap": 1e-3}, "`gap` needs a bound"),
        (BlockPenalty(), {"gap": 1e-3}, "`gap` needs a bound"),
    ],
)
def test_what_does_not_go_together(penalty: BlockPenalty, options: dict[str, Any], told: str) -> None:
    program, _ = posed(LOSSES["squared"], penalty=penalty)
    backend = AdmmBackend()
    assert told in " ".join(backend.unusable(settings_of(backend, **options), program))
    assert not backend.unusable(settings_of(backend), program)


# -- gaps, limits and the best iterate -----------------------------------------------------------------------------


def test_a_limit_gives_the_best_feasible_iterate_and_a_true_bound() -> None:
    problem = degenerate()
    optimum = best_of_newton(problem)
    for options in ({}, {"cones": "split"}, {"precision": "single"}):
        given: dict[str, Any] = {"squared": True, "gap": 1e-9, "tolerance": 1e-15, "max_iterations": 60, **options}
        result = solve_pattern_program(problem, **given)
        seen = result.history
        assert result.status == "iteration limit" and result.dual is not None
        assert violation(problem, result.columns) <= 1e-9
        value = problem.loss_value(problem.predictions(result.columns, result.offset))
        value += problem.penalty_value(result.columns, result.offset)
        assert value == pytest.approx(min(state.objective for state in seen), rel=1e-12)
        assert max(state.bound for state in seen) <= optimum * (1 + 1e-9) <= value * (1 + 2e-9)


def test_a_gap_ends_what_residuals_would_end_later() -> None:
    problem = degenerate()
    by_residuals = solve_pattern_program(problem, squared=True, tolerance=1e-9)
    by_gap = solve_pattern_program(problem, squared=True, tolerance=1e-9, gap=1e-2)
    assert by_gap.status == by_residuals.status == "solved"
    assert by_gap.history[-1].iteration < by_residuals.history[-1].iteration
    assert by_gap.history[-1].objective <= best_of_newton(problem) / (1 - 1e-2)


# -- acceleration --------------------------------------------------------------------------------------------------


def test_acceleration_solves_a_linear_iteration_that_is_slow_by_itself() -> None:
    """In exact arithmetic the residuals of a linear map of five different eigenvalues vanish after a few steps."""
    values = np.repeat([0.999, 0.99, 0.9, 0.5, 0.1], 4)
    goal = np.random.default_rng(0).standard_normal(20)
    accelerated, plain = Anderson(10), np.zeros(20)
    point = np.zeros(20)
    accelerated.restart(point)
    for _ in range(40):
        point = accelerated.step(goal + values * (point - goal))
        plain = goal + values * (plain - goal)
    assert np.linalg.norm(plain - goal) > 0.3 * np.linalg.norm(goal)
    assert np.linalg.norm(point - goal) < 1e-4 * np.linalg.norm(goal)


def test_the_safeguard_lets_no_residual_grow() -> None:
    """A reflection across kinks: whatever is extrapolated, the residuals of the points that are kept never grow."""
    generator = np.random.default_rng(2)
    A = np.linalg.qr(generator.standard_normal((30, 30)))[0]

    def image(z: np.ndarray) -> np.ndarray:
        reflected = A @ np.maximum(A.T @ z - 0.3, 0.0) + 0.1
        return np.asarray(0.5 * (z + np.clip(reflected, -1.0, 1.0)))

    z = 5.0 * generator.standard_normal(30)
    accelerated, kept = Anderson(8), []
    accelerated.restart(z)
    for _ in range(200):
        z = accelerated.step(image(z))
        kept.append(accelerated.size)
    assert all(later <= earlier * (1 + 1e-12) for earlier, later in pairwise(kept))
    assert kept[-1] < 1e-6 * kept[0]


def test_acceleration_shortens_the_tail_of_a_degenerate_program() -> None:
    problem = degenerate(150, 100)
    given: dict[str, Any] = {"squared": True, "gap": 1e-6, "tolerance": 1e-15, "max_iterations": 5000}
    plain = solve_pattern_program(problem, acceleration="none", **given)
    faster = solve_pattern_program(problem, acceleration="anderson", **given)
    assert faster.status == "solved"
    assert faster.history[-1].objective == pytest.approx(best_of_newton(problem), rel=2e-6)
    assert faster.history[-1].iteration < 0.7 * plain.history[-1].iteration


@pytest.mark.parametrize("cones", ["exact", "split"])
@pytest.mark.parametrize("cost", [0.1, 3.0, 40.0])
def test_bounds_take_a_tenth_of_the_time(cost: float, cones: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock of its own: an iteration takes a second, a bound `cost`. Only the first and the last are on trust."""
    now, priced = [0.0], list[tuple[float, float]]()
    iterate, price = AdmmSolve._one, Pricing.price

    def one(self: AdmmSolve, measured: bool) -> tuple[float, float]:
        now[0] += 1.0
        return iterate(self, measured)

    def timed(self: Pricing, z: np.ndarray) -> None:
        now[0] += cost
        priced.append((now[0], cost * (len(priced) + 1)))
        price(self, z)

    monkeypatch.setattr(AdmmSolve, "_one", one)
    monkeypatch.setattr(Pricing, "price", timed)
    monkeypatch.setattr("reludsl.backends.admm.kernel.time", SimpleNamespace(perf_counter=lambda: now[0]))
    limits: dict[str, dict[str, Any]] = {
        "iteration limit": {"max_iterations": 1003},
        "time limit": {"time_limit": 777.0},
        "solved": {"tolerance": 1e-3},
    }
    for status, limit in limits.items():
        now[0], priced[:] = 0.0, []
        settings: dict[str, Any] = {"tolerance": 1e-15, "gap": 1e-15, "cones": cones, **limit}
        result = solve_pattern_program(degenerate(), **settings)
        assert result.status == status
        assert all(spent <= 0.1 * elapsed for elapsed, spent in priced[1:-1])
        assert priced[-1][0] == now[0]  # the end has a bound of its own
        assert cost > 1 or len(priced) > 5
        assert np.isfinite(result.history[-1].bound)


# -- precision and size --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cones", ["exact", "split"])
@pytest.mark.parametrize("loss", ["squared", "huber", "logistic"])
def test_single_precision_ends_at_the_tolerance_of_double(loss: str, cones: str) -> None:
    program, arrays = posed(LOSSES[loss])
    problem = pattern_problem(program, arrays)
    assert problem is not None
    given: dict[str, Any] = {"cones": cones, "tolerance": 1e-6, "max_iterations": 50_000}
    double = solve_pattern_program(problem, **given)
    single = solve_pattern_program(problem, precision="single", **given)
    assert single.status == double.status == "solved"
    assert single.history[-1].primal <= 1 and single.history[-1].dual <= 1
    assert single.columns.dtype == single.iterate.v.dtype == np.dtype(float)
    assert single.history[-1].objective == pytest.approx(double.history[-1].objective, rel=1e-4)


@pytest.mark.parametrize("options", [{}, {"precision": "single"}, {"cones": "split"}], ids=str)
def test_memory_stays_at_a_few_copies_of_the_mask(options: dict[str, Any]) -> None:
    generator = np.random.default_rng(0)
    X = generator.standard_normal((20_000, 5))
    D, _, _ = sample_patterns(X, 50, 0)
    y = np.abs(X[:, :1]) + 0.1 * generator.standard_normal((20_000, 1))
    problem = PatternProblem(X, D.astype(float), D, Distance(HalfSquare()), y, group=100.0)
    tracemalloc.start()
    try:
        solve_pattern_program(problem, squared=True, max_iterations=20, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    slacks = 4 if options.get("cones") == "split" else 0
    temporary = 3 * 2**22 * 8  # a piece of the columns in the cones
    assert peak <= (2 + 2 * slacks) * D.size * 8 + temporary


def test_conjugate_gradients_solve_many_samples() -> None:
    generator = np.random.default_rng(3)
    X = generator.standard_normal((5000, 4))
    D, _, _ = sample_patterns(X, 12, 0)
    y = np.abs(X[:, :1]) - X[:, 1:2] + 0.1 * generator.standard_normal((5000, 1))
    problem = PatternProblem(X, D.astype(float), D, Distance(HalfSquare()), y, group=20.0, offset=True)
    for loss in (Distance(HalfSquare()), Distance(HuberFunction(0.5))):
        case = replace(problem, loss=loss)
        squared = isinstance(loss.function, HalfSquare)
        result = solve_pattern_program(case, squared=squared, gap=1e-5, tolerance=1e-12, max_iterations=3000)
        assert result.status == "solved"
        assert result.history[-1].objective == pytest.approx(best_of_newton(case), rel=2e-5)

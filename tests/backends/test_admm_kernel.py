"""The kernel's linear algebra against the dense system of the paper, and its promises on stopping."""

from __future__ import annotations

import ast
import inspect
from dataclasses import replace
from itertools import pairwise
from typing import Any

import cvxpy as cp
import numpy as np
import pytest

from reludsl.backends.admm import anderson, cones, kernel, linear, state
from reludsl.backends.admm.cones import SplitCones
from reludsl.backends.admm.kernel import first_iterate, solve_pattern_program
from reludsl.backends.admm.linear import LinearStep, coordinate_descent
from reludsl.ir import CrossEntropy, Distance, Margin
from reludsl.ir.pattern_problem import PatternProblem
from reludsl.lowering.patterns import sample_patterns
from reludsl.model.losses.hinge import Hinge
from reludsl.model.losses.huber import HuberFunction
from reludsl.model.losses.logistic import Logistic
from reludsl.model.losses.squared import HalfSquare


def problem(n: int = 30, d: int = 4, P: int = 6, seed: int = 0, outputs: int = 1, **parts: Any) -> PatternProblem:
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n, d))
    D, _, _ = sample_patterns(X, P, seed)
    Y = generator.standard_normal((n, outputs))
    given = {"gates": D.astype(float), "masks": D, "loss": Distance(HalfSquare()), "Y": Y, "group": 0.5}
    return PatternProblem(X, **{**given, **parts})


VARIANTS = {
    "relu": problem(),
    "leaky": replace(problem(), gates=np.where(problem().gates > 0, 1.0, 0.3)),
    "gated": replace(problem(), masks=None, signed=False),
    "two outputs": problem(outputs=2),
    "output bias": problem(outputs=2, offset=True),
}
every_variant = pytest.mark.parametrize("case", VARIANTS.values(), ids=VARIANTS)


def dense_operators(case: PatternProblem) -> tuple[np.ndarray, np.ndarray]:
    """F and G of the paper for columns below one another: F gives the outputs one after the other."""
    (n, d), outputs = case.X.shape, case.Y.shape[1]
    blocks = [np.diag(gate) @ case.X for gate in case.gates.T]
    F = np.zeros((outputs * n, case.columns * d))
    G = np.zeros((0, case.columns * d))
    column = 0
    for sign in (1.0, -1.0)[: 1 + case.signed]:
        for output in range(outputs):
            for i, block in enumerate(blocks):
                place = slice(column * d, (column + 1) * d)
                F[output * n : (output + 1) * n, place] = sign * block
                if case.masks is not None:
                    rows = np.zeros((n, case.columns * d))
                    rows[:, place] = np.diag(np.where(case.masks[:, i], 1.0, -1.0)) @ case.X
                    G = np.vstack([G, rows])
                column += 1
    return F, G


def stacked(u: np.ndarray) -> np.ndarray:
    return u.T.reshape(-1)


@every_variant
def test_products_are_those_of_the_dense_operator(case: PatternProblem) -> None:
    F, G = dense_operators(case)
    generator = np.random.default_rng(1)
    u, R = generator.standard_normal((4, case.columns)), generator.standard_normal(case.Y.shape)
    assert stacked(case.predictions(u, np.zeros(case.Y.shape[1]))) == pytest.approx(F @ stacked(u))
    assert stacked(case.adjoint(R)) == pytest.approx(F.T @ stacked(R))
    if case.masks is not None:
        split = SplitCones(case.X, case.masks, case.columns)
        assert stacked(split.times(u, slice(None))) == pytest.approx(G @ stacked(u))
        s = generator.standard_normal((len(case.X), case.columns))
        by_column = np.concatenate(list(s.T))
        assert stacked(split.adjoint(s)) == pytest.approx(G.T @ by_column)


@every_variant
@pytest.mark.parametrize("rho", [1e-2, 1.0, 1e3])
@pytest.mark.parametrize("solver", ["exact", "cg"])
def test_the_u_update_solves_the_published_system(rho: float, solver: str, case: PatternProblem) -> None:
    """The n × n route against the dense normal equations in all columns and output biases together."""
    F, G = dense_operators(case)
    n, outputs = case.Y.shape
    step = LinearStep(case, case.masks is not None, cone_scaling=False, linear_solver=solver)
    generator = np.random.default_rng(2)
    b, middle = generator.standard_normal((4, case.columns)), np.zeros(outputs)
    if case.offset:
        middle = generator.standard_normal(outputs)
    u, c, _ = step.columns(b, middle, case.Y, 1 / rho, np.zeros((0, 0)), 1e-13)
    ones = np.kron(np.eye(outputs), np.ones((n, 1))) * case.offset
    whole = np.hstack([F, ones])
    eta = step.eta if case.offset else 1.0
    quadratic = np.block(
        [
            [np.eye(F.shape[1]) + G.T @ G, np.zeros((F.shape[1], outputs))],
            [np.zeros((outputs, F.shape[1])), eta * np.eye(outputs)],
        ]
    )
    right = whole.T @ stacked(case.Y) / rho + np.concatenate([stacked(b), eta * middle])
    dense = np.linalg.solve(whole.T @ whole / rho + quadratic, right)
    assert stacked(u) == pytest.approx(dense[: F.shape[1]], rel=1e-7, abs=1e-8)
    assert c == pytest.approx(dense[F.shape[1] :], rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("step", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("strengths", [{"group": 0.5}, {"l1": 0.3}, {"group": 0.4, "l1": 0.2, "l2": 0.7}, {"l2": 0.5}])
@pytest.mark.parametrize("free", [0, 1])
def test_the_prox_of_the_penalties_minimizes(strengths: dict[str, float], free: int, step: float) -> None:
    case = replace(problem(), **{"group": 0.0, **strengths}, free=free)
    u = np.random.default_rng(3).standard_normal((4, case.columns))
    x = cp.Variable(u.shape)
    counted = x[: 4 - free]
    penalty = strengths.get("group", 0) * cp.sum(cp.norm(counted, 2, axis=0))
    penalty += strengths.get("l1", 0) * cp.sum(cp.abs(counted)) + strengths.get("l2", 0) / 2 * cp.sum_squares(counted)
    goal = cp.Problem(cp.Minimize(step * penalty + 0.5 * cp.sum_squares(x - u)))
    goal.solve(solver=cp.CLARABEL)
    assert case.penalty_prox(u, step) == pytest.approx(x.value, abs=1e-4)


def test_both_linear_solvers_reach_the_same_point() -> None:
    case = problem(n=60, d=5, P=10)
    tight = {"squared": True, "tolerance": 1e-9, "max_iterations": 50_000}
    exact = solve_pattern_program(case, linear_solver="exact", **tight)
    cg = solve_pattern_program(case, linear_solver="cg", **tight)
    assert exact.status == cg.status == "solved"
    assert exact.history[-1].objective == pytest.approx(cg.history[-1].objective, rel=1e-6)


PUBLISHED = {
    "cones": "split",
    "acceleration": "none",
    "relaxation": 1.0,
    "balancing": False,
    "cone_scaling": False,
}


@pytest.mark.parametrize(
    "options",
    [
        {"relaxation": 1.0},
        {"balancing": False, "rho": 30.0},
        {"rho": 1e-3},
        {**PUBLISHED, "rho": 0.3},
        {**PUBLISHED, "rho": 0.3, "dual_step": 1.5},
        {**PUBLISHED, "rho": 0.3, "dual_step": 0.5},
        {"squared": False},
    ],
)
def test_options_change_the_way_not_the_answer(options: dict[str, Any]) -> None:
    case = problem()
    given = {"squared": True, "tolerance": 1e-7, "max_iterations": 100_000}
    reference = solve_pattern_program(case, **given)
    other = solve_pattern_program(case, **{**given, **options})
    assert other.status == "solved"
    assert other.history[-1].objective == pytest.approx(reference.history[-1].objective, rel=1e-5)


@pytest.mark.parametrize(
    "case",
    [
        problem(),
        problem(n=15, loss=Margin(Logistic()), Y=np.sign(problem(n=15).Y), group=0.3),
        problem(loss=Distance(HuberFunction(0.5)), offset=True, weights=np.linspace(0, 2, 30)),
        problem(loss=CrossEntropy(), Y=np.eye(3)[np.arange(30) % 3], offset=True, offset_l2=0.3, l1=0.1),
    ],
    ids=["squared", "logistic", "huber", "cross-entropy"],
)
def test_block_coordinate_descent_solves_every_differentiable_loss(case: PatternProblem) -> None:
    reference = solve_pattern_program(case, tolerance=1e-7, max_iterations=100_000)
    other = solve_pattern_program(case, tolerance=1e-4, linear_solver="rbcd", max_iterations=2000)
    assert other.status == reference.status == "solved"
    assert other.history[-1].objective == pytest.approx(reference.history[-1].objective, rel=3e-3)


def test_coordinate_descent_never_goes_up() -> None:
    """The line search ensures that every update lowers the function that it minimizes."""
    case = problem(loss=Margin(Logistic()), Y=np.sign(problem().Y), offset=True)
    step = LinearStep(case, True, cone_scaling=False, linear_solver="cg")
    begin = first_iterate(case, True, 0.2)
    generator = np.random.default_rng(5)
    base = generator.standard_normal(begin.v.shape)

    def value(u: np.ndarray, c: np.ndarray) -> float:
        quadratic = 0.5 * np.sum(u * (step.M @ u)) - np.sum(u * base)
        return case.loss_value(case.predictions(u, c)) + 0.2 * float(quadratic + 0.5 * step.eta * c @ c)

    u, c = generator.standard_normal(begin.v.shape), np.array([2.0])
    values = [value(u, c)]
    for accuracy in (1.0, 0.5, 0.1, 1e-4):
        u, c = coordinate_descent(case, step, base, begin, u, c, accuracy, generator)
        values.append(value(u, c))
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(values))
    gradient = case.adjoint(case.loss_gradient(case.predictions(u, c))) + 0.2 * (step.M @ u - base)
    assert np.abs(gradient).max() < 1e-2


@pytest.mark.parametrize("loss", [None, Margin(Hinge())], ids=["squared", "hinge"])
def test_a_warm_start_goes_on_where_the_last_solve_ended(loss: Any) -> None:
    case = problem() if loss is None else problem(loss=loss, Y=np.sign(problem().Y))
    given = {"squared": loss is None, "tolerance": 1e-7, "max_iterations": 100_000}
    first = solve_pattern_program(case, **given)
    again = solve_pattern_program(case, start=first.iterate, **given)
    assert again.status == "solved" and again.history[-1].iteration <= 20
    near, cold = replace(case, group=0.49), solve_pattern_program(replace(case, group=0.49), **given)
    warm = solve_pattern_program(near, start=again.iterate, linear=LinearStep(near, False), **given)
    assert warm.history[-1].objective == pytest.approx(cold.history[-1].objective, rel=1e-6)


def test_limits_and_monitor() -> None:
    case = problem()
    given: dict[str, Any] = {"squared": True, "tolerance": 1e-15}
    limited = solve_pattern_program(case, max_iterations=35, **given)
    assert limited.status == "iteration limit" and limited.history[-1].iteration == 35
    stopped = solve_pattern_program(case, monitor=lambda state: state.iteration >= 20, **given)
    assert stopped.status == "interrupted" and stopped.history[-1].iteration == 20
    timed = solve_pattern_program(case, time_limit=0.0, **given)
    assert timed.status == "time limit"
    assert np.isfinite(timed.columns).all()


def test_zero_rows_and_repeated_rows() -> None:
    case = problem()
    X = case.X.copy()
    X[3] = 0.0
    X[4] = X[5]
    D, _, _ = sample_patterns(X, 6, 0)
    result = solve_pattern_program(
        replace(case, X=X, gates=D.astype(float), masks=D), squared=True, tolerance=1e-8, max_iterations=50_000
    )
    assert result.status == "solved"


@pytest.mark.parametrize("module", [kernel, linear, cones, anderson, state])
def test_the_kernel_stands_alone(module: Any) -> None:
    """Its functions go into generated code, so it may use NumPy, SciPy and the standard library only."""
    tree = ast.parse(inspect.getsource(module))
    modules = {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    own = {"reludsl.ir.pattern_problem", "reludsl.cones.projection"}
    own |= {f"reludsl.backends.admm.{name}" for name in ("anderson", "cones", "linear", "state")}
    assert modules <= {"__future__", "collections.abc", "dataclasses", "typing", *own}
    assert names <= {"numpy", "time"}

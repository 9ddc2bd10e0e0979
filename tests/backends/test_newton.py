"""The augmented Lagrangian against CVXPY, for every loss and part of a problem; its promises on gaps and limits."""

from __future__ import annotations

import ast
import inspect
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reludsl.backend import Control
from reludsl.backends.cvxpy import CvxpyBackend
from reludsl.backends.newton import NewtonBackend, kernel, loss_terms, subproblem
from reludsl.certificate import dual_bound, feasible_point
from reludsl.cones import ConeProjector, projection
from reludsl.ir import (
    Activation,
    BlockPenalty,
    CrossEntropy,
    Data,
    Distance,
    FeatureForm,
    Margin,
    PatternForm,
    Program,
    SampleLoss,
    sizes,
)
from reludsl.ir.pattern_problem import pattern_problem
from reludsl.lowering.patterns import sample_patterns
from reludsl.model.losses.hinge import Hinge
from reludsl.model.losses.huber import HuberFunction
from reludsl.model.losses.logistic import Logistic
from reludsl.model.losses.quantile import Pinball
from reludsl.model.losses.squared import HalfSquare
from reludsl.model.losses.squared_hinge import SquaredHinge
from reludsl.options import Settings

LOSSES: dict[str, SampleLoss] = {
    "squared": Distance(HalfSquare()),
    "absolute": Distance(Pinball()),
    "quantile": Distance(Pinball(0.3, 0.7)),
    "huber": Distance(HuberFunction(0.5)),
    "hinge": Margin(Hinge()),
    "squared hinge": Margin(SquaredHinge()),
    "logistic": Margin(Logistic()),
    "cross-entropy": CrossEntropy(),
}
n, c = sizes("n, c")
PLAIN = BlockPenalty(group=0.5)
VARIANTS: dict[str, dict[str, Any]] = {
    "relu": {},
    "leaky": {"activation": Activation("leaky_relu", 0.1)},
    "gated": {"activation": Activation("gated_relu")},
    "several outputs": {"several": True},
    "mean with weights": {"weighted": True, "mean": True, "penalty": BlockPenalty(group=0.01)},
    "free output bias": {"output_bias": True, "several": True},
    "squared output bias": {"output_bias": True, "penalty": BlockPenalty(group=0.5, offset_l2=0.5)},
    "absolute output bias": {"output_bias": True, "penalty": BlockPenalty(group=0.5, offset_l1=0.5)},
    "ridge": {"penalty": BlockPenalty(l2=0.5)},
    "group and ridge": {"penalty": BlockPenalty(group=0.3, l2=0.2)},
}


def settings_of(backend: Any, **changes: Any) -> Settings:
    return Settings({option.name: option.default for option in backend.options} | changes)


def posed(loss: SampleLoss, features: bool = False, **parts: Any) -> tuple[Program, dict[str, np.ndarray]]:
    """A program of 40 samples and its arrays."""
    generator = np.random.default_rng(0)
    X = np.column_stack([generator.standard_normal((40, 3)), np.ones(40)])
    D, _, _ = sample_patterns(X, 8, 0)
    several = parts.get("several", False) or isinstance(loss, CrossEntropy)
    Y = np.column_stack([np.abs(X[:, 0]) - X[:, 1], X[:, 2] ** 2, X[:, 0] * X[:, 1]])
    Y = Y + 0.1 * generator.standard_normal(Y.shape)
    if isinstance(loss, Margin):
        Y = np.where(Y > 0.3, 1.0, -1.0)
    if isinstance(loss, CrossEntropy):
        Y = np.eye(3)[Y.argmax(axis=1)]
    y = Data("Y", (n, c)) if several else Data("y", (n,))
    given = {"penalty": PLAIN, **parts, "several": several, "y": y}
    arrays = {y.name: Y if several else Y[:, 0], "omega": np.where(np.arange(40) % 7 == 0, 0.0, generator.random(40))}
    if features:
        form: Any = FeatureForm(loss, **given)
        arrays["Z"] = np.maximum(X @ generator.standard_normal((4, 30)), 0.0)
    else:
        form = PatternForm(loss, **given)
        arrays |= {"X": X, "D": np.tile(D, 3) if several else D, "S": np.kron(np.eye(3), np.ones((D.shape[1], 1)))}
    program = form.program()
    return program, {data.name: arrays[data.name] for data in program.data}


def check(program: Program, arrays: dict[str, np.ndarray]) -> None:
    """Solved to its gap, feasible, as good as CVXPY, and the bound holds against CVXPY's point."""
    newton, conic = NewtonBackend(), CvxpyBackend()
    assert not newton.supports(program)
    outcome = newton.solve(program, arrays, settings_of(newton, tolerance=1e-7), Control())
    reference = conic.solve(program, arrays, settings_of(conic, tolerance=1e-9), Control())
    assert outcome.status == "solved" and outcome.point is not None and reference.point is not None
    found = feasible_point(program, arrays, outcome.point)
    best = feasible_point(program, arrays, reference.point)
    assert found.violation <= 1e-9
    assert found.objective == pytest.approx(best.objective, rel=1e-5)
    bound = dual_bound(program, arrays, found, outcome.point, outcome.dual)
    assert bound is not None and bound.gap <= 1e-6
    assert bound.value <= best.objective * (1 + 1e-9)


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_the_optimum_of_a_pattern_program(loss: SampleLoss, variant: dict[str, Any]) -> None:
    check(*posed(loss, **variant))


@pytest.mark.parametrize("bias", [False, True], ids=["no bias", "output bias"])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_the_optimum_of_a_feature_program(loss: SampleLoss, bias: bool) -> None:
    check(*posed(loss, features=True, penalty=BlockPenalty(l1=0.5), output_bias=bias))


SHARED: dict[str, dict[str, Any]] = {
    "plain": {},
    "output bias": {"output_bias": True},
    "squared output bias": {"output_bias": True, "penalty": BlockPenalty(group=0.5, offset_l2=0.5)},
    "mean with weights": {"weighted": True, "mean": True, "penalty": BlockPenalty(group=0.02)},
}


@pytest.mark.parametrize("variant", SHARED.values(), ids=SHARED)
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_the_optimum_over_features_that_outputs_share(loss: SampleLoss, variant: dict[str, Any]) -> None:
    penalty = {"penalty": BlockPenalty(group=0.5)} | variant
    check(*posed(loss, features=True, several=True, shared=True, **penalty))


def test_a_feature_of_one_output_pays_the_same_shared_or_not() -> None:
    _, arrays = posed(LOSSES["huber"], features=True, penalty=BlockPenalty(l1=0.5))
    Y = arrays["y"][:, None]
    shared = FeatureForm(
        LOSSES["huber"], BlockPenalty(group=0.5), several=True, shared=True, y=Data("Y", (n, c))
    ).program()
    single = FeatureForm(LOSSES["huber"], BlockPenalty(l1=0.5)).program()
    one, other = pattern_problem(shared, {"Z": arrays["Z"], "Y": Y}), pattern_problem(single, arrays)
    assert one is not None and other is not None
    first, second = (kernel.solve_by_newton(problem, tolerance=1e-9) for problem in (one, other))
    assert first.columns == pytest.approx(second.columns, abs=1e-6)
    assert first.history[-1].objective == pytest.approx(second.history[-1].objective, rel=1e-8)


@pytest.mark.parametrize(
    ("penalty", "told"),
    [
        (BlockPenalty(group=0.5, l1=0.1), "no `l1` penalty"),
        (BlockPenalty(group_without_biases=0.5), "penalize the hidden biases"),
        (BlockPenalty(), "strength above 0"),
    ],
)
def test_what_it_refuses(penalty: BlockPenalty, told: str) -> None:
    program, _ = posed(LOSSES["squared"], penalty=penalty)
    assert told in " ".join(NewtonBackend().supports(program))


def test_a_strong_penalty_gives_the_zero_network_at_once() -> None:
    program, arrays = posed(LOSSES["squared"], penalty=BlockPenalty(group=1e4))
    problem = pattern_problem(program, arrays)
    assert problem is not None
    result = kernel.solve_by_newton(problem)
    assert result.status == "solved" and not result.columns.any() and result.history[-1].iteration == 0


def test_a_warm_start_needs_fewer_steps() -> None:
    program, arrays = posed(LOSSES["huber"])
    problem = pattern_problem(program, arrays)
    assert problem is not None
    first = kernel.solve_by_newton(problem)
    near = replace(problem, group=0.45)
    cold = kernel.solve_by_newton(near)
    warm = kernel.solve_by_newton(near, start=first.iterate)
    assert warm.status == cold.status == "solved"
    assert warm.history[-1].objective == pytest.approx(cold.history[-1].objective, rel=1e-5)
    assert warm.history[-1].iteration < cold.history[-1].iteration


def test_limits_and_monitor() -> None:
    program, arrays = posed(LOSSES["absolute"])
    problem = pattern_problem(program, arrays)
    assert problem is not None
    limited = kernel.solve_by_newton(problem, tolerance=1e-15, max_iterations=5)
    assert limited.status == "iteration limit"
    timed = kernel.solve_by_newton(problem, tolerance=1e-15, time_limit=0.0)
    assert timed.status == "time limit"
    stopped = kernel.solve_by_newton(problem, monitor=lambda state: True)
    assert stopped.status == "interrupted"
    for result in (limited, timed, stopped):
        assert np.isfinite(result.columns).all()


def test_a_bound_never_exceeds_the_objective_on_the_way() -> None:
    for loss in LOSSES.values():
        program, arrays = posed(loss)
        problem = pattern_problem(program, arrays)
        assert problem is not None
        result = kernel.solve_by_newton(problem)
        best = min(state.objective for state in result.history)
        assert all(state.bound <= best * (1 + 1e-9) for state in result.history)


@pytest.mark.parametrize("module", [kernel, loss_terms, subproblem, projection])
def test_the_kernel_stands_alone(module: Any) -> None:
    """Its functions go into generated code, so they may use NumPy, SciPy and the standard library only."""
    tree = ast.parse(inspect.getsource(module))
    modules = {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    own = {
        "reludsl.ir.pattern_problem",
        "reludsl.cones.projection",
        "reludsl.cones.rows",
        "reludsl.backends.newton.loss_terms",
        "reludsl.backends.newton.subproblem",
    }
    assert {name for name in modules if name.split(".")[0] == "reludsl"} <= own
    assert ConeProjector.__module__ == projection.__name__

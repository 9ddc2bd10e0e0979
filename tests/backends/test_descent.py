"""Descent: exact gradients, the best of the restarts, how it ends, and how near it comes to known optima."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from reludsl.backend import Control, Outcome, Progress
from reludsl.backends import backends
from reludsl.backends.descent import kernel, torch_methods
from reludsl.backends.descent.kernel import TrainingProblem, Weights, value_and_gradient
from reludsl.ir import (
    Activation,
    CrossEntropy,
    Data,
    Distance,
    Margin,
    Penalty,
    Program,
    SampleLoss,
    Term,
    TrainingForm,
    Variable,
    objective,
    sizes,
    square,
)
from reludsl.model.losses.hinge import Hinge
from reludsl.model.losses.huber import HuberFunction
from reludsl.model.losses.logistic import Logistic
from reludsl.model.losses.quantile import Pinball
from reludsl.model.losses.squared import HalfSquare
from reludsl.model.losses.squared_hinge import SquaredHinge
from reludsl.model.solvers import choose_settings
from reludsl.options import Choice, ChoiceType, Selected, Settings
from tests.conformance.problems import PROBLEMS, Problem

LOSSES: Mapping[str, SampleLoss] = {
    "squared": Distance(HalfSquare()),
    "absolute": Distance(Pinball()),
    "quantile": Distance(Pinball(above=0.7, below=0.3)),
    "quantile { level = 0.3 }": Distance(Pinball(above=0.7, below=0.3)),
    "quantile { level = 0.9 }": Distance(Pinball(above=1.0 - 0.9, below=0.9)),
    "huber { delta = 0.5 }": Distance(HuberFunction(0.5)),
    "hinge": Margin(Hinge()),
    "hinge { margin = 2 }": Margin(Hinge(2.0)),
    "squared_hinge": Margin(SquaredHinge()),
    "logistic": Margin(Logistic()),
    "cross_entropy": CrossEntropy(),
}
PENALTIES = (
    Penalty("weight_decay", 0.3),
    Penalty("path_norm", 0.2),
    Penalty("l1", 0.1),
    Penalty("l2", 0.4),
    Penalty("weight_decay", 0.3, biases=False),
    Penalty("path_norm", 0.2, biases=False),
    Penalty("l1", 0.1, biases=False),
    Penalty("l2", 0.4, biases=False),
)
DESCENT = backends()["descent"]
_n, _d, _m, _c = sizes("n, d, m, c")


def form_of(loss: SampleLoss, *penalties: Penalty, several: bool = False, **parts: Any) -> TrainingForm:
    targets = Data("Y", (_n, _c)) if several else Data("y", (_n,))
    return TrainingForm(loss, tuple((penalty, None) for penalty in penalties), several=several, y=targets, **parts)


def arrays_for(form: TrainingForm, n: int = 12, d: int = 3, m: int = 7, seed: int = 0) -> dict[str, np.ndarray]:
    """Random data of the kind that the form asks for."""
    generator = np.random.default_rng(seed)
    shape = (n, 3) if form.several else (n,)
    if form.loss.one_hot:
        Y = np.eye(3)[generator.integers(0, 3, n)]
    elif isinstance(form.loss, Margin):
        Y = generator.choice([-1.0, 1.0], shape)
    else:
        Y = generator.standard_normal(shape)
    arrays = {"X": generator.standard_normal((n, d)), form.y.name: Y}
    if form.weighted:
        arrays["omega"] = generator.uniform(0.5, 2.0, n)
    if form.activation.gated:
        arrays["G"] = generator.standard_normal((d, m))
        if form.hidden_bias:
            arrays["g"] = generator.standard_normal(m)
    return arrays


def settings(**values: Any) -> Settings:
    """The defaults with other values; `method` is a name, or a name with a dict of options."""
    defaults, _ = choose_settings(DESCENT.options)
    if isinstance(values.get("method"), tuple):
        name, options = values["method"]
        (declared,) = (option.type for option in DESCENT.options if option.name == "method")
        assert isinstance(declared, ChoiceType)
        choice: Choice = next(choice for choice in declared.choices if choice.name == name)
        own = {option.name: option.default for option in choice.options} | options
        values["method"] = Selected(name, Settings(own))
    return Settings({**defaults, **values})


def run(form: TrainingForm, arrays: Mapping[str, np.ndarray], control: Control | None = None, **values: Any) -> Outcome:
    program = form.program()
    assert DESCENT.supports(program) == ()
    outcome = DESCENT.solve(program, arrays, settings(**values), control or Control())
    assert outcome.point is not None and set(outcome.point) == {variable.name for variable in program.variables}
    return outcome


def value_of(form: TrainingForm, arrays: Mapping[str, np.ndarray], outcome: Outcome) -> float:
    """The objective by the program itself, not by the kernel."""
    assert outcome.point is not None
    return objective(form.program(), {**arrays, **outcome.point})


# -- the gradient ------------------------------------------------------------------------------------------------------


def posed(form: TrainingForm, arrays: Mapping[str, np.ndarray], width: int = 7) -> TrainingProblem:
    return kernel.problem_of(
        arrays["X"],
        arrays[form.y.name],
        form.loss,
        width=width,
        penalties=tuple((penalty.name, penalty.strength, penalty.biases) for penalty, _ in form.penalties),
        slope=form.activation.slope,
        mean=form.mean,
        omega=arrays.get("omega"),
        gates=(arrays["G"], arrays.get("g", 0.0)) if form.activation.gated else None,
        hidden_bias=form.hidden_bias,
        output_bias=form.output_bias,
    )


def check_gradient(form: TrainingForm, seed: int = 0) -> None:
    """Value and gradient against the program's and its central differences, at random points: no kink is near."""
    arrays = arrays_for(form, seed=seed)
    problem = posed(form, arrays)
    generator = np.random.default_rng([seed, 1])
    start = kernel.pack(problem, kernel.initial_weights(problem, generator))
    vector = start + 0.3 * generator.standard_normal(len(start))
    program = form.program()
    names = {variable.name for variable in program.variables}

    def value(at: np.ndarray) -> float:
        weights = kernel.unpack(problem, at)._asdict()
        return objective(program, {**arrays, **{name: weights[name] for name in names}})

    found, gradient = value_and_gradient(problem, kernel.unpack(problem, vector))
    assert found == pytest.approx(value(vector), rel=1e-12)
    h = 1e-6
    directions = np.eye(len(vector)) * h
    differences = [(value(vector + step) - value(vector - step)) / (2 * h) for step in directions]
    assert kernel.pack(problem, gradient) == pytest.approx(np.array(differences), rel=1e-5, abs=1e-7)
    untrained = gradient.alpha[~problem.feeds]
    assert not untrained.any()


OF_CLASSES = {name for name, loss in LOSSES.items() if loss.one_hot}
"""The losses that need several outputs."""


@pytest.mark.parametrize(
    ("name", "several"),
    [(name, several) for name in LOSSES for several in (False, True) if several or name not in OF_CLASSES],
)
def test_gradient_of_every_loss(name: str, several: bool) -> None:
    loss = LOSSES[name]
    check_gradient(form_of(loss, several=several))
    check_gradient(form_of(loss, Penalty("weight_decay", 0.3), several=several, mean=True, weighted=True))


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_gradient_of_every_penalty(penalty: Penalty, several: bool) -> None:
    check_gradient(form_of(LOSSES["squared"], penalty, several=several))
    check_gradient(form_of(LOSSES["squared"], penalty, several=several, hidden_bias=True, output_bias=True))


@pytest.mark.parametrize("hidden_bias", [False, True])
@pytest.mark.parametrize(
    "activation",
    [Activation("leaky_relu", 0.1), Activation("absolute", -1.0), Activation("gated_relu")],
    ids=lambda activation: activation.name,
)
def test_gradient_of_every_activation(activation: Activation, hidden_bias: bool) -> None:
    for several in (False, True):
        form = form_of(LOSSES["logistic"], PENALTIES[0], PENALTIES[2], several=several, activation=activation)
        check_gradient(replace(form, hidden_bias=hidden_bias, output_bias=hidden_bias, weighted=True))


def test_no_kink_makes_a_gradient_that_is_not_finite() -> None:
    """All weights 0: every neuron is at its kink, and so is every penalty."""
    form = form_of(LOSSES["absolute"], *PENALTIES[:4], hidden_bias=True, output_bias=True)
    problem = posed(form, arrays_for(form))
    zero = kernel.unpack(problem, 0.0 * kernel.pack(problem, weights_of(problem)))
    value, gradient = value_and_gradient(problem, zero)
    assert np.isfinite(value) and all(np.isfinite(part).all() for part in gradient)


def weights_of(problem: TrainingProblem, seed: int = 0) -> Weights:
    return kernel.initial_weights(problem, np.random.default_rng(seed))


# -- weights -----------------------------------------------------------------------------------------------------------


def test_every_neuron_feeds_one_output() -> None:
    form = form_of(LOSSES["cross_entropy"], PENALTIES[0], several=True)
    outcome = run(form, arrays_for(form), width=8, restarts=2)
    assert outcome.point is not None
    alpha = outcome.point["alpha"]
    assert alpha.shape == (8, 3)
    assert (np.count_nonzero(alpha, axis=1) <= 1).all()
    problem = posed(form, arrays_for(form), width=8)
    assert sorted(problem.feeds.sum(axis=0)) == [2, 3, 3]


def test_packing_is_undone() -> None:
    form = form_of(LOSSES["cross_entropy"], several=True, hidden_bias=True, output_bias=True)
    problem = posed(form, arrays_for(form))
    weights = weights_of(problem)
    for part, again in zip(weights, kernel.unpack(problem, kernel.pack(problem, weights)), strict=True):
        assert np.array_equal(part, again)


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_balancing_keeps_predictions_and_costs_nothing(penalty: Penalty) -> None:
    form = form_of(LOSSES["squared"], penalty, hidden_bias=True)
    problem = posed(form, arrays_for(form))
    weights = weights_of(problem)
    weights.alpha[2] = 0.0
    balanced = kernel.balanced_weights(problem, weights)
    assert value_and_gradient(problem, balanced)[0] <= value_and_gradient(problem, weights)[0] * (1 + 1e-11)

    def outputs(w: Weights) -> np.ndarray:
        return np.maximum(problem.X @ w.U + w.b, 0.0) @ w.alpha + w.c0

    assert outputs(balanced) == pytest.approx(outputs(weights))
    if penalty.biases and penalty.name == "weight_decay":
        assert np.sqrt((balanced.U**2).sum(axis=0) + balanced.b**2) == pytest.approx(np.abs(balanced.alpha))


def test_the_width_of_the_architecture_wins() -> None:
    form = form_of(LOSSES["squared"], PENALTIES[0])
    for asked, width in ((None, 9), (4, 4)):
        outcome = run(replace(form, width=asked), arrays_for(form), width=9, restarts=1)
        assert outcome.point is not None and outcome.point["alpha"].shape == (width,)


# -- restarts ----------------------------------------------------------------------------------------------------------


def test_the_best_objective_never_rises_and_is_the_one_of_the_point() -> None:
    form = form_of(LOSSES["logistic"], PENALTIES[0])
    arrays = arrays_for(form, n=40)
    outcome = run(form, arrays, width=5)
    values = [progress.objective for progress in outcome.history]
    assert values == sorted(values, reverse=True)
    assert [progress.iteration for progress in outcome.history] == list(range(len(values)))
    assert value_of(form, arrays, outcome) <= values[-1] * (1 + 1e-9)
    assert "5 of 5 restarts" in outcome.message


@pytest.mark.parametrize("method", ["lbfgs", ("gradient_descent", {"step_size": 0.05})], ids=str)
def test_a_seed_gives_the_same_network_again(method: Any) -> None:
    form = form_of(LOSSES["squared"], PENALTIES[0])
    arrays = arrays_for(form)
    first, again, other = (
        run(form, arrays, method=method, seed=seed, restarts=2, max_iterations=30) for seed in (3, 3, 4)
    )
    assert first.point is not None and again.point is not None and other.point is not None
    assert np.array_equal(first.point["U"], again.point["U"])
    assert not np.array_equal(first.point["U"], other.point["U"])


def test_more_restarts_are_never_worse() -> None:
    form = form_of(LOSSES["squared"], PENALTIES[0])
    arrays = arrays_for(form, n=30)
    values = [value_of(form, arrays, run(form, arrays, width=2, restarts=restarts)) for restarts in (1, 2, 6)]
    assert values[0] >= values[1] - 1e-9 >= values[2] - 2e-9


def test_gradient_descent_takes_the_steps_of_its_definition() -> None:
    form = form_of(LOSSES["squared"], PENALTIES[0], mean=True)
    problem = posed(form, arrays_for(form))
    seen: list[Weights] = []

    class Recorder(kernel.Watch):
        def see(self, weights: Weights, value: float, slope: float) -> bool:
            seen.append(weights)
            return super().see(weights, value, slope)

    watch = Recorder(1e-9, 3)
    watch.begin()
    kernel.gradient_descent(problem, weights_of(problem), watch, np.random.default_rng(0), step_size=0.2)
    assert len(seen) == 4
    for before, after in pairwise(seen):
        gradient = value_and_gradient(problem, before)[1]
        for part, slope, found in zip(before, gradient, after, strict=True):
            assert found == pytest.approx(part - 0.2 * slope)


def test_the_step_size_does_not_depend_on_the_reduction() -> None:
    """The sum of n losses and n times the strength, against their mean and the strength."""
    of_sum = form_of(LOSSES["squared"], Penalty("weight_decay", 12 * 0.1))
    of_mean = form_of(LOSSES["squared"], Penalty("weight_decay", 0.1), mean=True)
    arrays = arrays_for(of_sum, n=12)
    limits = {"method": ("gradient_descent", {"step_size": 0.1}), "restarts": 1, "max_iterations": 40}
    first, second = run(of_sum, arrays, **limits), run(of_mean, arrays, **limits)
    assert first.point is not None and second.point is not None
    assert first.point["U"] == pytest.approx(second.point["U"])


# -- how it ends -------------------------------------------------------------------------------------------------------


def test_solved_means_that_the_gradient_met_the_tolerance() -> None:
    """With fixed gates the objective is smooth."""
    form = form_of(LOSSES["squared"], PENALTIES[0], activation=Activation("gated_relu"))
    arrays = arrays_for(form)
    outcome = run(form, arrays, restarts=1, tolerance=1e-7)
    assert outcome.status == "solved"
    assert outcome.history[-1].dual_residual <= 1 < outcome.history[0].dual_residual
    assert outcome.dual_residual is not None and outcome.dual_residual <= 1e-7


@pytest.mark.parametrize("method", ["lbfgs", ("gradient_descent", {"step_size": 1e-3})], ids=str)
def test_limits_and_interruption(method: Any) -> None:
    form = form_of(LOSSES["logistic"], PENALTIES[0])
    arrays = arrays_for(form, n=50)
    options: dict[str, Any] = {"method": method, "tolerance": 1e-14, "width": 20}
    limited = run(form, arrays, max_iterations=5, restarts=3, **options)
    assert limited.status == "limit" and "limit of iterations" in limited.message
    assert len(limited.history) == 3 * 6
    timed = run(form, arrays, Control(time_limit=0.0), **options)
    assert timed.status == "limit" and "time limit" in timed.message and len(timed.history) == 1

    def at_seven(progress: Progress) -> bool:
        return progress.iteration >= 7

    stopped = run(form, arrays, Control(monitor=at_seven), **options)
    assert stopped.status == "interrupted" and stopped.iterations == 7
    assert "1 of 5 restarts" in stopped.message
    assert value_of(form, arrays, stopped) <= stopped.history[-1].objective * (1 + 1e-9)


def test_divergence_is_a_failure_that_keeps_the_best_iterate() -> None:
    form = form_of(LOSSES["squared"], PENALTIES[0])
    arrays = arrays_for(form)
    outcome = run(form, arrays, method=("gradient_descent", {"step_size": 1e6}), restarts=2)
    assert outcome.status == "failed" and "diverged" in outcome.message and outcome.has_point


# -- what it takes -----------------------------------------------------------------------------------------------------


def test_what_it_refuses() -> None:
    (reason,) = DESCENT.supports(Program("convex", (Term("loss", square(Variable("x", ()))),)))
    assert "not a convex program" in reason
    (reason,) = DESCENT.supports(form_of(LOSSES["squared"], activation=Activation("threshold")).program())
    assert "no gradient" in reason


def test_it_alone_is_local() -> None:
    assert [name for name, backend in backends().items() if backend.local] == ["descent"]


# -- stochastic methods, by the extra `torch` --------------------------------------------------------------------------


def test_batches_are_unbiased() -> None:
    """The gradients of batches of one size that cover the samples once average to the gradient of the objective."""
    form = form_of(LOSSES["logistic"], PENALTIES[0], weighted=True, activation=Activation("gated_relu"))
    problem = posed(form, arrays_for(form))
    weights = weights_of(problem)
    rows = np.random.default_rng(0).permutation(12).reshape(3, 4)
    parts = [value_and_gradient(torch_methods.batch_of(problem, batch), weights) for batch in rows]
    value, gradient = value_and_gradient(problem, weights)
    assert np.mean([part for part, _ in parts]) == pytest.approx(value)
    assert sum(part.U for _, part in parts) / 3 == pytest.approx(gradient.U)


def test_without_torch_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reludsl.backends.descent.find_spec", lambda name: None)
    program = form_of(LOSSES["squared"]).program()
    assert DESCENT.unusable(settings(), program) == ()
    (reason,) = DESCENT.unusable(settings(method=("adam", {})), program)
    assert "PyTorch" in reason


@pytest.mark.skipif(find_spec("torch") is None, reason="the extra `torch` is not installed")
@pytest.mark.parametrize(
    "method",
    [
        ("sgd", {"learning_rate": 0.05, "batch": 4, "epochs": 300}),
        ("sgd", {"learning_rate": 0.05, "momentum": 0.9, "batch": 12, "epochs": 300}),
        ("adam", {"learning_rate": 0.01, "batch": 4, "epochs": 300}),
    ],
    ids=str,
)
def test_stochastic_descent(method: tuple[str, Mapping[str, Any]]) -> None:
    """It goes most of the way to what L-BFGS finds, epoch by epoch, and a seed gives the same network again."""
    form = form_of(LOSSES["squared"], Penalty("weight_decay", 0.5), mean=False, output_bias=True)
    arrays = arrays_for(form)
    reference = value_of(form, arrays, run(form, arrays))
    first, again = (run(form, arrays, method=method, restarts=2) for _ in range(2))
    assert first.status == "limit" and len(first.history) == 2 * 301
    assert value_of(form, arrays, first) - reference <= 0.1 * (first.history[0].objective - reference)
    assert first.point is not None and again.point is not None
    assert np.array_equal(first.point["U"], again.point["U"])


@pytest.mark.skipif(find_spec("torch") is None, reason="the extra `torch` is not installed")
def test_a_full_batch_of_sgd_is_gradient_descent() -> None:
    form = form_of(LOSSES["logistic"], PENALTIES[0], hidden_bias=True)
    arrays = arrays_for(form)
    full = run(form, arrays, method=("gradient_descent", {"step_size": 0.1}), restarts=2, max_iterations=50)
    batch = run(form, arrays, method=("sgd", {"learning_rate": 0.1, "batch": 12, "epochs": 50}), restarts=2)
    assert full.point is not None and batch.point is not None
    for name, array in full.point.items():
        assert batch.point[name] == pytest.approx(array)


# -- optima that are known ---------------------------------------------------------------------------------------------


def training_form(problem: Problem) -> TrainingForm:
    loss = re.sub(r"\s*\{ reduction = mean \}", "", problem.loss)
    penalty = Penalty(problem.regularizer, problem.beta)  # type: ignore[arg-type]
    return form_of(LOSSES[loss], penalty, mean=loss != problem.loss, hidden_bias=problem.bias == "hidden")


@pytest.mark.parametrize(
    "problems",
    [
        pytest.param([problem for problem in PROBLEMS if problem.known is not None], id="closed forms"),
        pytest.param([problem for problem in PROBLEMS if problem.known is None], id="others", marks=pytest.mark.slow),
    ],
)
def test_near_known_optima_and_never_below(problems: list[Problem]) -> None:
    """The optimum over all widths bounds the objective of every network, and descent comes close to most."""
    near = []
    for problem in problems:
        form = training_form(problem)
        arrays = {"X": problem.X, "y": problem.y}
        found = value_of(form, arrays, run(form, arrays, width=20, restarts=4, max_iterations=600))
        assert found >= problem.optimum - 1e-6 * max(1.0, problem.optimum), problem.name
        near.append(found <= problem.optimum + 1e-3 * max(1.0, problem.optimum))
    assert np.mean(near) >= 0.7, [problem.name for problem, close in zip(problems, near, strict=True) if not close]

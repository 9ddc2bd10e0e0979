"""Descent under perturbations: attacks stay in their sets and find what is worst, and training against them helps."""

from __future__ import annotations

import runpy
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reludsl
from reludsl.backends.descent import kernel
from reludsl.backends.descent.perturbed import ProjectedAscent, losses_and_slopes, price_of_slopes, sets_around
from reludsl.ir import Activation, Changes, Movement, TrainingForm
from reludsl.lowering.robust_program import sets_of
from reludsl.perturbation_sets import PerturbationSet, perturbation_set
from reludsl.robustness import attacked_objective, robust_objective
from tests.backends.test_descent import LOSSES, OF_CLASSES, PENALTIES, arrays_for, form_of, posed, run, weights_of

SETS: dict[str, tuple[Changes, dict[str, Any]]] = {
    "linf": (Changes(None, True), {"radius": 0.3}),
    "box": (Changes(None, True), {"lower": -0.1, "upper": [0.4, 0.0, 0.2]}),
    "l2": (Changes(2, False), {"radius": [0.5, 0.0, 0.3]}),
    "l1": (Changes(1, False), {"radius": 0.4}),
    "l2 in a box": (Changes(2, True), {"radius": 0.5, "upper": 0.2, "minimum": -1.0}),
}
"""By the norm: what the form says, and what makes the sets."""


def sets_for(name: str, X: np.ndarray) -> PerturbationSet:
    return perturbation_set(X, name.split()[0], **SETS[name][1])


def perturbed(form: TrainingForm, name: str) -> tuple[TrainingForm, dict[str, np.ndarray]]:
    """A form with changes, and its arrays."""
    arrays, changes = arrays_for(form), SETS[name][0]
    sets = sets_for(name, arrays["X"])
    known = dict(zip(("lower", "upper", "radius"), (*sets.limits, sets.radius), strict=True))
    arrays |= {entry: array for entry in changes.names if (array := known[entry]) is not None}
    return replace(form, perturbed=changes), arrays


# -- the gradient in the inputs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "several"),
    [(name, several) for name in LOSSES for several in (False, True) if several or name not in OF_CLASSES],
)
@pytest.mark.parametrize("activation", [Activation(), Activation("absolute", -1.0), Activation("gated_relu")], ids=str)
def test_gradient_in_the_inputs(name: str, several: bool, activation: Activation) -> None:
    """Against central differences, where the loss is not flat. Gates stay."""
    form = form_of(LOSSES[name], several=several, activation=activation, hidden_bias=True, output_bias=True)
    problem = posed(form, arrays_for(form))
    weights, h = weights_of(problem), 1e-6
    slopes = losses_and_slopes(problem, weights, problem.X)[1]
    differences = np.empty_like(problem.X)
    for j, step in enumerate(h * np.eye(problem.X.shape[1])):
        ends = [losses_and_slopes(problem, weights, problem.X + sign * step)[0] for sign in (1.0, -1.0)]
        differences[:, j] = (ends[0] - ends[1]) / (2 * h)
    rising = differences.any(axis=1)
    assert rising.any()
    assert slopes[rising] == pytest.approx(differences[rising], rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("order", [1.0, 2.0, float("inf")])
def test_gradient_of_the_price(order: float) -> None:
    form = form_of(LOSSES["absolute"], several=True, hidden_bias=True, output_bias=True)
    problem, scale = posed(form, arrays_for(form)), np.array([0.5, 2.0, 1.5])
    start, h = kernel.pack(problem, weights_of(problem)), 1e-6

    def value(vector: np.ndarray) -> float:
        return price_of_slopes(kernel.unpack(problem, vector), scale, order, 0.7)[0]

    _, gradient = price_of_slopes(kernel.unpack(problem, start), scale, order, 0.7)
    steps = h * np.eye(len(start))
    differences = [(value(start + step) - value(start - step)) / (2 * h) for step in steps]
    assert kernel.pack(problem, gradient) == pytest.approx(np.array(differences), rel=1e-6, abs=1e-8)


# -- the attack --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SETS)
def test_changes_stay_in_their_sets_and_are_never_better_than_none(name: str) -> None:
    form = form_of(LOSSES["logistic"], hidden_bias=True)
    problem = posed(form, arrays_for(form))
    sets, weights = sets_for(name, problem.X), weights_of(problem)
    for attack in (ProjectedAscent(sets, 7, 0.25, True), ProjectedAscent(sets, 1, 1.0, False)):
        changes = attack.begin(np.random.default_rng(0)).worst(problem, weights)
        assert sets.contains(changes, 1e-9).all()
        clean, worst = (losses_and_slopes(problem, weights, problem.X + moved)[0] for moved in (0.0 * changes, changes))
        assert (worst >= clean).all() and (worst > clean).any()


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("loss", ["logistic", "hinge", "squared"])
def test_with_fixed_gates_the_worst_changes_are_found(name: str, loss: str) -> None:
    """The network is affine in the changes, so the worst ones are at the ends of its range: a closed form.

    Steps of one size come to a rest a little before it in a ball that a box cuts. Where a loss rises on both sides, the
    attack climbs the side that it starts on.
    """
    form = form_of(LOSSES[loss], activation=Activation("gated_relu"))
    problem = posed(form, arrays_for(form))
    sets, (U, _, alpha, _) = sets_for(name, problem.X), weights_of(problem)
    assert problem.gates is not None
    C = (problem.gates * alpha) @ U.T
    F = np.sum(problem.X * C, axis=1)
    ends = F - sets.support(-C), F + sets.support(C)
    exact = np.maximum(*(problem.loss.value(end, problem.Y) for end in ends))
    attack = ProjectedAscent(sets, 60, 0.25, False)
    found = attack.worst(problem, weights_of(problem))
    losses = losses_and_slopes(problem, weights_of(problem), problem.X + found)[0]
    clean = losses_and_slopes(problem, weights_of(problem), problem.X)[0]
    assert (losses <= exact + 1e-9).all()
    found_of_gain = (losses - clean) / np.where(exact > clean, exact - clean, 1.0)
    assert np.mean(found_of_gain >= (0.9 if " in " in name else 1 - 1e-6) * (exact > clean)) >= (
        0.5 if loss == "squared" else 1.0
    )


def test_flat_losses_are_climbed() -> None:
    """A hinge that is 0 at the sample is not where a margin can be broken."""
    problem = kernel.problem_of(np.array([[2.0]]), np.array([1.0]), LOSSES["hinge"], width=1)
    weights = kernel.Weights(np.ones((1, 1)), np.zeros(1), np.ones(1), np.zeros(()))
    attack = ProjectedAscent(sets_around(problem.X, 2, np.array([1.5])), 7, 0.25, False)
    assert attack.worst(problem, weights) == pytest.approx(-1.5)


# -- training ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["lbfgs", ("gradient_descent", {"step_size": 0.1})], ids=str)
def test_without_any_radius_it_is_clean_training(method: Any) -> None:
    form = form_of(LOSSES["hinge"], PENALTIES[0], hidden_bias=True)
    arrays = arrays_for(form)
    clean = run(form, arrays, method=method, restarts=2, max_iterations=40)
    still = replace(form, perturbed=Changes(None, True))
    zero = {"lower": 0 * arrays["X"], "upper": 0 * arrays["X"]}
    attacked = run(still, {**arrays, **zero}, method=method, restarts=2, max_iterations=40)
    assert clean.point is not None and attacked.point is not None
    assert not attacked.point["Delta"].any()
    for name, array in clean.point.items():
        assert np.array_equal(attacked.point[name], array)


@pytest.mark.parametrize("name", SETS)
def test_the_point_holds_the_changes_of_its_objective(name: str) -> None:
    """By the program itself: constraints hold, and the objective is the least of the history."""
    for several, loss in ((False, "squared"), (True, "cross_entropy")):
        form, arrays = perturbed(form_of(LOSSES[loss], PENALTIES[0], several=several), name)
        outcome = run(form, arrays, restarts=2, max_iterations=30)
        assert outcome.point is not None
        excess = reludsl.ir.violations(form.program(), {**arrays, **outcome.point})
        assert max(excess.values()) <= 1e-9
        value = reludsl.ir.objective(form.program(), {**arrays, **outcome.point})
        assert value <= outcome.history[-1].objective * (1 + 1e-9)


SPEC = """reludsl 1
data {{ input X : matrix[n, d] {{ scale = standard }}, target y : {target} }}
architecture two_layer {{ bias = both{architecture} }}
loss {loss}
regularizer weight_decay {{ strength = 0.1 }}
{perturbation}
solver descent {{ restarts = 2, width = 10, max_iterations = 100{options} }}
"""


def spec(perturbation: str, loss: str = "logistic", **parts: str) -> str:
    named = {"target": "binary[n]", "architecture": "", "options": "", **parts}
    return SPEC.format(perturbation=f"perturbation {perturbation}", loss=loss, **named)


def labelled() -> dict[str, np.ndarray]:
    """Two classes side by side: the nearer a boundary is to its samples, the less it stands."""
    generator = np.random.default_rng(0)
    y = np.where(np.arange(40) % 2, 1.0, -1.0)
    X = generator.standard_normal((40, 3)) + np.outer(y, [1.2, 0.8, 0.0])
    return {"X": X, "y": y}


NORMS = {
    "linf": "linf { radius = 0.3 }",
    "l2": "l2 { radius = [0.5, 0.5, 0.2] }",
    "l1": "l1 { radius = 0.6, maximum = 9 }",
    "box": "box { lower = -0.4, upper = [0.1, 0.2, 0.3] }",
}


@pytest.mark.parametrize("attack", ["pgd", "fgsm"])
@pytest.mark.parametrize("norm", NORMS)
def test_adversarial_training_stands_the_same_attack_better(norm: str, attack: str) -> None:
    data = labelled()
    robust = reludsl.solve(spec(NORMS[norm], options=f", attack = {attack}"), data)
    clean = reludsl.solve(spec("none"), data)
    samples = robust.network.encoding.samples(robust.network.encoding.as_table(data["X"], data["y"]))
    sets = sets_of(_perturbation(spec(NORMS[norm])), samples.X, robust.network.encoding)
    assert robust.objective == attacked_objective(robust.network, samples, sets)
    assert robust.objective < attacked_objective(clean.network, samples, sets)
    assert robust.means == "attacked" and "may be higher" in robust.summary()
    assert robust.bound is None and robust.network.objective_on(samples) <= robust.objective


def _perturbation(text: str) -> Any:
    from reludsl.pipeline import Compilation
    from reludsl.source import Source

    return Compilation(Source("<spec>", text)).model.perturbation


@pytest.mark.parametrize("norm", NORMS)
def test_with_gates_the_objective_is_exact(norm: str) -> None:
    data = labelled()
    text = spec(NORMS[norm], architecture=", activation = gated_relu")
    solution = reludsl.solve(text, data)
    network = solution.network
    samples = network.encoding.samples(network.encoding.as_table(data["X"], data["y"]))
    exact = robust_objective(network, samples, sets_of(_perturbation(text), samples.X, network.encoding))
    assert solution.means == "local"
    assert solution.objective == pytest.approx(exact, rel=1e-9)
    assert solution.program_objective <= exact * (1 + 1e-9)


def test_the_price_of_moved_distributions_is_paid() -> None:
    data = labelled() | {"y": np.random.default_rng(1).standard_normal(40)}
    perturbation = "wasserstein { radius = 0.2, norm = linf }"
    moved, still = (
        reludsl.solve(spec(text, loss="absolute", target="vector[n]"), data) for text in (perturbation, "none")
    )
    samples = moved.network.encoding.samples(moved.network.encoding.as_table(data["X"], data["y"]))
    assert moved.program_objective == pytest.approx(moved.objective, rel=1e-9)
    price = moved.objective - moved.network.objective_on(samples)
    steepest = reludsl.robustness.wasserstein_objective(still.network, samples, 0.2, 1.0)
    assert 0 < price < steepest - still.network.objective_on(samples)
    assert moved.objective < steepest and moved.means == "local"


@pytest.mark.skipif(find_spec("torch") is None, reason="the extra `torch` is not installed")
def test_batches_are_attacked_too() -> None:
    form, arrays = perturbed(form_of(LOSSES["logistic"], PENALTIES[0], hidden_bias=True), "linf")
    full = run(form, arrays, method=("gradient_descent", {"step_size": 0.1}), restarts=2, max_iterations=30)
    batch = run(form, arrays, method=("sgd", {"learning_rate": 0.1, "batch": 12, "epochs": 30}), restarts=2)
    assert full.point is not None and batch.point is not None
    assert full.point["U"] == pytest.approx(batch.point["U"])


# -- generated code ----------------------------------------------------------------------------------------------------

SCRIPTS = (
    ("linf { radius = 0.3, minimum = -9 }", "hinge", {}),
    ("l2 { radius = [0.5, 0.0, 0.2] }", "logistic", {"options": ", attack = fgsm"}),
    ("l1 { radius = 0.6, upper = 0.2 }", "squared", {"target": "vector[n]", "options": ", attack = pgd(steps = 3)"}),
    ("l2 { radius = 0.4 }", "logistic", {"architecture": ", activation = gated_relu"}),
    ("linf { radius = 0.3 }", "cross_entropy", {"target": "categorical[n, k]", "architecture": ", outputs = separate"}),
    ("wasserstein { radius = 0.1, norm = l1 }", "absolute", {"target": "vector[n]"}),
)


@pytest.mark.parametrize(("perturbation", "loss", "parts"), SCRIPTS, ids=str)
def test_the_script_is_the_direct_solve(
    perturbation: str,
    loss: str,
    parts: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text, data = spec(perturbation, loss, **parts), labelled()
    np.savez(tmp_path / "data.npz", **data)
    solution = reludsl.solve(text, tmp_path / "data.npz")
    script = tmp_path / "solve.py"
    script.write_text(reludsl.compile(text), encoding="utf-8")
    monkeypatch.setattr(
        sys, "argv", ["solve.py", "--data", str(tmp_path / "data.npz"), "-o", str(tmp_path / "net.npz")]
    )
    with monkeypatch.context() as hidden:
        for name in [name for name in sys.modules if name.split(".")[0] == "reludsl"]:
            hidden.delitem(sys.modules, name)
        hidden.setitem(sys.modules, "reludsl", None)
        runpy.run_path(str(script), run_name="__main__")
    network = reludsl.Network.load(tmp_path / "net.npz")
    assert network.hidden_weights == pytest.approx(solution.network.hidden_weights, rel=1e-6, abs=1e-9)
    printed = float(capsys.readouterr().out.split("objective ")[-1].split(",")[0])
    assert printed == pytest.approx(solution.program_objective, rel=1e-6)


# -- how it is told ----------------------------------------------------------------------------------------------------


def test_the_program_says_what_is_opposed() -> None:
    for name, symbol in (("linf", "Δ"), ("l2", "Z")):
        form, _ = perturbed(form_of(LOSSES["squared"]), name)
        text = reludsl.ir.program_unicode(form.program())
        assert f"at worst over  {symbol} ∈" in text and "over           U" in text
    movement = replace(form_of(LOSSES["absolute"]), perturbed=Movement(0.1, 2))
    assert "at worst" not in reludsl.ir.program_unicode(movement.program())

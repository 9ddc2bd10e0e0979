"""Attacks stay in their sets, lose nothing, and find what closed forms and exhaustive search know to be there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reludsl
from reludsl.attacks import AttackResult, result
from reludsl.network import Network
from reludsl.perturbation_sets import perturbation_set
from tests.attacks.networks import random_network, random_samples

FORMS = [
    ("labels", "hinge", "relu"),
    ("labels", "logistic", "leaky_relu(slope = 0.2)"),
    ("labels", "squared", "absolute"),
    ("labels", "squared_hinge", "gated_relu"),
    ("labels", "custom { expression = max(0, 1 - y * f) }", "relu"),
    ("classes", "cross_entropy", "relu"),
    ("classes", "squared", "absolute"),
    ("classes", "hinge", "leaky_relu(slope = 0.2)"),
    ("values", "squared", "relu"),
    ("values", "absolute", "gated_relu"),
    ("values", "quantile { level = 0.2 }", "leaky_relu(slope = 0.2)"),
    ("several values", "huber", "relu"),
]
forms = pytest.mark.parametrize("form", FORMS, ids=lambda form: " ".join(form))
NORMS = ("linf", "l2", "l1")


def test_every_form_can_be_written() -> None:
    assert {target for target, _, _ in FORMS} == {"labels", "classes", "values", "several values"}


@forms
def test_gradient_is_the_limit_of_differences(form: tuple[str, str, str]) -> None:
    network, generator = random_network(*form), np.random.default_rng(1)
    X, direction = generator.standard_normal((2, 50, 4))
    outputs, pullback = network.linearized(X)
    assert outputs == pytest.approx(network.scores(X), rel=1e-14, abs=1e-14)
    R = generator.standard_normal(outputs.shape)
    step = 1e-7
    change = (network.scores(X + step * direction) - network.scores(X - step * direction)) / (2 * step)
    expected = (R * change).reshape(len(X), -1).sum(axis=1)
    found = (pullback(R) * direction).sum(axis=1)
    # A kink or a jump between the two points leaves a few samples out.
    assert np.mean(np.abs(found - expected) <= 1e-5 * (1 + np.abs(expected))) >= 0.95


@forms
@pytest.mark.parametrize("norm", NORMS)
def test_attacks_stay_inside_and_never_help(form: tuple[str, str, str], norm: str) -> None:
    network = random_network(*form)
    X, y = random_samples(network, 60)
    radius = np.array([0.5, 0.2, 0.0, 1.0])
    box = {"minimum": [-1.0, -2.0, -3.0, -0.5], "maximum": 1.0}
    sets = perturbation_set(X, norm, radius, **box)
    found = {
        method: reludsl.attack(network, (X, y), method=method, norm=norm, radius=radius, **box)
        for method in ("fgsm", "pgd")
    }
    for attacked in found.values():
        assert sets.contains(attacked.inputs - X, 1e-12).all()
        assert attacked.attacked_loss >= attacked.clean_loss
        if network.encoding.labels is not None:
            assert attacked.attacked["accuracy"] <= attacked.clean["accuracy"]
            assert np.mean(network.predict(attacked.inputs) == y) == attacked.attacked["accuracy"]
            lost = (network.predict(X) == y) & (network.predict(attacked.inputs) != y)
            assert (attacked.success == lost).all()
    assert found["pgd"].attacked_loss >= found["fgsm"].attacked_loss
    assert found["pgd"].attacked_loss > found["pgd"].clean_loss
    if network.encoding.labels is not None:
        assert found["pgd"].attacked["accuracy"] <= found["fgsm"].attacked["accuracy"]


def one_piece(target: str, loss: str, seed: int, scale: float = 1.0) -> tuple[Network, np.ndarray]:
    """A network whose neurons are all open wherever the tests look, and its slope in raw inputs: it is affine there."""
    network = random_network(target, loss, seed=seed)
    open_ = network.hidden_weights, np.full(network.width, 100.0), scale * network.output_weights
    network = replace(
        network,
        hidden_weights=open_[0],
        hidden_bias=open_[1],
        output_weights=open_[2],
        output_bias=-100.0 * open_[2].sum(axis=0),
    )
    return network, ((network.hidden_weights @ network.output_weights).T / network.encoding.divisor).T


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(NORMS), st.integers(0, 10_000), st.sampled_from(["fgsm", "pgd"]), st.booleans())
def test_affine_networks_lose_exactly_the_support(norm: str, seed: int, method: str, cut: bool) -> None:
    """The worst margin is y f - h(-y c). At most of these samples the hinge is flat: that does not stop the attack."""
    network, slope = one_piece("labels", "hinge", seed)
    X = np.random.default_rng(seed).standard_normal((40, 4))
    y = np.where(network.decision_function(X) >= 0, 1.0, -1.0)
    radius = np.random.default_rng(seed).uniform(0.0, 1.0, 4)
    limits: dict[str, Any] = {"minimum": -1.0, "maximum": 1.0} if cut else {}
    sets = perturbation_set(X, norm, radius, **limits)
    worst = y * network.decision_function(X) - sets.support(-y[:, None] * slope)
    attacked = reludsl.attack(network, (X, y), method=method, norm=norm, radius=radius, **limits)
    assert attacked.attacked_loss == pytest.approx(np.maximum(1 - worst, 0).mean(), rel=1e-9, abs=1e-9)
    clear = np.abs(worst) > 1e-9
    assert (attacked.success == (worst < 0))[clear].all()


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(NORMS), st.integers(0, 10_000))
def test_losses_that_rise_on_both_sides(norm: str, seed: int) -> None:
    """The worst residual of an affine network is |f - y| + h(±c): on the side of the residual, or the other if cut."""
    network, slope = one_piece("values", "squared", seed)
    X, y = random_samples(network, 30, seed)
    sets = perturbation_set(X, norm, 0.7, minimum=-1.0, maximum=1.0)
    residual = (network.predict(X) - y) / network.encoding.target_divisor
    C = np.tile(slope, (len(X), 1))
    worst = np.maximum(np.abs(residual + sets.support(C)), np.abs(residual - sets.support(-C)))
    attacked = reludsl.attack(network, (X, y), norm=norm, radius=0.7, minimum=-1.0, maximum=1.0)
    assert attacked.attacked_loss == pytest.approx((worst**2 / 2).mean(), rel=1e-8)
    rmse = network.encoding.target_divisor * np.sqrt((worst**2).mean())
    assert attacked.attacked["rmse"] == pytest.approx(rmse, rel=1e-8)


def test_scores_without_bounds_are_attacked_all_the_same() -> None:
    """Probabilities of 0 and 1 leave no gradient of the cross-entropy; its place is taken by that of the margin."""
    network, slope = one_piece("classes", "cross_entropy", 3, scale=1e5)
    X, _ = random_samples(network, 60, 1)
    y = network.predict(X)
    outputs = network.decision_function(X)
    right = outputs.argmax(axis=1)
    sets = perturbation_set(X, "linf", 0.5)
    gaps = np.full((len(X), 3), np.inf)
    for k in range(3):  # the least lead over each other class
        lead = outputs[np.arange(len(X)), right] - outputs[:, k]
        gaps[:, k] = np.where(right == k, np.inf, lead - sets.support((slope[:, [k]] - slope[:, right]).T))
    attacked = reludsl.attack(network, (X, y), norm="linf", radius=0.5, restarts=3)
    assert not attacked.success[(gaps > 0).all(axis=1)].any()
    assert attacked.success.sum() >= 0.9 * (gaps < 0).any(axis=1).sum() > 0


@pytest.mark.parametrize("activation", ["relu", "absolute", "leaky_relu(slope = 0.3)"])
def test_exhaustive_search_in_the_plane(activation: str) -> None:
    """No attack is worse than the worst point of a fine grid, up to its mesh, and PGD finds nearly every mistake."""
    network = random_network("labels", "logistic", activation, inputs=2, width=30)
    X, y = random_samples(network, 150)
    attacked = reludsl.attack(network, (X, y), norm="linf", radius=0.3, restarts=8)
    steps = np.linspace(-0.3, 0.3, 61)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(1, -1, 2)
    outputs = network.decision_function((X[:, None, :] + grid).reshape(-1, 2)).reshape(len(X), -1)
    possible = (y[:, None] * outputs < 0).any(axis=1) & (network.predict(X) == y)
    assert attacked.success.sum() >= 0.97 * possible.sum() > 5
    worst = np.log1p(np.exp(-y[:, None] * outputs)).max(axis=1).mean()
    assert 0.99 * worst <= attacked.attacked_loss <= 1.01 * worst


def attacked_with(**options: Any) -> AttackResult:
    network = random_network()
    return reludsl.attack(network, random_samples(network, 80), radius=0.3, **options)


def test_radius_zero_changes_nothing() -> None:
    network = random_network()
    X, y = random_samples(network, 20)
    for norm in NORMS:
        attacked = reludsl.attack(network, (X, y), norm=norm, radius=0.0)
        assert (attacked.inputs == X).all() and not attacked.success.any()
        assert attacked.attacked == attacked.clean and attacked.attacked_loss == attacked.clean_loss


def test_the_seed_decides() -> None:
    first, again, other = (attacked_with(seed=seed, steps=3, restarts=1) for seed in (1, 1, 2))
    assert (first.inputs == again.inputs).all()
    assert (first.inputs != other.inputs).any()


def test_blocks_of_samples_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = attacked_with(restarts=0)
    monkeypatch.setattr(result, "_BLOCK", 140)
    assert attacked_with(restarts=0).inputs == pytest.approx(whole.inputs, abs=1e-12)


def test_stopping_at_mistakes_finds_them_with_less_change() -> None:
    greedy, stopping = attacked_with(restarts=0), attacked_with(restarts=0, stop_at_mistakes=True)
    assert stopping.success.sum() == greedy.success.sum() > 0
    assert stopping.attacked_loss < greedy.attacked_loss


def test_a_box_has_sides_of_its_own() -> None:
    network, slope = one_piece("labels", "logistic", 1)
    X, y = np.zeros((1, 4)), np.array([1.0])
    lower, upper = [-1.0, 0.0, -0.5, 0.0], [0.0, 2.0, 0.5, 0.0]
    attacked = reludsl.attack(network, (X, y), norm="box", lower=lower, upper=upper)
    assert attacked.inputs == pytest.approx(np.where(slope > 0, lower, upper)[None], abs=1e-12)


def test_data_comes_back_under_its_names() -> None:
    network = random_network()
    X, y = random_samples(network, 10)
    attacked = reludsl.attack(network, {"X": X, "truth": y}, radius=0.3, target="truth")
    assert list(attacked.data) == ["X", "truth"]
    assert (attacked.data["truth"] == y).all() and (attacked.data["X"] == attacked.inputs).all()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"method": "cw"}, "fgsm, pgd"),
        ({"steps": 0}, "steps is 0"),
        ({"restarts": -1}, "restarts is -1"),
        ({"step_size": 0.0}, "step_size is 0.0"),
    ],
)
def test_senseless_options(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        attacked_with(**options)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"radius": None}, "D324"),
        ({"radius": -1.0}, "D324"),
        ({"radius": [1.0, 2.0]}, "D324"),
        ({"norm": "box", "radius": None, "lower": -1.0}, "D324"),
        ({"radius": 1.0, "minimum": 2.0, "maximum": 1.0}, "D324"),
        ({"radius": 1.0, "target": "z"}, "D304"),
    ],
)
def test_what_does_not_fit_is_told(options: dict[str, Any], code: str) -> None:
    network = random_network()
    X, y = random_samples(network, 5)
    with pytest.raises(reludsl.Mistakes) as told:
        reludsl.attack(network, {"X": X, "y": y}, **options)
    assert [diagnostic.code for diagnostic in told.value.diagnostics] == [code]


def test_threshold_neurons_have_no_slope() -> None:
    network = random_network(activation="threshold")
    with pytest.raises(reludsl.Mistakes) as told:
        reludsl.attack(network, random_samples(network, 5), radius=0.1)
    assert [diagnostic.code for diagnostic in told.value.diagnostics] == ["D325"]
    with pytest.raises(ValueError, match="threshold"):
        network.linearized(np.zeros((1, 4)))

"""Patterns that are searched for: the objective never rises, what is useless goes, and small problems are solved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import reludsl
from reludsl.adaptive.growth import Grown, Growth, Round, Search, by_newton, first_neurons, grow
from reludsl.adaptive.neurons import (
    Envelope,
    Held,
    Neurons,
    Solved,
    columns_of,
    descended,
    first_dual,
    neurons_of,
    value_at,
)
from reludsl.api import compilation_of
from reludsl.backend import Control, Guess
from reludsl.backends import backends
from reludsl.ir import Distance, Margin
from reludsl.ir.pattern_problem import PatternProblem, as_columns
from reludsl.ir.sample_loss import SampleLoss
from reludsl.lowering.patterns import enumerate_patterns, pattern_keys, patterns_of, sample_patterns
from reludsl.model.losses.squared import HalfSquare
from reludsl.options import Settings
from tests.backends.test_newton import LOSSES

SPEC = """reludsl 1
data {{
  input X : matrix[n, d]
  target y : {target}
{more}}}
architecture two_layer {{ {architecture} }}
loss {loss}
regularizer weight_decay {{ strength = {strength} }}
formulation {formulation}
"""


def spec(
    formulation: str,
    target: str = "vector[n]",
    architecture: str = "activation = relu",
    loss: str = "squared",
    strength: float = 0.3,
    more: str = "",
) -> str:
    return SPEC.format(
        formulation=formulation, target=target, architecture=architecture, loss=loss, strength=strength, more=more
    )


def data(n: int, d: int, seed: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n, d))
    y = np.maximum(X @ generator.standard_normal((d, 3)), 0.0) @ np.array([1.0, -1.0, 1.0])
    return {"X": X, "y": y + 0.3 * generator.standard_normal(n)}


def problem(n: int = 40, d: int = 4, seed: int = 0, patterns: int = 10, beta: float = 0.3) -> PatternProblem:
    samples = data(n, d, seed)
    masks, _, _ = sample_patterns(samples["X"], patterns, seed)
    return PatternProblem(
        samples["X"], masks.astype(float), masks, Distance(HalfSquare()), samples["y"][:, None], group=beta
    )


def grown(posed: PatternProblem, **options: Any) -> Grown:
    return grow(posed, 0.0, by_newton, Search(tolerance=1e-5, escalations=1), **options)


# -- against all patterns ------------------------------------------------------------------------------------------

CASES: Mapping[str, tuple[dict[str, Any], int]] = {
    "plane": ({}, 2),
    "space": ({}, 3),
    "bias": ({"architecture": "activation = relu, bias = hidden"}, 2),
    "both biases": ({"architecture": "activation = relu, bias = both", "loss": "huber"}, 2),
    "leaky": ({"architecture": "activation = leaky_relu"}, 3),
    "absolute value": ({"architecture": "activation = absolute"}, 3),
    "mean": ({"loss": "squared { reduction = mean }", "strength": 0.02}, 2),
    "absolute loss": ({"loss": "absolute"}, 2),
    "labels": ({"loss": "logistic", "target": "binary[n]"}, 3),
    "hinge": ({"loss": "hinge", "target": "binary[n]"}, 2),
    "two outputs": ({"target": "matrix[n, 2]", "architecture": "activation = relu, outputs = separate"}, 2),
    "weights": ({"more": "  weight w : vector[n]\n"}, 2),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("initial", ["descent(neurons = 20)", "random(patterns = 4)"])
def test_a_small_problem_is_solved_as_with_all_patterns(name: str, initial: str) -> None:
    options, d = CASES[name]
    samples = data(14, d, len(name))
    if "binary" in options.get("target", ""):
        samples["y"] = np.where(samples["y"] > np.median(samples["y"]), 1.0, -1.0)
    if "matrix" in options.get("target", ""):
        samples["y"] = np.column_stack([samples["y"], samples["X"][:, 0] ** 2])
    if "more" in options:
        samples["w"] = np.random.default_rng(0).uniform(0.5, 2.0, 14)
    exact = reludsl.solve(spec("exact { limit = 4000 }", **options), samples)
    found = reludsl.solve(spec(f"adaptive {{ initial = {initial}, tolerance = 1e-5 }}", **options), samples)
    assert found.status == "solved"
    assert found.objective == pytest.approx(exact.objective, rel=1e-5)
    assert exact.bound is not None and found.objective >= exact.bound.value * (1 - 1e-9)
    assert found.bound is not None and found.bound.scope == "program" and found.bound.gap <= 1e-5
    assert found.means == "upper bound"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
def test_many_small_problems_are_solved_as_with_all_patterns(seed: int) -> None:
    n, d = 10 + seed % 21, 1 + seed % 3
    samples = data(n, d, seed)
    exact = reludsl.solve(spec("exact { limit = 10000 }"), samples)
    found = reludsl.solve(spec(f"adaptive {{ tolerance = 1e-6, seed = {seed} }}"), samples)
    assert found.objective == pytest.approx(exact.objective, rel=1e-5)


@pytest.mark.parametrize("backend", ["cvxpy", "admm"])
def test_any_backend_solves_the_programs(backend: str) -> None:
    samples = data(14, 2, 3)
    exact = reludsl.solve(spec("exact"), samples)
    found = reludsl.solve(spec("adaptive { initial = random(patterns = 4) }"), samples, backend=backend)
    assert found.backend == backend and found.objective == pytest.approx(exact.objective, rel=1e-4)


def test_more_inputs_than_samples() -> None:
    samples = data(8, 20, 0)
    found = reludsl.solve(spec("adaptive", strength=2.0), samples)
    sampled = reludsl.solve(spec("sampled { patterns = 300 }", strength=2.0), samples)
    assert found.objective <= sampled.objective * (1 + 1e-6)


# -- rounds --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_the_objective_never_rises(seed: int) -> None:
    posed = problem(seed=seed)
    first = first_neurons(posed, np.random.default_rng(seed).standard_normal((4, 30)))
    for initial in (None, first):
        values = [state.objective for state in grown(posed, initial=initial).rounds]
        assert len(values) > 2 and all(np.diff(values) <= 1e-9 * values[0])


def test_it_ends_far_below_the_patterns_that_it_began_with() -> None:
    posed = problem()
    result = grown(posed)
    assert result.rounds[-1].objective < 0.9 * result.rounds[0].objective
    assert result.dearest is not None and 1.0 <= result.dearest < 1.1
    assert value_at(result.posed, result.solved) == pytest.approx(result.rounds[-1].objective)


def test_patterns_that_take_no_part_are_dropped() -> None:
    """Only those that are active, or were found in the last search or descent, are held in the end."""
    posed = problem(patterns=200)
    result = grown(posed)
    held = set(pattern_keys(posed.X, result.posed.masks, 0.0))
    assert len(held) == result.posed.gates.shape[1] < 150
    first = set(pattern_keys(posed.X, posed.masks, 0.0))
    assert len(first - held) > 100


def test_the_same_seed_gives_the_same_rounds() -> None:
    def run() -> list[tuple[float, int]]:
        found = reludsl.solve(spec("adaptive { seed = 4, tolerance = 1e-3 }"), data(30, 3, 1))
        return [(state.objective, state.iteration) for state in found.history] + [(found.objective, found.width)]

    assert run() == run()


def test_neurons_that_are_proposed_are_used() -> None:
    """With the directions of the optimal neurons, one program is all that is needed."""
    posed = problem(n=14, d=2)
    masks, _ = enumerate_patterns(posed.X)
    full = replace(posed, masks=masks, gates=masks.astype(float))
    start = Solved(np.zeros((2, full.columns)), np.zeros(1), full.Y)
    best = by_newton(full, start, 1e-8, float("inf"))
    directions = best.columns[:, np.any(best.columns != 0, axis=0)]
    nudged = directions + 1e-9 * np.random.default_rng(0).standard_normal(directions.shape)
    few = replace(posed, masks=posed.masks[:, :1], gates=posed.gates[:, :1])
    result = grown(few, propose=nudged)
    assert result.rounds[0].objective < grown(few).rounds[0].objective
    assert result.rounds[-1].objective == pytest.approx(value_at(full, best), rel=1e-5)


def test_zero_is_found_where_nothing_helps() -> None:
    samples = data(12, 2, 0)
    found = reludsl.solve(spec("adaptive", strength=1e4), samples)
    assert found.width == 0 and found.objective == pytest.approx(0.5 * np.sum(samples["y"] ** 2))


# -- limits --------------------------------------------------------------------------------------------------------


def test_a_time_limit_is_told() -> None:
    samples = data(60, 6, 0)
    for text, options in (("adaptive { time_limit = 1e-3 }", {}), ("adaptive", {"time_limit": 1e-3})):
        found = reludsl.solve(spec(text), samples, **options)
        assert found.status == "limit" and "time limit" in found.message
        assert found.objective <= 0.5 * np.sum(samples["y"] ** 2)
        assert found.objective == pytest.approx(found.network.objective(samples))


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_monitor_ends_it_and_the_best_is_kept(after: int) -> None:
    seen: list[float] = []

    def monitor(state: Round) -> bool:
        seen.append(state.objective)
        return state.number >= after

    result = grown(problem(), monitor=monitor)
    assert result.status == "interrupted" and len(result.rounds) == after + 1
    assert value_at(result.posed, result.solved) == pytest.approx(min(seen), rel=1e-9)


def test_a_solver_that_fails_leaves_the_start() -> None:
    def failing(posed: PatternProblem, start: Solved, accuracy: float, seconds: float) -> Solved:
        return start._replace(ended="failed")

    posed = problem()
    result = grow(posed, 0.0, failing, Search(), initial=first_neurons(posed, np.eye(4)))
    assert result.status == "failed" and result.rounds[-1].objective < 0.5 * np.sum(posed.Y**2)


# -- neurons and programs ------------------------------------------------------------------------------------------


def test_neurons_move_to_programs_of_other_patterns() -> None:
    posed = problem()
    start = Solved(np.zeros((4, posed.columns)), np.zeros(1), posed.Y)
    solved = by_newton(posed, start, 1e-6, float("inf"))
    neurons = neurons_of(posed, solved.columns)
    held = Held(posed, 0.0)
    held.add(sample_patterns(posed.X, 7, 5)[0])
    where = held.add(neurons.masks)
    wider = held.posed()
    moved = solved._replace(columns=columns_of(wider, neurons, where))
    assert value_at(wider, moved) == pytest.approx(value_at(posed, solved), rel=1e-12)
    again = neurons_of(wider, columns_of(wider, neurons.beside(neurons), np.concatenate([where, where])))
    assert isinstance(again, Neurons) and again.count == neurons.count


def test_a_warm_start_ends_where_a_cold_one_does_and_sooner() -> None:
    """A guess from fewer patterns: kept columns, no stored supports, and a program of the backend's own."""
    compilation = compilation_of(spec("sampled { patterns = 60 }"))
    bound = compilation.bind(data(40, 4, 0))
    instance = compilation.lowered.bind(bound.train, bound.encoding)
    backend, settings = backends()["newton"], Settings({"tolerance": 1e-8, "max_iterations": 2000})
    program = compilation.lowered.program
    cold = backend.solve(program, instance.arrays, settings, Control())
    kept = {**instance.arrays, "D": instance.arrays["D"][:, :50]}
    part = backend.solve(program, kept, settings, Control())
    point = {name: np.pad(part.point[name], [(0, 0), (0, 10)]) for name in ("V", "W")}
    warm = backend.solve(program, instance.arrays, settings, Control(start=Guess(point, part.dual)))
    assert warm.history[-1].objective == pytest.approx(cold.history[-1].objective, rel=1e-7)
    assert warm.history[0].objective == pytest.approx(part.history[-1].objective, rel=1e-9)
    assert warm.iterations is not None and cold.iterations is not None and warm.iterations < cold.iterations


def test_a_guess_survives_presolving() -> None:
    """Repeated samples, dependent inputs: the start has the objective of its point."""
    samples = data(20, 3, 2)
    X = np.vstack([samples["X"], samples["X"]])
    X = np.column_stack([X, X @ np.array([1.0, -1.0, 2.0])])
    compilation = compilation_of(spec("sampled { patterns = 20 }"))
    bound = compilation.bind({"X": X, "y": np.tile(samples["y"], 2)})
    instance = compilation.lowered.bind(bound.train, bound.encoding)
    backend, settings = backends()["newton"], Settings({"tolerance": 1e-7, "max_iterations": 2000})
    first = backend.solve(compilation.lowered.program, instance.arrays, settings, Control())
    guess = Guess(first.point, first.dual)
    second = backend.solve(compilation.lowered.program, instance.arrays, settings, Control(start=guess))
    assert second.iterations is not None and second.iterations <= 2
    assert second.history[0].objective == pytest.approx(first.history[-1].objective, rel=1e-9)
    u, _ = as_columns(compilation.lowered.program, second.point)
    assert u.shape[1] == 40


def test_the_next_strength_of_a_path_begins_where_the_last_has_ended() -> None:
    compilation = compilation_of(spec("adaptive", strength=0.5))
    bound = compilation.bind(data(25, 3, 0))
    first = compilation.solve(bound)
    other = compilation_of(spec("adaptive", strength=0.4))
    second = other.solve(bound, after=first)
    alone = other.solve(bound)
    assert second.objective == pytest.approx(alone.objective, rel=1e-3)
    # The first program holds what the last one of the other strength held, and its network.
    network = first.network.objective(data(25, 3, 0)) - 0.1 / 0.5 * (
        first.objective - 0.5 * np.sum((data(25, 3, 0)["y"] - first.network.predict(data(25, 3, 0)["X"])) ** 2)
    )
    assert second.history[0].objective <= network * (1 + 1e-6)


@pytest.mark.parametrize("architecture", ["", "outputs = separate", "outputs = shared"])
def test_samples_that_are_all_zero_leave_nothing_to_learn(architecture: str) -> None:
    generator = np.random.default_rng(0)
    target, shape = ("matrix[n, 2]", (6, 2)) if architecture else ("vector[n]", (6,))
    y = generator.standard_normal(shape)
    solution = reludsl.solve(spec("adaptive", target, architecture), {"X": np.zeros((6, 2)), "y": y})
    assert (solution.status, solution.width) == ("solved", 0)
    assert solution.objective == pytest.approx(0.5 * float(np.sum(y**2)))


@pytest.mark.parametrize("architecture", ["", "outputs = shared"])
@pytest.mark.parametrize(("inputs", "targets"), [(1e6, 1.0), (1e-6, 1e-6)])
def test_the_units_of_the_data_do_not_matter(architecture: str, inputs: float, targets: float) -> None:
    """In other units it is the same problem, with another strength."""
    target = "matrix[n, 1]" if architecture else "vector[n]"
    samples = data(20, 2, 0)
    X, y = samples["X"], samples["y"].reshape(-1, 1) if architecture else samples["y"]
    plain = reludsl.solve(spec("adaptive", target, architecture), {"X": X, "y": y})
    strength = 0.3 * inputs * targets
    scaled = spec("adaptive", target, architecture, strength=strength)
    solution = reludsl.solve(scaled, {"X": inputs * X, "y": targets * y})
    assert solution.status == "solved"
    assert solution.objective / targets**2 == pytest.approx(plain.objective, rel=2e-4)


KINKED = {"absolute": 1.0, "quantile": 0.7, "hinge": 1.0}
"""Losses with kinks, and the greatest of their slopes."""


@pytest.mark.parametrize("tau", [1e-3, 0.3, 5.0])
@pytest.mark.parametrize("loss", KINKED)
def test_an_envelope_is_smooth_and_hardly_below_its_loss(loss: str, tau: float) -> None:
    generator = np.random.default_rng(0)
    F, Y = 3.0 * generator.standard_normal((200, 2)), generator.choice([-1.0, 1.0], (200, 2))
    envelope, change, length = Envelope(LOSSES[loss], tau), generator.standard_normal((200, 2)), 1e-6
    missing = LOSSES[loss].value(F, Y) - envelope.value(F, Y)
    assert np.all(missing >= -1e-12)
    assert np.all(missing <= 2 * tau / 2 * KINKED[loss] ** 2 + 1e-12)  # two outputs
    difference = (envelope.value(F + length * change, Y) - envelope.value(F - length * change, Y)) / (2 * length)
    assert difference == pytest.approx(np.sum(envelope.gradient(F, Y) * change, axis=1), abs=1e-3)


@pytest.mark.parametrize("weights", [None, np.linspace(0.0, 2.0, 40)], ids=["plain", "weights"])
@pytest.mark.parametrize("loss", ["squared", *KINKED])
def test_the_first_dual_point_proves_something(loss: str, weights: np.ndarray | None) -> None:
    """It lies in the domain of the conjugate, where weights count samples, so that its bound is a number."""
    posed = replace(problem(), loss=LOSSES[loss], weights=weights)
    posed = replace(posed, Y=np.sign(posed.Y)) if isinstance(LOSSES[loss], Margin) else posed
    dual = first_dual(posed, 0.1 * posed.Y)
    inside = posed.admissible(dual)
    assert inside == pytest.approx(dual, abs=1e-9)
    assert np.isfinite(posed.dual_value(inside, np.full(1, 1.001 * posed.group)))


@pytest.mark.parametrize("loss", KINKED)
def test_descent_gets_past_kinks(loss: str) -> None:
    """Further than on the loss itself, at the first of whose kinks it stalls; what is told are the loss's values."""
    posed = replace(problem(beta=0.05), loss=LOSSES[loss])
    posed = replace(posed, Y=np.sign(posed.Y)) if isinstance(LOSSES[loss], Margin) else posed
    start, offset = first_neurons(posed, np.random.default_rng(0).standard_normal((4, 20))), np.zeros(1)
    told: list[float] = []
    found, offset, value = descended(
        posed, 0.0, start, offset, 200, 0.0, np.inf, lambda objective: bool(told.append(objective))
    )
    assert len(set(told)) == 3 and min(told) > value  # where each envelope began
    F = np.maximum(posed.X @ found.u.T, 0.0) @ np.where(found.places == 0, 1.0, -1.0)[:, None]
    lengths = np.linalg.norm(found.u, axis=1)
    # Which can only be lower: hidden and output weights of one neuron need not be balanced before.
    assert 0.99 * value <= posed.loss_value(F) + posed.group * lengths.sum() <= value * (1 + 1e-9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(posed.loss), "smooth", True)
        assert value < 0.95 * descended(posed, 0.0, start, np.zeros(1), 600, 0.0, np.inf, lambda objective: False)[2]


@pytest.mark.parametrize("loss", [LOSSES["squared"], LOSSES["absolute"]], ids=["smooth", "kinks"])
def test_descent_ends_where_it_gains_little_or_is_asked_to(loss: SampleLoss) -> None:
    posed = replace(problem(beta=0.05), loss=loss)
    start = first_neurons(posed, np.random.default_rng(0).standard_normal((4, 20)))
    parts, told = (1 if loss.smooth else 3), []

    def see(objective: float) -> bool:
        told.append(objective)
        return len(told) == stop

    stop = -1
    *_, brief = descended(posed, 0.0, start, np.zeros(1), 1000, np.inf, np.inf, see)
    assert len(told) == parts * 101  # no gain is enough, and what is judged is a hundred iterations
    told.clear()
    *_, long = descended(posed, 0.0, start, np.zeros(1), 1000, 1e-6, np.inf, see)
    assert len(told) > parts * 101 and long < brief
    stop = 7
    told.clear()
    descended(posed, 0.0, start, np.zeros(1), 1000, 1e-6, np.inf, see)
    assert len(told) == 7  # also where further envelopes would follow


def test_what_is_proposed_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the search does not find it again."""
    posed = problem(patterns=2)
    proposed = np.random.default_rng(5).standard_normal((4, 3))
    monkeypatch.setattr(Growth, "_priced", blind)
    held = set(pattern_keys(posed.X, patterns_of(posed.X, proposed)[0], 0.0))
    grown = grow(posed, 0.0, by_newton, Search(), propose=proposed)
    assert grown.posed.masks is not None
    assert held <= set(pattern_keys(posed.X, grown.posed.masks, 0.0))


def blind(growth: Growth, starts: int) -> Neurons:
    """A search that finds nothing."""
    growth.dearest = 1.0
    return growth.neurons.of(np.zeros(0, dtype=int))


def test_most_of_what_helps_is_near_a_neuron() -> None:
    """What starts around neurons find is at least as dear as they are, and patterns that are not held are among it."""
    posed = problem(n=60, patterns=20)
    growth = Growth(posed, 0.0, by_newton, Search(starts=50), np.inf, lambda state: state.number >= 1)
    growth.run(None, None, None)
    mine = np.flatnonzero(growth.neurons.places == 0)
    z = posed.admissible(growth.dual)[:, 0]
    found = growth._nearby(z, mine)
    assert found.values.shape == mine.shape
    assert np.linalg.norm(found.directions, axis=1) == pytest.approx(np.ones(len(mine)))
    assert np.maximum(posed.X @ found.directions.T, 0.0).T @ z == pytest.approx(found.values, rel=1e-9)
    held = set(pattern_keys(posed.X, growth.neurons.masks, 0.0))
    assert any(key not in held for key in pattern_keys(posed.X, found.masks, 0.0))
    assert growth._nearby(z, mine[:0]).masks.shape == (60, 0)

"""Shared neurons that are searched for: certified optima, closed forms, every loss, and honest endings."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import reludsl
from reludsl.adaptive.shared import Growth, GrowthState, grow_shared
from reludsl.ir import Distance, SampleLoss
from reludsl.ir.pattern_problem import PatternProblem
from reludsl.lowering.patterns import random_directions
from reludsl.model.losses.squared import HalfSquare
from reludsl.network import Network
from reludsl.pipeline import Compilation
from reludsl.source import Source
from tests.lowering.test_cell_program import spec_of

SQUARED: SampleLoss = Distance(HalfSquare())
ADAPTIVE = "formulation adaptive { tolerance = 1e-6 }"


def instance(seed: int, n: int, d: int, c: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n, d))
    hidden = np.maximum(X @ generator.standard_normal((d, 4)), 0.0)
    return {"X": X, "Y": hidden @ generator.standard_normal((4, c)) + 0.3 * generator.standard_normal((n, c))}


def problem_of(data: dict[str, np.ndarray], strength: float) -> PatternProblem:
    n = len(data["X"])
    empty = np.zeros((n, 0))
    return PatternProblem(np.ones((n, 1)), empty, None, SQUARED, data["Y"], group=strength, signed=False, shared=True)


def grown(
    data: dict[str, np.ndarray],
    strength: float,
    *,
    tolerance: float = 1e-6,
    seed: int = 0,
    time_limit: float = float("inf"),
    monitor: Callable[[GrowthState], bool] | None = None,
) -> Growth:
    directions = random_directions(data["X"].shape[1], 20, seed)
    return grow_shared(
        problem_of(data, strength),
        data["X"],
        0.0,
        directions,
        tolerance=tolerance,
        seed=seed,
        time_limit=time_limit,
        monitor=monitor,
    )


def training_value(data: dict[str, np.ndarray], growth: Growth, strength: float) -> float:
    """½‖F − Y‖² + strength · weight decay, of the balanced network."""
    neurons = growth.neurons
    F = np.maximum(data["X"] @ neurons.directions, 0.0) @ neurons.weights + neurons.offset
    return float(0.5 * np.sum((F - data["Y"]) ** 2) + strength * np.linalg.norm(neurons.weights, axis=1).sum())


def proved(solution: reludsl.Solution, gap: float) -> float:
    """Solved, with a bound on the global optimum near the network's objective; the objective."""
    assert solution.status == "solved" and solution.bound is not None
    assert (solution.bound.scope, solution.bound.by) == ("global", "enumeration")
    assert solution.bound.value * (1 - 1e-12) <= solution.objective
    assert solution.objective - solution.bound.value <= gap * abs(solution.bound.value)
    assert solution.objective == pytest.approx(solution.program_objective, rel=1e-6)
    return solution.objective


# -- optima ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "n", "c"), [(2, 12, 2), (2, 8, 4), (3, 7, 2)])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_meets_the_exact_program(d: int, n: int, c: int, seed: int) -> None:
    data = instance(seed, n, d, c)
    exact = reludsl.solve(spec_of(strength=0.2), data)
    found = proved(reludsl.solve(spec_of(strength=0.2, formulation=ADAPTIVE), data), 5e-6)
    assert exact.bound is not None and found >= exact.bound.value * (1 - 1e-9)
    assert found == pytest.approx(exact.objective, rel=5e-6)


def published(name: str) -> dict[str, np.ndarray]:
    """A data set of Prakhya, Birdal, Yurtsever, drawn again where their file is not at hand."""
    if name == "random25":
        return instance(25, 25, 2, 5)
    angles = np.linspace(0.5, 3 * np.pi, 20)
    turns = [np.column_stack([np.cos(angles + turn), np.sin(angles + turn)]) for turn in 2 * np.pi / 3 * np.arange(3)]
    return {"X": np.concatenate([angles[:, None] / 9 * turn for turn in turns]), "Y": np.repeat(np.eye(3), 20, axis=0)}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["random25", "spiral60"])
def test_the_size_of_the_published_instances(name: str) -> None:
    data = published(name)
    exact = reludsl.solve(spec_of(strength=0.1), data)
    searched = spec_of(strength=0.1, formulation="formulation adaptive { tolerance = 1e-4 }")
    found = proved(reludsl.solve(searched, data), 1e-4)
    assert exact.bound is not None and exact.bound.gap <= 1e-6
    assert found == pytest.approx(exact.objective, rel=1e-4) and found >= exact.bound.value * (1 - 1e-9)


LOSSES = [
    ("absolute", "matrix[n, c]"),
    ("huber", "matrix[n, c]"),
    ("hinge", "categorical[n, 3]"),
    ("squared_hinge", "categorical[n, 3]"),
    ("logistic", "categorical[n, 3]"),
    ("cross_entropy", "categorical[n, 3]"),
]


@pytest.mark.parametrize(("loss", "target"), LOSSES, ids=[loss for loss, _ in LOSSES])
def test_every_loss_with_all_biases_and_weights(loss: str, target: str) -> None:
    data = instance(4, 10, 1, 3)
    if target.startswith("categorical"):
        data["Y"] = np.array(["a", "b", "c"])[data["Y"].argmax(axis=1)]
    data["w"] = np.random.default_rng(4).uniform(0.5, 1.5, 10)
    parts = {"architecture": ", bias = both, activation = leaky_relu", "more": "weight w : vector[n]"}
    found = reludsl.solve(spec_of(loss, target, formulation=ADAPTIVE, **parts), data)
    assert found.bound is not None
    proved(found, 5e-6)


@pytest.mark.slow
def test_a_custom_loss() -> None:
    custom = spec_of("custom { expression = 2 * square(f - y) }", strength=1.2, formulation=ADAPTIVE)
    data = instance(4, 8, 1, 2)
    usual = reludsl.solve(spec_of(strength=0.3, formulation=ADAPTIVE), data)
    assert reludsl.solve(custom, data).objective == pytest.approx(4 * usual.objective, rel=1e-5)


def test_one_output_is_the_pattern_program() -> None:
    data = instance(7, 15, 2, 1)
    pattern = spec_of(target="vector[n]", outputs="1", strength=0.2)
    exact = reludsl.solve(pattern, {"X": data["X"], "Y": data["Y"][:, 0]})
    growth = grown(data, 0.2)
    assert growth.status == "solved"
    assert growth.neurons.objective == pytest.approx(exact.objective, rel=5e-6)


def test_a_neuron_that_is_known_is_found() -> None:
    """Orthonormal samples and one active row: the objective is that of one number, ½(t − ‖y‖)² + strength t."""
    data = {"X": np.eye(4), "Y": np.zeros((4, 3))}
    data["Y"][2] = [2.0, -1.0, 2.0]
    growth = grown(data, 0.5, tolerance=1e-9)
    assert growth.neurons.objective == pytest.approx(0.5 * 0.5**2 + 0.5 * 2.5, rel=1e-8)
    loudest = np.linalg.norm(growth.neurons.weights, axis=1).argmax()
    assert growth.neurons.directions[:, loudest] == pytest.approx([0.0, 0.0, 1.0, 0.0], abs=1e-3)
    assert growth.neurons.weights.sum(axis=0) == pytest.approx(np.array([2.0, -1.0, 2.0]) * 2.5 / 3, abs=1e-3)


def test_a_strong_penalty_leaves_no_neurons() -> None:
    data = instance(0, 12, 2, 2)
    solution = reludsl.solve(spec_of(strength=1e4, formulation=ADAPTIVE), data)
    assert solution.width == 0 and proved(solution, 1e-9) == pytest.approx(0.5 * np.sum(data["Y"] ** 2))


# -- the search --------------------------------------------------------------------------------------------------


def test_more_dimensions_beat_every_restart_of_descent() -> None:
    data = instance(3, 20, 4, 3)
    growth = grown(data, 0.5, tolerance=1e-4)
    assert growth.status == "solved"
    assert growth.neurons.objective == pytest.approx(training_value(data, growth, 0.5), rel=1e-12)
    descent = "solver descent { restarts = 5, width = 60, max_iterations = 300 }"
    local = reludsl.solve(spec_of(strength=0.5, solver=descent), data)
    assert growth.neurons.objective <= local.objective * (1 + 1e-6)


def test_no_round_raises_the_objective() -> None:
    objectives = [state.objective for state in grown(instance(2, 20, 4, 2), 0.2, tolerance=1e-3).history]
    assert len(objectives) >= 3
    assert all(after <= before for before, after in pairwise(objectives))


def test_it_may_begin_with_random_neurons() -> None:
    data = instance(1, 10, 2, 2)
    formulation = "formulation adaptive { initial = random(patterns = 10), tolerance = 1e-6 }"
    found = [proved(reludsl.solve(spec_of(formulation=text), data), 5e-6) for text in (formulation, ADAPTIVE)]
    assert found[0] == pytest.approx(found[1], rel=5e-6)


def test_a_seed_tells_the_result() -> None:
    data = instance(1, 12, 3, 2)
    first, again, other = (grown(data, 0.3, tolerance=1e-5, seed=seed) for seed in (5, 5, 6))
    assert np.array_equal(first.neurons.directions, again.neurons.directions)
    assert np.array_equal(first.neurons.weights, again.neurons.weights)
    assert first.neurons.objective == pytest.approx(other.neurons.objective, rel=1e-4)


def test_more_than_four_dimensions_are_bounded_on_the_neurons_held() -> None:
    solution = reludsl.solve(spec_of(formulation=ADAPTIVE), instance(6, 9, 5, 2))
    assert solution.status == "solved" and solution.bound is not None
    assert (solution.bound.scope, solution.bound.by) == ("program", "duality")
    assert solution.bound.gap <= 1e-5 and solution.means == "upper bound"


def test_a_time_limit_ends_with_the_best_network_so_far() -> None:
    data = instance(2, 120, 8, 4)
    solution = reludsl.solve(spec_of(strength=0.1, formulation="formulation adaptive { time_limit = 0.3 }"), data)
    assert solution.status == "limit" and "time limit" in solution.message
    assert [warning.code for warning in solution.warnings] == ["S401"]
    assert solution.width > 0 and solution.objective < 0.5 * np.sum(data["Y"] ** 2)
    assert solution.objective == pytest.approx(solution.program_objective, rel=1e-9)
    assert reludsl.solve(spec_of(strength=0.1, formulation=ADAPTIVE), data, time_limit=0.01).status == "limit"


def test_a_monitor_ends_the_search() -> None:
    growth = grown(instance(2, 40, 5, 3), 0.1, monitor=lambda state: state.iteration == 1)
    assert growth.status == "interrupted" and len(growth.history) == 2


def test_weights_of_zero_and_samples_of_different_sizes() -> None:
    data = instance(8, 14, 2, 2)
    data["X"][:3] = 0.0
    data["X"][3:6] *= 30.0
    problem = replace(problem_of(data, 0.3), weights=(np.arange(14) % 5 > 0).astype(float))
    growth = grow_shared(problem, data["X"], -1.0, random_directions(2, 20, 0), time_limit=60.0)
    assert growth.status == "solved" and growth.history[-1].gap <= 1e-6


# -- around it ---------------------------------------------------------------------------------------------------


def test_cvxpy_takes_the_program_over_the_neurons_found() -> None:
    data = instance(1, 12, 2, 3)
    ours, theirs = (
        reludsl.solve(spec_of(formulation=ADAPTIVE), data, backend=backend) for backend in ("newton", "cvxpy")
    )
    assert theirs.backend == "cvxpy"
    assert proved(ours, 5e-6) == pytest.approx(proved(theirs, 5e-6), rel=1e-6)


def test_a_weaker_penalty_begins_with_the_neurons_of_the_stronger() -> None:
    data = instance(1, 12, 2, 2)
    stronger, weaker = (Compilation(Source("<spec>", spec_of(strength=s, formulation=ADAPTIVE))) for s in (1.0, 0.1))
    bound = stronger.bind(data)
    first = stronger.solve(bound)
    second = weaker.solve(bound, after=first)
    assert proved(first, 5e-6) > proved(second, 5e-6)
    assert proved(reludsl.solve(spec_of(strength=0.1, formulation=ADAPTIVE), data), 5e-6) == pytest.approx(
        second.objective, rel=5e-6
    )


def test_a_script_searches_too(tmp_path: Path) -> None:
    data, spec = instance(1, 12, 2, 2), spec_of(formulation=ADAPTIVE, architecture=", bias = both")
    np.savez(tmp_path / "data.npz", **data)
    (tmp_path / "solve.py").write_text(reludsl.compile(spec))
    command = [sys.executable, "solve.py", "--data", "data.npz", "-o", "net.npz"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "round 0: objective" in ran.stdout
    network = Network.load(tmp_path / "net.npz")
    here = reludsl.solve(spec, data).network
    assert network.predict(data["X"]) == pytest.approx(here.predict(data["X"]), abs=1e-3)

"""Networks of polynomial neurons: values, slopes, files, scripts, and descent on them."""

from __future__ import annotations

import dataclasses
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

import reludsl
from reludsl.backends.descent.kernel import pack, problem_of, unpack, value_and_gradient
from reludsl.ir.pattern_problem import problem_without_columns
from tests.polynomials.reference import Polynomials, random_problem


@pytest.fixture(scope="module")
def trained() -> tuple[Polynomials, reludsl.Solution]:
    problem = random_problem(0, bias="both")
    return problem, problem.solve()


def test_values_are_those_of_the_definition(trained: tuple[Polynomials, reludsl.Solution]) -> None:
    problem, solution = trained
    network, (a, b, c) = solution.network, problem.coefficients
    total = np.zeros(len(problem.X)) + network.output_bias
    for u, bias, alpha in zip(network.hidden_weights.T, network.hidden_bias, network.output_weights, strict=True):
        t = problem.X @ u + bias
        total += alpha * (a * t**2 + b * t + c)
    assert network.scores(problem.X) == pytest.approx(total, rel=1e-12)
    penalty = problem.beta * (np.abs(network.output_weights).sum() + abs(float(network.output_bias)))
    assert network.penalty() == pytest.approx(penalty, rel=1e-12)
    assert solution.objective == pytest.approx(0.5 * np.sum((total - problem.y) ** 2) + penalty, rel=1e-12)


def test_slopes_are_derivatives(trained: tuple[Polynomials, reludsl.Solution]) -> None:
    problem, solution = trained
    network, h = solution.network, 1e-5
    steps = [h * e for e in np.eye(3)]
    rows = [(network.scores(problem.X + e) - network.scores(problem.X - e)) / (2 * h) for e in steps]
    expected = np.stack(rows, axis=1)
    assert network.slopes(problem.X) == pytest.approx(expected, abs=1e-7)
    outputs, pullback = network.linearized(problem.X)
    assert outputs == pytest.approx(network.scores(problem.X), rel=1e-12)
    R = np.random.default_rng(0).standard_normal(len(problem.X))
    assert pullback(R) == pytest.approx(R[:, None] * expected, abs=1e-6)


def test_the_file_keeps_everything(trained: tuple[Polynomials, reludsl.Solution], tmp_path: Path) -> None:
    problem, solution = trained
    solution.network.save(tmp_path / "net.npz")
    loaded = reludsl.load(tmp_path / "net.npz")
    assert loaded.activation == solution.network.activation and loaded.activation.coefficients == problem.coefficients
    assert np.array_equal(loaded.decision_function(problem.X), solution.network.decision_function(problem.X))
    assert loaded.objective(problem.X, problem.y) == solution.network.objective(problem.X, problem.y)


def test_pytorch_has_no_such_layer(trained: tuple[Polynomials, reludsl.Solution]) -> None:
    with pytest.raises(NotImplementedError, match="polynomial"):
        trained[1].network.to_torch()


def test_an_upper_bound_on_the_width_is_checked(trained: tuple[Polynomials, reludsl.Solution]) -> None:
    problem, solution = trained
    spec = problem.spec.replace("bias = both", "bias = both, width = 1")
    assert solution.width > 1
    assert "S404" in {warning.code for warning in reludsl.solve(spec, problem.data).warnings}


def test_explanation_counts_matrices(trained: tuple[Polynomials, reludsl.Solution]) -> None:
    problem, _ = trained
    text = reludsl.explain(problem.spec, problem.data)
    assert "2 semidefinite matrices of order 5" in text and "2 equations" in text
    assert "The network without any is optimal from the strength" in " ".join(text.split())
    latex = reludsl.explain(problem.spec, stage="program", latex=True)
    assert r"V \succeq 0" in latex


# -- descent -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", ["none", "hidden", "both"])
def test_the_gradient_of_descent_is_exact(bias: str) -> None:
    problem = random_problem(1, bias=bias)
    form, arrays = problem.form_and_arrays()
    losses = problem_without_columns(form, arrays)
    training = problem_of(
        problem.X,
        problem.y,
        losses.loss,
        width=4,
        penalties=(("path_norm", problem.beta, True),),
        hidden_bias=bias != "none",
        output_bias=bias == "both",
        coefficients=problem.coefficients,
    )
    generator = np.random.default_rng(0)
    at = generator.standard_normal(len(pack(training, unpack(training, np.zeros(3 * 4 + 4 + 4 + 1)))))

    def value(vector: np.ndarray) -> float:
        return value_and_gradient(training, unpack(training, vector))[0]

    gradient = pack(training, value_and_gradient(training, unpack(training, at))[1])
    h = 1e-6
    expected = [(value(at + h * e) - value(at - h * e)) / (2 * h) for e in np.eye(len(at))]
    assert gradient == pytest.approx(np.array(expected), abs=1e-5)


@pytest.mark.parametrize("bias", ["none", "both"])
def test_descent_trains_neurons_of_norm_one(bias: str) -> None:
    problem = random_problem(2, bias=bias)
    best = problem.solve()
    local = reludsl.solve(problem.spec + "solver descent { restarts = 2 }\n", problem.data)
    norms = np.sqrt(np.sum(local.network.hidden_weights**2, axis=0) + local.network.hidden_bias**2)
    assert norms == pytest.approx(np.ones(local.width), abs=1e-12)
    assert best.bound is not None and best.bound.value <= local.objective <= 1.2 * best.objective
    assert local.program_objective == pytest.approx(local.objective, rel=1e-12)


# -- scripts -------------------------------------------------------------------------------------------------------


PROBLEMS = [("squared", "none"), ("hinge", "both"), ("logistic", "hidden")]


def run(script: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a script in this process, with reludsl out of its reach."""
    monkeypatch.setattr(sys, "argv", [str(script), *arguments])
    with monkeypatch.context() as hidden:
        for name in [name for name in sys.modules if name.split(".")[0] == "reludsl"]:
            hidden.delitem(sys.modules, name)
        hidden.setitem(sys.modules, "reludsl", None)
        runpy.run_path(str(script), run_name="__main__")


@pytest.mark.parametrize(
    ("loss", "bias", "backend"),
    [
        *((loss, bias, backend) for backend in ("cvxpy", "descent") for loss, bias in PROBLEMS),
        *((loss, bias, "picos") for loss, bias in PROBLEMS if loss != "logistic"),
    ],
)
def test_a_script_computes_what_the_direct_solve_computes(
    backend: str, loss: str, bias: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = np.random.default_rng(0).uniform(0.5, 2.0, 30)
    problem = random_problem(3, labels=loss != "squared", loss=loss, bias=bias, weights=weights)
    if backend == "descent":
        solver = "solver descent { restarts = 2, width = 6, max_iterations = 300 }"
        problem = dataclasses.replace(problem, solver=solver)
    table, script, saved = tmp_path / "data.npz", tmp_path / "trainer.py", tmp_path / "net.npz"
    np.savez(table, **problem.data)
    script.write_text(reludsl.compile(problem.spec, backend))
    run(script, ["--data", str(table), "-o", str(saved)], monkeypatch)
    solution, network = reludsl.solve(problem.spec, table, backend=backend), reludsl.load(saved)
    assert network.objective(table) == pytest.approx(solution.objective, rel=1e-5 if backend == "picos" else 1e-6)
    norms = np.sqrt(np.sum(network.hidden_weights**2, axis=0) + network.hidden_bias**2)
    assert norms == pytest.approx(np.ones(network.width), abs=1e-12)

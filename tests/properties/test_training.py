"""Properties of whole runs, on random problems: feasible, bounded from both sides, monotone, invariant."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reludsl
from reludsl.lowering.patterns import sample_patterns


def spec_of(loss: str, beta: float, *, formulation: str, solver: str, bias: str = "hidden", scale: str = "none") -> str:
    target = "vector" if loss == "squared" else "binary"
    return f"""reludsl 1
data {{
  input  X : matrix[n, d] {{ scale = {scale} }}
  target y : {target}[n]
}}
architecture two_layer {{ bias = {bias} }}
loss {loss}
regularizer weight_decay {{ strength = {beta!r} }}
formulation {formulation}
solver {solver}
"""


def data(seed: int, n: int, d: int, labels: bool = False) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n, d))
    y = generator.standard_normal(n)
    return X, np.where(y > np.median(y), 1.0, -1.0) if labels else y


problems = st.fixed_dictionaries(
    {"seed": st.integers(0, 999), "n": st.integers(4, 25), "d": st.integers(1, 4), "beta": st.floats(1e-3, 5)}
)


@settings(max_examples=25, deadline=None)
@given(problems, st.integers(1, 400))
def test_an_unfinished_admm_run_is_honest(problem: dict[str, Any], iterations: int) -> None:
    """However early ADMM stops: a feasible point, its own objective, and a lower bound below it.

    The network may be below the bound, which is on the program: pruning merges neurons into ones whose patterns the
    program need not hold.
    """
    X, y = data(problem["seed"], problem["n"], problem["d"])
    solver = f"admm {{ max_iterations = {iterations}, tolerance = 1e-12 }}"
    spec = spec_of("squared", problem["beta"], formulation="sampled { patterns = 6 }", solver=solver)
    solution = reludsl.solve(spec, (X, y))
    assert solution.status in {"limit", "solved"}
    assert solution.objective <= solution.program_objective * (1 + 1e-9) + 1e-12
    assert solution.objective <= 0.5 * float(y @ y) + 1e-9  # never worse than no network
    assert solution.bound is not None
    assert solution.bound.value <= solution.program_objective + 1e-9
    assert solution.bound.gap == pytest.approx(
        max(0.0, solution.program_objective - solution.bound.value) / max(solution.program_objective, 1e-300)
    )


@settings(max_examples=10, deadline=None)
@given(problems, st.sampled_from(["squared", "hinge", "logistic"]))
def test_network_and_program_agree(problem: dict[str, Any], loss: str) -> None:
    X, y = data(problem["seed"], problem["n"], problem["d"], labels=loss != "squared")
    spec = spec_of(loss, problem["beta"], formulation="sampled { patterns = 6 }", solver="cvxpy")
    solution = reludsl.solve(spec, (X, y))
    assert solution.objective <= solution.program_objective * (1 + 1e-9) + 1e-12
    if solution.bound is not None:
        assert solution.bound.value <= solution.program_objective + 1e-9


@settings(max_examples=10, deadline=None)
@given(problems)
def test_no_bound_exceeds_what_another_backend_attains(problem: dict[str, Any]) -> None:
    """Both backends solve the same program, so each one's lower bound lies below the other's feasible point."""
    X, y = data(problem["seed"], problem["n"], problem["d"])
    runs = [
        reludsl.solve(
            spec_of("squared", problem["beta"], formulation="sampled { patterns = 6 }", solver=solver), (X, y)
        )
        for solver in ("admm { max_iterations = 500 }", "cvxpy")
    ]
    for one in runs:
        for other in runs:
            assert one.bound is not None
            assert one.bound.value <= other.program_objective + 1e-8


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 999), st.floats(1e-3, 5), st.integers(20, 400))
def test_no_network_beats_a_global_bound(seed: int, beta: float, iterations: int) -> None:
    """With every pattern the bound is on the training problem: no network is below it, pruned, descended or neither."""
    X, y = data(seed, 9, 1)
    admm = f"admm {{ max_iterations = {iterations} }}"
    every = reludsl.solve(spec_of("squared", beta, formulation="exact", solver=admm), (X, y))
    local = reludsl.solve(spec_of("squared", beta, formulation="exact", solver="descent { restarts = 2 }"), (X, y))
    assert every.bound is not None and every.bound.scope == "global"
    assert every.bound.value <= min(every.objective, local.objective) + 1e-9


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 99))
def test_exact_is_below_sampled_and_more_patterns_help(seed: int) -> None:
    X, y = data(seed, 10, 2)

    def objective(formulation: str) -> float:
        return reludsl.solve(spec_of("squared", 0.1, formulation=formulation, solver="cvxpy"), (X, y)).objective

    few, many, every = (objective(f) for f in ("sampled { patterns = 4 }", "sampled { patterns = 12 }", "exact"))
    assert every <= many + 1e-6 and many <= few + 1e-6


def test_the_recovered_network_has_the_patterns_of_its_columns() -> None:
    X, y = data(0, 20, 3)
    solution = reludsl.solve(
        spec_of("squared", 0.3, formulation="sampled { patterns = 10 }", solver="cvxpy", bias="none"), (X, y)
    )
    D, _, _ = sample_patterns(X, 10, 0)
    assert solution.width == solution.neurons  # nothing was merged: the neurons are the program's own columns
    active = X @ solution.network.hidden_weights > 1e-6
    inactive = X @ solution.network.hidden_weights < -1e-6
    for neuron in range(solution.width):
        fits = [(D[active[:, neuron], i]).all() and not D[inactive[:, neuron], i].any() for i in range(10)]
        assert any(fits)


@pytest.mark.parametrize("scale", ["standard", "minmax", "unit_columns"])
def test_scaling_makes_units_irrelevant(scale: str) -> None:
    """Columns in other units: the same objective and the same predictions."""
    X, y = data(3, 25, 3)
    factors = np.array([1e3, 1e-2, 7.0])
    spec = spec_of("squared", 0.2, formulation="sampled { patterns = 8 }", solver="cvxpy", scale=scale)
    plain, other = reludsl.solve(spec, (X, y)), reludsl.solve(spec, (X * factors, y))
    assert other.objective == pytest.approx(plain.objective, rel=1e-6)
    assert other.network.decision_function(X * factors) == pytest.approx(
        plain.network.decision_function(X), rel=1e-3, abs=1e-4
    )


def test_scaling_the_target_is_undone_in_predictions() -> None:
    X, y = data(3, 30, 2)
    y = 1000 * y + 5000
    spec = spec_of("squared", 0.2, formulation="sampled { patterns = 8 }", solver="cvxpy")
    spec = spec.replace("target y : vector[n]", "target y : vector[n] { scale = standard }")
    solution = reludsl.solve(spec, (X, y))
    error = solution.network.predict(X) - y
    assert solution.metrics["train"]["rmse"] == pytest.approx(float(np.sqrt(np.mean(error**2))))
    assert abs(np.mean(solution.network.predict(X)) - 5000) < 1000


def pairs(*penalties: str) -> list[tuple[str, str]]:
    """Of penalties, but for two weight decays: they have to agree about biases."""
    return [pair for pair in product(penalties, repeat=2) if pair != ("weight_decay", "weight_decay")]


@pytest.mark.parametrize(
    ("formulation", "penalizing", "free"),
    [
        *(("sampled { patterns = 6 }", *pair) for pair in pairs("weight_decay", "path_norm", "l1", "l2")),
        *(("random_features { neurons = 20 }", *pair) for pair in pairs("weight_decay", "path_norm", "l1")),
    ],
)
def test_a_network_costs_what_the_program_says_whatever_the_biases_do(
    formulation: str, penalizing: str, free: str
) -> None:
    """Two regularizers, of which one counts the biases: the neurons that are recovered are scaled for both."""
    X, y = data(4, 14, 2)
    spec = spec_of("squared", 0.1, formulation=formulation, solver="cvxpy", bias="both")
    written = f"regularizer {penalizing} {{ strength = 0.1 }}\nregularizer {free} {{ strength = 0.05, biases = free }}"
    solution = reludsl.solve(spec.replace("regularizer weight_decay { strength = 0.1 }", written), (X, y))
    assert solution.objective == pytest.approx(solution.program_objective, rel=1e-5)

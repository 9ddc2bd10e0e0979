"""Properties of whole runs, on random problems: feasible, bounded from both sides, monotone, invariant."""

from __future__ import annotations

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
    """However early ADMM stops: a feasible point, its own objective, and a lower bound below it."""
    X, y = data(problem["seed"], problem["n"], problem["d"])
    solver = f"admm {{ max_iterations = {iterations}, tolerance = 1e-12 }}"
    spec = spec_of("squared", problem["beta"], formulation="sampled { patterns = 6 }", solver=solver)
    solution = reludsl.solve(spec, (X, y))
    assert solution.status in {"limit", "solved"}
    assert solution.objective <= solution.program_objective * (1 + 1e-9) + 1e-12
    assert solution.objective <= 0.5 * float(y @ y) + 1e-9  # never worse than no network
    assert solution.bound is not None
    assert solution.bound.value <= solution.objective + 1e-9
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
        assert solution.bound.value <= solution.objective + 1e-9


@settings(max_examples=10, deadline=None)
@given(problems)
def test_no_bound_exceeds_another_backends_network(problem: dict[str, Any]) -> None:
    """Both backends solve the same program, so each one's lower bound lies below the other's network."""
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
            assert one.bound.value <= other.objective + 1e-8


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
    D, _ = sample_patterns(X, 10, 0)
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

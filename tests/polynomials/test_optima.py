"""The semidefinite program finds the global optimum: closed forms, and descent from many starts."""

from __future__ import annotations

import math

import numpy as np
import pytest

import reludsl
from tests.polynomials.reference import Polynomials, random_problem

TIGHT = "solver cvxpy { tolerance = 1e-10 }"


def checked(problem: Polynomials, optimum: float, accuracy: float = 1e-7) -> None:
    """The network attains the optimum, the bound proves it, and hidden weights have norm 1."""
    solution = problem.solve()
    network = solution.network
    assert solution.objective == pytest.approx(optimum, rel=accuracy, abs=accuracy)
    assert solution.program_objective == pytest.approx(solution.objective, rel=1e-12, abs=1e-14)
    assert solution.bound is not None
    assert (solution.bound.scope, solution.bound.by, solution.meaning.relation) == ("global", "duality", "equal")
    assert solution.bound.value <= optimum + 1e-12 * abs(optimum)
    assert solution.bound.value >= optimum - accuracy * max(1.0, abs(optimum))
    norms = np.sqrt(np.sum(network.hidden_weights**2, axis=0) + network.hidden_bias**2)
    assert norms == pytest.approx(np.ones(solution.width), abs=1e-14)
    assert solution.width <= min(len(problem.X), 2 * (problem.samples.shape[1] + 1))


@pytest.mark.parametrize("coefficients", [(0.5, 1.0, -0.2), (1.0, 0.0, 0.0), (-0.3, 2.0, 1.0)])
@pytest.mark.parametrize("y", [2.5, -1.5])
def test_one_input_and_one_sample(coefficients: tuple[float, float, float], y: float) -> None:
    """There are two neurons, u = 1 and u = -1, and the one with the larger value is taken: ½(f − y)² + β|f|/|σ|."""
    a, b, c = coefficients
    x, beta = 1.5, 0.3
    largest = max(abs(a * x**2 + b * x + c), abs(a * x**2 - b * x + c))
    cost = beta / largest
    optimum = cost * abs(y) - cost**2 / 2 if abs(y) > cost else y**2 / 2
    # A second sample without weight makes the target vary.
    X, targets, weights = np.array([[x], [0.5]]), np.array([y, 0.0]), np.array([1.0, 0.0])
    checked(Polynomials(X, targets, coefficients, beta, weights=weights, solver=TIGHT), optimum)


def test_squares_of_unit_samples() -> None:
    """With X = I and σ(t) = t² the outputs are any f at the price β‖f‖₁: soft thresholding."""
    y, beta = np.array([2.0, -0.3, -1.5, 0.6, 0.1]), 0.5
    optimum = sum(beta * abs(t) - beta**2 / 2 if abs(t) > beta else t**2 / 2 for t in y)
    checked(Polynomials(np.eye(5), y, (1.0, 0.0, 0.0), beta, solver=TIGHT), optimum)


def test_a_linear_polynomial_is_the_group_lasso() -> None:
    """With X = I and σ(t) = t the outputs are any f at the price β‖f‖₂: block soft thresholding."""
    y, beta = np.array([2.0, -0.3, -1.5]), 0.5
    checked(Polynomials(np.eye(3), y, (0.0, 1.0, 0.0), beta, solver=TIGHT), beta * np.linalg.norm(y) - beta**2 / 2)


def test_a_scaled_square_needs_the_top_eigenvector() -> None:
    """One positive sample direction: f = a(x·u)²α has |f| ≤ |a|‖x‖²|α|."""
    x, y, a, beta = np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([2.0, 0.0]), -0.2, 0.4
    cost = beta / (0.2 * 25.0)
    checked(Polynomials(x, y, (a, 0.0, 0.0), beta, solver=TIGHT), cost * 2.0 - cost**2 / 2)


def test_the_absolute_and_the_hinge_loss_of_unit_samples() -> None:
    """With X = I and σ(t) = t²: |f − y| + β|f| and max(0, 1 − yf) + β|f| stay at y and 1/y for β < 1."""
    y = np.array([1.5, -0.5, 2.0])
    checked(Polynomials(np.eye(3), y, (1.0, 0.0, 0.0), 0.25, "absolute", solver=TIGHT), 0.25 * 4.0)
    labels = np.array([1.0, -1.0, 1.0])
    checked(Polynomials(np.eye(3), labels, (1.0, 0.0, 0.0), 0.25, "hinge", solver=TIGHT), 0.25 * 3.0)


def test_the_logistic_loss_of_unit_samples() -> None:
    """log(1 + e^−f) + βf is least where 1/(1 + e^f) = β."""
    beta, labels = 0.2, np.array([1.0, -1.0, 1.0])
    f = math.log(1 / beta - 1)
    optimum = 3 * (math.log1p(math.exp(-f)) + beta * f)
    checked(Polynomials(np.eye(3), labels, (1.0, 0.0, 0.0), beta, "logistic", solver=TIGHT), optimum)


@pytest.mark.parametrize("coefficients", [(1.0, 0.5, -0.3), (0.0, 1.0, 0.0), (-0.5, 0.2, 1.0)])
def test_beyond_a_strength_there_are_no_neurons(coefficients: tuple[float, float, float]) -> None:
    """The strength is max over unit u of |Σ y_k σ(x_kᵀu)|: found here on a fine circle."""
    generator = np.random.default_rng(5)
    X, y = generator.standard_normal((12, 2)), generator.standard_normal(12)
    a, b, c = coefficients
    angles = np.linspace(0, 2 * np.pi, 200_001)
    T = X @ np.array([np.cos(angles), np.sin(angles)])
    strength = float(np.abs(y @ ((a * T + b) * T + c)).max())
    above = Polynomials(X, y, coefficients, strength * (1 + 1e-6)).solve()
    assert above.width == 0 and above.iterations == 0
    assert above.objective == pytest.approx(0.5 * y @ y, rel=1e-14)
    assert above.bound is not None and above.bound.gap <= 1e-12
    below = Polynomials(X, y, coefficients, strength * 0.9).solve()
    assert below.width > 0 and below.objective < 0.5 * y @ y


CASES = [
    ("squared", "none", False),
    ("squared", "hidden", True),
    ("squared", "both", False),
    ("huber { delta = 0.5 }", "output", False),
    ("logistic", "none", True),
    ("squared_hinge", "hidden", False),
    ("squared { reduction = mean }", "none", True),
]


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("loss", "bias", "weighted"), CASES)
def test_descent_reaches_the_optimum_and_never_the_bound(loss: str, bias: str, weighted: bool, seed: int) -> None:
    labels = loss.startswith(("logistic", "squared_hinge"))
    weights = np.random.default_rng(seed).uniform(0.0, 2.0, 30) if weighted else None
    problem = random_problem(seed, labels=labels, loss=loss, bias=bias, weights=weights)
    if "mean" in loss:
        problem = Polynomials(**{**vars(problem), "beta": 0.02})
    solution = problem.solve()
    assert solution.bound is not None
    found = problem.best_of_descent(4 if seed == 0 else 12, seed)
    assert found >= solution.bound.value - 1e-12 * abs(found)
    assert found == pytest.approx(solution.objective, rel=2e-6)
    assert solution.bound.gap <= 1e-6
    assert solution.width > 0
    assert solution.program_objective == pytest.approx(solution.objective, rel=1e-12)


@pytest.mark.parametrize("loss", ["absolute", "hinge", "quantile { level = 0.3 }"])
def test_losses_with_kinks_have_a_tight_bound(loss: str) -> None:
    problem = random_problem(1, labels=loss == "hinge", loss=loss)
    solution = problem.solve()
    assert solution.bound is not None and solution.bound.gap <= 1e-6 and solution.width > 0


def test_more_inputs_than_samples() -> None:
    problem = random_problem(2, n=4, d=9)
    solution = problem.solve()
    assert 0 < solution.width <= 4
    assert solution.bound is not None and solution.bound.gap <= 1e-6


def test_scaling_of_the_data_is_what_the_network_sees() -> None:
    """The norm 1 is that of weights on scaled inputs: raw inputs in other units give the same network on them."""
    problem = random_problem(3)
    spec = problem.spec.replace("matrix[n, d]", "matrix[n, d] { scale = standard }")
    plain = reludsl.solve(spec, problem.data)
    moved = reludsl.solve(spec, {"X": 1000 * problem.X + 7, "y": problem.y})
    assert moved.objective == pytest.approx(plain.objective, rel=1e-7)
    assert moved.network.predict(1000 * problem.X + 7) == pytest.approx(plain.network.predict(problem.X), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["squared", "absolute", "logistic", "hinge"])
def test_ten_thousand_samples(loss: str) -> None:
    generator = np.random.default_rng(0)
    X = generator.standard_normal((10_000, 10))
    y = X[:, 0] * X[:, 1] + np.tanh(X[:, 2]) + 0.3 * generator.standard_normal(10_000)
    labels = np.where(y > 0, 1.0, -1.0)
    target = labels if loss in ("logistic", "hinge") else y
    solution = Polynomials(X, target, (0.3, 0.5, -0.2), 100.0, loss).solve()
    assert solution.bound is not None and solution.bound.gap <= 1e-6
    assert 0 < solution.width <= 22

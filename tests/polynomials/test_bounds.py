"""What neurons of norm 1 bring is bounded from above, tightly, and no bound lies."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reludsl.certificate import dual_bound, feasible_point
from reludsl.certificate.duality import bound_from, pricing_of
from reludsl.certificate.polynomial import sphere_maximum, sphere_prices
from tests.polynomials.reference import Polynomials, random_problem

ANGLES = np.linspace(0, 2 * np.pi, 100_001)
CIRCLE = np.array([np.cos(ANGLES), np.sin(ANGLES)])


def searched(A: np.ndarray, g: np.ndarray) -> float:
    """The greatest value on a fine circle, or from many random points of the sphere improved by the power method."""
    if len(g) == 2:
        U = CIRCLE
    else:
        U = np.random.default_rng(0).standard_normal((len(g), 500))
        U /= np.linalg.norm(U, axis=0)
        shift = 2 * np.abs(A).sum() + np.linalg.norm(g)
        for _ in range(300):  # ascent: the function plus shift‖u‖² is convex
            U = 2 * (A @ U) + g[:, None] + shift * U
            U /= np.linalg.norm(U, axis=0)
    return float((np.einsum("dm,de,em->m", U, A, U) + g @ U).max())


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    d=st.sampled_from([2, 2, 3, 6]),
    kind=st.sampled_from(["plain", "hard", "linear", "square", "identity", "large", "small"]),
)
def test_the_greatest_value_on_the_sphere(seed: int, d: int, kind: str) -> None:
    generator = np.random.default_rng(seed)
    A = generator.standard_normal((d, d))
    A, g = A + A.T, generator.standard_normal(d)
    if kind == "hard":  # g has nothing in the direction of the greatest eigenvalue
        _, vectors = np.linalg.eigh(A)
        g = 0.1 * (g - vectors[:, -1] * (vectors[:, -1] @ g))
    A = {"linear": 0 * A, "identity": np.eye(d), "large": 1e8 * A, "small": 1e-8 * A}.get(kind, A)
    g = 0 * g if kind == "square" else g
    bound, found = sphere_maximum(A, g), searched(A, g)
    size = np.abs(A).sum() + np.abs(g).sum()
    assert bound >= found - 1e-15 * size
    assert bound <= found + 2e-7 * size  # what the search leaves


@pytest.mark.parametrize("g", [3.0, -2.0, 0.0])
@pytest.mark.parametrize("a", [1.5, -1.5, 0.0])
def test_one_input_has_two_directions(a: float, g: float) -> None:
    bound = sphere_maximum(np.array([[a]]), np.array([g]))
    assert a + abs(g) <= bound <= a + abs(g) + 1e-12


def test_numbers_that_overflow_are_infinitely_dear() -> None:
    assert sphere_maximum(np.array([[np.inf]]), np.zeros(1)) == np.inf
    prices = sphere_prices(np.full((3, 2), 1e200), (1.0, 1.0, 1.0), np.ones(3))
    assert (prices == np.inf).all()
    assert (sphere_prices(np.ones((3, 2)), (1.0, 1.0, 1.0), np.zeros(3)) == 0).all()


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 40), exponent=st.integers(-12, 12))
def test_prices_are_those_of_the_dearest_neurons(seed: int, n: int, exponent: int) -> None:
    generator = np.random.default_rng(seed)
    X, z = generator.standard_normal((n, 2)), 10.0**exponent * generator.standard_normal(n)
    a, b, c = generator.standard_normal(3)
    T = X @ CIRCLE
    q = z @ ((a * T + b) * T + c)
    above, below = sphere_prices(X, (a, b, c), z)
    slack = 1e-6 * np.abs(z).sum() * (1 + np.abs(X).max() ** 2) * (abs(a) + abs(b) + abs(c))
    assert q.max() * (1 - 1e-12 * np.sign(q.max())) <= above <= q.max() + slack
    assert -q.min() * (1 + 1e-12 * np.sign(q.min())) <= below <= -q.min() + slack


INSTANCES = [
    ("squared", "none", False),
    ("squared { reduction = mean }", "both", True),
    ("absolute", "output", False),
    ("hinge", "hidden", True),
    ("logistic", "none", False),
]


def duals(problem: Polynomials, optimal: np.ndarray, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Perturbed, random and adversarial dual points."""
    n = len(optimal)
    for k in range(100):
        noise = generator.standard_normal((n, 1))
        yield optimal + 10.0 ** (-k % 9) * noise
        yield 10.0 ** (k % 7 - 3) * noise
        yield optimal * (1 + 10.0 ** (-k % 12))
    yield from (-optimal, 0 * optimal, 1e200 * optimal, 1e-200 * optimal, np.ones((n, 1)), -np.ones((n, 1)))
    spoilt = optimal.copy()
    for bad in (np.nan, np.inf, -np.inf, 1e308):
        spoilt[0] = bad
        yield spoilt.copy()


@pytest.mark.parametrize(("loss", "bias", "weighted"), INSTANCES)
def test_no_dual_point_makes_a_bound_lie(loss: str, bias: str, weighted: bool) -> None:
    weights = np.random.default_rng(0).uniform(0.0, 2.0, 30) if weighted else None
    labels = loss in ("hinge", "logistic")
    problem = random_problem(4, labels=labels, loss=loss, bias=bias, weights=weights)
    if "mean" in loss:
        problem = Polynomials(**{**vars(problem), "beta": 0.02})
    solution = problem.solve()
    optimum = solution.objective  # a network's value: the optimum is at most this
    form, arrays = problem.form_and_arrays()
    pricing = pricing_of(form.program(), arrays)
    assert pricing is not None
    network = solution.network
    f = network.scores(problem.X)[:, None]
    gradient = -pricing.problem.loss_gradient(f)
    best = -np.inf
    for z in duals(problem, gradient, np.random.default_rng(1)):
        bound = bound_from(pricing.problem, z, prices_at=pricing.prices) / pricing.problem.scale
        assert bound <= optimum * (1 + 1e-13)
        best = max(best, bound)
    assert best > 0


def test_a_poor_point_gets_a_true_bound_and_a_feasible_neighbour() -> None:
    problem = random_problem(6)
    form, arrays = problem.form_and_arrays()
    program, optimum = form.program(), problem.solve().objective
    generator = np.random.default_rng(0)
    for _ in range(50):
        point = {}
        for name in ("V", "W"):
            Z = generator.standard_normal((4, 4))
            point[name] = Z + Z.T
        feasible = feasible_point(program, arrays, point)
        for name in ("V", "W"):
            Z = feasible.point[name]
            assert np.linalg.eigvalsh(Z)[0] >= -1e-12 and np.trace(Z[:-1, :-1]) == pytest.approx(Z[-1, -1])
        assert feasible.objective >= optimum * (1 - 1e-12) and feasible.violation > 0
        bound = dual_bound(program, arrays, feasible, point)
        assert bound is not None and bound.value <= optimum and bound.scope == "global"


def test_without_a_penalty_the_bound_is_true() -> None:
    problem = random_problem(7, n=8)
    solution = Polynomials(**{**vars(problem), "beta": 0.0}).solve()
    assert solution.bound is None or solution.bound.value <= solution.objective + 1e-12

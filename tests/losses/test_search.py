"""Prox and conjugate of losses that are expressions: the closed forms of built-in losses, and the definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import reludsl
from reludsl.ir import CustomLoss
from tests.losses.test_custom import accepted, convex, custom, loss_of, targets

WRITTEN_OUT = [
    ("square(f - y) / 2", "squared", "vector[n]"),
    ("abs(f - y)", "absolute", "vector[n]"),
    ("huber(f - y, 0.5)", "huber { delta = 0.5 }", "vector[n]"),
    ("level * pos(y - f) + (1 - level) * pos(f - y)", "quantile { level = 0.9 }", "vector[n]"),
    ("max(0, 1 - y * f)", "hinge", "binary[n]"),
    ("pos(2 - y * f)", "hinge { margin = 2 }", "binary[n]"),
    ("square(max(0, 1 - y * f)) / 2", "squared_hinge", "binary[n]"),
    ("logistic(-y * f)", "logistic", "binary[n]"),
]
every_known = pytest.mark.parametrize(
    ("expression", "known", "target"), WRITTEN_OUT, ids=[case[1] for case in WRITTEN_OUT]
)
seeds, exponents = st.integers(0, 10_000), st.floats(-3, 3)
some = settings(deadline=None, max_examples=20)


def drawn(target: str, seed: int, shape: tuple[int, ...] = (30, 2)) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    F = 3.0 * generator.standard_normal(shape)
    return F, generator.choice([-1.0, 1.0], size=shape) if "binary" in target else generator.standard_normal(shape)


# -- losses that have closed forms -------------------------------------------------------------------------------------


@some
@every_known
@given(seeds, exponents, st.booleans())
def test_the_prox_is_the_closed_form(
    expression: str, known: str, target: str, seed: int, exponent: float, varied: bool
) -> None:
    mine, theirs = custom(expression, "level = 0.9"), loss_of(known, target=target)
    F, Y = drawn(target, seed)
    tau = 10.0**exponent * (np.geomspace(0.1, 10.0, len(F))[:, None] if varied else 1.0)
    np.testing.assert_allclose(mine.prox(F, Y, tau), theirs.prox(F, Y, tau), rtol=0, atol=1e-9)
    np.testing.assert_allclose(mine.prox_jacobian(F, Y, tau), theirs.prox_jacobian(F, Y, tau), rtol=0, atol=1e-9)


@some
@every_known
@given(seeds)
def test_conjugate_and_nearest_slope_are_the_closed_forms(expression: str, known: str, target: str, seed: int) -> None:
    mine, theirs = custom(expression, "level = 0.9"), loss_of(known, target=target)
    F, Y = drawn(target, seed)
    S = F / 2
    S[::3] = theirs.gradient(F, Y)[::3]
    S[1] = 0.0
    np.testing.assert_allclose(mine.nearest_slope(S, Y), theirs.nearest_slope(S, Y), rtol=0, atol=1e-6)
    inside, expected = mine.conjugate(S, Y), theirs.conjugate(S, Y)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(inside), finite)
    assert (inside[finite] >= expected[finite] - 1e-13 * (1 + np.abs(expected[finite]))).all()
    np.testing.assert_allclose(inside[finite], expected[finite], rtol=1e-8, atol=1e-8)


@every_known
def test_smoothness_is_proved(expression: str, known: str, target: str) -> None:
    assert custom(expression, "level = 0.9").smooth == loss_of(known, target=target).smooth


@pytest.mark.parametrize(
    ("expression", "smooth"),
    [
        ("norm(f - y, 1)", True),
        ("norm(f - y, y)", False),  # a kink where y is 0
        ("exp(-y * f) - log(f + 3)", True),
        ("pos(y) * square(f) + logistic(exp(f))", True),
        ("logistic(pos(f))", False),
        ("square(f) + abs(f - y) / 2", False),
        ("max(square(f), f)", False),
        ("square(max(1, f))", False),
        ("huber(pos(f - y), 2) + f", True),
    ],
)
def test_a_loss_is_smooth_where_no_part_of_it_has_a_kink(expression: str, smooth: bool) -> None:
    assert custom(expression).smooth == smooth


def test_the_conjugate_at_the_ends_of_its_domain() -> None:
    Y = np.ones(5)
    S = np.array([-1.0 - 1e-9, -1.0, -0.5, 0.0, 1e-9])
    np.testing.assert_allclose(custom("max(0, 1 - f)").conjugate(S, Y), [np.inf, -1.0, -0.5, 0.0, np.inf], atol=1e-14)
    # sup of f - (f - log(f + 4)) is infinite, though the slope comes near 1; and so is that of log(f).
    assert custom("f - log(f + 4)").conjugate(np.ones(1), np.ones(1))[0] == np.inf
    assert custom("-log(f)").conjugate(np.zeros(1), np.ones(1))[0] == np.inf
    assert custom("-log(f)").conjugate(-np.ones(1), np.ones(1))[0] == pytest.approx(-1.0)
    # Where f overflows is no end of the domain: exp(-f) falls for ever.
    loss = custom("pos(y) * exp(f) + pos(-y) * exp(-f)")
    assert loss.conjugate(np.array([1e-12]), -np.ones(1))[0] == np.inf
    assert loss.nearest_slope(np.array([1.0, -2.0]), -np.ones(2)) == pytest.approx([0.0, -2.0], abs=1e-12)


@pytest.mark.parametrize(
    "expression", ["-log(f)", "square(f) - log(f - 3 * y) - log(3 * y + 1e-3 - f)", "exp(-log(f - 5))"]
)
@pytest.mark.parametrize("tau", [1e-3, 1.0, 1e3])
def test_the_prox_stays_in_the_domain(expression: str, tau: float) -> None:
    loss = custom(expression)
    F, Y = np.array([-1e3, -1.0, 0.0, 4.0, 1e3]), np.array([100.0, 1.0, 2.0, -3.0, 50.0])
    G = loss.prox(F, Y, tau)
    assert np.isfinite(loss.value(G, Y)).all()
    slopes = (F - G) / tau
    tolerance = 1e-6 * (1 + np.abs(slopes)) + 1e-12 * loss.curvature(G, Y) * np.abs(G)
    assert (np.abs(loss.gradient(G, Y) - slopes) <= tolerance).all()


def test_minus_the_logarithm_has_a_closed_prox() -> None:
    F, tau = np.linspace(-50, 50, 101), 0.7
    expected = (F + np.sqrt(F**2 + 4 * tau)) / 2
    np.testing.assert_allclose(custom("-log(f)").prox(F, F, tau), expected, rtol=1e-9, atol=1e-12)


def test_a_loss_that_is_infinite_everywhere_moves_nothing() -> None:
    loss, F = custom("square(f) - log(y)"), np.array([1.0, 2.0])
    np.testing.assert_array_equal(loss.prox(F, np.array([-1.0, -1.0]), 1.0), F)
    assert (loss.conjugate(F, np.array([-1.0, -1.0])) == np.inf).all()


# -- losses that do not ------------------------------------------------------------------------------------------------

grid = np.unique(
    np.concatenate([np.linspace(-30, 30, 2401), np.geomspace(1e-6, 1e4, 60), -np.geomspace(1e-6, 1e4, 60)])
)


def on_grid(loss: CustomLoss, y: float) -> np.ndarray:
    return loss.value(grid, np.full(grid.shape, y))


@settings(deadline=None, max_examples=200)
@given(convex, st.floats(-8, 8), exponents, targets)
def test_the_prox_is_a_minimum(expression: str, f: float, exponent: float, y: float) -> None:
    """No point of a grid, nor one near the prox, is better; the step is a subgradient of the loss there."""
    loss, tau = accepted(expression), 10.0**exponent
    G = loss.prox(np.array([f]), np.array([y]), tau)[0]
    points = np.concatenate([grid, G + np.geomspace(1e-6, 1.0, 20), G - np.geomspace(1e-6, 1.0, 20)])
    values = loss.value(points, np.full(points.shape, y))
    here = loss.value(np.array([G]), np.array([y]))[0]
    assume(np.isfinite(values).any())
    s = (f - G) / tau
    assert np.isfinite(here)
    finite = np.isfinite(values)
    allowed = 1e-9 * (1 + abs(here) + np.abs(s * points)[finite] + np.abs(values)[finite])
    assert (values[finite] >= here + s * (points[finite] - G) - allowed).all()
    assert 0 <= loss.prox_jacobian(np.array([f]), np.array([y]), tau)[0] <= 1


@settings(deadline=None, max_examples=200)
@given(convex, st.one_of(st.floats(-5, 5), st.sampled_from([0.0, 1.0, -1.0])), targets)
def test_the_conjugate_is_never_too_small(expression: str, s: float, y: float) -> None:
    loss = accepted(expression)
    values = on_grid(loss, y)
    bound = loss.conjugate(np.array([s]), np.array([y]))[0]
    finite = np.isfinite(values)
    gains = s * grid[finite] - values[finite]
    assert (bound >= gains - 1e-12 * (np.abs(s * grid[finite]) + np.abs(values[finite]) + 1)).all()


@settings(deadline=None, max_examples=200)
@given(convex, st.floats(-6, 6), targets)
def test_fenchel_and_young_agree_at_gradients(expression: str, f: float, y: float) -> None:
    loss, F, Y = accepted(expression), np.array([f]), np.array([y])
    S = loss.gradient(F, Y)
    value = loss.value(F, Y)
    assume(np.isfinite(value).all() and np.isfinite(S).all() and abs(S[0]) < 1e6)
    assert loss.nearest_slope(S, Y) == pytest.approx(S)
    assert loss.conjugate(S, Y) == pytest.approx(S * f - value, rel=1e-9, abs=1e-9 * (1 + abs(S[0]) + abs(value[0])))


@settings(deadline=None, max_examples=200)
@given(convex, st.floats(-1e3, 1e3), targets)
def test_a_slope_nearby_is_in_the_domain(expression: str, s: float, y: float) -> None:
    loss, Y = accepted(expression), np.array([y])
    assume(np.isfinite(on_grid(loss, y)).any())
    assert np.isfinite(loss.conjugate(loss.nearest_slope(np.array([s]), Y), Y)).all()


# -- solves ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "bias", "weighted"),
    [
        ("max(square(f - y), abs(f))", "none", False),
        ("norm(f - y, 0.3) + 0.1 * pos(f - y)", "output", True),
        ("square(f - y) - log(f + 0.5)", "output", False),
        ("square(f - y) - log(f + 0.2) - log(9 - f)", "both", True),
        ("exp(f - y) + exp(y - f)", "hidden", False),
    ],
)
def test_newton_and_cvxpy_agree(expression: str, bias: str, weighted: bool) -> None:
    generator = np.random.default_rng(1)
    X = generator.standard_normal((20, 2))
    data = {"X": X, "y": np.abs(X[:, 0]) + 0.1, "w": generator.uniform(0.5, 2.0, 20)}
    spec = f"""reludsl 1
data {{
  input X : matrix[n, d]
  target y : vector[n]
  {"weight w : vector[n]" if weighted else ""}
}}
architecture two_layer {{ bias = {bias} }}
loss custom {{ expression = {expression} }}
regularizer weight_decay {{ strength = 0.2 }}
formulation sampled {{ patterns = 8 }}
"""
    mine, theirs = (reludsl.solve(spec + f"solver {name}\n", data) for name in ("newton", "cvxpy"))
    assert mine.status == "solved" and mine.bound is not None and mine.bound.gap <= 1e-5
    assert mine.program_objective == pytest.approx(theirs.program_objective, rel=1e-5)
    assert mine.bound.value <= theirs.program_objective * (1 + 1e-9)

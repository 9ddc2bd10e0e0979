"""Interval, linear and exact bounds against samples of the set, enumeration of all regions, and each other."""

from __future__ import annotations

import time
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from reludsl.perturbation_sets import PerturbationSet, perturbation_set
from reludsl.verification import keeps_patterns
from reludsl.verification.branching import branch_and_bound
from reludsl.verification.exact import Problem, exact_minima, minimum
from reludsl.verification.mixed_integer import mixed_integer
from reludsl.verification.piecewise import Piecewise
from tests.verification.networks import ACTIVATIONS, TARGETS, Instance, instance

NORMS = ("linf", "l1", "l2", "cut l1", "cut l2")


def sets(case: Instance, norm: str, radius: float) -> PerturbationSet:
    """Cut balls have sides of their own for every sample."""
    X = case.samples.X
    limits = {"lower": -0.5 * radius, "maximum": 1.0} if norm.startswith("cut") else {}
    return perturbation_set(X, norm.removeprefix("cut "), radius, **limits)


def least_found(problem: Problem, count: int) -> np.ndarray:
    """The least goals (n, g) at so many random points of every set, half of them vertices."""
    generator = np.random.default_rng(7)
    n = len(problem.samples.X)
    least = np.full((n, len(problem.goals)), np.inf)
    for draw in range(count):
        delta = problem.perturbations.random_vertices(generator)
        delta *= generator.random((n, 1)) if draw % 2 else 1.0
        least = np.minimum(least, problem.values(delta))
    return least


def everything(problem: Problem) -> np.ndarray:
    return np.ones((len(problem.samples.X), len(problem.groups)), dtype=bool)


@pytest.mark.parametrize("count", [100, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_bounds_hold_and_are_in_order(activation: str, norm: str, count: int) -> None:
    """So many points of every set are nowhere below a bound; linear bounds are never below interval bounds."""
    for seed, target in enumerate(TARGETS):
        case = instance(activation, target, seed, m=9)
        problem = Problem(case.network, case.samples, sets(case, norm, 0.4))
        found = least_found(problem, count)
        assert (problem.interval <= problem.linear).all()
        assert (problem.linear <= found).all()
        assert (problem.linear > problem.interval)[np.isfinite(problem.linear)].any()


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_exact_minimum_is_attained_and_never_undercut(activation: str, norm: str) -> None:
    for seed, target in enumerate(TARGETS):
        case = instance(activation, target, seed, n=3, m=8)
        problem = Problem(case.network, case.samples, sets(case, norm, 0.6))
        minima = exact_minima(problem, everything(problem))
        found = problem.least(least_found(problem, 200))
        scale = 1 + np.abs(minima.lower)
        assert minima.finished.all()
        assert (problem.least(problem.linear) <= minima.lower).all()
        assert (minima.lower <= found + 1e-12).all() and (minima.lower <= minima.upper).all()
        assert (minima.upper - minima.lower <= 1e-4 * scale).all(), "what is found is what is proved"
        for group, members in enumerate(problem.groups):
            delta = minima.perturbations[:, group]
            assert problem.perturbations.contains(delta, 1e-9).all()
            assert problem.values(delta)[:, members].min(axis=1) == pytest.approx(minima.upper[:, group], rel=1e-12)


def by_enumeration(piecewise: Piecewise) -> float:
    """The minimum over a box: a linear program for every combination of gates."""
    bounds = list(zip(piecewise.smallest, piecewise.largest, strict=True))
    best = np.inf
    for choice in product((False, True), repeat=len(piecewise.weights)):
        open = np.array(choice, dtype=bool)
        jump_slope = np.zeros_like(piecewise.lines) if piecewise.kind == "step" else piecewise.lines
        jump = np.ones(len(open)) if piecewise.kind == "step" else piecewise.t
        cost = piecewise.slope + (piecewise.weights * open) @ jump_slope
        sign = np.where(open, -1.0, 1.0)
        rows = {"A_ub": sign[:, None] * piecewise.gates, "b_ub": -sign * piecewise.s} if len(open) else {}
        solved = linprog(cost, **rows, bounds=bounds)
        if solved.status == 0:
            best = min(best, solved.fun + piecewise.constant + np.sum((piecewise.weights * jump)[open]))
    return best


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_exact_is_enumeration_of_all_regions(activation: str) -> None:
    """And branch and bound, the mixed-integer program and both together say the same."""
    for seed in range(4):
        case = instance(activation, "label", seed, n=1, d=2, m=5)
        problem = Problem(case.network, case.samples, sets(case, "linf", 0.8))
        neurons, reach, goal = problem.neurons, problem.reach, problem.goals[0]
        piecewise = Piecewise.of(neurons, reach, goal, problem.perturbations, 0)
        expected = by_enumeration(piecewise)
        scale = max(1.0, piecewise.scale)
        mixed, _ = mixed_integer(piecewise, np.inf)
        for found, tolerance in ((branch_and_bound(piecewise), 1e-7), (mixed, 2e-6), (minimum(piecewise), 1e-7)):
            assert found.complete
            assert expected - tolerance * scale <= found.lower <= expected + 1e-9 * scale


@pytest.mark.parametrize("norm", ["linf", "l1", "cut l1"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_two_methods_agree_on_wider_networks(activation: str, norm: str) -> None:
    case = instance(activation, "label", 3, n=3, d=5, m=14)
    problem = Problem(case.network, case.samples, sets(case, norm, 0.5))
    for sample in range(3):
        piecewise = Piecewise.of(problem.neurons, problem.reach, problem.goals[0], problem.perturbations, sample)
        branched, (mixed, _) = branch_and_bound(piecewise), mixed_integer(piecewise, np.inf)
        assert branched.complete and mixed.complete
        assert mixed.lower == pytest.approx(branched.lower, abs=3e-6 * piecewise.scale)


def test_a_target_ends_the_search_early() -> None:
    case = instance("relu", "label", 0, n=8, d=6, m=30)
    problem = Problem(case.network, case.samples, sets(case, "l2", 0.7))
    for sample in range(8):
        piecewise = Piecewise.of(problem.neurons, problem.reach, problem.goals[0], problem.perturbations, sample)
        whole, short = branch_and_bound(piecewise), branch_and_bound(piecewise, target=0.0)
        assert (short.lower > 0) == (whole.lower > 0) and (short.upper < 0) == (whole.upper < 0)
        assert short.lower <= whole.upper and whole.lower <= short.upper


def test_limits_leave_true_bounds() -> None:
    case = instance("relu", "label", 1, n=4, d=10, m=60)
    problem = Problem(case.network, case.samples, sets(case, "l2", 1.0))
    piecewise = Piecewise.of(problem.neurons, problem.reach, problem.goals[0], problem.perturbations, 0)
    few, more = branch_and_bound(piecewise, most_nodes=5), branch_and_bound(piecewise, most_nodes=60)
    assert not few.complete
    assert few.lower <= more.lower <= more.upper <= few.upper
    late = exact_minima(problem, everything(problem), time_limit=1e-9)
    assert not late.finished.any()
    assert np.array_equal(late.lower, problem.least(problem.linear))
    start = time.monotonic()
    exact_minima(problem, everything(problem), time_limit=1.0)
    assert time.monotonic() - start < 20


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from(ACTIVATIONS),
    st.sampled_from(sorted(TARGETS)),
    st.sampled_from(NORMS),
    st.floats(0, 2),
    st.sampled_from([1e-150, 1e-8, 1.0, 1e8, 1e150]),
)
def test_bounds_of_any_network(seed: int, activation: str, target: str, norm: str, radius: float, scale: float) -> None:
    case = instance(activation, target, seed, n=5, d=3, m=4, scale=scale)
    problem = Problem(case.network, case.samples, sets(case, norm, radius))
    found = least_found(problem, 100)
    minima = exact_minima(problem, everything(problem))
    assert not np.isnan(problem.linear).any() and not np.isnan(minima.lower).any()
    assert (problem.interval <= problem.linear).all() and (problem.linear <= found).all()
    assert (problem.least(problem.linear) <= minima.lower).all()
    assert (minima.lower <= np.minimum(minima.upper, problem.least(found))).all()
    assert problem.perturbations.contains(minima.perturbations[:, 0], 1e-9).all()


def test_overflow_is_no_proof() -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        case = instance("relu", "label", 0, scale=1e308)
        problem = Problem(case.network, case.samples, sets(case, "linf", 1e3))
        assert (problem.linear == -np.inf).any()
        assert (exact_minima(problem, everything(problem)).lower <= problem.least(problem.linear)).all()


def test_set_without_bounds() -> None:
    case = instance("relu", "label", 0)
    free = np.full(case.samples.X.shape, np.inf)
    with pytest.raises(ValueError, match="not bounded"):
        assert Problem(case.network, case.samples, PerturbationSet(-free, free)).linear


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("activation", ["relu", "gated"])
def test_patterns_that_are_kept(activation: str, norm: str) -> None:
    """Vertices of the set that are worst for a neuron's side tell whether a pattern is kept: it is exact."""
    case = instance(activation, "value", 2, n=60)
    network, X = case.network, case.samples.X
    G = network.hidden_weights if network.gates is None else network.gates
    bias = network.hidden_bias if network.gate_bias is None else network.gate_bias
    perturbations = sets(case, norm, 0.05)
    kept = np.ones(len(X), dtype=bool)
    for direction, offset in zip(G.T, bias, strict=True):
        rows = np.broadcast_to(direction, X.shape)
        up = (X + perturbations.maximizer(rows)) @ direction + offset
        down = (X + perturbations.maximizer(-rows)) @ direction + offset
        kept &= (up <= 0) | (down >= 0)
    assert kept.any() and not kept.all()
    assert np.array_equal(keeps_patterns(network, X, perturbations), kept)
    assert np.array_equal(keeps_patterns(np.vstack([G, bias]), X, perturbations), kept)


def test_touching_a_hyperplane_keeps_the_pattern() -> None:
    X, G = np.array([[1.0, 0.0], [-0.5, 0.0]]), np.array([[1.0], [0.0]])
    assert keeps_patterns(G, X, perturbation_set(X, "linf", 0.5)).tolist() == [True, True]
    assert keeps_patterns(G, X, perturbation_set(X, "linf", 0.5001)).tolist() == [True, False]
    assert keeps_patterns(G, X, perturbation_set(X, "linf", 0.5001), tolerance=1e-3).tolist() == [True, True]

"""Neurons from semidefinite matrices: the same function, the same l1 norm, weights of norm 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reludsl.lowering.unit_neurons import needed_neurons, network_neurons, semidefinite_factors, unit_neurons


def feasible_factor(generator: np.random.Generator, d: int, rank: int, spread: float) -> np.ndarray:
    """A factor F (d + 1, rank) with columns of very different sizes and ‖first rows‖ = ‖last row‖."""
    F = generator.standard_normal((d + 1, rank)) * 10.0 ** (spread * generator.uniform(-1, 1, rank))
    F[:-1] *= np.linalg.norm(F[-1]) / np.linalg.norm(F[:-1])
    return F


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    d=st.integers(1, 12),
    rank=st.integers(1, 13),
    spread=st.sampled_from([0.0, 1.0, 4.0]),
)
def test_every_feasible_matrix_is_a_sum_of_unit_neurons(seed: int, d: int, rank: int, spread: float) -> None:
    F = feasible_factor(np.random.default_rng(seed), d, min(rank, d + 1), spread)
    U, weights = unit_neurons(F)
    assert U.shape[1] <= F.shape[1] and (weights > 0).all()
    assert np.linalg.norm(U, axis=0) == pytest.approx(np.ones(len(weights)), abs=1e-14)
    P = np.vstack([U, np.ones(len(weights))])
    Z = F @ F.T
    assert np.abs((P * weights) @ P.T - Z).max() <= 1e-13 * np.trace(Z)
    assert weights.sum() == pytest.approx(Z[-1, -1], rel=1e-13)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), d=st.integers(1, 8), n=st.integers(1, 30))
def test_a_feasible_pair_is_a_network_with_the_same_function_and_the_same_norm(seed: int, d: int, n: int) -> None:
    generator = np.random.default_rng(seed)
    V, W = (F @ F.T for F in (feasible_factor(generator, d, int(generator.integers(1, d + 2)), 0.5) for _ in range(2)))
    X, (a, b, c) = generator.standard_normal((n, d)), generator.standard_normal(3)
    N = V - W
    f = a * np.einsum("nd,de,ne->n", X, N[:d, :d], X) + b * X @ N[:d, d] + c * N[d, d]
    U, alpha = network_neurons(V, W, 1e-13)
    size = np.abs(alpha).sum() * (1 + np.abs(X).max() ** 2 * d) * (abs(a) + abs(b) + abs(c))
    T = X @ U
    assert ((a * T + b) * T + c) @ alpha == pytest.approx(f, abs=1e-11 * size)
    assert np.abs(alpha).sum() == pytest.approx(V[d, d] + W[d, d], rel=1e-11)
    fewer, rest = needed_neurons(X, U, alpha, (a, b, c))
    T = X @ fewer
    assert ((a * T + b) * T + c) @ rest == pytest.approx(f, abs=1e-8 * max(np.abs(f).max(), 1e-3 * size))
    assert np.abs(rest).sum() <= np.abs(alpha).sum() * (1 + 1e-11)
    assert len(rest) <= len(alpha)


def test_solver_noise_is_left_out() -> None:
    generator = np.random.default_rng(0)
    F = feasible_factor(generator, 4, 2, 0.0)
    noise = 1e-10 * generator.standard_normal((5, 5))
    U, alpha = network_neurons(F @ F.T + noise, noise)
    assert U.shape == (4, 2) and (alpha > 0).all()


@pytest.mark.parametrize("broken", [np.zeros((4, 4)), -np.eye(4), np.diag([1.0, 1, 1, 0]), np.diag([0.0, 0, 0, 1])])
def test_matrices_without_neurons_near_are_no_neurons(broken: np.ndarray) -> None:
    F, G = semidefinite_factors(broken, np.zeros((4, 4)), 1e-7)
    assert F.shape == (4, 0) and G.shape == (4, 0)
    U, alpha = network_neurons(broken, broken)
    assert U.shape == (3, 0) and alpha.shape == (0,)


def test_neurons_on_few_samples_are_no_more_than_samples() -> None:
    generator = np.random.default_rng(1)
    X = generator.standard_normal((3, 6))
    U = generator.standard_normal((6, 14))
    U /= np.linalg.norm(U, axis=0)
    alpha = generator.standard_normal(14)
    fewer, rest = needed_neurons(X, U, alpha, (0.5, 1.0, 0.2))
    assert fewer.shape[1] <= 3

    def outputs(U: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        T = X @ U
        return np.asarray((0.5 * T**2 + T + 0.2) @ alpha)

    assert outputs(fewer, rest) == pytest.approx(outputs(U, alpha), rel=1e-9)
    assert np.abs(rest).sum() <= np.abs(alpha).sum()

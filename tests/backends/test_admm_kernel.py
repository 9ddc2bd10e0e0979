"""The kernel's linear algebra against the dense system of the paper, and its promises on stopping."""

from __future__ import annotations

import ast
import inspect

import numpy as np
import pytest

from reludsl.backends.admm import kernel
from reludsl.backends.admm.kernel import PatternProducts, solve_pattern_program
from reludsl.lowering.patterns import sample_patterns


def problem(n: int = 30, d: int = 4, P: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n, d))
    D, _ = sample_patterns(X, P, seed)
    return X, D, generator.standard_normal(n)


def dense_operators(X: np.ndarray, D: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F and G of the paper, with blocks below one another in u."""
    plus = [np.diag(mask.astype(float)) @ X for mask in D.T]
    sides = [np.diag(np.where(mask, 1.0, -1.0)) @ X for mask in D.T]
    F = np.hstack([*plus, *(-block for block in plus)])
    n, d = X.shape
    G = np.zeros((2 * len(sides) * n, 2 * len(sides) * d))
    for i, side in enumerate([*sides, *sides]):
        G[i * n : (i + 1) * n, i * d : (i + 1) * d] = side
    return F, G


def columns_of(u: np.ndarray, d: int) -> np.ndarray:
    return u.reshape(-1, d).T


def test_products_are_those_of_the_dense_operator() -> None:
    X, D, y = problem()
    F, _ = dense_operators(X, D)
    products = PatternProducts(X, D)
    u = np.random.default_rng(1).standard_normal(F.shape[1])
    assert products.apply(columns_of(u, 4)) == pytest.approx(F @ u)
    assert products.adjoint(y) == pytest.approx(columns_of(F.T @ y, 4))


@pytest.mark.parametrize("rho", [1e-2, 1.0, 1e3])
@pytest.mark.parametrize("solver", ["exact", "cg"])
def test_the_u_update_solves_the_published_system(rho: float, solver: str) -> None:
    """(FᵀF/ρ + I + GᵀG) u = Fᵀy/ρ + b: the n × n route against the dense (2dP) × (2dP) one."""
    X, D, y = problem()
    F, G = dense_operators(X, D)
    inverse = np.linalg.inv(np.eye(4) + X.T @ X)
    products = PatternProducts(X, D)
    b = np.random.default_rng(2).standard_normal(F.shape[1])
    base = inverse @ columns_of(b, 4)
    if solver == "exact":
        solve = kernel.exact_kernel_solver(X, products.D, inverse)
    else:
        solve = kernel.conjugate_gradient_solver(products, inverse)
    q = solve(y - products.apply(base), 1 / rho, np.zeros(30), 1e-13)
    u = base + inverse @ products.adjoint(q) / rho
    dense = np.linalg.solve(F.T @ F / rho + np.eye(F.shape[1]) + G.T @ G, F.T @ y / rho + b)
    assert u == pytest.approx(columns_of(dense, 4), rel=1e-7, abs=1e-9)


def test_both_linear_solvers_reach_the_same_point() -> None:
    X, D, y = problem(n=60, d=5, P=10)
    exact = solve_pattern_program(X, D, y, 0.5, linear_solver="exact", tolerance=1e-9, max_iterations=50_000)
    cg = solve_pattern_program(X, D, y, 0.5, linear_solver="cg", tolerance=1e-9, max_iterations=50_000)
    assert exact.status == cg.status == "solved"
    assert exact.history[-1].objective == pytest.approx(cg.history[-1].objective, rel=1e-6)


@pytest.mark.parametrize("options", [{"relaxation": 1.0}, {"balancing": False, "rho": 30.0}, {"rho": 1e-3}])
def test_options_change_the_way_not_the_answer(options: dict[str, float]) -> None:
    X, D, y = problem()
    reference = solve_pattern_program(X, D, y, 0.5, tolerance=1e-8, max_iterations=100_000)
    other = solve_pattern_program(X, D, y, 0.5, tolerance=1e-8, max_iterations=100_000, **options)  # type: ignore[arg-type]
    assert other.status == "solved"
    assert other.history[-1].objective == pytest.approx(reference.history[-1].objective, rel=1e-5)


def test_limits_and_monitor() -> None:
    X, D, y = problem()
    limited = solve_pattern_program(X, D, y, 0.5, tolerance=1e-15, max_iterations=35)
    assert limited.status == "iteration limit" and limited.history[-1].iteration == 35
    stopped = solve_pattern_program(X, D, y, 0.5, tolerance=1e-15, monitor=lambda state: state.iteration >= 20)
    assert stopped.status == "interrupted" and stopped.history[-1].iteration == 20
    timed = solve_pattern_program(X, D, y, 0.5, tolerance=1e-15, time_limit=0.0)
    assert timed.status == "time limit"
    assert np.isfinite(timed.columns).all()


def test_zero_rows_and_repeated_rows() -> None:
    X, _, y = problem()
    X[3] = 0.0
    X[4] = X[5]
    D, _ = sample_patterns(X, 6, 0)
    result = solve_pattern_program(X, D, y, 0.5, tolerance=1e-8, max_iterations=50_000)
    assert result.status == "solved"


def test_the_kernel_stands_alone() -> None:
    """Its functions go into generated code, so it may import NumPy and the standard library only."""
    tree = ast.parse(inspect.getsource(kernel))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert modules <= {"__future__", "collections.abc", "dataclasses"}
    assert names <= {"numpy", "time"}

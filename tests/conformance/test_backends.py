"""Every backend against every small problem. A backend that cannot take one says so, and that is listed here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

import reludsl
from reludsl.backends import backends
from tests.conformance.missing import refused_for_want_of_a_solver
from tests.conformance.problems import FORMS, PROBLEMS, Problem

# Tight enough that what is compared is the method, not its stopping rule.
TIGHT = {
    "newton": "solver newton { tolerance = 1e-9 }",
    "admm": "solver admm { tolerance = 1e-9, max_iterations = 100000 }",
    "cvxpy": "solver cvxpy { tolerance = 1e-10 }",
    "picos": "solver picos { tolerance = 1e-8 }",
}
TIGHT_ENOUGH = {
    "newton": "solver newton { tolerance = 1e-9 }",
    "admm": "solver admm { tolerance = 1e-7 }",
    "cvxpy": "solver cvxpy { tolerance = 1e-9 }",
    "picos": "solver picos { tolerance = 1e-7 }",
}

# The problems that a backend refuses.
EXCLUDED: dict[str, set[str]] = {
    "newton": {
        "l1, orthogonal",
        "l1",
        "weight decay and l1",
        "free biases",
        "free biases, l1",
        "one of two counts biases",
    },
    "admm": {"one of two counts biases"},
    "cvxpy": set(),
    "picos": set(),
}
CONVEX = [name for name, backend in backends().items() if not backend.local and name != "splitting"]


def each(problems: Iterable[Problem]) -> list[Any]:
    """Every backend with every problem; PICOS, which is slow to put a program, with every sixth at first."""
    return [
        pytest.param(
            backend,
            problem,
            id=f"{backend}-{problem.name}",
            marks=pytest.mark.slow if backend == "picos" and number % 6 else (),
        )
        for backend in CONVEX
        for number, problem in enumerate(problems)
    ]


@pytest.mark.parametrize(("backend", "problem"), each(PROBLEMS))
def test_optimum(backend: str, problem: Problem) -> None:
    if refused_for_want_of_a_solver(problem.spec + TIGHT[backend], backend):
        return
    solution = reludsl.solve(problem.spec + TIGHT[backend], problem.data)
    assert solution.status == "solved"
    optimal(solution, problem, 2e-6)


@pytest.mark.parametrize(("backend", "problem"), each(FORMS))
def test_optimum_of_every_form(backend: str, problem: Problem) -> None:
    spec = problem.spec + TIGHT_ENOUGH[backend]
    if problem.name in EXCLUDED[backend]:
        with pytest.raises(reludsl.Mistakes) as refusal:
            reludsl.solve(spec, problem.data)
        assert [diagnostic.code for diagnostic in refusal.value.diagnostics] == ["C230"]
        return
    if refused_for_want_of_a_solver(spec, backend):
        return
    optimal(reludsl.solve(spec, problem.data), problem, 2e-5)


def optimal(solution: reludsl.Solution, problem: Problem, accuracy: float) -> None:
    """The network attains the optimum, and the bound, where there is one, says so."""
    assert solution.objective == pytest.approx(problem.optimum, rel=accuracy, abs=1e-8)
    assert solution.objective <= solution.program_objective * (1 + 1e-9 + 1e-2 * accuracy) + 1e-12
    if solution.bound is not None:
        assert solution.bound.value <= problem.optimum * (1 + 1e-8) + 1e-9
        assert solution.bound.gap <= 5 * accuracy


def test_enough_problems() -> None:
    assert len(PROBLEMS) + len(FORMS) >= 60

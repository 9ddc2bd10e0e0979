"""Every backend against every small problem. A backend that cannot take one says so, and that is listed here."""

from __future__ import annotations

import pytest

import reludsl
from reludsl.backends import backends
from tests.conformance.problems import PROBLEMS, Problem

# Tight enough that what is compared is the method, not its stopping rule.
TIGHT = {
    "admm": "solver admm { tolerance = 1e-9, max_iterations = 100000 }",
    "cvxpy": "solver cvxpy { tolerance = 1e-10 }",
}

# What a backend refuses, by loss.
EXCLUDED: dict[str, set[str]] = {"admm": set(), "cvxpy": set()}


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
@pytest.mark.parametrize("backend", backends())
def test_optimum(backend: str, problem: Problem) -> None:
    spec = problem.spec + TIGHT[backend]
    if problem.loss.split()[0] in EXCLUDED[backend]:
        with pytest.raises(reludsl.Mistakes) as refusal:
            reludsl.solve(spec, (problem.X, problem.y))
        assert [diagnostic.code for diagnostic in refusal.value.diagnostics] == ["C230"]
        return
    solution = reludsl.solve(spec, (problem.X, problem.y))
    assert solution.status == "solved"
    assert solution.objective == pytest.approx(problem.optimum, rel=2e-6, abs=1e-8)
    assert solution.objective <= solution.program_objective * (1 + 1e-9) + 1e-12
    if solution.bound is not None:
        assert solution.bound.value <= problem.optimum + 1e-9
        assert solution.bound.gap <= 1e-5


def test_enough_problems() -> None:
    assert len(PROBLEMS) >= 12

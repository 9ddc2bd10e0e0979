"""CVXPY: every node one to one, other solvers by name, statuses that tell the truth."""

from __future__ import annotations

from typing import Any

import cvxpy as cp
import numpy as np
import pytest

import reludsl
from reludsl.backend import Outcome
from reludsl.backends.cvxpy import CvxpyBackend
from reludsl.backends.cvxpy.vocabulary import CvxpyVocabulary, translate_constraint
from reludsl.ir import Objects, Translator, objective, total
from tests.ir.ir_programs import cases

CASES = cases()

SPEC = """reludsl 1
data {
  input  X : matrix[n, d]
  target y : vector[n]
}
architecture two_layer { bias = hidden }
loss squared
regularizer weight_decay { strength = 0.5 }
formulation sampled { patterns = 8 }
"""


def data(n: int = 20, d: int = 3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.standard_normal((n, d)), generator.standard_normal(n)


@pytest.mark.parametrize("method", ["clarabel", "scs", "SCS"])
def test_solvers_by_name(method: str) -> None:
    solution = reludsl.solve(SPEC + f"solver cvxpy {{ method = {method}, tolerance = 1e-7 }}", data())
    reference = reludsl.solve(SPEC, data(), backend="cvxpy")
    assert solution.objective == pytest.approx(reference.objective, rel=1e-4)


def test_a_solver_that_is_not_installed() -> None:
    with pytest.raises(reludsl.Mistakes) as refusal:
        reludsl.solve(SPEC + "solver cvxpy { method = nosuchsolver }", data())
    (diagnostic,) = refusal.value.diagnostics
    assert diagnostic.code == "C233" and "clarabel" in diagnostic.notes[0] and diagnostic.span is not None


def test_a_tolerance_that_a_solver_is_not_known_to_take() -> None:
    with pytest.raises(reludsl.Mistakes) as refusal:
        reludsl.solve(SPEC + "solver cvxpy { method = highs, tolerance = 1e-6 }", data())
    assert [diagnostic.code for diagnostic in refusal.value.diagnostics] == ["C233"]


def test_a_solver_that_cannot_take_the_cones_fails_honestly() -> None:
    with pytest.raises(reludsl.NoSolution) as failure:
        reludsl.solve(SPEC + "solver cvxpy { method = highs }", data())
    assert [diagnostic.code for diagnostic in failure.value.diagnostics] == ["S402"]


def test_a_point_that_is_not_finite_is_no_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    diverged = Outcome("failed", {"V": np.full((4, 8), np.nan), "W": np.zeros((4, 8))}, message="diverged")
    monkeypatch.setattr(CvxpyBackend, "solve", lambda *arguments: diverged)
    with pytest.raises(reludsl.NoSolution) as failure:
        reludsl.solve(SPEC, data(), backend="cvxpy")
    assert [diagnostic.code for diagnostic in failure.value.diagnostics] == ["S402"]


def test_a_time_limit_is_a_limit() -> None:
    solution = reludsl.solve(SPEC, data(200, 5), backend="cvxpy", time_limit=1e-6)
    assert solution.status == "limit"
    assert [warning.code for warning in solution.warnings] == ["S401"]
    assert np.isfinite(solution.objective)
    assert solution.means == "upper bound"


def test_interruption_keeps_the_iterate() -> None:
    solution = reludsl.solve(SPEC, data(60, 4), backend="cvxpy", monitor=lambda progress: progress.iteration >= 3)
    assert solution.status == "interrupted" and solution.iterations == 3
    assert solution.violation >= 0 and np.isfinite(solution.objective)


def test_progress_is_reported() -> None:
    seen = []
    reludsl.solve(SPEC, data(), backend="cvxpy", monitor=lambda progress: bool(seen.append(progress)))
    assert len(seen) > 3
    assert seen[-1].objective == pytest.approx(reludsl.solve(SPEC, data(), backend="cvxpy").objective, rel=1e-3)


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_program_of_the_ir_is_a_disciplined_cvxpy_problem(name: str) -> None:
    """Convex by CVXPY's own rules, and with the value that our evaluator finds, at a random point."""
    program, values = CASES[name].program, CASES[name].point(0)
    variables = {}
    for variable in program.variables:
        variables[variable.name] = cp.Variable(values[variable.name].shape, symmetric=variable.symmetric)
        variables[variable.name].value = values[variable.name]
    constants = {data.name: values[data.name].astype(float) for data in program.data}
    build = Objects({"cp": cp, "np": np}, {**constants, **variables}, CASES[name].sizes)
    translate: Translator[Any] = Translator(CvxpyVocabulary(), build)
    translated = translate(total(program))
    constraints = [translate_constraint(constraint, translate, build) for constraint in program.constraints]
    problem = cp.Problem(cp.Minimize(translated), constraints)
    assert problem.is_dcp()
    assert float(problem.objective.value) == pytest.approx(objective(program, values), rel=1e-9)

"""CVXPY: every node one to one, other solvers by name, statuses that tell the truth."""

from __future__ import annotations

from typing import Any

import cvxpy as cp
import numpy as np
import pytest

import reludsl
from reludsl.backend import Outcome
from reludsl.backends.cvxpy import CvxpyBackend
from reludsl.backends.cvxpy.vocabulary import (
    CvxpyVocabulary,
    cvxpy_namespace,
    is_several,
    translate_constraint,
    variable_call,
)
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


SEMIDEFINITE = {
    "cells": ("shared", "matrix[n, c]", "quantile { level = 0.3 }", "exact"),
    "cells of classes": ("shared, bias = output", "categorical[n, k]", "cross_entropy", "exact"),
    "relaxation": ("shared", "matrix[n, c]", "squared", "sdp_relaxation"),
    "relaxation of classes": ("shared, bias = output", "categorical[n, k]", "logistic", "sdp_relaxation"),
    "relaxation of one output": ("1", "vector[n]", "absolute", "sdp_relaxation"),
    "polynomials": ("1, activation = polynomial, bias = both", "vector[n]", "huber", "exact"),
}


SLOW = ("relaxation", "relaxation of one output")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in SEMIDEFINITE]
)
def test_what_scs_proves_of_semidefinite_programs_is_true(name: str) -> None:
    """Finished or not: the bound is one of the point it left behind, and never above the optimum."""
    outputs, target, loss, formulation = SEMIDEFINITE[name]
    regularizer = "path_norm" if "polynomial" in outputs else "weight_decay"
    generator = np.random.default_rng(0)
    X = generator.standard_normal((9, 2))
    Y = np.maximum(X[:, :1], 0) + 0.5 * generator.standard_normal((9, 2))
    values = {"matrix[n, c]": Y, "categorical[n, k]": np.argmax(Y, axis=1), "vector[n]": Y[:, 0]}

    def trained(formulation: str, solver: str, **more: Any) -> reludsl.Solution:
        spec = f"""reludsl 1
data {{
  input  X : matrix[n, d]
  target y : {target}
}}
architecture two_layer {{ outputs = {outputs} }}
loss {loss}
regularizer {regularizer} {{ strength = 0.2 }}
formulation {formulation}
solver cvxpy {solver}
"""
        return reludsl.solve(spec, {"X": X, "y": values[target]}, **more)

    exact = trained("exact", "")
    assert exact.bound is not None and exact.bound.scope == "global" and exact.bound.gap < 1e-6
    best = trained(formulation, "").bound
    accurate = trained(formulation, "{ method = scs, tolerance = 1e-7 }")
    few = trained(formulation, "{ method = scs, max_iterations = 25 }")
    late = trained(formulation, "{ method = scs, tolerance = 1e-14 }", time_limit=1e-6)
    assert (accurate.status, few.status, late.status) == ("solved", "limit", "limit")
    assert "limit of iterations" in few.message and "time limit" in late.message
    for found in (accurate, few, late):
        assert found.bound is not None and found.bound.scope == "global"
        assert found.bound.value <= exact.objective <= found.objective * (1 + 1e-6)
    assert best is not None and accurate.bound is not None
    # The multipliers of a relaxation are large: what is left of its residuals costs the bound a hundred times that.
    assert accurate.bound.value == pytest.approx(best.value, rel=1e-4)


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
    plain, variables = Objects(cvxpy_namespace(), {}, CASES[name].sizes), {}
    for variable in program.variables:
        found = variables[variable.name] = variable_call(variable, plain)
        if variable.symmetric == "blocks":
            for block, value in zip(found.args, np.split(values[variable.name], len(found.args)), strict=True):
                block.value = value
        else:
            found.value = values[variable.name]
    constants = {data.name: values[data.name].astype(float) for data in program.data}
    build = Objects(cvxpy_namespace(), {**constants, **variables}, CASES[name].sizes)
    translate: Translator[Any] = Translator(CvxpyVocabulary(), build)
    translated = translate(total(program))
    constraints: list[Any] = []
    for constraint in program.constraints:
        of_cvxpy = translate_constraint(constraint, translate, build)
        constraints += of_cvxpy if is_several(constraint) else [of_cvxpy]
    problem = cp.Problem(cp.Minimize(translated), constraints)
    assert problem.is_dcp()
    assert float(problem.objective.value) == pytest.approx(objective(program, values), rel=1e-9)

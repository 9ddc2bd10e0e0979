"""PICOS: every node has a word, failures are statuses, and what it finds is what CVXPY finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import reludsl
from reludsl.backend import Control
from reludsl.backends import backends
from reludsl.backends.picos import build_problem
from reludsl.backends.picos.vocabulary import picos_namespace, variable_call
from reludsl.ir import (
    Data,
    Elementwise,
    Expression,
    Hypot,
    LogSumExp,
    Max,
    Maximum,
    Minimum,
    Nonnegative,
    Norm,
    Objects,
    Program,
    SecondOrder,
    Sum,
    Term,
    Variable,
    Zero,
    objective,
    sizes,
    sqrt,
    violations,
)
from reludsl.options import Settings
from tests.ir.ir_programs import cases

picos = pytest.importorskip("picos", reason="the extra `picos` is not installed")

CASES = cases()
BACKEND = backends()["picos"]
SPEC = """reludsl 1
data {
  input  X : matrix[n, d]
  target y : vector[n]
}
architecture two_layer { bias = hidden }
loss LOSS
regularizer weight_decay { strength = 0.5 }
formulation sampled { patterns = 8 }
"""


def settings(**changes: Any) -> Settings:
    return {option.name: option.default for option in BACKEND.options} | changes


def data(n: int = 20, d: int = 3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.standard_normal((n, d)), generator.standard_normal(n)


def spec(solver: str, loss: str = "squared") -> str:
    return SPEC.replace("LOSS", loss) + f"solver {solver}\n"


def solvers_for(program: Program) -> list[str]:
    """The installed ones that take the program."""
    found = []
    for name in ("cvxopt", "qics", "ecos"):
        ours = settings(method=name, tolerance=1e-7)
        takes_matrices = name != "ecos" or not any("Semidefinite" in str(type(part)) for part in program.constraints)
        if takes_matrices and not BACKEND.unusable(ours, program):
            found.append(name)
    return found


# -- translation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(CASES) - {"cells"}))  # which has no optimum with random data
def test_every_program_of_the_ir_has_the_optimum_that_cvxpy_finds(name: str) -> None:
    program, values = CASES[name].program, CASES[name].point(0)
    arrays = {entry.name: values[entry.name] for entry in program.data}
    other = {"method": "clarabel", "tolerance": None, "max_iterations": None}
    known = backends()["cvxpy"].solve(program, arrays, other, Control()).point
    assert known is not None and BACKEND.supports(program) == ()
    for solver in solvers_for(program):
        found = BACKEND.solve(program, arrays, settings(method=solver, tolerance=1e-7), Control())
        assert found.status == "solved" and found.point is not None, found.message
        at = {**values, **found.point}
        assert objective(program, at) == pytest.approx(objective(program, {**values, **known}), rel=1e-5, abs=1e-6)
        assert max(violations(program, at).values(), default=0) < 1e-5


n, d = sizes("n, d")
x = Variable("x", (n, d))
P = np.array([[0.5, 2.0, 1.0], [1.5, 0.25, 3.0]])
CONVEX: Mapping[str, Expression] = {
    "abs": Sum(Elementwise("abs", x)),
    "positive": Sum(Elementwise("pos", x - 1)),
    "negative": Sum(Elementwise("neg", x - 1)),
    "square": Sum(Elementwise("square", x), axis=0),
    "row maxima": Sum(Max(x, axis=1)),
    "column maxima": Sum(Max(x, axis=0)),
    "maximum": Max(x),
    "of several": Sum(Maximum((x, 2 - x, 0.5 * x + 1))),
    "row norms": Sum(Norm(x, 2, axis=1)),
    "column sizes": Sum(Norm(x, "inf", axis=0)),
    "row sums": Max(Norm(x, 1, axis=1)),
    "hypot": Sum(Hypot((x, x - 1))),
    "exp": Sum(Elementwise("exp", x)),
    "logistic": Sum(Elementwise("logistic", x)),
    "log-sum-exp": LogSumExp(x),
    "of rows": Sum(LogSumExp(x, axis=1)),
    "of columns": Sum(LogSumExp(x, axis=0)),
    "less a root": -Sum(sqrt(x)),
    "less a logarithm": -Sum(Elementwise("log", x)),
    "less an entropy": -Sum(Elementwise("entropy", x)),
    "less the smaller": -Sum(Minimum((x, 1 + 0.1 * x))),
}


@pytest.mark.parametrize("name", CONVEX)
def test_a_function_has_its_value(name: str) -> None:
    """With x fixed by equations, the optimum is the value of the function."""
    known = Data("P", (n, d))
    value = CONVEX[name]
    program = Program("p", (Term("t", Sum(value) if value.shape else value),), (Zero("fixed", x - known),))
    expected = objective(program, {"x": P, "P": P})
    for solver in solvers_for(program):
        found = BACKEND.solve(program, {"P": P}, settings(method=solver, tolerance=1e-8), Control())
        assert found.status == "solved" and found.point is not None, found.message
        problem, *_ = build_problem(program, {"P": P})
        problem.solve(solver=solver)
        assert problem.value == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_rows_within_balls() -> None:
    """The sum of what lies in balls around the origin is least at minus the radius in every direction."""
    radius = np.array([1.0, 2.0])
    ball = SecondOrder("ball", Data("r", (n,)), x, axis=1)
    program = Program("p", (Term("t", Sum(Data("g", (n, d)) * x)),), (ball,))
    found = BACKEND.solve(program, {"r": radius, "g": P}, settings(method="cvxopt", tolerance=1e-8), Control())
    assert found.point is not None
    np.testing.assert_allclose(found.point["x"], -radius[:, None] * P / np.linalg.norm(P, axis=1)[:, None], atol=1e-5)


def test_symmetric_blocks_stand_one_below_another() -> None:
    build = Objects(picos_namespace(picos.Problem()), {}, {"q": 6, "r": 3})
    q, r = sizes("q, r")
    stack = variable_call(Variable("W", (q, r), symmetric="blocks"), build)
    (entries,) = stack.mutables
    entries.value = np.arange(1.0, 13.0)
    blocks = stack.np2d.reshape(2, 3, 3)
    assert np.array_equal(blocks, blocks.transpose(0, 2, 1)) and len(np.unique(blocks)) == 12


# -- training ------------------------------------------------------------------------------------------------------


LOSSES = ["squared", "absolute", "huber", "quantile { level = 0.3 }", "squared { reduction = mean }"]


@pytest.mark.parametrize("loss", LOSSES)
def test_networks_and_bounds_agree_with_those_of_cvxpy(loss: str) -> None:
    ours, theirs = (reludsl.solve(spec(name, loss), data()) for name in ("picos", "cvxpy"))
    assert ours.status == "solved" and ours.objective == pytest.approx(theirs.objective, rel=1e-5)
    assert ours.bound is not None and ours.bound.gap < 1e-5
    assert ours.bound.value <= theirs.objective * (1 + 1e-9)


def test_it_is_not_chosen_unless_it_is_asked_for() -> None:
    assert list(backends()).index("picos") > list(backends()).index("cvxpy")
    assert reludsl.solve(SPEC.replace("LOSS", "squared"), data()).backend != "picos"


# -- ends ----------------------------------------------------------------------------------------------------------


def test_a_limit_of_iterations_is_a_limit() -> None:
    solution = reludsl.solve(spec("picos { max_iterations = 3 }"), data())
    assert solution.status == "limit" and "cvxopt reached its limit of iterations" in solution.message
    best = reludsl.solve(spec("cvxpy"), data()).objective
    assert solution.bound is not None and solution.bound.value <= best <= solution.objective


@pytest.mark.parametrize("solver", ["cvxopt", "qics", "ecos"])
def test_what_has_no_optimum_is_a_failure(solver: str) -> None:
    if solver not in picos.available_solvers():
        pytest.skip(f"{solver} is not installed: the extra `picos` brings CVXOPT alone")
    v = Variable("v", (n,))
    least = Nonnegative("least", v - Data("a", (n,)))
    programs = {
        "unbounded": Program("p", (Term("t", -Sum(v)),), (least,)),
        "infeasible": Program("p", (Term("t", Sum(v)),), (least, Nonnegative("most", -v))),
    }
    for end, program in programs.items():
        outcome = BACKEND.solve(program, {"a": np.ones(3)}, settings(method=solver), Control())
        assert (outcome.status, outcome.point) == ("failed", None) and end in outcome.message


@pytest.mark.parametrize("error", [ArithmeticError("5"), ZeroDivisionError(), ValueError("Rank(A) < p"), TypeError()])
def test_a_solver_that_breaks_down_is_a_failure(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr("cvxopt.solvers.conelp", broken)
    with pytest.raises(reludsl.NoSolution) as failure:
        reludsl.solve(spec("picos"), data())
    (diagnostic,) = failure.value.diagnostics
    assert diagnostic.code == "S402" and diagnostic.notes[0].startswith("cvxopt failed")


def test_a_solver_that_cannot_take_the_cones_fails_honestly() -> None:
    if "osqp" not in picos.available_solvers():
        pytest.skip("OSQP is not installed")
    with pytest.raises(reludsl.NoSolution) as failure:
        reludsl.solve(spec("picos { method = osqp }"), data())
    assert [diagnostic.code for diagnostic in failure.value.diagnostics] == ["S402"]


# -- what is not installed -----------------------------------------------------------------------------------------


def refusal(text: str) -> tuple[str, ...]:
    with pytest.raises(reludsl.Mistakes) as refused:
        reludsl.solve(text, data())
    (diagnostic,) = refused.value.diagnostics
    assert diagnostic.code == "C233" and diagnostic.span is not None and diagnostic.help
    return diagnostic.notes


def test_without_picos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reludsl.backends.picos.find_spec", lambda name: None)
    assert refusal(spec("picos")) == ("it needs PICOS, which is not installed: pip install 'reludsl[picos]'",)


def test_without_the_solver_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picos, "available_solvers", lambda: ["cvxopt"])
    assert refusal(spec("picos { method = qics }")) == ("PICOS has no solver `qics` here; it has cvxopt",)


def test_without_a_solver_for_exponential_cones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picos, "available_solvers", lambda: ["cvxopt"])
    for method in ("auto", "cvxopt"):
        text = spec(f"picos {{ method = {method} }}", "custom { expression = logistic(f - y) }")
        (told,) = refusal(text)
        assert told == "PICOS needs `qics` or `ecos` for the program's exponential cones; it has cvxopt"

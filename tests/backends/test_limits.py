"""Limits: whatever ends a solve, there is a network, its bound holds, and the result says what ended it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reludsl
from reludsl.recovery import solution_of
from tests.cli.running import run

SPEC = """\
reludsl 1
data {{ input X : matrix[n, d], target y : vector[n] }}
architecture two_layer {{ bias = hidden }}
loss {loss} {{ reduction = {reduction} }}
regularizer weight_decay {{ strength = 0.02 }}
formulation sampled {{ patterns = 20 }}
solver {solver}
"""
ONE_ITERATION = {
    "newton": "newton { max_iterations = 1 }",
    "admm": "admm { max_iterations = 1 }",
    "cvxpy": "cvxpy { max_iterations = 1 }",
    "scs": "cvxpy { method = scs, max_iterations = 25 }",
    "descent": "descent { max_iterations = 1, restarts = 1 }",
}
WHOLE = {name: text.split()[0] for name, text in ONE_ITERATION.items() if name != "scs"} | {
    "scs": "cvxpy { method = scs, tolerance = 1e-12 }"
}


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    X = generator.standard_normal((60, 4))
    return X, np.maximum(X @ [1.0, -2.0, 0.5, 0.0], 0) + 0.3 * generator.standard_normal(60)


@pytest.fixture(scope="module")
def optimum(data: Any) -> Callable[[str], float]:
    """The optimum of the convex program, by an interior-point method."""
    known: dict[str, float] = {}

    def of(loss: str) -> float:
        if loss not in known:
            tight = spec("cvxpy { tolerance = 1e-10 }", loss)
            known[loss] = reludsl.solve(tight, data).program_objective
        return known[loss]

    return of


def spec(solver: str, loss: str = "squared", reduction: str = "mean") -> str:
    return SPEC.format(solver=solver, loss=loss, reduction=reduction)


def early(solution: reludsl.Solution, status: str, words: str, data: Any, optimum: float, local: bool) -> None:
    """The result of a solve that ended early: what it claims is true."""
    assert solution.status == status and words in solution.message
    codes = [warning.code for warning in solution.warnings]
    assert codes == [{"limit": "S401", "interrupted": "S403"}[status]]
    zero = float(np.mean(data[1] ** 2) / 2)  # no neuron at all
    assert np.isfinite(solution.objective)
    if not local:  # descent is not bound to the program's patterns, and begins anywhere
        assert optimum * (1 - 1e-8) <= solution.objective <= zero * (1 + 1e-9)
        assert solution.means == "upper bound"
    if solution.bound is not None:
        assert solution.bound.value <= optimum * (1 + 1e-8)
        assert solution.bound.gap == pytest.approx(1 - solution.bound.value / solution.program_objective)


@pytest.mark.parametrize("backend", WHOLE)
def test_the_time_limit(backend: str, data: Any, optimum: Callable[[str], float]) -> None:
    solution = reludsl.solve(spec(WHOLE[backend]), data, time_limit=1e-9)
    early(solution, "limit", "time limit", data, optimum("squared"), backend == "descent")
    assert (solution.bound is None) == (backend == "descent")


@pytest.mark.parametrize("loss", ["squared", "absolute"])
@pytest.mark.parametrize("backend", ["newton", "admm"])
def test_the_first_check_has_its_bound(backend: str, loss: str, data: Any, optimum: Callable[[str], float]) -> None:
    """Whatever the loss: a monitor that ends the solve at once leaves a network, at worst that of zeros."""
    solution = reludsl.solve(spec(backend, loss), data, monitor=lambda progress: True)
    assert solution.status == "interrupted" and len(solution.history) == 1
    assert solution.bound is not None
    assert solution.bound.value <= optimum(loss) * (1 + 1e-8)
    assert optimum(loss) * (1 - 1e-8) <= solution.objective


@pytest.mark.parametrize("backend", ONE_ITERATION)
def test_the_limit_of_iterations(backend: str, data: Any, optimum: Callable[[str], float]) -> None:
    solution = reludsl.solve(spec(ONE_ITERATION[backend]), data)
    early(solution, "limit", "iteration", data, optimum("squared"), backend == "descent")


@pytest.mark.parametrize("backend", [name for name in WHOLE if name != "scs"])
def test_interruption(backend: str, data: Any, optimum: Callable[[str], float]) -> None:
    seen = []
    solution = reludsl.solve(
        spec(WHOLE[backend]), data, monitor=lambda state: bool(seen.append(state)) or len(seen) > 2
    )
    assert solution.history == tuple(seen), "the monitor sees what the history keeps"
    early(solution, "interrupted", "", data, optimum("squared"), backend == "descent")


@pytest.mark.parametrize("tolerance", [0.2, 0.02])
def test_the_gap_is_a_limit_of_its_own(tolerance: float, data: Any) -> None:
    solution = reludsl.solve(spec(f"newton {{ tolerance = {tolerance} }}"), data)
    *before, last = [state.gap for state in solution.history]
    assert solution.status == "solved" and not solution.warnings
    assert last <= tolerance < min(before), "it ends as soon as the gap is closed, and not later"
    assert solution.bound is not None and solution.bound.gap <= tolerance


def test_the_time_limit_of_a_linear_program(data: Any) -> None:
    text = spec("cvxpy { method = highs }", "absolute").replace("weight_decay", "l1")
    solution = reludsl.solve(text, data, time_limit=1e-9)
    assert solution.status == "limit" and solution.message == "HIGHS reached the time limit"
    assert reludsl.solve(text, data).program_objective <= solution.program_objective


def test_a_solver_without_a_point_at_its_limit_is_refused(data: Any) -> None:
    with pytest.raises(reludsl.Mistakes) as refusal:
        reludsl.solve(spec("cvxpy { method = highs, max_iterations = 3 }"), data)
    (diagnostic,) = refusal.value.diagnostics
    assert diagnostic.code == "C233" and "max_iterations" in diagnostic.notes[0]


def test_ctrl_c_while_the_network_is_recovered_loses_nothing(data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(*arguments: Any) -> reludsl.Solution:
        signal.raise_signal(signal.SIGINT)
        return solution_of(*arguments)

    monkeypatch.setattr("reludsl.recovery.solution_of", pressed)
    assert reludsl.solve(spec("newton"), data).status == "solved"


@pytest.mark.parametrize("backend", WHOLE)
def test_the_command_line_writes_the_network(
    backend: str, data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", X=data[0], y=data[1])
    Path("spec.relu").write_text(spec(WHOLE[backend]))
    result = run("solve", "spec.relu", "--data", "data.npz", "--time-limit", "1e-9", "-o", "net.npz")
    assert result.code == 0 and "warning[S401]" in result.stderr and "time limit" in result.stderr
    rows = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert rows["status"].startswith("limit") and "time limit" in rows["status"]
    assert float(rows["objective"].split()[0]) == pytest.approx(reludsl.load("net.npz").objective("data.npz"), rel=1e-6)


@pytest.mark.parametrize("time_limit", [0.0, -1.0, float("nan")])
def test_a_time_limit_is_a_positive_number(time_limit: float, data: Any) -> None:
    verbs: list[Callable[..., Any]] = [reludsl.solve, reludsl.compare]
    for verb in verbs:
        with pytest.raises(ValueError, match="time_limit is"):
            verb(spec("newton"), data, time_limit=time_limit)
    with pytest.raises(ValueError, match="time_limit is"):
        reludsl.path(spec("newton"), data, set={}, time_limit=time_limit)

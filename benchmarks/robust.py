"""Robust programs: our own method beside CVXPY with Clarabel, on programs with one sample set and one strength each.

Both are given the same program, and every answer is judged alike: moved inside of its cones, its objective there, and
the gap to the best bound that either of the two proves.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.problems import LOSSES, Samples, breast_cancer, teacher
from reludsl.backend import Control, Outcome
from reludsl.backends import backends
from reludsl.certificate import dual_bound, feasible_point
from reludsl.ir import BlockPenalty, Margin, PatternForm, Program, RobustForm
from reludsl.ir.robust_problem import robust_problem
from reludsl.lowering.patterns import sample_patterns
from reludsl.model.losses.squared_hinge import SquaredHinge
from reludsl.options import Settings

LIMIT = 200.0
"""CPU seconds that a solver may take, where it knows such a limit."""


def pictures(n: int = 600, d: int = 147, seed: int = 0) -> Samples:
    """Vectors in [0, 1] of the size of small colour pictures, eight directions of variation, and two classes."""
    generator = np.random.default_rng(seed)
    base = generator.standard_normal((8, d))
    changes = 0.15 * generator.standard_normal((n, 8)) @ base + 0.15 * generator.standard_normal((n, d))
    X = np.clip(0.5 + changes, 0.0, 1.0)
    scores = (X - 0.5) @ base[0] + np.abs((X - 0.5) @ base[1])
    return X, np.where(scores > np.median(scores), 1.0, -1.0)[:, None]


@dataclass(frozen=True)
class RobustCase:
    """A robust program: samples, how many patterns, the loss, the norm and radius of the sets, a share of β_max."""

    name: str
    samples: Callable[[], Samples]
    patterns: int
    loss: str
    norm: str
    radius: float
    goal: float = 1e-4
    share: float = 0.05

    def program(self) -> tuple[Program, dict[str, np.ndarray]]:
        """The program with its arrays. Patterns are those of random directions, whether they survive or not."""
        X, Y = self.samples()
        D, _, _ = sample_patterns(X, self.patterns, 0)
        r = np.full(X.shape[1], self.radius)
        r[np.all(X[:1] == X, axis=0)] = 0.0  # a bias does not change
        arrays = {"X": X, "y": Y[:, 0], "D": D, "r": r}
        loss = Margin(SquaredHinge()) if self.loss == "squared_hinge" else LOSSES[self.loss]
        form = RobustForm(PatternForm(loss, BlockPenalty(group=1.0)), 2 if self.norm == "l2" else "inf", False)
        problem = robust_problem(form.program(), arrays)
        assert problem is not None
        dual = problem.dual_of(np.zeros_like(X))
        prices = np.linalg.norm(problem.adjoint(problem.combined(dual)), axis=0)
        form = RobustForm(PatternForm(loss, BlockPenalty(group=self.share * float(prices.max()))), form.ball, False)
        return form.program(), arrays


def _teacher() -> Samples:
    return teacher(200, 10, "labels")


CASES = (
    RobustCase("teacher 200", _teacher, 60, "hinge", "linf", 0.003),
    RobustCase("teacher 200", _teacher, 60, "hinge", "l2", 0.03),
    RobustCase("teacher 200", _teacher, 60, "squared_hinge", "linf", 0.01),
    RobustCase("teacher 200", _teacher, 60, "logistic", "linf", 0.01),
    RobustCase("teacher 200", lambda: teacher(200, 10), 60, "squared", "linf", 0.01),
    RobustCase("breast cancer", breast_cancer, 50, "hinge", "linf", 0.003),
    RobustCase("breast cancer", breast_cancer, 50, "hinge", "l2", 0.01),
    RobustCase("breast cancer", breast_cancer, 50, "squared_hinge", "linf", 0.003),
    RobustCase("pictures 600", pictures, 36, "hinge", "linf", 0.001, 1e-2),
    RobustCase("pictures 600", pictures, 36, "hinge", "l2", 0.003, 1e-2),
)

SOLVERS: dict[str, Callable[[float], dict[str, Any]]] = {
    "newton": lambda goal: {"tolerance": goal, "max_iterations": 2000},
    "cvxpy": lambda goal: {"method": "clarabel", "tolerance": None, "max_iterations": None},
}


def measured(case: RobustCase, solver: str) -> dict[str, Any]:
    """One run: CPU seconds from arrays to answer, objective inside of the cones, violation, and bound."""
    program, arrays = case.program()
    started = time.process_time()
    outcome: Outcome = backends()[solver].solve(program, arrays, Settings(SOLVERS[solver](case.goal)), Control(LIMIT))
    seconds = time.process_time() - started
    record: dict[str, Any] = {
        "what": "robust",
        "case": [case.name, case.loss, case.norm, case.radius],
        "size": [*arrays["X"].shape, arrays["D"].shape[1]],
        "solver": solver,
        "status": outcome.status,
        "seconds": seconds,
    }
    if outcome.point is None:
        return record
    feasible = feasible_point(program, arrays, outcome.point)
    bound = dual_bound(program, arrays, feasible, outcome.point, outcome.dual, False, outcome.supports)
    return record | {
        "objective": feasible.objective,
        "violation": feasible.violation,
        "bound": None if bound is None else bound.value,
    }


def run(path: Path, told: Callable[[str], None], names: tuple[str, ...] = tuple(SOLVERS)) -> list[dict[str, Any]]:
    """Runs every case by every solver that the file has no record of, and gives all records."""
    from benchmarks.results import append, read

    known = [record for record in read(path) if record["what"] == "robust"]
    for case in CASES:
        for solver in names:
            key = ([case.name, case.loss, case.norm, case.radius], solver)
            if any((record["case"], record["solver"]) == key for record in known):
                continue
            record = measured(case, solver)
            told(json.dumps(record))
            append(path, record)
            known.append(record)
    return known


def table(records: list[dict[str, Any]]) -> str:
    """The records as a Markdown table: a row a case."""
    lines = [
        "| problem | n, d, P | loss, set | `newton`: s | gap | CVXPY + Clarabel: s | gap | ratio |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case in CASES:
        key = [case.name, case.loss, case.norm, case.radius]
        found = {record["solver"]: record for record in records if record["case"] == key}
        if "newton" not in found:
            continue
        best = max((record.get("bound") or -np.inf for record in found.values()), default=-np.inf)
        cells = []
        for solver in SOLVERS:
            record = found.get(solver)
            if record is None or "objective" not in record:
                cells += ["not run" if record is None else f"{record['seconds']:.0f}, {record['status']}", "–"]
                continue
            gap = (record["objective"] - best) / abs(record["objective"])
            ended = "" if record["status"] == "solved" else f" ({record['status']})"
            cells += [f"{record['seconds']:.1f}{ended}", f"{max(gap, 0.0):.1e}"]
        ratio = found["cvxpy"]["seconds"] / found["newton"]["seconds"] if "cvxpy" in found else None
        size = ", ".join(map(str, found["newton"]["size"]))
        which = f"{case.loss.replace('_', ' ')}, {case.norm} {case.radius:g}"
        cells.append("–" if ratio is None else f"{ratio:.0f}")
        lines.append(f"| {case.name} | {size} | {which} | {' | '.join(cells)} |")
    return "\n".join(lines) if len(lines) > 2 else ""

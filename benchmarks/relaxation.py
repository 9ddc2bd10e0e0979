"""The semidefinite relaxation: our own splitting beside CVXPY with SCS and with Clarabel, on the same program.

What counts is the lower bound that a dual point proves, with one certificate for all; an objective is no bound. Ours
is watched on its way. The others are given the time that they take, up to a limit, and their last dual point is judged.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.problems import LOSSES, Samples
from reludsl.backend import Control, Progress
from reludsl.backends import backends
from reludsl.certificate import dual_bound, feasible_point
from reludsl.ir import BlockPenalty, Program, RelaxationForm
from reludsl.options import Settings
from reludsl.relaxation import coordinates, relaxation_arrays

SHARES = (1e-2, 1e-3, 1e-4)
"""How far below the best known bound a bound is, relative to that."""


def reduced(name: str, n: int, components: int, seed: int = 0) -> Samples:
    """n flowers, tumours, or digits 0 to 2: standardized, a few principal components of them, a column of ones."""
    from sklearn import datasets

    X, t = getattr(datasets, f"load_{name}")(return_X_y=True)
    if name == "digits":
        X, t = X[t < 3], t[t < 3]
    chosen = np.random.default_rng(seed).permutation(len(X))[:n]
    X, t = X[chosen] - X[chosen].mean(axis=0), t[chosen]
    X = X / (X.std() if name == "digits" else X.std(axis=0))
    if components < X.shape[1]:
        U, sizes, _ = np.linalg.svd(X, full_matrices=False)
        X = U[:, :components] * sizes[:components]
        X = X / X.std()
    return np.column_stack([X, np.ones(n)]), np.eye(int(t.max()) + 1)[t]


@dataclass(frozen=True)
class RelaxationCase:
    """Samples, how many, of how many dimensions beside the bias; the strength; CPU seconds for the splitting."""

    name: str
    n: int
    components: int
    limit: float
    peers: bool = False
    strength: float = 1.0

    @property
    def key(self) -> list[Any]:
        return [self.name, self.n, self.strength]

    def program(self) -> tuple[Program, dict[str, np.ndarray]]:
        """The program with its arrays."""
        X, Y = reduced(self.name, self.n, self.components)
        form = RelaxationForm(LOSSES["squared"], BlockPenalty(group=self.strength))
        return form.program(), {"X": X, "Y": Y} | relaxation_arrays(coordinates(X), Y.shape[1])


CASES = (
    RelaxationCase("iris", 100, 4, 20.0, peers=True),
    RelaxationCase("breast_cancer", 100, 9, 20.0, peers=True),
    RelaxationCase("digits", 100, 19, 20.0, peers=True),
    RelaxationCase("breast_cancer", 200, 9, 30.0),
    RelaxationCase("digits", 200, 19, 30.0),
    RelaxationCase("digits", 500, 19, 300.0),
)

LIMIT = 200.0
"""Seconds by the clock that a peer may solve for, beyond which it gives what it has. Making the program is beside."""

SOLVERS: dict[str, tuple[str, dict[str, Any]]] = {
    "splitting": ("splitting", {"tolerance": 1e-6, "rho": 100.0, "max_iterations": 1_000_000}),
    "SCS": ("cvxpy", {"method": "scs", "tolerance": 1e-6, "max_iterations": 1_000_000}),
    "Clarabel": ("cvxpy", {"method": "clarabel", "tolerance": None, "max_iterations": None}),
}


def measured(case: RelaxationCase, solver: str) -> dict[str, Any]:
    """One run in this process: CPU seconds from arrays to answer, the bound that is proved, and those on the way."""
    from benchmarks.measure import megabytes

    program, arrays = case.program()
    backend, settings = SOLVERS[solver]
    limit = case.limit if solver == "splitting" else LIMIT
    history: list[list[float]] = []
    began = time.process_time()

    def see(progress: Progress) -> bool:
        seconds = time.process_time() - began
        if solver == "splitting" and progress.bound is not None:  # that of others is not certified
            history.append([seconds, progress.iteration, progress.bound])
        return solver == "splitting" and seconds > limit

    control = Control(None if solver == "splitting" else limit, see)
    outcome = backends()[backend].solve(program, arrays, Settings(settings), control)
    seconds, memory = time.process_time() - began, megabytes()
    record: dict[str, Any] = {
        "what": "relaxation",
        "case": case.key,
        "size": [*arrays["X"].shape, arrays["Y"].shape[1]],
        "solver": solver,
        "status": "limit" if outcome.status == "interrupted" else outcome.status,
        "seconds": seconds,
        "memory": memory,
        "iterations": outcome.iterations,
        "history": history,
    }
    if outcome.point is None:
        return record | {"message": outcome.message}
    feasible = feasible_point(program, arrays, outcome.point)
    bound = dual_bound(program, arrays, feasible, outcome.point, outcome.dual, False, outcome.supports)
    return record | {
        "objective": feasible.objective,
        "violation": feasible.violation,
        "bound": None if bound is None else bound.value,
    }


def run(path: Path, told: Callable[[str], None]) -> list[dict[str, Any]]:
    """Runs every case that the file has no record of, each in a process of its own, and gives all records."""
    from benchmarks.results import append, read
    from benchmarks.running import PATIENCE, in_a_process

    known = [record for record in read(path) if record["what"] == "relaxation"]
    for number, case in enumerate(CASES):
        for solver in SOLVERS if case.peers else ("splitting",):
            if any((record["case"], record["solver"]) == (case.key, solver) for record in known):
                continue
            asked = {"what": "relaxation", "number": number, "solver": solver}
            record = in_a_process(asked, 3 * max(case.limit, LIMIT) + PATIENCE)
            record = {"case": case.key, **record}
            told(json.dumps({name: value for name, value in record.items() if name != "history"}))
            append(path, record)
            known.append(record)
    return known


def best_bound(records: list[dict[str, Any]], case: RelaxationCase) -> float:
    """The best bound that any solver proves, on its way or at its end; -inf without one."""
    found = [-np.inf]
    for record in records:
        if record["case"] == case.key:
            found += [bound for _, _, bound in record.get("history", ())]
            found += [] if record.get("bound") is None else [record["bound"]]
    return max(found)


def seconds_until(record: dict[str, Any], bound: float) -> float | None:
    """CPU seconds of a run until it had proved as much; None where it never did."""
    found = [seconds for seconds, _, value in record.get("history", ()) if value >= bound]
    if record.get("bound") is not None and record["bound"] >= bound:
        found.append(record["seconds"])
    return min(found, default=None)


def table(records: list[dict[str, Any]]) -> str:
    """The records as a Markdown table: a row for each solver of each case."""
    lines = [
        "| samples | n, d, c | solver | " + " | ".join(f"{share:.0e}" for share in SHARES) + " | s in all | ended | "
        "best bound is below by | MB |",
        "|---|---|---|" + "---|" * (len(SHARES) + 4),
    ]
    for case in CASES:
        best = best_bound(records, case)
        for solver in SOLVERS:
            found = [record for record in records if (record["case"], record["solver"]) == (case.key, solver)]
            if not found:
                continue
            record = found[-1]
            times = [seconds_until(record, best - share * abs(best)) for share in SHARES]
            own = best_bound([record], case)
            cells = ["–" if seconds is None else f"{seconds:.1f}" for seconds in times]
            cells += [f"{record['seconds']:.1f}" if "seconds" in record else "–", record["status"]]
            cells.append("–" if not np.isfinite(own) else f"{(best - own) / abs(best):.1e}" if own < best else "0")
            cells.append(f"{record['memory']:.0f}" if "memory" in record else "–")
            size = ", ".join(map(str, record.get("size", [case.n])))
            lines.append(f"| {case.name.replace('_', ' ')} | {size} | {solver} | {' | '.join(cells)} |")
    return "\n".join(lines) if len(lines) > 2 else ""

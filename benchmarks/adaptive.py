"""The search for patterns beside descent: one growth, and L-BFGS on networks of 300 neurons from twenty random starts.

Both train the same network under weight decay. What is asked of the growth is an objective at least as good as the best
of the restarts, in less time than five of them take: five times as long as the ones that run right before and after it,
since machines are not as fast on one day as on another. For every cell, CPU seconds of one thread.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.problems import LOSSES, PROBLEMS
from reludsl.adaptive.growth import Round, Search, by_newton, first_neurons, grow
from reludsl.backends.descent.kernel import lbfgs, problem_of, train
from reludsl.ir.pattern_problem import PatternProblem
from reludsl.presolve import input_basis

RESTARTS, WIDTH, LIMIT = 20, 300, 600.0
SEEDS = (0, 1, 2)

Record = dict[str, Any]


@dataclass(frozen=True)
class AdaptiveCase:
    """A problem of the benchmark at one strength: a share of its greatest one, or the strength itself."""

    problem: str
    share: float | None
    beta: float | None = None

    @property
    def key(self) -> list[Any]:
        return [self.problem, self.share, self.beta]

    def strength(self, records: list[Record]) -> float:
        """β; the greatest strength is that of the records, which is found where it is missing."""
        if self.beta is not None:
            return self.beta
        assert self.share is not None
        known = [r["greatest"] for r in records if r["what"] == "problem" and r["problem"] == self.problem]
        return self.share * (known[-1] if known else PROBLEMS[self.problem].instance().greatest_strength())


CASES = (
    AdaptiveCase("teacher 200", None, 0.5),
    *(
        AdaptiveCase(problem.name, share)
        for problem in PROBLEMS.values()
        if not problem.gated and problem.name not in ("teacher 20000", "wide")
        for share in problem.shares
    ),
)
"""Every problem with neurons that switch by their own weights, but the two on which 300 neurons do not descend in
minutes."""


def growth(case: AdaptiveCase, beta: float, seed: int) -> Record:
    """One growth between two restarts: their CPU seconds, and its own with the objective after every round."""
    beside = [restart(case, beta, 0)[0]]
    X, Y = PROBLEMS[case.problem].samples()
    nothing = np.zeros((len(X), 0))
    problem = PatternProblem(X, nothing, nothing > 0, LOSSES[PROBLEMS[case.problem].loss], Y, group=beta)
    began, moments = time.process_time(), []

    def see(state: Round) -> bool:
        moment = [time.process_time() - began, state.objective, state.patterns]
        if state.number + 1 == len(moments):
            moments.append(moment)
        elif state.number == -1:  # the first descent, of which the last moment stays
            moments[0] = moment
        return False

    basis = input_basis(problem)
    if basis is not None:
        X = X @ basis
        problem = PatternProblem(X, nothing, nothing > 0, problem.loss, Y, group=beta)
    initial = first_neurons(problem, np.random.default_rng(seed).standard_normal((X.shape[1], WIDTH)))
    grown = grow(problem, 0.0, by_newton, Search(seed=seed), initial=initial, time_limit=LIMIT, monitor=see)
    seconds = time.process_time() - began
    beside.append(restart(case, beta, 1)[0])
    last = grown.rounds[-1]
    return {
        "what": "growth",
        "case": case.key,
        "seed": seed,
        "beta": beta,
        "size": list(PROBLEMS[case.problem].samples()[0].shape),
        "status": grown.status,
        "seconds": seconds,
        "beside": beside,
        "objective": last.objective,
        "neurons": last.active,
        "patterns": last.patterns,
        "rounds": len(grown.rounds),
        "dearest": grown.dearest,
        "history": moments,
    }


def restart(case: AdaptiveCase, beta: float, seed: int) -> list[float]:
    """One descent from random weights: its CPU seconds and its objective."""
    X, Y = PROBLEMS[case.problem].samples()
    targets = Y if Y.shape[1] > 1 else Y[:, 0]
    loss = LOSSES[PROBLEMS[case.problem].loss]
    problem = problem_of(X, targets, loss, width=WIDTH, penalties=(("weight_decay", beta, True),))
    began = time.process_time()
    found = train(problem, lbfgs, restarts=1, seed=seed)
    return [time.process_time() - began, min(found.objectives)]


def restarts(case: AdaptiveCase, beta: float, limit: float) -> Record:
    """Restarts of descent, at most twenty and at least five: the CPU seconds and the objective of each."""
    runs: list[list[float]] = []
    while len(runs) < RESTARTS and (len(runs) < 5 or sum(run[0] for run in runs) < limit):
        runs.append(restart(case, beta, len(runs)))
    return {"what": "restarts", "case": case.key, "beta": beta, "runs": runs}


def run(path: Path, told: Callable[[str], None], chosen: tuple[str, ...], limit: float) -> list[Record]:
    """Runs every case that the file has no record of, and gives all records."""
    from benchmarks.results import append, read

    known = list(read(path))

    def there(what: str, case: AdaptiveCase, **more: Any) -> bool:
        wanted = {"what": what, "case": case.key, **more}
        return any(all(record.get(name) == value for name, value in wanted.items()) for record in known)

    def keep(record: Record) -> None:
        told(json.dumps({name: value for name, value in record.items() if name != "history"}))
        append(path, record)
        known.append(record)

    for case in CASES:
        if chosen and case.problem not in chosen:
            continue
        beta = case.strength(known)
        for seed in SEEDS if case.beta is not None else SEEDS[:1]:
            if not there("growth", case, seed=seed):
                keep(growth(case, beta, seed))
        if not there("restarts", case):
            keep(restarts(case, beta, limit))
    return known


def table(records: list[Record]) -> str:
    """The records as a Markdown table: a row a case, of the growth with the first seed."""
    lines = [
        "| problem | β | restarts: best objective | s for five | growth: objective | s until as good | s in all | "
        "met | other seeds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for case in CASES:
        grown = [record for record in records if record["what"] == "growth" and record["case"] == case.key]
        others = [record for record in records if record["what"] == "restarts" and record["case"] == case.key]
        if not grown or not others:
            continue
        runs, first = others[-1]["runs"], grown[0]
        best, five = min(value for _, value in runs), 5 * float(np.mean(first["beside"]))
        passed = next((seconds for seconds, value, _ in first["history"] if value <= best), None)
        met = "yes" if passed is not None and first["seconds"] < five else "later" if passed is not None else "no"
        if met == "later" and passed is not None and passed < five:
            met = "in time, ended later"
        seeds = ", ".join(f"{record['objective']:.6g}" for record in grown[1:]) or "–"
        limited = "stopped at " if first["status"] == "time limit" else ""
        until = "–" if passed is None else f"{passed:.1f}"
        lines.append(
            f"| {case.problem} | {first['beta']:.4g} | {best:.6g} ({len(runs)}) | {five:.1f} | "
            f"{first['objective']:.6g} | {until} | {limited}{first['seconds']:.1f} | {met} | {seeds} |"
        )
    return "\n".join(lines) if len(lines) > 2 else ""

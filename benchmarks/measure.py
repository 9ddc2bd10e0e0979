"""What one process measures: a problem's sizes, the speed of its products, or one run of a solver. Gives a record.

Records are JSON objects; they hold numbers and texts only.
"""

from __future__ import annotations

import resource
import signal
import time
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.cells import Cell
from benchmarks.evaluator import Evaluator
from benchmarks.problems import PROBLEMS
from benchmarks.solvers import SOLVERS
from benchmarks.watch import Watch


def megabytes() -> float:
    """The most memory that this process has had resident so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def problem_record(name: str) -> dict[str, Any]:
    """Sizes and beta_max of a problem."""
    instance = PROBLEMS[name].instance()
    (n, d), patterns = instance.X.shape, instance.masks.shape[1]
    return {
        "what": "problem",
        "problem": name,
        "loss": PROBLEMS[name].loss,
        "gated": PROBLEMS[name].gated,
        "n": n,
        "d": d,
        "rank": len(instance.basis),
        "outputs": instance.Y.shape[1],
        "patterns": patterns,
        "greatest": instance.greatest_strength(),
    }


def run_record(cell: Cell, greatest: float) -> dict[str, Any]:
    """One run of a cell, judged."""
    solver, problem = SOLVERS[cell.solver], PROBLEMS[cell.problem]
    record: dict[str, Any] = {"what": "run", "problem": cell.problem, "share": cell.share, "solver": cell.solver}
    if (missing := solver.missing) is not None:
        return record | {"status": "not installed", "missing": missing}
    instance, beta = problem.instance(), cell.share * greatest
    before, clock, watch = megabytes(), time.perf_counter(), Watch(cell.limit, solver.growth)
    _end_after(1.1 * cell.limit + 10)
    answer = solver.solve(instance, beta, problem.goal, watch, **solver.settings)
    _end_after(0.0)
    seconds, wall, memory = watch.seconds, time.perf_counter() - clock, megabytes()
    record |= {
        "status": answer.status,
        "beta": beta,
        "goal": problem.goal,
        "seconds": seconds,
        "wall": wall,
        "memory": memory,
        "memory before": before,
        "iterations": answer.iterations,
        "own": answer.own,
        "history": [],
    }
    evaluator = Evaluator(instance, beta)
    for moment in watch.moments:
        objective = moment.objective
        if objective is None:
            assert moment.columns is not None
            objective = evaluator.objective(moment.columns)
        record["history"].append([moment.seconds, moment.iteration, objective, moment.gap])
    if answer.network is not None:
        record["network"] = evaluator.network_objective(*answer.network)
    if answer.columns is not None:
        record |= asdict(evaluator.judge(answer.columns, answer.dual))
    return record


def _end_after(seconds: float) -> None:
    """Ends this process after so many CPU seconds, wherever it is then; 0 takes that back."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)


def products_record(name: str) -> dict[str, Any]:
    """How fast predictions and their adjoint are, against a plain matrix product of their size and a square one."""
    instance = PROBLEMS[name].instance()
    program = instance.program(1.0)
    (n, d), (outputs, patterns) = instance.X.shape, (instance.Y.shape[1], instance.masks.shape[1])
    generator = np.random.default_rng(0)
    u = generator.standard_normal((d, program.columns))
    R = generator.standard_normal((n, outputs))
    gates, thin = program.gates, generator.standard_normal((patterns, d * outputs))
    square = generator.standard_normal((1500, 1500))
    operations = 2.0 * n * patterns * d * outputs
    speeds = {
        "predictions": operations / _least_seconds(lambda: program.predictions(u, np.zeros(outputs))),
        "adjoint": operations / _least_seconds(lambda: program.adjoint(R)),
        "same product": operations / _least_seconds(lambda: gates @ thin),
        "square product": 2.0 * 1500**3 / _least_seconds(lambda: square @ square),
    }
    peak = max(speeds["same product"], speeds["square product"])
    return {
        "what": "products",
        "problem": name,
        "peak": peak / 1e9,
        "same product": speeds["same product"] / peak,
        "predictions": speeds["predictions"] / peak,
        "adjoint": speeds["adjoint"] / peak,
    }


def _least_seconds(work: Any, repetitions: int = 7) -> float:
    found = []
    for _ in range(repetitions):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found)

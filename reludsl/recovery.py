"""From a solver's outcome to a solution: feasible point, bound, network, and the network's own objective."""

from __future__ import annotations

import numpy as np

from reludsl.backend import Outcome
from reludsl.certificate import dual_bound, feasible_point
from reludsl.data.binding import Bound
from reludsl.diagnostics import Diagnostic
from reludsl.lowering import Instance, Lowered
from reludsl.model.model import Model
from reludsl.solution import Solution


def solution_of(
    model: Model, lowered: Lowered, bound: Bound, instance: Instance, outcome: Outcome, backend: str
) -> Solution:
    """Everything that follows from the outcome; its point must be there. Times and decisions are the caller's."""
    assert outcome.point is not None
    feasible = feasible_point(lowered.program, instance.arrays, outcome.point)
    network = lowered.recover(feasible.point, bound.encoding)
    active = np.logical_or.reduce([np.abs(columns).max(axis=0) > 0 for columns in feasible.point.values()])
    metrics = {"train": network.metrics(bound.train)}
    if bound.test is not None:
        metrics["test"] = network.metrics(bound.test)
    return Solution(
        status=outcome.status,
        formulation=model.formulation.name,
        backend=backend,
        objective=network.objective_on(bound.train),
        program_objective=feasible.objective,
        violation=feasible.violation,
        bound=dual_bound(lowered.program, instance.arrays, feasible, outcome.point, instance.complete),
        meaning=lowered.meaning,
        network=network,
        patterns={**instance.counts, "active": int(active.sum())},
        iterations=outcome.iterations,
        primal_residual=outcome.primal_residual,
        dual_residual=outcome.dual_residual,
        seconds={},
        metrics=metrics,
        decisions=(),
        warnings=_warnings(outcome),
        message=outcome.message,
        history=outcome.history,
    )


def _warnings(outcome: Outcome) -> tuple[Diagnostic, ...]:
    if outcome.status == "solved":
        return ()
    notes = (outcome.message,) if outcome.message else ()
    if outcome.status == "interrupted":
        return (
            Diagnostic(
                "S403",
                "the solve was interrupted; this is the best iterate so far",
                notes=notes,
                severity="warning",
            ),
        )
    remedy = "the result is a network all the same; raise the limit or loosen the tolerance for a finished solve"
    code, message = (
        ("S401", "the solver stopped before it met its tolerance")
        if outcome.status == "limit"
        else ("S402", "the solver failed; this is the point where it ended")
    )
    return (Diagnostic(code, message, notes=notes, help=remedy, severity="warning"),)

"""From a solver's outcome to a solution: feasible point, bound, network, and the network's own objective."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reludsl.backend import Outcome, Start
from reludsl.certificate import Bound as Proved
from reludsl.certificate import dual_bound, feasible_point, relative_gap
from reludsl.data.binding import Bound
from reludsl.diagnostics import Diagnostic, Label
from reludsl.lowering import Instance, Lowered
from reludsl.model.model import Model
from reludsl.model.problem import one_hot
from reludsl.solution import Solution


@dataclass(frozen=True, eq=False)
class Continuation:
    """What a solve leaves for the next: the instance of its program, and where the solver may start again."""

    model: Model
    bound: Bound
    backend: str
    instance: Instance
    start: Start | None

    def beyond(self, earlier: object, factor: float) -> Continuation:
        """This one, its start moved on by `factor` of the step from `earlier`, see `backend.Start`."""
        if self.start is None or not isinstance(earlier, Continuation) or earlier.instance is not self.instance:
            return self
        return replace(self, start=self.start.beyond(earlier.start, factor))

    def shares_data(self, model: Model, bound: Bound, backend: str) -> bool:
        """Whether the instance is that of another model too: the two differ in loss and penalties at most.

        Random neurons are scaled by the penalties: there these may differ in strength only, and one alone.
        """
        parts = ("input", "target", "weight", "architecture", "formulation", "perturbation")
        same = all(getattr(model, part) == getattr(self.model, part) for part in parts)
        penalties = [[replace(part.penalty, strength=1.0) for part in m.regularizers] for m in (model, self.model)]
        random = model.formulation.name == "random_features"
        scaled = not random or (penalties[0] == penalties[1] and len(penalties[0]) <= 1)
        encoded = one_hot(model) == one_hot(self.model)
        return same and scaled and encoded and bound is self.bound and backend == self.backend


def shared_with(after: Solution | None, model: Model, bound: Bound, backend: str) -> Continuation | None:
    """What an earlier solution leaves for another model, None where nothing of it holds any more."""
    left = None if after is None else after.continuation
    return left if isinstance(left, Continuation) and left.shares_data(model, bound, backend) else None


def solution_of(
    model: Model, lowered: Lowered, bound: Bound, instance: Instance, outcome: Outcome, backend: str
) -> Solution:
    """Everything that follows from the outcome; its point must be there. Times and decisions are the caller's."""
    assert outcome.point is not None
    feasible = feasible_point(lowered.program, instance.arrays, outcome.point)
    recovered = lowered.recover(feasible.point, instance, bound.encoding)
    network = recovered.network
    metrics = {"train": network.metrics(bound.train)}
    if bound.test is not None:
        metrics["test"] = network.metrics(bound.test)
    objective = lowered.objective(network, bound.train)
    return Solution(
        status=outcome.status,
        formulation=model.formulation.name,
        backend=backend,
        objective=objective,
        program_objective=feasible.objective,
        violation=feasible.violation,
        bound=_of_network(
            objective,
            dual_bound(
                lowered.program,
                instance.arrays,
                feasible,
                outcome.point,
                outcome.dual,
                instance.complete,
                outcome.supports,
            ),
        ),
        meaning=lowered.meaning,
        network=network,
        neurons=recovered.neurons,
        patterns={**instance.counts, **({} if recovered.active is None else {"active": recovered.active})},
        iterations=outcome.iterations,
        primal_residual=outcome.primal_residual,
        dual_residual=outcome.dual_residual,
        seconds={},
        metrics=metrics,
        decisions=(),
        warnings=(*_warnings(outcome), *_too_wide(model, network.width)),
        message=outcome.message,
        history=outcome.history,
        continuation=Continuation(model, bound, backend, instance, outcome.start),
    )


def _of_network(objective: float, bound: Proved | None) -> Proved | None:
    """The bound with the gap of the network, where the point of the program need not be one."""
    if bound is None or bound.by != "relaxation":
        return bound
    return replace(bound, gap=relative_gap(objective, bound.value))


def _too_wide(model: Model, width: int) -> tuple[Diagnostic, ...]:
    """S404 where the optimum has more neurons than the spec wants."""
    wanted, span = model.architecture.width, model.architecture.span
    if wanted is None or width <= wanted:
        return ()
    message = f"the network has {width} hidden neurons, the spec wants at most {wanted}"
    labels = (Label(span, "`width` stands here"),) if span else ()
    remedy = "raise `width` or the strength of the regularizer, or train that many with `solver descent`"
    return (Diagnostic("S404", message, labels, help=remedy, severity="warning"),)


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

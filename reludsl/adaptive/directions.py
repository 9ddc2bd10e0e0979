"""From a program over initial neurons to the outcome of the search, and the same in a standalone script."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from reludsl.adaptive.shared import Growth, GrowthState, grow_shared
from reludsl.backend import LIMITS, Backend, Control, Outcome, Progress, Status
from reludsl.ir import objective
from reludsl.ir.pattern_problem import PatternProblem, pattern_problem
from reludsl.ir.scalar_source import construction, standalone_classes
from reludsl.lowering import Code, Instance, SharedProgram
from reludsl.options import Settings

_ENDS: Mapping[str, str] = {
    **LIMITS,
    "round limit": "reached its limit of rounds",
    "stalled": "ended where nothing that it found lowers the objective any more",
}


def grow_directions(
    lowered: SharedProgram,
    instance: Instance,
    backend: Backend,
    settings: Settings,
    control: Control,
    propose: np.ndarray | None = None,
) -> tuple[Instance, Outcome]:
    """The instance over the neurons that the search finds, from those of `instance` on, and its outcome.

    When the search has ended by itself the backend solves the program over these neurons once more: its dual point
    gives the bound. Its own point is taken where it is no worse than the search's. `propose` are more directions (d, k)
    to begin with.
    """
    started = time.perf_counter()
    problem = pattern_problem(lowered.program, instance.arrays)
    assert problem is not None and instance.directions is not None
    initial = instance.directions
    if propose is not None:
        initial = np.concatenate([initial, propose / np.linalg.norm(propose, axis=0)], axis=1)
    limits = (lowered.formulation.time_limit, control.time_limit)
    limit = min((seconds for seconds in limits if seconds is not None), default=math.inf)

    def watched(state: GrowthState) -> bool:
        return control.monitor(_progress(state, problem.scale))

    growth = grow_shared(
        problem,
        instance.arrays["X"],
        lowered.model.activation.slope,
        initial,
        descends=lowered.formulation.descends,
        tolerance=lowered.formulation.tolerance,
        seed=lowered.formulation.draw.seed,
        time_limit=limit,
        monitor=watched,
        within=watched,
    )
    neurons, form = growth.neurons, lowered.form
    directions, weights = neurons.directions, neurons.weights
    if not len(weights):  # a program has columns
        directions, weights = instance.directions[:, :1], np.zeros((1, weights.shape[1]))
    found = lowered.over(instance, directions)
    point = {form.a.name: weights, **({} if form.c0 is None else {form.c0.name: neurons.offset})}
    history = tuple(_progress(state, problem.scale) for state in growth.history)
    outcome = Outcome(
        _status(growth),
        point,
        len(history),
        message=_ENDS.get(growth.status, "") if _status(growth) == "limit" else "",
        history=history,
        dual=neurons.dual,
    )
    if growth.status not in ("solved", "stalled"):
        return found, outcome
    left = None if control.time_limit is None else max(control.time_limit - (time.perf_counter() - started), 1e-3)
    again = backend.solve(lowered.program, found.arrays, settings, Control(left, control.monitor))
    if again.status != "solved" or again.point is None:
        return found, outcome
    points = (again.point, point)
    best = min(points, key=lambda entry: float(objective(lowered.program, {**found.arrays, **entry})))
    return found, replace(outcome, point=best, dual=again.dual)


def _status(growth: Growth) -> Status:
    match growth.status:
        case "solved":
            return "solved"
        case "interrupted":
            return "interrupted"
    return "limit"


def _progress(state: GrowthState, scale: float) -> Progress:
    return Progress(state.iteration, state.objective / scale, 0.0, 0.0, state.seconds, None, state.active)


def searching_script(lowered: SharedProgram) -> SharedProgram:
    """The program whose script searches for the neurons as `grow_directions` does."""
    form, formulation, penalty = lowered.form, lowered.formulation, lowered.form.penalty
    y, limit = form.y.name, formulation.time_limit
    scale = "1.0" if not form.mean else "float(omega.sum())" if form.weighted else f"len({y})"
    text = (
        f"scale = {scale}  # the search minimizes the sum of the losses\n"
        "held = PatternProblem(\n"
        "    X=np.ones((len(X), 1)),\n"
        "    gates=np.zeros((len(X), 0)),\n"
        "    masks=None,\n"
        f"    loss={construction(form.loss)},\n"
        f"    Y={y},\n"
        f"    weights={'omega' if form.weighted else 'None'},\n"
        f"    group={form.strength!r} * scale,\n"
        "    signed=False,\n"
        f"    offset={form.output_bias},\n"
        f"    offset_l2={penalty.offset_l2!r} * scale,\n"
        "    shared=True,\n"
        ")\n"
        "found = grow_shared(\n"
        "    held,\n"
        "    X,\n"
        f"    {lowered.model.activation.slope!r},\n"
        "    directions,\n"
        f"    descends={formulation.descends},\n"
        f"    tolerance={formulation.tolerance!r},\n"
        f"    seed={formulation.draw.seed},\n"
        + ("" if limit is None else f"    time_limit={limit!r},\n")
        + "    monitor=told,\n"
        ")\n"
        "if len(found.neurons.weights):\n"
        "    directions = found.neurons.directions\n"
    )
    return replace(lowered, search=Code((*standalone_classes(form.loss), PatternProblem, grow_shared, told), text, ""))


def told(state: GrowthState) -> bool:
    """Prints a round of the search; never ends it."""
    print(
        f"round {state.iteration}: objective {state.objective:.8g}, {state.active} neurons, gap found {state.gap:.2g}"
    )
    return False

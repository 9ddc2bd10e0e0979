"""The fast backend: an augmented Lagrangian with semismooth Newton steps, which ends with a proved duality gap."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reludsl.backend import LIMITS, Control, Emitted, Guess, Outcome, Progress, Status
from reludsl.backends.pattern_script import pattern_script, robust_script
from reludsl.ir import FeatureForm, PatternForm, Program, RobustForm
from reludsl.literals import literal
from reludsl.options import NumberType, Option, Settings

if TYPE_CHECKING:
    import numpy as np

    from reludsl.backends.newton.kernel import NewtonIterate, NewtonState
    from reludsl.presolve import Presolved


class NewtonBackend:
    """The dual augmented Lagrangian of `kernel.py`, for every loss."""

    name = "newton"
    summary = "an augmented Lagrangian with semismooth Newton steps, our own: pattern and feature programs"
    local = False
    by_name = False
    details = (
        "Works on the columns that matter, keeps them in their cones by exact projections, and ends when the relative "
        "duality gap over all columns is within the tolerance: the answer is feasible and comes with its bound. It "
        "takes every loss, group norms and ridges, output biases, and neurons with or without "
        "cones."
    )
    options = (
        Option("tolerance", NumberType(0, 1, open_minimum=True), "bound on the relative duality gap", default=1e-6),
        Option("max_iterations", NumberType(1, integer=True), "Newton steps until it stops anyway", default=2000),
    )

    def supports(self, program: Program) -> tuple[str, ...]:
        robust = RobustForm.of(program)
        if robust is not None:
            return robust.obstacles
        form = PatternForm.of(program) or FeatureForm.of(program)
        if form is None:
            return ("it takes pattern and feature programs only, and those under perturbations of single samples",)
        reasons = []
        penalty = form.penalty
        if isinstance(form, FeatureForm):
            if not form.strength:
                reasons.append("it needs a regularizer with a strength above 0")
            return tuple(reasons)
        if penalty.free_biases:
            reasons.append("it needs regularizers that penalize the hidden biases")
        if penalty.total.l1:
            reasons.append("it takes no `l1` penalty, whose proximal operator within a cone has no closed form")
        if not (penalty.total.group or penalty.total.l2):
            reasons.append("it needs a regularizer with a strength above 0")
        return tuple(reasons)

    def unusable(self, settings: Settings, program: Program) -> tuple[str, ...]:
        return ()

    def solve(
        self, program: Program, arrays: Mapping[str, np.ndarray], settings: Settings, control: Control
    ) -> Outcome:
        from reludsl.backends.newton.kernel import solve_by_newton  # NumPy only to solve something
        from reludsl.ir.pattern_problem import as_columns, as_point, pattern_problem
        from reludsl.presolve import presolve

        if RobustForm.of(program) is not None:
            return _solved_robustly(program, arrays, settings, control)
        problem = pattern_problem(program, arrays)
        assert problem is not None, "supports() is asked first"
        tolerance = settings["tolerance"]
        start = control.start if isinstance(control.start, _Start) and control.start.presolved.fits(problem) else None
        presolved = presolve(problem) if start is None else start.presolved.again(problem)
        iterate = None if start is None else start.iterate
        if isinstance(control.start, Guess):
            iterate = _iterate(presolved, *as_columns(program, control.start.point), control.start.dual)
        result = solve_by_newton(
            presolved.problem,
            tolerance=tolerance,
            max_iterations=settings["max_iterations"],
            time_limit=float("inf") if control.time_limit is None else control.time_limit,
            start=iterate,
            monitor=lambda state: control.monitor(_progress(state, problem.scale, tolerance)),
        )
        status = _status(result.status)
        return Outcome(
            status,
            as_point(program, presolved.columns(result.columns), result.offset),
            result.history[-1].iteration,
            message=_ENDS[result.status] if status == "limit" else "",
            history=tuple(_progress(state, problem.scale, tolerance) for state in result.history),
            start=_Start(presolved, result.iterate),
            dual=presolved.dual(result.dual),
            # Places of rows are the certificate's own only where nothing was left out.
            supports=result.supports if presolved.whole else None,
        )

    def emit(self, program: Program, settings: Settings) -> Emitted:
        from reludsl.backends.newton.kernel import solve_by_newton  # with NumPy

        report = (
            '"""Prints the progress; never ends the iteration."""',
            'told = f"objective {state.objective / scale:.8g}, relative gap {state.gap:.2g}"',
            'print(f"{state.iteration} Newton steps, {told}")',
            "return False",
        )
        call = tuple(f"{name}={literal(value)}" for name, value in settings.items())
        if RobustForm.of(program) is not None:
            from reludsl.backends.newton.robust import solve_robust

            return robust_script(program, "an interior-point method", report, call, solve_robust)
        return pattern_script(program, "Newton steps", report, call, solve_by_newton)


def _iterate(presolved: Presolved, u: np.ndarray, offset: np.ndarray, dual: np.ndarray) -> NewtonIterate:
    """The iterate at a point of the original problem, as a start."""
    import numpy as np

    from reludsl.backends.newton.kernel import NewtonIterate

    u, problem = presolved.columns_within(u), presolved.problem
    offset = offset + np.zeros(problem.Y.shape[1])  # one zero where the program has none
    return NewtonIterate(u.T, offset, presolved.dual_within(dual), problem.predictions(u, offset))


def _solved_robustly(
    program: Program, arrays: Mapping[str, np.ndarray], settings: Settings, control: Control
) -> Outcome:
    """The outcome of a program against perturbations, by the interior-point method of `robust.py`."""
    from reludsl.backends.newton.robust import solve_robust
    from reludsl.ir.robust_problem import robust_problem

    problem, form = robust_problem(program, arrays), RobustForm.of(program)
    assert problem is not None and form is not None, "supports() is asked first"
    tolerance = settings["tolerance"]
    result = solve_robust(
        problem,
        tolerance=tolerance,
        max_iterations=settings["max_iterations"],
        time_limit=float("inf") if control.time_limit is None else control.time_limit,
        monitor=lambda state: control.monitor(_progress(state, problem.scale, tolerance)),
    )
    status, blocks = _status(result.status), form.blocks
    parts = result.columns.reshape(len(result.columns), len(blocks), -1)
    return Outcome(
        status,
        {block.name: parts[:, k] for k, block in enumerate(blocks)},
        result.history[-1].iteration if result.history else 0,
        message=_ENDS[result.status] if status == "limit" else "",
        history=tuple(_progress(state, problem.scale, tolerance) for state in result.history),
        dual=result.dual,
        supports=result.multipliers,
    )


def _status(ended: str) -> Status:
    return "solved" if ended == "solved" else "interrupted" if ended == "interrupted" else "limit"


@dataclass(frozen=True, eq=False)
class _Start:
    """What was presolved, and the iterate. A line through two iterates leaves the cones, so it is never extended."""

    presolved: Presolved
    iterate: NewtonIterate

    def beyond(self, earlier: object, factor: float) -> _Start:
        return self


def _progress(state: NewtonState, scale: float, tolerance: float) -> Progress:
    bound = state.bound / scale if math.isfinite(state.bound) else None
    gap = max(state.gap, 0.0) / tolerance
    return Progress(state.iteration, state.objective / scale, 0.0, gap, state.seconds, bound, state.active)


_ENDS: Mapping[str, str] = {**LIMITS, "stalled": "ended where neither its network nor its bound could be improved"}

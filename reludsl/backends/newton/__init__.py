"""The fast backend: an augmented Lagrangian with semismooth Newton steps, which ends with a proved duality gap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reludsl.backend import Control, Emitted, Outcome, Progress, Status
from reludsl.backends.pattern_script import pattern_script
from reludsl.ir import FeatureForm, PatternForm, Program
from reludsl.literals import literal
from reludsl.options import NumberType, Option, Settings

if TYPE_CHECKING:
    import numpy as np

    from reludsl.backends.newton.kernel import NewtonIterate, NewtonState


class NewtonBackend:
    """The dual augmented Lagrangian of `kernel.py`, for every loss with a proximal operator."""

    name = "newton"
    summary = "an augmented Lagrangian with semismooth Newton steps, our own: pattern and feature programs"
    local = False
    details = (
        "Works on the columns that matter, keeps them in their cones by exact projections, and ends when the relative "
        "duality gap over all columns is within the tolerance: the answer is feasible and comes with its bound. It "
        "takes every loss with a proximal operator, group norms and ridges, output biases, and neurons with or without "
        "cones."
    )
    options = (
        Option("tolerance", NumberType(0, 1, open_minimum=True), "bound on the relative duality gap", default=1e-6),
        Option("max_iterations", NumberType(1, integer=True), "Newton steps until it stops anyway", default=2000),
    )

    def supports(self, program: Program) -> tuple[str, ...]:
        form = PatternForm.of(program) or FeatureForm.of(program)
        if form is None:
            return ("it takes pattern and feature programs only",)
        reasons = []
        if not form.loss.has_prox:
            reasons.append("it needs the proximal operator of the loss, which a custom loss does not state")
        penalty = form.penalty
        if isinstance(form, FeatureForm):
            if not penalty.l1:
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
        from reludsl.ir.pattern_problem import as_point, pattern_problem

        problem = pattern_problem(program, arrays)
        assert problem is not None, "supports() is asked first"
        tolerance = settings["tolerance"]
        result = solve_by_newton(
            problem,
            tolerance=tolerance,
            max_iterations=settings["max_iterations"],
            time_limit=float("inf") if control.time_limit is None else control.time_limit,
            start=control.start.iterate if isinstance(control.start, _Start) else None,
            monitor=lambda state: control.monitor(_progress(state, problem.scale, tolerance)),
        )
        status: Status = (
            "solved" if result.status == "solved" else "interrupted" if result.status == "interrupted" else "limit"
        )
        return Outcome(
            status,
            as_point(program, result.columns, result.offset),
            result.history[-1].iteration,
            message=result.status if status == "limit" else "",
            history=tuple(_progress(state, problem.scale, tolerance) for state in result.history),
            start=_Start(result.iterate),
            dual=result.dual,
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
        return pattern_script(program, "Newton steps", report, call, solve_by_newton)


@dataclass(frozen=True, eq=False)
class _Start:
    """The iterate of a solve. A line through two of them leaves the cones, so it is never extended."""

    iterate: NewtonIterate

    def beyond(self, earlier: object, factor: float) -> _Start:
        return self


def _progress(state: NewtonState, scale: float, tolerance: float) -> Progress:
    return Progress(state.iteration, state.objective / scale, 0.0, max(state.gap, 0.0) / tolerance, state.seconds)

"""The own backend for semidefinite relaxations: Douglas-Rachford splitting in isometric coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from reludsl.backend import LIMITS, Control, Emitted, Outcome, Progress, Status
from reludsl.ir import Program, RelaxationForm
from reludsl.ir.scalar_source import standalone_classes
from reludsl.literals import literal
from reludsl.options import NumberType, Option, Settings

if TYPE_CHECKING:
    import numpy as np

    from reludsl.backends.splitting.kernel import SplittingState


class SplittingBackend:
    """The relaxation's own first-order method."""

    name = "splitting"
    summary = "Douglas-Rachford splitting, our own: semidefinite relaxations with every loss"
    local = False
    by_name = False
    details = (
        "Works in coordinates in which the constraints have nothing that is always zero and projections are "
        "isometric; a step costs one eigendecomposition of order n + rank + outputs. Steps are extrapolated "
        "(Anderson), and taken back where the residual grows. Every 50 steps the dual point is repaired into a true "
        "lower bound, of which the best is kept: at a limit or when it is interrupted as well. The objective that it "
        "reports is that of an iterate whose products are a little negative, and no bound. Up to about 40 samples, "
        "with rows that are split, or with samples that are nearly on a line, `cvxpy` gets further."
    )
    options = (
        Option(
            "tolerance",
            NumberType(0, 1, open_minimum=True),
            "bound on the relative gap; products may be negative by a tenth of it, relative to the largest",
            default=1e-5,
        ),
        Option("rho", NumberType(0, open_minimum=True), "the penalty at the start", default=100.0),
        Option("max_iterations", NumberType(1, integer=True), "iterations until it stops anyway", default=20_000),
    )

    def supports(self, program: Program) -> tuple[str, ...]:
        form = RelaxationForm.of(program)
        if form is None:
            return ("it takes semidefinite relaxations only",)
        return ()

    def unusable(self, settings: Settings, program: Program) -> tuple[str, ...]:
        return ()

    def solve(
        self, program: Program, arrays: Mapping[str, np.ndarray], settings: Settings, control: Control
    ) -> Outcome:
        from reludsl.backends.splitting.kernel import SplittingSettings, SplittingSolve
        from reludsl.ir.relaxation_problem import relaxation_problem
        from reludsl.relaxation import RelaxationDual, coordinates

        form = RelaxationForm.of(program)
        assert form is not None, "supports() is asked first"
        problem = relaxation_problem(form, arrays)
        scale = problem.scale
        solve = SplittingSolve(
            coordinates(arrays["X"], form.activation.slope, form.split),
            problem,
            SplittingSettings(**settings),
            float("inf") if control.time_limit is None else control.time_limit,
            lambda state: control.monitor(_progress(state, scale, settings["tolerance"])),
        )
        result = solve.run()
        status: Status = "limit"
        if result.status in ("solved", "interrupted"):
            status = "solved" if result.status == "solved" else "interrupted"
        last = result.history[-1]
        return Outcome(
            status,
            {form.Z(piece).name: Z for piece, Z in zip(form.pieces, result.moments, strict=True)}
            | ({} if form.c0 is None else {form.c0.name: result.offset}),
            last.iteration,
            last.primal,
            last.dual,
            LIMITS[result.status] if status == "limit" else "",
            tuple(_progress(state, scale, settings["tolerance"]) for state in result.history),
            dual=RelaxationDual(result.Lam, result.S),
        )

    def emit(self, program: Program, settings: Settings) -> Emitted:
        from reludsl.backends.splitting.kernel import solve_relaxation
        from reludsl.ir.pattern_problem import PatternProblem
        from reludsl.ir.relaxation_problem import relaxation_problem_lines

        form = RelaxationForm.of(program)
        assert form is not None, "supports() is asked first"
        names = [literal(form.Z(piece).name) for piece in form.pieces]
        options = ", ".join(f"{name}={literal(value)}" for name, value in settings.items())
        point = f"dict(zip([{', '.join(names)}], result.moments))"
        lines = [
            f"def solve({', '.join(data.name for data in program.data)}):",
            '    """Solves the relaxation by splitting; returns its matrices and the status."""',
            *(f"    {line}" for line in relaxation_problem_lines(form)),
            f"    result = solve_relaxation(X, problem, {form.activation.slope!r}, {form.split}, {options})",
            '    print(f"lower bound on the global optimum {result.bound / problem.scale:.8g}")',
            f"    return {point if form.c0 is None else point + ' | {' + literal(form.c0.name) + ': result.offset}'}, "
            "result.status",
        ]
        functions = (*standalone_classes(form.loss), PatternProblem, solve_relaxation)
        return Emitted(("numpy", "scipy"), functions, "\n".join(lines) + "\n")


def _progress(state: SplittingState, scale: float, tolerance: float) -> Progress:
    bound = state.bound / scale if state.bound > -float("inf") else None
    return Progress(
        state.iteration,
        state.objective / scale,
        state.primal / tolerance,
        state.dual / tolerance,
        state.seconds,
        bound,
        state.rank,
    )

"""The own backend: the alternating direction method of multipliers, for pattern programs with squared loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from reludsl.backend import Control, Emitted, Outcome, Progress, Status
from reludsl.ir import Placeholder, Program, square
from reludsl.ir.pattern_form import PatternForm
from reludsl.literals import literal
from reludsl.options import Choice, ChoiceType, NumberType, Option, Settings

if TYPE_CHECKING:
    import numpy as np

    from reludsl.backends.admm.kernel import Residuals


class AdmmBackend:
    """Bai, Gautam, Sojoudi 2022, Algorithm 3.1, with the exact u-update at linear cost."""

    name = "admm"
    summary = "the alternating direction method of multipliers, our own: pattern programs with squared loss"
    details = (
        "Splits prediction, norms and cones into steps that are each solved exactly; the linear step costs one n × n "
        "factorization at the start, or conjugate gradients where n × n is too large. Ends when the primal and dual "
        "residuals are within the tolerance, relative to the size of what they compare."
    )
    options = (
        Option("rho", NumberType(0, open_minimum=True), "the penalty at the start", default=1.0),
        Option("tolerance", NumberType(0, 1, open_minimum=True), "bound on the relative residuals", default=1e-5),
        Option("max_iterations", NumberType(1, integer=True), "iterations until it stops anyway", default=20_000),
        Option("relaxation", NumberType(1, 1.95), "over-relaxation; 1 is the method without it", default=1.6),
        Option(
            "balancing",
            ChoiceType((Choice("on", "the penalty adapts to the residuals"), Choice("off", "the penalty stays"))),
            "residual balancing",
            default="on",
        ),
        Option(
            "linear_solver",
            ChoiceType(
                (
                    Choice("auto", "exact up to 4000 samples, cg beyond"),
                    Choice("exact", "one n × n eigendecomposition"),
                    Choice("cg", "conjugate gradients, without any n × n matrix"),
                )
            ),
            "how the linear step is solved",
            default="auto",
        ),
    )

    def supports(self, program: Program) -> tuple[str, ...]:
        form = PatternForm.of(program)
        if form is None:
            return ("it takes pattern programs only",)
        if form.function.definition() != 0.5 * square(Placeholder("t")) or form.structure != "distance":
            return (f"it takes the squared loss only, not `{form.function.name}`",)
        return ()

    def unusable(self, settings: Settings) -> tuple[str, ...]:
        return ()

    def solve(
        self, program: Program, arrays: Mapping[str, np.ndarray], settings: Settings, control: Control
    ) -> Outcome:
        from reludsl.backends.admm.kernel import solve_pattern_program  # NumPy only when something is solved

        form = PatternForm.of(program)
        assert form is not None, "supports() is asked first"
        X, D, y = (arrays[data.name] for data in (form.X, form.D, form.y))
        scale = float(len(y)) if form.mean else 1.0  # the kernel minimizes the sum, not the mean
        stopped = False

        def monitor(state: Residuals) -> bool:
            nonlocal stopped
            stopped = control.monitor(_progress(state, scale))
            return stopped

        result = solve_pattern_program(
            X,
            D,
            y,
            form.strength * scale,
            rho=settings["rho"],
            tolerance=settings["tolerance"],
            max_iterations=settings["max_iterations"],
            relaxation=settings["relaxation"],
            balancing=settings["balancing"] == "on",
            linear_solver=settings["linear_solver"],
            time_limit=float("inf") if control.time_limit is None else control.time_limit,
            monitor=monitor,
        )
        status: Status = (
            "solved" if result.status == "solved" else "interrupted" if result.status == "interrupted" else "limit"
        )
        history = tuple(_progress(state, scale) for state in result.history)
        last = result.history[-1]
        P = D.shape[1]
        return Outcome(
            status,
            {form.V.name: result.columns[:, :P], form.W.name: result.columns[:, P:]},
            last.iteration,
            last.primal * settings["tolerance"],
            last.dual * settings["tolerance"],
            result.status if status == "limit" else "",
            history,
        )

    def emit(self, program: Program, settings: Settings) -> Emitted:
        from reludsl.backends.admm import kernel

        form = PatternForm.of(program)
        assert form is not None, "supports() is asked first"
        scale = (
            f"len({form.y.name})  # the kernel minimizes the sum of the losses, not their mean" if form.mean else "1"
        )
        X, D, y = form.X.name, form.D.name, form.y.name
        solve = f'''def solve({X}, {D}, {y}):
    """Minimizes the convex program by ADMM; returns its variables and the status."""
    scale = {scale}

    def report(state):
        """Prints the progress now and then; never ends the iteration."""
        if state.iteration % 500 == 0:
            residuals = f"{{state.primal:.2g}} primal, {{state.dual:.2g}} dual"
            print(f"iteration {{state.iteration}}, objective {{state.objective / scale:.8g}}, residuals {{residuals}}")
        return False

    result = solve_pattern_program(
        {X},
        {D},
        {y},
        {form.strength!r} * scale,
        rho={settings["rho"]!r},
        tolerance={settings["tolerance"]!r},
        max_iterations={settings["max_iterations"]!r},
        relaxation={settings["relaxation"]!r},
        balancing={settings["balancing"] == "on"},
        linear_solver={literal(settings["linear_solver"])},
        monitor=report,
    )
    P = {D}.shape[1]
    return {{"{form.V.name}": result.columns[:, :P], "{form.W.name}": result.columns[:, P:]}}, result.status
'''
        functions = (
            kernel.Residuals,
            kernel.Result,
            kernel.PatternProducts,
            kernel.solve_pattern_program,
            kernel.joint_norm,
            kernel.block_soft_threshold,
            kernel.exact_kernel_solver,
            kernel.conjugate_gradient_solver,
        )
        return Emitted(("numpy",), functions, solve)


def _progress(state: Residuals, scale: float) -> Progress:
    return Progress(state.iteration, state.objective / scale, state.primal, state.dual, state.seconds)

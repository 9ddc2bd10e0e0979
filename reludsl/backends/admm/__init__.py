"""The own backend: the alternating direction method of multipliers, for pattern programs with every loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

from reludsl.backend import Control, Emitted, Outcome, Progress, Status
from reludsl.ir import Placeholder, Program, square
from reludsl.ir.pattern_form import PatternForm
from reludsl.ir.scalar_source import standalone_class
from reludsl.literals import literal
from reludsl.options import Choice, ChoiceType, NumberType, Option, Settings

if TYPE_CHECKING:
    import numpy as np

    from reludsl.backends.admm.kernel import Residuals, SplitLoss


class AdmmBackend:
    """Bai, Gautam, Sojoudi 2022, Algorithm 3.1, with the exact u-update at linear cost."""

    name = "admm"
    summary = "the alternating direction method of multipliers, our own: pattern programs"
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
        result = solve_pattern_program(
            X,
            D,
            y if _is_squared(form) else _split_loss(form, y),
            form.strength * scale,
            rho=settings["rho"],
            tolerance=settings["tolerance"],
            max_iterations=settings["max_iterations"],
            relaxation=settings["relaxation"],
            balancing=settings["balancing"] == "on",
            linear_solver=settings["linear_solver"],
            time_limit=float("inf") if control.time_limit is None else control.time_limit,
            monitor=lambda state: control.monitor(_progress(state, scale)),
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
{"" if _is_squared(form) else _split_loss_source(form)}
    def report(state):
        """Prints the progress now and then; never ends the iteration."""
        if state.iteration % 500 == 0:
            residuals = f"{{state.primal:.2g}} primal, {{state.dual:.2g}} dual"
            print(f"iteration {{state.iteration}}, objective {{state.objective / scale:.8g}}, residuals {{residuals}}")
        return False

    result = solve_pattern_program(
        {X},
        {D},
        {y if _is_squared(form) else "loss"},
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
        own = () if _is_squared(form) else (standalone_class(form.function),)
        functions = (
            *own,
            kernel.SplitLoss,
            kernel.Residuals,
            kernel.Result,
            kernel.PatternProducts,
            kernel.solve_pattern_program,
            kernel.fit_value,
            kernel.joint_norm,
            kernel.block_soft_threshold,
            kernel.exact_kernel_solver,
            kernel.conjugate_gradient_solver,
        )
        return Emitted(("numpy",), functions, solve)


def _progress(state: Residuals, scale: float) -> Progress:
    return Progress(state.iteration, state.objective / scale, state.primal, state.dual, state.seconds)


def _is_squared(form: PatternForm) -> bool:
    """Whether the loss is half the squared distance, which the linear step takes as it is."""
    return form.structure == "distance" and form.function.definition() == 0.5 * square(Placeholder("t"))


def _split_loss(form: PatternForm, y: np.ndarray) -> SplitLoss:
    """The loss of predictions (n,), by its function of the margin y f or of the residual f - y."""
    from reludsl.backends.admm.kernel import SplitLoss

    phi = form.function
    if form.structure == "margin":
        return SplitLoss(
            value=lambda f: float(phi.value(y * f).sum()),
            gradient=lambda f: y * phi.derivative(y * f),
            prox=lambda f, tau: y * phi.prox(y * f, tau),
        )
    return SplitLoss(
        value=lambda f: float(phi.value(f - y).sum()),
        gradient=lambda f: phi.derivative(f - y),
        prox=lambda f, tau: y + phi.prox(f - y, tau),
    )


def _split_loss_source(form: PatternForm) -> str:
    """What `_split_loss` does, as statements of the generated `solve`."""
    y, kind = form.y.name, type(form.function).__name__
    parameters = ", ".join(f"{entry.name}={getattr(form.function, entry.name)!r}" for entry in fields(form.function))
    argument, gradient, prox = (
        (f"{y} * f", f"{y} * phi.derivative({y} * f)", f"{y} * phi.prox({y} * f, tau)")
        if form.structure == "margin"
        else (f"f - {y}", f"phi.derivative(f - {y})", f"{y} + phi.prox(f - {y}, tau)")
    )
    return f"""    phi = {kind}({parameters})
    loss = SplitLoss(
        value=lambda f: float(phi.value({argument}).sum()),
        gradient=lambda f: {gradient},
        prox=lambda f, tau: {prox},
    )
"""

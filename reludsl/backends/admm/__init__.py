"""The own backend: the alternating direction method of multipliers, for pattern and feature programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reludsl.backend import Control, Emitted, Outcome, Progress, Status
from reludsl.backends.admm.script import emitted
from reludsl.ir import Distance, FeatureForm, PatternForm, Placeholder, Program, square
from reludsl.options import Choice, ChoiceType, NumberType, Option, Settings

if TYPE_CHECKING:
    import numpy as np

    from reludsl.backends.admm.kernel import Iterate, Residuals


class AdmmBackend:
    """Bai, Gautam, Sojoudi 2022, Algorithm 3.1, with the exact u-update at linear cost."""

    name = "admm"
    summary = "the alternating direction method of multipliers, our own: pattern and feature programs"
    local = False
    details = (
        "Splits prediction, norms and cones into steps that are each solved exactly; the linear step costs one n × n "
        "factorization at the start, or conjugate gradients where n × n is too large. Ends when the primal and dual "
        "residuals are within the tolerance, relative to the size of what they compare.\n\n"
        "The method as published (Bai, Gautam, Sojoudi 2022, Algorithm 3.1) is `relaxation = 1, balancing = off, "
        "cone_scaling = off` with its ρ and `dual_step` = γ/ρ; with `linear_solver = rbcd` its u-update is their "
        "Algorithm 3.2, with a line search that ensures descent."
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
            "dual_step",
            NumberType(0, 1.618, open_minimum=True, open_maximum=True),
            "the step of the multipliers against the penalty, γ/ρ; other than 1 only without over-relaxation",
            default=1.0,
        ),
        Option(
            "cone_scaling",
            ChoiceType((Choice("on", "samples have one length in the cones"), Choice("off", "they stay as they are"))),
            "whether the samples are scaled where they only tell the cones",
            default="on",
        ),
        Option(
            "linear_solver",
            ChoiceType(
                (
                    Choice("auto", "exact up to 4000 samples, cg beyond"),
                    Choice("exact", "one n × n eigendecomposition"),
                    Choice("cg", "conjugate gradients, without any n × n matrix"),
                    Choice("rbcd", "random block coordinate descent, the loss inside; for differentiable losses"),
                )
            ),
            "how the linear step is solved",
            default="auto",
        ),
    )

    def supports(self, program: Program) -> tuple[str, ...]:
        form = PatternForm.of(program) or FeatureForm.of(program)
        if form is None:
            return ("it takes pattern and feature programs only",)
        reasons = []
        if not form.loss.has_prox:
            reasons.append("it needs the proximal operator of the loss, which a custom loss does not state")
        if form.penalty.mixed:
            reasons.append("it needs regularizers that all penalize the biases, or all leave them free")
        return tuple(reasons)

    def unusable(self, settings: Settings, program: Program) -> tuple[str, ...]:
        form = PatternForm.of(program) or FeatureForm.of(program)
        reasons = []
        if settings["linear_solver"] == "rbcd" and form is not None and not form.loss.smooth:
            reasons.append("`linear_solver = rbcd` needs a differentiable loss: use `exact` or `cg`")
        if settings["dual_step"] != 1 and settings["relaxation"] != 1:
            reasons.append("`dual_step` other than 1 goes with `relaxation = 1` only")
        return tuple(reasons)

    def solve(
        self, program: Program, arrays: Mapping[str, np.ndarray], settings: Settings, control: Control
    ) -> Outcome:
        from reludsl.backends.admm.kernel import LinearStep, solve_pattern_program  # NumPy only to solve something
        from reludsl.ir.pattern_problem import as_point, pattern_problem

        problem = pattern_problem(program, arrays)
        assert problem is not None, "supports() is asked first"
        arguments = kernel_settings(settings)
        scaling, method = arguments["cone_scaling"], arguments["linear_solver"]
        start = control.start if isinstance(control.start, _Start) else None
        if start is None or (start.scaling, start.method) != (scaling, method) or not start.fits(arrays):
            linear = LinearStep(problem, scaling, "cg" if method == "rbcd" else method)
            start = _Start(None, linear, dict(arrays), scaling, method)
        start.linear.problem = problem
        result = solve_pattern_program(
            problem,
            squared=takes_squared_loss(program),
            start=None if start.iterate is None else replace(start.iterate),  # the iteration changes its own
            linear=start.linear,
            time_limit=float("inf") if control.time_limit is None else control.time_limit,
            monitor=lambda state: control.monitor(_progress(state, problem.scale)),
            **arguments,
        )
        status: Status = (
            "solved" if result.status == "solved" else "interrupted" if result.status == "interrupted" else "limit"
        )
        last = result.history[-1]
        return Outcome(
            status,
            as_point(program, result.columns, result.offset),
            last.iteration,
            last.primal * settings["tolerance"],
            last.dual * settings["tolerance"],
            result.status if status == "limit" else "",
            tuple(_progress(state, problem.scale) for state in result.history),
            dual=result.dual,
            start=_Start(result.iterate, start.linear, start.arrays, scaling, method),
        )

    def emit(self, program: Program, settings: Settings) -> Emitted:
        return emitted(program, kernel_settings(settings), takes_squared_loss(program))


class _Start:
    """What a solve leaves for the next one with the same samples and patterns: the factorization and the iterate."""

    def __init__(self, iterate: Any, linear: Any, arrays: Mapping[str, np.ndarray], scaling: bool, method: str) -> None:
        self.iterate, self.linear, self.arrays = iterate, linear, arrays
        self.scaling, self.method = scaling, method

    def beyond(self, earlier: object, factor: float) -> _Start:
        """On the line through both iterates, multipliers in the units of the objective.

        The penalty follows the ratio of multipliers to splittings, whose residuals it balances.
        """
        if not isinstance(earlier, _Start) or earlier.linear is not self.linear:
            return self
        first, second = vars(earlier.iterate), vars(self.iterate)
        units = earlier.iterate.rho / self.iterate.rho
        moved = {
            name: second[name] + factor * (second[name] - (units if name in _MULTIPLIERS else 1.0) * first[name])
            for name in (*_SPLITTINGS, *_MULTIPLIERS)
        }
        iterate = replace(self.iterate, **moved)
        before, after = _multipliers_to_splittings(self.iterate), _multipliers_to_splittings(iterate)
        if before > 0 and after > 0:
            iterate.rescaled(after / before)
        return _Start(iterate, self.linear, self.arrays, self.scaling, self.method)

    def fits(self, arrays: Mapping[str, np.ndarray]) -> bool:
        return arrays.keys() == self.arrays.keys() and all(arrays[name] is self.arrays[name] for name in arrays)


_SPLITTINGS, _MULTIPLIERS = ("v", "s", "f", "p"), ("lam", "nu", "mu", "pi")


def _multipliers_to_splittings(iterate: Iterate) -> float:
    """How long the scaled multipliers of norms and cones are, compared to what they belong to; 0 where that is 0."""
    from reludsl.backends.admm.kernel import joint_norm

    length = joint_norm(iterate.v, iterate.s)
    return joint_norm(iterate.lam, iterate.nu) / length if length else 0.0


def kernel_settings(settings: Settings) -> dict[str, Any]:
    """The backend's options as the kernel's keyword arguments."""
    switches = ("balancing", "cone_scaling")
    return {name: value == "on" if name in switches else value for name, value in settings.items()}


def takes_squared_loss(program: Program) -> bool:
    """Whether the loss is half the squared distance, unweighted, which the linear step takes as it is."""
    form = PatternForm.of(program) or FeatureForm.of(program)
    if form is None or form.weighted or not isinstance(form.loss, Distance):
        return False
    return form.loss.function.definition() == 0.5 * square(Placeholder("t"))


def _progress(state: Residuals, scale: float) -> Progress:
    return Progress(state.iteration, state.objective / scale, state.primal, state.dual, state.seconds)

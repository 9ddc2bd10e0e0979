"""The own backend: the alternating direction method of multipliers, for pattern and feature programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reludsl.backend import LIMITS, Control, Emitted, Outcome, Progress, Status
from reludsl.backends.admm.script import emitted
from reludsl.ir import Distance, FeatureForm, PatternForm, Placeholder, Program, square
from reludsl.options import Choice, ChoiceType, NumberType, Option, Settings

if TYPE_CHECKING:
    import numpy as np

    from reludsl.backends.admm.kernel import AdmmSettings
    from reludsl.backends.admm.linear import LinearStep
    from reludsl.backends.admm.state import Iterate, Residuals
    from reludsl.ir.pattern_problem import PatternProblem
    from reludsl.presolve import Presolved


class AdmmBackend:
    """Bai, Gautam, Sojoudi 2022, Algorithm 3.1, with the exact u-update at linear cost, and with exact cones."""

    name = "admm"
    summary = "the alternating direction method of multipliers, our own: pattern and feature programs"
    local = False
    by_name = False
    details = (
        "Splits prediction, penalties and cones into steps that are each solved exactly; the linear step costs one "
        "n × n factorization at the start, or conjugate gradients where n × n is too large. Columns are projected onto "
        "their cones, so that every iterate is feasible, unless an `l1` penalty or free hidden biases leave only the "
        "cones' inequalities to split off. Ends when the primal and dual residuals are within the tolerance, relative "
        "to the size of what they compare, or at a duality gap.\n\n"
        "The method as published (Bai, Gautam, Sojoudi 2022, Algorithm 3.1) is `cones = split, acceleration = none, "
        "relaxation = 1, balancing = off, cone_scaling = off` with its ρ and `dual_step` = γ/ρ; with "
        "`linear_solver = rbcd` its u-update is their Algorithm 3.2, with a line search that ensures descent."
    )
    options = (
        Option("rho", NumberType(0, open_minimum=True), "the penalty at the start", default=1.0),
        Option("tolerance", NumberType(0, 1, open_minimum=True), "bound on the relative residuals", default=1e-5),
        Option("gap", NumberType(0, 1), "a relative duality gap that is enough as well; 0 computes none", default=0.0),
        Option("max_iterations", NumberType(1, integer=True), "iterations until it stops anyway", default=20_000),
        Option(
            "cones",
            ChoiceType(
                (
                    Choice("auto", "exact, but split with `l1` or free hidden biases"),
                    Choice("exact", "columns are projected onto their cones"),
                    Choice("split", "a slack for every inequality, as published"),
                )
            ),
            "how columns are kept in their cones",
            default="auto",
        ),
        Option(
            "acceleration",
            ChoiceType(
                (
                    Choice("auto", "anderson where it can be"),
                    Choice("anderson", "safeguarded, from the last ten iterates"),
                    Choice("none", "plain iterations"),
                )
            ),
            "extrapolation from earlier iterates; with split cones, another `dual_step` or `rbcd` there is none",
            default="auto",
        ),
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
            "whether the samples are scaled in split cones, where they only tell the cones",
            default="on",
        ),
        Option(
            "precision",
            ChoiceType(
                (
                    Choice("double", "all iterations in float64"),
                    Choice("single", "the first in float32, up to residuals of 1e-4, and the rest in float64"),
                )
            ),
            "the precision of the iterations; projections and the stopping rule always have float64 in the end",
            default="double",
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
        if isinstance(form, FeatureForm) and form.shared:
            reasons.append("it takes no neurons that several outputs share")
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
        if settings["precision"] == "single" and settings["linear_solver"] == "rbcd":
            reasons.append("`precision = single` is too coarse for the line search of `linear_solver = rbcd`")
        cones = isinstance(form, PatternForm) and not form.activation.gated
        awkward = isinstance(form, PatternForm) and bool(form.penalty.total.l1 or form.penalty.free_biases)
        if cones and awkward and settings["cones"] == "exact":
            reasons.append("`cones = exact` needs penalties of whole columns: `l1` and free hidden biases need `split`")
        if settings["acceleration"] == "anderson":
            if settings["dual_step"] != 1 or settings["linear_solver"] == "rbcd":
                reasons.append("`acceleration = anderson` goes with `dual_step = 1` and without `rbcd` only")
            if cones and (settings["cones"] == "split" or (awkward and settings["cones"] == "auto")):
                reasons.append("`acceleration = anderson` keeps many iterates, for which split cones are too large")
        if settings["gap"] and (awkward or not _penalized(form)):
            reasons.append("`gap` needs a bound, for which penalties of whole columns are needed")
        return tuple(reasons)

    def solve(
        self, program: Program, arrays: Mapping[str, np.ndarray], settings: Settings, control: Control
    ) -> Outcome:
        from reludsl.backends.admm import kernel  # NumPy only to solve something
        from reludsl.ir.pattern_problem import as_point, pattern_problem
        from reludsl.presolve import presolve

        problem = pattern_problem(program, arrays)
        assert problem is not None, "supports() is asked first"
        squared = takes_squared_loss(program)
        method = kernel.AdmmSettings(**kernel_settings(settings), squared=squared)
        start = control.start if isinstance(control.start, _Start) else None
        if start is None or not start.fits(problem, arrays, method):
            presolved = presolve(problem, merge_samples=not squared)
            start = _Start(None, presolved, kernel.linear_step(presolved.problem, method), dict(arrays), method)
        presolved = start.presolved.again(problem)
        start.linear.problem = presolved.problem
        solve = kernel.AdmmSolve(
            presolved.problem,
            method,
            float("inf") if control.time_limit is None else control.time_limit,
            start.iterate,
            start.linear,
            lambda state: control.monitor(_progress(state, problem.scale)),
        )
        result = solve.run()
        status: Status = (
            "solved" if result.status == "solved" else "interrupted" if result.status == "interrupted" else "limit"
        )
        last = result.history[-1]
        return Outcome(
            status,
            as_point(program, presolved.columns(result.columns), result.offset),
            last.iteration,
            last.primal * settings["tolerance"],
            last.dual * settings["tolerance"],
            LIMITS[result.status] if status == "limit" else "",
            tuple(_progress(state, problem.scale) for state in result.history),
            dual=None if result.dual is None else presolved.dual(result.dual),
            start=_Start(result.iterate, presolved, start.linear, start.arrays, method),
        )

    def emit(self, program: Program, settings: Settings) -> Emitted:
        return emitted(program, kernel_settings(settings), takes_squared_loss(program))


class _Start:
    """What a solve leaves for the next one with the same samples and patterns.

    That is what was presolved, the factorization, the iterate, and how they came about.
    """

    def __init__(
        self,
        iterate: Any,
        presolved: Presolved,
        linear: LinearStep,
        arrays: Mapping[str, np.ndarray],
        method: AdmmSettings,
    ) -> None:
        self.iterate, self.presolved, self.linear, self.arrays = iterate, presolved, linear, arrays
        self.method = method

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
        return _Start(iterate, self.presolved, self.linear, self.arrays, self.method)

    def fits(self, problem: PatternProblem, arrays: Mapping[str, np.ndarray], method: AdmmSettings) -> bool:
        """Whether a solve of this problem by this method may begin here."""
        from reludsl.backends.admm import kernel

        same = arrays.keys() == self.arrays.keys() and all(arrays[name] is self.arrays[name] for name in arrays)
        kinds = [(kernel.splits_cones(problem, of), of.cone_scaling, of.linear_solver) for of in (method, self.method)]
        return same and kinds[0] == kinds[1] and self.presolved.fits(problem, merge_samples=not method.squared)


_SPLITTINGS, _MULTIPLIERS = ("v", "s", "f", "p"), ("lam", "nu", "mu", "pi")


def _multipliers_to_splittings(iterate: Iterate) -> float:
    """How long the scaled multipliers of norms and cones are, compared to what they belong to; 0 where that is 0."""
    from reludsl.backends.admm.state import joint_norm

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


def _penalized(form: PatternForm | FeatureForm | None) -> bool:
    """Whether some penalty of columns has a strength above 0."""
    if isinstance(form, PatternForm):
        return bool(form.penalty.total.group or form.penalty.total.l2)
    return form is not None and bool(form.penalty.l1)


def _progress(state: Residuals, scale: float) -> Progress:
    bound = state.bound / scale if state.bound > -float("inf") else None
    return Progress(
        state.iteration, state.objective / scale, state.primal, state.dual, state.seconds, bound, state.active
    )

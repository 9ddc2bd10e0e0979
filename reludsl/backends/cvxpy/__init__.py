"""The CVXPY backend: every program that the IR can hold, with any solver that CVXPY finds installed."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from reludsl.backend import LIMITS, Control, Emitted, Outcome, Status
from reludsl.backends.cvxpy.vocabulary import CvxpyVocabulary, cvxpy_namespace, translate_constraint
from reludsl.ir import (
    Expression,
    FeatureForm,
    Named,
    PatternForm,
    Program,
    RobustForm,
    Translator,
    Untranslatable,
    Variable,
    infer_sizes,
    total,
)
from reludsl.ir.assignments import assignments
from reludsl.ir.builders import Code, Objects, Source
from reludsl.ir.functions import Elementwise, LogSumExp
from reludsl.ir.robust_form import Reach
from reludsl.literals import literal
from reludsl.options import NumberType, Option, Settings, WordType

if TYPE_CHECKING:
    import numpy as np

_TOLERANCES: Mapping[str, tuple[str, ...]] = {
    "CLARABEL": ("tol_gap_abs", "tol_gap_rel", "tol_feas"),
    "SCS": ("eps_abs", "eps_rel"),
    "CVXOPT": ("abstol", "reltol", "feastol"),
    "ECOS": ("abstol", "reltol", "feastol"),
    "OSQP": ("eps_abs", "eps_rel"),
}
_TIME_LIMITS: Mapping[str, str] = {
    "CLARABEL": "time_limit",
    "SCS": "time_limit_secs",
    "OSQP": "time_limit",
    "HIGHS": "time_limit",
}
_ITERATION_LIMITS: Mapping[str, str] = {"CLARABEL": "max_iter", "SCS": "max_iters", "OSQP": "max_iter"}
"""Of the solvers that hand over a point when they meet it."""

_EXPONENTIALS = ("exp", "log", "logistic", "entropy")
_EXPONENTIAL_STEP = 0.9
"""How far Clarabel goes towards the border of exponential cones; with its own 0.99 it can stall there."""

_ENDS: Mapping[str, str] = {
    "optimal_inaccurate": "ended with reduced accuracy",
    "infeasible": "found the program infeasible",
    "infeasible_inaccurate": "found the program infeasible",
    "unbounded": "found the program unbounded",
    "unbounded_inaccurate": "found the program unbounded",
}


class CvxpyBackend:
    """Maps every node one to one. Clarabel unless the spec names another solver."""

    name = "cvxpy"
    summary = "CVXPY with Clarabel or any other installed conic solver: every program"
    local = False
    details = (
        "Any solver that CVXPY lists as installed may be named. With Clarabel a solve reports its progress and can be "
        "interrupted; others finish first."
    )
    options = (
        Option("method", WordType(), "the solver, by CVXPY's name for it in any case", default="clarabel"),
        Option(
            "tolerance",
            NumberType(0, 1, open_minimum=True),
            "the solver's tolerances",
            default=None,
            absent="the solver's own",
        ),
        Option(
            "max_iterations",
            NumberType(1, integer=True),
            "iterations until it stops anyway",
            default=None,
            absent="the solver's own",
        ),
    )

    def supports(self, program: Program) -> tuple[str, ...]:
        translate: Translator[Code] = Translator(CvxpyVocabulary(), Source())
        try:
            for expression in program.expressions:
                translate(expression)
        except Untranslatable as error:
            return (str(error),)
        return ()

    def unusable(self, settings: Settings, program: Program) -> tuple[str, ...]:
        import cvxpy as cp

        method, installed = str(settings["method"]).upper(), cp.installed_solvers()
        if method not in installed:
            return (f"CVXPY has no solver `{method.lower()}` here; it has {', '.join(installed).lower()}",)
        if settings["tolerance"] is not None and method not in _TOLERANCES:
            return (f"how `{method.lower()}` takes a tolerance is not known here: leave `tolerance` out",)
        if settings["max_iterations"] is not None and method not in _ITERATION_LIMITS:
            return (f"`{method.lower()}` hands over no point at a limit of iterations: leave `max_iterations` out",)
        return ()

    def solve(
        self, program: Program, arrays: Mapping[str, np.ndarray], settings: Settings, control: Control
    ) -> Outcome:
        import cvxpy as cp

        from reludsl.backends.cvxpy.clarabel import WatchedClarabel

        method = str(settings["method"]).upper()
        problem, variables, predictions = build_problem(program, arrays)
        watched = WatchedClarabel(control.monitor, settings["tolerance"]) if method == "CLARABEL" else None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "may be inaccurate" is a status here
                options = _solver_options(program, settings, control.time_limit)
                problem.solve(solver=watched or method, **options)
        except cp.error.SolverError as error:
            return Outcome("failed", None, message=f"{method} failed: {_first_line(error)}")
        values = {name: variable.value for name, variable in variables.items()}
        point = None if any(value is None for value in values.values()) else values
        status: Status = {"optimal": "solved", "user_limit": "limit", "optimal_inaccurate": "limit"}.get(
            problem.status, "failed"
        )  # type: ignore[assignment]
        stopped = watched is not None and watched.stopped
        history = tuple(watched.history) if watched else ()
        return Outcome(
            "interrupted" if stopped else status,
            point,
            problem.solver_stats.num_iters if problem.solver_stats else None,
            history[-1].primal_residual * watched.tolerance if watched and history else None,
            history[-1].dual_residual * watched.tolerance if watched and history else None,
            "" if stopped or status == "solved" else f"{method} {_end(problem, settings, control.time_limit)}",
            history,
            float(problem.compilation_time or 0.0),
            dual=dual_point(program, arrays, predictions),
        )

    def emit(self, program: Program, settings: Settings) -> Emitted:
        build = Source()
        translate: Translator[Code] = Translator(CvxpyVocabulary(), build, reserved=program.names)
        terms = [(term.name, translate(term.expression).text) for term in program.objective]
        constraints = [
            (constraint.name, translate_constraint(constraint, translate, build).text)
            for constraint in program.constraints
        ]
        shapes = [_variable_text(variable) for variable in program.variables]
        written = " ".join([*shapes, *(text for _, text in (*build.statements, *terms, *constraints))])
        used = set(re.findall(r"\w+", written))
        values = [f"{literal(variable.name)}: {variable.name}.value" for variable in program.variables]
        lines = [
            f"def solve({', '.join(data.name for data in program.data)}):",
            '    """Solves the convex program with CVXPY; returns its variables and the status."""',
            *(f"    {name} = {text}" for name, text in _sizes(program) if name in used),
            *(f"    {constant.name} = {literal(constant.value)}" for constant in program.constants),
            *(
                f"    {variable.name} = {text}  # {variable.meaning}"
                for variable, text in zip(program.variables, shapes, strict=True)
            ),
            *(f"    {name} = {text}" for value in (*build.statements, *terms) for name, text in assignments(*value)),
            *_constraint_lines(constraints),
            f"    problem = cp.Problem(cp.Minimize({' + '.join(name for name, _ in terms)}), constraints)",
            f"    problem.solve({_solve_arguments(program, settings)})",
            f"    if any(variable.value is None for variable in [{', '.join(v.name for v in program.variables)}]):",
            '        sys.exit(f"the solver found no solution: {problem.status}")',
            '    status = "solved" if problem.status == cp.OPTIMAL else problem.status',
            f"    return {{{', '.join(values)}}}, status",
        ]
        return Emitted(("numpy", "cvxpy"), (), "\n".join(lines) + "\n", imports=("import cvxpy as cp",))


def build_problem(program: Program, arrays: Mapping[str, np.ndarray]) -> tuple[Any, dict[str, Any], Any]:
    """The program as a `cvxpy.Problem`, its variables by name, and the constraint that holds its predictions.

    The predictions of a pattern or feature program are a variable of their own: the multiplier of the constraint that
    says what they are is a dual point. Of a robust program it is the slopes of the network that are one. Of other
    programs the constraint is None.
    """
    import cvxpy as cp

    values: dict[str, Any] = {name: array.astype(float) for name, array in arrays.items()}
    sizes = infer_sizes(program.expressions, {name: array.shape for name, array in arrays.items()})
    variables = {
        variable.name: cp.Variable(tuple(dim.evaluate(sizes) for dim in variable.shape), symmetric=variable.symmetric)
        for variable in program.variables
    }
    form = PatternForm.of(program) or FeatureForm.of(program)
    split = None if form is None else form.prediction
    if (robust := RobustForm.of(program)) is not None:
        split = None if robust.obstacles else Reach(robust).slopes
    build = _Splitting(cvxpy_namespace(), {**values, **variables}, sizes, split)
    translate: Translator[Any] = Translator(CvxpyVocabulary(), build)
    constraints = [translate_constraint(constraint, translate, build) for constraint in program.constraints]
    objective = cp.Minimize(translate(total(program)))
    predictions = [] if build.constraint is None else [build.constraint]
    return cp.Problem(objective, [*constraints, *predictions]), variables, build.constraint


class _Splitting(Objects):
    """Carries a translation out, but makes a variable of one named expression, by a constraint."""

    def __init__(
        self,
        namespace: Mapping[str, Any],
        values: Mapping[str, Any],
        sizes: Mapping[str, int],
        split: Expression | None,
    ) -> None:
        super().__init__(namespace, values, sizes)
        self._split = split.name if isinstance(split, Named) else None
        self.constraint: Any = None

    def let(self, name: str, value: Any) -> Any:
        if name != self._split:
            return super().let(name, value)
        variable = self.call("cp.Variable", value.shape)
        self.constraint = variable == value
        return variable


def dual_point(program: Program, arrays: Mapping[str, np.ndarray], predictions: Any) -> np.ndarray | None:
    """Minus a subgradient of the sum of the losses at the predictions (n, c), None where the solver has none.

    The Lagrangian is L(f) + zᵀ(f - what it is): stationary in f for z = -∇L(f).
    """
    import numpy as np

    robust = RobustForm.of(program)
    form = robust.clean if robust is not None else PatternForm.of(program) or FeatureForm.of(program)
    if form is None or predictions is None or predictions.dual_value is None:
        return None
    z = np.asarray(predictions.dual_value, dtype=float)
    weights = arrays.get("omega")
    scale = 1.0 if not form.mean else float(len(z) if weights is None else weights.sum())
    return scale * z.reshape(len(z), -1)


def _sizes(program: Program) -> list[tuple[str, str]]:
    """The program's sizes and the shapes of its data that tell them."""
    found: dict[str, str] = {}
    for data in program.data:
        for axis, dim in enumerate(data.shape):
            if len(dim.terms) == 1 and dim.terms[0][1] == 1:
                rest = f" - {dim.constant}" if dim.constant else ""
                found.setdefault(dim.names[0], f"{data.name}.shape[{axis}]{rest}")
    return list(found.items())


def _constraint_lines(constraints: Iterable[tuple[str, str]]) -> list[str]:
    """The list of constraints, pairs (name, text)."""
    entries = [f"        {text},  # {name}" for name, text in constraints]
    return ["    constraints = [", *entries, "    ]"] if entries else ["    constraints = []"]


def _variable_text(variable: Variable) -> str:
    build = Source()
    shape = build.group([build.size(dim) for dim in variable.shape]).text
    return f"cp.Variable({shape}{', symmetric=True' if variable.symmetric else ''})"


def _solve_arguments(program: Program, settings: Settings) -> str:
    method = str(settings["method"]).upper()
    options = _solver_options(program, settings, None)
    return ", ".join([f"solver={literal(method)}", *(f"{name}={literal(value)}" for name, value in options.items())])


def _end(problem: Any, settings: Settings, time_limit: float | None) -> str:
    """How a solve ended that did not meet its tolerance: which limit it met, as far as CVXPY tells."""
    status, told = problem.status, problem.solver_stats
    if status in ("user_limit", "optimal_inaccurate"):
        if time_limit is not None and (told.solve_time or 0.0) >= time_limit:
            return LIMITS["time limit"]
        iterations = settings["max_iterations"]
        if status == "user_limit" or (iterations is not None and (told.num_iters or 0) >= iterations):
            return LIMITS["iteration limit"]
    return _ENDS.get(status, str(status))


def _solver_options(program: Program, settings: Settings, time_limit: float | None) -> dict[str, float]:
    method = str(settings["method"]).upper()
    tolerance, iterations = settings["tolerance"], settings["max_iterations"]
    options: dict[str, float] = {}
    if method == "CLARABEL" and _has_exponential_cones(program):
        options["max_step_fraction"] = _EXPONENTIAL_STEP
    if tolerance is not None:
        options |= dict.fromkeys(_TOLERANCES[method], tolerance)
    if iterations is not None and method in _ITERATION_LIMITS:
        options[_ITERATION_LIMITS[method]] = iterations
    if time_limit is not None and method in _TIME_LIMITS:
        options[_TIME_LIMITS[method]] = time_limit
    return options


def _has_exponential_cones(program: Program) -> bool:
    """Whether a node of the program becomes an exponential cone."""
    return any(
        isinstance(node, LogSumExp) or (isinstance(node, Elementwise) and node.operation in _EXPONENTIALS)
        for node in program.nodes
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

"""The CVXPY backend: every program that the IR can hold, with any solver that CVXPY finds installed."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from reludsl.backend import LIMITS, Control, Emitted, Outcome, Status
from reludsl.backends.cvxpy.vocabulary import (
    CvxpyVocabulary,
    cvxpy_namespace,
    is_several,
    translate_constraint,
    variable_call,
)
from reludsl.backends.modelling import (
    Splitting,
    dual_point,
    first_line,
    has_exponential_cones,
    has_semidefinite_cones,
    relaxation_dual,
    size_and_constant_lines,
    split_expression,
)
from reludsl.ir import Program, Translator, Untranslatable, infer_sizes, total
from reludsl.ir.assignments import assignments
from reludsl.ir.builders import Code, Objects, Source
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

_CAREFUL_STEP = 0.9
"""How far Clarabel goes towards the border of exponential and semidefinite cones; its own 0.99 can make it stall."""

_SEMIDEFINITE_REGULARIZATION = 1e-7
"""Of Clarabel's linear systems for semidefinite cones; with its own 1e-8 many small blocks can end inaccurate."""

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
    by_name = False
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
        build = Source()
        translate: Translator[Code] = Translator(CvxpyVocabulary(), build)
        try:
            for term in program.objective:
                translate(term.expression)
            for constraint in program.constraints:
                translate_constraint(constraint, translate, build)
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
            return Outcome("failed", None, message=f"{method} failed: {first_line(error)}")
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
            dual=_dual(program, arrays, problem, predictions),
        )

    def emit(self, program: Program, settings: Settings) -> Emitted:
        build = Source()
        translate: Translator[Code] = Translator(CvxpyVocabulary(), build, reserved=program.names)
        terms = [(term.name, translate(term.expression).text) for term in program.objective]
        constraints = []
        for constraint in program.constraints:
            text = translate_constraint(constraint, translate, build).text
            constraints.append((constraint.name, f"*{text}" if is_several(constraint) else text))
        shapes = [variable_call(variable, build).text for variable in program.variables]
        written = [*shapes, *(text for _, text in (*build.statements, *terms, *constraints))]
        values = [f"{literal(variable.name)}: {variable.name}.value" for variable in program.variables]
        lines = [
            f"def solve({', '.join(data.name for data in program.data)}):",
            '    """Solves the convex program with CVXPY; returns its variables and the status."""',
            *(f"    {line}" for line in size_and_constant_lines(program, written)),
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
        functions = tuple(value for name, value in cvxpy_namespace().items() if name in build.called)
        return Emitted(("numpy", "cvxpy"), functions, "\n".join(lines) + "\n", imports=("import cvxpy as cp",))


def build_problem(program: Program, arrays: Mapping[str, np.ndarray]) -> tuple[Any, dict[str, Any], Any]:
    """The program as a `cvxpy.Problem`, its variables by name, and the constraint that holds its predictions.

    Where predictions or slopes are a variable of their own (`split_expression`), the multiplier of the constraint that
    says what they are is a dual point. Of other programs the constraint is None.
    """
    import cvxpy as cp

    values: dict[str, Any] = {name: array.astype(float) for name, array in arrays.items()}
    sizes = infer_sizes(program.expressions, {name: array.shape for name, array in arrays.items()})
    plain = Objects(cvxpy_namespace(), {}, sizes)
    variables = {variable.name: variable_call(variable, plain) for variable in program.variables}
    build = Splitting(cvxpy_namespace(), {**values, **variables}, sizes, split_expression(program), cp.Variable)
    translate: Translator[Any] = Translator(CvxpyVocabulary(), build)
    constraints: list[Any] = []
    for constraint in program.constraints:
        translated = translate_constraint(constraint, translate, build)
        constraints += translated if is_several(constraint) else [translated]
    objective = cp.Minimize(translate(total(program)))
    predictions = [] if build.constraint is None else [build.constraint]
    return cp.Problem(objective, [*constraints, *predictions]), variables, build.constraint


def _dual(program: Program, arrays: Mapping[str, np.ndarray], problem: Any, predictions: Any) -> Any:
    """The dual point that the multipliers tell, None without one."""
    found = dict(zip((constraint.name for constraint in program.constraints), problem.constraints, strict=False))
    z = dual_point(program, arrays, None if predictions is None else predictions.dual_value)
    return relaxation_dual(program, arrays, lambda name: found[name].dual_value, z)


def _constraint_lines(constraints: Iterable[tuple[str, str]]) -> list[str]:
    """The list of constraints, pairs (name, text)."""
    entries = [f"        {text},  # {name}" for name, text in constraints]
    return ["    constraints = [", *entries, "    ]"] if entries else ["    constraints = []"]


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
    if method == "CLARABEL" and (has_exponential_cones(program) or has_semidefinite_cones(program)):
        options["max_step_fraction"] = _CAREFUL_STEP
    if method == "CLARABEL" and has_semidefinite_cones(program):
        options["static_regularization_constant"] = _SEMIDEFINITE_REGULARIZATION
    if tolerance is not None:
        options |= dict.fromkeys(_TOLERANCES[method], tolerance)
    if iterations is not None and method in _ITERATION_LIMITS:
        options[_ITERATION_LIMITS[method]] = iterations
    if time_limit is not None and method in _TIME_LIMITS:
        options[_TIME_LIMITS[method]] = time_limit
    return options

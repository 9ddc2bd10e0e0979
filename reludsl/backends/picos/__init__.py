"""The PICOS backend: every program that the IR can hold, with any solver that PICOS finds installed."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from reludsl.backend import Control, Emitted, Outcome, Status
from reludsl.backends.modelling import (
    Splitting,
    dual_point,
    has_exponential_cones,
    has_semidefinite_cones,
    relaxation_dual,
    size_and_constant_lines,
    split_expression,
)
from reludsl.backends.picos.vocabulary import (
    PicosVocabulary,
    is_several,
    picos_namespace,
    translate_constraint,
    variable_call,
)
from reludsl.ir import Program, Translator, Untranslatable, Variable, infer_sizes, total
from reludsl.ir.assignments import assignments
from reludsl.ir.builders import Code, Objects, Source
from reludsl.literals import literal
from reludsl.options import NumberType, Option, Settings, WordType

if TYPE_CHECKING:
    import numpy as np

_EXPONENTIAL_SOLVERS = ("ecos", "mosek", "qics")


class PicosBackend:
    """Maps every node one to one, functions that are not affine to variables with constraints."""

    name = "picos"
    summary = "PICOS with QICS, CVXOPT or any other installed conic solver: every program (the extra `picos`)"
    local = False
    by_name = True
    details = (
        "Any solver that `picos.available_solvers()` lists may be named. `auto` takes QICS where it is installed, else "
        "CVXOPT, for semidefinite programs, QICS or ECOS where there are exponential cones, and CVXOPT for the rest. "
        "A solver that breaks down is a status, not an error."
    )
    options = (
        Option("method", WordType(), "the solver, by PICOS's name for it, or `auto`", default="auto"),
        Option("tolerance", NumberType(0, 1, open_minimum=True), "the solver's tolerances", default=1e-6),
        Option("max_iterations", NumberType(1, integer=True), "iterations until it stops anyway", default=200),
    )

    def supports(self, program: Program) -> tuple[str, ...]:
        build = Source()
        translate: Translator[Code] = Translator(PicosVocabulary(), build)
        try:
            for term in program.objective:
                translate(term.expression)
            for constraint in program.constraints:
                translate_constraint(constraint, translate, build)
        except Untranslatable as error:
            return (str(error),)
        return ()

    def unusable(self, settings: Settings, program: Program) -> tuple[str, ...]:
        if find_spec("picos") is None:
            return ("it needs PICOS, which is not installed: pip install 'reludsl[picos]'",)
        import picos

        installed, method = picos.available_solvers(), _solver(settings, program)
        if method not in installed and settings["method"] != "auto":
            return (f"PICOS has no solver `{method}` here; it has {', '.join(installed)}",)
        if has_exponential_cones(program) and (method not in _EXPONENTIAL_SOLVERS or method not in installed):
            solvers = "`qics`" if has_semidefinite_cones(program) else "`qics` or `ecos`"
            return (f"PICOS needs {solvers} for the program's exponential cones; it has {', '.join(installed)}",)
        return ()

    def solve(
        self, program: Program, arrays: Mapping[str, np.ndarray], settings: Settings, control: Control
    ) -> Outcome:
        from reludsl.backends.picos.running import iterations, run

        started = time.perf_counter()
        problem, variables, constraints, predictions = build_problem(program, arrays)
        compiled = time.perf_counter() - started
        status, message = run(
            problem,
            _solver(settings, program),
            settings["tolerance"],
            settings["max_iterations"],
            control.time_limit,
        )
        if status == "failed":
            return Outcome("failed", None, message=message, compile_seconds=compiled)

        z = dual_point(program, arrays, _multiplier(predictions))
        ends: dict[str, Status] = {"solved": "solved", "limit": "limit"}
        return Outcome(
            ends[status],
            {name: variable.np2d.reshape(shape) for name, (variable, shape) in variables.items()},
            iterations(problem.last_solution),
            message=message,
            compile_seconds=compiled,
            dual=relaxation_dual(program, arrays, lambda name: _multiplier(constraints[name][0]), z),
        )

    def emit(self, program: Program, settings: Settings) -> Emitted:
        from reludsl.backends.picos import running

        build = Source()
        translate: Translator[Code] = Translator(PicosVocabulary(), build, reserved=[*program.names, "problem"])
        terms = [(term.name, translate(term.expression).text) for term in program.objective]
        constraints = []
        for constraint in program.constraints:
            text = translate_constraint(constraint, translate, build).text
            constraints.append((constraint.name, f"*{text}" if is_several(constraint) else text))
        shapes = [variable_call(variable, build).text for variable in program.variables]
        written = [*shapes, *(text for _, text in (*build.statements, *terms, *constraints))]
        used = set(re.findall(r"\w+", " ".join(written)))
        masks = [data.name for data in program.data if data.values == "{0, 1}" and data.name in used]
        arguments = [literal(settings["tolerance"]), literal(settings["max_iterations"])]
        values = [f"{literal(variable.name)}: {_value(variable)}" for variable in program.variables]
        lines = [
            f"def solve({', '.join(data.name for data in program.data)}):",
            '    """Solves the convex program with PICOS; returns its variables and the status."""',
            *(f"    {line}" for line in size_and_constant_lines(program, written)),
            *(f"    {name} = {name}.astype(float)" for name in masks),
            *(
                f"    {variable.name} = {text}  # {variable.meaning}"
                for variable, text in zip(program.variables, shapes, strict=True)
            ),
            "    problem = picos.Problem()",
            *(f"    {name} = {text}" for value in (*build.statements, *terms) for name, text in assignments(*value)),
            *(f"    problem.require({text})  # {name}" for name, text in constraints),
            f"    problem.minimize = {' + '.join(name for name, _ in terms)}",
            f"    solver = solver_for({', '.join(map(literal, _asked(settings, program)))})",
            f"    status, told = run(problem, solver, {', '.join(arguments)})",
            '    if status == "failed":',
            '        sys.exit(f"the solver found no solution: {told}")',
            f"    return {{{', '.join(values)}}}, told or status",
        ]
        functions = [value for name, value in picos_namespace(None).items() if name in build.called]
        ours = (*functions, running.solver_for, running.run)
        return Emitted(("numpy", "picos"), ours, "\n".join(lines) + "\n", imports=("import picos",))


def build_problem(
    program: Program, arrays: Mapping[str, np.ndarray]
) -> tuple[Any, dict[str, tuple[Any, tuple[int, ...]]], dict[str, list[Any]], Any]:
    """The program as a `picos.Problem`, and what its solution is read from.

    That are the variables with their shapes, the constraints, both by name, and the constraint whose multiplier is a
    dual point, which is None of programs without one (`split_expression`).
    """
    import picos

    problem = picos.Problem()
    values: dict[str, Any] = {name: array.astype(float) for name, array in arrays.items()}
    sizes = infer_sizes(program.expressions, {name: array.shape for name, array in arrays.items()})
    namespace = picos_namespace(problem)
    plain = Objects(namespace, {}, sizes)
    variables = {
        variable.name: (variable_call(variable, plain), tuple(dim.evaluate(sizes) for dim in variable.shape))
        for variable in program.variables
    }
    known = {**values, **{name: variable for name, (variable, _) in variables.items()}}
    build = Splitting(
        namespace, known, sizes, split_expression(program), lambda shape: picos.RealVariable("__split", shape)
    )
    translate: Translator[Any] = Translator(PicosVocabulary(), build)
    constraints: dict[str, list[Any]] = {}
    for constraint in program.constraints:
        translated = translate_constraint(constraint, translate, build)
        constraints[constraint.name] = list(translated) if is_several(constraint) else [translated]
        problem.require(*constraints[constraint.name])
    problem.minimize = translate(total(program))
    if build.constraint is not None:
        problem.require(build.constraint)
    return problem, variables, constraints, build.constraint


def _multiplier(constraint: Any) -> np.ndarray | None:
    """The multiplier of an affine constraint, None without one: of `a >= 0` that of -a, of `a == b` that of a - b.

    That is the sign of the Lagrangian; PICOS's own is the opposite for equations.
    """
    import numpy as np

    if constraint is None or constraint.dual is None:
        return None
    found = np.array(constraint.dual, dtype=float).reshape(constraint.size, order="F")
    return -found if constraint.is_equality() else found


def _value(variable: Variable) -> str:
    """The code for a variable's value in its own shape."""
    return f"{variable.name}.np2d" + {0: "[0, 0]", 1: "[:, 0]", 2: ""}[len(variable.shape)]


def _asked(settings: Settings, program: Program) -> tuple[str, bool, bool]:
    """The solver that is asked for, in lower case, and whether the program has semidefinite and exponential cones."""
    return str(settings["method"]).lower(), has_semidefinite_cones(program), has_exponential_cones(program)


def _solver(settings: Settings, program: Program) -> str:
    from reludsl.backends.picos.running import solver_for

    return solver_for(*_asked(settings, program))

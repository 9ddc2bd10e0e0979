"""A standalone script's `solve` for a pattern, feature or robust program, whichever kernel it calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reludsl.backend import Emitted
from reludsl.ir import Distance, FeatureForm, PatternForm, Program, RobustForm
from reludsl.ir.scalar_source import construction, standalone_classes


def pattern_script(
    program: Program,
    method: str,
    report: tuple[str, ...],
    call: tuple[str, ...],
    kernel: Any,
    merge_samples: bool = True,
) -> Emitted:
    """A script that poses the program as a `PatternProblem`, presolves it, defines `report(state)`, calls the kernel.

    `report` are lines of the function's body, `call` those of the arguments after the problem; `kernel` is the function
    itself, and stands in the script with everything that it calls. `method` is its name for people, `merge_samples` is
    for `presolve`.
    """
    from reludsl.ir.pattern_problem import PatternProblem  # with NumPy
    from reludsl.presolve import presolve

    form = PatternForm.of(program) or FeatureForm.of(program)
    assert form is not None, "supports() is asked first"
    posed = [
        *_scale(form),
        *_problem_lines("PatternProblem", {**_arrays(form), **_penalties(form)}),
        f"    presolved = presolve(problem{'' if merge_samples else ', merge_samples=False'})",
    ]
    text = _solve_text(program, method, posed, report, ("presolved.problem", *call), kernel, _point_lines(form))
    return Emitted(("numpy",), (*standalone_classes(form.loss), PatternProblem, presolve, kernel), text)


def robust_script(
    program: Program, method: str, report: tuple[str, ...], call: tuple[str, ...], kernel: Any
) -> Emitted:
    """Likewise for a robust program, as a `RobustProblem`."""
    from reludsl.cones.spread import BallSpread, BoxSpread  # with NumPy
    from reludsl.ir.robust_problem import RobustProblem

    form = RobustForm.of(program)
    assert form is not None and not form.obstacles, "supports() is asked first"
    clean = form.clean
    spread = BallSpread if form.ball == 2 else BoxSpread
    arguments = {
        "X": form.X.name,
        "gates": f"np.where({clean.D.name}, 1.0, {clean.activation.slope!r})",
        "masks": "None" if clean.activation.gated else clean.D.name,
        "function": f"{construction(clean.loss)}.function",
        "distance": str(isinstance(clean.loss, Distance)),
        "y": clean.y.name,
        "spread": f"{spread.__name__}({'r' if form.H is None else 'H'})",
        "weights": "omega" if clean.weighted else "None",
        "group": f"{clean.penalty.group!r} * scale",
        "signed": str(not clean.activation.gated),
        "scale": "scale",
    }
    posed = [*_scale(clean), *_problem_lines("RobustProblem", arguments)]
    names = ", ".join(block.name for block in form.blocks)
    columns = "result.columns" if len(form.blocks) == 1 else "np.split(result.columns, 2, axis=1)"
    point = ", ".join(f'"{block.name}": {block.name}' for block in form.blocks)
    ending = [f"    {names} = {columns}", f"    return {{{point}}}, result.status"]
    text = _solve_text(program, method, posed, report, ("problem", *call), kernel, ending)
    return Emitted(("numpy",), (*standalone_classes(clean.loss), spread, RobustProblem, kernel), text)


def _solve_text(
    program: Program,
    method: str,
    posed: list[str],
    report: tuple[str, ...],
    call: tuple[str, ...],
    kernel: Any,
    ending: list[str],
) -> str:
    """The function `solve`: lines that pose a problem, the kernel's call, and lines that return the variables."""
    lines = [
        f"def solve({', '.join(data.name for data in program.data)}):",
        f'    """Minimizes the convex program by {method}; returns its variables and the status."""',
        *posed,
        "",
        "    def report(state):",
        *(f"        {line}" for line in report),
        "",
        f"    result = {kernel.__name__}(",
        *(f"        {line}," for line in call),
        "        monitor=report,",
        "    )",
        *ending,
    ]
    return "\n".join(lines) + "\n"


def _scale(form: PatternForm | FeatureForm) -> list[str]:
    """What the mean divides by, because the kernel minimizes the sum of the losses."""
    if not form.mean:
        return ["    scale = 1"]
    value = "float(omega.sum())" if form.weighted else f"len({form.y.name})"
    return [f"    scale = {value}  # the kernel minimizes the sum of the losses, not their mean"]


def posed_lines(form: PatternForm, several: bool) -> list[str]:
    """Statements that define the `PatternProblem` of a form over patterns D of one output; `several` outputs or not."""
    arguments = {**_arrays(form), **_penalties(form), "Y": form.y.name if several else f"{form.y.name}[:, None]"}
    return [line.removeprefix("    ") for line in (*_scale(form), *_problem_lines("PatternProblem", arguments))]


def _arrays(form: PatternForm | FeatureForm) -> dict[str, str]:
    y = form.y.name
    shared = {
        "loss": construction(form.loss),
        "Y": y if form.several else f"{y}[:, None]",
        "weights": "omega" if form.weighted else "None",
    }
    if isinstance(form, FeatureForm):
        Z = form.Z.name
        return {"X": f"np.ones((len({Z}), 1))", "gates": Z, "masks": "None", **shared, "signed": "False"} | (
            {"shared": "True"} if form.shared else {}
        )
    masks = f"D[:, : D.shape[1] // {form.S.name}.shape[1]]" if form.several else "D"
    slope = form.activation.slope
    return {
        "X": form.X.name,
        "gates": f"np.where({masks}, 1.0, {slope!r})",
        "masks": "None" if form.activation.gated else masks,
        **shared,
        "signed": str(not form.activation.gated),
    }


def _penalties(form: PatternForm | FeatureForm) -> dict[str, str]:
    penalty = form.penalty
    if isinstance(form, FeatureForm):
        strengths = {"group": form.strength}
    else:
        total = penalty.total
        strengths = {"group": total.group, "l1": total.l1, "l2": total.l2}
    strengths |= {"offset_l1": penalty.offset_l1, "offset_l2": penalty.offset_l2}
    numbers = {name: f"{value!r} * scale" for name, value in strengths.items() if value}
    free = {"free": "1"} if isinstance(form, PatternForm) and penalty.free_biases else {}
    return {**numbers, **free, "offset": str(form.output_bias), "scale": "scale"}


def _problem_lines(kind: str, arguments: Mapping[str, str]) -> list[str]:
    return [f"    problem = {kind}(", *(f"        {name}={text}," for name, text in arguments.items()), "    )"]


def _point_lines(form: PatternForm | FeatureForm) -> list[str]:
    """The program's variables from the kernel's columns."""
    if isinstance(form, FeatureForm):
        names = [form.a.name]
        columns = "columns[0].reshape(problem.Y.shape[1], -1).T" if form.several else "columns[0]"
        columns = "columns.T" if form.shared else columns
    else:
        names = [block.name for block in form.blocks]
        columns = "columns" if len(names) == 1 else "np.split(columns, 2, axis=1)"
    lines = ["    columns = presolved.columns(result.columns)", f"    {', '.join(names)} = {columns}"]
    if form.c0 is not None:
        names.append(form.c0.name)
        lines.append(f"    {form.c0.name} = result.offset{'' if form.several else '[0]'}")
    point = ", ".join(f'"{name}": {name}' for name in names)
    return [*lines, f"    return {{{point}}}, result.status"]

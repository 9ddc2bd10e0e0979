"""A standalone script's `solve` for a pattern or feature program, whichever kernel it calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reludsl.backend import Emitted
from reludsl.ir import FeatureForm, PatternForm, Program
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
    lines = [
        f"def solve({', '.join(data.name for data in program.data)}):",
        f'    """Minimizes the convex program by {method}; returns its variables and the status."""',
        *_scale(form),
        *_problem_lines({**_arrays(form), **_penalties(form)}),
        f"    presolved = presolve(problem{'' if merge_samples else ', merge_samples=False'})",
        "",
        "    def report(state):",
        *(f"        {line}" for line in report),
        "",
        f"    result = {kernel.__name__}(",
        "        presolved.problem,",
        *(f"        {line}," for line in call),
        "        monitor=report,",
        "    )",
        *_point_lines(form),
    ]
    return Emitted(
        ("numpy",), (*standalone_classes(form.loss), PatternProblem, presolve, kernel), "\n".join(lines) + "\n"
    )


def _scale(form: PatternForm | FeatureForm) -> list[str]:
    """What the mean divides by, because the kernel minimizes the sum of the losses."""
    if not form.mean:
        return ["    scale = 1"]
    value = "float(omega.sum())" if form.weighted else f"len({form.y.name})"
    return [f"    scale = {value}  # the kernel minimizes the sum of the losses, not their mean"]


def _arrays(form: PatternForm | FeatureForm) -> dict[str, str]:
    y = form.y.name
    shared = {
        "loss": construction(form.loss),
        "Y": y if form.several else f"{y}[:, None]",
        "weights": "omega" if form.weighted else "None",
    }
    if isinstance(form, FeatureForm):
        Z = form.Z.name
        return {"X": f"np.ones((len({Z}), 1))", "gates": Z, "masks": "None", **shared, "signed": "False"}
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
        strengths = {"group": penalty.l1}
    else:
        total = penalty.total
        strengths = {"group": total.group, "l1": total.l1, "l2": total.l2}
    strengths |= {"offset_l1": penalty.offset_l1, "offset_l2": penalty.offset_l2}
    numbers = {name: f"{value!r} * scale" for name, value in strengths.items() if value}
    free = {"free": "1"} if isinstance(form, PatternForm) and penalty.free_biases else {}
    return {**numbers, **free, "offset": str(form.output_bias), "scale": "scale"}


def _problem_lines(arguments: Mapping[str, str]) -> list[str]:
    return ["    problem = PatternProblem(", *(f"        {name}={text}," for name, text in arguments.items()), "    )"]


def _point_lines(form: PatternForm | FeatureForm) -> list[str]:
    """The program's variables from the kernel's columns."""
    if isinstance(form, FeatureForm):
        names = [form.a.name]
        columns = "columns[0].reshape(problem.Y.shape[1], -1).T" if form.several else "columns[0]"
    else:
        names = [block.name for block in form.blocks]
        columns = "columns" if len(names) == 1 else "np.split(columns, 2, axis=1)"
    lines = ["    columns = presolved.columns(result.columns)", f"    {', '.join(names)} = {columns}"]
    if form.c0 is not None:
        names.append(form.c0.name)
        lines.append(f"    {form.c0.name} = result.offset{'' if form.several else '[0]'}")
    point = ", ".join(f'"{name}": {name}' for name in names)
    return [*lines, f"    return {{{point}}}, result.status"]

"""`reludsl explain SPEC`: what the compiler understood, in mathematics and in sentences."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from reludsl.ir import Program, Shape, infer_sizes, program_latex, program_text, program_unicode
from reludsl.model.problem import training_problem
from reludsl.pipeline import Compilation

if TYPE_CHECKING:
    from reludsl.data.binding import Bound


def explain_compilation(compilation: Compilation, bound: Bound | None, *, stage: str | None, latex: bool) -> str:
    """The whole explanation, or one stage of it: "model", the training problem, or "program", the convex one."""
    problem, lowered = training_problem(compilation.model), compilation.lowered
    write: Callable[[Program], str] = program_latex if latex else program_unicode
    if stage == "model":
        return write(problem).rstrip()
    if stage == "program":
        return (program_latex if latex else program_text)(lowered.program).rstrip()
    backend, _, chosen = compilation.backend()
    sections = [
        ("The training problem (not convex; m is the number of hidden neurons)", write(problem)),
        ("The convex program", write(lowered.program)),
        ("What its optimum means", textwrap.fill(lowered.meaning.sentence, 100)),
        ("Where the symbols come from", _symbols(compilation)),
    ]
    decisions = [*compilation.model.decisions, *chosen]
    sizes: dict[str, int] = {}
    if bound is not None:
        instance = lowered.bind(bound.train)
        sizes = infer_sizes(lowered.program.expressions, {name: a.shape for name, a in instance.arrays.items()})
        decisions += instance.decisions
        sections.append(("Sizes", f"{instance.origin}\n{_sizes(lowered.program, sizes)}"))
    else:
        sections.append(("Sizes (their numbers come with --data)", _sizes(lowered.program, sizes)))
    sections.append(("Backend", f"{backend.name}: {backend.summary}"))
    sections.append(("Decisions taken", "\n".join(map(str, decisions)) or "none: the spec says everything"))
    return "\n\n".join(f"{title}\n\n{textwrap.indent(text.rstrip(), '  ')}" for title, text in sections)


def _symbols(compilation: Compilation) -> str:
    """How the program's arrays come from the data that the spec declares."""
    model = compilation.model
    lines = [f"X      the input `{model.input.name}`, {_SCALED[model.input.scale]}"]
    if model.architecture.hidden_bias:
        lines.append("       in the convex program a column of ones is appended: its weights are the hidden biases")
    if model.target.binary:
        positive = "1" if model.target.positive is None else f"`{model.target.positive}`"
        lines.append(f"y      the target `{model.target.name}`: +1 for the label {positive}, −1 for the other")
    else:
        lines.append(f"y      the target `{model.target.name}`, {_SCALED[model.target.scale]}")
    lines.append("D      activation patterns: D_ki = 1 where pattern i lets sample k through")
    lines.append("V, W   neurons: column i of V becomes one neuron with a positive output weight, of W a negative one")
    return "\n".join(lines)


_SCALED = {
    "none": "not scaled",
    "standard": "each column minus its mean, divided by its standard deviation",
    "minmax": "each column mapped to [0, 1]",
    "unit_columns": "each column divided by its Euclidean norm",
}


def _sizes(program: Program, sizes: Mapping[str, int]) -> str:
    """How large the program is: in numbers where the sizes are known, in symbols otherwise."""
    lines = [", ".join(f"{name} = {size}" for name, size in sizes.items())] if sizes else []
    unknowns = [variable.shape for variable in program.variables]
    conditions = [part.shape for constraint in program.constraints for part in constraint.expressions]
    lines += [f"{_count(unknowns, sizes)} unknowns", f"{_count(conditions, sizes)} inequalities"]
    return "\n".join(lines)


def _count(shapes: Iterable[Shape], sizes: Mapping[str, int]) -> str:
    if sizes:
        return str(sum(math.prod(dim.evaluate(sizes) for dim in shape) for shape in shapes))
    return " + ".join("·".join(map(str, shape)) or "1" for shape in shapes) or "0"

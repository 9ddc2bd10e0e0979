"""What the compiler makes of a spec, in mathematics, as facts and as one text: without data, or with its numbers."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reludsl.backend import Backend
from reludsl.explanation.meaning import bound_sentence, meaning, perturbation, width
from reludsl.explanation.sizes import dimensions, sizes_text
from reludsl.explanation.symbols import symbols
from reludsl.ir import (
    Program,
    infer_sizes,
    program_latex,
    program_text,
    program_unicode,
)
from reludsl.lowering import Instance, Lowered
from reludsl.model.model import Adaptive, Model
from reludsl.model.problem import training_problem
from reludsl.pipeline import Compilation

if TYPE_CHECKING:
    from reludsl.data.binding import Bound

_WIDTH = 100


@dataclass(frozen=True)
class Explanation:
    """What is known of a spec without its data, in programs and sentences, a paragraph each.

    `problem` is the training problem, `program` the convex one, None for a local backend. `symbols` are texts such as
    "V, W" with what they stand for; one without a text goes on with what the last one says.
    """

    problem: Program
    program: Program | None
    perturbation: tuple[str, ...]
    meaning: tuple[str, ...]
    bound: str
    symbols: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, model: Model, lowered: Lowered, backend: Backend) -> Explanation:
        problem = lowered.program if backend.local else training_problem(model).program()
        return cls(
            problem,
            None if backend.local else lowered.program,
            tuple(perturbation(model, backend)),
            tuple(meaning(model, lowered, backend)),
            bound_sentence(lowered, backend),
            tuple(symbols(model, problem, lowered.program)),
        )


def explain_compilation(compilation: Compilation, bound: Bound | None, *, stage: str | None, latex: bool) -> str:
    """The whole explanation, or one stage of it: "model", the training problem, or "program", the convex one."""
    backend, settings, chosen = compilation.backend()
    model, lowered = compilation.model, compilation.lowered_for(backend)
    known = Explanation.of(model, lowered, backend)
    write: Callable[[Program], str] = program_latex if latex else program_unicode
    if stage == "model":
        return write(known.problem).rstrip()
    if stage == "program":
        return (program_latex if latex else program_text)(lowered.program).rstrip()
    decisions = [*model.decisions, *chosen]
    threshold = ""
    if bound is None:
        sizes = "" if backend.local else sizes_text(lowered.program, {})
    else:
        instance = lowered.bind(bound.train, bound.encoding)
        found = infer_sizes(lowered.program.expressions, {name: a.shape for name, a in instance.arrays.items()})
        decisions += instance.decisions
        counted = dimensions(found) if backend.local else sizes_text(lowered.program, found)
        sizes = "\n".join(filter(None, (instance.origin, counted)))
        searched = isinstance(model.formulation, Adaptive) and not instance.complete  # other neurons may join
        threshold = "" if backend.local or searched else _zero_network(model, lowered.program, instance)
    sections = [
        ("The training problem (not convex; m is the number of hidden neurons)", write(known.problem)),
        ("The perturbation", "\n\n".join(map(_filled, known.perturbation))),
        ("The convex program", "" if known.program is None else write(known.program)),
        ("What its optimum means", "\n\n".join(map(_filled, known.meaning))),
        ("The lower bound", _filled(known.bound)),
        ("How many neurons", _filled(width(model, lowered, backend, settings))),
        ("Where the symbols come from", _table(known.symbols)),
        ("Sizes" if bound is not None else "Sizes (their numbers come with --data)", sizes),
        ("When hidden neurons cost more than they bring", threshold),
        ("Backend", f"{backend.name}: {backend.summary}"),
        ("Decisions taken", "\n".join(map(str, decisions)) or "none: the spec says everything"),
    ]
    return "\n\n".join(f"{title}\n\n{textwrap.indent(text.rstrip(), '  ')}" for title, text in sections if text)


def _filled(text: str) -> str:
    return textwrap.fill(text, _WIDTH)


def _zero_network(model: Model, program: Program, instance: Instance) -> str:
    """The strength from which on the program's optimum has no hidden neurons; nothing where that is not known."""
    from reludsl.certificate import zero_strength

    found = zero_strength(program, instance.arrays)
    parts = [part for part in model.regularizers if part.strength > 0]
    if found is None or not parts:
        return ""
    strengths = " and ".join(f"{found.multiple * part.strength:.6g} of `{part.name}`" for part in parts)
    times = "" if len(parts) == 1 else f", {found.multiple:.4g} times those of the spec"
    latest = "" if found.exact else " at the latest"
    reached = " That is so here." if found.multiple <= 1 else ""
    name = "strength" if len(parts) == 1 else "strengths"
    return _filled(f"The network without any is optimal from the {name} {strengths} on{latest}{times}.{reached}")


def _table(rows: Iterable[tuple[str, str]]) -> str:
    lines = list(rows)
    width = max(len(symbols) for symbols, _ in lines)
    return "\n".join(f"{symbols:{width}}  {text}" for symbols, text in lines)

"""Which backends there are for a program, and which one is taken; their options are the language's section `solver`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from reludsl.backend import Backend
from reludsl.backends import backends
from reludsl.diagnostics import Diagnostic, Label, listed, suggestion
from reludsl.ir import Program
from reludsl.mistakes import Mistakes
from reludsl.model.language import core_language
from reludsl.model.model import Solver
from reludsl.model.registry import Language
from reludsl.model.solvers import choose_settings, solver_kind
from reludsl.model.values import Decision
from reludsl.options import Settings


@cache
def language() -> Language:
    """The language with the solvers of every backend."""
    return core_language().with_kinds(
        "solver",
        [solver_kind(entry.name, entry.summary, entry.details, entry.options) for entry in backends().values()],
    )


def choose_backend(
    program_for: Callable[[Backend], Program], asked: Solver | None, name: str | None
) -> tuple[Backend, Settings, tuple[Decision, ...]]:
    """The backend called `name`, else the one that the spec asks for, else the first that takes the program.

    `program_for` gives the program that a backend is given. Returns the backend's settings, which are the spec's where
    the spec asks for it, and the defaults that were taken. Raises Mistakes (C230, C231) for an unknown backend or one
    that cannot take the program.
    """
    able = [entry.name for entry in backends().values() if not entry.local and not entry.supports(program_for(entry))]
    chosen = name or (asked.name if asked else able[0])
    if chosen not in backends():
        guess = suggestion(chosen, backends())
        remedy = f"did you mean `{guess}`?" if guess else f"available: {listed(backends())}"
        raise Mistakes([Diagnostic("C231", f"there is no backend `{chosen}`", help=remedy)])
    backend = backends()[chosen]
    written = asked if asked is not None and asked.name == chosen else None
    if reasons := backend.supports(program_for(backend)):
        message = f"the backend `{chosen}` cannot take this program: {'; '.join(reasons)}"
        labels = (Label(written.span, "chosen here"),) if written and written.span and name is None else ()
        raise Mistakes([Diagnostic("C230", message, labels, help=f"use {listed(able)}")])
    if written is not None:
        return backend, written.settings, ()
    settings, decisions = choose_settings(backend.options)
    reason = "asked for" if name else "default, the first backend that takes the program"
    return backend, settings, (Decision("solver", backend.name, reason), *decisions)


def refuse_unusable(backend: Backend, settings: Settings, program: Program, asked: Solver | None) -> None:
    """Raises Mistakes (C233) where a backend cannot work with its options, here or for this program."""
    if reasons := backend.unusable(settings, program):
        labels = (Label(asked.span, "asked for here"),) if asked and asked.span and asked.name == backend.name else ()
        message = f"the backend `{backend.name}` cannot work with these options here"
        remedy = "change its options, or choose another backend"
        raise Mistakes([Diagnostic("C233", message, labels, tuple(reasons), remedy)])

"""The kinds of `solver`, made from what the backends declare."""

from __future__ import annotations

from reludsl.model.model import Solver
from reludsl.model.registry import Kind
from reludsl.model.values import Decision
from reludsl.model.wording import shown_default
from reludsl.options import Option, Settings
from reludsl.source import Span


def solver_kind(name: str, summary: str, details: str, options: tuple[Option, ...]) -> Kind:
    """The registry entry of a backend."""

    def build(settings: Settings, span: Span | None) -> Solver:
        return Solver(name, settings, span)

    return Kind(name, summary, build, options, details=details, example=f"solver {name}")


def choose_settings(options: tuple[Option, ...]) -> tuple[Settings, tuple[Decision, ...]]:
    """The defaults of a backend that was chosen without a section of the spec, and that they were taken."""
    settings = Settings({option.name: option.default for option in options})
    return settings, tuple(Decision(f"solver.{option.name}", shown_default(option)) for option in options)

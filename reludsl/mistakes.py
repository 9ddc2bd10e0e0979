"""What ends a verb of the Python interface when the user is mistaken: the diagnostics, as an exception."""

from __future__ import annotations

from collections.abc import Iterable

from reludsl.diagnostics import Diagnostic
from reludsl.render import render


class Mistakes(Exception):
    """The diagnostics that ended a verb of the Python interface. `str()` shows them as the command line does."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        return "\n" + render(self.diagnostics)

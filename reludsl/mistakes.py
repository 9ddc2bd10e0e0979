"""What ends a verb of the Python interface when the user is mistaken: the diagnostics, as an exception.

And the mistake that all outputs share: a file that cannot be written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from typing import BinaryIO

from reludsl.diagnostics import DataPlace, Diagnostic, listed
from reludsl.files import why_unwritable, write_atomically
from reludsl.render import render


class Mistakes(Exception):
    """The diagnostics that ended a verb of the Python interface. `str()` shows them as the command line does."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        return "\n" + render(self.diagnostics)


def refuse_unwritable(path: str | os.PathLike[str], error: OSError | None = None) -> None:
    """Raises Mistakes (D330) for a path that cannot be written; asked before the work whose result goes there."""
    if (reason := why_unwritable(path, error)) is not None:
        raise Mistakes([Diagnostic("D330", f"`{path}` cannot be written: {reason}", help="choose another path")])


def refuse_ending(path: str | os.PathLike[str], what: str, endings: Collection[str]) -> None:
    """Raises Mistakes (D302) for a path without one of the endings that tell the format of `what`."""
    if os.path.splitext(path)[1].lower() not in endings:
        remedy = f"use {listed(endings)}: the ending tells the format"
        message = f"the ending of the {what}'s file tells no format"
        raise Mistakes([Diagnostic("D302", message, place=DataPlace(os.fspath(path)), help=remedy)])


def write_output(path: str | os.PathLike[str], write: Callable[[BinaryIO], object]) -> None:
    """Writes a file whole or not at all, see `write_atomically`. Raises Mistakes (D330)."""
    refuse_unwritable(path)
    try:
        write_atomically(path, write)
    except OSError as error:
        refuse_unwritable(path, error)

"""A user's mistake is a value: collected, never thrown past the verb that found it.

What each code means is told once, in `codes.py`; how a diagnostic looks, in `render.py`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from reludsl.codes import CODES
from reludsl.source import Span

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Label:
    """A place in the spec and what is to be seen there. The primary label says what went wrong."""

    span: Span
    text: str = ""
    primary: bool = True


@dataclass(frozen=True)
class DataPlace:
    """A place in the user's data: file (or the name of a container), column, and data row counted from 1."""

    file: str
    column: str | None = None
    row: int | None = None

    def __str__(self) -> str:
        parts = [self.file]
        if self.column is not None:
            parts.append(f"column `{self.column}`")
        if self.row is not None:
            parts.append(f"row {self.row}")
        return ", ".join(parts)


@dataclass(frozen=True)
class Diagnostic:
    """What went wrong (`message`), where (`labels`, `place`), what to know (`notes`), the remedy (`help`)."""

    code: str
    message: str
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    severity: Severity = "error"
    place: DataPlace | None = None

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise LookupError(f"diagnostic code {self.code} is not in the catalogue")

    @property
    def span(self) -> Span | None:
        """The place to show first: that of the primary label."""
        return next((label.span for label in self.labels if label.primary), None)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    return any(diagnostic.severity == "error" for diagnostic in diagnostics)


def suggestion(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be, for a "did you mean"."""
    candidates = list(known)
    folded = {candidate.lower(): candidate for candidate in reversed(candidates)}
    close = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def listed(words: Iterable[str], conjunction: str = "or") -> str:
    """`a`, `b` or `c`: words in backquotes as a sentence holds them."""
    quoted = [f"`{word}`" for word in words]
    if len(quoted) <= 1:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} {conjunction} {quoted[-1]}"

"""Where things stand: a named text and places in it.

Every node of the syntax tree, part of the model and term of the program carries a `Span`, so a
message can point at the words that caused it, however late the trouble is noticed.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property

_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class Source:
    """A text with the name under which the user knows it (usually a path).

    `hidden_lines` counts the lines at the beginning that the user did not write; the next one is line 1.
    """

    name: str
    text: str = field(repr=False)
    hidden_lines: int = 0

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        starts.extend(i + 1 for i, character in enumerate(self.text) if character == "\n")
        return starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of a character offset, both counted from 1."""
        line = bisect_right(self._line_starts, offset)
        mark = line == 1 and offset > 0 and self.text.startswith(_BYTE_ORDER_MARK)
        return line - self.hidden_lines, offset - self._line_starts[line - 1] + 1 - mark

    def line(self, number: int) -> str:
        """The text of a line counted from 1, without its end and a byte order mark; empty past the last line."""
        number += self.hidden_lines
        if number > len(self._line_starts):
            return ""
        start = self._line_starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start : end if end >= 0 else len(self.text)].rstrip("\r").removeprefix(_BYTE_ORDER_MARK)


@dataclass(frozen=True)
class Span:
    """The half-open range of characters [start, end) of a source."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    def until(self, other: Span) -> Span:
        """The smallest span that covers this one and `other`, of the same source."""
        return Span(self.source, min(self.start, other.start), max(self.end, other.end))

    def __str__(self) -> str:
        line, column = self.source.position(self.start)
        return f"{self.source.name}:{line}:{column}"

"""Where the parser stopped, in the terms of a message: what stands there, before it, after it, around it."""

from __future__ import annotations

from dataclasses import dataclass

from reludsl.diagnostics import Diagnostic, Label
from reludsl.grammar.recovery import Chunk
from reludsl.grammar.scan import CLOSING, OPENING, Piece, follow
from reludsl.source import Source, Span

_LONGEST_QUOTE = 32


@dataclass(frozen=True)
class Situation:
    """A chunk that does not parse, and where.

    `index` counts the chunk's pieces up to the offending one, and is their number when the chunk ends too early.
    `expected` holds the terminals that would have fitted.
    """

    source: Source
    chunk: Chunk
    index: int
    expected: frozenset[str]

    @property
    def offender(self) -> Piece | None:
        """The offending word or sign; None when a line or the chunk ends too early."""
        piece = self._at(self.index)
        return None if piece is None or piece.kind == "newline" else piece

    @property
    def at_chunk_end(self) -> bool:
        """Whether nothing but line ends follows."""
        return all(piece.kind == "newline" for piece in self.chunk.pieces[self.index :])

    @property
    def here(self) -> Span:
        """The offender's span, or the empty one after what stands last before it."""
        if self.offender is not None:
            return self.span(self.offender)
        last = self.before()
        end = self.chunk.start if last is None else last.end
        return Span(self.source, end, end)

    @property
    def here_in_words(self) -> str:
        """The offender as a message names it."""
        if self.offender is not None:
            return quote(self.offender.text)
        return "the end of the section" if self.at_chunk_end else "the end of the line"

    @property
    def brackets(self) -> tuple[Piece, ...]:
        """The brackets that are open before the offender, outermost first."""
        brackets: list[Piece] = []
        for piece in self.chunk.pieces[: self.index]:
            follow(brackets, piece)
        return tuple(brackets)

    @property
    def innermost(self) -> str:
        """The sign of the innermost open bracket; empty outside of any."""
        brackets = self.brackets
        return brackets[-1].text if brackets else ""

    def before(self, count: int = 1) -> Piece | None:
        """The piece that stands `count` places before the offender, line ends not counted."""
        earlier = [piece for piece in self.chunk.pieces[: self.index] if piece.kind != "newline"]
        return earlier[-count] if count <= len(earlier) else None

    def after(self, count: int = 1) -> Piece | None:
        """The piece right after the offender, or `count` places after it, line ends counted."""
        return self._at(self.index + count)

    def _at(self, index: int) -> Piece | None:
        return self.chunk.pieces[index] if index < len(self.chunk.pieces) else None

    def span(self, piece: Piece) -> Span:
        return Span(self.source, piece.start, piece.end)

    def is_closed_later(self) -> bool:
        """Whether the innermost open bracket, a round or square one, is closed further on."""
        open_brackets = [self.innermost]
        for piece in self.chunk.pieces[self.index :]:
            if piece.text in "{}" and piece.kind == "sign":
                return False
            if piece.text in CLOSING and piece.kind == "sign":
                open_brackets.append(piece.text)
            elif piece.text in OPENING and piece.kind == "sign":
                if open_brackets.pop() != OPENING[piece.text]:
                    return False
                if not open_brackets:
                    return True
        return False

    def report(
        self,
        code: str,
        message: str,
        label: str,
        help: str | None,
        at: Piece | Span | None = None,
        also: tuple[Piece | Span | None, str] = (None, ""),
    ) -> Diagnostic:
        """A diagnostic whose primary label stands at the offender or `at`, and a secondary one at `also`."""
        labels = [Label(self._place(at) or self.here, label)]
        if (second := self._place(also[0])) is not None:
            labels.append(Label(second, also[1], primary=False))
        return Diagnostic(code, message, tuple(labels), help=help)

    def _place(self, at: Piece | Span | None) -> Span | None:
        return self.span(at) if isinstance(at, Piece) else at


def quote(text: str) -> str:
    """Text as a message quotes it: in backquotes, shortened, every character visible."""
    shown = text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 3] + "..."
    return f"`{''.join(c if c.isprintable() else f'U+{ord(c):04X}' for c in shown)}`"


def text_of(piece: Piece | None, otherwise: str = "...") -> str:
    """The text of a piece to put into an example, or the stand-in where there is none to show."""
    return otherwise if piece is None or piece.kind in ("newline", "other") else piece.text

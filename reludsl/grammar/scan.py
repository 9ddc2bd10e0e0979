"""A look at the surface of a text, without its grammar: words, signs, comments, brackets.

The parser needs none of this. It serves what must work on texts that do not parse (recovery, messages)
and what the tree does not hold (comments). It agrees with `spec.lark` on every text that does parse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

PieceKind = Literal["word", "number", "string", "sign", "comment", "newline", "other"]

BYTE_ORDER_MARK = "\ufeff"
CLOSING = {"{": "}", "(": ")", "[": "]"}
OPENING = {closing: opening for opening, closing in CLOSING.items()}

_PIECE = re.compile(
    r"""
      (?P<blank>   [ \t\r]+ )
    | (?P<newline> \n )
    | (?P<comment> \#[^\n]* )
    | (?P<string>  "(?: [^"\\\n] | \\[^\n] )*"? )   # the closing quote may be missing
    | (?P<word>    [A-Za-z_][A-Za-z0-9_]* )
    | (?P<number>  (?: [0-9]+(?:\.[0-9]*)? | \.[0-9]+ ) (?: [eE][+-]?[0-9]+ )? )
    | (?P<sign>    [{}()\[\],:=+\-*/] )
    | (?P<other>   . )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Piece:
    """A word, number, string, sign, comment or line end; `start` and `end` are offsets into the text."""

    kind: PieceKind
    text: str
    start: int
    end: int


def scan(text: str, start: int = 0, end: int | None = None) -> Iterator[Piece]:
    """The pieces of text[start:end] in order, blanks left out. Never fails: what fits nothing is `other`."""
    for match in _PIECE.finditer(text, start, len(text) if end is None else end):
        kind = match.lastgroup
        if kind != "blank":
            yield Piece(kind, match.group(), match.start(), match.end())  # type: ignore[arg-type]


def follow(brackets: list[Piece], piece: Piece) -> None:
    """Updates the open brackets, outermost first, by the piece that comes next.

    A brace ends whatever parentheses and square brackets were left open before it, since no brace
    stands inside them: so one forgotten `)` does not blur the rest of the file.
    """
    if piece.kind != "sign":
        return
    if piece.text in "{}":
        while brackets and brackets[-1].text != "{":
            brackets.pop()
    if piece.text in CLOSING:
        brackets.append(piece)
    elif piece.text in OPENING and brackets and brackets[-1].text == OPENING[piece.text]:
        brackets.pop()


@dataclass(frozen=True)
class Comment:
    """A comment with its `#`, without blanks at its end; `own_line` if nothing but blanks stands before it."""

    text: str
    start: int
    end: int
    own_line: bool


def comments(text: str) -> tuple[Comment, ...]:
    """All comments of a text, in order."""
    found = []
    for piece in scan(text):
        if piece.kind == "comment":
            line_start = text.rfind("\n", 0, piece.start) + 1
            before = text[line_start : piece.start].strip(" \t\r" + BYTE_ORDER_MARK)
            found.append(Comment(piece.text.rstrip(" \t\r"), piece.start, piece.end, not before))
    return tuple(found)

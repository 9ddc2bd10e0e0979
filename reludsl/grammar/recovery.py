"""Where one section ends and the next begins in a text that does not parse.

A mistake in one section must not hide those in the others, so a broken text is cut into sections, and each is
parsed by itself. The cuts never divide or merge sections that the grammar would take: a section that
is right is read as if the rest of the file were right too.
"""

from __future__ import annotations

from dataclasses import dataclass

from reludsl.grammar.scan import Piece, follow, scan

_BLOCK_SECTIONS = ("data", "hyperparameters")


@dataclass(frozen=True)
class Chunk:
    """text[start:end], and the words and signs in it; comments and blanks may stand around them."""

    start: int
    end: int
    pieces: tuple[Piece, ...]

    @property
    def first(self) -> Piece:
        return self.pieces[0]

    @property
    def first_word(self) -> str:
        return self.first.text if self.first.kind == "word" else ""


def cut(text: str, start: int = 0) -> list[Chunk]:
    """Cuts text[start:] into chunks of at most one section each, leaving out nothing but comments and blanks.

    A chunk begins at a line that begins with a word and either is indented no more than the file's first such line
    or looks like the head of a section. Inside braces it has to be both, which is how the next section is
    found when a brace was forgotten; a broken head will do there if the line before is indented.
    """
    lines = _lines(text, start)
    margin = next((_indentation(text, line) for line in lines if line[0].kind == "word"), 0)
    groups: list[list[Piece]] = []
    brackets: list[Piece] = []
    after_indented = False
    for line in lines:
        indentation = _indentation(text, line)
        at_margin = line[0].kind == "word" and indentation <= margin
        head = _looks_like_head(line)
        if brackets and brackets[0].text == "{":
            begins = at_margin and (head or (after_indented and _is_no_entry(line)))
        else:
            begins = at_margin or head
        if begins or not groups:
            groups.append([])
            brackets.clear()
        groups[-1].extend(line)
        for piece in line:
            follow(brackets, piece)
        after_indented = indentation > margin
    ends = [group[0].start for group in groups[1:]]
    return [Chunk(group[0].start, end, tuple(group)) for group, end in zip(groups, [*ends, len(text)], strict=True)]


def _lines(text: str, start: int) -> list[list[Piece]]:
    """The pieces of each line, its line end included, comments left out; no lines that hold nothing else."""
    lines: list[list[Piece]] = [[]]
    for piece in scan(text, start):
        if piece.kind == "newline":
            if lines[-1]:
                lines[-1].append(piece)
                lines.append([])
        elif piece.kind != "comment":
            lines[-1].append(piece)
    return [line for line in lines if line]


def _indentation(text: str, line: list[Piece]) -> int:
    return line[0].start - text.rfind("\n", 0, line[0].start) - 1


def _looks_like_head(line: list[Piece]) -> bool:
    """Whether a line begins as a section does: `data {`, `loss hinge`, `loss hinge {`.

    Inside braces nothing valid does: an option goes on with `=`, a declaration with a second word and `:`.
    """
    texts = [piece.text for piece in line[:3]]
    match [piece.kind for piece in line[:3]]:
        case ["word", "word"] | ["word", "word", "newline"]:
            return True
        case ["word", "word", "sign"]:
            return texts[2] == "{"
        case ["word", "sign", *_]:
            return texts[0] in _BLOCK_SECTIONS and texts[1] == "{"
        case _:
            return False


def _is_no_entry(line: list[Piece]) -> bool:
    """Whether a line, though perhaps no head either, begins as nothing that stands inside braces does."""
    match [piece.kind for piece in line[:2]]:
        case ["word", "word"]:
            return len(line) < 3 or line[2].text != ":"
        case ["word", "sign"]:
            return line[1].text == "{"
        case _:
            return False

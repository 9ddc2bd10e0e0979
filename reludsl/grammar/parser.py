"""`parse`: a source into its syntax tree and the syntax mistakes in it.

A text that fits the grammar is read in one go. One that does not is cut into sections, each is
read by itself, and the mistakes of all are told in one run; the sections that are right stay in the tree.
"""

from __future__ import annotations

import difflib
from dataclasses import replace

from lark import UnexpectedInput

from reludsl.diagnostics import Diagnostic, Label
from reludsl.grammar.mistakes import diagnose
from reludsl.grammar.reader import read_edition, read_section, read_spec
from reludsl.grammar.recovery import Chunk, cut
from reludsl.grammar.scan import BYTE_ORDER_MARK, scan
from reludsl.grammar.tree import (
    Binary,
    Call,
    DataSection,
    List,
    Negate,
    Number,
    Section,
    Setting,
    Spec,
    Value,
)
from reludsl.source import Source, Span

EDITION = "1"
DEEPEST_VALUE = 100
"""Levels of a value, so that whatever walks it by recursion stays clear of Python's limit."""
MOST_MISTAKES = 20
"""Where reading ends: a text with more is hardly a spec, and they would only push the first out of sight."""


def parse(source: Source) -> tuple[Spec | None, list[Diagnostic]]:
    """Parses a source, whatever its text.

    Returns the spec and the syntax mistakes in the order of the text. With mistakes, the spec holds the sections
    that are right, and `Spec.damaged` names the others; it is None when the text is no spec of this
    edition at all. Raises nothing on account of the text.
    """
    start = len(BYTE_ORDER_MARK) if source.text.startswith(BYTE_ORDER_MARK) else 0
    if all(piece.kind in ("comment", "newline") for piece in scan(source.text, start)):
        return None, [_empty(source)]
    try:
        spec = read_spec(source, start)
    except UnexpectedInput as error:
        return _salvage(source, start, error)
    if spec.edition.text != EDITION:
        return None, [_unknown_edition(spec.edition)]
    sections, mistakes, damaged = _without_deep_ones(spec.sections)
    return replace(spec, sections=sections, damaged=damaged), mistakes


def _salvage(source: Source, start: int, error: UnexpectedInput) -> tuple[Spec | None, list[Diagnostic]]:
    chunks = cut(source.text, start)
    names_its_language = any(chunk.first_word == "reludsl" for chunk in chunks)
    edition, line, chunks, mistakes, damaged = _salvage_edition(source, chunks)
    if edition.text != EDITION:
        return None, [_unknown_edition(edition)]
    sections: list[Section] = []
    for chunk in chunks:
        try:
            sections.append(read_section(source, chunk.start, chunk.end))
        except UnexpectedInput as in_chunk:
            mistakes.append(diagnose(in_chunk, source, chunk))
            damaged += (chunk.first.text,)
            if len(mistakes) >= MOST_MISTAKES:
                break
    if not mistakes:
        # The cuts took apart what is wrong only as a whole: then the first place to stumble says it.
        whole = Chunk(start, len(source.text), tuple(p for p in scan(source.text, start) if p.kind != "comment"))
        mistakes.append(diagnose(error, source, whole))
    if not sections and not names_its_language:
        return None, mistakes[:1]
    good, too_deep, dropped = _without_deep_ones(tuple(sections))
    span = good[-1].span.until(line) if good else line
    spec = Spec(edition, good, source, span, damaged + dropped)
    mistakes = sorted(mistakes + too_deep, key=lambda mistake: mistake.span.start if mistake.span else 0)
    return spec, mistakes[:MOST_MISTAKES]


def _salvage_edition(
    source: Source, chunks: list[Chunk]
) -> tuple[Number, Span, list[Chunk], list[Diagnostic], tuple[str, ...]]:
    """The edition and its line, the chunks that are left, mistakes in the edition line, and what was lost with it.

    Without an edition line the current edition is taken, so that the sections can be judged.
    """
    first, *others = chunks
    again = [chunk for chunk in others if chunk.first_word == "reludsl"]
    rest = [chunk for chunk in others if chunk.first_word != "reludsl"]
    line = Span(source, first.start, first.start)
    assumed = Number(EDITION, line)
    if first.first_word == "reludsl":
        repeated = [_misplaced_edition(source, chunk, first) for chunk in again]
        try:
            edition, line = read_edition(source, first.start, first.end)
        except UnexpectedInput as error:
            lost = ("reludsl",) if sum(piece.kind in ("word", "number") for piece in first.pieces) > 2 else ()
            return assumed, line, rest, [diagnose(error, source, first), *repeated], lost
        return edition, line, rest, repeated, ()
    if again:
        return assumed, line, [first, *rest], [_misplaced_edition(source, again[0], first)], ()
    if _means_edition(first):
        return assumed, line, rest, [_missing_edition(source, first, misspelt=True)], ()
    return assumed, line, chunks, [_missing_edition(source, first, misspelt=False)], ()


def _means_edition(chunk: Chunk) -> bool:
    kinds = [piece.kind for piece in chunk.pieces[:3]]
    alike = difflib.SequenceMatcher(None, chunk.first_word.lower(), "reludsl").ratio() > 0.6
    return kinds in (["word", "number"], ["word", "number", "newline"]) or (len(kinds) < 3 and alike)


def _empty(source: Source) -> Diagnostic:
    end = Span(source, len(source.text), len(source.text))
    help = "begin with the line `reludsl 1`, then describe data, architecture and loss, each in a section"
    return Diagnostic("P119", "the spec is empty", (Label(end, "expected `reludsl 1`"),), help=help)


def _missing_edition(source: Source, first: Chunk, misspelt: bool) -> Diagnostic:
    piece = first.first
    label = Label(Span(source, piece.start, piece.end), "expected `reludsl 1`" + (" before this" * (not misspelt)))
    help = "write `reludsl 1` here" if misspelt else "write the line `reludsl 1` before the first section"
    return Diagnostic("P101", "the spec does not begin with the edition of its language", (label,), help=help)


def _misplaced_edition(source: Source, chunk: Chunk, first: Chunk) -> Diagnostic:
    return Diagnostic(
        "P101",
        "the edition line stands twice" if first.first_word == "reludsl" else "the edition line does not come first",
        (
            Label(Span(source, chunk.first.start, chunk.first.end), "expected a section"),
            Label(Span(source, first.first.start, first.first.end), "the spec begins here", primary=False),
        ),
        help="take this line out"
        if first.first_word == "reludsl"
        else "move this line to the top; only comments may stand before it",
    )


def _unknown_edition(edition: Number) -> Diagnostic:
    return Diagnostic(
        "P112",
        f"this version of reludsl does not know edition {edition.text} of the language",
        (Label(edition.span, f"expected {EDITION}"),),
        help=f"write `reludsl {EDITION}`, or get a version of reludsl that knows this edition",
    )


def _without_deep_ones(
    sections: tuple[Section, ...],
) -> tuple[tuple[Section, ...], list[Diagnostic], tuple[str, ...]]:
    """The sections whose values are not nested too deeply; a mistake for each of the others, and its name."""
    good: list[Section] = []
    mistakes: list[Diagnostic] = []
    damaged: list[str] = []
    for section in sections:
        settings = (
            [setting for datum in section.data for setting in datum.settings]
            if isinstance(section, DataSection)
            else section.settings
        )
        too_deep = [setting for setting in settings if _is_too_deep(setting.value)]
        mistakes += [_too_deep(setting) for setting in too_deep]
        if too_deep:
            damaged.append(section.keyword.text)
        else:
            good.append(section)
    return tuple(good), mistakes, tuple(damaged)


def _is_too_deep(value: Value) -> bool:
    level: list[Value] = [value]
    for _ in range(DEEPEST_VALUE):
        level = [part for whole in level for part in _parts(whole)]
        if not level:
            return False
    return True


def _parts(value: Value) -> list[Value]:
    match value:
        case Negate(operand):
            return [operand]
        case Binary(_, left, right):
            return [left, right]
        case Call(_, arguments):
            return [argument.value if isinstance(argument, Setting) else argument for argument in arguments]
        case List(items):
            return list(items)
        case _:
            return []


def _too_deep(setting: Setting) -> Diagnostic:
    return Diagnostic(
        "P120",
        f"the value of `{setting.name.text}` is nested more than {DEEPEST_VALUE} levels deep",
        (Label(setting.name.span, "given to this"),),
        help="split it into hyperparameters, or write it with fewer operations",
    )

"""From the place where the parser stopped to a message: which mistake it is.

Examples show each mistake (`examples.py`). Parsing an example tells the parser's state
and the kind of word it stumbled over; a mistake in a user's text that leaves the same pair, within the same kind of
bracket, is the same mistake. This is the idea of Lark's `match_examples`, which itself compares only
the state and the depth of the stack: it takes the third option of a block for something else than
the first, and two different offenders for the same.

What no table of states can tell (brackets that never close, strange characters) is told first, by looking at the
text. What matches nothing gets P100, which says in words what would have fitted.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from lark import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from reludsl.diagnostics import Diagnostic
from reludsl.grammar import strays
from reludsl.grammar.examples import MISTAKES, Mistake
from reludsl.grammar.reader import Rule, lark_parser
from reludsl.grammar.recovery import Chunk, cut
from reludsl.grammar.situation import Situation
from reludsl.source import Source

# The parser's state, the kind of the offending word, the innermost open bracket.
_Key = tuple[int, str, str]

_ALIKE = {
    # Outside the places where they are keywords, these are words as any other.
    "RELUDSL": "NAME",
    "DATA": "NAME",
    "HYPERPARAMETERS": "NAME",
    "NUMBER": "LITERAL",
    "STRING": "LITERAL",
}

_IN_WORDS = {
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": "a text in double quotes",
    "RELUDSL": "`reludsl 1`",
    "DATA": "`data`",
    "HYPERPARAMETERS": "`hyperparameters`",
    "PLUS": "`+`",
    "MINUS": "`-`",
    "STAR": "`*`",
    "SLASH": "`/`",
    "EQUAL": "`=`",
    "COLON": "`:`",
    "COMMA": "`,`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LSQB": "`[`",
    "RSQB": "`]`",
    "_NL": "a new line",
    "$END": "the next section",  # messages are made for one section at a time
}
"""What people call each terminal of the grammar. A terminal's name is never printed."""

_IN_GROUPS = (
    ({"NAME", "DATA", "HYPERPARAMETERS", "_NL"}, "a section, as `data { ... }` or `loss hinge`"),
    ({"NAME", "NUMBER", "STRING", "LPAR", "LSQB", "MINUS"}, "a value"),
    ({"NAME", "NUMBER", "LPAR", "MINUS"}, "a number or a name"),
    ({"PLUS", "MINUS", "STAR", "SLASH"}, "an operator"),
    ({"_NL", "$END"}, "a new line"),
)


def diagnose(error: UnexpectedInput, source: Source, chunk: Chunk) -> Diagnostic:
    """The message for the mistake at which Lark stopped when it parsed a chunk of a source."""
    situation = _situation(error, source, chunk)
    if isinstance(error, UnexpectedCharacters):
        return strays.strange_character(situation, chunk.start + _offset(error))
    if (found := strays.told_by_the_text(situation)) is not None:
        return found
    mistake = _known_mistakes().get(_key(error, situation))
    return mistake.describe(situation) if mistake is not None else _unexpected(situation)


def _situation(error: UnexpectedInput, source: Source, chunk: Chunk) -> Situation:
    position = chunk.start + _offset(error)
    index = next((i for i, piece in enumerate(chunk.pieces) if piece.end > position), len(chunk.pieces))
    if isinstance(error, UnexpectedToken):
        if error.token.type == "$END":
            index = len(chunk.pieces)
        return Situation(source, chunk, index, frozenset(error.accepts))
    return Situation(source, chunk, index, frozenset())


def _offset(error: UnexpectedInput) -> int:
    """Where Lark stopped, in the text that it was given."""
    offset: int | None = getattr(error, "pos_in_stream", None)
    return offset or 0


def _key(error: UnexpectedInput, situation: Situation) -> _Key:
    assert isinstance(error, UnexpectedToken)
    terminal = error.token.type
    return error.state.position, _ALIKE.get(terminal, terminal), situation.innermost


@cache
def _known_mistakes() -> dict[_Key, Mistake]:
    """Each key that an example leaves, with its mistake; built at the first mistake of a process."""
    known: dict[_Key, Mistake] = {}
    for mistake in MISTAKES:
        for example in mistake.examples:
            known.setdefault(example_key(example), mistake)
    return known


def example_key(example: str) -> _Key:
    """What a text with a mistake leaves in the parser. Raises ValueError for a text without one."""
    source = Source("example", example)
    (chunk,) = cut(example)
    rule: Rule = "lone_edition" if chunk.first_word == "reludsl" else "lone_section"
    try:
        lark_parser().parse(example, start=rule)
    except UnexpectedInput as error:
        return _key(error, _situation(error, source, chunk))
    raise ValueError(f"there is no mistake in {example!r}")


def _unexpected(situation: Situation) -> Diagnostic:
    here = situation.here_in_words
    remedy = f"take {here} out" if situation.offender is not None else "write what is missing before it"
    return situation.report("P100", f"{here} does not fit here", f"expected {in_words(situation.expected)}", remedy)


def in_words(terminals: Iterable[str]) -> str:
    """Terminals of the grammar as a person would name them: "a value, `,` or `}`"."""
    left = set(terminals)
    words = []
    for group, name in _IN_GROUPS:
        if group <= left:
            words.append(name)
            left -= group
    words += [name for terminal, name in _IN_WORDS.items() if terminal in left]
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words) or "nothing more"

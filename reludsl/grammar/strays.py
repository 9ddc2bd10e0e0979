"""Mistakes that the text tells by itself, whatever the parser was about to read.

Strange characters, quotes, brackets that never close or close nothing, numbers and names that are not quite
such, signs of other languages. Each function gives the message if the mistake is its own.
"""

from __future__ import annotations

import re
import unicodedata

from reludsl.diagnostics import Diagnostic
from reludsl.grammar.scan import CLOSING, OPENING, Piece
from reludsl.grammar.situation import Situation, quote, text_of
from reludsl.source import Span

_REMEDIES = {
    ";": "entries end at the end of their line, or at a comma",
    "^": "there is no power operator: write the product out, as `x * x`",
    "%": "a comment begins with `#`; a percentage is written as a fraction, as `0.1`",
    "<": "options hold values, not conditions: take it out",
    ">": "options hold values, not conditions: take it out",
    "!": "options hold values, not conditions: take it out",
    "&": "separate two entries by a comma, or put each on a line of its own",
    "|": "write one of the possible values",
    "\\": "write a formula with `+`, `-`, `*`, `/` and calls, as `max(0, 1 - y * f)`",
    ".": "names are made of letters, digits and `_`; numbers need a digit beside the point",
    "×": "write `*`",
    "·": "write `*`",
    "÷": "write `/`",
    "−": "write `-`",
    "–": "write `-`",
    "—": "write `-`",
    "²": "write the product out, as `x * x`",
}
_QUOTES = "“”„‟«»‹›‘’‚‛`´"
_UNCLOSED = {"(": ("P110", "parenthesis"), "[": ("P117", "square bracket")}


def strange_character(situation: Situation, position: int) -> Diagnostic:
    """The message for a character that begins no word or sign of the language."""
    source = situation.source
    character = source.text[position]
    here = Span(source, position, position + 1)
    if character == '"':
        return _broken_string(situation, position)
    if character == "'":
        return _single_quotes(situation, position)
    if character in _QUOTES:
        help = 'put text into plain double quotes, as `"M"`'
        return situation.report(
            "P115", f"{quote(character)} is not a quotation mark here", 'expected `"`', help, at=here
        )
    shown, remedy = _described(character)
    return situation.report("P115", f"{shown} means nothing in a spec", "unknown character", remedy, at=here)


def _described(character: str) -> tuple[str, str]:
    """A strange character as a message shows it, and what to do about it."""
    name = unicodedata.name(character, "").lower()
    greek = re.fullmatch(r"greek (?:small|capital) letter (?:final )?(\w+)", name)
    if not character.isprintable():
        remedy = "write a plain space" if character.isspace() else "take it out; a spec is plain text"
        return f"the invisible character U+{ord(character):04X}" + (f" ({name})" if name else ""), remedy
    if greek:
        remedy = f"names are made of plain letters, digits and `_`: write `{greek[1]}`"
    elif character.isalnum() and character not in _REMEDIES:
        remedy = "names are made of the letters a to z, digits and `_`; other text goes into double quotes"
    else:
        remedy = _REMEDIES.get(character, "take it out; text that is not a name goes into double quotes")
    look_alike = not character.isascii() and not character.isalpha() and name
    return quote(character) + (f" ({name})" if look_alike else ""), remedy


def _broken_string(situation: Situation, position: int) -> Diagnostic:
    text = situation.source.text
    escape = re.compile(r'"(?:[^"\\\n\r]|\\["\\])*(\\[^"\\\n\r])').match(text, position)
    if escape is not None:
        return situation.report(
            "P121",
            f"{quote(escape[1])} is not an escape",
            "unknown escape",
            'write a backslash as `\\\\` and a quotation mark as `\\"`; nothing else is escaped',
            at=Span(situation.source, escape.start(1), escape.end(1)),
        )
    end = re.compile(r"[^\n\r]*").match(text, position)
    assert end is not None
    return situation.report(
        "P113",
        "a text in quotes is not closed on its line",
        "opened here",
        'close it with `"` before the line ends',
        at=Span(situation.source, position, position + len(end[0].rstrip())),
    )


def _single_quotes(situation: Situation, position: int) -> Diagnostic:
    quoted = re.compile(r"'([^'\n\r]*)'").match(situation.source.text, position)
    end = quoted.end() if quoted else position + 1
    example = quote(f'"{quoted[1]}"') if quoted else '`"M"`'
    return situation.report(
        "P114",
        "single quotes do not hold text",
        "expected double quotes",
        f"write {example}",
        at=Span(situation.source, position, end),
    )


def told_by_the_text(situation: Situation) -> Diagnostic | None:
    """The message for a mistake that the text alone tells, or None."""
    tellers = (_foreign_comment, _malformed_number, _hyphen, _unopened, _unclosed)
    return next((found for tell in tellers if (found := tell(situation)) is not None), None)


def _foreign_comment(situation: Situation) -> Diagnostic | None:
    offender, text = situation.offender, situation.source.text
    if offender is None or offender.text not in ("/", "*"):
        return None
    start = next((at for at in (offender.start - 1, offender.start) if text[at : at + 2] in ("//", "/*")), None)
    if start is None:
        return None
    return situation.report(
        "P131",
        f"{quote(text[start : start + 2])} does not begin a comment",
        "expected `#`",
        "begin a comment with `#`; it ends with its line",
        at=Span(situation.source, start, start + 2),
    )


def _malformed_number(situation: Situation) -> Diagnostic | None:
    offender, number = situation.offender, situation.before()
    if offender is None or number is None or number.kind != "number" or number.end != offender.start:
        return None
    if offender.kind not in ("word", "number"):
        return None
    whole = situation.span(number).until(situation.span(offender))
    if re.fullmatch(r"\d+(_\d+)+", whole.text):
        help = f"write `{whole.text.replace('_', '')}`, without separators"
    elif offender.kind == "word" and not re.match(r"(?i)[e_x]", offender.text):
        help = f"write `{number.text} * {offender.text}` if a product is meant; names begin with a letter"
    else:
        help = "numbers look like `3`, `0.5` or `1e-3`"
    return situation.report("P122", f"{quote(whole.text)} is not a number", "expected a number", help, at=whole)


def _hyphen(situation: Situation) -> Diagnostic | None:
    offender, left, right = situation.offender, situation.before(), situation.after()
    if offender is None or left is None or right is None or offender.text != "-":
        return None
    if (left.kind, right.kind) != ("word", "word") or left.end != offender.start or offender.end != right.start:
        return None
    whole = situation.span(left).until(situation.span(right))
    return situation.report(
        "P129",
        f"{quote(whole.text)} is not a name",
        "names hold no `-`",
        f"write `{left.text}_{right.text}`",
        at=whole,
    )


def _unopened(situation: Situation) -> Diagnostic | None:
    offender = situation.offender
    if offender is None or offender.kind != "sign" or offender.text not in OPENING:
        return None
    if situation.innermost not in (("", "{") if offender.text != "}" else ("",)):
        return None
    return situation.report(
        "P118",
        f"this {quote(offender.text)} closes nothing",
        f"no {quote(OPENING[offender.text])} is open here",
        f"take it out, or write the missing {quote(OPENING[offender.text])}",
    )


def _unclosed(situation: Situation) -> Diagnostic | None:
    brackets = situation.brackets
    if not brackets:
        return None
    if brackets[-1].text == "{":
        if situation.at_chunk_end or _in_the_next_declaration(situation):
            return _unclosed_brace(situation, brackets[-1])
        return None
    if _closes(situation.offender, brackets[-1]) or situation.is_closed_later():
        return None
    return _unclosed_in_line(situation, brackets[-1])


def _closes(offender: Piece | None, bracket: Piece) -> bool:
    return offender is not None and offender.kind == "sign" and offender.text == CLOSING[bracket.text]


def _in_the_next_declaration(situation: Situation) -> bool:
    """Whether a declaration, `role name :`, has begun among the options of another."""
    depth = len(situation.brackets)
    offender, following = situation.offender, situation.after()
    is_declaration = offender is not None and offender.kind == "word" and text_of(following) == ":"
    return depth > 1 and is_declaration


def _unclosed_brace(situation: Situation, brace: Piece) -> Diagnostic:
    pieces, source = situation.chunk.pieces, situation.source
    index = pieces.index(brace)
    opener = pieces[index - 1] if index > 0 else None
    after = "" if opener is None or opener.kind == "newline" else f" after {quote(opener.text)}"
    next_word = re.compile(r"\w+").match(source.text, situation.chunk.end)
    still_open = None
    if not situation.at_chunk_end:
        still_open = situation.here
    elif next_word is not None:
        still_open = Span(source, next_word.start(), next_word.end())
    return situation.report(
        "P107",
        f"the brace{after} is never closed",
        "opened here",
        "close it with `}` after its last entry",
        at=brace,
        also=(still_open, "still open here"),
    )


def _unclosed_in_line(situation: Situation, bracket: Piece) -> Diagnostic:
    closing = CLOSING[bracket.text]
    code, name = _UNCLOSED[bracket.text]
    return situation.report(
        code,
        f"this {name} is not closed before {situation.here_in_words}",
        f"expected {quote(closing)}",
        f"write the missing {quote(closing)}",
        also=(bracket, "opened here"),
    )

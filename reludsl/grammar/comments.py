"""Where comments belong: the tree does not hold them, and the formatter must not lose any.

`arrange` deals the comments between two brackets (or in a whole file) to the elements that stand there. What
it deals to the inside of an element is dealt again when that element is laid out, so that each
comment ends up in exactly one place.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from reludsl.grammar.scan import Comment
from reludsl.grammar.tree import Binary, Call, List, Negate, Setting, Value
from reludsl.source import Source, Span

_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")


@dataclass
class Place:
    """The comments of one element: on lines before it, inside its span, and at the end of its line."""

    before: list[Comment] = field(default_factory=list)
    inside: list[Comment] = field(default_factory=list)
    after: Comment | None = None


@dataclass
class Arrangement:
    """The comments among some elements.

    `head` stands on the line of the opening bracket, `places` go with the elements, `rest` follows the last.
    """

    places: list[Place]
    head: Comment | None = None
    rest: list[Comment] = field(default_factory=list)


def arrange(source: Source, start: int, elements: Sequence[Span], comments: Sequence[Comment]) -> Arrangement:
    """Deals comments, in the order of the text, to elements that follow each other after the offset `start`."""
    found = Arrangement([Place() for _ in elements])
    starts = [element.start for element in elements]
    for comment in comments:
        following = bisect_right(starts, comment.start)
        previous = following - 1
        if previous >= 0 and comment.start < elements[previous].end:
            found.places[previous].inside.append(comment)
            continue
        line_from = elements[previous].end if previous >= 0 else start
        on_the_line = not comment.own_line and "\n" not in source.text[line_from : comment.start]
        if on_the_line and previous >= 0 and found.places[previous].after is None:
            found.places[previous].after = comment
        elif on_the_line and previous < 0 and found.head is None:
            found.head = comment
        elif following < len(elements):
            found.places[following].before.append(comment)
        else:
            found.rest.append(comment)
    return found


def brackets_in(value: Value | Setting) -> list[Call | List]:
    """The outermost calls and lists of a value, which can hold comments on lines of their own."""
    match value:
        case Setting(_, inner):
            return brackets_in(inner)
        case Call() | List():
            return [value]
        case Negate(operand):
            return brackets_in(operand)
        case Binary(_, left, right):
            return brackets_in(left) + brackets_in(right)
        case _:
            return []


def within(span: Span, comments: Sequence[Comment]) -> list[Comment]:
    return [comment for comment in comments if span.start <= comment.start < span.end]


def divide(value: Value | Setting, inside: Sequence[Comment]) -> tuple[list[Comment], list[Comment]]:
    """The comments inside a value: those that no call or list of it can hold, and those that one does.

    The former stand in the middle of arithmetic, which is always written on one line: they move before it.
    """
    spans = [bracket.span for bracket in brackets_in(value)]
    homeless = [c for c in inside if not any(span.start <= c.start < span.end for span in spans)]
    return homeless, [comment for comment in inside if comment not in homeless]


def has_blank_line(source: Source, start: int, end: int) -> bool:
    """Whether a blank line stands between two places."""
    return _BLANK_LINE.search(source.text, start, end) is not None

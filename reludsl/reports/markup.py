"""HTML without a way to forget escaping: text is escaped when it enters an element, and only elements are markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

_VOID = frozenset({"meta", "br"})


class Markup(str):
    """A text that is HTML already."""

    __slots__ = ()


def element(tag: str, *inside: str, **attributes: str) -> Markup:
    """An element with texts and markup inside; `class_` stands for `class`, underscores in other names for hyphens."""
    names = {name: name.rstrip("_").replace("_", "-") for name in attributes}
    written = "".join(f' {names[name]}="{escape(_printable(value))}"' for name, value in attributes.items())
    if tag in _VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{joined(inside)}</{tag}>")


def joined(parts: Iterable[str]) -> Markup:
    """Texts, escaped, and markup, as it is, one after the other."""
    return Markup("".join(part if isinstance(part, Markup) else escape(_printable(part)) for part in parts))


def prose(text: str) -> Markup:
    """A sentence of ours, in which backquotes enclose what is code."""
    pieces = text.split("`")
    return joined(element("code", piece) if place % 2 else piece for place, piece in enumerate(pieces))


def paragraphs(texts: Iterable[str]) -> Markup:
    """Sentences of ours, a paragraph each."""
    return joined(element("p", prose(text)) for text in texts)


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], numbers: frozenset[int] = frozenset()
) -> Markup:
    """A table with headers for its columns, if there are any, and for its rows; it scrolls where it is too wide.

    The columns in `numbers`, counted from 0, are aligned as numbers are.
    """

    def cell(tag: str, text: str, place: int, **attributes: str) -> Markup:
        if place in numbers:
            attributes["class_"] = "number"
        return element(tag, text, **attributes)

    top = [element("tr", *(cell("th", text, place, scope="col") for place, text in enumerate(head)))] if head else []
    lines = [
        element("tr", cell("th", first, 0, scope="row"), *(cell("td", text, 1 + k) for k, text in enumerate(rest)))
        for first, *rest in rows
    ]
    whole = element(
        "table",
        element("caption", caption),
        *(element("thead", row) for row in top),
        element("tbody", *lines),
    )
    return element("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption)


def _printable(text: str) -> str:
    """The text without the control characters that HTML does not know."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "\N{REPLACEMENT CHARACTER}", text)

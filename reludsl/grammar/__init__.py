"""From text to syntax tree, and from there to text in the one canonical layout.

`parse` and `format_spec` are loaded at their first use: whoever needs only `reludsl.grammar.tree` does not
pay for the parser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reludsl.grammar.formatter import format_spec
    from reludsl.grammar.parser import parse

__all__ = ["format_spec", "parse"]


def __getattr__(name: str) -> object:
    match name:
        case "parse":
            from reludsl.grammar.parser import parse

            return parse
        case "format_spec":
            from reludsl.grammar.formatter import format_spec

            return format_spec
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Python literals for generated code, in the formatter's taste: double quotes unless the text holds some."""

from __future__ import annotations

from collections.abc import Mapping


def literal(value: object) -> str:
    """The source text of a number, text, None, list, tuple or dict."""
    match value:
        case str():
            text = repr(value)
            return f'"{text[1:-1]}"' if text[0] == "'" and '"' not in value and "\\'" not in text else text
        case list():
            return f"[{', '.join(map(literal, value))}]"
        case tuple():
            return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
        case Mapping():
            return f"{{{', '.join(f'{literal(key)}: {literal(entry)}' for key, entry in value.items())}}}"
    return repr(value)

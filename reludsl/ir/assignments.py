"""Assignments of generated code, each on one line: what is too long is taken apart, and its parts get names."""

from __future__ import annotations

import ast
import re

ROOM = 116
"""The characters of an assignment in a function: a line has 120."""


def assignments(name: str, text: str, room: int = ROOM) -> list[tuple[str, str]]:
    """Pairs (name, text) that together assign the expression `text` to `name`, in the order they have to be made.

    The parts are the largest operations and calls that fit into `room` characters; only a name or number that is too
    long for that is left.
    """
    parts: list[tuple[str, str]] = []
    while len(f"{name} = {text}") > room:
        part = f"{name}_part_{len(parts) + 1}"
        places = [
            (node.col_offset, node.end_col_offset or 0)
            for node in ast.walk(ast.parse(text, mode="eval").body)
            if isinstance(node, (ast.BinOp, ast.Call))
        ]
        fitting = [(start, end) for start, end in places if len(part) < end - start <= room - len(f"{part} = ")]
        if not fitting:
            break
        start, end = max(fitting, key=lambda place: place[1] - place[0])
        parts.append((part, text[start:end]))
        if re.search(r"(^|[^\w\])])\($", text[:start]) and text[end : end + 1] == ")":
            start, end = start - 1, end + 1  # the parentheses of an operand, not those of a call
        text = text[:start] + part + text[end:]
    return [*parts, (name, text)]

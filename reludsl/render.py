"""How a diagnostic looks: text for people, plain objects for machines. The only place that decides it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

from reludsl.diagnostics import Diagnostic, Label
from reludsl.source import Source

_TAB = "    "


def render(diagnostics: Iterable[Diagnostic], color: bool = False) -> str:
    """All diagnostics as text, a blank line between two; no line end after the last."""
    return "\n\n".join(_render_one(diagnostic, _Paint(color)) for diagnostic in diagnostics)


def as_objects(diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """All diagnostics as JSON-ready objects; lines and columns count from 1, columns in characters."""
    return [
        {
            "code": diagnostic.code,
            "severity": diagnostic.severity,
            "message": diagnostic.message,
            "labels": [_label_object(label) for label in diagnostic.labels],
            "data": None
            if diagnostic.place is None
            else {
                "file": diagnostic.place.file,
                "column": diagnostic.place.column,
                "row": diagnostic.place.row,
            },
            "notes": list(diagnostic.notes),
            "help": diagnostic.help,
        }
        for diagnostic in diagnostics
    ]


def _label_object(label: Label) -> dict[str, Any]:
    line, column = label.span.source.position(label.span.start)
    end_line, end_column = label.span.source.position(label.span.end)
    return {
        "file": label.span.source.name,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "text": label.text,
        "primary": label.primary,
    }


class _Paint:
    """Colours by meaning; off, it leaves the text alone."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, text: str, **style: Any) -> str:
        if not self.on or not text:
            return text
        import click  # the terminal library, needed only where there is a terminal

        return click.style(text, **style)

    def severity(self, text: str, diagnostic: Diagnostic) -> str:
        return self(text, fg="red" if diagnostic.severity == "error" else "yellow", bold=True)

    def frame(self, text: str) -> str:
        return self(text, fg="blue", bold=True)


def _render_one(diagnostic: Diagnostic, paint: _Paint) -> str:
    head = paint.severity(f"{diagnostic.severity}[{diagnostic.code}]", diagnostic)
    lines = [f"{head}{paint(': ' + _printable(diagnostic.message), bold=True)}"]
    width = _gutter_width(diagnostic)
    gutter = " " * width + paint.frame(" |")
    arrow = " " * width + paint.frame("-->")
    if diagnostic.place is not None:
        lines.append(f"{arrow} {_printable(str(diagnostic.place))}")
    for source in _sources(diagnostic):
        labels = [label for label in diagnostic.labels if label.span.source is source]
        first = next((label for label in labels if label.primary), labels[0])
        lines.append(f"{arrow} {first.span}")
        lines.append(gutter)
        lines.extend(_excerpt(source, labels, width, paint, diagnostic))
    if diagnostic.labels and (diagnostic.notes or diagnostic.help):
        lines.append(gutter)
    lines.extend(_remark("note", note, paint) for note in diagnostic.notes)
    if diagnostic.help is not None:
        lines.append(_remark("help", diagnostic.help, paint))
    return "\n".join(lines)


def _remark(word: str, text: str, paint: _Paint) -> str:
    indent = " " * (len(word) + 2)
    return f"{paint(word + ':', fg='cyan', bold=True)} " + f"\n{indent}".join(map(_printable, text.split("\n")))


def _sources(diagnostic: Diagnostic) -> list[Source]:
    ordered = sorted(diagnostic.labels, key=lambda label: not label.primary)
    return list({id(label.span.source): label.span.source for label in ordered}.values())


def _gutter_width(diagnostic: Diagnostic) -> int:
    numbers = [label.span.source.position(label.span.start)[0] for label in diagnostic.labels]
    return len(str(max(numbers, default=1))) + 1


def _excerpt(source: Source, labels: list[Label], width: int, paint: _Paint, diagnostic: Diagnostic) -> list[str]:
    by_line: dict[int, list[Label]] = {}
    for label in labels:
        by_line.setdefault(source.position(label.span.start)[0], []).append(label)
    lines: list[str] = []
    previous: int | None = None
    for number in sorted(by_line):
        if previous is not None and number > previous + 1:
            lines.append(" " * width + paint.frame(" |"))
        lines.append(f"{paint.frame(f'{number:>{width}} |')} {_printable(source.line(number))}".rstrip())
        for label in sorted(by_line[number], key=lambda label: -label.span.start):
            lines.append(_underline(source, number, label, width, paint, diagnostic))
        previous = number
    return lines


def _underline(source: Source, number: int, label: Label, width: int, paint: _Paint, diagnostic: Diagnostic) -> str:
    text = source.line(number)
    column = source.position(label.span.start)[1] - 1
    length = min(label.span.end - label.span.start, max(len(text) - column, 0))
    before = _cells(text[:column])
    marked = max(_cells(text[column : column + length]), 1)
    mark = ("^" if label.primary else "-") * marked
    drawn = f"{mark} {label.text}".rstrip()
    drawn = paint.severity(drawn, diagnostic) if label.primary else paint.frame(drawn)
    return f"{' ' * width}{paint.frame(' |')} {' ' * before}{drawn}"


def _printable(text: str) -> str:
    """Text that a terminal shows as it is: control characters would move its cursor, or worse."""
    return "".join(c if c.isprintable() else _TAB if c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _cells(text: str) -> int:
    """How many cells of a terminal a text takes: some characters take two, marks on the one before take none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in _printable(text)
    )

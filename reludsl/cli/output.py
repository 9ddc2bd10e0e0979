"""What verbs say: diagnostics to standard error, results to standard output, files whole or not at all."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable
from typing import Any

import click

from reludsl.diagnostics import Diagnostic
from reludsl.mistakes import refuse_unwritable, write_output
from reludsl.render import render

WRONG, NO_SOLUTION, OUR_BUG = 1, 3, 70


def write(path: str, text: str) -> None:
    write_output(path, lambda file: file.write(text.encode()))


def show(diagnostics: Iterable[Diagnostic]) -> None:
    text = render(diagnostics, color=colors(sys.stderr))
    if text:
        click.echo(text, err=True, color=colors(sys.stderr))


def colors(stream: Any) -> bool:
    """Colours for people at a terminal, unless they said otherwise (https://no-color.org)."""
    return bool(stream.isatty()) and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def print_json(value: Any) -> None:
    click.echo(json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False, default=str))


def _finite(value: Any) -> Any:
    """The value with null for numbers that JSON does not know."""
    match value:
        case dict():
            return {name: _finite(entry) for name, entry in value.items()}
        case list() | tuple():
            return [_finite(entry) for entry in value]
        case float() if not math.isfinite(value):
            return None
    return value


def print_rows(rows: Iterable[tuple[str, str]]) -> None:
    for name, text in rows:
        click.echo(f"{click.style(f'{name:<18}', bold=True)} {text}", color=colors(sys.stdout))


def refuse_network_path(path: str | None) -> None:
    if path is not None:
        refuse_unwritable(path)


def refuse_picture_path(path: str | None) -> None:
    from reludsl.plots import refuse_picture

    if path is not None:
        refuse_picture(path)
        _require_matplotlib()


def refuse_page_path(path: str | None) -> None:
    if path is not None:
        from reludsl.reports import refuse_page

        refuse_page(path)
        _require_matplotlib()


def _require_matplotlib() -> None:
    from reludsl.plots import require_matplotlib

    try:
        require_matplotlib()
    except ImportError as missing:
        raise click.UsageError(str(missing)) from None


def refuse_table_path(path: str | None) -> None:
    from reludsl.tabulation import refuse_table

    if path is not None:
        refuse_table(path)

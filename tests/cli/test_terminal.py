"""What a terminal sees and a pipe does not: colours, and a line that moves while the solver works."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from reludsl.api import check
from reludsl.render import render
from tests.cli.running import environment, run, run_on_terminal, run_process

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
needs_terminals = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are a thing of Unix")


def colorful(**more: str) -> dict[str, str]:
    """An environment in which nothing speaks against colours."""
    left_out = ("NO_COLOR", "FORCE_COLOR", "TERM", "CI")
    return {**{name: value for name, value in environment().items() if name not in left_out}, "TERM": "xterm", **more}


def test_colours_change_nothing_but_the_colour() -> None:
    bad = Path(__file__).parent.parent / "corpus" / "bad"
    for path in sorted(bad.glob("*.relu")):
        diagnostics = check(path).diagnostics
        painted, plain = render(diagnostics, color=True), render(diagnostics)
        assert "\x1b[" in painted and "\x1b" not in plain
        assert ESCAPE.sub("", painted) == plain


def test_errors_and_warnings_are_told_apart_by_colour() -> None:
    error = render(check("reludsl 1\nloss = hinge\n").diagnostics, color=True)
    warning = render(
        check(
            "reludsl 1\ndata { input X : matrix[n, d], target y : vector[n] }\narchitecture two_layer\nloss squared\n"
        ).diagnostics,
        color=True,
    )
    assert error.startswith("\x1b[31m\x1b[1merror[P105]") and warning.startswith("\x1b[33m\x1b[1mwarning[L502]")


def test_nothing_that_a_user_writes_reaches_the_terminal_unseen() -> None:
    text = render(check("reludsl 1\nloss \x1b[31m hinge # \x07\n").diagnostics)
    assert "\x1b" not in text and "\x07" not in text and "\N{REPLACEMENT CHARACTER}" in text


def test_labels_stand_under_words_that_are_wider_or_narrower_than_their_characters() -> None:
    wide = 'data { input X : matrix[n, d] { columns = ["年齢", "e\N{COMBINING ACUTE ACCENT}"], scale = standart } }'
    lines = render(check(f"reludsl 1\n{wide}\n").diagnostics).splitlines()
    (marked,) = [line for line in lines if "^ expected one of" in line]
    cells = wide.index("standart") + 2 - 1  # two characters of two cells, one of none
    assert marked.index("^") == len(" 2 | ") + cells


@pytest.mark.usefixtures("folder")
def test_pipes_get_plain_text() -> None:
    for line in ("check bad.relu", "solve spec.relu --data data.csv", "explain spec.relu", "list losses"):
        result = run(*line.split())
        assert "\x1b" not in result.stdout + result.stderr


@needs_terminals
def test_terminals_get_colours_unless_the_user_is_against_them(folder: Path) -> None:
    assert "\x1b[31m" in run_on_terminal("check", "bad.relu", cwd=folder, env=colorful()).stderr
    for against in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        plain = run_on_terminal("check", "bad.relu", cwd=folder, env=colorful(**against)).stderr
        assert plain == run_process("check", "bad.relu", cwd=folder).stderr


@needs_terminals
def test_results_follow_the_same_rule(folder: Path) -> None:
    arguments = ("solve", "spec.relu", "--data", "data.csv")
    shown = run_on_terminal(*arguments, cwd=folder, env=colorful(), standard_output=True).stderr
    assert "\x1b[1mstatus" in shown
    plain = run_on_terminal(*arguments, cwd=folder, env=colorful(NO_COLOR="1"), standard_output=True).stderr
    assert "\x1b[1mstatus" not in plain and "status             solved" in plain


@pytest.mark.usefixtures("folder")
def test_mathematics_survives_a_terminal_without_its_letters(folder: Path) -> None:
    result = run_process("explain", "spec.relu", cwd=folder, env=environment(PYTHONIOENCODING="ascii"))
    assert result.code == 0 and "minimize" in result.stdout and result.stderr == ""

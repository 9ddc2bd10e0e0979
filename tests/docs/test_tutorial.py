"""The tutorial is true: each of its commands runs in a copy of the examples and prints what the page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.transcript import ROOT, Shell, blocks, check_page, commands, copy_of_examples, updated

TUTORIAL = ROOT / "docs" / "tutorial.md"


def test_tutorial(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    shell = Shell(copy_of_examples(tmp_path), tmp_path)
    check_page(TUTORIAL, shell, accept=request.config.getoption("--accept"))


def test_tutorial_uses_every_verb_that_it_should() -> None:
    run = "\n".join(command.text for command in commands(TUTORIAL.read_text(encoding="utf-8")))
    for verb in ("check", "explain", "solve", "predict", "compile"):
        assert f"reludsl {verb} " in run
    assert "--set beta=" in run and "reludsl.solve(" in run


def test_tutorial_shows_the_real_spec() -> None:
    spec = (ROOT / "examples" / "breast_cancer" / "breast_cancer.relu").read_text(encoding="utf-8")
    assert any(spec in block.text for block in blocks(TUTORIAL.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("shown", "real", "exact", "expected"),
    [
        ("gap 0.01, 29 steps\n", "gap 3.1e-06, 7 steps\n", False, "gap 3.1e-06, 7 steps\n"),
        ("gap 0.01, 29 steps\n", "gap 3.1e-06, 7 iterations\n", False, None),
        ("beta = 2\n", "beta = 2\n", True, "beta = 2\n"),
        ("beta = 2\n", "beta = 3\n", True, None),
        ("first 1\n...\nlast 1\n", "first 2\nsecond 3\nthird 4\nlast 5\n", False, "first 2\n...\nlast 5\n"),
        ("first\n...\nlast\n", "first\nlast\n", True, "first\n...\nlast\n"),
        ("in ... s, 3 neurons\n", "in 5.16 s, 4 neurons\n", False, "in ... s, 4 neurons\n"),
        ("first\n", "first\nsecond\n", True, None),
        ("", "", True, ""),
        ("x2 = 1\n", "x3 = 1\n", False, None),  # a digit in a name is no number
    ],
)
def test_outputs_are_compared(shown: str, real: str, exact: bool, expected: str | None) -> None:
    """What the comparison lets pass, and what `--accept` would write."""
    assert updated(shown, real, exact) == expected

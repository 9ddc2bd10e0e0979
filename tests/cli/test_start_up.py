"""Quick to start: what a verb does not need is not imported, and mistakes are told at once."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.running import environment

CORPUS = Path(__file__).parent.parent / "corpus"
HEAVY = ("cvxpy", "numpy", "polars", "scipy", "pandas", "rich", "matplotlib", "torch", "sklearn")


def heavy_modules_after(*arguments: str) -> set[str]:
    """The heavy libraries that a process has loaded when the command line has run."""
    code = (
        "import sys\n"
        "from reludsl.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit:\n    pass\n"
        f"print('loaded:', *(name for name in {HEAVY!r} if name in sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment(), capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("solve", "--help"),
        ("list", "losses"),
        ("explain", "hinge"),
        ("explain", "C214"),
        ("check", str(CORPUS / "bad" / "five_mistakes.relu")),
        ("check", str(CORPUS / "good" / "smallest.relu")),
        ("check", str(CORPUS / "good" / "everything.relu")),
        ("check", "--json", str(CORPUS / "good" / "any_order.relu")),
        ("fmt", "--check", str(CORPUS / "good" / "comments.relu")),
    ],
    ids=lambda arguments: " ".join(Path(argument).name for argument in arguments),
)
def test_no_library_that_is_not_needed(arguments: tuple[str, ...]) -> None:
    assert heavy_modules_after(*arguments) == set()


def test_importing_the_package_costs_nothing() -> None:
    code = "import sys, reludsl; print([m for m in sys.modules if m.startswith(('reludsl.', 'click', 'lark'))])"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow  # it times a process, which a busy machine can spoil: not for the gate
def test_five_mistakes_are_told_within_half_a_second() -> None:
    """As for a user, who has no `interegular`: Lark looks at every terminal again where that is installed.

    The best of several runs, start of Python included: the others measure what else the machine is doing.
    """
    code = "import sys; sys.modules['interegular'] = None; from reludsl.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "check", "five_mistakes.relu"]
    times = []
    for _ in range(7):
        started = time.perf_counter()
        done = subprocess.run(command, env=environment(), cwd=CORPUS / "bad", capture_output=True, text=True)
        times.append(time.perf_counter() - started)
        assert done.returncode == 1 and done.stderr.endswith("\n5 mistakes\n")
    assert min(times) < 0.5

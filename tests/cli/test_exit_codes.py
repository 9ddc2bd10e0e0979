"""0 fine; 1 the spec or the data is wrong; 2 usage; 3 the solver reached no solution; 70 our bug."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import environment, run, run_process

FINE = [
    "check spec.relu",
    "check spec.relu labels.relu",
    "check spec.relu --data data.csv",
    "explain hinge",
    "explain spec.relu",
    "compile spec.relu",
    "solve spec.relu --data data.csv",
    "list losses",
    "--help",
    "solve --help",
    "--version",
]
WRONG = [
    "check bad.relu",
    "check spec.relu bad.relu",
    "check spec.relu --data nowhere.csv",
    "explain bad.relu",
    "explain hing",
    "compile bad.relu",
    "solve bad.relu --data data.csv",
    "solve spec.relu --data data.csv --target z",
    "solve spec.relu --data data.csv --backend nosuch",
    "solve spec.relu --data data.csv --set gamma=1",
    "solve labels.relu --data data.csv",
    "predict spec.relu --data data.csv",
    "fmt bad.relu",
]
USAGE = [
    "chekc spec.relu",
    "check",
    "check spec.relu --nosuch",
    "check spec.relu --set beta",
    "check spec.relu --set =1",
    "explain spec.relu --stage nosuch",
    "solve spec.relu",
    "solve spec.relu --data data.csv --holdout 1",
    "solve spec.relu --data data.csv --holdout -0.1",
    "solve spec.relu --data data.csv --holdout 0.5 --test data.csv",
    "solve spec.relu --data data.csv --split-seed x",
    "solve spec.relu --data data.csv --time-limit 0",
    "predict net.npz",
    "list",
    "list los",
]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("line", FINE)
def test_fine(line: str) -> None:
    result = run(*line.split())
    assert result.code == 0, result.stderr
    assert result.stdout and not result.stderr.startswith("error")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("line", WRONG)
def test_the_spec_or_the_data_is_wrong(line: str) -> None:
    result = run(*line.split())
    assert result.code == 1
    assert "error[" in result.stderr and "Traceback" not in result.stderr
    assert not result.stdout.startswith("status")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("line", USAGE)
def test_usage(line: str) -> None:
    result = run(*line.split())
    assert result.code == 2
    assert result.stderr.startswith("Usage: reludsl") and result.stdout == ""


def test_no_solution(folder: Path) -> None:
    (folder / "spec.relu").write_text((folder / "spec.relu").read_text() + "solver cvxpy { method = scipy }\n")
    result = run("solve", "spec.relu", "--data", "data.csv", "-o", "net.npz")
    assert result.code == 3
    assert "error[S402]" in result.stderr and result.stdout == ""
    assert not (folder / "net.npz").exists()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("reludsl.model.checker.check", "check spec.relu"),
        ("reludsl.grammar.parser.cut", "check bad.relu"),
        ("reludsl.recovery.solution_of", "solve spec.relu --data data.csv"),
        ("reludsl.emission.emit_script", "compile spec.relu"),
    ],
)
def test_our_bug(monkeypatch: pytest.MonkeyPatch, place: str, line: str) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("reludsl.pipeline.check" if place.endswith("checker.check") else place, broken)
    result = run(*line.split())
    assert result.code == 70
    assert "ZeroDivisionError: a bug" in result.stderr
    assert "This is a bug in reludsl, not a mistake of yours" in result.stderr


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "path", ["x" * 5000, "nowhere/" * 300, "a\0b", "~nobody/x", "con:", " "], ids=lambda path: path[:9]
)
def test_whatever_a_path_is_called_it_is_not_our_bug(path: str) -> None:
    for line in (
        ["check", path],
        ["check", "spec.relu", "--data", path],
        ["explain", path],
        ["fmt", path],
        ["predict", path, "--data", "data.csv"],
        ["compile", "spec.relu", "-o", f"{path}/solve.py"],
    ):
        result = run(*line)
        assert result.code == 1 and "error[" in result.stderr, line[0]


def test_the_program_itself(folder: Path) -> None:
    assert run_process("check", "spec.relu", cwd=folder).code == 0
    assert run_process("check", "bad.relu", cwd=folder).code == 1
    assert run_process("chekc", "bad.relu", cwd=folder).code == 2


def test_ctrl_c_outside_of_the_solver(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reludsl.pipeline.check", interrupted)
    result = run("check", "spec.relu")
    assert (result.code, result.stderr.strip()) == (130, "stopped")


def test_a_reader_that_goes_away_is_told_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "reludsl", "explain", "data"]
    done = subprocess.run(command, env=environment(), stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert done.stderr == b""


def test_the_entry_point_is_this_main() -> None:
    from importlib.metadata import entry_points

    found = [entry.value for entry in entry_points(group="console_scripts", name="reludsl")]
    assert found in ([], ["reludsl.cli:main"]), "installed, or run from the bare source tree"

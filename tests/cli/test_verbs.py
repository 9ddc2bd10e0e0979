"""The verbs that solve nothing: check, explain, compile, list."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

import reludsl
from reludsl.choice import language
from tests.cli.running import run

pytestmark = pytest.mark.usefixtures("folder")


# -- check -------------------------------------------------------------------------------------------------------


def test_check_tells_results_and_mistakes_apart() -> None:
    fine, wrong = run("check", "spec.relu"), run("check", "bad.relu")
    assert (fine.stdout, fine.stderr) == ("no mistakes\n", "")
    assert wrong.stdout == "" and wrong.stderr.endswith("\n1 mistake\n")


def test_check_takes_several_specs() -> None:
    result = run("check", "spec.relu", "bad.relu", "labels.relu")
    assert result.code == 1
    assert "bad.relu:2:20" in result.stderr and "spec.relu" not in result.stderr


def test_check_goes_on_after_a_file_that_is_not_there() -> None:
    result = run("check", "nowhere.relu", "bad.relu")
    assert "error[D301]" in result.stderr and "error[P104]" in result.stderr
    assert result.stderr.endswith("\n2 mistakes\n")


def test_check_for_machines() -> None:
    report = json.loads(run("check", "--json", "bad.relu").stdout)
    assert list(report) == ["ok", "diagnostics"] and report["ok"] is False
    (mistake,) = report["diagnostics"]
    assert list(mistake) == ["code", "severity", "message", "labels", "data", "notes", "help"]
    assert (mistake["code"], mistake["severity"], mistake["data"]) == ("P104", "error", None)
    assert mistake["labels"] == [
        {
            "file": "bad.relu",
            "line": 2,
            "column": 20,
            "end_line": 2,
            "end_column": 21,
            "text": "expected `=`",
            "primary": True,
        }
    ]


def test_check_for_machines_with_data(folder: Path) -> None:
    (folder / "data.csv").write_text("a,b,y\n1,2,3\n1,x,4\n")
    (mistake,) = json.loads(run("check", "--json", "spec.relu", "--data", "data.csv").stdout)["diagnostics"]
    assert mistake["data"] == {"file": "data.csv", "column": "b", "row": 2}
    assert json.loads(run("check", "--json", "spec.relu").stdout) == {"ok": True, "diagnostics": []}


def test_check_counts_warnings(folder: Path) -> None:
    (folder / "spec.relu").write_text((folder / "spec.relu").read_text().replace("beta = 0.1", "beta = 0, gamma = 1"))
    result = run("check", "spec.relu")
    assert (result.code, result.stdout) == (0, "no mistakes, 2 warnings\n")
    assert result.stderr.count("warning[") == 2


# -- explain -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hinge", "weight_decay", "admm", "data", "loss", "C214", "c214", "P104", "L502"])
def test_explain_a_word_or_a_code(name: str) -> None:
    result = run("explain", name)
    assert result.code == 0 and result.stderr == ""
    assert result.stdout.startswith("##") and re.search(name, result.stdout, re.IGNORECASE)
    assert result.stdout.strip() == reludsl.explain(name)


def test_explain_every_word_that_list_prints() -> None:
    for section in language().sections:
        for kind in section.kinds:
            assert f"{section.name} {kind.name}" in run("explain", kind.name).stdout


def test_explain_a_spec() -> None:
    told = run("explain", "spec.relu").stdout
    headings = [line for line in told.splitlines() if line and not line.startswith(" ")]
    assert len(headings) >= 6
    assert "minimize" in told and "upper bound" in told and "newton" in told
    assert "architecture.width = free (default)" in told, "every default is told"
    assert "formulation.seed = 0 (default)" in told


def test_explain_with_data_tells_the_sizes() -> None:
    assert "n = 16" in run("explain", "spec.relu", "--data", "data.csv").stdout
    assert "n = 16" not in run("explain", "spec.relu").stdout


def test_stages_are_parts_of_the_whole() -> None:
    whole = run("explain", "spec.relu").stdout
    problem = run("explain", "spec.relu", "--stage", "model").stdout
    assert all(line.strip() in whole for line in problem.splitlines())
    assert "U ∈" in problem and "V" not in problem
    program = run("explain", "spec.relu", "--stage", "program").stdout
    assert program.startswith("program pattern_program\n") and "cone_v" in program


def test_latex() -> None:
    whole = run("explain", "spec.relu", "--latex").stdout
    for stage in ("model", "program"):
        written = run("explain", "spec.relu", "--stage", stage, "--latex").stdout
        assert r"\text{minimize}" in written and written.count("{") == written.count("}")
        assert re.findall(r"\\begin\{(\w+\*?)\}", written) == re.findall(r"\\end\{(\w+\*?)\}", written)
        assert all(line.strip() in whole for line in written.splitlines())


def test_set_replaces_a_hyperparameter() -> None:
    assert "0.1" in run("explain", "spec.relu", "--stage", "program").stdout
    replaced = run("explain", "spec.relu", "--stage", "program", "--set", "beta=2/8").stdout
    assert "beta = 0.25" in replaced


def test_the_last_of_two_settings_counts() -> None:
    twice = run("explain", "spec.relu", "--stage", "program", "--set", "beta=1", "--set", "beta=3").stdout
    assert "beta = 3" in twice


# -- compile -----------------------------------------------------------------------------------------------------


def test_compile_to_standard_output_and_to_a_file(folder: Path) -> None:
    printed = run("compile", "spec.relu", "--backend", "cvxpy")
    assert printed.code == 0 and printed.stderr == ""
    ast.parse(printed.stdout)
    saved = run("compile", "spec.relu", "--backend", "cvxpy", "-o", "solve.py")
    assert (folder / "solve.py").read_text(encoding="utf-8") == printed.stdout
    assert saved.stdout == "wrote solve.py; run it with: python solve.py --data FILE [-o net.npz]\n"
    assert "reludsl" not in re.findall(r"(?m)^(?:import|from) (\w+)", printed.stdout), "it stands alone"


def test_compile_for_the_backend_that_is_asked_for() -> None:
    assert "import cvxpy as cp" in run("compile", "spec.relu", "--backend", "cvxpy").stdout
    assert "cvxpy as cp" not in run("compile", "spec.relu", "--backend", "admm").stdout
    assert run("compile", "spec.relu").stdout == run("compile", "spec.relu", "--backend", "newton").stdout.replace(
        "(asked for)", "(default, the first backend that takes the program)"
    )


# -- list --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("section", [section for section in language().sections if section.plural])
def test_list(section: object) -> None:
    lines = run("list", section.plural).stdout.splitlines()  # type: ignore[attr-defined]
    assert [line.split()[0] for line in lines] == [kind.name for kind in section.kinds]  # type: ignore[attr-defined]
    assert len({line.index(line.split(maxsplit=1)[1]) for line in lines}) == 1, "the summaries are aligned"


def test_list_of_something_unknown_names_what_is_known() -> None:
    assert "losses" in run("list", "los").stderr


def test_help_names_every_verb_in_a_whole_sentence() -> None:
    told = run("--help").stdout
    for verb in ("check", "compile", "explain", "fmt", "list", "predict", "solve"):
        (line,) = [line for line in told.splitlines() if re.match(rf"  {verb} ", line)]
        assert line.endswith(".") and not line.endswith("..."), line
        assert run(verb, "--help").code == 0

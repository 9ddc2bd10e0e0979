"""`reludsl solve`, and `predict` with the network that it saves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reludsl
from tests.cli.running import Result, run

FIELDS = [
    *("status", "formulation", "backend", "objective", "program_objective", "violation", "bound", "certificate"),
    *("means", "width", "neurons", "patterns", "iterations", "seconds", "metrics", "decisions", "network"),
]
PHASES = ["check", "bind", "lower", "compile", "solve", "recover"]


def strict_json(text: str) -> Any:
    """Parses JSON as its standard has it: Python's own NaN and Infinity are refused."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def solved(*more: str, spec: str = "spec.relu", data: str = "data.csv") -> Any:
    result = run("solve", spec, "--data", data, "--json", *more)
    assert result.code == 0, result.stderr
    return strict_json(result.stdout)


def saved(*more: str, spec: str = "spec.relu", data: str = "data.csv") -> Result:
    return run("solve", spec, "--data", data, "-o", "net.npz", *more)


pytestmark = pytest.mark.usefixtures("folder")


# -- the result --------------------------------------------------------------------------------------------------


def test_the_object_has_the_documented_fields_in_their_order() -> None:
    found = solved()
    assert list(found) == FIELDS
    assert list(found["bound"]) == ["value", "gap", "scope", "by"]
    assert list(found["patterns"]) == ["drawn", "kept", "active"]
    assert list(found["seconds"]) == PHASES and all(value >= 0 for value in found["seconds"].values())
    assert list(found["metrics"]) == ["train"]
    assert found["width"] <= found["neurons"] <= 2 * found["patterns"]["active"]
    assert found["status"] == "solved" and found["means"] == "upper bound"
    assert (found["formulation"], found["backend"], found["network"]) == ("sampled", "newton", None)
    assert found["bound"]["scope"] in ("program", "global")
    assert found["bound"]["value"] <= found["objective"] <= found["program_objective"] * (1 + 1e-6)
    assert all(isinstance(decision, str) for decision in found["decisions"])


def test_the_object_is_alone_on_standard_output_whatever_is_warned_of(folder: Path) -> None:
    text = (folder / "spec.relu").read_text()
    (folder / "spec.relu").write_text(
        text.replace("beta = 0.1", "beta = 0.1, gamma = 1") + "solver admm { max_iterations = 1 }\n"
    )
    result = run("solve", "spec.relu", "--data", "data.csv", "--json")
    assert result.code == 0
    assert strict_json(result.stdout)["status"] == "limit"
    assert "warning[L501]" in result.stderr and "warning[S401]" in result.stderr


def test_numbers_that_json_does_not_know_become_null(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "reludsl.solution.Solution.to_json", lambda self, path: {"a": [float("inf")], "b": float("nan")}
    )
    assert strict_json(run("solve", "spec.relu", "--data", "data.csv", "--json").stdout) == {"a": [None], "b": None}


def test_the_summary_says_the_same() -> None:
    found, told = solved(), run("solve", "spec.relu", "--data", "data.csv").stdout
    rows = dict(line.split(maxsplit=1) for line in told.splitlines())
    assert rows["status"] == "solved"
    assert rows["objective"].startswith(f"{found['objective']:.8g} ")
    pruned = "" if found["neurons"] == found["width"] else f", pruned from {found['neurons']}"
    assert rows["network"].startswith(f"{found['width']} hidden neurons{pruned}, from {found['patterns']['active']} ")
    assert f"r2 {found['metrics']['train']['r2']:.4g}" in rows["train"]


def test_solving_again_gives_the_same() -> None:
    first, second = solved(), solved()
    for found in (first, second):
        del found["seconds"]
    assert first == second


def test_python_gives_the_same() -> None:
    solution = reludsl.solve("spec.relu", "data.csv")
    assert solution.to_json()["objective"] == solved()["objective"]


# -- options -----------------------------------------------------------------------------------------------------


def test_set_and_backend() -> None:
    assert solved("--set", "beta=5")["objective"] > solved()["objective"]
    other = solved("--backend", "cvxpy")
    assert other["backend"] == "cvxpy"
    assert other["objective"] == pytest.approx(solved()["objective"], rel=1e-4)


def test_target(folder: Path) -> None:
    (folder / "other.csv").write_text((folder / "data.csv").read_text().replace("a,b,y", "a,b,outcome"))
    assert solved("--target", "outcome", data="other.csv")["objective"] == solved()["objective"]


def test_held_out_rows() -> None:
    found = solved("--holdout", "0.25", "--split-seed", "3")
    assert list(found["metrics"]) == ["train", "test"]
    assert found == {**solved("--holdout", "0.25", "--split-seed", "3"), "seconds": found["seconds"]}
    assert found["objective"] != solved("--holdout", "0.25", "--split-seed", "4")["objective"]
    assert found["objective"] != solved()["objective"], "nothing is learnt on the rows that are held out"


def test_data_of_its_own_to_test_on(folder: Path) -> None:
    lines = (folder / "data.csv").read_text().splitlines()
    (folder / "test.csv").write_text("\n".join([lines[0], *lines[3:9]]) + "\n")
    found = solved("--test", "test.csv")
    assert list(found["metrics"]) == ["train", "test"]
    assert found["metrics"]["train"] == solved()["metrics"]["train"]
    assert solved("--test", "data.csv")["metrics"]["test"] == found["metrics"]["train"]


def test_metrics_of_labels() -> None:
    assert list(solved(spec="labels.relu", data="labels.csv")["metrics"]["train"]) == ["accuracy"]


def test_a_path_that_cannot_be_written_is_refused_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def worked(*arguments: object) -> None:
        raise AssertionError("the solver ran")

    monkeypatch.setattr("reludsl.pipeline.Compilation.solve", worked)
    result = run("solve", "spec.relu", "--data", "data.csv", "-o", "nowhere/net.npz")
    assert result.code == 1 and "error[D330]" in result.stderr


# -- predict -----------------------------------------------------------------------------------------------------


def numbers(result: Result) -> np.ndarray:
    assert result.code == 0, result.stderr
    return np.array([float(line) for line in result.stdout.splitlines()])


def test_predictions_are_one_line_a_row(folder: Path) -> None:
    assert saved().stdout.splitlines()[-1].split() == ["saved", "to", "net.npz"]
    predicted = numbers(run("predict", "net.npz", "--data", "data.csv"))
    truth = np.loadtxt(folder / "data.csv", delimiter=",", skiprows=1)[:, 2]
    error = np.sqrt(np.mean((predicted - truth) ** 2))
    assert error == pytest.approx(solved()["metrics"]["train"]["rmse"], rel=1e-3)


def test_labels_and_scores() -> None:
    saved(spec="labels.relu", data="labels.csv")
    labels = run("predict", "net.npz", "--data", "labels.csv").stdout.split()
    scores = numbers(run("predict", "net.npz", "--data", "labels.csv", "--scores"))
    assert set(labels) == {"M", "B"}
    assert ["M" if score >= 0 else "B" for score in scores] == labels


def test_metrics_come_with_the_target_and_stay_off_standard_output() -> None:
    saved(spec="labels.relu", data="labels.csv")
    accuracy = solved(spec="labels.relu", data="labels.csv")["metrics"]["train"]["accuracy"]
    result = run("predict", "net.npz", "--data", "labels.csv")
    assert result.stderr == f"accuracy {accuracy:.4g}\n" and "accuracy" not in result.stdout


def test_columns_are_found_by_name(folder: Path) -> None:
    saved()
    rows = [line.split(",") for line in (folder / "data.csv").read_text().splitlines()]
    (folder / "turned.csv").write_text(
        "".join(f"{y},{b},{a},7\n" for a, b, y in rows).replace("y,b,a,7", "y,b,a,extra")
    )
    (folder / "bare.csv").write_text("".join(f"{b},{a}\n" for a, b, _ in rows))
    predicted = run("predict", "net.npz", "--data", "data.csv")
    turned, bare = (run("predict", "net.npz", "--data", file) for file in ("turned.csv", "bare.csv"))
    assert turned == predicted
    assert bare.stdout == predicted.stdout and bare.stderr == "", "without the target there are no metrics"


def test_predictions_as_a_table(folder: Path) -> None:
    saved()
    printed = run("predict", "net.npz", "--data", "data.csv")
    result = run("predict", "net.npz", "--data", "data.csv", "-o", "predicted.csv")
    assert result.code == 0 and result.stdout == ""
    assert (folder / "predicted.csv").read_text() == "y\n" + printed.stdout


def test_predictions_for_machines() -> None:
    saved(spec="labels.relu", data="labels.csv")
    found = strict_json(run("predict", "net.npz", "--data", "labels.csv", "--json").stdout)
    assert list(found) == ["predictions", "metrics"]
    assert found["predictions"] == run("predict", "net.npz", "--data", "labels.csv").stdout.split()
    assert list(found["metrics"]) == ["accuracy"]
    scores = strict_json(run("predict", "net.npz", "--data", "labels.csv", "--json", "--scores").stdout)["predictions"]
    assert all(isinstance(score, float) for score in scores)
    loaded = reludsl.load("net.npz")
    assert loaded.decision_function("labels.csv").tolist() == scores


def test_labels_that_the_network_does_not_know(folder: Path) -> None:
    saved(spec="labels.relu", data="labels.csv")
    (folder / "new.csv").write_text("a,b,y\n1,2,M\n3,4,X\n")
    result = run("predict", "net.npz", "--data", "new.csv")
    assert result.code == 1 and "error[D310]" in result.stderr and "row 2" in result.stderr


# -- global certificates -----------------------------------------------------------------------------------------


def test_a_certificate_is_part_of_the_result() -> None:
    found = solved("--certify", "global", "--certify-gap", "0.5")
    proved = found["certificate"]
    assert proved["finished"] and [way["by"] for way in proved["attempts"]] == ["enumeration"]
    assert proved["bound"]["value"] <= found["objective"] and proved["bound"]["gap"] >= 0
    assert list(found["seconds"]) == [*PHASES, "certify"]
    shown = run("solve", "spec.relu", "--data", "data.csv", "--certify", "global")
    assert "global bound" in shown.stdout and "by enumeration" in shown.stdout
    assert run("solve", "spec.relu", "--data", "data.csv", "--certify", "program").code == 2
    alone = run("solve", "spec.relu", "--data", "data.csv", "--certify-gap", "0.5")
    assert alone.code == 2 and "--certify-gap needs --certify global" in alone.stderr

"""`reludsl compare` and `reludsl.compare`: the same program on every backend."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import polars
import pytest

import reludsl
from reludsl.backends import backends
from reludsl.backends.admm import AdmmBackend
from reludsl.comparison import compared_backends
from tests.cli.conftest import SPEC
from tests.cli.running import run

pytestmark = pytest.mark.usefixtures("folder")

NOT_FOR_PATTERNS = ["splitting"]
ROW = [
    *("backend", "kind", "status", "objective", "bound", "gap", "width", "train", "test", "iterations", "seconds"),
    "message",
]


def found(*more: str) -> Any:
    result = run("compare", "spec.relu", "--data", "data.csv", "--json", *more)
    assert result.code == 0, result.stderr
    return json.loads(result.stdout)


def test_every_backend_has_a_row_that_agrees_with_its_own_solve() -> None:
    comparison = reludsl.compare("spec.relu", "data.csv", holdout=0.25, split_seed=1)
    assert [row.backend for row in comparison.rows] == compared_backends()
    assert [row.backend for row in comparison.rows if row.status == "refused"] == NOT_FOR_PATTERNS
    for row in (row for row in comparison.rows if row.status != "refused"):
        alone = reludsl.solve("spec.relu", "data.csv", backend=row.backend, holdout=0.25, split_seed=1)
        assert row.kind == ("local" if backends()[row.backend].local else "convex")
        assert (row.status, row.iterations, row.width) == (alone.status, alone.iterations, alone.width)
        assert row.objective == pytest.approx(alone.objective, rel=1e-9)
        assert (row.train, row.test) == pytest.approx([alone.metrics[part]["rmse"] for part in ("train", "test")])
        assert row.bound == (None if alone.bound is None else pytest.approx(alone.bound.value))


def test_the_difference_is_that_of_convex_objectives() -> None:
    comparison = reludsl.compare("spec.relu", "data.csv")
    objectives = [row.objective for row in comparison.rows if row.kind == "convex" and row.objective is not None]
    assert len(objectives) >= 2 and comparison.difference is not None
    assert comparison.difference == pytest.approx((max(objectives) - min(objectives)) / max(objectives))
    assert comparison.difference < 1e-4
    assert f"{comparison.difference:.2g}" in str(comparison)
    assert reludsl.compare("spec.relu", "data.csv", backends=["admm", "descent"]).difference is None


def test_the_specs_own_settings_are_for_the_backend_that_it_names() -> None:
    spec = SPEC + "solver admm { max_iterations = 10 }\n"
    rows = {row.backend: row for row in reludsl.compare(spec, "data.csv", backends=["cvxpy", "admm"]).rows}
    assert list(rows) == ["cvxpy", "admm"]
    assert (rows["admm"].status, rows["admm"].iterations) == ("limit", 10)
    assert rows["cvxpy"].status == "solved"


def test_a_backend_that_refuses_says_why() -> None:
    spec = SPEC.replace("weight_decay", "l1")
    comparison = reludsl.compare(spec, "data.csv", backends=["newton", "cvxpy"])
    refused, solved = comparison.rows
    assert refused.status == "refused" and "`l1`" in refused.message and refused.objective is None
    assert solved.status == "solved" and list(comparison.solutions) == ["cvxpy"]
    assert f"newton does not take it: {refused.message}" in str(comparison)


def test_options_that_cannot_be_used_refuse_too() -> None:
    comparison = reludsl.compare(SPEC + "solver cvxpy { method = nosuch }\n", "data.csv", backends=["cvxpy", "admm"])
    assert [row.status for row in comparison.rows] == ["refused", "solved"] and comparison.rows[0].message


def test_where_no_backend_takes_it_that_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AdmmBackend, "supports", lambda backend, program: ("it takes no program of this kind",))
    result = run("compare", "spec.relu", "--data", "data.csv", "--backends", "admm")
    assert result.code == 1 and "error[C230]" in result.stderr and "no program of this kind" in result.stderr


def test_overrides_and_targets(folder: Path) -> None:
    (folder / "other.csv").write_text((folder / "data.csv").read_text().replace("a,b,y", "a,b,outcome"))
    other = run(
        *("compare", "spec.relu", "--data", "other.csv", "--target", "outcome", "--set", "beta=2"),
        *("--backends", "cvxpy", "--json"),
    )
    objective = json.loads(other.stdout)["rows"][0]["objective"]
    assert objective == pytest.approx(reludsl.solve("spec.relu", "data.csv", set={"beta": 2}).objective, rel=1e-4)


def test_the_object_has_the_documented_fields_in_their_order() -> None:
    result = found("--test", "data.csv")
    assert list(result) == ["status", "metric", "difference", "rows"]
    assert (result["status"], result["metric"]) == ("complete", "rmse")
    for row in result["rows"]:
        assert list(row) == ROW
        assert row["test"] == pytest.approx(row["train"])


@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_the_table_comes_back_as_it_was(ending: str) -> None:
    result = found("-o", f"table.{ending}")
    read = {"csv": polars.read_csv, "parquet": polars.read_parquet, "json": polars.read_json}[ending]
    table = read(f"table.{ending}")
    assert table.columns == ROW
    for name in ("backend", "kind", "status", "objective", "bound", "width", "train", "iterations"):
        assert table[name].to_list() == [row[name] for row in result["rows"]], name


def test_the_report_names_every_backend() -> None:
    told = run("compare", "spec.relu", "--data", "data.csv").stdout
    lines = told.splitlines()
    assert lines[0].split() == [name for name in ROW if name not in ("message", "test")]
    able = [name for name in compared_backends() if name not in NOT_FOR_PATTERNS]
    assert [line.split()[0] for line in lines[1 : 1 + len(able)]] == able
    assert all(f"{name} does not take it" in told for name in NOT_FOR_PATTERNS)
    assert "upper bound" in told


def test_ctrl_c_keeps_what_was_solved() -> None:
    spec = SPEC + "solver newton { tolerance = 1e-12 }\n"

    def press(progress: object) -> bool:
        signal.raise_signal(signal.SIGINT)
        return False

    comparison = reludsl.compare(spec, "data.csv", monitor_for=lambda name: press)
    assert [row.backend for row in comparison.rows] == ["newton"] and comparison.status == "interrupted"
    assert comparison.rows[0].status == "interrupted"


def test_paths_are_refused_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def worked(*arguments: object) -> None:
        raise AssertionError("the solver ran")

    monkeypatch.setattr("reludsl.pipeline.Compilation.solve", worked)
    result = run("compare", "spec.relu", "--data", "data.csv", "-o", "nowhere/t.csv")
    assert result.code == 1 and "error[D330]" in result.stderr

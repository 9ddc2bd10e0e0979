"""The comparison of solvers of the relaxation, on a problem of a second."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import relaxation
from benchmarks.__main__ import main
from benchmarks.relaxation import CASES, RelaxationCase, best_bound, measured, reduced, run, seconds_until, table
from benchmarks.results import read

CASE = RelaxationCase("iris", 8, 2, 0.5, peers=True)


def test_solvers_prove_nearly_the_same_and_only_ours_is_watched() -> None:
    ours, theirs = measured(CASE, "splitting"), measured(CASE, "Clarabel")
    assert ours["bound"] == pytest.approx(theirs["bound"], rel=1e-3)
    assert ours["size"] == theirs["size"] == [8, 3, 3] and theirs["history"] == []
    bounds = [bound for _, _, bound in ours["history"]]
    assert bounds == sorted(bounds) and bounds[-1] == pytest.approx(ours["bound"], rel=1e-5)
    _, Y = reduced("iris", 8, 2)
    assert 0 < ours["bound"] < 0.5 * np.sum(Y**2)  # of the network without neurons


def test_what_a_run_has_proved_when() -> None:
    watched = {"case": CASE.key, "seconds": 3.0, "bound": 0.99, "history": [[1.0, 50, 0.9], [2.0, 100, 0.99]]}
    ended = {"case": CASE.key, "seconds": 50.0, "bound": 1.0, "history": []}
    assert best_bound([watched, ended], CASE) == 1.0 and best_bound([], CASE) == -np.inf
    assert [seconds_until(watched, bound) for bound in (0.9, 0.95, 0.995)] == [1.0, 2.0, None]
    assert seconds_until(ended, 0.5) == 50.0 and seconds_until({"status": "crashed"}, 0.5) is None


def test_a_run_goes_on_where_the_file_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A solver that ends without a bound has a row as well."""
    found = {
        "splitting": {"status": "solved", "seconds": 2.0, "memory": 99.0, "bound": 1.0, "history": [[1.5, 50, 0.995]]},
        "SCS": {"status": "limit", "seconds": 80.0, "memory": 99.0, "bound": 0.95, "history": []},
        "Clarabel": {"status": "out of memory"},
    }
    monkeypatch.setattr(relaxation, "CASES", (CASE,))
    monkeypatch.setattr("benchmarks.running.in_a_process", lambda asked, limit: {**asked, **found[asked["solver"]]})
    path, told = tmp_path / "results.jsonl", []
    first = run(path, told.append)
    assert len(told) == 3 and run(path, told.append) == first == read(path) and len(told) == 3
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table(first).splitlines()[2:]]
    assert rows[0][2:] == ["splitting", "1.5", "2.0", "2.0", "2.0", "solved", "0", "99"]
    assert rows[1][2:] == ["SCS", "–", "–", "–", "80.0", "limit", "5.0e-02", "99"]
    assert rows[2][2:] == ["Clarabel", "–", "–", "–", "–", "out of memory", "–", "–"]


def test_no_table_without_records() -> None:
    assert table([]) == ""


def test_a_process_measures_one_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relaxation, "CASES", (CASE,))
    asked = json.dumps({"what": "relaxation", "number": 0, "solver": "splitting"})
    result = CliRunner().invoke(main, ["measure", asked, str(tmp_path / "record.json")])
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["case"] == CASE.key and record["bound"] > 0 and record["memory"] > 0


@pytest.mark.parametrize("case", CASES, ids=str)
def test_samples_vary_and_have_a_bias(case: RelaxationCase) -> None:
    X, Y = reduced(case.name, case.n, case.components)
    assert X.shape == (case.n, case.components + 1) and np.linalg.matrix_rank(X) == X.shape[1]
    np.testing.assert_allclose(X.sum(axis=0), [0.0] * case.components + [case.n], atol=1e-9)
    assert set(Y.sum(axis=1)) == {1.0}

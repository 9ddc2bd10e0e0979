"""The comparison of searched patterns with restarts of descent, on a problem of a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import adaptive
from benchmarks.adaptive import AdaptiveCase, growth, restarts, run, table
from benchmarks.problems import PROBLEMS, Problem, teacher
from benchmarks.results import read

CASE = AdaptiveCase("tiny", None, 0.5)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROBLEMS, "tiny", Problem("tiny", "squared", lambda: teacher(20, 2), 10, (0.1,)))
    monkeypatch.setattr(adaptive, "CASES", (CASE,))
    monkeypatch.setattr(adaptive, "WIDTH", 10)
    monkeypatch.setattr(adaptive, "SEEDS", (0, 1))


def test_the_records_say_what_was_found() -> None:
    grown, others = growth(CASE, 0.5, 0), restarts(CASE, 0.5, 0.0)
    values = [value for _, value, _ in grown["history"]]
    assert len(values) == 1 + grown["rounds"] and values[-1] == grown["objective"] == min(values)
    assert len(others["runs"]) == 5
    assert grown["objective"] <= min(value for _, value in others["runs"]) * (1 + 1e-6)
    _, Y = teacher(20, 2)
    assert values[0] < 0.5 * np.sum(Y**2) and grown["size"] == [20, 2]
    assert grown["status"] == "solved" and len(grown["beside"]) == 2


def test_a_run_goes_on_where_the_file_ends(tmp_path: Path) -> None:
    path, told = tmp_path / "results.jsonl", []
    first = run(path, told.append, (), 0.0)
    assert len(told) == len(first) == 3 and run(path, told.append, (), 0.0) == first == read(path)
    assert len(told) == 3
    (row,) = table(first).splitlines()[2:]
    assert row.startswith("| tiny | 0.5 |") and "(5)" in row


def test_a_share_is_one_of_the_greatest_strength() -> None:
    assert CASE.strength([]) == 0.5
    shared = AdaptiveCase("tiny", 0.1)
    known = [{"what": "problem", "problem": "tiny", "greatest": 30.0}]
    assert shared.strength(known) == pytest.approx(3.0)
    assert shared.strength([]) == pytest.approx(0.1 * PROBLEMS["tiny"].instance().greatest_strength())


def test_no_table_without_both() -> None:
    assert table([growth(CASE, 0.5, 0)]) == ""

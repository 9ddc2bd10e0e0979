"""The published instances: their data, the specs, the published relaxation, and the tables."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import reludsl
from benchmarks import reproduction
from benchmarks.__main__ import REPRODUCTION_PAGE, main
from benchmarks.published import published_value
from benchmarks.report import BEGIN
from benchmarks.reproduced import found, percent, report, targets
from benchmarks.reproduction import CASES, EXACT, PUBLISHED, Case, descended, relaxation, roundings, trained
from benchmarks.results import Record, append, read

BY_NAME = {case.name: case for case in CASES}


def test_the_instances_have_the_published_sizes() -> None:
    shapes = {name: tuple(array.shape for array in BY_NAME[name].samples()) for name in PUBLISHED}
    assert shapes.pop("spiral60") == ((60, 2), (60, 3))
    assert set(shapes.values()) == {((25, 2), (25, 5))} and len(shapes) == 5
    assert (BY_NAME["spiral60"].samples()[1].sum(axis=1) == 1).all()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_spec_is_accepted(case: Case) -> None:
    formulations = [EXACT, *(relaxation(rows) for rows in reproduction.SPLITS)]
    formulations += [relaxation(0, rounding) for rounding in roundings()]
    for formulation in formulations:
        assert reludsl.check(case.spec(0.1, formulation)), formulation
    assert {"gaussian", "eigenvectors"} <= set(roundings())


def test_the_exact_program_finds_an_optimum_that_no_network_beats() -> None:
    exact = trained(BY_NAME["random25_0"], 0.1, EXACT)
    assert exact["objective"] - exact["bound"] <= 1e-7 * exact["objective"]
    network = descended(BY_NAME["random25_0"], 0.1, 0.05)
    assert network["starts"] >= 1 and network["seconds"] >= 0.05
    assert exact["bound"] <= network["objective"]


def test_what_is_refused_is_a_record_too() -> None:
    refused = trained(BY_NAME["random25_0"], -1.0, EXACT)
    assert refused["status"] == "refused" and "strength" in refused["message"]


def test_the_published_relaxation_has_the_value_of_the_one_that_is_solved() -> None:
    generator = np.random.default_rng(0)
    X, Y = generator.standard_normal((5, 2)), generator.standard_normal((5, 2))
    case = Case("small", lambda: (X, Y))
    ours = reludsl.solve(case.spec(0.3, relaxation(0)), {"X": X, "Y": Y}, backend="cvxpy")
    theirs = published_value(X, Y, 0.3, 20.0)
    assert ours.bound is not None
    assert theirs["value"] == pytest.approx(ours.bound.value, rel=2e-3)


def records(gap: float, seconds: float) -> list[Record]:
    made: list[Record] = []
    for case, strength in product(CASES, reproduction.STRENGTHS):
        own = {"what": "reproduction", "case": case.name, "strength": strength, "seconds": seconds, "backend": "cvxpy"}
        made.append(own | {"method": "exact", "objective": 2.0, "bound": 2.0 * (1 - gap), "width": 5})
        made += [own | {"method": "bound", "rows": 1, "bound": bound, "objective": 3.0} for bound in (1.5, 1.0)]
        made.append(own | {"method": "rounding", "rounding": "gaussian", "objective": 2.1, "bound": None})
        made.append(own | {"method": "descent", "objective": 2.2, "starts": 7})
        made.append(own | {"method": "published", "value": 1.9})
        made.append({"what": "end", "case": case.name, "strength": strength})
    return made


def test_tables_show_the_better_bound_and_how_far_networks_are_above_the_optimum() -> None:
    made = records(1e-8, 0.5)
    text = report(made)
    row = next(line for line in text.splitlines() if line.startswith("| spiral60") and "cvxpy" in line)
    assert "25 %" in row and "5 %, 0.5 s" in row
    row = next(line for line in text.splitlines() if line.startswith("| spiral60") and "starts" in line)
    assert "10 %, 0.5 s, 7 starts" in row
    unfinished = [record for record in made if record["what"] != "end"]
    assert found(unfinished) == [] and report(unfinished) == ""


@pytest.mark.parametrize(
    ("gap", "seconds", "met"),
    [(1e-8, 0.5, [True, True]), (1e-6, 0.5, [False, False]), (1e-8, 3.0, [False, True])],
)
def test_targets_say_whether_they_are_met(gap: float, seconds: float, met: list[bool]) -> None:
    rows = list(targets(found(records(gap, seconds))))
    assert [row["met"] for row in rows] == met
    assert [row["how many"] for row in rows] == [12, 2]


@pytest.mark.parametrize(("share", "text"), [(0.0899, "8.99 %"), (1e-9, "0.0000 %"), (2e-4, "0.0200 %")])
def test_percentages(share: float, text: str) -> None:
    assert percent(share) == text


def test_the_command_goes_on_where_it_ended_and_writes_the_page(tmp_path: Path) -> None:
    page, results = tmp_path / "page.md", tmp_path / "results.jsonl"
    page.write_text(f"{BEGIN}\n<!-- results: end -->\n")
    for record in records(1e-8, 0.5):
        if record["case"] != CASES[-1].name or record["strength"] != 0.1:
            append(results, record)
    asked = ["reproduction", "--results", str(results), "--page", str(page), "--only", "nothing"]
    assert CliRunner().invoke(main, asked).exit_code == 0
    assert "| random25_0" in page.read_text()
    assert [record["what"] for record in read(results)].count("machine") == 1
    assert BEGIN in REPRODUCTION_PAGE.read_text(encoding="utf-8")

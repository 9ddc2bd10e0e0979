from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import PAGE, main
from benchmarks.report import BEGIN, END, report, shown, with_report
from benchmarks.results import append, read
from benchmarks.running import in_a_process
from benchmarks.summary import Summary

SIZES = {"outputs": 1, "patterns": 5, "rank": 2, "greatest": 10.0}


def run(solver: str, seconds: float, objective: float, bound: float, **more: object) -> dict[str, object]:
    return {
        "what": "run",
        "problem": "teacher 200",
        "share": 0.1,
        "solver": solver,
        "status": "solved",
        "seconds": seconds,
        "memory": 100.0,
        "iterations": 7,
        "history": [],
        "objective": objective,
        "network": objective,
        "violation": 0.0,
        "bound": bound,
        **more,
    }


RECORDS = [
    {"what": "machine", "processor": "a processor", "cores": 2, "gigabytes": 8, "system": "Linux", "python": "3.11",
     "versions": {"numpy": "2"}, "date": "2030-01-01"},
    {"what": "problem", "problem": "teacher 200", "loss": "squared", "gated": False, "n": 20, "d": 2, **SIZES},
    *(
        run("newton", seconds, 1.0, 1.0 - 1e-8, history=[[0.1, 1, 2.0, 0.9], [seconds, 7, 1.0, 1e-8]])
        for seconds in (0.2, 0.6, 0.4)
    ),
    run("cvxpy", 20.0, 1.0 + 1e-8, 0.5),
    run("pyscnn al", 30.0, 2.0, 0.1),
    {"what": "run", "problem": "teacher 200", "share": 0.1, "solver": "torch", "status": "not installed"},
    {"what": "run", "problem": "teacher 200", "share": 0.1, "solver": "admm", "status": "stopped"},
]  # fmt: skip


def test_gaps_are_measured_against_the_best_bound_that_anybody_proved() -> None:
    outcomes = Summary.of(RECORDS).outcomes
    newton, cvxpy, pyscnn = (outcomes["teacher 200", 0.1, solver] for solver in ("newton", "cvxpy", "pyscnn al"))
    assert newton.bound == cvxpy.bound == 1.0 - 1e-8
    assert cvxpy.gap == pytest.approx(2e-8, rel=1e-6)
    assert pyscnn.gap == pytest.approx(0.5, rel=1e-6)
    assert newton.seconds_to(1e-6) == newton.number("seconds") == 0.4  # the median
    assert (cvxpy.seconds_to(1e-6), pyscnn.seconds_to(1e-2)) == (20.0, None)
    assert newton.seconds_to_objective(2.0) == 0.1


def test_targets_say_whether_they_are_met() -> None:
    text = report(RECORDS)
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("|")}
    clarabel = next(row for name, row in rows.items() if name.startswith("squared loss"))
    assert "50" in clarabel and "yes" in clarabel
    pyscnn = next(row for name, row in rows.items() if "augmented Lagrangian" in name)
    assert "300" in pyscnn and "yes" in pyscnn
    assert not any("hinge" in name for name in rows)


def test_the_report_names_what_was_not_installed_and_what_did_not_end() -> None:
    text = report(RECORDS)
    assert "Not installed, so left out: torch." in text
    stopped = next(line for line in text.splitlines() if line.startswith("| admm") and "stopped" in line)
    assert "–" in stopped


def test_the_report_goes_between_the_markers_of_the_page() -> None:
    page = with_report(f"before\n{BEGIN}\nold\n{END}\nafter\n", "new")
    assert page == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    with pytest.raises(ValueError):
        with_report("no markers", "new")
    assert BEGIN in PAGE.read_text(encoding="utf-8")


def test_results_survive_a_line_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    append(path, {"what": "machine"})
    path.write_text(path.read_text() + '{"what": "ru')
    append(path, {"what": "problem"})
    assert [record["what"] for record in read(path)] == ["machine", "problem"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (True, "yes"), (0.0, "0"), (1.0, "1"), (0.123456, "0.123"), (12345.6, "12346"), (1.5e-8, "1.5e-08"),
     (7, "7"), (float("nan"), "–"), (100.0, "100"), (1e-3, "0.001")],
)  # fmt: skip
def test_numbers_are_shown_with_three_digits(value: object, text: str) -> None:
    assert shown(value) == text


def test_the_commands_list_refuse_and_render(tmp_path: Path) -> None:
    runner = CliRunner()
    listed = runner.invoke(main, ["run", "--list", "--problems", "iris", "--solvers", "newton,cvxpy"])
    assert listed.output.splitlines() == ["iris | 0.01 | newton", "iris | 0.01 | cvxpy"]
    refused = runner.invoke(main, ["run", "--problems", "irs"])
    assert refused.exit_code == 2
    assert "'irs'" in refused.output
    page, results = tmp_path / "page.md", tmp_path / "results.jsonl"
    page.write_text(f"{BEGIN}\n{END}\n")
    results.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    assert runner.invoke(main, ["render", "--results", str(results), "--page", str(page)]).exit_code == 0
    assert "a processor" in page.read_text()


def test_a_run_measures_in_processes_of_its_own_and_goes_on_where_it_ended(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    asked = ["run", "--results", str(results), "--only", "iris | 0.01 | newton", "--repetitions", "1"]
    first = CliRunner().invoke(main, asked)
    assert first.exit_code == 0, first.output
    kept = results.read_text()
    (found,) = (record for record in read(results) if record["what"] == "run")
    assert found["status"] == "solved"
    assert found["objective"] - found["bound"] <= 1e-6 * found["objective"]
    assert found["history"][-1][3] <= 1e-6
    CliRunner().invoke(main, asked)
    assert results.read_text() == kept


def test_a_run_that_does_not_end_is_ended_and_said_to_be(tmp_path: Path) -> None:
    asked = {"what": "run", "problem": "teacher 2000", "share": 0.1, "solver": "cvxpy", "limit": -8.0, "greatest": 1e3}
    assert in_a_process(asked, 100.0)["status"] == "time limit"

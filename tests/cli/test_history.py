"""The history of a solve: in the solution, as a table, as a picture."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import reludsl
from reludsl.backend import Progress
from reludsl.progress import _line
from tests.cli.running import run

COLUMNS = ["iteration", "seconds", "objective", "bound", "gap", "primal_residual", "dual_residual", "active"]
BACKENDS = ["newton", "admm", "cvxpy", "descent"]

pytestmark = pytest.mark.usefixtures("folder")


def solved(backend: str = "newton", **options: Any) -> reludsl.Solution:
    return reludsl.solve("spec.relu", "data.csv", backend=backend, **options)


# -- the moments -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("backend", ["newton", "cvxpy"])
def test_it_ends_at_the_result_in_its_units(backend: str, reduction: str, folder: Path) -> None:
    text = (folder / "spec.relu").read_text().replace("loss squared", f"loss squared {{ reduction = {reduction} }}")
    solution = reludsl.solve(text, "data.csv", backend=backend)
    last = solution.history[-1]
    assert last.objective == pytest.approx(solution.program_objective, rel=1e-5)
    assert last.iteration == solution.iterations
    if backend == "newton":
        assert solution.bound is not None and last.gap is not None
        assert last.bound == pytest.approx(solution.bound.value, rel=1e-5)
        assert last.gap == pytest.approx(solution.bound.gap, abs=1e-6)
        assert last.active == solution.neurons


@pytest.mark.parametrize("backend", BACKENDS)
def test_iterations_and_seconds_go_on(backend: str) -> None:
    history = solved(backend).history
    for before, after in pairwise(history):
        assert before.iteration < after.iteration and before.seconds <= after.seconds


def test_bounds_only_get_better_and_hold() -> None:
    solution = solved()
    bounds = [state.bound for state in solution.history if state.bound is not None]
    assert len(bounds) == len(solution.history) and bounds == sorted(bounds)
    assert all(bound <= solution.objective * (1 + 1e-9) for bound in bounds)


def test_the_gap_of_a_moment() -> None:
    state = Progress(1, -4.0, 0.0, 0.0, 0.1, bound=-5.0)
    assert state.gap == 0.25
    assert replace(state, bound=None).gap is None
    assert replace(state, objective=0.0, bound=0.0).gap == 0.0
    assert replace(state, objective=-6.0).gap == pytest.approx(-1 / 6), "a point outside its constraints"


# -- the table ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_table(backend: str) -> None:
    solution = solved(backend)
    table = solution.history_table()
    assert table.columns == COLUMNS and len(table) == len(solution.history)
    assert table["objective"].to_list() == [state.objective for state in solution.history]
    assert table["bound"].to_list() == [state.bound for state in solution.history]
    assert table.dtypes == [pl.Int64, *[pl.Float64] * 6, pl.Int64], "columns without any value have their type too"
    assert replace(solution, history=()).history_table().schema == table.schema


@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_the_table_as_a_file(ending: str) -> None:
    result = run("solve", "spec.relu", "--data", "data.csv", "--history", f"history.{ending}")
    assert result.code == 0 and result.stdout.splitlines()[-1].split() == ["history", "in", f"history.{ending}"]
    read: Any = {"csv": pl.read_csv, "parquet": pl.read_parquet, "json": pl.read_json}[ending]
    found, expected = read(f"history.{ending}"), solved().history_table()
    assert found.drop("seconds").equals(expected.drop("seconds"))


def test_machines_get_the_object_alone() -> None:
    result = run("solve", "spec.relu", "--data", "data.csv", "--history", "h.csv", "--json")
    assert json.loads(result.stdout)["status"] == "solved" and Path("h.csv").exists()


@pytest.mark.parametrize(
    ("option", "code"),
    [
        (("--history", "history.xlsx"), "D302"),
        (("--history", "nowhere/history.csv"), "D330"),
        (("--plot", "picture.gif"), "D302"),
        (("--plot", "nowhere/picture.png"), "D330"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(
    option: tuple[str, str], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worked(*arguments: object) -> None:
        raise AssertionError("the solver ran")

    monkeypatch.setattr("reludsl.pipeline.Compilation.solve", worked)
    result = run("solve", "spec.relu", "--data", "data.csv", *option)
    assert result.code == 1 and f"error[{code}]" in result.stderr


# -- the picture -------------------------------------------------------------------------------------------------


@pytest.fixture
def pyplot() -> Any:
    matplotlib = pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")
    matplotlib.use("Agg")
    import matplotlib.pyplot

    yield matplotlib.pyplot
    matplotlib.pyplot.close("all")


def titles(axes: Any) -> list[str]:
    return [place.get_ylabel() for place in axes]


def curves(place: Any) -> dict[str, list[float]]:
    return {line.get_label(): list(line.get_ydata()) for line in place.get_lines()}


@pytest.mark.usefixtures("pyplot")
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_panel_for_all_that_is_known(backend: str) -> None:
    solution = solved(backend)
    axes = solution.plot()
    bounded, active = ({getattr(state, name) for state in solution.history} != {None} for name in ("bound", "active"))
    expected = ["objective", "relative gap", "residual / tolerance", "active columns"]
    kept = [True, bounded, True, active]
    assert titles(axes) == [title for title, known in zip(expected, kept, strict=True) if known]
    assert curves(axes[0])["objective"] == [state.objective for state in solution.history]
    assert ("bound" in curves(axes[0])) == (solution.bound is not None)
    logarithmic = ("relative gap", "residual / tolerance")
    assert all((place.get_yscale() == "log") == (place.get_ylabel() in logarithmic) for place in axes[1:])
    assert [place.get_xlabel() for place in axes] == [*[""] * (len(axes) - 1), "iteration"]


@pytest.mark.usefixtures("pyplot")
def test_newton_draws_all_four() -> None:
    solution = solved()
    axes = solution.plot(against="seconds")
    assert len(axes) == 4 and axes[-1].get_xlabel() == "seconds"
    assert curves(axes[0])["bound"] == [state.bound for state in solution.history]
    assert curves(axes[1])["gap"] == [state.gap for state in solution.history]
    assert curves(axes[3])["active"] == [state.active for state in solution.history]
    assert list(axes[0].get_lines()[0].get_xdata()) == [state.seconds for state in solution.history]


def test_given_axes(pyplot: Any) -> None:
    solution = solved()
    figure, grid = pyplot.subplots(2, 3)
    assert solution.plot(grid) == tuple(grid.ravel()[:4])
    assert not grid[1, 1].get_lines(), "the rest stays as it is"
    single = figure.add_subplot()
    assert solution.plot(single) == (single,) and single.get_ylabel() == "objective"
    assert titles(solution.plot([grid[0, 0], grid[0, 1]])) == ["objective", "relative gap"]


@pytest.mark.usefixtures("pyplot")
@pytest.mark.parametrize("values", [(-3.0, -5.0), (0.0, 0.0), (100.0, 1e-3), (math.inf, 1.0), (2.0, -math.inf)])
def test_any_single_moment_can_be_drawn(values: tuple[float, float]) -> None:
    objective, bound = values
    state = Progress(0, objective, 0.0, 0.0, 0.0, bound=bound, active=0)
    axes = replace(solved(), history=(state,)).plot()
    axes[0].figure.canvas.draw()
    assert (axes[0].get_yscale() == "log") == (values == (100.0, 1e-3))


@pytest.mark.usefixtures("pyplot")
def test_without_a_history_the_result_is_drawn() -> None:
    solution = replace(solved(), history=())
    (place,) = solution.plot()
    assert curves(place) == {"objective": [solution.objective] * 2, "bound": [solution.bound.value] * 2}  # type: ignore[union-attr]


@pytest.mark.usefixtures("pyplot")
def test_another_abscissa() -> None:
    with pytest.raises(ValueError, match="against is 'time'"):
        solved().plot(against="time")  # type: ignore[arg-type]


@pytest.mark.usefixtures("pyplot")
@pytest.mark.parametrize(("ending", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("SVG", b"<?xml")])
def test_the_picture_as_a_file(ending: str, magic: bytes, folder: Path) -> None:
    result = run("solve", "spec.relu", "--data", "data.csv", "--plot", f"picture.{ending}", "--backend", "descent")
    assert result.code == 0 and result.stdout.splitlines()[-1].split() == ["plot", "in", f"picture.{ending}"]
    assert (folder / f"picture.{ending}").read_bytes().startswith(magic)
    assert not list(folder.glob(".picture*")), "nothing temporary stays"


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reludsl.plots.find_spec", lambda name: None)
    result = run("solve", "spec.relu", "--data", "data.csv", "--plot", "picture.png")
    assert result.code == 2 and "reludsl[plot]" in result.stderr
    for draw in (solved().plot, lambda: solved().save_plot("picture.png")):
        with pytest.raises(ImportError, match=r"reludsl\[plot\]"):
            draw()
    assert not Path("picture.png").exists()


# -- the line that moves -----------------------------------------------------------------------------------------


def test_the_line_shows_what_is_known() -> None:
    state = Progress(7, 12.5, 3.0, 4.0, 1.0)
    assert " ".join(_line(state).split()) == "iteration 7 objective 12.5 residuals 3.0e+00 4.0e+00"
    known = replace(state, bound=12.0, active=9)
    assert " ".join(_line(known).split()) == "iteration 7 objective 12.5 bound 12 gap 4.0e-02 active columns 9"
    later = replace(known, iteration=12345, objective=-1.23456789e-5, bound=-2.0)
    assert [_line(later).index(word) for word in ("bound", "gap", "active")] == [
        _line(known).index(word) for word in ("bound", "gap", "active")
    ], "columns stay where they are"

"""`reludsl path` and `reludsl.path`: grids, warm starts, cross-validation, the choice of a value, and files."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

import reludsl
from reludsl.backend import Outcome
from reludsl.data.binding import Split, bind
from reludsl.data.folds import folds
from reludsl.data.tables import Table, read_table
from reludsl.paths import further
from reludsl.pipeline import Compilation
from tests.cli.conftest import LABELS, SPEC
from tests.cli.running import Result, run

pytestmark = pytest.mark.usefixtures("folder")

GRID = "beta=geomspace(0.05, 2, 4)"
ROW = [
    *("values", "status", "objective", "bound", "gap", "width", "train", "validation", "iterations", "seconds"),
    *("folds", "message"),
]


def path(*more: str, spec: str = "spec.relu", data: str = "data.csv", grid: str = GRID) -> Result:
    return run("path", spec, "--data", data, "--set", grid, *more)


def found(*more: str, **files: str) -> Any:
    result = path("--json", *more, **files)
    assert result.code == 0, result.stderr
    return json.loads(result.stdout)


# -- grids -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("logspace(-1, 1, 3)", np.logspace(-1, 1, 3)),
        ("linspace(2, 0.5, 4)", np.linspace(2, 0.5, 4)),
        ("geomspace(0.5, 2, 3)", np.geomspace(0.5, 2, 3)),
        ("linspace(8/255, 2*beta, 2)", [8 / 255, 0.2]),
        ("[0.5, 3, 1/4]", [0.5, 3, 0.25]),
        ("logspace(0, 5, 1)", [1]),
        ([0.5, 3], [0.5, 3]),
        ((0.5, 3), [0.5, 3]),
        (np.array([0.5, 1e-3]), [0.5, 1e-3]),
        (np.geomspace(1, 2, 3, dtype=np.float32), np.geomspace(1, 2, 3, dtype=np.float32).astype(float)),
    ],
)
def test_values_come_in_the_order_given(written: Any, expected: list[float]) -> None:
    rows = reludsl.path("spec.relu", "data.csv", set={"beta": written}).rows
    assert [row.values["beta"] for row in rows] == pytest.approx(list(expected), rel=1e-15)


def test_several_grids_make_a_product_and_single_values_stay() -> None:
    spec = SPEC.replace("beta = 0.1", "beta = 0.1, gamma = 1, delta = 0").replace("= beta }", "= beta*gamma + delta }")
    result = reludsl.path(spec, "data.csv", set={"beta": [0.1, 0.2], "gamma": "[1, 2, 3]", "delta": "1/4"})
    assert [tuple(row.values.values()) for row in result.rows] == [
        (beta, gamma, 0.25) for beta in (0.1, 0.2) for gamma in (1, 2, 3)
    ]
    for row, solution in zip(result.rows, result.solutions, strict=True):
        assert solution is not None and dict(solution.network.description["hyperparameters"]) == row.values


def test_entries_of_a_grid_see_what_else_is_set() -> None:
    spec = SPEC.replace("beta = 0.1", "beta = 0.1, gamma = 1").replace("= beta }", "= beta*gamma }")
    result = reludsl.path(spec, "data.csv", set={"gamma": "[1, 2]", "beta": "[gamma/4, 0.5]"})
    assert [row.values["beta"] for row in result.rows] == [0.25, 0.5, 0.5, 0.5]


# -- warm starts -------------------------------------------------------------------------------------------------

LOSSES = {
    "squared": SPEC,
    "huber": SPEC.replace("loss squared", "loss huber"),
    "logistic": LABELS.replace("loss squared", "loss logistic"),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("backend", ["newton", "admm", "cvxpy"])
@pytest.mark.parametrize("values", [[0.5, 1.0, 2.0], [2.0, 1.0, 0.5]], ids=["up", "down"])
def test_warm_solves_agree_with_cold_ones(loss: str, backend: str, values: list[float]) -> None:
    data = "labels.csv" if loss == "logistic" else "data.csv"
    warm = reludsl.path(LOSSES[loss], data, set={"beta": values}, backend=backend)
    for row, value in zip(warm.rows, values, strict=True):
        cold = reludsl.solve(LOSSES[loss], data, set={"beta": value}, backend=backend)
        assert row.status == "solved" and row.objective == pytest.approx(cold.objective, rel=1e-4)
        assert row.bound is not None and cold.bound is not None
        assert row.bound <= cold.program_objective * (1 + 1e-9)
        assert cold.bound.value <= row.objective * (1 + 1e-9)
        assert row.train == pytest.approx(cold.metrics["train"]["accuracy" if loss == "logistic" else "rmse"], rel=1e-2)


def test_a_warm_start_saves_iterations() -> None:
    values = np.geomspace(0.1, 0.2, 5)
    warm = reludsl.path("spec.relu", "data.csv", set={"beta": values})
    cold = [reludsl.solve("spec.relu", "data.csv", set={"beta": value}).iterations or 0 for value in values]
    assert sum(row.iterations or 0 for row in warm.rows) < sum(cold)
    assert warm.rows[-1].iterations == cold[-1]  # the strongest regularization is solved first, without a start


def test_data_and_patterns_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from reludsl.lowering.pattern_program import PatternProgram

    made: list[object] = []
    real = PatternProgram.bind
    monkeypatch.setattr(
        PatternProgram, "bind", lambda self, samples, encoding: made.append(samples) or real(self, samples, encoding)
    )
    reludsl.path("spec.relu", "data.csv", set={"beta": [0.1, 0.2, 0.4]}, folds=3)
    assert len(made) == 4, "one for all training rows, one for the rows outside each fold"


@pytest.mark.parametrize(
    ("first", "second", "third", "expected"),
    [
        ([1], [10], [100], 1),
        ([1], [10], [10**1.5], 0.5),
        ([0], [1], [3], 2),
        ([1, 2], [2, 2], [4, 2], 1),
        ([1, 2], [2, 4], [4, 8], 1),
        ([1, 2], [2, 2], [1, 4], 0),  # a new row of a product grid
        ([1], [2], [1], 0),
        ([1], [1], [2], 0),
        ([1], [2], [1000], 0),
    ],
)
def test_how_much_further_the_next_values_lie(
    first: list[float], second: list[float], third: list[float], expected: float
) -> None:
    assert further(first, second, third) == pytest.approx(expected, abs=1e-12)


def test_an_earlier_solution_can_start_several_solves() -> None:
    first = Compilation(reludsl.api.read_source("spec.relu"))
    bound = first.bind("data.csv")
    solution = first.solve(bound)
    again = [reludsl.api.compilation_of("spec.relu", {"beta": 0.2}).solve(bound, after=solution) for _ in range(2)]
    assert again[0].iterations == again[1].iterations and again[0].objective == again[1].objective


# -- validation --------------------------------------------------------------------------------------------------


def plain_folds(y: np.ndarray, labelled: bool, count: int, seed: int) -> np.ndarray:
    """Which fold each row belongs to: shuffled rows are dealt label by label."""
    order = np.random.default_rng(seed).permutation(len(y)).tolist()
    groups = [[i for i in order if y[i] == label] for label in sorted(set(y.tolist()))] if labelled else [order]
    fold = np.empty(len(y), dtype=int)
    for place, row in enumerate(row for group in groups for row in group):
        fold[row] = place % count
    return fold


@pytest.mark.parametrize("kind", ["spec", "labels"])
def test_cross_validation_is_what_it_is(kind: str) -> None:
    """Against solves of the same folds, each from scratch, with its own scaling, judged by predictions."""
    labelled = kind == "labels"
    spec, data = f"{kind}.relu", "labels.csv" if labelled else "data.csv"
    table = polars.read_csv(data)
    y = table["y"].to_numpy()
    fold = plain_folds(y == "M" if labelled else y, labelled, 3, seed=7)
    result = reludsl.path(spec, data, set={"beta": [0.05, 0.5]}, folds=3, split_seed=7)
    assert result.chosen_by == "folds"
    for row in result.rows:
        scores = []
        for number in range(3):
            train, held = table.filter(fold != number), table.filter(fold == number)
            network = reludsl.solve(spec, train, set=dict(row.values)).network
            predicted, truth = network.predict(held), held["y"].to_numpy()
            scores.append(np.mean(predicted == truth) if labelled else np.sqrt(np.mean((predicted - truth) ** 2)))
        assert row.folds == pytest.approx(scores, rel=1e-2)
        assert row.validation == pytest.approx(np.mean(row.folds), rel=1e-12)


@pytest.mark.parametrize("type_", ["binary", "categorical"])
@pytest.mark.parametrize("seed", range(5))
def test_folds_are_stratified_and_take_every_training_row_once(type_: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows, count = 50, 4
    labels = generator.choice(["a", "b"] if type_ == "binary" else ["a", "b", "c"], rows)
    labels[:3] = ["a", "b", labels[2]] if type_ == "binary" else ["a", "b", "c"]
    options = 'binary[n] { positive = "b" }' if type_ == "binary" else "categorical[n, k]"
    spec = SPEC.replace("vector[n]", options)
    if type_ == "categorical":
        spec = spec.replace("two_layer {", "two_layer { outputs = separate,")
    model = reludsl.check(spec).model
    assert model is not None
    table = Table("data", {"a": generator.standard_normal(rows), "y": labels.astype(object)}, columnar=True)
    train = Split.drawn(rows, 0.2, seed).train
    splits = folds(bind(model, table, holdout=0.2, split_seed=seed), train, count, seed)
    assert np.array_equal(sum(split.held.astype(int) for split in splits), train.astype(int))
    for split in splits:
        assert not np.any(split.train & split.held) and np.array_equal(split.train | split.held, train)
    for part in [train, *(train & (labels == label) for label in set(labels))]:
        sizes = [int((split.held & part).sum()) for split in splits]
        assert max(sizes) - min(sizes) <= 1


def test_each_fold_learns_its_own_scaling() -> None:
    model = reludsl.check("spec.relu").model
    assert model is not None
    table = read_table("data.csv")
    splits = folds(bind(model, table), np.ones(table.rows, dtype=bool), 4, 0)
    for split in splits:
        bound = bind(model, table, split=split)
        assert bound.encoding.offset == pytest.approx(
            [table.arrays[name][split.train].mean() for name in ("a", "b")], rel=1e-12
        )
        assert bound.train.X.mean(axis=0) == pytest.approx(np.zeros(2), abs=1e-12)
        assert bound.test is not None and len(bound.test.X) == split.held.sum()


def test_folds_stay_within_the_training_rows(folder: Path) -> None:
    """What is held out has no part in anything: whatever its targets are, the folds come out the same."""
    held = ~Split.drawn(16, 0.25, 3).train
    lines = (folder / "data.csv").read_text().splitlines()
    spoiled = [f"{line.rsplit(',', 1)[0]},1000" if out else line for line, out in zip(lines[1:], held, strict=True)]
    (folder / "spoiled.csv").write_text("\n".join([lines[0], *spoiled]) + "\n")
    options: dict[str, Any] = {"set": {"beta": [0.05, 0.5, 2]}, "folds": 3, "holdout": 0.25, "split_seed": 3}
    first, second = (reludsl.path("spec.relu", data, **options) for data in ("data.csv", "spoiled.csv"))
    assert [row.folds for row in first.rows] == [row.folds for row in second.rows]
    assert first.best is not None and second.best is not None and first.best.values == second.best.values
    assert first.test is not None and second.test is not None and first.test != second.test


# -- the choice --------------------------------------------------------------------------------------------------


def one_neuron(rows: int, noise: float, seed: int) -> dict[str, np.ndarray]:
    """Samples of y = max(0, a) with noise."""
    generator = np.random.default_rng(seed)
    a, b = generator.standard_normal((2, rows))
    return {"a": a, "b": b, "y": np.maximum(a, 0) + noise * generator.standard_normal(rows)}


def test_the_best_value_is_the_best_on_rows_not_trained_on() -> None:
    """Of no, moderate and absurd regularization on few noisy samples, the moderate one predicts best."""
    few, many = one_neuron(20, 0.5, 0), one_neuron(500, 0.0, 1)
    result = reludsl.path("spec.relu", few, set={"beta": [1e-3, 2.0, 1e4]}, test=many)
    assert result.best is result.rows[1] and result.chosen_by == "held-out rows"
    assert result.rows[0].train is not None and result.rows[1].train is not None
    assert result.rows[0].train < result.rows[1].train, "the training rows would have chosen another"
    for row, solution in zip(result.rows, result.solutions, strict=True):
        assert solution is not None
        truth = np.sqrt(np.mean((solution.network.predict(many) - many["y"]) ** 2))
        assert row.validation == pytest.approx(truth, rel=1e-9)
    assert result.test is None, "rows that chose do not judge"
    assert "no longer judge" in str(result)


def test_test_rows_never_choose_where_there_are_folds() -> None:
    few, many = one_neuron(30, 0.5, 0), one_neuron(100, 0.5, 1)
    opposite = {**many, "y": -100 * many["y"]}
    options: dict[str, Any] = {"set": {"beta": [0.1, 2.0, 1e4]}, "folds": 3}
    first, second, without = (reludsl.path("spec.relu", few, test=test, **options) for test in (many, opposite, None))
    assert first.best is not None and second.best is not None and without.best is not None
    assert first.best.values == second.best.values == without.best.values
    assert [row.validation for row in first.rows] == [row.validation for row in second.rows]
    assert first.best_solution is not None
    assert first.test == first.best_solution.metrics["test"] and without.test is None
    assert "test" not in first.table().columns


def test_equal_scores_go_to_the_simpler_model() -> None:
    """Points far from the boundary between two classes are told apart whatever the strength is."""
    generator = np.random.default_rng(0)
    a = np.concatenate([generator.uniform(2, 3, 12), generator.uniform(-3, -2, 12)])
    data = {"a": a, "b": generator.standard_normal(24), "y": np.sign(a)}
    spec = LABELS.replace(' { positive = "M" }', "")
    result = reludsl.path(spec, data, set={"beta": [0.1, 2.0, 0.5]}, folds=3)
    assert [row.validation for row in result.rows] == [1.0, 1.0, 1.0]
    assert result.best is result.rows[1]


def test_nothing_is_chosen_without_validation() -> None:
    result = reludsl.path("spec.relu", "data.csv", set={"beta": [0.1, 1]})
    assert result.best is None and result.best_solution is None and result.chosen_by is None
    assert "no best value is named" in str(result)
    assert "validation" not in result.table().columns
    refused = path("--save", "net.npz")
    assert refused.code == 2 and "--folds" in refused.stderr


def test_the_saved_network_is_that_of_the_best_value(folder: Path) -> None:
    result = found("--folds", "3", "--save", "net.npz")
    best = result["rows"][result["best"]]
    network = reludsl.load("net.npz")
    assert network.description["hyperparameters"] == best["values"] and result["network"] == "net.npz"
    assert network.objective("data.csv") == pytest.approx(best["objective"], rel=1e-9), "trained on all training rows"


# -- ends --------------------------------------------------------------------------------------------------------


def _pressing(at: str) -> Callable[[str], Callable[[object], bool]]:
    """Ctrl-C at the first progress of the solve whose name contains `at`."""

    def monitor_for(name: str) -> Callable[[object], bool]:
        def press(progress: object) -> bool:
            if at in name and not pressed:
                pressed.append(name)
                signal.raise_signal(signal.SIGINT)
            return False

        return press

    pressed: list[str] = []
    return monitor_for


@pytest.mark.parametrize(("at", "statuses"), [("2 of 4", ["interrupted", "solved"]), ("4, beta", ["interrupted"])])
def test_ctrl_c_keeps_what_was_solved(at: str, statuses: list[str]) -> None:
    spec = SPEC + "solver admm { tolerance = 1e-9 }\n"
    options: dict[str, Any] = {"set": {"beta": "geomspace(0.05, 2, 4)"}, "test": "data.csv"}
    before = signal.getsignal(signal.SIGINT)
    result = reludsl.path(spec, "data.csv", monitor_for=_pressing(at), **options)
    assert [row.status for row in result.rows] == statuses and result.status == "interrupted"
    assert "interrupted" in str(result)
    assert result.best is (result.rows[-1] if len(statuses) > 1 else None), "an interrupted network is never the best"
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_in_a_fold_ends_the_path_too() -> None:
    spec = SPEC + "solver admm { tolerance = 1e-9 }\n"
    options: dict[str, Any] = {"set": {"beta": [0.1, 0.5, 1]}, "folds": 3}
    result = reludsl.path(spec, "data.csv", monitor_for=_pressing("2 of 3, beta = 0.5, fold 2"), **options)
    assert result.status == "interrupted" and [row.status for row in result.rows] == ["solved", "solved"]
    assert result.rows[0].validation is None and len(result.rows[0].folds) == 1
    assert result.best is result.rows[1]


def test_a_solve_that_fails_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    from reludsl.backends.newton import NewtonBackend

    real, calls = NewtonBackend.solve, []

    def solve(self: Any, *arguments: Any) -> Outcome:
        calls.append(1)
        return Outcome("failed", None, message="it broke down") if len(calls) == 2 else real(self, *arguments)

    monkeypatch.setattr(NewtonBackend, "solve", solve)
    result = reludsl.path("spec.relu", "data.csv", set={"beta": [0.1, 0.2, 0.4]}, test="data.csv")
    assert [row.status for row in result.rows] == ["solved", "failed", "solved"]
    assert result.rows[1].message == "it broke down" and result.solutions[1] is None
    assert result.best is result.rows[0] and result.status == "complete"
    cold = reludsl.solve("spec.relu", "data.csv", set={"beta": 0.4})
    assert result.rows[2].objective == pytest.approx(cold.objective, rel=1e-4)


def test_a_path_without_any_solution_has_its_exit_code(folder: Path) -> None:
    (folder / "spec.relu").write_text(SPEC + "solver cvxpy { method = scipy }\n")
    assert path().code == 3


def test_paths_are_refused_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def worked(*arguments: object) -> None:
        raise AssertionError("the solver ran")

    monkeypatch.setattr("reludsl.pipeline.Compilation.solve", worked)
    for more in (["-o", "nowhere/t.csv"], ["-o", "t.txt"], ["-o", "."], ["--folds", "2", "--save", "nowhere/n.npz"]):
        result = path(*more)
        assert result.code == 1 and "error[D3" in result.stderr


def test_usage() -> None:
    assert path("--test", "data.csv", "--holdout", "0.2").code == 2
    assert path("--folds", "1").code == 2
    with pytest.raises(ValueError, match="folds"):
        reludsl.path("spec.relu", "data.csv", set={"beta": [1, 2]}, folds=1)


def test_the_time_limit_is_for_each_solve() -> None:
    spec = SPEC + "solver admm { tolerance = 1e-15, max_iterations = 1000000000 }\n"
    result = reludsl.path(spec, "data.csv", set={"beta": [0.1, 1]}, time_limit=1e-6)
    assert [row.status for row in result.rows] == ["limit", "limit"] and result.status == "complete"


# -- what is written ---------------------------------------------------------------------------------------------


def test_the_object_has_the_documented_fields_in_their_order() -> None:
    result = found("--folds", "2", "--holdout", "0.25")
    assert list(result) == ["status", "metric", "chosen_by", "best", "test", "rows", "network"]
    assert (result["status"], result["metric"], result["chosen_by"]) == ("complete", "rmse", "folds")
    assert list(result["test"]) == ["rmse", "r2"] and result["network"] is None
    for row in result["rows"]:
        assert list(row) == ROW
        assert list(row["values"]) == ["beta"] and len(row["folds"]) == 2 and row["seconds"] > 0
    scores = [row["validation"] for row in result["rows"]]
    assert result["best"] == scores.index(min(scores))
    assert found(spec="labels.relu", data="labels.csv")["metric"] == "accuracy"


def test_python_gives_the_same() -> None:
    mine, theirs = reludsl.path("spec.relu", "data.csv", set={"beta": "geomspace(0.05, 2, 4)"}).to_json(), found()
    for row in (*mine["rows"], *theirs["rows"]):
        del row["seconds"]
    assert mine == theirs


@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_the_table_comes_back_as_it_was(ending: str) -> None:
    result = found("--holdout", "0.25", "-o", f"table.{ending}")
    read = {"csv": polars.read_csv, "parquet": polars.read_parquet, "json": polars.read_json}[ending]
    table = read(f"table.{ending}")
    assert table.columns == ["beta", *ROW[1:10]]
    for name in ("status", "objective", "bound", "width", "train", "validation", "iterations"):
        assert table[name].to_list() == [row[name] for row in result["rows"]], name
    assert table["beta"].to_list() == [row["values"]["beta"] for row in result["rows"]]


def test_a_network_without_neurons_can_be_saved() -> None:
    result = path("--folds", "2", "--save", "net.npz", grid="beta=[1e4, 2e4]")
    assert result.code == 0, result.stderr
    assert reludsl.load("net.npz").width == 0


def test_hyperparameters_may_be_called_like_results() -> None:
    spec = SPEC.replace("beta", "width")
    table = reludsl.path(spec, "data.csv", set={"width": [0.1, 1]}).table()
    assert table.columns[:2] == ["width_", "status"] and table["width_"].to_list() == [0.1, 1]


def test_the_report_marks_the_best_row() -> None:
    lines = path("--folds", "2").stdout.splitlines()
    result = found("--folds", "2")
    marked = [i for i, line in enumerate(lines[1:5]) if line.startswith("→")]
    assert marked == [result["best"]]
    assert lines[0].split() == ["beta", *ROW[1:10]]
    assert any(line.startswith("best: beta = ") for line in lines)


def test_plot() -> None:
    matplotlib = pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")
    matplotlib.use("Agg")
    result = reludsl.path("spec.relu", "data.csv", set={"beta": "geomspace(0.05, 2, 3)"}, holdout=0.25)
    axes = result.plot()
    drawn = {line.get_label(): line for line in axes.get_lines()}
    assert set(drawn) == {"train", "validation", "best"}
    assert list(drawn["validation"].get_ydata()) == [row.validation for row in result.rows]
    assert axes.get_xscale() == "log" and axes.get_xlabel() == "beta"

"""The examples: each is checked, solved by every backend that takes it, saved, and predicts what was reported."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

import reludsl
from reludsl.cli import cli
from tests.docs.transcript import ROOT, Shell, check_page, copy_of_examples

EXAMPLES = ROOT / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/*.csv") if path.stem == path.parent.name)
CONVEX = ("newton", "admm", "cvxpy")  # `splitting` takes relaxations alone, `picos` solves the same as `cvxpy`, slowly
HOLDOUT = {"breast_cancer": 0.3, "diabetes": 0.3, "iris": 0.3, "robust_regression": 0.0, "toy_2d": 0.0}
EXACT = ("robust_regression", "toy_2d")
STRENGTHS = {"breast_cancer": "accuracy", "diabetes": "rmse", "iris": "accuracy"}

every_example = pytest.mark.parametrize("name", NAMES)


@dataclass
class Solutions:
    """Solves each example by each backend at most once."""

    found: dict[tuple[str, str], reludsl.Solution] = field(default_factory=dict)

    def __call__(self, name: str, backend: str) -> reludsl.Solution:
        if (name, backend) not in self.found:
            self.found[name, backend] = reludsl.solve(
                spec_of(name), data_of(name), backend=backend, holdout=HOLDOUT[name], split_seed=0
            )
        return self.found[name, backend]


@pytest.fixture(scope="module")
def solved() -> Solutions:
    return Solutions()


def spec_of(name: str) -> Path:
    return EXAMPLES / name / f"{name}.relu"


def data_of(name: str) -> Path:
    return EXAMPLES / name / f"{name}.csv"


def strength(name: str) -> float:
    model = reludsl.check(spec_of(name)).model
    assert model is not None
    return model.regularizers[0].strength


def split(name: str) -> dict[str, pl.DataFrame]:
    """The rows that were trained on and those that were held out, by the rule of `holdout` and `split_seed`."""
    table = pl.read_csv(data_of(name))
    order = np.random.default_rng(0).permutation(len(table))
    count = round(HOLDOUT[name] * len(table))
    parts = {"train": table[np.sort(order[count:])], "test": table[np.sort(order[:count])]}
    return {part: rows for part, rows in parts.items() if len(rows)}


def test_all_are_known() -> None:
    assert list(HOLDOUT) == NAMES


@every_example
def test_files(name: str) -> None:
    for file in (spec_of(name), data_of(name), EXAMPLES / name / "README.md"):
        assert file.is_file()


@every_example
def test_no_mistakes_and_no_warnings(name: str) -> None:
    report = reludsl.check(spec_of(name), data_of(name))
    assert report and not report.diagnostics, str(report)


@every_example
def test_canonical_layout(name: str) -> None:
    result = CliRunner().invoke(cli, ["fmt", "--check", str(spec_of(name))])
    assert (result.exit_code, result.output) == (0, "")


@every_example
def test_backends_agree(name: str, solved: Solutions) -> None:
    objectives = []
    for backend in CONVEX:
        solution = solved(name, backend)
        assert solution.status == "solved"
        assert solution.means == ("equal" if name in EXACT else "upper bound")
        assert solution.objective <= solution.program_objective * (1 + 1e-9)
        assert solution.bound is not None and solution.bound.value <= solution.program_objective
        objectives.append(solution.objective)
    assert np.ptp(objectives) <= 1e-3 * min(objectives)


@every_example
def test_bound_is_tight(name: str, solved: Solutions) -> None:
    bound = solved(name, "cvxpy").bound
    assert bound is not None and bound.gap <= 1e-4


@every_example
def test_saved_network_reproduces_what_was_reported(name: str, solved: Solutions, tmp_path: Path) -> None:
    solution = solved(name, "cvxpy")
    solution.network.save(tmp_path / "net.npz")
    network = reludsl.load(tmp_path / "net.npz")
    parts = split(name)
    assert set(parts) == set(solution.metrics)
    for part, rows in parts.items():
        target = rows[network.encoding.target].to_numpy()
        predicted = network.predict(rows)
        if network.encoding.labels is not None:
            assert np.mean(predicted == target) == pytest.approx(solution.metrics[part]["accuracy"], abs=1e-12)
        else:
            errors = predicted - target
            assert np.sqrt(np.mean(errors**2)) == pytest.approx(solution.metrics[part]["rmse"], rel=1e-9)
            assert 1 - np.mean(errors**2) / np.var(target) == pytest.approx(solution.metrics[part]["r2"], rel=1e-9)
    assert network.objective(parts["train"]) == pytest.approx(solution.objective, rel=1e-12)


@pytest.mark.parametrize("backend", CONVEX)
def test_breast_cancer_accuracy(backend: str, solved: Solutions) -> None:
    assert solved("breast_cancer", backend).metrics["test"]["accuracy"] >= 0.94


def test_diabetes_beats_the_mean(solved: Solutions) -> None:
    metrics = solved("diabetes", "cvxpy").metrics
    assert metrics["test"]["r2"] > 0.4 and metrics["test"]["rmse"] < 60


def test_toy_takes_every_pattern(solved: Solutions) -> None:
    solution = solved("toy_2d", "cvxpy")
    assert solution.patterns["kept"] == 80
    assert solution.metrics["train"]["accuracy"] == 0.95


def test_iris_names_the_species(solved: Solutions) -> None:
    assert solved("iris", "cvxpy").metrics["test"]["accuracy"] >= 0.9


def test_huber_withstands_outliers() -> None:
    """On clean rows, against the squared loss with the same strength."""
    text = spec_of("robust_regression").read_text(encoding="utf-8")
    data, clean = data_of("robust_regression"), EXAMPLES / "robust_regression" / "clean.csv"
    robust = reludsl.solve(text, data, test=clean).metrics["test"]["rmse"]
    chased = reludsl.solve(text.replace("huber { delta = 0.5 }", "squared"), data, test=clean).metrics["test"]["rmse"]
    assert robust < 0.25 and chased > 3 * robust


def test_a_proved_optimum_that_descent_misses() -> None:
    """The bound holds for every network, and starts with as many neurons end above the optimum."""
    folder = EXAMPLES / "certificates"
    text, data = (folder / "spirals.relu").read_text(encoding="utf-8"), folder / "spirals.csv"
    solution = reludsl.solve(text, data)
    bound = solution.bound
    assert bound is not None and bound.scope == "global" and bound.gap <= 1e-6
    solver = f"solver descent {{ restarts = 2, width = {solution.width} }}"
    local = reludsl.solve(text.replace("solver newton", solver), data)
    assert local.objective > solution.objective * 1.001 and local.objective > bound.value
    page = reludsl.report(solution)
    assert "No network of any width has an objective below" in page and "The regions in which" in page


def test_a_proof_that_is_not_done_in_time() -> None:
    folder = EXAMPLES / "certificates"
    solution = reludsl.solve(folder / "teacher.relu", folder / "teacher.csv", time_limit=0.5)
    bound = solution.bound
    assert solution.status == "limit" and bound is not None and bound.scope == "global"
    assert bound.value < solution.objective and bound.gap > 0.1
    page = reludsl.report(solution)
    assert f"Not proved: a gap of {bound.gap:.2g} stays open" in page and "reached the time limit" in page


def test_the_samples_of_the_certificates_are_those_of_their_script() -> None:
    folder = EXAMPLES / "certificates"
    spec = importlib.util.spec_from_file_location("generate_certificates", folder / "generate.py")
    assert spec is not None and spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    for name, (inputs, targets) in (("spirals", generate.spirals()), ("teacher", generate.teacher())):
        drawn = np.column_stack([inputs, targets])
        assert np.abs(pl.read_csv(folder / f"{name}.csv").to_numpy() - drawn).max() <= 5.001e-4


def test_the_custom_loss_is_asymmetric() -> None:
    """With equal costs it is the squared loss; with unequal ones fewer rows are predicted too low."""
    spec, data = EXAMPLES / "custom_loss" / "custom_loss.relu", pl.read_csv(data_of("diabetes"))
    even, uneven = (reludsl.solve(spec, data, set={"low": low}) for low in (1, 4))
    squared = reludsl.solve(spec_of("diabetes"), data, backend="cvxpy")
    assert even.objective == pytest.approx(squared.objective, rel=1e-6)
    shares = [np.mean(found.network.predict(data) < data["progression"].to_numpy()) for found in (even, uneven)]
    assert shares[1] < 0.75 * shares[0]


@pytest.mark.parametrize("name", [*NAMES, "certificates", "custom_loss"])
def test_readme(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Every command of the README, `train.py` among them, runs in the example's folder and prints what is shown."""
    shell = Shell(copy_of_examples(tmp_path) / "examples" / name, tmp_path)
    check_page(EXAMPLES / name / "README.md", shell, accept=request.config.getoption("--accept"))


def test_readmes_name_the_strengths_of_the_specs() -> None:
    for name in STRENGTHS:
        assert f"β = {strength(name):g} was chosen by cross-validation on the training rows alone" in " ".join(
            (EXAMPLES / name / "README.md").read_text(encoding="utf-8").split()
        )


@pytest.fixture(scope="module")
def choose_strength() -> ModuleType:
    spec = importlib.util.spec_from_file_location("choose_strength", EXAMPLES / "choose_strength.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_cross_validation_takes_training_rows_only(choose_strength: ModuleType) -> None:
    """The rows that it uses are those that `solve` trains on with the same split."""
    rows = pl.read_csv(data_of("diabetes"))[np.sort(choose_strength.training_rows(442))]
    assert rows.equals(split("diabetes")["train"])


def test_cross_validation(choose_strength: ModuleType) -> None:
    cross_validated: Callable[..., dict[str, float]] = choose_strength.cross_validated
    metrics = cross_validated(spec_of("diabetes"), pl.read_csv(data_of("diabetes")), 20.0, folds=2)
    assert 50 < metrics["rmse"] < 70


@pytest.mark.slow
@pytest.mark.parametrize("name", list(STRENGTHS))
def test_the_chosen_strength_is_the_best_of_the_table(name: str, choose_strength: ModuleType) -> None:
    """The table of the README again: its numbers, and that the spec's strength is the best or the strongest of them."""
    lines = (EXAMPLES / name / "README.md").read_text(encoding="utf-8").splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("| β |"))
    strengths = [float(cell) for cell in lines[head].split("|")[2:-1]]
    shown = [float(cell.strip(" *")) for cell in lines[head + 2].split("|")[2:-1]]
    table, measure = pl.read_csv(data_of(name)), STRENGTHS[name]
    found = [choose_strength.cross_validated(spec_of(name), table, strength)[measure] for strength in strengths]
    assert found == pytest.approx(shown, rel=2e-3)
    best = max(found) if measure == "accuracy" else min(found)
    assert max(s for s, value in zip(strengths, found, strict=True) if value == pytest.approx(best)) == strength(name)

"""`reludsl predict` with several outputs: labels, scores of all classes, and targets of several columns."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

import reludsl
from tests.cli.conftest import SPEC
from tests.cli.running import Result, run

CLASSES = (
    SPEC.replace("vector[n]", "categorical[n, k]")
    .replace("bias = hidden", "bias = hidden, outputs = separate")
    .replace("squared", "cross_entropy")
)
MATRIX = SPEC.replace("y : vector[n]", 'Y : matrix[n, c] { columns = ["up", "down, left"], scale = standard }').replace(
    "bias = hidden", "bias = hidden, outputs = separate"
)


@pytest.fixture
def classes(folder: Path) -> Path:
    """A network of three classes, saved as `net.npz`, and its data `classes.csv`."""
    X = np.loadtxt(folder / "data.csv", delimiter=",", skiprows=1)[:, :2]
    labels = np.array(["low", "mid, dle", "top"])[np.digitize(X[:, 0], [-0.4, 0.4])]
    write(folder / "classes.csv", ["a", "b", "y"], np.column_stack([X, labels]))
    (folder / "classes.relu").write_text(CLASSES)
    assert run("solve", "classes.relu", "--data", "classes.csv", "-o", "net.npz").code == 0
    return folder


@pytest.fixture
def matrix(folder: Path) -> Path:
    """A network of two real-valued targets, saved as `net.npz`, and its data `matrix.csv`."""
    X = np.loadtxt(folder / "data.csv", delimiter=",", skiprows=1)[:, :2]
    targets = np.column_stack([np.maximum(X[:, 0], 0), 100 + 50 * np.abs(X[:, 1])])
    write(folder / "matrix.csv", ["a", "b", "up", "down, left"], np.column_stack([X, targets]))
    (folder / "matrix.relu").write_text(MATRIX)
    assert run("solve", "matrix.relu", "--data", "matrix.csv", "-o", "net.npz").code == 0
    return folder


def write(path: Path, header: list[str], rows: np.ndarray) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows.tolist()])


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def predicted(data: str, *more: str) -> Result:
    result = run("predict", "net.npz", "--data", data, *more)
    assert result.code == 0, result.stderr
    return result


def test_a_label_a_row(classes: Path) -> None:
    result = predicted("classes.csv")
    labels = result.stdout.splitlines()
    assert labels == reludsl.load("net.npz").predict("classes.csv").tolist()
    assert set(labels) == {"low", "mid, dle", "top"}
    truth = [row[2] for row in table((classes / "classes.csv").read_text())[1:]]
    share = np.mean([label == true for label, true in zip(labels, truth, strict=True)])
    assert result.stderr == f"accuracy {share:.4g}\n"


def test_labels_as_a_table(classes: Path) -> None:
    assert predicted("classes.csv", "-o", "labels.csv").stdout == ""
    header, *rows = table((classes / "labels.csv").read_text())
    assert header == ["y"]
    assert [row[0] for row in rows] == predicted("classes.csv").stdout.splitlines()


def test_a_column_of_scores_for_each_class(classes: Path) -> None:
    printed = predicted("classes.csv", "--scores").stdout
    header, *rows = table(printed)
    scores = np.array(rows, dtype=float)
    assert header == ["low", "mid, dle", "top"]
    assert np.array_equal(scores, reludsl.load("net.npz").decision_function("classes.csv"))
    assert [header[k] for k in scores.argmax(axis=1)] == predicted("classes.csv").stdout.splitlines()
    predicted("classes.csv", "--scores", "-o", "scores.csv")
    assert (classes / "scores.csv").read_text() == printed


@pytest.mark.usefixtures("classes")
def test_scores_for_machines_are_lists() -> None:
    found = json.loads(predicted("classes.csv", "--scores", "--json").stdout)
    assert found["predictions"] == reludsl.load("net.npz").decision_function("classes.csv").tolist()
    assert list(found["metrics"]) == ["accuracy"]
    labels = json.loads(predicted("classes.csv", "--json").stdout)["predictions"]
    assert labels == predicted("classes.csv").stdout.splitlines()


@pytest.mark.parametrize("scores", [(), ("--scores",)])
def test_a_column_for_each_of_several_targets(matrix: Path, scores: tuple[str, ...]) -> None:
    """Scores of real-valued targets are the predictions, in the targets' own units."""
    printed = predicted("matrix.csv", *scores).stdout
    header, *rows = table(printed)
    assert header == ["up", "down, left"]
    assert np.array_equal(np.array(rows, dtype=float), reludsl.load("net.npz").predict("matrix.csv"))
    assert np.array(rows, dtype=float)[:, 1].min() > 50
    predicted("matrix.csv", *scores, "-o", "predicted.csv")
    assert (matrix / "predicted.csv").read_text() == printed


def test_an_array_of_targets_has_numbered_columns(folder: Path) -> None:
    spec = MATRIX.replace('columns = ["up", "down, left"], ', "").replace("standard", "none")
    generator = np.random.default_rng(0)
    np.savez(folder / "arrays.npz", X=generator.standard_normal((12, 2)), Y=generator.standard_normal((12, 3)))
    (folder / "arrays.relu").write_text(spec)
    assert run("solve", "arrays.relu", "--data", "arrays.npz", "-o", "net.npz").code == 0
    assert table(predicted("arrays.npz").stdout)[0] == ["Y_1", "Y_2", "Y_3"]


def test_a_matrix_of_one_column_is_a_table_too(matrix: Path) -> None:
    (matrix / "one.relu").write_text(MATRIX.replace('"up", ', ""))
    assert run("solve", "one.relu", "--data", "matrix.csv", "-o", "net.npz").code == 0
    header, *rows = table(predicted("matrix.csv").stdout)
    assert header == ["down, left"] and all(len(row) == 1 for row in rows)


def test_labels_that_are_numbers(folder: Path) -> None:
    """They are printed as they are written in the data, long ones too."""
    X = np.loadtxt(folder / "data.csv", delimiter=",", skiprows=1)[:, :2]
    labels = np.array([1, 7, 12345678])[np.digitize(X[:, 0], [-0.4, 0.4])]
    rows = [[a, b, label] for (a, b), label in zip(X.tolist(), labels.tolist(), strict=True)]
    write(folder / "classes.csv", ["a", "b", "y"], np.array(rows, dtype=object))
    (folder / "classes.relu").write_text(CLASSES)
    assert run("solve", "classes.relu", "--data", "classes.csv", "-o", "net.npz").code == 0
    assert set(predicted("classes.csv").stdout.splitlines()) == {"1", "7", "12345678"}
    assert table(predicted("classes.csv", "--scores").stdout)[0] == ["1", "7", "12345678"]

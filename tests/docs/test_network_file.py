"""The page on the network's file: its tables are those of real files, and its reader reads them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import reludsl
from reludsl.network_file import ARRAYS, GATES, VERSION
from tests.docs.transcript import ROOT, blocks

PAGE = (ROOT / "docs" / "network-file.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "examples" / "breast_cancer" / "breast_cancer"
OPTIONAL = {"seed", "decisions"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of few patterns and the data that it was trained on, in a folder."""
    folder = tmp_path_factory.mktemp("network")
    spec = EXAMPLE.with_suffix(".relu").read_text(encoding="utf-8").replace("patterns = 40", "patterns = 3")
    data = EXAMPLE.with_suffix(".csv")
    solution = reludsl.solve(spec, data, set={"beta": 50})
    solution.network.save(folder / "net.npz")
    (folder / "breast_cancer.csv").write_bytes(data.read_bytes())
    (folder / "solve.py").write_text(reludsl.compile(spec, set={"beta": 50}), encoding="utf-8")
    subprocess.run([sys.executable, "solve.py", "--data", data, "-o", "scripted.npz"], cwd=folder, check=True)
    return folder


def stored(path: Path) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return arrays, json.loads(str(arrays.pop("json")))


def table(heading: str, column: str) -> dict[str, str]:
    """The tables under a heading whose first column has this title: first to second column."""
    part = PAGE[PAGE.index(heading) :]
    part = part[: part.find("\n## ", 1)]
    rows: dict[str, str] = {}
    for block in re.findall(rf"^\| {column} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", part, re.MULTILINE):
        for line in block.splitlines():
            name, value = line.split("|")[1:3]
            rows[name.strip(" `")] = value.strip()
    return rows


def test_arrays() -> None:
    def shapes(arrays: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
        return {name: f"({', '.join(axes)}{',' if len(axes) == 1 else ''})" for name, axes in arrays.items()}

    assert table("## Arrays", "array") == {**shapes(ARRAYS), "json": "()"}
    assert table("## Arrays", "gates") == shapes(GATES)
    assert f"version {VERSION} of the format" in PAGE


@pytest.mark.parametrize("name", ["net.npz", "scripted.npz"])
def test_files_are_as_described(folder: Path, name: str) -> None:
    arrays, description = stored(folder / name)
    assert set(arrays) == set(ARRAYS)
    assert all(array.dtype == np.float64 for array in arrays.values())
    fields = set(table("## Description", "field"))
    assert fields >= OPTIONAL
    assert set(description) == (fields if name == "net.npz" else fields - OPTIONAL)
    assert description["hyperparameters"] == {"beta": 50.0}
    assert description["labels"] == ["B", "M"]


def test_the_reader_on_the_page_predicts_the_same(folder: Path) -> None:
    (reader,) = [block.text for block in blocks(PAGE) if block.language == "python"]
    assert len([line for line in reader.splitlines() if line.strip()]) <= 10
    assert set(re.findall(r"^import (\w+)", reader, re.MULTILINE)) == {"json", "numpy"}
    program = f"{reader}\nnp.savetxt('labels.txt', labels, fmt='%s')\n"
    subprocess.run([sys.executable, "-c", program], cwd=folder, check=True)
    predicted = reludsl.load(folder / "net.npz").predict(folder / "breast_cancer.csv")
    assert (folder / "labels.txt").read_text().split() == predicted.tolist()


def test_a_network_without_neurons_is_a_network(tmp_path: Path) -> None:
    X, y = np.array([[1.0], [2.0], [-1.0]]), np.array([1.0, 2.0, 0.5])
    spec = """reludsl 1
data { input X : matrix[n, d], target y : vector[n] }
architecture two_layer
loss squared
regularizer weight_decay { strength = 1000 }
formulation exact
solver cvxpy
"""
    network = reludsl.solve(spec, (X, y)).network
    assert network.width == 0
    network.save(tmp_path / "net.npz")
    assert stored(tmp_path / "net.npz")[0]["hidden_weights"].shape == (1, 0)
    assert reludsl.load(tmp_path / "net.npz").predict(X).tolist() == [0.0, 0.0, 0.0]

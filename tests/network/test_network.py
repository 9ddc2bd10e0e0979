"""The trained network: prediction, objective, and a file format that survives and tells what is wrong."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reludsl
from reludsl.files import write_atomically

SPEC = """reludsl 1
data {
  input  X : matrix[n, d] { scale = standard }
  target kind : binary[n] { positive = "good" }
}
hyperparameters { beta = 1 / 4 }
architecture two_layer { bias = hidden }
loss logistic { reduction = mean }
regularizer weight_decay { strength = beta / 10 }
regularizer path_norm { strength = 0.01 }
formulation sampled { patterns = 12 }
solver cvxpy
"""


def frame(seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((40, 3)) * [1.0, 50.0, 0.01] + [0.0, 10.0, 5.0]
    table = pd.DataFrame(X, columns=["a", "b", "c"])
    table["kind"] = np.where(np.abs(table["a"]) > 0.7, "good", "bad")
    return table


@pytest.fixture(scope="module")
def solution() -> reludsl.Solution:
    return reludsl.solve(SPEC, frame(), set={"beta": 0.2})


@pytest.fixture(scope="module")
def saved(solution: reludsl.Solution, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("network") / "net.npz"
    solution.network.save(path)
    return path


def test_objective_by_hand(solution: reludsl.Solution) -> None:
    network, table = solution.network, frame()
    X = table[["a", "b", "c"]].to_numpy()
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = np.where(table["kind"] == "good", 1.0, -1.0)
    f = np.maximum(X @ network.hidden_weights + network.hidden_bias, 0) @ network.output_weights
    hidden = np.vstack([network.hidden_weights, network.hidden_bias])
    decay = 0.5 * 0.02 * (np.sum(hidden**2) + np.sum(network.output_weights**2))
    path = 0.01 * np.sum(np.linalg.norm(hidden, axis=0) * np.abs(network.output_weights))
    by_hand = np.mean(np.log1p(np.exp(-y * f))) + decay + path
    assert solution.objective == pytest.approx(by_hand, rel=1e-12)
    assert network.objective(table) == pytest.approx(by_hand, rel=1e-12)
    assert network.objective(table[["a", "b", "c"]].to_numpy(), table["kind"].to_numpy()) == pytest.approx(by_hand)
    assert solution.objective <= solution.program_objective + 1e-9


def test_neurons_are_balanced(solution: reludsl.Solution) -> None:
    network = solution.network
    hidden = np.vstack([network.hidden_weights, network.hidden_bias])
    assert np.linalg.norm(hidden, axis=0) == pytest.approx(np.abs(network.output_weights))


def test_prediction_takes_every_form_of_data(solution: reludsl.Solution, tmp_path: Path) -> None:
    network, table = solution.network, frame(1)
    expected = network.decision_function(table)
    shuffled = table[["kind", "c", "a", "b"]]
    shuffled.to_csv(tmp_path / "data.csv", index=False)
    forms = (shuffled, pl.from_pandas(shuffled), table[["a", "b", "c"]].to_numpy(), tmp_path / "data.csv")
    for data in forms:
        assert network.decision_function(data) == pytest.approx(expected, rel=1e-12)
    labels = network.predict(table)
    assert set(labels) <= {"good", "bad"}
    assert ((labels == "good") == (expected >= 0)).all()


def test_saved_and_loaded_is_the_same(solution: reludsl.Solution, saved: Path) -> None:
    network = reludsl.load(saved)
    assert np.array_equal(network.decision_function(frame(1)), solution.network.decision_function(frame(1)))
    assert network.objective(frame()) == pytest.approx(solution.objective, rel=1e-12)
    assert network.description["hyperparameters"] == {"beta": 0.2}
    assert network.description["spec"] == SPEC and network.description["digest"].startswith("sha256:")
    network.save(saved.with_name("again.npz"))
    assert reludsl.load(saved.with_name("again.npz")).objective(frame()) == pytest.approx(solution.objective)


def test_the_file_holds_no_pickle(saved: Path) -> None:
    with np.load(saved, allow_pickle=False) as stored:
        assert all(stored[name].dtype.kind in "fU" for name in stored.files)
        assert json.loads(str(stored["json"]))["format"] == "reludsl network"


def codes(path: Path) -> list[str]:
    with pytest.raises(reludsl.Mistakes) as mistakes:
        reludsl.load(path)
    return [diagnostic.code for diagnostic in mistakes.value.diagnostics]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 0.999))
def test_truncated_files(saved: Path, tmp_path: Path, share: float) -> None:
    content = saved.read_bytes()
    (tmp_path / "cut.npz").write_bytes(content[: int(share * len(content))])
    assert codes(tmp_path / "cut.npz")[0] in {"D320", "D321"}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**9), st.integers(1, 255))
def test_flipped_bytes_never_give_a_traceback(saved: Path, tmp_path: Path, place: int, change: int) -> None:
    content = bytearray(saved.read_bytes())
    content[place % len(content)] ^= change
    (tmp_path / "flipped.npz").write_bytes(bytes(content))
    try:
        network = reludsl.load(tmp_path / "flipped.npz")
    except reludsl.Mistakes as mistakes:
        assert mistakes.diagnostics[0].code in {"D320", "D321", "D322"}
    else:  # a byte that carries no meaning, such as a time stamp
        assert np.isfinite(network.decision_function(frame())).all()


def rewritten(saved: Path, path: Path, **changes: object) -> Path:
    """The file with arrays replaced; `description` entries replace those of the JSON text."""
    with np.load(saved) as stored:
        arrays = {name: stored[name] for name in stored.files}
    description = json.loads(str(arrays["json"])) | changes.pop("description", {})  # type: ignore[operator]
    arrays |= {"json": np.array(json.dumps(description))} | {name: np.asarray(value) for name, value in changes.items()}
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"description": {"version": 2}}, "D322"),
        ({"description": {"format": "other"}}, "D320"),
        ({"description": {"spec": "reludsl 1\nloss hing\n"}}, "D321"),
        ({"description": {"spec": 3}}, "D321"),
        ({"description": {"columns": ["a"]}}, "D321"),
        ({"description": {"labels": [1]}}, "D321"),
        ({"description": {"hyperparameters": {"other": 1.0}}}, "D321"),
        ({"hidden_bias": np.zeros(2)}, "D321"),
        ({"output_weights": np.full(1, np.nan)}, "D321"),
        ({"input_divisor": np.zeros(3)}, "D321"),
        ({"hidden_weights": np.array(["a"])}, "D321"),
    ],
)
def test_files_that_do_not_fit_together(saved: Path, tmp_path: Path, changes: dict[str, object], code: str) -> None:
    assert codes(rewritten(saved, tmp_path / "other.npz", **changes)) == [code]


def test_foreign_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "arrays.npz", X=np.zeros(3))
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "text.npz").write_text("not a network")
    with zipfile.ZipFile(tmp_path / "zip.npz", "w") as archive:
        archive.writestr("json.npy", "x")
    np.savez(tmp_path / "pickle.npz", json=np.array([{}], dtype=object))
    for name in ("arrays.npz", "array.npy", "text.npz", "zip.npz", "pickle.npz", "missing.npz"):
        assert codes(tmp_path / name)[0] in {"D320", "D321"}


def test_a_failed_write_leaves_the_old_file(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    path.write_bytes(saved.read_bytes())

    def fail(file: object) -> None:
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        write_atomically(path, fail)
    assert path.read_bytes() == saved.read_bytes()
    assert os.listdir(tmp_path) == ["net.npz"]


def test_an_unwritable_path_is_a_diagnostic(solution: reludsl.Solution, tmp_path: Path) -> None:
    with pytest.raises(reludsl.Mistakes) as mistakes:
        solution.network.save(tmp_path / "no folder" / "net.npz")
    assert mistakes.value.diagnostics[0].code == "D330"


@pytest.mark.slow
def test_torch_export(solution: reludsl.Solution) -> None:
    torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")
    table = frame(1)
    module = solution.network.to_torch()
    outputs = module(torch.from_numpy(table[["a", "b", "c"]].to_numpy())).detach().numpy()[:, 0]
    assert outputs == pytest.approx(solution.network.decision_function(table), rel=1e-9)

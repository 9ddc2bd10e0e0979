"""Networks of every form: several outputs, output biases, gates, steps. Each against a plain NumPy evaluation."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import reludsl
from reludsl.network import Network
from tests.emission.test_scripts import run
from tests.network.test_network import codes, rewritten

TARGETS = {
    "value": "target value : vector[n] { scale = standard }",
    "label": 'target label : binary[n] { positive = "yes" }',
    "class": "target class : categorical[n, k]",
    "grade": "target grade : categorical[n, 3]",
    "Y": 'target Y : matrix[n, c] { columns = ["value", "other"], scale = standard }',
}
SEVERAL = ("class", "grade", "Y")


@dataclass(frozen=True)
class Case:
    """A spec in short. The strength of weight decay is 0.1."""

    target: str
    loss: str
    activation: str = "relu"
    bias: str = "both"
    formulation: str = "sampled { patterns = 8 }"
    weighted: bool = False

    @property
    def spec(self) -> str:
        weight = "\n  weight w : vector[n]" if self.weighted else ""
        outputs = "separate" if self.target in SEVERAL else "1"
        return f"""reludsl 1
data {{
  input  X : matrix[n, d] {{ columns = ["a", "b"], scale = standard }}
  {TARGETS[self.target]}{weight}
}}
architecture two_layer {{ activation = {self.activation}, bias = {self.bias}, outputs = {outputs} }}
loss {self.loss}
regularizer weight_decay {{ strength = 0.1 }}
formulation {self.formulation}
solver cvxpy
"""


CASES = {
    "several outputs": Case("Y", "squared"),
    "classes": Case("class", "cross_entropy", weighted=True),
    "classes by squares, labels are numbers": Case("grade", "squared { reduction = mean }", bias="output"),
    "output bias": Case("value", "squared", bias="output"),
    "leaky": Case("label", "logistic", "leaky_relu(slope = 0.3)"),
    "absolute": Case("Y", "huber { reduction = mean }", "absolute", "hidden", weighted=True),
    "gated": Case("value", "squared", "gated_relu"),
    "gated, several outputs": Case("class", "hinge", formulation="gated { patterns = 7 }", bias="none"),
    "threshold": Case("label", "squared_hinge", "threshold"),
    "threshold, several outputs": Case("Y", "squared", "threshold", "hidden", "random_features { neurons = 15 }"),
}
every_case = pytest.mark.parametrize("name", CASES)


def frame(seed: int = 0) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    a, b = generator.standard_normal((2, 30))
    third = np.digitize(a + b, [-0.6, 0.6])
    return pl.DataFrame(
        {
            "a": 3 * a + 1,
            "b": b,
            "value": 10 * np.abs(a) + b,
            "other": a * b - 4,
            "label": np.where(a > b, "yes", "no"),
            "class": np.array(["low", "middle", "high"])[third],
            "grade": third * 1.5,
            "w": np.where(np.arange(30) % 5 == 0, 0.0, generator.uniform(0.5, 2.0, 30)),
        }
    )


@cache
def solution_of(name: str) -> reludsl.Solution:
    case = CASES[name]
    return reludsl.solve(case.spec, frame(), **({"target": case.target} if case.target != "Y" else {}))


@pytest.fixture
def saved(name: str, tmp_path: Path) -> Path:
    solution_of(name).network.save(tmp_path / "net.npz")
    return tmp_path / "net.npz"


# -- by hand -----------------------------------------------------------------------------------------------------------


def standard(train: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.asarray((values - train.mean(axis=0)) / train.std(axis=0))


def hidden_by_hand(case: Case, network: Network, X: np.ndarray) -> np.ndarray:
    t = X @ network.hidden_weights + network.hidden_bias
    match case.activation.partition("(")[0]:
        case "relu" if case.formulation.startswith("gated"):
            return t * (X @ network.gates + network.gate_bias >= 0)
        case "gated_relu":
            return t * (X @ network.gates + network.gate_bias >= 0)
        case "leaky_relu":
            return np.where(t > 0, t, 0.3 * t)
        case "absolute":
            return np.abs(t)
        case "threshold":
            return (t >= 0) * np.sqrt(np.sum(network.hidden_weights**2, axis=0) + network.hidden_bias**2)
    return np.maximum(t, 0)


def outputs_by_hand(case: Case, network: Network, table: pl.DataFrame) -> np.ndarray:
    """(n, c)"""
    X = standard(frame()[["a", "b"]].to_numpy(), table[["a", "b"]].to_numpy())
    weights = network.output_weights.reshape(network.width, -1)
    return np.asarray(hidden_by_hand(case, network, X) @ weights + network.output_bias)


def targets_by_hand(case: Case) -> np.ndarray:
    """(n, c)"""
    table = frame()
    if case.target in ("class", "grade"):
        chosen = table[case.target].to_numpy()[:, None] == np.array(sorted(set(table[case.target])))
        return np.where(chosen, 1.0, 0.0 if case.loss.startswith("cross") else -1.0)
    if case.target == "label":
        return np.where(table["label"].to_numpy()[:, None] == "yes", 1.0, -1.0)
    columns = table[["value", "other"] if case.target == "Y" else ["value"]].to_numpy()
    return standard(columns, columns)


LOSSES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "squared": lambda F, Y: 0.5 * np.sum((F - Y) ** 2, axis=1),
    "huber": lambda F, Y: np.sum(np.where(abs(F - Y) < 1, 0.5 * (F - Y) ** 2, abs(F - Y) - 0.5), axis=1),
    "hinge": lambda F, Y: np.sum(np.maximum(1 - Y * F, 0), axis=1),
    "squared_hinge": lambda F, Y: 0.5 * np.sum(np.maximum(1 - Y * F, 0) ** 2, axis=1),
    "logistic": lambda F, Y: np.sum(np.log1p(np.exp(-Y * F)), axis=1),
    "cross_entropy": lambda F, Y: np.log(np.sum(np.exp(F), axis=1)) - np.sum(Y * F, axis=1),
}


def objective_by_hand(case: Case, network: Network) -> float:
    losses = LOSSES[case.loss.split()[0]](outputs_by_hand(case, network, frame()), targets_by_hand(case))
    weights = frame()["w"].to_numpy() if case.weighted else np.ones(30)
    loss = weights @ losses / (weights.sum() if "mean" in case.loss else 1.0)
    parts = (network.hidden_weights, network.hidden_bias, network.output_weights, network.output_bias)
    return float(loss + 0.05 * sum(np.sum(np.square(part)) for part in parts))


@every_case
def test_scores_and_predictions_by_hand(name: str) -> None:
    case, network, table = CASES[name], solution_of(name).network, frame(1)
    outputs = outputs_by_hand(case, network, table)
    if case.target in ("value", "Y"):
        columns = frame()[["value", "other"] if case.target == "Y" else ["value"]].to_numpy()
        expected = outputs * columns.std(axis=0) + columns.mean(axis=0)
        assert network.predict(table).reshape(30, -1) == pytest.approx(expected, rel=1e-9)
    elif case.target == "label":
        assert network.predict(table).tolist() == np.where(outputs[:, 0] >= 0, "yes", "no").tolist()
        assert network.decision_function(table) == pytest.approx(outputs[:, 0], rel=1e-9)
    else:
        labels = sorted(set(frame()[case.target]))
        assert network.predict(table).tolist() == [labels[k] for k in outputs.argmax(axis=1)]
        assert network.decision_function(table) == pytest.approx(outputs, rel=1e-9)
        assert network.encoding.labels == tuple(labels)


@every_case
def test_the_objective_by_hand(name: str) -> None:
    solution = solution_of(name)
    by_hand = objective_by_hand(CASES[name], solution.network)
    assert solution.objective == pytest.approx(by_hand, rel=1e-9)
    assert solution.network.objective(frame()) == pytest.approx(by_hand, rel=1e-9)
    assert by_hand <= solution.program_objective * (1 + 1e-6)


@every_case
def test_the_metrics_by_hand(name: str) -> None:
    case, solution = CASES[name], solution_of(name)
    predicted, metrics = solution.network.predict(frame()), solution.metrics["train"]
    if case.target in ("value", "Y"):
        true = frame()[["value", "other"] if case.target == "Y" else ["value"]].to_numpy()
        errors = predicted.reshape(true.shape) - true
        assert metrics["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2, axis=0)).mean())
        assert metrics["r2"] == pytest.approx(np.mean(1 - np.mean(errors**2, axis=0) / np.var(true, axis=0)))
    else:
        assert metrics == {"accuracy": pytest.approx(np.mean(predicted == frame()[case.target].to_numpy()))}


@every_case
def test_every_neuron_feeds_one_output(name: str) -> None:
    """Outputs are separate: each has neurons of its own, balanced against one output weight."""
    network = solution_of(name).network
    weights = network.output_weights.reshape(network.width, -1)
    assert (np.count_nonzero(weights, axis=1) == 1).all()
    hidden = np.vstack([network.hidden_weights, network.hidden_bias])
    assert np.linalg.norm(hidden, axis=0) == pytest.approx(np.abs(weights).sum(axis=1))
    assert (network.hidden_bias != 0).any() == (CASES[name].bias in ("hidden", "both"))
    assert np.any(network.output_bias != 0) == (CASES[name].bias in ("output", "both"))


# -- files -------------------------------------------------------------------------------------------------------------


@every_case
def test_saved_and_loaded_is_the_same(name: str, saved: Path) -> None:
    network, loaded = solution_of(name).network, reludsl.load(saved)
    for part in ("hidden_weights", "hidden_bias", "output_weights", "output_bias", "gates", "gate_bias"):
        before, after = getattr(network, part), getattr(loaded, part)
        assert (before is None and after is None) or np.array_equal(before, after), part
        assert before is None or np.shape(before) == np.shape(after), part
    assert np.array_equal(loaded.decision_function(frame(1)), network.decision_function(frame(1)))
    assert loaded.predict(frame(1)).tolist() == network.predict(frame(1)).tolist()
    assert loaded.objective(frame()) == pytest.approx(solution_of(name).objective, rel=1e-12)
    assert loaded.encoding.labels == network.encoding.labels
    assert (loaded.gates is not None) == ("gated" in name)


@every_case
def test_the_file_has_one_shape_for_all(name: str, saved: Path) -> None:
    outputs = {"class": 3, "grade": 3, "Y": 2}.get(CASES[name].target, 1)
    with np.load(saved, allow_pickle=False) as stored:
        width = stored["hidden_weights"].shape[1]
        assert stored["output_weights"].shape == (width, outputs)
        for array in ("output_bias", "target_offset", "target_divisor"):
            assert stored[array].shape == (outputs,)
        assert ("gates" in stored.files) == ("gate_bias" in stored.files) == ("gated" in name)
        described = json.loads(str(stored["json"]))
    assert described["weight"] == ("w" if CASES[name].weighted else None)
    assert described["target_columns"] == (["value", "other"] if CASES[name].target == "Y" else None)


@pytest.mark.parametrize("name", ["several outputs", "output bias", "gated, several outputs", "threshold"])
def test_a_network_without_neurons_keeps_its_outputs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[name]
    spec = case.spec.replace("strength = 0.1", "strength = 1e5")
    target = {} if case.target == "Y" else {"target": case.target}
    solution = reludsl.solve(spec, frame(), **target)
    assert solution.width == 0
    solution.network.save(tmp_path / "net.npz")
    outputs = solution.network.decision_function(frame(1))
    assert outputs.shape == ((30,) if case.target not in SEVERAL else (30, {"Y": 2}.get(case.target, 3)))
    assert np.array_equal(reludsl.load(tmp_path / "net.npz").decision_function(frame(1)), outputs)
    (tmp_path / "trainer.py").write_text(reludsl.compile(spec))
    frame().write_csv(tmp_path / "data.csv")
    arguments = ["--data", str(tmp_path / "data.csv"), "--target", case.target, "-o", str(tmp_path / "scripted.npz")]
    run(tmp_path / "trainer.py", arguments, monkeypatch)
    scripted = reludsl.load(tmp_path / "scripted.npz").decision_function(frame(1))
    assert scripted == pytest.approx(outputs, abs=1e-2)


DAMAGES = [
    ("several outputs", {"output_bias": np.zeros(3)}),
    ("several outputs", {"output_bias": np.array([0.0, np.inf])}),
    ("several outputs", {"target_divisor": np.array([1.0, 0.0])}),
    ("several outputs", {"target_divisor": np.array(1.0)}),
    ("several outputs", {"description": {"target_columns": ["value"]}}),
    ("several outputs", {"description": {"weight": 3}}),
    ("classes", {"description": {"labels": ["low", "high"]}}),
    ("classes", {"description": {"labels": None}}),
    ("output bias", {"description": {"labels": ["no", "yes"]}}),
    ("gated", {"gates": np.ones((2, 1))}),
    ("gated", {"gate_bias": np.ones(1)}),
    ("gated", {"gates": np.full((2, 8), np.nan)}),
]


@pytest.mark.parametrize(("name", "changes"), DAMAGES, ids=str)
def test_damaged_files(name: str, changes: dict[str, object], saved: Path, tmp_path: Path) -> None:
    assert codes(rewritten(saved, tmp_path / "other.npz", **dict(changes))) == ["D321"]


@pytest.mark.parametrize(("name", "missing"), [("gated", "gates"), ("gated", "gate_bias"), ("classes", "output_bias")])
def test_missing_arrays(name: str, missing: str, saved: Path, tmp_path: Path) -> None:
    with np.load(saved) as stored:
        np.savez(tmp_path / "other.npz", **{name: stored[name] for name in stored.files if name != missing})
    assert codes(tmp_path / "other.npz") == ["D321"]


@pytest.mark.parametrize("name", ["output bias"])
def test_several_outputs_for_a_spec_of_one(name: str, saved: Path, tmp_path: Path) -> None:
    network = solution_of(name).network
    two = {"output_weights": np.ones((network.width, 2))} | dict.fromkeys(["output_bias", "target_offset"], np.zeros(2))
    changed = rewritten(saved, tmp_path / "other.npz", **two, target_divisor=np.ones(2))
    assert codes(changed) == ["D321"]


# -- PyTorch -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["several outputs", "classes", "output bias", "leaky", "absolute"])
def test_torch_gives_the_same_outputs(name: str) -> None:
    torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")
    network, table = solution_of(name).network, frame(1)
    outputs = network.to_torch()(torch.from_numpy(table[["a", "b"]].to_numpy())).detach().numpy()
    expected = network.decision_function(table)
    if CASES[name].target in ("value", "Y"):
        expected = network.predict(table)
    assert outputs.reshape(expected.shape) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["gated", "threshold"])
def test_torch_has_no_layer_for_gates_and_steps(name: str) -> None:
    with pytest.raises(NotImplementedError, match="PyTorch has no layer"):
        solution_of(name).network.to_torch()

"""A trained network: weights, the encoding of its data, and the problem that it was trained on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reludsl.data.encoding import Encoding, Samples
from reludsl.data.tables import read_table
from reludsl.diagnostics import DataPlace, Diagnostic
from reludsl.files import why_unwritable
from reludsl.grammar import parse, tree
from reludsl.ir import Program, objective
from reludsl.mistakes import Mistakes
from reludsl.model.checker import check
from reludsl.model.language import core_language
from reludsl.model.problem import training_problem
from reludsl.network_file import FORMAT, VERSION, read_network, write_network
from reludsl.source import Source


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """f(x) = Σ_j max(0, xᵀu_j + b_j) α_j on scaled inputs x.

    `hidden_weights` (d, m) holds the u_j, `hidden_bias` (m,) the b_j (zeros without a bias), `output_weights` (m,)
    the α_j. `problem` is the training problem, and `description` what the file says in words: spec, digest,
    hyperparameters, versions.
    """

    hidden_weights: np.ndarray
    hidden_bias: np.ndarray
    output_weights: np.ndarray
    encoding: Encoding
    problem: Program
    description: Mapping[str, Any] = field(repr=False, default_factory=dict)

    @property
    def width(self) -> int:
        """The number of hidden neurons."""
        return len(self.output_weights)

    def __repr__(self) -> str:
        return f"<Network: {len(self.encoding.offset)} inputs, {self.width} hidden neurons, {self.encoding.target}>"

    def scores(self, X: np.ndarray) -> np.ndarray:
        """The outputs (n,) for scaled inputs (n, d)."""
        outputs: np.ndarray = np.maximum(X @ self.hidden_weights + self.hidden_bias, 0.0) @ self.output_weights
        return outputs

    def decision_function(self, data: Any) -> np.ndarray:
        """The outputs (n,) for raw data: an array (n, d), a path, a frame or a mapping.

        For a binary target the sign decides; a real-valued prediction is in the target's own units. Raises Mistakes
        (D3xx) when the data does not fit the network.
        """
        table = self.encoding.as_table(data) if isinstance(data, (np.ndarray, list)) else read_table(data)
        outputs = self.scores(self.encoding.inputs(table))
        return outputs * self.encoding.target_divisor + self.encoding.target_offset

    def predict(self, data: Any) -> np.ndarray:
        """Labels for a binary target, values (n,) otherwise; data as in `decision_function`."""
        outputs = self.decision_function(data)
        if self.encoding.labels is None:
            return outputs
        negative, positive = self.encoding.labels
        kind = object if isinstance(positive, str) or isinstance(negative, str) else float
        return np.where(outputs >= 0, np.array(positive, dtype=kind), np.array(negative, dtype=kind))

    def objective(self, data: Any, target: Any = None) -> float:
        """Loss plus regularizers on raw data with its target: the value of the non-convex training problem.

        The target may be given beside an array of inputs; otherwise it is found in the data. In the units in which
        the network was trained. Raises Mistakes (D3xx).
        """
        if target is not None:
            return self.objective_on(self.encoding.samples(self.encoding.as_table(data, target)))
        return self.objective_on(self.encoding.samples(read_table(data)))

    def objective_on(self, samples: Samples) -> float:
        """The objective on scaled and encoded samples."""
        weights = {"U": self.hidden_weights, "b": self.hidden_bias, "alpha": self.output_weights}
        return objective(self.problem, {"X": samples.X, "y": samples.y, **weights})

    def metrics(self, samples: Samples) -> dict[str, float]:
        """`accuracy` for a binary target; `rmse` in the target's units and `r2` otherwise."""
        outputs = self.scores(samples.X)
        if self.encoding.labels is not None:
            return {"accuracy": float(np.mean(np.where(outputs >= 0, 1.0, -1.0) == samples.y))}
        error = float(np.mean((outputs - samples.y) ** 2))
        spread = float(np.var(samples.y))
        metrics = {"rmse": error**0.5 * abs(self.encoding.target_divisor)}
        return metrics | ({"r2": 1.0 - error / spread} if spread > 0 else {})

    def to_torch(self) -> Any:
        """The network on raw inputs as a `torch.nn.Sequential` in float64, scalings folded in (the extra `torch`).

        It gives outputs (n, 1) as `decision_function` gives (n,). Raises ImportError without PyTorch.
        """
        import torch

        encoding = self.encoding
        hidden = torch.nn.Linear(len(encoding.offset), self.width, dtype=torch.float64)
        output = torch.nn.Linear(self.width, 1, dtype=torch.float64)
        weights = self.hidden_weights / encoding.divisor[:, None]
        with torch.no_grad():
            hidden.weight.copy_(torch.from_numpy(weights.T.copy()))
            hidden.bias.copy_(torch.from_numpy(self.hidden_bias - encoding.offset @ weights))
            output.weight.copy_(torch.from_numpy(self.output_weights[None, :] * encoding.target_divisor))
            output.bias.fill_(encoding.target_offset)
        return torch.nn.Sequential(hidden, torch.nn.ReLU(), output)

    # -- files ---------------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the network's file, whole or not at all. Raises Mistakes (D330) where the path cannot be written."""
        encoding = self.encoding
        arrays = {
            "hidden_weights": self.hidden_weights,
            "hidden_bias": self.hidden_bias,
            "output_weights": self.output_weights,
            "input_offset": encoding.offset,
            "input_divisor": encoding.divisor,
            "target_offset": np.array(encoding.target_offset),
            "target_divisor": np.array(encoding.target_divisor),
        }
        description = {
            "format": FORMAT,
            "version": VERSION,
            **self.description,
            "input": encoding.input,
            "columns": None if encoding.columns is None else list(encoding.columns),
            "target": encoding.target,
            "labels": None if encoding.labels is None else list(encoding.labels),
        }
        try:
            write_network(path, arrays, description)
        except OSError as error:
            reason = why_unwritable(path, error)
            raise Mistakes(
                [Diagnostic("D330", f"`{path}` cannot be written: {reason}", help="choose another path")]
            ) from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Network:
        """Reads a network's file without running any code. Raises Mistakes (D320 to D322)."""
        arrays, description = read_network(path)
        try:
            problem = _problem_of(description["spec"], description["hyperparameters"])
            encoding = Encoding(
                _text(description["input"]),
                _texts(description["columns"], len(arrays["input_offset"])),
                arrays["input_offset"],
                arrays["input_divisor"],
                _text(description["target"]),
                _labels(description["labels"]),
                float(arrays["target_offset"]),
                float(arrays["target_divisor"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            reason = f"the description lacks `{error.args[0]}`" if isinstance(error, KeyError) else str(error)
            place = DataPlace(str(path))
            remedy = "copy the file again, or train again with `solve -o`"
            raise Mistakes(
                [Diagnostic("D321", "the network file is damaged", place=place, notes=(reason,), help=remedy)]
            ) from None
        return cls(
            arrays["hidden_weights"],
            arrays["hidden_bias"],
            arrays["output_weights"],
            encoding,
            problem,
            description,
        )


def _problem_of(spec: str, hyperparameters: Mapping[str, float]) -> Program:
    """The problem that a network's spec states. The solver section may name a backend that is not installed here."""
    parsed, diagnostics = parse(Source("the network's spec", _text(spec)))
    if parsed is None or diagnostics:
        raise ValueError("its spec cannot be read")
    sections = tuple(
        section
        for section in parsed.sections
        if not (isinstance(section, tree.KindSection) and section.section.text == "solver")
    )
    overrides: dict[str, tree.Value] = {
        name: tree.Number(repr(float(value)), parsed.span) for name, value in dict(hyperparameters).items()
    }
    model, _ = check(tree.Spec(parsed.edition, sections, parsed.source, parsed.span), core_language(), overrides)
    if model is None:
        raise ValueError("its spec does not pass the checks of this version")
    return training_problem(model)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a text was expected in its description")
    return value


def _texts(value: object, count: int) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != count:
        raise ValueError("its column names do not fit its weights")
    return tuple(_text(entry) for entry in value)


def _labels(value: object) -> tuple[str | float, str | float] | None:
    if value is None:
        return None
    if (
        not isinstance(value, list)
        or len(value) != 2
        or not all(isinstance(entry, (str, int, float)) for entry in value)
    ):
        raise ValueError("its labels are not two texts or numbers")
    return value[0], value[1]

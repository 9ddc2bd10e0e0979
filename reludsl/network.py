"""A trained network: weights, the encoding of its data, and the problem that it was trained on."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from reludsl.data.encoding import Encoding, Samples
from reludsl.data.tables import Table, read_table
from reludsl.diagnostics import DataPlace, Diagnostic, listed
from reludsl.files import why_unwritable
from reludsl.grammar import parse, tree
from reludsl.ir import Activation, Program, TrainingForm, evaluate, objective
from reludsl.mistakes import Mistakes
from reludsl.model.checker import check
from reludsl.model.language import core_language
from reludsl.model.model import Model, Perturbation, Wasserstein
from reludsl.model.problem import one_hot, training_problem
from reludsl.network_file import FORMAT, VERSION, read_network, write_network
from reludsl.source import Source


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """f(x) = Σ_j σ(xᵀu_j + b_j) α_j + c on scaled inputs x.

    `hidden_weights` (d, m) holds the u_j, `hidden_bias` (m,) the b_j (zeros without a bias), `output_weights` the α_j,
    (m,) or with several outputs (m, c), `output_bias` the c, a number or (c,). Gated neurons have fixed `gates` (d, m)
    and `gate_bias` (m,). The hidden weights of polynomial neurons, bias included, have norm 1. `form` is the training
    problem, and `description` what the file says in words: spec, digest, hyperparameters, versions.
    """

    hidden_weights: np.ndarray
    hidden_bias: np.ndarray
    output_weights: np.ndarray
    output_bias: np.ndarray
    encoding: Encoding
    form: TrainingForm
    gates: np.ndarray | None = None
    gate_bias: np.ndarray | None = None
    description: Mapping[str, Any] = field(repr=False, default_factory=dict)

    @classmethod
    def of(
        cls,
        model: Model,
        form: TrainingForm,
        hidden: np.ndarray,
        weights: np.ndarray,
        offset: np.ndarray,
        encoding: Encoding,
        gates: np.ndarray | None,
    ) -> Network:
        """From hidden weights and gates whose last row is the bias, where neurons have one, and output weights (m, c).

        `offset` are the output biases, zeros without any.
        """

        def parts(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return (rows[:-1], rows[-1]) if form.hidden_bias else (rows, np.zeros(rows.shape[1]))

        offset = np.asarray(offset, dtype=float).reshape(weights.shape[1])
        output_weights, output_bias = (weights, offset) if form.several else (weights[:, 0], offset[0])
        hidden_weights, hidden_bias = parts(hidden)
        network = cls(hidden_weights, hidden_bias, output_weights, output_bias, encoding, form)
        if gates is None:
            return network
        fixed, biases = parts(gates)
        return replace(network, gates=fixed, gate_bias=biases)

    @property
    def width(self) -> int:
        """The number of hidden neurons."""
        return len(self.output_weights)

    @property
    def activation(self) -> Activation:
        return self.form.activation

    @property
    def problem(self) -> Program:
        """The training problem, not convex."""
        return self.form.program()

    @property
    def perturbation(self) -> Perturbation | Wasserstein | None:
        """What the network was trained to withstand, by the spec in its description; None where there is none."""
        if "spec" not in self.description:
            return None
        return _model_of(self.description["spec"], self.description.get("hyperparameters", {})).perturbation

    def __repr__(self) -> str:
        return f"<Network: {len(self.encoding.offset)} inputs, {self.width} hidden neurons, {self.encoding.target}>"

    def hidden(self, X: np.ndarray) -> np.ndarray:
        """The hidden neurons (n, m) on scaled inputs (n, d)."""
        t = X @ self.hidden_weights + self.hidden_bias
        if self.gates is not None:
            return np.where(X @ self.gates + self.gate_bias >= 0, t, 0.0)
        if self.activation.stepwise:
            return np.where(t >= 0, np.sqrt(np.sum(self.hidden_weights**2, axis=0) + self.hidden_bias**2), 0.0)
        return np.asarray(self.activation.value(t))

    def scores(self, X: np.ndarray) -> np.ndarray:
        """The outputs (n,), or (n, c) if there are several, for scaled inputs (n, d)."""
        return np.asarray(self.hidden(X) @ self.output_weights + self.output_bias)

    def linearized(self, X: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        """The outputs for scaled inputs (n, d), and the map from R, of their shape, to the gradient of Σ R ∘ outputs.

        The gradient (n, d) is that in the scaled inputs, row by row; on the border of two pieces that of the open one.
        Raises ValueError for threshold neurons, whose gradient is 0.
        """
        if self.activation.stepwise:
            raise ValueError("the gradient of threshold neurons is 0 wherever they have one")
        t = X @ self.hidden_weights + self.hidden_bias
        slopes = self._steepness(X, t)
        values = self.activation.value(t) if self.gates is None else slopes * t
        outputs = np.asarray(values @ self.output_weights + self.output_bias)

        def pullback(R: np.ndarray) -> np.ndarray:
            weights = R @ self.output_weights.T if R.ndim == 2 else R[:, None] * self.output_weights
            return np.asarray((slopes * weights) @ self.hidden_weights.T)

        return outputs, pullback

    def decision_function(self, data: Any) -> np.ndarray:
        """The outputs, (n,) or (n, c), for raw data: an array (n, d), a path, a frame or a mapping.

        For a binary target the sign decides, for a categorical one the largest output; real-valued predictions are in
        the target's own units. Raises Mistakes (D3xx) when the data does not fit the network.
        """
        table = self.encoding.as_table(data) if isinstance(data, (np.ndarray, list)) else read_table(data)
        outputs = self.scores(self.encoding.inputs(table))
        if self.encoding.labels is not None:
            return outputs
        return np.asarray(outputs * self.encoding.target_divisor + self.encoding.target_offset)

    def predict(self, data: Any) -> np.ndarray:
        """Labels (n,) for a target that has them, values (n,) or (n, c) otherwise; data as in `decision_function`."""
        table = self.encoding.as_table(data) if isinstance(data, (np.ndarray, list)) else read_table(data)
        return self.encoding.decode(self.scores(self.encoding.inputs(table)))

    def objective(self, data: Any, target: Any = None) -> float:
        """Loss plus regularizers on raw data with its target: the value of the non-convex training problem.

        The target may be given beside an array of inputs; otherwise it is found in the data, and so are the weights of
        the samples, which count 1 where there are none. In the units in which the network was trained. Raises Mistakes
        (D3xx).
        """
        if target is not None:
            return self.objective_on(self.encoding.samples(self.encoding.as_table(data, target)))
        return self.objective_on(self.encoding.samples(read_table(data)))

    def objective_on(self, samples: Samples) -> float:
        """The objective on scaled and encoded samples."""
        weights = np.ones(len(samples.X)) if samples.weights is None else samples.weights
        values = self._weights | {"X": samples.X, self.form.y.name: samples.y, "omega": weights}
        problem = self.problem
        return objective(problem, {name: values[name] for name in problem.names if name in values})

    def loss_of(self, losses: np.ndarray, samples: Samples) -> float:
        """The losses (n,) of samples as one number, as the training problem adds them up."""
        weights = np.ones(len(losses)) if samples.weights is None else samples.weights
        total = float(weights @ losses)
        return total / float(weights.sum()) if self.form.mean else total

    def penalty(self) -> float:
        """The regularizers' part of the objective."""
        return float(sum(evaluate(term.expression, self._weights) for term in self.problem.objective[1:]))

    @property
    def _weights(self) -> dict[str, Any]:
        """The weights by the names that they have in the training problem."""
        return {
            "U": self.hidden_weights,
            "b": self.hidden_bias,
            "alpha": self.output_weights,
            "c0": self.output_bias,
            "G": self.gates if self.gates is not None else self.hidden_weights,
            "g": self.gate_bias if self.gate_bias is not None else self.hidden_bias,
        }

    def slopes(self, X: np.ndarray) -> np.ndarray:
        """How the outputs change with the scaled inputs around X (n, d): (n, d), or (n, c, d) with several outputs.

        At a kink, the slope of the side that is active. Raises NotImplementedError for the steps of `threshold`.
        """
        if self.activation.stepwise:
            raise NotImplementedError("a step has no slope")
        t = X @ self.hidden_weights + self.hidden_bias
        steepness = self._steepness(X, t)
        if not self.form.several:
            return np.asarray((steepness * self.output_weights) @ self.hidden_weights.T)
        parts = [(steepness * weights) @ self.hidden_weights.T for weights in self.output_weights.T]
        return np.stack(parts, axis=1)

    def _steepness(self, X: np.ndarray, t: np.ndarray) -> np.ndarray:
        """How the hidden neurons (n, m) change with their weighted sums t on scaled inputs X."""
        if self.gates is not None:
            return np.where(X @ self.gates + self.gate_bias >= 0, 1.0, 0.0)
        return np.asarray(self.activation.derivative(t))

    def on(self, data: Any, target: str | None = None) -> tuple[Network, Table]:
        """Raw data as a table, and the network with the name that the target has there.

        Data is a path, a mapping of arrays, a DataFrame, or a tuple (X, y) or (X, y, weights). Raises Mistakes (D3xx).
        """
        network, encoding = self, self.encoding
        if target is not None and target != encoding.target:
            if encoding.target_columns is not None:
                message = f"`{target}` is one column, and the target of the network has several"
                names = listed(encoding.target_columns, "and")
                raise Mistakes([Diagnostic("D304", message, help=f"leave it out; the target's columns are {names}")])
            network = replace(self, encoding=replace(encoding, target=target))
        return network, network.encoding.as_table(*data) if isinstance(data, tuple) else read_table(data)

    def metrics(self, samples: Samples) -> dict[str, float]:
        """`accuracy` for labels; `rmse` in the target's units (the mean over several outputs) and `r2` otherwise."""
        outputs = self.scores(samples.X)
        if self.encoding.categorical:
            return {"accuracy": float(np.mean(outputs.argmax(axis=1) == samples.y.argmax(axis=1)))}
        if self.encoding.labels is not None:
            return {"accuracy": float(np.mean(np.where(outputs >= 0, 1.0, -1.0) == samples.y))}
        errors = np.mean((outputs - samples.y) ** 2, axis=0)
        spreads = np.var(samples.y, axis=0)
        metrics = {"rmse": float(np.mean(errors**0.5 * np.abs(self.encoding.target_divisor)))}
        if np.all(spreads > 0):
            metrics["r2"] = float(np.mean(1.0 - errors / spreads))
        return metrics

    def to_torch(self) -> Any:
        """The network on raw inputs as a `torch.nn.Sequential` in float64, scalings folded in (the extra `torch`).

        It gives outputs (n, c) as `decision_function` gives them. Raises ImportError without PyTorch, and
        NotImplementedError for gated, threshold and polynomial neurons, which no layer of PyTorch has.
        """
        encoding, activation = self.encoding, self.activation
        if activation.gated or activation.stepwise or activation.polynomial:
            raise NotImplementedError(f"PyTorch has no layer for the activation `{activation.name}`")
        import torch

        output_weights = self.output_weights.reshape(self.width, np.size(self.output_bias))
        outputs = output_weights.shape[1]
        hidden = torch.nn.Linear(len(encoding.offset), self.width, dtype=torch.float64)
        output = torch.nn.Linear(self.width, outputs, dtype=torch.float64)
        weights = self.hidden_weights / encoding.divisor[:, None]
        divisor = np.broadcast_to(encoding.target_divisor, (outputs,))
        offset = np.broadcast_to(encoding.target_offset, (outputs,))
        with torch.no_grad():
            hidden.weight.copy_(torch.from_numpy(weights.T.copy()))
            hidden.bias.copy_(torch.from_numpy(self.hidden_bias - encoding.offset @ weights))
            output.weight.copy_(torch.from_numpy((output_weights * divisor).T.copy()))
            output.bias.copy_(torch.from_numpy(self.output_bias * divisor + offset))
        # max(t, 0) + slope min(t, 0), whatever the slope is
        nonlinear = torch.nn.ReLU() if activation.slope == 0 else torch.nn.LeakyReLU(activation.slope)
        return torch.nn.Sequential(hidden, nonlinear, output)

    # -- files ---------------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the network's file, whole or not at all. Raises Mistakes (D330) where the path cannot be written."""
        encoding = self.encoding
        arrays: dict[str, np.ndarray] = {
            "hidden_weights": self.hidden_weights,
            "hidden_bias": self.hidden_bias,
            "output_weights": self.output_weights.reshape(self.width, np.size(self.output_bias)),
            "output_bias": np.atleast_1d(self.output_bias),
            "input_offset": encoding.offset,
            "input_divisor": encoding.divisor,
            "target_offset": np.atleast_1d(encoding.target_offset),
            "target_divisor": np.atleast_1d(encoding.target_divisor),
        }
        if self.gates is not None and self.gate_bias is not None:
            arrays |= {"gates": self.gates, "gate_bias": self.gate_bias}
        description = {
            "format": FORMAT,
            "version": VERSION,
            **self.description,
            "input": encoding.input,
            "columns": None if encoding.columns is None else list(encoding.columns),
            "target": encoding.target,
            "target_columns": None if encoding.target_columns is None else list(encoding.target_columns),
            "labels": None if encoding.labels is None else list(encoding.labels),
            "weight": encoding.weight,
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
            model = _model_of(description["spec"], description["hyperparameters"])
            form = training_problem(model)
            outputs = arrays["output_weights"].shape[1]
            if not form.several and outputs != 1:
                raise ValueError(f"its spec has one output, its weights have {outputs}")
            if form.activation.gated and "gates" not in arrays:
                raise ValueError("its neurons are gated, but it has no gates")

            def per_output(name: str) -> np.ndarray:
                return arrays[name] if form.several else arrays[name][0]

            encoding = Encoding(
                input=_text(description["input"]),
                columns=_texts(description["columns"], len(arrays["input_offset"])),
                offset=arrays["input_offset"],
                divisor=arrays["input_divisor"],
                target=_text(description["target"]),
                labels=_labels(description["labels"], model, outputs),
                target_offset=per_output("target_offset"),
                target_divisor=per_output("target_divisor"),
                target_columns=_texts(description["target_columns"], outputs),
                one_hot=one_hot(model),
                weight=None if description["weight"] is None else _text(description["weight"]),
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
            arrays["output_weights"] if form.several else arrays["output_weights"][:, 0],
            per_output("output_bias"),
            encoding,
            form,
            arrays.get("gates"),
            arrays.get("gate_bias"),
            description,
        )


def _model_of(spec: str, hyperparameters: Mapping[str, float]) -> Model:
    """The model of a network's spec. The solver section may name a backend that is not installed here."""
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
    return model


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


def _labels(value: object, model: Model, outputs: int) -> tuple[str | float, ...] | None:
    """The labels that the spec's target needs: two, or one for each output."""
    count = 2 if model.target.binary else outputs if model.target.categorical else 0
    if value is None and count == 0:
        return None
    if (
        not isinstance(value, list)
        or len(value) != count
        or not all(isinstance(entry, (str, int, float)) for entry in value)
    ):
        raise ValueError(f"its labels are not {count} texts or numbers")
    return tuple(value)

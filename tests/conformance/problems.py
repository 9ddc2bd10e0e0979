"""Small training problems whose optimal value is known without this project's solvers.

Closed forms use one fact: for samples X = I the outputs of a network cost at least β‖f₊‖ + β‖f₋‖, with equality for one
neuron a sign, since (Xu)₊ = u₊ and norms are subadditive. The rest is one-dimensional calculus. The other optima come
from a program that is written down from the definition, in `optimum.py`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from reludsl.lowering.patterns import random_directions
from tests.conformance.optimum import Charge, Training, encoded, optimum


@dataclass(frozen=True, eq=False)
class Problem:
    """A spec in parts, data, and the optimal value of the non-convex problem.

    `more` are regularizers beside the first one, `biases` what that one does with them.
    """

    name: str
    loss: str
    X: np.ndarray
    y: np.ndarray
    beta: float
    known: float | None = None
    regularizer: str = "weight_decay"
    bias: str = "none"
    formulation: str = "exact"
    target: str = "vector"
    activation: str = "relu"
    biases: str = "penalized"
    more: tuple[Charge, ...] = ()
    weights: np.ndarray | None = None

    @property
    def spec(self) -> str:
        dimensions = {"matrix": "n, c", "categorical": "n, k"}.get(self.target, "n")
        several = self.target in ("matrix", "categorical")
        lines = [
            "reludsl 1",
            "data {",
            "  input  X : matrix[n, d]",
            f"  target y : {self.target}[{dimensions}]",
            *(["  weight w : vector[n]"] if self.weights is not None else []),
            "}",
            f"architecture two_layer {{ activation = {self.activation}, bias = {self.bias}"
            f"{', outputs = separate' if several else ''} }}",
            f"loss {self.loss}",
        ]
        for charge in self.charges:
            options = f"strength = {charge.strength!r}, biases = {'penalized' if charge.biases else 'free'}"
            lines.append(f"regularizer {charge.name} {{ {options} }}")
        return "\n".join([*lines, f"formulation {self.formulation}", ""])

    @property
    def data(self) -> dict[str, np.ndarray]:
        return {"X": self.X, "y": self.y} | ({} if self.weights is None else {"w": self.weights})

    @property
    def charges(self) -> tuple[Charge, ...]:
        return (Charge(self.regularizer, self.beta, self.biases == "penalized"), *self.more)

    @property
    def training(self) -> Training:
        """The same problem, for the reference."""
        kind = self.loss.split()[0]
        labels = self.target == "categorical"
        numbers = re.findall(r"(\w+) = ([-\d.e]+)", f"{self.loss} {self.formulation}")
        options: dict[str, Any] = {name: float(value) for name, value in numbers}
        activation, _, slope = self.activation.rstrip(")").partition("(slope = ")
        training = Training(
            self.X,
            encoded(self.y, kind == "cross_entropy") if labels else self.y.reshape(len(self.y), -1),
            kind,
            options,
            "reduction = mean" in self.loss,
            self.weights,
            "gated_relu" if self.formulation.startswith("gated") else activation,
            float(slope or 0.01),
            bias=self.bias,
            charges=self.charges,
        )
        if not self.formulation.startswith("random_features"):
            return training
        neurons = random_directions(training.samples.shape[1], int(options["neurons"]), int(options.get("seed", 0)))
        return replace(training, neurons=neurons)

    @cached_property
    def optimum(self) -> float:
        return optimum(self.training) if self.known is None else self.known


def _orthogonal(y: np.ndarray, beta: float) -> float:
    """½‖c − y‖² + β‖c₊‖ + β‖c₋‖ at its minimum, for parts longer than β: block soft thresholding."""
    parts = [np.linalg.norm(np.maximum(y, 0)), np.linalg.norm(np.maximum(-y, 0))]
    assert all(length == 0 or length > beta for length in parts)
    return float(sum(beta * length - beta**2 / 2 for length in parts if length))


def _random(n: int, d: int, seed: int, labels: bool = False) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n, d))
    y = generator.standard_normal(n)
    return X, np.where(y > 0, 1.0, -1.0) if labels else y


_ONE = np.array([[1.0], [-0.5]])
_I3 = np.eye(3)
_MIXED = np.array([2.0, -3.0, 1.0])
_POSITIVE = np.array([1.0, 2.0, 2.0])
_SIGNS = np.array([1.0, -1.0, 1.0])
_q = math.sqrt(2)

PROBLEMS = (
    # One sample is y against x = 1; a second row at zero loss makes the target vary: its neuron is off there.
    Problem("one neuron", "squared", _ONE, np.array([2.0, 0.0]), 0.5, 0.5 * 2.0 - 0.5**2 / 2),
    Problem("all zero", "squared", _I3, _MIXED, 5.0, 0.5 * 14.0),
    Problem("orthogonal, one sign", "squared", _I3, _POSITIVE, 0.5, _orthogonal(_POSITIVE, 0.5)),
    Problem("orthogonal, both signs", "squared", _I3, _MIXED, 0.5, _orthogonal(_MIXED, 0.5)),
    Problem("path norm", "squared", _I3, _MIXED, 0.5, _orthogonal(_MIXED, 0.5), regularizer="path_norm"),
    Problem(
        "mean of the losses",
        "squared { reduction = mean }",
        _I3,
        _MIXED,
        0.2,
        _orthogonal(_MIXED, 0.6) / 3,  # 1/3 (½‖c − y‖² + 3β(...))
    ),
    Problem(  # c = 2 − β/2 fits 1 and 3 at the same sample
        "repeated sample",
        "squared",
        np.array([[1.0], [1.0]]),
        np.array([1.0, 3.0]),
        0.5,
        0.5 * (0.75**2 + 1.25**2) + 0.5 * 1.75,
    ),
    Problem(  # x = 0: only the bias speaks; one bias neuron gives y = 2, the second sample is matched by x = -1
        "sampled patterns",
        "squared",
        _I3,
        _MIXED,
        0.5,
        _orthogonal(_MIXED, 0.5),
        formulation="sampled { patterns = 100, seed = 3 }",
    ),
    Problem("two dimensions", "squared", *_random(6, 2, 0), 0.2),
    Problem("hidden bias", "squared", *_random(6, 1, 1), 0.1, bias="hidden"),
    Problem("three dimensions", "squared", *_random(5, 3, 2), 0.3),
    # One neuron a sign carries s to each of its samples: β‖(s, s)‖ against 2(1 − s)₊ and (1 − s)₊.
    Problem("hinge, separable", "hinge", _I3, _SIGNS, 0.3, 0.3 * (_q + 1.0), target="binary"),
    Problem("hinge with margin", "hinge { margin = 2 }", _I3, _SIGNS, 0.3, 0.6 * (_q + 1.0), target="binary"),
    Problem("hinge, all zero", "hinge", _I3, _SIGNS, 2.0, 3.0, target="binary"),
    Problem("hinge, mean", "hinge { reduction = mean }", _I3, _SIGNS, 0.1, 0.1 * (_q + 1.0), target="binary"),
    Problem("hinge, two dimensions", "hinge", *_random(7, 2, 3, labels=True), 0.4, target="binary"),
    Problem(
        "logistic",
        "logistic",
        np.eye(2),
        np.array([1.0, -1.0]),
        0.2,
        2 * (-math.log(0.8) + 0.2 * math.log(4)),
        target="binary",
    ),
    Problem("logistic, two dimensions", "logistic", *_random(6, 2, 4, labels=True), 0.2, target="binary"),
    Problem("squared hinge", "squared_hinge", _I3, _SIGNS, 0.3, 0.3 * (_q + 1) - 0.3**2, target="binary"),
    Problem("squared hinge, two dimensions", "squared_hinge", *_random(7, 2, 6, labels=True), 0.2, target="binary"),
    # Nothing is gained by leaving y while β is below the slope of the loss: the network interpolates.
    Problem("absolute", "absolute", _I3, _MIXED, 0.5, 0.5 * (math.sqrt(5) + 3)),
    Problem("absolute, two dimensions", "absolute", *_random(7, 2, 7), 0.4),
    Problem("quantile", "quantile { level = 0.9 }", _I3, _MIXED, 0.05, 0.05 * (math.sqrt(5) + 3)),
    Problem("quantile, hidden bias", "quantile { level = 0.3 }", *_random(6, 1, 8), 0.1, bias="hidden"),
    # Below delta the Huber loss is the squared one.
    Problem("huber, one neuron", "huber { delta = 0.5 }", _ONE, np.array([2.0, 0.0]), 0.4, 0.4 * 2.0 - 0.4**2 / 2),
    Problem("huber, two dimensions", "huber { delta = 0.5 }", *_random(7, 2, 9), 0.2),
    Problem("logistic, hidden bias", "logistic", *_random(5, 1, 5, labels=True), 0.1, bias="hidden", target="binary"),
)

_CLASSES = np.array(["a", "b", "c"])
_TWO = np.column_stack([_MIXED, _POSITIVE])
_WEIGHTS = np.array([0.5, 2.0, 1.0, 0.0, 1.5, 1.0])
_SAMPLES, _VALUES = _random(6, 2, 10)
_LABELS = np.array(["a", "b", "c", "a", "c", "b"])
_ONE_INPUT, _OF_ONE = _random(6, 1, 11)


def _on_samples(name: str, loss: str = "squared", *, beta: float = 0.2, **parts: Any) -> Problem:
    """A problem on six samples of two inputs."""
    targets = {"matrix": np.column_stack([_VALUES, _SAMPLES[:, 0] * _SAMPLES[:, 1]]), "categorical": _LABELS}
    targets |= {"binary": np.where(_VALUES > 0, 1.0, -1.0)}
    return Problem(name, loss, _SAMPLES, targets.get(parts.get("target", ""), _VALUES), beta, **parts)


def _with_biases(name: str, loss: str = "squared", *, beta: float = 0.1, **parts: Any) -> Problem:
    """A problem on six samples of one input."""
    return Problem(name, loss, _ONE_INPUT, _OF_ONE, beta, **parts)


FORMS = (
    # One neuron an output carries t to its own sample: 3 (log(1 + 2 exp(-t)) + βt).
    Problem(
        "classes, orthogonal",
        "cross_entropy",
        _I3,
        _CLASSES,
        0.2,
        3 * (-math.log(0.8) + 0.2 * math.log(2 * 0.8 / 0.2)),
        target="categorical",
    ),
    _on_samples("classes", "cross_entropy", beta=0.5, target="categorical"),
    _on_samples("classes, mean", "cross_entropy { reduction = mean }", beta=0.05, target="categorical"),
    _on_samples("classes by margins", "hinge", target="categorical"),
    _on_samples("classes, both biases", "cross_entropy", target="categorical", bias="output"),
    Problem(  # separate outputs under a separable loss are separate problems
        "two outputs, orthogonal",
        "squared",
        _I3,
        _TWO,
        0.5,
        _orthogonal(_MIXED, 0.5) + _orthogonal(_POSITIVE, 0.5),
        target="matrix",
    ),
    _on_samples("two outputs", "huber { delta = 0.5 }", target="matrix"),
    # β Σ |f_k| is what X = I leaves of the l1 norm: soft thresholding.
    Problem("l1, orthogonal", "squared", _I3, _MIXED, 0.5, float(sum(0.5 * abs(_MIXED) - 0.125)), "l1"),
    _on_samples("l1", regularizer="l1"),
    # Of the 8 patterns of X = I, 4 let a sample through; each carries a quarter of f_k, for β/8 f_k².
    Problem("l2, orthogonal", "squared", _I3, _MIXED, 0.5, 0.5 * 14.0 * 0.5 / 4.5, "l2"),
    _on_samples("l2", regularizer="l2"),
    _on_samples("weight decay and l1", more=(Charge("l1", 0.1),)),
    _on_samples("path norm and l2", regularizer="path_norm", more=(Charge("l2", 0.3),)),
    _with_biases("free biases", bias="hidden", biases="free"),
    _with_biases("free biases, l1", bias="hidden", regularizer="l1", biases="free"),
    _with_biases("one of two counts biases", bias="hidden", biases="free", more=(Charge("l1", 0.05),)),
    _with_biases("output bias", bias="output"),
    _with_biases("output bias, its size", bias="output", regularizer="path_norm"),
    _with_biases("output bias, free", bias="output", biases="free"),
    _with_biases("both biases", "absolute", bias="both"),
    Problem("leaky, one sign", "squared", _I3, _POSITIVE, 0.5, _orthogonal(_POSITIVE, 0.5), activation="leaky_relu"),
    _on_samples("leaky", activation="leaky_relu(slope = 0.3)"),
    _on_samples("leaky, downwards", activation="leaky_relu(slope = -0.5)"),
    Problem("absolute value", "squared", _I3, _MIXED, 0.5, _orthogonal(_MIXED, 0.5), activation="absolute"),
    _on_samples("absolute value, two dimensions", activation="absolute"),
    # The gate that lets all samples through leaves ridge regression without the square.
    Problem("gated", "squared", _I3, _MIXED, 0.5, 0.5 * math.sqrt(14) - 0.125, activation="gated_relu"),
    _on_samples("gated, two dimensions", formulation="gated"),
    # Steps cost the height of the highest output: the top two come down by β/2 each.
    Problem("steps", "squared", _I3, _POSITIVE, 0.5, 2 * 0.5 - 0.25 / 4, activation="threshold"),
    _on_samples("steps, two dimensions", activation="threshold"),
    _with_biases("steps with biases", bias="both", activation="threshold"),
    _on_samples("random neurons", formulation="random_features { neurons = 12, seed = 4 }"),
    _on_samples("random neurons, l1", regularizer="l1", formulation="random_features { neurons = 12 }"),
    _with_biases(
        "random neurons, free biases", bias="both", biases="free", formulation="random_features { neurons = 9 }"
    ),
    _on_samples("weights", weights=_WEIGHTS),
    _on_samples("weights, mean", "logistic { reduction = mean }", beta=0.05, target="binary", weights=_WEIGHTS),
    _on_samples("weights of classes", "cross_entropy", target="categorical", weights=_WEIGHTS),
    _on_samples("custom", "custom { expression = square(f - y) }"),
)
"""What is more than one ReLU output under weight decay."""

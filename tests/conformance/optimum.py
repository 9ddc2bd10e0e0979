"""The optimal value of a training problem, from its definition alone: nothing here knows this project's programs.

Every activation but a step is linear on a pattern, so a network is a sum of blocks, one for each pattern, sign and
output, and its penalty is a norm of each block (Pilanci, Ergen 2020). That is written down block by block, with every
pattern, and handed to CVXPY. Steps and random neurons are fixed features: there the
output weights are all that is sought.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from math import comb
from typing import Any

import cvxpy as cp
import numpy as np


@dataclass(frozen=True)
class Charge:
    """A regularizer: its name, its strength, and whether it counts biases."""

    name: str
    strength: float
    biases: bool = True


@dataclass(frozen=True, eq=False)
class Training:
    """A training problem: samples X (n, d), encoded targets Y (n, c), and what the spec says in its words.

    `masks` (n, P) are the patterns that take part, all of them for None; `neurons` (d, N), with a last row for hidden
    biases, are hidden neurons that stay as they are.
    """

    X: np.ndarray
    Y: np.ndarray
    loss: str = "squared"
    options: Mapping[str, float] = field(default_factory=dict)
    mean: bool = False
    weights: np.ndarray | None = None
    activation: str = "relu"
    slope: float = 0.01
    bias: str = "none"
    charges: tuple[Charge, ...] = ()
    masks: np.ndarray | None = None
    neurons: np.ndarray | None = None

    @property
    def samples(self) -> np.ndarray:
        """X with a column of ones where neurons have a bias."""
        return np.column_stack([self.X, np.ones(len(self.X))]) if self.hidden_bias else self.X

    @property
    def hidden_bias(self) -> bool:
        return self.bias in ("hidden", "both")

    @property
    def gated(self) -> bool:
        return self.activation == "gated_relu"

    @property
    def stepwise(self) -> bool:
        return self.activation == "threshold"

    @property
    def patterns(self) -> np.ndarray:
        masks = all_patterns(self.samples) if self.masks is None else self.masks
        if self.activation == "absolute":  # |t| has the same functions on a pattern and on its complement
            masks = np.unique(masks == masks[:1], axis=1)
        return masks

    def below(self) -> Training:
        """A problem whose optimum no network of any width goes below: the square of a product can be split away."""
        whole = replace(self, neurons=None) if self.gated else replace(self, neurons=None, masks=None)
        kept = tuple(charge for charge in self.charges if charge.name != "l2")
        return replace(whole, charges=kept)


def all_patterns(X: np.ndarray) -> np.ndarray:
    """Every pattern (n, P) of samples in general position: as many as Cover (1965) counts.

    Each cell of directions has a ray on which d - 1 samples are zero, with every choice of their signs beside it.
    """
    n, d = X.shape
    directions = []
    for rows in combinations(range(n), d - 1):
        zero = X[list(rows)]
        ray = np.linalg.svd(zero)[2][-1] if rows else np.ones(1)
        for signs in product((-1.0, 1.0), repeat=d - 1):
            aside = 1e-7 * np.linalg.pinv(zero) @ np.array(signs) if rows else np.zeros(1)
            directions += [ray + aside, aside - ray]
    masks = np.unique(X @ np.array(directions).T > 0, axis=1)
    assert masks.shape[1] == 2 * sum(comb(n - 1, k) for k in range(d)), "not in general position"
    return masks


def optimum(training: Training) -> float:
    """The least value over networks of every width; of fixed neurons, over their output weights."""
    prediction, charge, constraints = _fixed(training) if _has_fixed(training) else _blocks(training)
    if training.bias in ("output", "both"):
        offset = cp.Variable(training.Y.shape[1])
        prediction = prediction + np.ones((len(training.X), 1)) @ cp.reshape(offset, (1, -1), order="C")
        charge += sum(_offset_charge(part, offset) for part in training.charges if part.biases)
    program = cp.Problem(cp.Minimize(_loss(training, prediction) + charge), constraints)
    # The second tolerance is Clarabel's own. Exponential cones need shorter steps now and then.
    for tolerance, step in ((1e-10, 0.99), (1e-8, 0.99), (1e-7, 0.9)):
        tight = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), tolerance)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "may be inaccurate" is a status here
            program.solve(solver=cp.CLARABEL, max_step_fraction=step, **tight)
        if program.status == "optimal":
            break
    assert program.status == "optimal", program.status
    return float(program.value)


def zero_network(training: Training) -> float:
    """The value without any neuron."""
    return float(_loss(training, cp.Constant(np.zeros(training.Y.shape))).value)


Parts = tuple[Any, Any, list[Any]]


def _blocks(training: Training) -> Parts:
    """Prediction (n, c), penalty and cones of a block for each pattern, sign and output."""
    X = training.samples
    slope = {"leaky_relu": training.slope, "absolute": -1.0}.get(training.activation, 0.0)
    columns, charge, constraints = [], 0, []
    for _ in range(training.Y.shape[1]):
        column: Any = np.zeros(len(X))
        for mask in training.patterns.T.astype(float):
            slopes = np.diag(mask + slope * (1 - mask))
            for sign in (1.0,) if training.gated else (1.0, -1.0):
                block = cp.Variable(X.shape[1])
                column = column + sign * slopes @ X @ block
                charge += sum(_charge(part, block, training.hidden_bias) for part in training.charges)
                constraints += [] if training.gated else [np.diag(2 * mask - 1) @ X @ block >= 0]
        columns.append(column)
    return cp.vstack(columns).T, charge, constraints


def _has_fixed(training: Training) -> bool:
    return training.stepwise or training.neurons is not None


def _fixed(training: Training) -> Parts:
    """Prediction and penalty of hidden neurons that stay as they are.

    A step is as high as its weights are long, and costs that much: the masks are steps of height 1.
    """
    if training.neurons is None:
        hidden, costs = training.patterns.astype(float), np.full(training.patterns.shape[1], _strength(training))
    else:
        t = training.samples @ training.neurons
        hidden = {
            "relu": np.maximum(t, 0),
            "leaky_relu": np.where(t > 0, t, training.slope * t),
            "absolute": np.abs(t),
            "threshold": np.linalg.norm(training.neurons, axis=0) * (t >= 0),
        }[training.activation]
        costs = np.array([_neuron_cost(training, u) for u in training.neurons.T])
    output = cp.Variable((hidden.shape[1], training.Y.shape[1]))
    return hidden @ output, cp.sum(costs @ cp.abs(output)), []


def _strength(training: Training) -> float:
    return sum(charge.strength for charge in training.charges)


def _neuron_cost(training: Training, u: np.ndarray) -> float:
    """What a unit of output weight of a neuron costs once hidden and output weights are balanced."""
    total = 0.0
    for charge in training.charges:
        counted = u[:-1] if training.hidden_bias and not charge.biases else u
        total += charge.strength * float(np.linalg.norm(counted, 1 if charge.name == "l1" else 2))
    return total


def _charge(charge: Charge, block: Any, hidden_bias: bool) -> Any:
    counted = block[:-1] if hidden_bias and not charge.biases else block
    match charge.name:
        case "l1":
            return charge.strength * cp.norm1(counted)
        case "l2":
            return charge.strength / 2 * cp.sum_squares(counted)
    return charge.strength * cp.norm(counted)


def _offset_charge(charge: Charge, offset: Any) -> Any:
    if charge.name in ("weight_decay", "l2"):
        return charge.strength / 2 * cp.sum_squares(offset)
    return charge.strength * cp.norm1(offset)


def _loss(training: Training, prediction: Any) -> Any:
    """The losses of the samples, weighted, and summed or divided by the sum of the weights."""
    n = len(training.Y)
    weights = np.ones(n) if training.weights is None else training.weights
    counted = np.flatnonzero(weights)
    losses = [weights[k] * _sample_loss(training, prediction[k], training.Y[k]) for k in counted]
    return cp.sum(cp.hstack(losses)) / (weights.sum() if training.mean else 1.0)


def _sample_loss(training: Training, f: Any, y: np.ndarray) -> Any:
    option = training.options.get
    match training.loss:
        case "squared":
            return cp.sum_squares(f - y) / 2
        case "absolute":
            return cp.norm1(f - y)
        case "huber":
            return cp.sum(cp.huber(f - y, option("delta", 1.0))) / 2
        case "quantile":
            level = option("level", 0.5)
            return level * cp.sum(cp.pos(y - f)) + (1 - level) * cp.sum(cp.pos(f - y))
        case "hinge":
            return cp.sum(cp.pos(option("margin", 1.0) - cp.multiply(y, f)))
        case "squared_hinge":
            return cp.sum_squares(cp.pos(option("margin", 1.0) - cp.multiply(y, f))) / 2
        case "logistic":
            return cp.sum(cp.logistic(-cp.multiply(y, f)))
        case "cross_entropy":
            return cp.log_sum_exp(f) - y @ f
        case "custom":  # square(f - y)
            return cp.sum_squares(f - y)
    raise NotImplementedError(training.loss)


def encoded(y: Iterable[Any], one_hot: bool) -> np.ndarray:
    """Classes as rows, a column for each in sorted order: 1 and 0, or 1 and -1."""
    labels = np.asarray(list(y))
    hits = labels[:, None] == np.unique(labels)
    return np.where(hits, 1.0, 0.0 if one_hot else -1.0)

"""The optimal value of a training problem, from its definition alone: nothing here knows this project's programs.

Every activation but a step is linear on a pattern, so a network is a sum of blocks, one for each pattern, sign and
output, and its penalty is a norm of each block (Pilanci, Ergen 2020). That is written down block by block, with every
pattern, and handed to CVXPY. Steps and random neurons are fixed features: there the
output weights are all that is sought.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
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
    biases, are hidden neurons that stay as they are; `shared` ones feed all outputs. `changes` (K, d) are the corners
    of the set of changes that every sample has to withstand, `ball` the radius of a Euclidean one, `wasserstein` the
    radius of a ball of distributions and the order of the norm of slopes.
    """

    X: np.ndarray
    Y: np.ndarray
    loss: str = "squared"
    options: Mapping[str, float] = field(default_factory=dict)
    mean: bool = False
    weights: np.ndarray | None = None
    activation: str = "relu"
    slope: float = 0.01
    coefficients: tuple[float, float, float] = (0.09, 0.5, 0.47)
    bias: str = "none"
    charges: tuple[Charge, ...] = ()
    masks: np.ndarray | None = None
    neurons: np.ndarray | None = None
    changes: np.ndarray | None = None
    ball: float | None = None
    wasserstein: tuple[float, float] | None = None
    shared: bool = False

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
        if (self.changes is not None or self.ball is not None) and self.gated:
            masks = masks[:, [_survives(self, mask) for mask in masks.T]]
        if self.activation == "absolute":  # |t| has the same functions on a pattern and on its complement
            masks = np.unique(masks == masks[:1], axis=1)
        return masks

    def below(self) -> Training:
        """A problem whose optimum no network of any width goes below: the square of a product can be split away."""
        whole = replace(self, neurons=None) if self.gated else replace(self, neurons=None, masks=None)
        kept = tuple(charge for charge in self.charges if charge.name != "l2")
        return replace(whole, charges=kept, changes=None, ball=None, wasserstein=None)

    @property
    def moves(self) -> np.ndarray:
        """The changes, those of a bias included."""
        changes = np.zeros((1, self.X.shape[1])) if self.changes is None else self.changes
        return np.column_stack([changes, np.zeros(len(changes))]) if self.hidden_bias else changes


def _survives(training: Training, mask: np.ndarray) -> bool:
    """Whether some direction keeps all samples on the sides of a pattern, wherever in their sets they are."""
    X, sides = training.samples, 2.0 * mask - 1.0
    u, room = cp.Variable(X.shape[1]), cp.Variable()
    reach = 0 if training.ball is None else training.ball * cp.norm(u[: training.X.shape[1]])
    kept = [cp.multiply(sides, (X + move) @ u) - reach >= room for move in training.moves]
    cp.Problem(cp.Maximize(room), [*kept, cp.norm(u) <= 1]).solve(solver=cp.CLARABEL)
    return float(room.value) > 1e-6


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
    parts = _directions if training.shared else _fixed if _has_fixed(training) else _blocks
    predictions, charge, constraints = (_polynomials if training.activation == "polynomial" else parts)(training)
    if training.bias in ("output", "both"):
        offset = cp.Variable(training.Y.shape[1])
        level = np.ones((len(training.X), 1)) @ cp.reshape(offset, (1, -1), order="C")
        predictions = [prediction + level for prediction in predictions]
        charge += sum(_offset_charge(part, offset) for part in training.charges if part.biases)
    loss, worst = _loss(training, predictions)
    program = cp.Problem(cp.Minimize(loss + charge), constraints + worst)
    # The second tolerance is Clarabel's own. Exponential cones need shorter steps now and then.
    for tolerance, step in ((1e-10, 0.99), (1e-8, 0.99), (1e-7, 0.9)):
        tight = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), tolerance)
        with warnings.catch_warnings(), suppress(cp.error.SolverError):
            warnings.simplefilter("ignore")  # "may be inaccurate" is a status here
            program.solve(solver=cp.CLARABEL, max_step_fraction=step, **tight)
        if program.status == "optimal":
            break
    assert program.status == "optimal", program.status
    return float(program.value)


def zero_network(training: Training) -> float:
    """The value without any neuron."""
    return float(_loss(training, [cp.Constant(np.zeros(training.Y.shape))])[0].value)


Parts = tuple[Any, Any, list[Any]]


def _blocks(training: Training) -> Parts:
    """Predictions (n, c) after every change, penalty and cones of a block for each pattern, sign and output."""
    X = training.samples
    moved = [X + move for move in training.moves]
    slope = {"leaky_relu": training.slope, "absolute": -1.0}.get(training.activation, 0.0)
    outputs, steepness, charge, constraints = [], [], 0, []
    for _ in range(training.Y.shape[1]):
        columns: list[Any] = [np.zeros(len(X)) for _ in moved]
        steep: Any = np.zeros(training.X.shape)
        for mask in training.patterns.T.astype(float):
            slopes = np.diag(mask + slope * (1 - mask))
            for sign in (1.0,) if training.gated else (1.0, -1.0):
                block = cp.Variable(X.shape[1])
                columns = [column + sign * slopes @ A @ block for column, A in zip(columns, moved, strict=True)]
                charge += sum(_charge(part, block, training.hidden_bias) for part in training.charges)
                charge += _transport(training, block)
                reach = 0 if training.ball is None else training.ball * cp.norm(block[: training.X.shape[1]])
                constraints += [] if training.gated else [np.diag(2 * mask - 1) @ A @ block >= reach for A in moved]
                steep = steep + sign * cp.reshape(np.diag(slopes), (-1, 1), order="C") @ cp.reshape(
                    block[: training.X.shape[1]], (1, -1), order="C"
                )
        outputs.append(columns)
        steepness.append(steep)
    predictions = [cp.vstack(columns).T for columns in zip(*outputs, strict=True)]
    if training.ball is None:
        return predictions, charge, constraints
    return [*predictions, *_within_ball(training, predictions[0], steepness, constraints)], charge, constraints


def _within_ball(training: Training, F: Any, steepness: list[Any], constraints: list[Any]) -> list[Any]:
    """The greatest and the least predictions in a ball around each sample; of the cross-entropy, against the own class.

    How far they are from the middle is a variable that may be more than the norm of the slopes, which never helps.
    """
    n, c = training.Y.shape
    if training.loss == "cross_entropy":
        own = [sum(float(training.Y[k, j]) * steepness[j][k] for j in range(c)) for k in range(n)]
    reach = cp.Variable((n, c))
    for j in range(c):
        for k in range(n):
            slope = steepness[j][k] - (own[k] if training.loss == "cross_entropy" else 0)
            constraints.append(reach[k, j] >= training.ball * cp.norm(slope))
    # The prediction of the own class has no slope against itself, so the reach of its row may be 0.
    return [F + reach, F - reach]


def _transport(training: Training, block: Any) -> Any:
    """What the slopes of a block cost when the distribution of the samples may move."""
    if training.wasserstein is None:
        return 0
    radius, order = training.wasserstein
    weights = len(training.X) if training.weights is None else training.weights.sum()
    return (1 if training.mean else weights) * radius * cp.norm(block[: training.X.shape[1]], order)


def _directions(training: Training) -> Parts:
    """Prediction and penalty of neurons in directions of the plane, each with output weights for all outputs.

    Balanced weights cost the product of their norms. There are 4000 directions and those where a sample turns on or
    off; between them the optimum is less by 1e-6 of itself.
    """
    assert {charge.name for charge in training.charges} == {"weight_decay"} and training.samples.shape[1] == 2
    kinks = np.arctan2(training.samples[:, 1], training.samples[:, 0]) + np.pi / 2
    angles = np.concatenate([np.arange(4000) * (2 * np.pi / 4000), kinks, kinks + np.pi])
    output = cp.Variable((len(angles), training.Y.shape[1]))
    sums = training.samples @ np.array([np.cos(angles), np.sin(angles)])
    slope = {"relu": 0.0, "leaky_relu": training.slope, "absolute": -1.0}[training.activation]
    hidden = np.where(sums > 0, sums, slope * sums)
    return [hidden @ output], _strength(training) * cp.sum(cp.norm(output, 2, axis=1)), []


def _polynomials(training: Training) -> Parts:
    """Neurons of norm 1 as moments: for one u the vector p = (u, 1) has p pᵀ, and mixtures of them are what is
    positive semidefinite with the trace of the first part equal to the last entry (Bartan, Pilanci 2021)."""
    X, (a, b, c) = training.samples, training.coefficients
    d = X.shape[1]
    prediction: Any = np.zeros(len(X))
    charge, constraints = 0, []
    for sign in (1.0, -1.0):
        moments = cp.Variable((d + 1, d + 1), PSD=True)
        of_samples = [a * x @ moments[:d, :d] @ x + b * x @ moments[:d, d] + c * moments[d, d] for x in X]
        prediction = prediction + sign * cp.hstack(of_samples)
        charge += _strength(training) * moments[d, d]
        constraints.append(cp.trace(moments[:d, :d]) == moments[d, d])
    return [cp.reshape(prediction, (-1, 1), order="C")], charge, constraints


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
    return [hidden @ output], cp.sum(costs @ cp.abs(output)), []


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


def _loss(training: Training, predictions: list[Any]) -> tuple[Any, list[Any]]:
    """The losses of the samples, weighted, and summed or divided by the sum of the weights; and what makes them worst.

    Of several predictions each output of a sample has its own worst one; of the cross-entropy, each class against the
    sample's own.
    """
    n, c = training.Y.shape
    weights = np.ones(n) if training.weights is None else training.weights
    counted = np.flatnonzero(weights)
    constraints: list[Any] = []
    losses = []
    for k in counted:
        y = training.Y[k]
        if len(predictions) == 1:
            loss = _sample_loss(training, predictions[0][k], y)
        elif training.loss == "cross_entropy":
            lead = cp.Variable(c)
            middle = predictions[0][k]
            constraints += [lead >= F[k] - y @ (middle if training.ball is not None else F[k]) for F in predictions]
            loss = cp.log_sum_exp(lead)
        else:
            worst = cp.Variable(c)
            constraints += [
                worst[j] >= _sample_loss(training, F[k][j : j + 1], y[j : j + 1]) for F in predictions for j in range(c)
            ]
            loss = cp.sum(worst)
        losses.append(weights[k] * loss)
    return cp.sum(cp.hstack(losses)) / (weights.sum() if training.mean else 1.0), constraints


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

"""Small training problems whose optimal value is known without this project's solvers.

Closed forms use one fact: for samples X = I the outputs of a network cost at least β‖f₊‖ + β‖f₋‖, with equality for one
neuron a sign, since (Xu)₊ = u₊ and norms are subadditive. The rest is one-dimensional calculus. The other optima come
from a conic program that is written down here by hand, with patterns from a dense sweep of directions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import cvxpy as cp
import numpy as np


@dataclass(frozen=True, eq=False)
class Problem:
    """A spec in parts, data, and the optimal value of the non-convex problem."""

    name: str
    loss: str
    X: np.ndarray
    y: np.ndarray
    beta: float
    known: float | None = None
    regularizer: str = "weight_decay"
    bias: str = "none"
    formulation: str = "exact"
    target: str = field(default="vector")

    @property
    def spec(self) -> str:
        return f"""reludsl 1
data {{
  input  X : matrix[n, d]
  target y : {self.target}[n]
}}
architecture two_layer {{ bias = {self.bias} }}
loss {self.loss}
regularizer {self.regularizer} {{ strength = {self.beta!r} }}
formulation {self.formulation}
"""

    @cached_property
    def optimum(self) -> float:
        return conic_optimum(self) if self.known is None else self.known


def conic_optimum(problem: Problem) -> float:
    """The optimum by CVXPY, from the definition, a block a pattern; patterns by 20000 directions of a fixed seed."""
    X = np.column_stack([problem.X, np.ones(len(problem.X))]) if problem.bias == "hidden" else problem.X
    directions = np.random.default_rng(7).standard_normal((X.shape[1], 20000))
    masks = np.unique(X @ directions > 0, axis=1).T.astype(float)
    prediction: cp.Expression = 0
    penalty: cp.Expression = 0
    constraints = []
    for mask in masks:
        v, w = cp.Variable(X.shape[1]), cp.Variable(X.shape[1])
        prediction += np.diag(mask) @ X @ (v - w)
        penalty += cp.norm(v) + cp.norm(w)
        side = np.diag(2 * mask - 1) @ X
        constraints += [side @ v >= 0, side @ w >= 0]
    margins = cp.multiply(problem.y, prediction)
    kind = problem.loss.split()[0]
    losses = {
        "squared": 0.5 * cp.sum_squares(prediction - problem.y),
        "hinge": cp.sum(cp.pos(1 - margins)),
        "logistic": cp.sum(cp.logistic(-margins)),
        "squared_hinge": 0.5 * cp.sum_squares(cp.pos(1 - margins)),
        "absolute": cp.norm1(prediction - problem.y),
        "quantile": cp.sum(cp.maximum(0.3 * (problem.y - prediction), 0.7 * (prediction - problem.y))),
        "huber": 0.5 * cp.sum(cp.huber(prediction - problem.y, 0.5)),
    }
    program = cp.Problem(cp.Minimize(losses[kind] + problem.beta * penalty), constraints)
    tight = {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10}
    program.solve(solver=cp.CLARABEL, **tight)
    assert program.status == "optimal", program.status
    return float(program.value)


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

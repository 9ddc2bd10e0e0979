"""The neurons of a pattern program that grows, by themselves: what stays of a solution when its patterns change.

Plain NumPy: these functions and classes may stand word for word in generated code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from reludsl.backends.descent.kernel import Loss, State, TrainingProblem, Watch, Weights, lbfgs, value_and_gradient
from reludsl.ir.pattern_problem import PatternProblem
from reludsl.lowering.patterns import pattern_keys

if TYPE_CHECKING:
    from reludsl.ir.sample_loss import SampleLoss


@dataclass(frozen=True, eq=False)
class Neurons:
    """Columns u (m, d) of a pattern program, their patterns (n, m), and which sign and output each has.

    Its place (m,) is that of the program's columns: the output, and more by the number of outputs where it subtracts.
    """

    u: np.ndarray
    masks: np.ndarray
    places: np.ndarray

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.u)

    def of(self, chosen: np.ndarray) -> Neurons:
        """Some of the neurons."""
        return Neurons(self.u[chosen], self.masks[:, chosen], self.places[chosen])

    def beside(self, others: Neurons) -> Neurons:
        """These neurons, then the others."""
        masks = np.concatenate([self.masks, others.masks], axis=1)
        return Neurons(np.concatenate([self.u, others.u]), masks, np.concatenate([self.places, others.places]))


class Solved(NamedTuple):
    """A point of a program, columns (d, columns) and output biases (c,), with a dual point (n, c).

    `ended` is how a solve came to a premature end: interrupted or failed, else empty.
    """

    columns: np.ndarray
    offset: np.ndarray
    dual: np.ndarray
    ended: str = ""


class Held:
    """The patterns that a program holds, each once, and where each of them is."""

    def __init__(self, problem: PatternProblem, slope: float) -> None:
        self.problem, self.slope = problem, slope
        self.masks: list[np.ndarray] = []
        self.index: dict[bytes | None, int] = {}

    def add(self, masks: np.ndarray) -> np.ndarray:
        """Where each of the patterns (n, m) is from now on."""
        found = np.empty(masks.shape[1], dtype=int)
        for k, key in enumerate(pattern_keys(self.problem.X, masks, self.slope)):
            if key not in self.index:
                self.index[key] = len(self.masks)
                self.masks.append(masks[:, k].copy())
            found[k] = self.index[key]
        return found

    def posed(self) -> PatternProblem:
        """The problem over these patterns."""
        masks = np.ascontiguousarray(np.array(self.masks, dtype=bool).reshape(-1, len(self.problem.X)).T)
        return replace(self.problem, masks=masks, gates=np.where(masks, 1.0, self.slope))


def canonical(X: np.ndarray, slope: float, neurons: Neurons) -> Neurons:
    """The neurons without those that are 0 on all samples X (n, d); for the absolute value, all on one side of one.

    There a pattern and its complement give the same functions, and a column changes its sign with the pattern.
    """
    nonzero = np.linalg.norm(X, axis=1) > 0
    if slope == -1 and nonzero.any():
        turned = neurons.masks[nonzero.argmax()]
        masks = neurons.masks ^ (nonzero[:, None] & turned)
        return Neurons(np.where(turned[:, None], -neurons.u, neurons.u), masks, neurons.places)
    return neurons if slope else neurons.of(np.flatnonzero(neurons.masks[nonzero].any(axis=0)))


def neurons_of(posed: PatternProblem, columns: np.ndarray) -> Neurons:
    """The columns that are not zero."""
    patterns = posed.gates.shape[1]
    active = np.flatnonzero(np.any(columns != 0, axis=0))
    assert posed.masks is not None
    return Neurons(columns[:, active].T, posed.masks[:, active % patterns], active // patterns)


def columns_of(posed: PatternProblem, neurons: Neurons, where: np.ndarray) -> np.ndarray:
    """The columns (d, columns) of a program in which the neurons have the patterns `where`; equal ones are added up."""
    patterns = posed.gates.shape[1]
    columns = np.zeros((posed.columns, posed.X.shape[1]))
    np.add.at(columns, neurons.places * patterns + where, neurons.u)
    return columns.T


def value_at(posed: PatternProblem, solved: Solved) -> float:
    """The objective of the program at a point."""
    F = posed.predictions(solved.columns, solved.offset)
    return posed.loss_value(F) + posed.penalty_value(solved.columns, solved.offset)


@dataclass(frozen=True, eq=False)
class Envelope:
    """The envelope of a loss (Moreau 1965): min over G of the loss at G plus ‖G − F‖² / (2 tau).

    It is smooth, and below the loss by at most tau / 2 times the square of its greatest slope.
    """

    loss: SampleLoss
    tau: float

    def value(self, F: np.ndarray, Y: np.ndarray) -> np.ndarray:
        """Its values (n,) at predictions F for targets Y, both (n, c)."""
        G = self.loss.prox(F, Y, self.tau)
        return np.asarray(self.loss.value(G, Y) + ((F - G) ** 2).sum(axis=1) / (2.0 * self.tau))

    def gradient(self, F: np.ndarray, Y: np.ndarray) -> np.ndarray:
        """Its gradients (n, c)."""
        return np.asarray((F - self.loss.prox(F, Y, self.tau)) / self.tau)


def envelope_of(problem: PatternProblem, losses: float) -> Envelope:
    """The envelope that is below the loss by a tenth of these losses at most, where its slopes are at most 1."""
    factors = len(problem.X) if problem.weights is None else float(problem.weights.sum())
    mean = losses / max(factors, 1e-300)
    return Envelope(problem.loss, 0.2 * max(mean, 1e-300) if np.isfinite(mean) else 1.0)


def first_dual(problem: PatternProblem, F: np.ndarray) -> np.ndarray:
    """A dual point (n, c) from predictions (n, c): minus the gradient of the loss, at kinks that of its envelope."""
    if problem.loss.smooth:
        gradient = problem.loss_gradient(F)
    else:
        gradient = envelope_of(problem, problem.loss_value(F)).gradient(F, problem.Y)
        gradient = gradient if problem.weights is None else gradient * problem.weights[:, None]
    return np.where(np.isfinite(gradient), -gradient, 0.0)


def descended(
    problem: PatternProblem,
    slope: float,
    neurons: Neurons,
    offset: np.ndarray,
    iterations: int,
    least: float,
    time_limit: float,
    see: Callable[[float], bool],
) -> tuple[Neurons, np.ndarray, float]:
    """Where the network of these neurons gets by descent on the training problem, and the objective there.

    Descent ends after so many iterations, or as soon as a hundred of them gain no more than the share `least`.

    A column u stands for hidden weights u / √‖u‖ and the output weight ±√‖u‖, under weight decay; neurons move from
    pattern to pattern, and those that vanish are left out. The objective is inf where no iterate was finite. Where the
    loss has kinks, descent would stall there: it goes down three envelopes, each as far below the loss as a tenth of
    the losses where it begins. `see` is told an objective that was reached, on an envelope that where it began, and
    ends the descent by returning True.
    """
    outputs, group = problem.Y.shape[1], problem.group
    roots = np.sqrt(np.maximum(np.linalg.norm(neurons.u, axis=1), 1e-300))
    own = np.arange(neurons.count), neurons.places % outputs
    alpha, feeds = np.zeros((neurons.count, outputs)), np.zeros((neurons.count, outputs), dtype=bool)
    alpha[own], feeds[own] = np.where(neurons.places < outputs, roots, -roots), True

    def price(weights: Weights) -> tuple[float, Weights]:
        U, b, a, c = weights
        value = 0.5 * group * (np.vdot(U, U) + np.vdot(a, a))
        value += problem.offset_l1 * np.abs(c).sum() + 0.5 * problem.offset_l2 * np.vdot(c, c)
        slopes = problem.offset_l1 * np.sign(c) + problem.offset_l2 * c
        return float(value), Weights(group * U, np.zeros_like(b), group * a, slopes)

    training = TrainingProblem(
        problem.X,
        problem.Y,
        np.ones(len(problem.X)) if problem.weights is None else problem.weights,
        problem.loss,
        (),
        feeds,
        slope=slope,
        output_bias=problem.offset,
        price=price,
    )
    weights = Weights((neurons.u / roots[:, None]).T, np.zeros(neurons.count), alpha, offset)
    begun, smooth, asked = time.perf_counter(), problem.loss.smooth, False
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(1 if smooth else 3):
            left, reached = time_limit - (time.perf_counter() - begun), value_and_gradient(training, weights)[0]
            loss: Loss = problem.loss if smooth else envelope_of(problem, reached - price(weights)[0])

            values: list[float] = []

            def told(state: State, reached: float = reached, values: list[float] = values) -> bool:
                nonlocal asked
                asked = see(state.objective if smooth else reached)
                values.append(state.objective)
                return asked or (len(values) > 100 and values[-101] - values[-1] <= least * abs(values[-1]))

            watch = Watch(1e-6, iterations, left, told)
            watch.begin()
            lbfgs(replace(training, loss=loss), weights, watch, np.random.default_rng(0))
            if watch.best is None:
                return neurons, offset, float("inf")
            weights = watch.best
            if asked or watch.status == "time limit":
                break
        value = value_and_gradient(training, weights)[0]
    alpha = weights.alpha[own]
    u = weights.U.T * np.abs(alpha)[:, None]
    lengths = np.linalg.norm(u, axis=1)
    kept = np.flatnonzero(lengths > 1e-6 * lengths.max(initial=0.0))
    places = neurons.places % outputs + outputs * (alpha < 0)
    moved = Neurons(u[kept], problem.X @ u[kept].T >= 0, places[kept])
    return canonical(problem.X, slope, moved), weights.c0, value if np.isfinite(value) else float("inf")

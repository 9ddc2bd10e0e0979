"""Descent on the training problem of a two-layer network, which is not convex.

    minimize  sum_i factor_i loss(f_i, y_i) + penalties,    F = sigma(X U + b) alpha + c0

sigma(t) is t where t > 0 and slope * t elsewhere, or gate * t with gates that are fixed, or a polynomial of degree 2 of
neurons whose weights are divided by their norm. The gradient is exact, by two matrix products forward and two backward;
at a kink it is a subgradient, with the slope below 0 and with the sign 0 of the number 0. Every method starts several
times from random weights and keeps the iterate whose objective is least.

With an attack the samples are changed, at every evaluation, into the worst that it finds for the weights, and the
gradient is the one there (Danskin 1966; Madry et al. 2018): all methods then train against it, none knows of it.
Plain NumPy and SciPy: these functions stand word for word in generated code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.optimize import minimize


class Loss(Protocol):
    """The losses (n,) of predictions F for targets Y, both (n,) or (n, c), and a subgradient in F."""

    def value(self, F: np.ndarray, Y: np.ndarray) -> np.ndarray: ...

    def gradient(self, F: np.ndarray, Y: np.ndarray) -> np.ndarray: ...


class Weights(NamedTuple):
    """Hidden weights U (d, m) and biases b (m,), output weights alpha (m,) or (m, c) and biases c0 () or (c,)."""

    U: np.ndarray
    b: np.ndarray
    alpha: np.ndarray
    c0: np.ndarray


class Attack(Protocol):
    """What changes the samples, the same way whenever it is asked for the same weights."""

    def begin(self, generator: np.random.Generator) -> Attack:
        """The attack for a restart, with what it draws at random."""

    def rows(self, index: Any) -> Attack:
        """The attack on some of the samples."""

    def worst(self, problem: TrainingProblem, weights: Weights) -> np.ndarray:
        """The changes (n, d) of the problem's samples."""


@dataclass(frozen=True, eq=False)
class TrainingProblem:
    """What is minimized, over networks of m neurons.

    X is (n, d), Y (n,) or (n, c), and `factors` (n,) multiply the losses of the samples. A penalty is its name, its
    strength, and whether it counts biases. `feeds`, boolean, (m,) or (m, c), tells which entries of alpha are trained;
    the others are 0. `gates` (n, m) take the place of the activation where they are given, and so do the `coefficients`
    a, b, c of a polynomial a t^2 + b t + c; hidden weights then count by their direction alone, bias included. `attack`
    changes the samples, `price` is a further term of the weights with its gradient.
    """

    X: np.ndarray
    Y: np.ndarray
    factors: np.ndarray
    loss: Loss
    penalties: tuple[tuple[str, float, bool], ...]
    feeds: np.ndarray
    slope: float = 0.0
    gates: np.ndarray | None = None
    hidden_bias: bool = False
    output_bias: bool = False
    attack: Attack | None = None
    price: Callable[[Weights], tuple[float, Weights]] | None = None
    coefficients: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class State:
    """A moment of the descent: the iteration over all restarts, the least objective so far, seconds since the start.

    `gradient` is the norm of the gradient at the iterate, relative to that at the start of the restart and to the
    tolerance: at most 1 when the tolerance is met.
    """

    iteration: int
    objective: float
    gradient: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Result:
    """The best network, the relative norm of its gradient, how its restart ended, and the least objective of each.

    There is no network where not one objective was finite. The status is solved (the gradient met the tolerance),
    iteration limit, stalled (no lower point was found along the gradient, as at a kink), diverged, time limit or
    interrupted. `changes` (n, d) are those that the attack found for the weights.
    """

    weights: Weights | None
    gradient: float
    status: str
    objectives: tuple[float, ...]
    history: tuple[State, ...]
    changes: np.ndarray | None = None


@dataclass
class Watch:
    """Sees every iterate of every restart: keeps the best one and says when to end.

    `tolerance` bounds the gradient relative to the start of the restart, `max_iterations` is for each restart.
    `monitor` sees every iterate too, and ends everything by returning True.
    """

    tolerance: float
    max_iterations: int
    time_limit: float = float("inf")
    monitor: Callable[[State], bool] | None = None
    started: float = field(default_factory=time.perf_counter)
    best: Weights | None = None
    best_restart: int = 0
    best_gradient: float = float("inf")
    objectives: list[float] = field(default_factory=list)
    endings: list[str] = field(default_factory=list)
    history: list[State] = field(default_factory=list)
    iteration: int = -1
    first_slope: float = 0.0

    @property
    def stopped(self) -> bool:
        """Whether everything is to end, not this restart alone."""
        return self.endings[-1] in ("time limit", "interrupted")

    @property
    def status(self) -> str:
        """How it all ended: from outside, or as the best restart did."""
        return self.endings[-1] if self.stopped else self.endings[self.best_restart]

    def begin(self) -> None:
        """A restart begins. It has stalled unless `see` ends it."""
        self.iteration = -1
        self.objectives.append(float("inf"))
        self.endings.append("stalled")

    def see(self, weights: Weights, value: float, slope: float) -> bool:
        """Takes an iterate with its objective and the norm of its gradient; True ends the restart."""
        self.iteration += 1
        if self.iteration == 0:
            self.first_slope = max(slope, 1e-300)
        relative = slope / self.first_slope
        if value < min(self.objectives):
            self.best, self.best_restart, self.best_gradient = weights, len(self.objectives) - 1, relative
        if value < self.objectives[-1]:
            self.objectives[-1] = value
        seconds = time.perf_counter() - self.started
        state = State(len(self.history), min(self.objectives), relative / self.tolerance, seconds)
        self.history.append(state)
        ending = self._ending(state, np.isfinite(value) and np.isfinite(slope))
        self.endings[-1] = ending or "stalled"
        return bool(ending)

    def _ending(self, state: State, finite: bool) -> str:
        if self.monitor is not None and self.monitor(state):
            return "interrupted"
        if not finite:
            return "diverged"
        if state.gradient <= 1:
            return "solved"
        if state.seconds > self.time_limit:
            return "time limit"
        return "iteration limit" if self.iteration >= self.max_iterations else ""


def train(
    problem: TrainingProblem,
    method: Callable[[TrainingProblem, Weights, Watch, np.random.Generator], None],
    *,
    restarts: int = 5,
    seed: int = 0,
    tolerance: float = 1e-6,
    max_iterations: int = 2000,
    time_limit: float = float("inf"),
    monitor: Callable[[State], bool] | None = None,
) -> Result:
    """The best network of all restarts, balanced, or with hidden weights of norm 1 where they count by direction.

    Restart k draws its first weights, and all else that it draws, from the seeds (seed, k), so that it does not depend
    on the number of restarts. `method` goes from the first weights and shows its iterates to the watch.
    """
    watch = Watch(tolerance, max_iterations, time_limit, monitor)
    for restart in range(restarts):
        generator = np.random.default_rng([seed, restart])
        watch.begin()
        with np.errstate(over="ignore", invalid="ignore"):  # divergence is an ending, not a warning
            method(begun(problem, seed, restart), initial_weights(problem, generator), watch, generator)
        if watch.stopped:
            break
    weights, changes = watch.best, None
    if weights is not None:
        at_worst = attacked(begun(problem, seed, watch.best_restart), weights)
        changes = None if problem.attack is None else at_worst.X - problem.X
        scaled = balanced_weights if problem.coefficients is None else unit_weights
        weights = scaled(at_worst, weights)
    return Result(weights, watch.best_gradient, watch.status, tuple(watch.objectives), tuple(watch.history), changes)


def begun(problem: TrainingProblem, seed: int, restart: int) -> TrainingProblem:
    """The problem for a restart: an attack draws from seeds of its own, so that all else is as without it."""
    if problem.attack is None:
        return problem
    return replace(problem, attack=problem.attack.begin(np.random.default_rng([seed, restart, 1])))


def attacked(problem: TrainingProblem, weights: Weights) -> TrainingProblem:
    """The problem on the samples as the attack leaves them for these weights; itself without one."""
    if problem.attack is None:
        return problem
    return replace(problem, X=problem.X + problem.attack.worst(problem, weights), attack=None)


def problem_of(
    X: np.ndarray,
    Y: np.ndarray,
    loss: Loss,
    *,
    width: int,
    penalties: tuple[tuple[str, float, bool], ...] = (),
    slope: float = 0.0,
    mean: bool = False,
    omega: np.ndarray | None = None,
    gates: tuple[np.ndarray, np.ndarray | float] | None = None,
    hidden_bias: bool = False,
    output_bias: bool = False,
    shared: bool = False,
    attack: Attack | None = None,
    price: Callable[[Weights], tuple[float, Weights]] | None = None,
    coefficients: tuple[float, float, float] | None = None,
) -> TrainingProblem:
    """The problem for samples X (n, d), targets Y (n,) or (n, c) and sample weights `omega` (n,).

    The losses are added up, or with `mean` divided by the number of samples or the sum of their weights. `gates` are
    directions (d, m) and biases (m,) or 0; they decide the number of neurons, otherwise `width` does. Outputs divide
    the neurons evenly among themselves, in order, unless they are `shared`.
    """
    factors = np.ones(len(X)) if omega is None else omega.astype(float)
    opened = None if gates is None else (X @ gates[0] + gates[1] >= 0).astype(float)
    m = width if opened is None else opened.shape[1]
    output = np.arange(m) * (Y.shape[1] if Y.ndim == 2 else 1) // m
    own = output[:, None] == np.arange(Y.shape[1]) if Y.ndim == 2 else np.ones(m, dtype=bool)
    return TrainingProblem(
        X,
        Y,
        factors / factors.sum() if mean else factors,
        loss,
        penalties,
        feeds=own | shared,
        slope=slope,
        gates=opened,
        hidden_bias=hidden_bias,
        output_bias=output_bias,
        attack=attack,
        price=price,
        coefficients=coefficients,
    )


def initial_weights(problem: TrainingProblem, generator: np.random.Generator) -> Weights:
    """Hidden weights of variance 2 / d (He, Zhang, Ren, Sun 2015), output weights of variance 1 / (their number).

    The number is that of the neurons that feed an output. A hidden bias is the weight of one more input, always 1; an
    output bias starts at 0.
    """
    (d, m), feeds = (problem.X.shape[1], len(problem.feeds)), problem.feeds
    inputs = d + problem.hidden_bias
    U = generator.standard_normal((d, m)) * np.sqrt(2.0 / inputs)
    b = generator.standard_normal(m) * np.sqrt(2.0 / inputs) if problem.hidden_bias else np.zeros(m)
    fed = np.maximum(feeds.sum(axis=0), 1)
    alpha = np.where(feeds, generator.standard_normal(feeds.shape) / np.sqrt(fed), 0.0)
    return Weights(U, b, alpha, np.zeros(feeds.shape[1:]))


def value_and_gradient(problem: TrainingProblem, weights: Weights) -> tuple[float, Weights]:
    """The objective and a subgradient, 0 for weights that are not trained. Out of range is inf or nan."""
    problem = attacked(problem, weights)
    given = weights
    if problem.coefficients is not None:
        weights = unit_weights(problem, given)
    U, b, alpha, c0 = weights
    n, m = len(problem.X), len(alpha)
    Z = problem.X @ U + b
    if problem.coefficients is not None:
        a2, a1, a0 = problem.coefficients
        H, slopes = (a2 * Z + a1) * Z + a0, 2.0 * a2 * Z + a1
    else:
        slopes = np.where(Z > 0, 1.0, problem.slope) if problem.gates is None else problem.gates
        H = slopes * Z
    F = H @ alpha + c0
    value = float(problem.factors @ problem.loss.value(F, problem.Y))
    R = (problem.loss.gradient(F, problem.Y).T * problem.factors).T
    back = slopes * (R.reshape(n, c0.size) @ alpha.reshape(m, c0.size).T)
    gradient = Weights(problem.X.T @ back, back.sum(axis=0), H.T @ R, R.sum(axis=0))
    for name, strength, biases in problem.penalties:
        penalty, change = penalty_and_gradient(name, weights, biases)
        value += strength * penalty
        gradient = Weights(*(part + strength * more for part, more in zip(gradient, change, strict=True)))
    if problem.price is not None:
        price, change = problem.price(weights)
        value += price
        gradient = Weights(*(part + more for part, more in zip(gradient, change, strict=True)))
    if problem.coefficients is not None:
        gradient = tangential(given, weights, gradient)
    return value, only_trained(problem, gradient)


def unit_weights(problem: TrainingProblem, weights: Weights) -> Weights:
    """Hidden weights divided by the norm of their neuron, bias included."""
    norms = np.sqrt(np.einsum("dm,dm->m", weights.U, weights.U) + weights.b**2)
    divisor = np.where(norms > 0, norms, 1.0)
    return weights._replace(U=weights.U / divisor, b=weights.b / divisor)


def tangential(weights: Weights, unit: Weights, gradient: Weights) -> Weights:
    """The gradient in the weights from that in `unit_weights` of them: its tangential part divided by the norm."""
    norms = np.sqrt(np.einsum("dm,dm->m", weights.U, weights.U) + weights.b**2)
    divisor = np.where(norms > 0, norms, 1.0)
    radial = np.einsum("dm,dm->m", unit.U, gradient.U) + unit.b * gradient.b
    return gradient._replace(U=(gradient.U - unit.U * radial) / divisor, b=(gradient.b - unit.b * radial) / divisor)


def only_trained(problem: TrainingProblem, weights: Weights) -> Weights:
    """The weights with 0 for those that are not trained."""
    return Weights(
        weights.U,
        weights.b if problem.hidden_bias else np.zeros_like(weights.b),
        np.where(problem.feeds, weights.alpha, 0.0),
        weights.c0 if problem.output_bias else np.zeros_like(weights.c0),
    )


def penalty_and_gradient(name: str, weights: Weights, biases: bool) -> tuple[float, Weights]:
    """A penalty of strength 1 and a subgradient: weight_decay, path_norm, l1 or l2; free biases count as 0.

    All but weight decay are sums over the neurons of q(u, b) r(alpha), plus r(c0).
    """
    U, alpha = weights.U, weights.alpha
    b, c0 = (weights.b, weights.c0) if biases else (np.zeros_like(weights.b), np.zeros_like(weights.c0))
    if name == "weight_decay":
        return 0.5 * float(sum(np.vdot(part, part) for part in (U, b, alpha, c0))), Weights(U, b, alpha, c0)
    q, dU, db = hidden_size(name, U, b)
    r, dr = output_size(name, alpha)
    offset, doffset = output_size(name, c0)
    r_of_neurons = r.reshape(len(q), -1).sum(axis=1)
    value = float(q @ r_of_neurons + offset.sum())
    return value, Weights(dU * r_of_neurons, db * r_of_neurons, (dr.T * q).T, doffset)


def hidden_size(name: str, U: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """q(u, b) of the neurons (m,) with its gradients: the 1-norm for l1, the squared norm for l2, the norm else."""
    if name == "l1":
        return np.abs(U).sum(axis=0) + np.abs(b), np.sign(U), np.sign(b)
    squares = np.einsum("dm,dm->m", U, U) + b**2
    if name == "l2":
        return squares, 2.0 * U, 2.0 * b
    norms = np.sqrt(squares)
    divisor = np.where(norms > 0, norms, 1.0)
    return norms, U / divisor, b / divisor


def output_size(name: str, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """r of output weights, entry by entry, with its derivative: half the square for l2, the absolute value else."""
    return (0.5 * weights**2, weights) if name == "l2" else (np.abs(weights), np.sign(weights))


def pack(problem: TrainingProblem, weights: Weights) -> np.ndarray:
    """The trained weights in one vector."""
    parts = [weights.U.ravel(), weights.alpha[problem.feeds]]
    parts += [weights.b] if problem.hidden_bias else []
    parts += [weights.c0.ravel()] if problem.output_bias else []
    return np.concatenate(parts)


def unpack(problem: TrainingProblem, vector: np.ndarray) -> Weights:
    """The weights of a vector that `pack` made."""
    d, (m, *outputs) = problem.X.shape[1], problem.feeds.shape
    trained = int(problem.feeds.sum())
    ends = np.cumsum([d * m, trained, m * problem.hidden_bias])
    U, entries, b, c0 = np.split(vector, ends)
    alpha = np.zeros(problem.feeds.shape)
    alpha[problem.feeds] = entries
    return Weights(
        U.reshape(d, m),
        b if problem.hidden_bias else np.zeros(m),
        alpha,
        c0.reshape(outputs) if problem.output_bias else np.zeros(outputs),
    )


def lbfgs(problem: TrainingProblem, weights: Weights, watch: Watch, generator: np.random.Generator) -> None:
    """SciPy's L-BFGS-B without bounds. At kinks it is a heuristic: it stalls where its line search finds no descent."""
    latest: tuple[Weights, float, float] = (weights, float("inf"), float("inf"))

    def evaluate(vector: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal latest
        point = unpack(problem, vector.copy())
        value, gradient = value_and_gradient(problem, point)
        slope = pack(problem, gradient)
        latest = point, value, float(np.linalg.norm(slope))
        return value, slope

    def show(vector: np.ndarray) -> None:
        if watch.see(*latest):  # the line search ends with the point that it takes
            raise StopIteration

    start = pack(problem, weights)
    evaluate(start)
    if watch.see(*latest):
        return
    limits = {"maxiter": watch.max_iterations + 1, "maxfun": 50 * watch.max_iterations, "ftol": 0.0, "gtol": 0.0}
    minimize(evaluate, start, jac=True, method="L-BFGS-B", callback=show, options={**limits, "maxcor": 20})


def gradient_descent(
    problem: TrainingProblem,
    weights: Weights,
    watch: Watch,
    generator: np.random.Generator,
    step_size: float = 0.1,
) -> None:
    """Steps of a fixed size along the gradient of the objective per sample (divided by the sum of the factors)."""
    step = step_size / float(problem.factors.sum())
    while True:
        value, gradient = value_and_gradient(problem, weights)
        if watch.see(weights, value, float(np.linalg.norm(pack(problem, gradient)))):
            return
        weights = Weights(*(part - step * change for part, change in zip(weights, gradient, strict=True)))


def balanced_weights(problem: TrainingProblem, weights: Weights) -> Weights:
    """Each neuron scaled so that its hidden and its output weights have one norm, unless that costs anything.

    The predictions stay as they are, since sigma is positively homogeneous.
    """
    hidden = np.sqrt(np.einsum("dm,dm->m", weights.U, weights.U) + weights.b**2)
    output = np.linalg.norm(weights.alpha.reshape(len(hidden), -1), axis=1)
    alive = (hidden > 0) & (output > 0)
    factor = np.where(alive, np.sqrt(np.where(alive, output, 1.0) / np.where(alive, hidden, 1.0)), 0.0)
    inverse = np.where(alive, 1.0 / np.where(alive, factor, 1.0), 0.0)
    balanced = Weights(weights.U * factor, weights.b * factor, (weights.alpha.T * inverse).T, weights.c0)
    before, after = value_and_gradient(problem, weights)[0], value_and_gradient(problem, balanced)[0]
    return balanced if after <= before + 1e-12 * abs(before) else weights

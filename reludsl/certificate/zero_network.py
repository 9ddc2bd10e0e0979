"""When no hidden neuron is worth its penalty: the network without any, and the strength from which on it is optimal.

Without columns the output biases have their best constant values, and −z, the gradient of the losses there, is a dual
point of the whole program. The network is optimal exactly where no column brings more than it costs at some such z,
‖Π_K(±XᵀΓ_i z)‖ ≤ β for all blocks (`formulations.md`, section 7). At kinks of the loss there are several z, and the one
that is taken proves that the network is optimal, but not always that it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax, wrightomega

from reludsl.backend import Outcome, Progress
from reludsl.certificate.cones import PatternCones
from reludsl.certificate.duality import pricing_of
from reludsl.ir import Program, infer_sizes
from reludsl.ir.pattern_problem import PatternProblem


@dataclass(frozen=True, eq=False)
class ZeroNetwork:
    """The best network without hidden neurons: its output biases (c,), a dual point (n, c), and whether it is the only.

    Where the dual point is not the only one, prices at another one may be lower.
    """

    offset: np.ndarray
    dual: np.ndarray
    unique: bool


@dataclass(frozen=True)
class ZeroStrength:
    """The multiple of all penalties from which on the zero network is optimal; where not `exact` it may be less."""

    multiple: float
    exact: bool


def solved_at_once(program: Program, arrays: Mapping[str, np.ndarray]) -> Outcome | None:
    """The solution of a program whose optimum is a network without hidden neurons; None where that is not proved.

    It costs a product with the data and, mostly, a few projections: the first column that brings more than it costs
    ends it. Programs without a dual bound of their own are left alone.
    """
    priced = _priced_problem(program, arrays)
    if priced is None:
        return None
    problem, price = priced
    zero = zero_network(problem)
    cost = problem.group * (1.0 + _ROUNDING)
    if price(zero.dual, cost) > cost:
        return None
    columns = np.zeros((problem.entries, problem.columns))
    predictions = np.broadcast_to(zero.offset, problem.Y.shape)
    objective = problem.loss_value(predictions) + problem.penalty_value(columns, zero.offset)
    return Outcome(
        "solved",
        _zero_point(program, arrays, zero.offset),
        0,
        history=(Progress(0, objective / problem.scale, 0.0, 0.0, 0.0, objective / problem.scale, 0),),
        dual=zero.dual,
    )


def zero_strength(program: Program, arrays: Mapping[str, np.ndarray]) -> ZeroStrength | None:
    """The multiple of the program's penalties from which on it has the zero network for an optimum.

    None where it cannot be told, and where no multiple is large enough, as with ridges alone. With penalized output
    biases the dual point changes with the multiple, and the one that is met from above is given.
    """
    priced = _priced_problem(program, arrays)
    if priced is None:
        return None
    problem, price_at = priced

    def excess(multiple: float) -> float:
        """By how much the greatest price is above the cost, relative to the cost at multiple 1."""
        scaled = replace(problem, offset_l1=multiple * problem.offset_l1, offset_l2=multiple * problem.offset_l2)
        return price_at(zero_network(scaled).dual, None) / problem.group - multiple

    price = excess(0.0)
    if not (problem.offset and (problem.offset_l1 or problem.offset_l2)):
        return ZeroStrength(price, zero_network(problem).unique)
    high = price_at(zero_network(replace(problem, offset=False)).dual, None) / problem.group
    high = max(high, price, np.finfo(float).tiny)
    while excess(high) > 0.0:
        high *= 2.0
    low = 0.5 * high
    while low > 1e-12 * high and excess(low) <= 0.0:
        low *= 0.5
    if excess(low) <= 0.0:
        return ZeroStrength(0.0, True)
    multiple = float(brentq(excess, low, high, xtol=1e-12 * high, rtol=1e-12))
    scaled = replace(problem, offset_l1=multiple * problem.offset_l1, offset_l2=multiple * problem.offset_l2)
    return ZeroStrength(multiple, zero_network(scaled).unique)


_ROUNDING = 1e-10


Price = Callable[[np.ndarray, float | None], float]
"""What the dearest neurons bring at a dual point; with a cost, any number up to it stands for all such prices."""


def _priced_problem(program: Program, arrays: Mapping[str, np.ndarray]) -> tuple[PatternProblem, Price] | None:
    """The numbers of a program whose neurons have prices to compare with a positive cost, and the greatest price."""
    pricing = pricing_of(program, arrays)
    if pricing is None or pricing.relaxed:  # whose prices are too high
        return None
    problem = pricing.problem
    if problem.l1 or problem.free or problem.mixed or not problem.group:
        return None
    if pricing.every_network:
        return problem, lambda z, cost: float(pricing.prices(problem, z, None).max())
    return problem, lambda z, cost: greatest_price(problem, z, cost)


def _zero_point(program: Program, arrays: Mapping[str, np.ndarray], offset: np.ndarray) -> dict[str, np.ndarray]:
    """The point of the program without neurons: zeros for all variables but the output biases (c,)."""
    sizes = infer_sizes(program.expressions, {name: array.shape for name, array in arrays.items()})
    shapes = {variable.name: tuple(dim.evaluate(sizes) for dim in variable.shape) for variable in program.variables}
    return {name: offset.reshape(shape) if name == "c0" else np.zeros(shape) for name, shape in shapes.items()}


def greatest_price(problem: PatternProblem, z: np.ndarray, cost: float | None = None) -> float:
    """The largest ‖Π_K(±XᵀΓ_i z_k)‖ of all blocks at a dual point z (n, c).

    Long columns are projected first, and those shorter than the largest price so far not at all. With a `cost` it ends
    at the first price above it, and any number up to the cost stands for all such prices.
    """
    columns = problem.adjoint(z)
    lengths = np.linalg.norm(columns, axis=0)
    if problem.masks is None:
        return float(lengths.max(initial=0.0))
    greatest, order, done, size = cost or 0.0, np.argsort(-lengths), 0, 8
    while done < len(order) and lengths[order[done]] > greatest:
        chunk = order[done : done + size]
        patterns, places = np.unique(chunk % problem.masks.shape[1], return_inverse=True)
        cones = PatternCones(problem.X, problem.masks[:, patterns])
        prices = cones.norm_bounds(columns[:, chunk], places, greatest)
        greatest = max(greatest, float(prices.max()))
        if cost is not None and greatest > cost:
            break
        done, size = done + size, min(2 * size, 512)
    return greatest


# -- the best output biases --------------------------------------------------------------------------------------------


def zero_network(problem: PatternProblem) -> ZeroNetwork:
    """The best constant predictions of a problem, and a dual point that belongs to them."""
    if problem.loss.one_hot:
        offset = _class_biases(problem) if problem.offset else np.zeros(problem.Y.shape[1])
        dual = problem.Y - softmax(offset)
        return ZeroNetwork(offset, dual if problem.weights is None else problem.weights[:, None] * dual, True)
    return _separate_biases(problem)


def _separate_biases(problem: PatternProblem) -> ZeroNetwork:
    """Of a loss that is a sum over outputs: by bisection, for all outputs at once.

    In the end there are two numbers with nothing but rounding between them, where the derivative has both signs. The
    mean of the gradients there, with the weights that make it 0 for the bias, is a subgradient in between, whether
    kinks lie there or not.
    """
    outputs = problem.Y.shape[1]

    def gradient(offset: np.ndarray) -> np.ndarray:
        return problem.loss_gradient(np.broadcast_to(offset, problem.Y.shape))

    def derivative(offset: np.ndarray) -> np.ndarray:
        slopes = gradient(offset).sum(axis=0) + problem.offset_l2 * offset
        return np.asarray(slopes + problem.offset_l1 * np.sign(offset))

    smallest = np.full(outputs, 1e-300)
    low, high = -smallest, smallest
    if problem.offset:
        low, high = _bracket(derivative, low, high, max(1.0, float(np.abs(problem.Y).max(initial=0.0))))
        below, above = derivative(low), derivative(high)
        rise = above - below
        share = np.clip(np.divide(above, rise, out=np.full(outputs, 0.5), where=rise > 0), 0.0, 1.0)
    else:
        share = np.full(outputs, 0.5)
    at_low, at_high = gradient(low), gradient(high)
    kinks = (np.abs(at_high - at_low) > 1e-9 * (1.0 + np.abs(at_low))).sum(axis=0)
    told = (kinks <= int(problem.offset)) | (problem.offset & ((share == 0.0) | (share == 1.0)))
    offset = np.where((low <= 0.0) & (high >= 0.0), 0.0, share * low + (1.0 - share) * high)
    return ZeroNetwork(offset, -(share * at_low + (1.0 - share) * at_high), bool(told.all()))


def _bracket(
    derivative: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (c,) next to each other with a derivative <= 0 at the lower and >= 0 at the upper, from a pair around 0.

    Where the derivative never changes its sign the last numbers tried are given: there it is 0 but for rounding.
    """
    for side in (-1.0, 1.0):
        reach = scale
        for _ in range(60):
            end = low if side < 0 else high
            outside = side * derivative(end) < 0
            if not outside.any():
                break
            if side < 0:
                low, high = np.where(outside, -reach, low), np.where(outside, low, high)
            else:
                low, high = np.where(outside, high, low), np.where(outside, reach, high)
            reach *= 2.0
    while True:
        middle = 0.5 * (low + high)
        apart = high - low > np.maximum(4e-16 * np.maximum(np.abs(low), np.abs(high)), 1e-17 * scale)
        if not apart.any():
            return low, high
        falling = derivative(middle) < 0
        low, high = np.where(apart & falling, middle, low), np.where(apart & ~falling, middle, high)


def _class_biases(problem: PatternProblem) -> np.ndarray:
    """Of the cross-entropy: with the normalizer μ = log Σ_k exp(c_k) each bias solves an equation of its own.

    N_k − W exp(c_k − μ) is a subgradient of the bias's penalty, N_k the weight of class k and W that of all classes.
    With a ridge the root is a Wright omega function. It remains to find μ, at which the probabilities sum to 1.
    """
    omega = np.ones(len(problem.Y)) if problem.weights is None else problem.weights
    counts, total = omega @ problem.Y, float(omega.sum())
    l1, l2 = problem.offset_l1, problem.offset_l2
    if not (l1 or l2) or not total:
        return np.asarray(np.log(np.maximum(counts / (total or 1.0), 1e-300)))

    def biases(mu: float) -> np.ndarray:
        without = total * np.exp(-mu)  # what W exp(c_k − μ) is at c_k = 0
        sign = np.where(without + l1 < counts, 1.0, np.where(without - l1 > counts, -1.0, 0.0))
        wanted = counts - sign * l1
        if l2:
            c = np.log(wrightomega(wanted / l2 + np.log(total / l2) - mu)) + np.log(l2 / total) + mu
        else:
            c = np.log(np.maximum(wanted / total, 1e-300)) + mu
        return np.where(sign == 0.0, 0.0, c)

    def excess(mu: float) -> float:
        return float(np.exp(biases(mu) - mu).sum() - 1.0)

    low, high = -1.0, 1.0 + float(np.log(problem.Y.shape[1]))
    while excess(low) < 0.0:
        low *= 2.0
    while excess(high) > 0.0:
        high *= 2.0
    return biases(float(brentq(excess, low, high, xtol=1e-15, rtol=1e-15)))

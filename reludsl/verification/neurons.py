"""A network as verification sees it: affine functions behind gates, and the goals whose smallest value is asked for.

Every neuron is σ(t) = slope · t + 1[s >= 0] · jump, with affine s and t of the scaled inputs:

    ramp      relu, leaky_relu, absolute: s = t and the jump is (1 - slope) t, continuous at the gate
    product   gated_relu: s is the fixed gate, the slope 0 and the jump t
    step      threshold: s = t, the slope 0 and the jump the norm of the neuron's weights

A goal is an affine function of the neurons' values that should stay positive: y f for two labels, f_y - f_k for every
other class k, and for real-valued targets f - y and y - f of every output, whose smallest values tell the largest
error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from reludsl.data.encoding import Samples
from reludsl.network import Network

Kind = Literal["ramp", "product", "step"]


@dataclass(frozen=True, eq=False)
class Neurons:
    """The m hidden neurons of a network on d inputs.

    `gates` (d, m) and `gate_bias` (m,) give s, `lines` (d, m) and `line_bias` (m,) give t, which is s unless the kind
    is `product`. `heights` (m,) multiply the jump: 1[s >= 0] times height · t, or the height alone for a `step`.
    """

    kind: Kind
    slope: float
    gates: np.ndarray
    gate_bias: np.ndarray
    lines: np.ndarray
    line_bias: np.ndarray
    heights: np.ndarray

    @classmethod
    def of(cls, network: Network) -> Neurons:
        W, b, activation = network.hidden_weights, network.hidden_bias, network.activation
        if network.gates is not None:
            gate_bias = network.gate_bias if network.gate_bias is not None else np.zeros(len(b))
            return cls("product", 0.0, network.gates, gate_bias, W, b, np.ones(len(b)))
        if activation.stepwise:
            return cls("step", 0.0, W, b, W, b, np.sqrt(np.sum(W**2, axis=0) + b**2))
        return cls("ramp", activation.slope, W, b, W, b, np.full(len(b), 1.0 - activation.slope))


@dataclass(frozen=True, eq=False)
class Goal:
    """rowsum(weights ∘ neurons) + offset, a number for every sample; it should stay above 0.

    `weights` is (n, m) and `offset` (n,). `concerned` (n,) are the samples that have this goal, `ties` (n,) those for
    which 0 is enough.
    """

    weights: np.ndarray
    offset: np.ndarray
    concerned: np.ndarray
    ties: np.ndarray

    def met(self, lower: np.ndarray) -> np.ndarray:
        """Whether lower bounds (n,) on the goal prove it, (n,); samples that do not have it count as proved."""
        return np.asarray(~self.concerned | (lower > 0) | (self.ties & (lower == 0)))


def goals(network: Network, samples: Samples) -> Iterator[Goal]:
    """The goals of samples: one for two labels, one a class, or two an output of a real-valued target.

    The latter are f_1 - y_1, y_1 - f_1, f_2 - y_2, and so on, in scaled units.
    """
    n = len(samples.X)
    weights = network.output_weights.reshape(network.width, -1)
    offset, y = np.atleast_1d(network.output_bias), samples.y
    everyone = np.ones(n, dtype=bool)
    if network.encoding.categorical:
        own = y.argmax(axis=1)
        for k in range(len(offset)):
            # the first of equal outputs is the answer
            yield Goal(weights.T[own] - weights[:, k], offset[own] - offset[k], own != k, own < k)
    elif network.encoding.labels is not None:
        yield Goal(y[:, None] * weights[:, 0], y * offset[0], everyone, y > 0)
    else:
        for k, column in enumerate(y.reshape(n, -1).T):
            for sign in (1.0, -1.0):
                row = np.broadcast_to(sign * weights[:, k], (n, network.width))
                yield Goal(row, sign * (offset[k] - column), everyone, ~everyone)


def right(network: Network, samples: Samples, X: np.ndarray) -> np.ndarray:
    """Whether the labels that are predicted at X (n, d) are those of the samples, (n,)."""
    outputs = network.scores(X)
    if network.encoding.categorical:
        return np.asarray(outputs.argmax(axis=1) == samples.y.argmax(axis=1))
    return np.asarray(np.where(outputs >= 0, 1.0, -1.0) == samples.y)


def values(network: Network, samples: Samples, X: np.ndarray) -> np.ndarray:
    """The goals (n, g) at X (n, d), infinite where a sample does not have one."""
    outputs = network.scores(X).reshape(len(X), -1)
    if network.encoding.categorical:
        own = samples.y.argmax(axis=1)
        margins = outputs[np.arange(len(X)), own][:, None] - outputs
        margins[np.arange(len(X)), own] = np.inf
        return np.asarray(margins)
    if network.encoding.labels is not None:
        return np.asarray(samples.y[:, None] * outputs)
    errors = outputs - samples.y.reshape(len(X), -1)
    return np.stack([errors, -errors], axis=2).reshape(len(X), -1)

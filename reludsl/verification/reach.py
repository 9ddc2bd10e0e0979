"""How far the neurons' affine functions get on the whole set of every sample: the ground of all bounds.

Bounds are rounded outwards. A computed sum of N products differs from the exact one by at most a small multiple of
N ε times the sum of the products' absolute values (Higham, Accuracy and Stability of Numerical Algorithms, 3.1); these
sums, the magnitudes, are computed beside the values. So a bound holds for the network in exact arithmetic, and for the
outputs that it computes at any point of the set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reludsl.network import Network
from reludsl.perturbation_sets import PerturbationSet
from reludsl.verification.neurons import Neurons

Array = np.ndarray


def limits(perturbations: PerturbationSet) -> tuple[Array, Array]:
    """The tight box (n, d), (n, d) around every set. Raises ValueError for a set without bounds."""
    if not perturbations.bounded:
        raise ValueError("the perturbation set is not bounded")
    return perturbations.limits


def support_of_columns(perturbations: PerturbationSet, G: Array) -> Array:
    """The support function of every sample's set in the direction of every column of G (d, m), as (n, m)."""
    n, m = len(perturbations.lower), G.shape[1]
    if perturbations.order is None:
        return np.asarray(perturbations.upper @ np.maximum(G, 0.0) + perturbations.lower @ np.minimum(G, 0.0))
    radius = np.asarray(perturbations.radius)
    if n and (perturbations.lower <= -radius).all() and (perturbations.upper >= radius).all():
        same = perturbations.rows(np.zeros(m, dtype=int))  # the ball alone, the same for every sample
        return np.broadcast_to(same.support(G.T), (n, m))
    columns = [perturbations.support(np.broadcast_to(column, (n, len(column)))) for column in G.T]
    return np.stack(columns, axis=1) if columns else np.zeros((n, 0))


@dataclass(frozen=True, eq=False)
class Reach:
    """The gates s and lines t of the neurons at the samples and on their whole sets, (n, m) each.

    `low` and `high` bound s, `line_low` and `line_high` bound t; the magnitudes bound the terms that add up to them.
    `rounding` times a magnitude bounds what rounding does.
    """

    s: Array
    low: Array
    high: Array
    magnitude: Array
    t: Array
    line_low: Array
    line_high: Array
    line_magnitude: Array
    rounding: float

    @classmethod
    def of(cls, neurons: Neurons, X: Array, perturbations: PerturbationSet) -> Reach:
        """For scaled inputs X (n, d). Raises ValueError for a set without bounds."""
        smallest, largest = limits(perturbations)
        d, m = neurons.gates.shape
        rounding = 4.0 * (d + m + 8) * float(np.finfo(float).eps)
        size = np.abs(X) + np.maximum(largest, -smallest)

        def reach(G: Array, bias: Array) -> tuple[Array, Array, Array, Array]:
            with np.errstate(over="ignore", invalid="ignore"):
                middle = X @ G + bias
                magnitude = size @ np.abs(G) + np.abs(bias)
                low = middle - support_of_columns(perturbations, -G) - rounding * magnitude
                high = middle + support_of_columns(perturbations, G) + rounding * magnitude
            # what overflows is not known
            return middle, np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high), magnitude

        gates = reach(neurons.gates, neurons.gate_bias)
        lines = gates if neurons.kind != "product" else reach(neurons.lines, neurons.line_bias)
        return cls(*gates, *lines, rounding)

    @property
    def open(self) -> Array:
        """The gates (n, m) that are open on the whole set."""
        return self.low >= 0

    @property
    def closed(self) -> Array:
        """Those that are closed on it."""
        return self.high < 0


def keeps_patterns(network: Network | Array, X: Array, perturbations: PerturbationSet, tolerance: float = 0.0) -> Array:
    """Whether a sample's whole set lies on one side of every neuron's hyperplane, (n,) booleans.

    The hyperplanes are those of a network's gates, or of the columns of a matrix (d, m), or (d + 1, m) whose last row
    is the bias; X is (n, d) and scaled. Exact by the support function: a side that is only touched is kept. The
    neuron's own size times `tolerance` is forgiven: the largest |s(x + δ)|, which rounding and solvers are relative to.
    """
    if isinstance(network, Network):
        neurons = Neurons.of(network)
        G, bias = neurons.gates, neurons.gate_bias
    else:
        G, bias = network[: X.shape[1]], network[X.shape[1] :].sum(axis=0)
    s = X @ G + bias
    below, above = support_of_columns(perturbations, -G), support_of_columns(perturbations, G)
    forgiven = tolerance * (np.abs(s) + np.maximum(below, above))
    return np.asarray(((s - below >= -forgiven) | (s + above <= forgiven)).all(axis=1))

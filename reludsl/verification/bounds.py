"""Lower bounds on a goal over every sample's whole set, for all samples by matrix products.

*Interval* bounds (Gowal et al. 2018) take every neuron at its worst, as if each had a perturbation of its own. *Linear*
bounds (CROWN: Zhang et al. 2018) replace neurons by affine functions below and above them and take the worst
perturbation of the sum by the set's support function; the slope below an unstable neuron may be any of a range, so the
best of three choices counts for every sample.
"""

from __future__ import annotations

import numpy as np

from reludsl.perturbation_sets import PerturbationSet
from reludsl.verification.neurons import Goal, Neurons
from reludsl.verification.reach import Reach
from reludsl.verification.relaxation import relaxed

Array = np.ndarray


def interval_bound(neurons: Neurons, reach: Reach, goal: Goal) -> Array:
    """Lower bounds (n,); -inf where numbers overflow."""
    low, high = _value_range(neurons, reach)
    with np.errstate(over="ignore", invalid="ignore"):
        sizes = np.maximum(np.abs(low), np.abs(high)) * np.abs(goal.weights)
        bound = goal.offset + np.sum(np.maximum(goal.weights, 0) * low + np.minimum(goal.weights, 0) * high, axis=1)
        bound -= reach.rounding * (np.abs(goal.offset) + sizes.sum(axis=1))
    return np.where(np.isnan(bound), -np.inf, bound)


def _value_range(neurons: Neurons, reach: Reach) -> tuple[Array, Array]:
    """Where the values (n, m) of the neurons lie."""
    match neurons.kind:
        case "step":
            return neurons.heights * (reach.low >= 0), neurons.heights * (reach.high >= 0)
        case "product":
            always = np.where(reach.open, reach.line_low, np.minimum(reach.line_low, 0.0))
            never = np.where(reach.open, reach.line_high, np.maximum(reach.line_high, 0.0))
            return np.where(reach.closed, 0.0, always), np.where(reach.closed, 0.0, never)
    left, right = (np.maximum(s, 0.0) + _times(neurons.slope, np.minimum(s, 0.0)) for s in (reach.low, reach.high))
    kink = np.where(reach.open | reach.closed, left, 0.0)
    return np.minimum(np.minimum(left, right), kink), np.maximum(np.maximum(left, right), kink)


def _times(slope: float, values: Array) -> Array:
    return values * slope if slope else np.zeros(values.shape)  # 0 times infinity is 0 here


def linear_bound(neurons: Neurons, reach: Reach, goal: Goal, perturbations: PerturbationSet) -> tuple[Array, Array]:
    """Lower bounds (n,), -inf where numbers overflow, and perturbations (n, d) at which the linear bounds are attained.

    The slopes below an unstable neuron are the nearer side of the triangle, the parallel to its chord, and the side
    on which the worst perturbation of the first lies.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        c = goal.weights * neurons.heights
        constant, linear, ramp = relaxed(
            neurons.kind, c, reach.low, reach.high, reach.line_low, reach.line_high, reach.open, reach.closed
        )
        linear += _times(neurons.slope, goal.weights)
        fixed = goal.offset + np.sum(constant + linear * reach.t, axis=1)
        size = np.abs(goal.offset) + np.sum(np.abs(constant) + np.abs(linear) * reach.line_magnitude, axis=1)
        direction = linear @ neurons.lines.T if neurons.kind == "product" else None

        def bound(share: Array) -> tuple[Array, Array]:
            """The bound with slopes `share` (n, m) of max(0, s), and the direction that it is linear in."""
            slopes = ramp * share
            C = (linear + slopes) @ neurons.gates.T if direction is None else direction
            rounding = reach.rounding * (size + np.sum(slopes * reach.magnitude, axis=1))
            return fixed + np.sum(slopes * reach.s, axis=1) - perturbations.support(-C) - rounding, C

        best, C = bound(np.where(reach.high > -reach.low, 1.0, 0.0))
        worst = perturbations.maximizer(-np.where(np.isfinite(C), C, 0.0))
        if ramp.any():
            parallel = np.clip(np.nan_to_num(reach.high / (reach.high - reach.low)), 0.0, 1.0)
            sides = np.where(reach.s + worst @ neurons.gates >= 0, 1.0, 0.0)
            for share in (parallel, sides):
                other, C = bound(share)
                better = other > best
                best = np.where(better, other, best)
                if better.any():
                    where = np.flatnonzero(better)
                    worst[where] = perturbations.rows(where).maximizer(-C[where])
    return np.where(np.isnan(best), -np.inf, best), worst

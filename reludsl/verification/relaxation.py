"""The convex relaxation of neurons from below, entry by entry: shared by linear bounds and by branch and bound.

A neuron adds c · 1[s >= 0] · jump to a goal. For a gate that opens or closes on the set, the greatest convex function
below it is used: a constant, plus a multiple of its line, plus a nonnegative multiple of max(0, s).
"""

from __future__ import annotations

import numpy as np

from reludsl.verification.neurons import Kind

Array = np.ndarray


def relaxed(
    kind: Kind, c: Array, low: Array, high: Array, line_low: Array, line_high: Array, open: Array, closed: Array
) -> tuple[Array, Array, Array]:
    """`constant`, `linear` and `ramp` with c · 1[s >= 0] · jump >= constant + linear · t + ramp · max(0, s).

    All arrays have one shape; ramp >= 0. s lies in [low, high], t in [line_low, line_high]; gates that are neither
    `open` nor `closed` may be either. The jump is t, or 1 for a `step`, and s is t unless the kind is `product`.
    For a ramp these are the triangle's sides (Ehlers 2017), for a step and a product those of their convex envelope on
    the line alone.
    """
    free = ~(open | closed)
    falls = c < 0
    constant, linear, ramp = np.zeros(c.shape), np.where(open, c, 0.0), np.zeros(c.shape)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if kind == "ramp":
            chord = c * (high / (high - low))
            constant, linear = np.where(free & falls, -chord * low, constant), np.where(free & falls, chord, linear)
            return constant, linear, np.where(free & ~falls, c, ramp)
        if kind == "step":
            # 1[s >= 0] >= max(0, s) / high, and <= 1 - max(0, -s) / -low
            steep = np.where(falls, c / low, c / high)
            ramp = np.where(free & np.isfinite(steep), np.abs(steep), ramp)
            constant = np.where(open | (free & falls), c, constant)
            return constant, np.where(free & falls, -ramp, 0.0), ramp
        # from below by the chord of min(0, t), from above by that of max(0, t)
        share = np.clip(line_high / (line_high - line_low), 0.0, 1.0)  # 1 where t > 0 on the whole set, 0 where t < 0
        share = np.where(falls, share, 1.0 - share)
        end = np.where(falls, np.maximum(line_low, 0.0), np.minimum(line_high, 0.0))
        start = np.where(falls, line_low, line_high)
        # a chord through (start, end), with slope 0, 1 or the share
        linear = np.where(free, c * share, linear)
        return np.where(free, c * (end - share * start), constant), linear, ramp

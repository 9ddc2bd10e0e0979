"""The exact minimum of one goal of one sample as a mixed-integer linear program for HiGHS (Tjeng, Xiao, Tedrake 2019).

For sets with flat sides: boxes, and ℓ1 balls in boxes. Binary variables stand only for gates that may flip, and not
for neurons that are convex terms of the goal. HiGHS works with tolerances; its bound is lowered by what they may do, so
a minimum within about 1e-6 of the goal's range from 0 is left to `branching.py`.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from reludsl.verification.branching import Minimum
from reludsl.verification.piecewise import Piecewise

Array = np.ndarray

_TOLERANCE = 1e-6
"""The largest feasibility, integrality and dual tolerance of HiGHS, in the units of the scaled program."""


def mixed_integer(piecewise: Piecewise, seconds: float) -> tuple[Minimum, Array]:
    """The minimum over a box or an ℓ1 ball, and the gates (k,) that are open there; ends after so many seconds."""
    box = np.maximum(piecewise.largest, -piecewise.smallest)
    moving = np.flatnonzero(box > 0)
    d, k = len(moving), len(piecewise.weights)
    kind, c, low, high = piecewise.kind, piecewise.weights, piecewise.low, piecewise.high
    lines = piecewise.lines[:, moving] * box[moving]
    gates = piecewise.gates[:, moving] * box[moving]
    line_low, line_high = piecewise.line_low, piecewise.line_high
    nothing = Minimum(-np.inf, piecewise.value(np.zeros(len(box))), np.zeros(len(box)), False)

    # Variables: x = δ / box (d), the terms p = 1[s >= 0] t in units (k), binary z (k), and the |x| of an ℓ1 ball.
    units = np.ones(k) if kind == "step" else np.maximum(np.maximum(np.abs(line_low), np.abs(line_high)), 1e-300)
    sides = np.maximum(high, -low)
    cost = np.concatenate([piecewise.slope[moving] * box[moving], c * units, np.zeros(k)])
    scale = float(np.abs(cost).sum()) or 1.0
    if not np.isfinite(scale):
        return nothing, np.zeros(k, dtype=bool)
    lower = np.concatenate([piecewise.smallest[moving] / box[moving], np.minimum(line_low, 0) / units, np.zeros(k)])
    upper = np.concatenate([piecewise.largest[moving] / box[moving], np.maximum(line_high, 0) / units, np.ones(k)])
    if kind == "step":
        lower[d : d + k], upper[d : d + k] = 0.0, 1.0
    rows: list[tuple[Array, Array, Array, Array]] = []  # coefficients of x, p, z, and the greatest value

    def rule(chosen: Array, x: Array, p: Array, z: Array, most: Array) -> None:
        where = np.flatnonzero(chosen)
        places = np.zeros((2, len(where), k))
        places[0, np.arange(len(where)), where], places[1, np.arange(len(where)), where] = p[where], z[where]
        rows.append((x[where], *places, most[where]))

    zero, one = np.zeros(k), np.ones(k)
    t, a = piecewise.t / units, lines / units[:, None]
    least, greatest = line_low / units, line_high / units
    rises = c > 0
    if kind == "step":
        rule(rises | ~rises, 0 * a, one, -one, zero)
        rule(rises | ~rises, 0 * a, -one, one, zero)
    else:
        # p >= t - greatest (1 - z) and p >= least z; of a ramp the second is p >= 0, and with both z is free
        from_below = zero if kind == "ramp" else greatest
        rule(rises, a, -one, from_below, from_below - t)
        rule(rises, 0 * a, -one, zero if kind == "ramp" else least, zero)
        # p <= t - least (1 - z) and p <= greatest z
        rule(~rises, -a, one, -least, t - least)
        rule(~rises, 0 * a, one, -greatest, zero)
    if kind != "ramp":
        # s <= high z and s >= low (1 - z)
        rule(rises | ~rises, gates / sides[:, None], zero, -high / sides, -piecewise.s / sides)
        rule(rises | ~rises, -gates / sides[:, None], zero, -low / sides, (piecewise.s - low) / sides)
    A = sparse.csr_array(np.concatenate([np.concatenate([x, p, z], axis=1) for x, p, z, _ in rows]))
    most = np.concatenate([b for *_, b in rows])
    integrality = np.concatenate([np.zeros(d + k), ~piecewise.convex])
    if piecewise.perturbations.order == 1:
        radius = np.asarray(piecewise.perturbations.radius)[moving]
        size, other = sparse.eye_array(d), sparse.csr_array((d, 2 * k))
        A = sparse.vstack(
            [
                sparse.hstack([A, sparse.csr_array((A.shape[0], d))]),
                sparse.hstack([size, other, -size]),
                sparse.hstack([-size, other, -size]),
                sparse.csr_array(np.concatenate([np.zeros(d + 2 * k), box[moving] / radius])[None]),
            ]
        )
        most = np.concatenate([most, np.zeros(2 * d), [1.0]])
        cost, integrality = np.concatenate([cost, np.zeros(d)]), np.concatenate([integrality, np.zeros(d)])
        lower, upper = np.concatenate([lower, np.zeros(d)]), np.concatenate([upper, np.ones(d)])
    if not (np.isfinite(A.data).all() and np.isfinite(most).all() and np.isfinite(lower).all()):
        return nothing, np.zeros(k, dtype=bool)
    with _silence():
        found = milp(
            cost / scale,
            integrality=integrality,
            bounds=Bounds(lower, upper),
            constraints=LinearConstraint(A, -np.inf, most),
            options={"mip_rel_gap": 0.0, "presolve": False}
            | ({} if np.isinf(seconds) else {"time_limit": max(seconds, 0.0)}),
        )
    bound = found.mip_dual_bound
    if bound is None and found.status == 0:  # a program without integers
        bound = found.fun
    proved = -np.inf if bound is None or np.isnan(bound) else piecewise.constant + (bound - _TOLERANCE) * scale
    if found.x is None:
        return Minimum(proved, nothing.upper, nothing.delta, False), np.zeros(k, dtype=bool)
    delta = np.zeros(len(box))
    delta[moving] = found.x[:d] * box[moving]
    delta = piecewise.perturbations.project(delta[None])[0]
    open = np.where(piecewise.convex, piecewise.s + piecewise.gates @ delta >= 0, found.x[d + k : d + 2 * k] > 0.5)
    return Minimum(float(proved), piecewise.value(delta), delta, found.status == 0), open


@contextmanager
def _silence() -> Iterator[None]:
    """Keeps lines off standard output that HiGHS prints there now and then, whatever its options say."""
    try:
        standard, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    except OSError:  # there is no standard output
        yield
        return
    if sys.stdout is not None:
        sys.stdout.flush()
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        if os.name == "posix":
            ctypes.CDLL(None).fflush(None)  # what C keeps back until it is a page
        os.dup2(standard, 1)
        os.close(standard)
        os.close(nowhere)

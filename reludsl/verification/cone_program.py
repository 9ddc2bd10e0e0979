"""The relaxed minimum of one goal as a cone program for Clarabel; what it answers is a proposal that others prove.

Everything is scaled before: perturbations by the box around the set, gates by their largest value, the objective by
how far it moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import clarabel
import numpy as np
from scipy import sparse

from reludsl.verification.piecewise import Lower, Piecewise

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Proposal:
    """A perturbation (d,), and multipliers `share` and `sides` (k,) for `Piecewise.bound`.

    `infeasible` says that the multipliers are a ray: with them, the bound of the zero function proves that no
    perturbation has its gates so.
    """

    delta: Array
    share: Array
    sides: Array
    infeasible: bool = False


def minimize(piecewise: Piecewise, lower: Lower, open: Array, closed: Array) -> Proposal | None:
    """The minimum of `lower` over the perturbations with the gates (k,) so; None where the solver finds nothing."""
    k = len(piecewise.weights)
    if not lower.ramp.any() and not open.any() and not closed.any():
        delta = piecewise.perturbations.maximizer(-lower.slope[None])[0]
        return Proposal(delta, np.zeros(k), np.zeros(k))
    program = _Program.of(piecewise)
    ramps = np.flatnonzero(lower.ramp > 0)
    rises = lower.ramp[ramps] * program.units[ramps]
    slopes = lower.slope[program.moving] * program.box
    scale = float(np.abs(slopes).sum() + rises.sum()) or 1.0
    if not np.isfinite(scale):
        return None
    above, below = np.flatnonzero(open), np.flatnonzero(closed)
    sides = sparse.vstack([-program.gates[above], program.gates[below]])
    unit = sparse.eye_array(len(ramps))
    rows = [
        (sparse.hstack([program.gates[ramps], -unit]), -program.s[ramps]),
        (sparse.hstack([sparse.csr_array((len(ramps), len(slopes))), -unit]), np.zeros(len(ramps))),
        (_wide(sides, len(ramps)), np.concatenate([program.s[above], -program.s[below]])),
    ]
    found = program.solve(np.concatenate([slopes, rises]) / scale, rows)
    if found is None:
        return None
    x, z, infeasible = found
    share, side = np.zeros(k), np.zeros(k)
    z_ramps, z_sides = z[: len(ramps)], z[2 * len(ramps) :][: len(above) + len(below)]
    weight = 1.0 if infeasible else scale
    with np.errstate(divide="ignore", invalid="ignore"):
        share[ramps] = np.clip(np.nan_to_num(z_ramps * scale / rises), 0.0, 1.0)
    side[above] = np.maximum(z_sides[: len(above)], 0.0) * weight / program.units[above]
    side[below] = -np.maximum(z_sides[len(above) :], 0.0) * weight / program.units[below]
    return Proposal(program.perturbation(x), share, side, infeasible)


def deepest(piecewise: Piecewise, open: Array, closed: Array) -> Array | None:
    """A perturbation (d,) that is as far as possible from the hyperplanes of the gates; None if there is none."""
    program = _Program.of(piecewise)
    above, below = np.flatnonzero(open), np.flatnonzero(closed)
    gates = sparse.vstack([-program.gates[above], program.gates[below]])
    ones = np.ones((len(above) + len(below), 1))
    rows = [
        (sparse.hstack([gates, ones]), np.concatenate([program.s[above], -program.s[below]])),
        (sparse.csr_array(([1.0], ([0], [len(program.box)])), shape=(1, len(program.box) + 1)), np.ones(1)),
    ]
    found = program.solve(np.concatenate([np.zeros(len(program.box)), [-1.0]]), rows)
    return None if found is None or found[2] else program.perturbation(found[0])


@dataclass(frozen=True, eq=False)
class _Program:
    """The scaled set and gates: x = δ / box for the features `moving`, gates in `units` of their largest value."""

    piecewise: Piecewise
    moving: Array
    box: Array
    units: Array
    gates: sparse.csr_array
    s: Array

    @classmethod
    def of(cls, piecewise: Piecewise) -> _Program:
        box = np.maximum(piecewise.largest, -piecewise.smallest)
        moving = np.flatnonzero(box > 0)
        units = np.maximum(piecewise.high, -piecewise.low)
        units = np.where(units > 0, units, 1.0)
        gates = piecewise.gates[:, moving] * box[moving] / units[:, None]
        return cls(piecewise, moving, box[moving], units, sparse.csr_array(gates), piecewise.s / units)

    def perturbation(self, x: Array) -> Array:
        """The perturbation (d,) of a solution, in the set."""
        delta = np.zeros(len(self.piecewise.slope))
        delta[self.moving] = x[: len(self.moving)] * self.box
        return np.asarray(self.piecewise.perturbations.project(delta[None])[0])

    def solve(self, cost: Array, rows: list[tuple[sparse.csr_array, Array]]) -> tuple[Array, Array, bool] | None:
        """Primal and dual solution of min cost·(x, ...) over the set with `rows` A (x, ...) <= b, or a dual ray."""
        d, more = len(self.box), len(cost) - len(self.box)
        perturbations, moving = self.piecewise.perturbations, self.moving
        smallest, largest = self.piecewise.smallest[moving] / self.box, self.piecewise.largest[moving] / self.box
        unit = sparse.eye_array(d, format="csr")
        if perturbations.radius is None:
            cut_above = cut_below = np.ones(d, dtype=bool)
        else:  # the ball's own box goes without saying
            ball = self.box / perturbations.radius[moving]
            cut_above, cut_below = largest * ball < 1, smallest * ball > -1
        rows = [
            *rows,
            (_wide(unit[cut_above], more), largest[cut_above]),
            (_wide(-unit[cut_below], more), -smallest[cut_below]),
        ]
        cones = []
        if perturbations.order == 1:
            rows = [(_wide(A, d), b) for A, b in rows]
            nothing = sparse.csr_array((d, more))
            rows += [(sparse.hstack([sign * unit, nothing, -unit]), np.zeros(d)) for sign in (1, -1)]
            rows.append((sparse.csr_array(np.concatenate([np.zeros(d + more), ball])[None]), np.ones(1)))
            cost = np.concatenate([cost, np.zeros(d)])
        cones.append(clarabel.NonnegativeConeT(sum(len(b) for _, b in rows)))
        if perturbations.order == 2:
            rows.append((sparse.csr_array((1, d + more)), np.ones(1)))
            rows.append((_wide(-sparse.diags_array(ball), more), np.zeros(d)))
            cones.append(clarabel.SecondOrderConeT(d + 1))
        A = sparse.csc_matrix(sparse.vstack([A for A, _ in rows]))
        b = np.concatenate([b for _, b in rows])
        if not (np.isfinite(A.data).all() and np.isfinite(b).all() and np.isfinite(cost).all()):
            return None
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        settings.max_threads = 1
        size = len(cost)
        solver = clarabel.DefaultSolver(sparse.csc_matrix((size, size)), cost, A, b, cones, settings)
        solution = solver.solve()
        status = str(solution.status)
        if status in ("PrimalInfeasible", "AlmostPrimalInfeasible"):
            return np.zeros(size), np.array(solution.z), True
        if not np.isfinite(solution.x).all() or not np.isfinite(solution.z).all():
            return None
        return np.array(solution.x), np.array(solution.z), False


def _wide(A: sparse.csr_array, more: int) -> sparse.csr_array:
    """The rows with further variables that they do not have."""
    return sparse.hstack([A, sparse.csr_array((A.shape[0], more))])

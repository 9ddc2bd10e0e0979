"""The program's duality gap (`formulations.md`, section 7), and feasible points from infeasible ones.

For a pattern program with loss L let g(z) be the largest ‖Π_K(±XᵀΓ_i z)‖ over all blocks, Π_K the projection onto the
block's cone; without cones it is left out. Every z with g(z) ≤ β bounds the optimum from below by −L*(−z), and z may be
scaled to get there. Output biases add their own condition on the sum of z. Such a bound is weak duality: it holds
whatever z is, so a poor solution can only make it loose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import minimize_scalar

from reludsl.certificate.cones import PatternCones
from reludsl.ir import FeatureForm, PatternForm, Program, objective
from reludsl.ir.pattern_problem import PatternProblem, as_columns, pattern_problem

Scope = Literal["program", "global"]


@dataclass(frozen=True)
class Bound:
    """A proved lower bound. `gap` is (objective - value) / |objective|; `scope` says on whose optimum, `by` how."""

    value: float
    gap: float
    scope: Scope
    by: Literal["duality", "enumeration", "relaxation", "branch_and_bound"]


@dataclass(frozen=True, eq=False)
class Feasible:
    """A point of the program that satisfies its constraints, its objective, and how far the solver's point was off."""

    point: Mapping[str, np.ndarray]
    objective: float
    violation: float


def feasible_point(program: Program, arrays: Mapping[str, np.ndarray], point: Mapping[str, np.ndarray]) -> Feasible:
    """The solver's point with every block projected onto its cone, and blocks that are only solver noise set to 0.

    Noise is what the objective does not miss: of the blocks shorter than a share of the longest one, the share as large
    as it can be with the objective no worse than 1e-7 of itself. Where zero is better than all this, zero is given.
    Programs of other forms have no cones to project onto: their point is taken as it is.
    """
    given = {name: np.asarray(array, dtype=float) for name, array in point.items()}
    form = PatternForm.of(program) or FeatureForm.of(program)
    if form is None:
        return Feasible(given, float(objective(program, {**arrays, **given})), 0.0)
    names = [form.a.name] if isinstance(form, FeatureForm) else [block.name for block in form.blocks]
    blocks = {name: _as_blocks(given[name], form) for name in names}
    longest = max(float(np.linalg.norm(columns, axis=0).max(initial=0.0)) for columns in blocks.values())
    violation = 0.0
    if isinstance(form, PatternForm) and not form.activation.gated:
        cones = PatternCones(np.asarray(arrays[form.X.name]), np.asarray(arrays[form.D.name]))
        violation = cones.violation(*blocks.values())
        blocks = {
            name: cones.project(columns * (np.linalg.norm(columns, axis=0) > _NOISE[0] * longest))
            for name, columns in blocks.items()
        }

    def pruned(share: float) -> tuple[dict[str, np.ndarray], float]:
        kept = {
            name: (columns * (np.linalg.norm(columns, axis=0) > share * longest)).reshape(given[name].shape)
            for name, columns in blocks.items()
        }
        whole = {**given, **kept}
        return whole, float(objective(program, {**arrays, **whole}))

    candidates = [pruned(share) for share in _NOISE]
    acceptable = candidates[0][1] + 1e-7 * abs(candidates[0][1])
    best = next((candidate for candidate in reversed(candidates) if candidate[1] <= acceptable), candidates[0])
    zero = pruned(np.inf)
    chosen, value = zero if zero[1] < best[1] else best
    return Feasible(chosen, value, violation)


def _as_blocks(array: np.ndarray, form: PatternForm | FeatureForm) -> np.ndarray:
    """A block a column: every output weight of a feature is a block of its own."""
    return array.reshape(1, -1) if isinstance(form, FeatureForm) else array


_CLOSED = 1e-6
"""A gap that no further dual point is asked to close."""

_NOISE = (1e-6, 1e-5, 1e-4, 1e-3)


def dual_bound(
    program: Program,
    arrays: Mapping[str, np.ndarray],
    feasible: Feasible,
    point: Mapping[str, np.ndarray] | None = None,
    dual: np.ndarray | None = None,
    complete: bool = False,
) -> Bound | None:
    """The best lower bound from the solver's `dual` point and the gradients at a feasible point and its own `point`.

    The solver's point violates its cones a little, but its residual is often much nearer to the optimal one. Gradients
    tell dual points for differentiable losses only. `complete` says that the program holds every pattern, so that the
    bound is on the non-convex problem. None where there is no dual point, and for penalties other than norms of whole
    columns and ridges.
    """
    problem = pattern_problem(program, arrays)
    if problem is None or not problem.loss.has_prox or problem.l1 or problem.free:
        return None
    candidates = [] if dual is None else [dual]
    if problem.loss.smooth:
        for candidate in (feasible.point, feasible.point if point is None else point):
            predictions = problem.predictions(*as_columns(program, candidate))
            candidates.append(-problem.loss_gradient(predictions))
    value = -np.inf
    for z in candidates:
        value = max(value, bound_from(problem, z) / problem.scale)
        if relative_gap(feasible.objective, value) <= _CLOSED:
            break
    if not np.isfinite(value):
        return None
    gap = relative_gap(feasible.objective, value)
    return Bound(value, gap, "global", "enumeration") if complete else Bound(value, gap, "program", "duality")


def relative_gap(upper: float, lower: float) -> float:
    """(upper - lower) / |upper|, never negative: rounding can put the two in the wrong order by a few units."""
    return max(0.0, upper - lower) / max(abs(upper), np.finfo(float).tiny)


def bound_from(problem: PatternProblem, z: np.ndarray) -> float:
    """The best lower bound from the scalings of z (n, c) that are dual feasible. True for any z."""
    z = problem.admissible(z)
    prices = block_prices(problem, z)
    with np.errstate(invalid="ignore"):  # it calculates with infinities where z leaves the domain
        found = minimize_scalar(
            lambda share: -problem.dual_value(z, prices, share), bounds=(0.0, 1.0), method="bounded"
        )
    # On the border of the domain rounding may decide that a point is outside: one just inside is as good.
    return max(problem.dual_value(z, prices, share) for share in (0.0, float(found.x), 1.0 - 1e-12, 1.0))


def block_prices(problem: PatternProblem, z: np.ndarray) -> np.ndarray:
    """Bounds on ‖Π_K(±XᵀΓ_i z_k)‖ for all blocks, exact where they are above what a block costs.

    A block with ‖XᵀΓ_i z_k‖ ≤ group is not projected: that can only shorten it.
    """
    columns = problem.adjoint(z)
    prices: np.ndarray = np.linalg.norm(columns, axis=0)
    dear = np.flatnonzero(prices > problem.group)
    if problem.masks is not None and len(dear):
        cones = PatternCones(problem.X, problem.masks)
        prices[dear] = cones.norm_bounds(columns[:, dear], dear % problem.masks.shape[1], problem.group)
    return prices

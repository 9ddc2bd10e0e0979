"""The program's duality gap (`formulations.md`, section 7), and feasible points from infeasible ones.

For the pattern program with L(f) = Σ ℓ(f_k, y_k) let g(z) be the largest ‖Π_K(±XᵀD_i z)‖ over all patterns. Every z
with g(z) ≤ β bounds the optimum from below by −L*(−z), and z may be scaled to get there. Such a bound is weak
duality: it holds whatever z is, so a poor solution can only make it loose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import minimize_scalar

from reludsl.certificate.cones import PatternCones
from reludsl.ir import Program, objective
from reludsl.ir.pattern_form import PatternForm

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
    """
    form = PatternForm.of(program)
    assert form is not None, "only pattern programs have cones to project onto"
    cones = PatternCones(arrays[form.X.name], arrays[form.D.name])
    blocks = {variable.name: np.asarray(point[variable.name], dtype=float) for variable in (form.V, form.W)}
    violation = cones.violation(*blocks.values())
    longest = max(float(np.linalg.norm(columns, axis=0).max(initial=0.0)) for columns in blocks.values())
    projected = {
        name: np.column_stack(
            [
                cones.project(column, i) if np.linalg.norm(column) > _NOISE[0] * longest else np.zeros_like(column)
                for i, column in enumerate(columns.T)
            ]
        )
        for name, columns in blocks.items()
    }

    def pruned(share: float) -> tuple[dict[str, np.ndarray], float]:
        kept = {
            name: columns * (np.linalg.norm(columns, axis=0) > share * longest) for name, columns in projected.items()
        }
        return kept, float(objective(program, {**arrays, **kept}))

    candidates = [pruned(share) for share in _NOISE]
    acceptable = candidates[0][1] * (1 + 1e-7)
    best = next((candidate for candidate in reversed(candidates) if candidate[1] <= acceptable), candidates[0])
    zero = pruned(np.inf)
    chosen, value = zero if zero[1] < best[1] else best
    return Feasible(chosen, value, violation)


_NOISE = (1e-6, 1e-5, 1e-4, 1e-3)


def dual_bound(
    program: Program,
    arrays: Mapping[str, np.ndarray],
    feasible: Feasible,
    point: Mapping[str, np.ndarray] | None = None,
    complete: bool = False,
) -> Bound | None:
    """The best lower bound from the gradients at a feasible point and at the solver's own `point`.

    The latter violates its cones a little, but its residual is often much nearer to the optimal one. `complete` says
    that the program holds every pattern, so that the bound is on the non-convex problem. None for a loss with kinks,
    where the gradient does not tell the dual point.
    """
    form = PatternForm.of(program)
    if form is None or not form.function.smooth:
        return None
    X, D, y = (np.asarray(arrays[data.name], dtype=float) for data in (form.X, form.D, form.y))
    values = []
    for candidate in (feasible.point, feasible.point if point is None else point):
        U = candidate[form.V.name] - candidate[form.W.name]
        prediction = np.einsum("nd,nd->n", X, D @ U.T)
        values.append(bound_from(form, X, D, y, dual_point(form, prediction, y)))
    value = max(values)
    gap = relative_gap(feasible.objective, value)
    return Bound(value, gap, "global", "enumeration") if complete else Bound(value, gap, "program", "duality")


def relative_gap(upper: float, lower: float) -> float:
    """(upper - lower) / |upper|, never negative: rounding can put the two in the wrong order by a few units."""
    return max(0.0, upper - lower) / max(abs(upper), np.finfo(float).tiny)


def dual_point(form: PatternForm, prediction: np.ndarray, y: np.ndarray) -> np.ndarray:
    """z = −∇L(f) (n,), the dual point that belongs to a prediction (n,)."""
    scale = 1.0 / len(y) if form.mean else 1.0
    if form.structure == "margin":
        return -scale * y * form.function.derivative(y * prediction)
    return -scale * form.function.derivative(prediction - y)


def bound_from(form: PatternForm, X: np.ndarray, D: np.ndarray, y: np.ndarray, z: np.ndarray) -> float:
    """The best lower bound −L*(−tz) over the scalings t in [0, 1] that are dual feasible. True for any z (n,)."""
    largest = largest_price(X, D, z, form.strength)
    limit = 1.0 if largest <= form.strength else form.strength / largest

    def dual_value(t: float) -> float:
        return -conjugate_loss(form, y, -t * z)

    found = minimize_scalar(lambda t: -dual_value(t), bounds=(0.0, limit), method="bounded")
    return max(dual_value(0.0), dual_value(float(found.x)), dual_value(limit))


def conjugate_loss(form: PatternForm, y: np.ndarray, s: np.ndarray) -> float:
    """L*(s) for s (n,): Σ φ*(y_k s_k) for a margin loss, Σ ψ*(s_k) + s_k y_k for a distance loss; scaled for a mean."""
    scale = 1.0 / len(y) if form.mean else 1.0
    s = s / scale
    if form.structure == "margin":
        return scale * float(form.function.conjugate(y * s).sum())
    return scale * float((form.function.conjugate(s) + s * y).sum())


def largest_price(X: np.ndarray, D: np.ndarray, z: np.ndarray, threshold: float) -> float:
    """g(z), the largest ‖Π_K(±XᵀD_i z)‖ over the patterns, or `threshold` when it is certainly no larger.

    A block with ‖XᵀD_i z‖ ≤ threshold is skipped: projecting can only shorten it.
    """
    cones = PatternCones(X, D)
    columns = (X * z[:, None]).T @ D
    largest = threshold
    lengths = np.linalg.norm(columns, axis=0)
    for i in np.argsort(-lengths):
        if lengths[i] <= largest:
            break
        for sign in (1.0, -1.0):
            largest = max(largest, cones.norm_bound(sign * columns[:, i], int(i)))
    return largest

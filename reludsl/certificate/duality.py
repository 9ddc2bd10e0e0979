"""The program's duality gap (`formulations.md`, section 7), and feasible points from infeasible ones.

For a pattern program with loss L let g(z) be the largest ‖Π_K(±XᵀΓ_i z)‖ over all blocks, Π_K the projection onto the
block's cone; without cones it is left out. Every z with g(z) ≤ β bounds the optimum from below by −L*(−z), and z may be
scaled to get there. Output biases add their own condition on the sum of z. Such a bound is weak duality: it holds
whatever z is, so a poor solution can only make it loose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reludsl.certificate.cells import (
    feasible_moments,
    loss_problem,
    moment_predictions,
    moment_violation,
    price,
)
from reludsl.certificate.columns import Reductions, gauge
from reludsl.certificate.cones import PatternCones
from reludsl.certificate.mixed import MixedCost, mixed_columns
from reludsl.certificate.polynomial import feasible_matrices, predictions, sphere_prices
from reludsl.certificate.relaxation import relaxation_violation, relaxed_predictions
from reludsl.certificate.result import Bound, Feasible, relative_gap
from reludsl.certificate.robust_cones import RobustCones
from reludsl.cones import Supports
from reludsl.ir import (
    CellForm,
    FeatureForm,
    PatternForm,
    PolynomialForm,
    Program,
    RelaxationForm,
    RobustForm,
    WassersteinForm,
    objective,
)
from reludsl.ir.pattern_problem import (
    PatternProblem,
    as_columns,
    best_over_shares,
    pattern_problem,
    problem_without_columns,
)
from reludsl.ir.relaxation_problem import relaxation_problem
from reludsl.ir.robust_problem import RobustDual, RobustProblem, robust_bound, robust_columns, robust_problem
from reludsl.pricing import greatest_over_gates
from reludsl.relaxation import RelaxationDual, coordinates, relaxation_price


def feasible_point(program: Program, arrays: Mapping[str, np.ndarray], point: Mapping[str, np.ndarray]) -> Feasible:
    """The solver's point with every block projected onto its cone, and blocks that are only solver noise set to 0.

    Noise is what the objective does not miss: of the blocks shorter than a share of the longest one, the share as large
    as it can be with the objective no worse than 1e-7 of itself. Where zero is better than all this, zero is given.
    Programs of other forms have no cones to project onto: their point is taken as it is.
    """
    given = {name: np.asarray(array, dtype=float) for name, array in point.items()}
    if (cells := CellForm.of(program)) is not None:
        return _feasible_network(program, cells, arrays, given)
    if (polynomial := PolynomialForm.of(program)) is not None:
        return feasible_matrices(program, polynomial, arrays, given)
    if (relaxation := RelaxationForm.of(program)) is not None:
        value = float(objective(program, {**arrays, **given}))
        return Feasible(given, value, relaxation_violation(program, relaxation, arrays, given))
    form = PatternForm.of(program) or FeatureForm.of(program) or RobustForm.of(program) or WassersteinForm.of(program)
    if form is None:
        return Feasible(given, float(objective(program, {**arrays, **given})), 0.0)
    names = [form.a.name] if isinstance(form, FeatureForm) else [block.name for block in form.blocks]
    blocks = {name: _as_blocks(given[name], form) for name in names}
    lengths = {name: np.linalg.norm(columns, axis=0) for name, columns in blocks.items()}
    longest = max(float(norms.max(initial=0.0)) for norms in lengths.values())
    violation = 0.0
    cones = _cones(form, arrays)
    if cones is not None:
        violation = cones.violation(*blocks.values())
        blocks = {
            name: cones.project(columns * (lengths[name] > _NOISE[0] * longest)) for name, columns in blocks.items()
        }
        lengths = {name: np.linalg.norm(columns, axis=0) for name, columns in blocks.items()}
    value_of = _objective(program, arrays)

    def pruned(share: float) -> tuple[dict[str, np.ndarray], float]:
        kept = {
            name: _as_array(columns * (lengths[name] > share * longest), form, given[name].shape)
            for name, columns in blocks.items()
        }
        whole = {**given, **kept}
        return whole, value_of(whole)

    counts = [sum(int((norms > share * longest).sum()) for norms in lengths.values()) for share in _NOISE]
    first = pruned(_NOISE[0])
    best, acceptable = first, first[1] + 1e-7 * abs(first[1])
    for share, count in sorted(set(zip(_NOISE, counts, strict=True)), reverse=True):
        if count == counts[0]:
            break  # no block would go
        candidate = pruned(share)
        if candidate[1] <= acceptable:
            best = candidate
            break
    zero = pruned(np.inf)
    chosen, value = zero if zero[1] < best[1] else best
    return Feasible(chosen, value, violation)


_Form = PatternForm | FeatureForm | RobustForm | WassersteinForm


def _feasible_network(
    program: Program, form: CellForm, arrays: Mapping[str, np.ndarray], point: Mapping[str, np.ndarray]
) -> Feasible:
    """Moments of neurons, of as few blocks as the objective misses none of by more than 1e-9 of itself."""
    candidates = [feasible_moments(form, arrays, point, share) for share in (*reversed(_NOISE), 1e-8)]
    candidates.insert(0, {**point, form.W.name: np.zeros_like(point[form.W.name])})
    tried = [(candidate, float(objective(program, {**arrays, **candidate}))) for candidate in candidates]
    least = min(value for _, value in tried)
    chosen, value = next(entry for entry in tried if entry[1] <= least + 1e-9 * abs(least))
    return Feasible(chosen, value, moment_violation(program, form, arrays, point))


def _cones(form: _Form, arrays: Mapping[str, np.ndarray]) -> PatternCones | RobustCones | None:
    """The cones that the columns of a program have to be in, if any."""
    if isinstance(form, FeatureForm):
        return None
    clean = form if isinstance(form, PatternForm) else form.clean
    if clean.activation.gated:
        return None
    if isinstance(form, RobustForm):
        return RobustCones(form, arrays)
    return PatternCones(np.asarray(arrays[clean.X.name]), np.asarray(arrays[clean.D.name]))


def _objective(program: Program, arrays: Mapping[str, np.ndarray]) -> Callable[[Mapping[str, np.ndarray]], float]:
    """The program's objective at points: by products with the columns that are not zero, where that is possible."""
    problem = pattern_problem(program, arrays)
    if problem is None:
        return lambda point: float(objective(program, {**arrays, **point}))

    def value(point: Mapping[str, np.ndarray]) -> float:
        u, c = as_columns(program, point)
        return (problem.loss_value(problem.predictions(u, c)) + problem.penalty_value(u, c)) / problem.scale

    return value


def _as_blocks(array: np.ndarray, form: _Form) -> np.ndarray:
    """A block a column: the output weights of a shared feature, or every output weight by itself."""
    if not isinstance(form, FeatureForm):
        return array
    return array.T if form.shared else array.reshape(1, -1)


def _as_array(blocks: np.ndarray, form: _Form, shape: tuple[int, ...]) -> np.ndarray:
    """The array of this shape whose blocks these are."""
    return blocks.T if isinstance(form, FeatureForm) and form.shared else blocks.reshape(shape)


_CLOSED = 1e-6
"""A gap that no further dual point is asked to close."""

_NOISE = (1e-6, 1e-5, 1e-4, 1e-3)


def dual_bound(
    program: Program,
    arrays: Mapping[str, np.ndarray],
    feasible: Feasible,
    point: Mapping[str, np.ndarray] | None = None,
    dual: Any = None,
    complete: bool = False,
    supports: Any = None,
) -> Bound | None:
    """The best lower bound from the solver's `dual` point and the gradients at a feasible point and its own `point`.

    The solver's point violates its cones a little, but its residual is often much nearer to the optimal one. Gradients
    tell dual points for differentiable losses only. `complete` says that the program holds every pattern, so that the
    bound is on the non-convex problem. `supports` may tell where the projections of all columns at `dual` are expected;
    whatever they are the bound is true. None where there is no dual point, and for losses without a conjugate.
    """
    robust = robust_problem(program, arrays)
    if robust is not None:
        return _robust_dual_bound(program, robust, feasible, dual, supports)
    multipliers = dual.S if isinstance(dual, RelaxationDual) else None
    pricing = pricing_of(program, arrays, multipliers)
    if pricing is None:
        return None
    problem, z = pricing.problem, dual.Lam if isinstance(dual, RelaxationDual) else dual
    candidates: list[tuple[np.ndarray, Supports | None]] = [] if z is None else [(z, supports)]
    if problem.loss.smooth:
        for candidate in (feasible.point, feasible.point if point is None else point):
            gradient = problem.loss_gradient(pricing.predictions(candidate))
            candidates += [(-gradient, None)] if np.isfinite(gradient).all() else []
    value = -np.inf
    enough = problem.scale * (feasible.objective - _CLOSED * abs(feasible.objective))
    for z, expected in candidates:
        value = max(value, bound_from(problem, z, enough, expected, pricing.prices) / problem.scale)
        if relative_gap(feasible.objective, value) <= _CLOSED:
            break
    if not np.isfinite(value):
        return None
    gap = relative_gap(feasible.objective, value)
    if complete:
        return Bound(value, gap, "global", "enumeration")
    if pricing.relaxed:
        return Bound(value, gap, "global", "relaxation")
    return Bound(value, gap, "global" if pricing.every_network else "program", "duality")


def _robust_dual_bound(
    program: Program, problem: RobustProblem, feasible: Feasible, dual: Any, multipliers: Any
) -> Bound | None:
    """The best bound on a robust program from a solver's dual point, its multipliers of slopes, and from gradients.

    `multipliers` may tell how short the projections of all columns are.
    """
    C = problem.slopes(robust_columns(program, feasible.point))
    known = multipliers if isinstance(multipliers, np.ndarray) else None
    candidates: list[tuple[RobustDual, np.ndarray | None]] = []
    if isinstance(dual, RobustDual):
        candidates.append((dual, known))
    elif isinstance(dual, np.ndarray) and dual.shape == C.shape and np.isfinite(dual).all():
        candidates.append((problem.dual_near(dual, C), None))
    candidates.append((problem.dual_of(C), None))
    cones, value = problem.cones(), -np.inf
    for candidate, expected in candidates:
        value = max(value, robust_bound(problem, candidate, cones, expected) / problem.scale)
        if relative_gap(feasible.objective, value) <= _CLOSED:
            break
    if not np.isfinite(value):
        return None
    return Bound(value, relative_gap(feasible.objective, value), "program", "duality")


Prices = Callable[[PatternProblem, np.ndarray, Supports | None], np.ndarray]


@dataclass(frozen=True)
class Pricing:
    """A program's losses and output biases as numbers, and what its other variables bring.

    `prices` are upper bounds on what they bring at an admissible dual point, to compare with `problem.group`, and
    `predictions` (n, c) those of a point. `every_network` says that the program holds all networks, `relaxed` that it
    holds more than these.
    """

    problem: PatternProblem
    prices: Prices
    predictions: Callable[[Mapping[str, np.ndarray]], np.ndarray]
    every_network: bool = False
    relaxed: bool = False


def pricing_of(
    program: Program, arrays: Mapping[str, np.ndarray], multipliers: Sequence[np.ndarray] | None = None
) -> Pricing | None:
    """The pricing of a program, None where none is known. `multipliers` are those of a relaxation's products."""
    if (relaxation := RelaxationForm.of(program)) is not None:
        return _relaxation_pricing(relaxation, arrays, multipliers)
    if (form := PolynomialForm.of(program)) is not None:
        return _sphere_pricing(form, arrays)
    if (cells := CellForm.of(program)) is not None:
        return _cell_pricing(cells, arrays)
    problem = pattern_problem(program, arrays)
    if problem is None:
        return None
    pricing = Pricing(problem, block_prices, lambda point: problem.predictions(*as_columns(program, point)))
    if not (problem.shared and "generators" in arrays):
        return pricing
    # The cells of the samples are at hand, so the price is that of the best neuron of all, held or not.
    names = ("gates", "basis", "generators", "deviation")
    X, parts = np.asarray(arrays["X"], dtype=float), [np.asarray(arrays[name], dtype=float) for name in names]
    return replace(pricing, prices=lambda _, z, __: np.array([greatest_over_gates(X, z, *parts)]), every_network=True)


def _sphere_pricing(form: PolynomialForm, arrays: Mapping[str, np.ndarray]) -> Pricing:
    """Of a polynomial program: the price is that of the neurons of norm 1 that bring most."""
    problem = problem_without_columns(form, arrays)
    X = np.asarray(arrays[form.X.name], dtype=float)

    def prices(problem: PatternProblem, z: np.ndarray, supports: Supports | None) -> np.ndarray:
        return sphere_prices(X, form.coefficients, z[:, 0])

    return Pricing(
        replace(problem, group=problem.scale * form.penalty.l1),
        prices,
        lambda point: predictions(form, arrays, point),
        every_network=True,
    )


def _cell_pricing(form: CellForm, arrays: Mapping[str, np.ndarray]) -> Pricing:
    """Of a cell program: the price is that of the best neuron of all cells."""

    def prices(problem: PatternProblem, z: np.ndarray, supports: Supports | None) -> np.ndarray:
        return np.array([price(form, arrays, z)])

    return Pricing(
        loss_problem(form, arrays),
        prices,
        lambda point: moment_predictions(form, arrays, point),
        every_network=True,
    )


def _relaxation_pricing(
    form: RelaxationForm, arrays: Mapping[str, np.ndarray], multipliers: Sequence[np.ndarray] | None
) -> Pricing:
    """Of a relaxation: the price is one that no neuron exceeds, as multipliers of the products prove it.

    Without any there is a price as well, a larger one.
    """
    problem = relaxation_problem(form, arrays)
    at = coordinates(np.asarray(arrays["X"], dtype=float), form.activation.slope, form.split)
    if multipliers is None:
        multipliers = [np.zeros((at.products, at.products))] * len(at.signs)
    S = [2.0 * problem.group * block for block in multipliers]

    def prices(problem: PatternProblem, z: np.ndarray, supports: Supports | None) -> np.ndarray:
        return np.array([relaxation_price(at, z, S)])

    return Pricing(
        problem,
        prices,
        lambda point: relaxed_predictions(form, arrays, point),
        every_network=True,
        relaxed=True,
    )


def bound_from(
    problem: PatternProblem,
    z: np.ndarray,
    enough: float = np.inf,
    supports: Supports | None = None,
    prices_at: Prices | None = None,
) -> float:
    """The best lower bound from the scalings of z (n, c) that are dual feasible. True for any z, -inf where none is.

    A bound of at least `enough` is not made better. `supports` see `dual_bound`; `prices_at` are those of a `Pricing`,
    by default `block_prices`.
    """
    if z.shape != problem.Y.shape:
        raise ValueError(f"a dual point of these targets is {problem.Y.shape}, not {z.shape}")
    if not np.isfinite(z).all():
        return -np.inf
    with np.errstate(invalid="ignore", over="ignore"):  # infinities where z leaves the domain, or is absurdly large
        z = problem.admissible(z * min(1.0, _LARGEST / max(float(np.abs(z).max(initial=0.0)), 1.0)))
        if not np.isfinite(z).all():
            return -np.inf
        value_at = (
            _mixed_value(problem, z) if problem.mixed else _value(problem, z, supports, prices_at or block_prices)
        )
        return best_over_shares(value_at, enough)


def _value(
    problem: PatternProblem, z: np.ndarray, supports: Supports | None, prices_at: Prices
) -> Callable[[float], float]:
    """The bound from shares of an admissible z."""
    if problem.l1 and not problem.l2:
        z, prices = largest_share(problem, z) * z, np.zeros(problem.columns)
    else:
        prices = prices_at(problem, z, supports)
    return lambda share: problem.dual_value(z, prices, share)


def _mixed_value(problem: PatternProblem, z: np.ndarray) -> Callable[[float], float]:
    """The bound from shares of an admissible z where only some penalties count the biases."""
    cost, left = MixedCost(problem), mixed_columns(problem, z)
    most = min(cost.share(left), problem.offset_share(z))

    def value_at(share: float) -> float:
        t = share * most
        value = problem.value_without_columns(t * z) - float(cost.conjugates(t * left).sum())
        return value if np.isfinite(value) else -np.inf

    return value_at


_LARGEST = 1e100
"""Dual points may be scaled: with entries up to here no square overflows."""


def block_prices(problem: PatternProblem, z: np.ndarray, supports: Supports | None = None) -> np.ndarray:
    """What all columns bring at an admissible z, as far as l1 penalties and cones do not take it: bounds (columns,).

    Of ‖Π_K(±XᵀΓ_i z_k)‖ where they are all that there is, and exact where they are above what a column costs. A column
    with ‖XᵀΓ_i z_k‖ ≤ group is not projected: that can only shorten it.
    """
    columns = problem.adjoint(z)
    counted = len(columns) - problem.free
    prices: np.ndarray = np.linalg.norm(problem.shrunk(columns[:counted]), axis=0)
    if problem.masks is None:
        return prices  # an admissible z makes free entries 0
    noise = _rounding(z)
    bound_by_bias = np.abs(columns[counted:]).max(axis=0, initial=0.0) > noise
    prices[bound_by_bias] = np.inf
    dear = np.flatnonzero(prices > problem.group)
    if not len(dear):
        return prices
    if problem.free or problem.l1:
        left = Reductions(problem, dear).reduced(columns[:, dear].T, np.arange(len(dear)), noise)
        prices[dear] = np.linalg.norm(problem.shrunk(left.T), axis=0)
    else:
        cones = PatternCones(problem.X, problem.masks)
        known = supports is not None and len(supports.rows) == len(prices)
        expected = replace(supports, inverses=None).of(dear) if supports is not None and known else None
        prices[dear] = cones.norm_bounds(columns[:, dear], dear % problem.masks.shape[1], problem.group, expected)
    return prices


def largest_share(problem: PatternProblem, z: np.ndarray) -> float:
    """A t in [0, 1] for which no column brings more than it costs at tz: nearly the largest there is.

    Under l1 penalties, where what a column c brings does not scale with it. With m = c + Aᵀλ for any λ ≥ 0 it is enough
    that ‖t m‖ ≤ group beyond l1, entry by entry; so every λ tells a t that will do. The best λ is the one at the
    largest t, which Newton steps on what the dearest columns bring beyond their cost approach from above.
    """
    columns, noise = problem.adjoint(z), _rounding(z)
    counted = len(columns) - problem.free
    ratios = gauge(problem, columns[:counted])
    if problem.masks is None:
        return 1.0 / max(1.0, float(ratios.max(initial=0.0)))
    ratios[np.abs(columns[counted:]).max(axis=0, initial=0.0) > noise] = np.inf
    dear = np.flatnonzero(ratios > 1.0)
    if not len(dear):
        return 1.0
    columns = columns[:, dear].T
    reductions = Reductions(problem, dear)
    live, t, best, share = np.arange(len(dear)), 1.0, np.full(len(dear), np.inf), 0.0
    cost = max(problem.group, 1e-9 * problem.l1)
    for _ in range(30):
        left = reductions.reduced(t * columns[live], live, t * noise).T
        best[live] = np.minimum(best[live], gauge(problem, left) / t)
        share = max(share, 1.0 / max(1.0, float(best.max())))
        beyond = problem.shrunk(left)
        lengths = np.linalg.norm(beyond, axis=0)
        more = np.isfinite(lengths) & (lengths > cost)
        if share >= t * (1 - 1e-8) or not more.any():
            break
        live, left, beyond, lengths = live[more], left[:, more], beyond[:, more], lengths[more]
        slopes = np.sum(left * beyond, axis=0) / lengths / t
        t = max(share, float((t - (lengths - cost) / slopes).min()))
    return share


def _rounding(z: np.ndarray) -> float:
    """What rounding may leave of sums over z that are 0."""
    return 1e-12 * float(np.abs(z).sum())

"""Perturbation sets: by how much the inputs of each sample may change, and what is worst inside.

    {δ : ‖δ / radius‖_p <= 1, lower_k <= δ <= upper_k}        for the samples k = 1..n

An ℓ∞ ball is a box; an ℓ1 or ℓ2 ball may be cut by one. Robust programs need the support function max c·δ (Bai, Gautam,
Sojoudi, SIMODS 2022, section 4), attacks its maximizer and the projection; all are exact, and work on all samples at
once. Plain NumPy: the class and its functions stand word for word in generated code.

In the units of the radii, with c ≥ 0 (a side of the box for each sign) and z = |δ| / radius, the maximizer over the
cut ball is z = min(t c, caps) for ℓ2, with the t at which ‖z‖ = 1, and for ℓ1 the caps of the largest c, one after
the other, until they sum to 1. Projections are sought likewise, by the multiplier of the ball.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class PerturbationSet:
    """For each of n samples a box in R^d around 0, cut by a ball where there is one.

    `lower` <= 0 <= `upper` (n, d) may be infinite. `order` is 1 or 2 for the ball of that norm with the finite radii
    `radius` (d,) >= 0, one a feature, the same for all samples; None without a ball. Where a radius is 0, so is δ.
    """

    lower: np.ndarray
    upper: np.ndarray
    order: int | None = None
    radius: np.ndarray | None = None

    @property
    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """The box (n, d) that surrounds each set tightly."""
        if self.radius is None:
            return self.lower, self.upper
        return np.maximum(self.lower, -self.radius), np.minimum(self.upper, self.radius)

    @property
    def bounded(self) -> bool:
        low, high = self.limits
        return bool(np.isfinite(low).all() and np.isfinite(high).all())

    def support(self, C: np.ndarray) -> np.ndarray:
        """max C_k·δ over δ in the set of sample k, (n,), for C (n, d); inf where an infinite side lies that way."""
        products = np.multiply(C, self.maximizer(C), out=np.zeros(np.shape(C)), where=C != 0)
        return np.asarray(products.sum(axis=1))

    def maximizer(self, C: np.ndarray) -> np.ndarray:
        """A δ (n, d) of each set where C_k·δ is greatest, for C (n, d); features with C = 0 stay 0."""
        low, high = self.limits
        if self.radius is None:
            return np.asarray(np.where(C > 0, high, np.where(C < 0, low, 0.0)))
        counted = np.where(self.radius > 0, self.radius, 1.0)
        c, caps = self.radius * np.abs(C), np.where(C > 0, high, -low) / counted
        z = _farthest_in_l2_ball(c, caps) if self.order == 2 else _farthest_in_l1_ball(c, caps)
        return np.asarray(np.clip(np.sign(C) * self.radius * z, low, high))

    def project(self, delta: np.ndarray) -> np.ndarray:
        """The points (n, d) of the sets that are nearest to `delta` (n, d) in the Euclidean norm."""
        low, high = self.limits
        nearest: np.ndarray = np.clip(delta, low, high)
        if self.radius is None:
            return nearest
        outside = np.flatnonzero(self._lengths(nearest) > 1.0)
        if len(outside):
            # Features of radius 0 are 0 by their limits; any other radius will do for them.
            counted = np.where(self.radius > 0, self.radius, 1.0)
            point = np.where(self.radius > 0, delta[outside], 0.0)
            z = np.abs(point) / counted
            caps = np.where(point > 0, high[outside], -low[outside]) / counted
            z = _nearest_in_l2_ball(z, caps, counted) if self.order == 2 else _nearest_in_l1_ball(z, caps, counted)
            nearest[outside] = np.clip(np.sign(point) * self.radius * z, low[outside], high[outside])
        return nearest

    def contains(self, delta: np.ndarray, tolerance: float) -> np.ndarray:
        """Which points (n, d) lie in their sets, (n,): up to `tolerance`, times the radii where it is about the ball.

        Features of radius 0 and the box count in the units of the inputs.
        """
        low, high = self.lower, self.upper
        if self.radius is not None:
            low, high = np.where(self.radius > 0, low, 0.0), np.where(self.radius > 0, high, 0.0)
        inside: np.ndarray = np.all((delta >= low - tolerance) & (delta <= high + tolerance), axis=1)
        return inside if self.radius is None else inside & (self._lengths(delta) <= 1.0 + tolerance)

    def random_vertices(self, generator: np.random.Generator) -> np.ndarray:
        """An extreme point (n, d) of each set: the maximizer of a direction that is normal in units of the radii.

        Of an ℓ2 ball a point of its sphere, of an ℓ1 ball an end of an axis, each of them as likely as any other.
        Raises ValueError for sets without bounds.
        """
        if not self.bounded:
            raise ValueError("a perturbation set without bounds has no vertex in every direction")
        directions = generator.standard_normal(self.lower.shape)
        return self.maximizer(directions if self.radius is None else _in_units(directions, self.radius))

    def scaled(self, divisor: np.ndarray) -> PerturbationSet:
        """The set of the inputs x / divisor, for a divisor (d,) without zeros."""
        lower, upper = self.lower / divisor, self.upper / divisor
        radius = None if self.radius is None else self.radius / np.abs(divisor)
        return replace(self, lower=np.minimum(lower, upper), upper=np.maximum(lower, upper), radius=radius)

    def rows(self, index: Any) -> PerturbationSet:
        """The sets of some of the samples."""
        return replace(self, lower=self.lower[index], upper=self.upper[index])

    def _lengths(self, delta: np.ndarray) -> np.ndarray:
        """The norms (n,) of δ in units of the radii; features of radius 0 do not count."""
        assert self.radius is not None
        return np.asarray(np.linalg.norm(_in_units(delta, self.radius), ord=self.order, axis=1))


def perturbation_set(
    X: np.ndarray,
    norm: str,
    radius: Any = None,
    lower: Any = None,
    upper: Any = None,
    minimum: Any = None,
    maximum: Any = None,
) -> PerturbationSet:
    """The sets of perturbations of samples X (n, d), all in the units of X.

    `norm` is "linf", "l2" or "l1", with a radius >= 0, or "box" without one; `lower` <= 0 <= `upper` limit δ, and
    `minimum` <= `maximum` limit X + δ. All are numbers or arrays (d,). A sample beyond `minimum` or `maximum` may stay
    where it is, and may go back towards them. Raises ValueError for other values.
    """
    n, d = X.shape

    def per_feature(name: str, value: Any, default: float) -> np.ndarray:
        array = np.asarray(default if value is None else value, dtype=float)
        if array.shape not in ((), (d,)):
            raise ValueError(f"the {name} has {array.size} numbers; give one, or one for each of the {d} inputs")
        if np.isnan(array).any():
            raise ValueError(f"the {name} is not a number")
        return np.broadcast_to(array, (d,))

    if norm not in ("linf", "l2", "l1", "box"):
        raise ValueError(f"the norm is {norm!r}; it is linf, l2, l1 or box")
    if (radius is None) != (norm == "box"):
        raise ValueError("a box has no radius" if norm == "box" else "the set needs a radius")
    radii = per_feature("radius", radius, 0.0)
    if (radii < 0).any() or np.isinf(radii).any():
        raise ValueError("a radius is finite, and not below 0")
    low, high = per_feature("lower", lower, -np.inf), per_feature("upper", upper, np.inf)
    if (low > 0).any() or (high < 0).any():
        raise ValueError("the lower limit is above 0 or the upper one below: the sample itself has to be in its set")
    least, most = per_feature("minimum", minimum, -np.inf), per_feature("maximum", maximum, np.inf)
    if (least > most).any():
        raise ValueError("the minimum is above the maximum")
    if norm == "linf":
        low, high = np.maximum(low, -radii), np.minimum(high, radii)
    if minimum is not None:
        low = np.maximum(low, np.minimum(least - X, 0.0))
    if maximum is not None:
        high = np.minimum(high, np.maximum(most - X, 0.0))
    low, high = np.broadcast_to(low, (n, d)), np.broadcast_to(high, (n, d))
    if norm in ("linf", "box"):
        return PerturbationSet(low, high)
    return PerturbationSet(low, high, int(norm[1]), radii)


def _in_units(delta: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """δ / radius, with 0 where the radius is 0."""
    return np.where(radius > 0, delta, 0.0) / np.where(radius > 0, radius, 1.0)


def _farthest_in_l2_ball(c: np.ndarray, caps: np.ndarray) -> np.ndarray:
    """The z (n, d) with 0 <= z <= caps and ‖z‖₂ <= 1 where c·z is greatest, for c >= 0: z = min(t c, caps)."""
    lengths = np.linalg.norm(c, axis=1, keepdims=True)
    z = c / np.where((lengths > 0) & np.isfinite(lengths), lengths, 1.0)
    cut = np.flatnonzero((z > caps).any(axis=1) | ~((lengths[:, 0] > 1e-100) & (lengths[:, 0] < 1e100)))
    if len(cut):
        z[cut] = _farthest_in_cut_l2_ball(c[cut], caps[cut])
    return z


def _farthest_in_cut_l2_ball(c: np.ndarray, caps: np.ndarray) -> np.ndarray:
    """The same where caps bind: the t is found among the points at which entries meet their caps."""
    c = np.where(caps > 0, c, 0.0)
    sizes = c.max(axis=1, keepdims=True, initial=0.0)
    c = c / np.where(sizes > 0, sizes, 1.0)
    c = np.where(c > 1e-100, c, 0.0)  # their squares would be lost, and they add nothing to c·z
    t = np.divide(caps, c, out=np.full(c.shape, np.inf), where=c > 0)  # where each entry meets its cap
    order = np.argsort(t, axis=1, kind="stable")
    meets = np.take_along_axis(t, order, axis=1)
    capped = np.where(np.isfinite(meets), np.take_along_axis(caps, order, axis=1), 0.0) ** 2
    before = np.cumsum(capped, axis=1) - capped  # the squares of those that are capped by then
    free = np.cumsum(np.take_along_axis(c, order, axis=1)[:, ::-1] ** 2, axis=1)[:, ::-1]  # of the others, over t²
    reached = before + np.where(np.isfinite(meets), meets, 0.0) ** 2 * free >= 1.0
    # Between the point before the first that is reached and that point, Σ caps² + t² Σ c² = 1.
    place = reached.argmax(axis=1)[:, None]
    rest = np.maximum(1.0 - np.take_along_axis(before, place, axis=1), 0.0)
    squares = np.take_along_axis(free, place, axis=1)
    last = np.sqrt(np.divide(rest, squares, out=np.full(rest.shape, np.inf), where=squares > 0))
    previous = np.where(place > 0, np.take_along_axis(meets, np.maximum(place - 1, 0), axis=1), 0.0)
    last = np.clip(last, previous, np.take_along_axis(meets, place, axis=1))  # against rounding
    last = np.where(reached.any(axis=1, keepdims=True), last, np.inf)
    return np.where(c > 0, np.minimum(np.where(c > 0, c, 1.0) * last, caps), 0.0)


def _farthest_in_l1_ball(c: np.ndarray, caps: np.ndarray) -> np.ndarray:
    """The z (n, d) with 0 <= z <= caps and Σ z <= 1 where c·z is greatest, for c >= 0: a knapsack, greatest c first."""
    order = np.argsort(-c, axis=1, kind="stable")
    sorted_caps = np.where(np.take_along_axis(c, order, axis=1) > 0, np.take_along_axis(caps, order, axis=1), 0.0)
    taken = np.minimum(np.cumsum(sorted_caps, axis=1), 1.0)
    z = np.empty_like(c)
    np.put_along_axis(z, order, np.diff(taken, axis=1, prepend=0.0), axis=1)
    return z


def _nearest_in_l2_ball(z: np.ndarray, caps: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Σ radius² (z' - z)² at its least over 0 <= z' <= caps, ‖z'‖₂ <= 1, for z >= 0 whose clipped part is longer.

    z' = min(z / (1 + μ / radius²), caps) for the μ > 0 at which it has the length 1: the root of 1 / ‖z'‖ - 1, by
    Newton's method (Moré, Sorensen 1983) inside of a bracket that every third step halves. With one radius for all
    that is min(t z, caps), the farthest point in the direction of z.
    """
    if (radius == radius[0]).all():
        return _farthest_in_l2_ball(z, caps)
    squares = (radius / radius.max()) ** 2
    low, high = np.zeros((len(z), 1)), np.sum(z * squares, axis=1, keepdims=True)
    multiplier = low
    for step in range(300):
        free = z * (squares / (squares + multiplier))
        moved = np.minimum(free, caps)
        length = np.linalg.norm(moved, axis=1, keepdims=True)
        low, high = np.where(length > 1.0, multiplier, low), np.where(length > 1.0, high, multiplier)
        if not ((np.abs(length - 1.0) > 1e-15 * np.sqrt(z.shape[1])) & (high - low > 4e-16 * high)).any():
            break
        fall = np.sum(np.where(free < caps, moved**2 / (squares + multiplier), 0.0), axis=1, keepdims=True)
        change = np.divide((length - 1.0) * length**2, fall, out=np.full(fall.shape, np.inf), where=fall > 0)
        good = (multiplier + change > low) & (multiplier + change < high) & (step % 3 < 2)
        multiplier = np.where(good, multiplier + change, 0.5 * (low + high))
    return np.asarray(moved / np.maximum(length, 1.0))


def _nearest_in_l1_ball(z: np.ndarray, caps: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Σ radius² (z' - z)² at its least over 0 <= z' <= caps, Σ z' <= 1, for z >= 0 whose clipped part sums to more.

    z' = clip(z - μ / radius², 0, caps) for the μ > 0 at which it sums to 1. The sum is linear between the μ at which
    an entry leaves its cap or becomes 0: these are searched, by halves, for the last at which it is still 1 or more.
    """
    weights = (radius.max() / radius) ** 2
    leave, end = np.maximum(z - caps, 0.0) / weights, z / weights
    points = np.sort(np.concatenate([np.zeros((len(z), 1)), leave, end], axis=1), axis=1)
    first, beyond = np.zeros((len(z), 1), dtype=int), np.full((len(z), 1), points.shape[1] - 1)
    while (beyond - first > 1).any():
        middle = (first + beyond) // 2
        moved = np.clip(z - np.take_along_axis(points, middle, axis=1) * weights, 0.0, caps)
        enough = moved.sum(axis=1, keepdims=True) >= 1.0
        first, beyond = np.where(enough, middle, first), np.where(enough, beyond, middle)
    last = np.take_along_axis(points, first, axis=1)
    free = (leave <= last) & (end > last)
    weight = np.where(free, weights, 0.0).sum(axis=1, keepdims=True)
    share = np.where(free, weights, 0.0) / np.where(weight > 0, weight, 1.0)
    moved = np.clip(z - last * weights, 0.0, caps)
    for _ in range(3):  # the first step is exact but for the digits that z - last * weights has lost
        moved = np.clip(moved - (moved.sum(axis=1, keepdims=True) - 1.0) * share, 0.0, caps)
    return np.asarray(moved / np.maximum(moved.sum(axis=1, keepdims=True), 1.0))

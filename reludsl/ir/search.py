"""Prox and conjugate of a convex loss of which only values and slopes are known: by search, entry by entry.

Both ask for the minimum over one number g of ℓ(g) − s g + pull/2 (g − center)². Its slope grows with g, so the place is
bracketed: the slope is at most 0 at the low end and at least 0 at the high end. A bracket shrinks until rounding alone
is left: by Newton steps, by the place where the tangents at its ends meet, which finds kinks, and by halving.

ℓ*(s) is never told too small, but for rounding. Left of the low end and right of the high end s g − ℓ(g) only falls,
and between them the loss lies above both tangents. Where no point within reach has a slope as large or as small as s,
ℓ* is told to be inf.

An end is an array (3, m), the point, the loss and the slope of each entry; where there is no finite loss and slope both
are infinite. `loss` has the methods `losses`, `gradient`, `curvature` and `inward`, as `CustomLoss` has. Plain NumPy:
these functions stand word for word in generated code.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def searched_prox(loss: Any, F: np.ndarray, Y: np.ndarray, tau: float | np.ndarray) -> np.ndarray:
    """The g that minimize ℓ(g) + (g − f)² / (2 tau), of the shape of F."""
    with np.errstate(all="ignore"):
        low, high = _prox_ends(loss, F, Y, tau)
        errors = [np.abs(end[2] + (end[0] - F.ravel()) / np.broadcast_to(tau, F.shape).ravel()) for end in (low, high)]
    return np.asarray(np.where(errors[1] < errors[0], high[0], low[0]).reshape(F.shape))


def searched_prox_jacobian(loss: Any, F: np.ndarray, Y: np.ndarray, tau: float | np.ndarray) -> np.ndarray:
    """1 / (1 + tau ℓ''(g)) at the prox g, of the shape of F: 0 at a kink, where the slopes at the two ends differ."""
    with np.errstate(all="ignore"):
        low, high = _prox_ends(loss, F, Y, tau)
        kink = high[2] - low[2] > 1e-7 * (1.0 + np.abs(low[2]) + np.abs(high[2]))
        bend = loss.curvature(low[0], Y.ravel())
        bend = np.where(kink | np.isnan(bend), np.inf, np.maximum(bend, 0.0))
    return np.asarray(1.0 / (1.0 + tau * bend.reshape(F.shape)))


def searched_conjugate(loss: Any, S: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """sup_g s g − ℓ(g) entry by entry, from above and tight; inf where s is not known to be in the domain."""
    with np.errstate(all="ignore"):
        s, y, none = S.ravel(), Y.ravel(), np.zeros(S.size)
        start = _inside(loss, y, y)
        low, high, crossed = _first_bracket(loss, y, s, none, y, start)
        _refine(loss, y, s, none, y, low, high)
        known = crossed & _proved(loss, low, high, y)
        bound = np.where(known, _above(low, high, s), np.inf)
    return bound.reshape(S.shape)


def searched_slope(loss: Any, S: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """S where its conjugate is finite, otherwise a slope nearby at a point within reach, of the shape of S."""
    with np.errstate(all="ignore"):
        s, y = S.ravel(), Y.ravel()
        start = _inside(loss, y, y)
        low, high, crossed = _first_bracket(loss, y, s, np.zeros(S.size), y, start)
        far = np.flatnonzero(crossed & ~_proved(loss, low, high, y))  # beyond a point where numbers overflow, or not
        ends = low[:, far], high[:, far]
        _refine(loss, y[far], s[far], np.zeros(len(far)), y[far], *ends)
        low[:, far], high[:, far] = ends
        known = np.isnan(start[0]) | crossed & _proved(loss, low, high, y)
    return np.where(known, s, np.where(np.isfinite(low[2]), low[2], high[2])).reshape(S.shape)


def inward_direction(positive: list[tuple[Any, Any]], shape: tuple[int, ...]) -> np.ndarray:
    """0 where all that has to be positive is, elsewhere −1 or 1: the direction in which the first that is not grows.

    `positive` holds pairs of concave functions of the prediction and their slopes. A later one may have no value where
    an earlier one is not positive.
    """
    direction = np.zeros(shape)
    for value, slope in positive:
        direction = np.where((direction == 0) & ~(np.asarray(value) > 0), np.sign(slope), direction)
    return direction


def _inside(loss: Any, start: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Ends where loss and slope are finite, at `start` itself where possible; the point is nan where none was found.

    Outside of the domain the direction in which it lies is known; where numbers overflow, the slope tells it. Steps
    double until the domain was passed, and then halve.
    """
    ends = _end(loss, start, y)
    for origin in (start, y, np.zeros(start.shape)):
        missing = np.flatnonzero(~np.isfinite(ends[2]))
        point, step = origin[missing], 1.0
        low, high = np.full(len(missing), -np.inf), np.full(len(missing), np.inf)
        for _ in range(200):
            if not len(missing):
                break
            end, slope = _end(loss, point, y[missing]), loss.gradient(point, y[missing])
            ends[:, missing] = end
            direction = loss.inward(point, y[missing])
            direction = np.where((direction == 0) & np.isinf(slope), -np.sign(slope), direction)
            low, high = np.where(direction > 0, point, low), np.where(direction < 0, point, high)
            passed = np.isfinite(low) & np.isfinite(high)
            point = np.where(passed, 0.5 * (low + high), point + step * direction)
            going = ~np.isfinite(end[2]) & (direction != 0)
            missing, point, low, high = missing[going], point[going], low[going], high[going]
            step *= 2.0
    ends[0] = np.where(np.isfinite(ends[2]), ends[0], np.nan)
    return ends


def _end(loss: Any, point: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The point, the loss and the slope; the last two inf where not both are finite."""
    value, slope = loss.losses(point, y), loss.gradient(point, y)
    inside = np.isfinite(value) & np.isfinite(slope)
    return np.array([point, np.where(inside, value, np.inf), np.where(inside, slope, np.inf)])


def _proved(loss: Any, low: np.ndarray, high: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whether each end has a finite slope or lies outside of the domain: what overflows tells nothing."""
    return np.asarray(np.logical_and(*(np.isfinite(end[2]) | (loss.inward(end[0], y) != 0) for end in (low, high))))


def _prox_ends(loss: Any, F: np.ndarray, Y: np.ndarray, tau: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the brackets of the prox; a prediction itself where the loss is infinite everywhere."""
    f, y, pull = F.ravel(), Y.ravel(), 1.0 / np.broadcast_to(tau, F.shape).ravel()
    start = _inside(loss, f, y)
    low, high, _ = _first_bracket(loss, y, np.zeros(f.shape), pull, f, start)
    _refine(loss, y, np.zeros(f.shape), pull, f, low, high)
    low[0], high[0] = (np.where(np.isnan(start[0]), f, end[0]) for end in (low, high))
    return low, high


def _first_bracket(
    loss: Any, y: np.ndarray, s: np.ndarray, pull: np.ndarray, center: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both ends, by steps that grow, and whether the slope changes its sign between them.

    Without pull the search ends at 1e5 times the size of start and target. Farther away a slope that only approaches a
    limit, so that the conjugate is infinite there, could not be told from one that attains it.
    """
    low, high = start.copy(), start.copy()
    crossed = low[2] - s + pull * (low[0] - center) == 0
    first = start[0]
    reach = np.where(pull > 0, np.inf, 1e5 * (1.0 + np.abs(first) + np.abs(y)))
    active, step = np.flatnonzero(~crossed & np.isfinite(first + s + center)), 1.0 + np.abs(first)
    bend = loss.curvature(first, y)
    while len(active):
        origin, pulled, limit = low[0, active], pull[active], reach[active]  # here both ends are the same
        excess = low[2, active] - s[active] + pulled * (origin - center[active])
        direction = -np.sign(excess)
        # Newton's step first. The loss's slope never falls, so the pull alone is enough to get there.
        newton = np.abs(excess) / (bend[active] + pulled)
        length = np.where(np.isfinite(newton) & (newton > 0) & (origin == first[active]), newton, step[active])
        length = np.minimum(length, np.where(pulled > 0, np.abs(excess) / pulled, step[active]))
        point = np.clip(origin + direction * length, first[active] - limit, first[active] + limit)
        end = _end(loss, point, y[active])
        end[2] = np.where(np.isinf(end[2]), direction * np.inf, end[2])
        over = direction * (end[2] - s[active] + pulled * (point - center[active])) >= 0
        crossed[active] = over
        to_low, to_high = ~over | (direction < 0), ~over | (direction > 0)
        low[:, active[to_low]] = end[:, to_low]
        high[:, active[to_high]] = end[:, to_high]
        stuck = (np.abs(point - first[active]) >= 0.99 * limit) | (point == origin)
        active = active[~over & ~stuck]
        step *= 8.0
    return low, high, crossed


def _refine(
    loss: Any,
    y: np.ndarray,
    s: np.ndarray,
    pull: np.ndarray,
    center: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> None:
    """Moves both ends together: to one point where the slope is 0 there, or until only rounding is between them.

    Without pull they stop where the conjugate is known. The first of four steps is Newton's from the better end, the
    next two go to the minimum that the tangents tell, as does the first where it leaves the bracket; the last halves.
    """
    active = np.flatnonzero(low[0] < high[0])
    for count in range(400):
        left, right = low[:, active], high[:, active]
        s_, pull_, center_ = s[active], pull[active], center[active]
        excess = np.array([end[2] - s_ + pull_ * (end[0] - center_) for end in (left, right)])
        at_left = -excess[0] <= excess[1]
        near, error = np.where(at_left, left, right), np.where(at_left, excess[0], excess[1])
        bend = np.fmax(loss.curvature(near[0], y[active]), 0.0)
        noise = np.abs(near[2]) + np.abs(s_) + bend * np.abs(near[0]) + pull_ * (np.abs(near[0]) + np.abs(center_))
        single = np.abs(error) <= np.where(pull_ > 0, 1e-15 * noise, 0.0)
        low[:, active[single]] = high[:, active[single]] = near[:, single]
        rounding = 9e-16 * np.maximum(np.abs(left[0]), np.abs(right[0])) + 1e-20
        lost = _above(left, right, s_) - np.fmax(s_ * left[0] - left[1], s_ * right[0] - right[1])
        told = (pull_ == 0) & (lost <= 4e-15 * (np.abs(s_ * near[0]) + np.abs(near[1])))
        kept = ~(single | told | (right[0] - left[0] <= rounding))
        active = active[kept]
        if not len(active):
            break
        left, right, near, error = left[:, kept], right[:, kept], near[:, kept], error[kept]
        s_, pull_, center_, bend, y_ = s_[kept], pull_[kept], center_[kept], bend[kept], y[active]
        width = right[0] - left[0]
        trial = left[0] + 0.5 * width
        if count % 4 < 3:
            trial = left[0] + _corner(left, right)
            first, last = (center_ + (s_ - end[2]) / pull_ for end in (right, left))
            trial = np.where(pull_ > 0, np.minimum(np.maximum(trial, first), last), trial)
        if count % 4 == 0:
            newton = near[0] - error / (bend + pull_)
            trial = np.where((newton > left[0]) & (newton < right[0]), newton, trial)
        # An end that is the minimum but for rounding is passed by a little, so that the other end comes near.
        margin = np.minimum(0.5 * rounding[kept] * 2.0 ** (count // 2), 0.25 * width)
        trial = np.clip(trial, left[0] + margin, right[0] - margin)
        end = _end(loss, trial, y_)
        outside = np.isinf(end[2])
        below = np.where(outside, np.isinf(left[2]), end[2] - s_ + pull_ * (trial - center_) <= 0)
        end[2] = np.where(outside & below, -np.inf, end[2])
        low[:, active[below]], high[:, active[~below]] = end[:, below], end[:, ~below]


def _corner(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """How far right of the low end its tangent meets that of the high end; half way where there are none."""
    width = high[0] - low[0]
    place = (high[1] - low[1] - high[2] * width) / (low[2] - high[2])
    return np.asarray(np.where(np.isfinite(place), np.clip(place, 0.0, width), 0.5 * width))


def _above(low: np.ndarray, high: np.ndarray, s: np.ndarray) -> np.ndarray:
    """A bound from above on s g − ℓ(g) between the ends, and so everywhere.

    It is what the tangents allow, which is most where they meet; where only one end has a tangent, at the other end.
    It is told from either end, with what rounding may take from it there, and the smaller one counts.
    """
    width, jump = high[0] - low[0], high[2] - low[2]
    corner = np.where(np.isinf(low[2]), 0.0, np.where(np.isinf(high[2]), width, _corner(low, high)))
    uncertain = width + np.where(np.isfinite(jump) & (jump > 0), (np.abs(low[1]) + np.abs(high[1])) / jump, 0.0)

    def told_from(end: np.ndarray, distance: np.ndarray) -> np.ndarray:
        steepness = np.abs(end[2] - s)
        rounding = 2e-15 * (np.abs(s * end[0]) + np.abs(end[1]) + steepness * uncertain)
        return np.where(np.isfinite(end[2]), s * end[0] - end[1] + steepness * distance + rounding, np.inf)

    return np.asarray(np.fmin(told_from(low, corner), told_from(high, width - corner)))

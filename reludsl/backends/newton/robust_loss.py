"""The losses of a robust pattern program as an interior-point method sees them.

A sample's loss depends on its prediction f and on the spread h of its slope. Kinks become half-lines over local
variables e: φ(p) at p = y f − h is a differentiable rest plus Σ_i κ_i max(0, b_i − p), and the latter the least κ_i e_i
with e_i ≥ 0, e_i ≥ b_i − p; ψ(|f − y| + h) is the least ψ(e) with e ≥ h ± (f − y). After scaling, what is left of a
loss is a quadratic form in (f, h), and a force on them. Plain NumPy: the classes stand word for word in generated code.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reludsl.cones.interior import Nonnegative


def kinks(function: Any) -> tuple[np.ndarray, np.ndarray]:
    """Where the slope of a convex function jumps, and by how much: what its proximal operator maps intervals to."""
    if function.smooth:
        return np.zeros(0), np.zeros(0)
    grid = np.concatenate([-np.geomspace(1e4, 1e-4, 800), np.geomspace(1e-4, 1e4, 800)])
    found: list[float] = []
    for tau in (1e-2, 1.0, 1e2):
        found += list(function.prox(grid, tau)[function.prox_derivative(grid, tau) == 0.0])
    places = np.unique(np.round(np.array(found), 10))
    steps = 1e-8 * (1.0 + np.abs(places))
    jumps = function.derivative(places + steps) - function.derivative(places - steps)
    return places[jumps > 1e-6], jumps[jumps > 1e-6]


def curvature(function: Any, t: np.ndarray) -> np.ndarray:
    """The second derivative of a convex function where it has one: the prox has the derivative 1 / (1 + φ'')."""
    J = function.prox_derivative(t + function.derivative(t), 1.0)
    return np.where(J > 0, 1.0 / np.where(J > 0, J, 1.0) - 1.0, 0.0)


class MarginPart:
    """φ(y f − h), φ nonincreasing, with labels y and weights (n,)."""

    def __init__(self, function: Any, y: np.ndarray, weights: np.ndarray) -> None:
        self.function, self.y, self.weights = function, y, weights
        self.places, self.jumps = kinks(function)
        self.slope = np.zeros_like(y)

    def start(self, f: np.ndarray, h: np.ndarray, mu: float, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Local variables (n, kinks), and multipliers that want the loss to fall by `slopes` (n,) with the margin."""
        if self.function.legendre:
            low, high = self.function.conjugate_domain
            nearest = np.maximum(-slopes / self.weights, low + 1e-3 * min(1.0, high - low))
            self.slope = np.minimum(nearest, high - 1e-3 * min(1.0, high - low))
        room = self.places - (self.y * f - h)[:, None]
        whole = self.weights[:, None] * self.jumps
        right = np.clip(slopes[:, None] * self.jumps / self.jumps.sum(), 0.02 * whole, 0.5 * whole)
        left = whole - right
        e = 0.5 * (room + np.hypot(room, 2.0 * mu / np.sqrt(left * right)))
        return e, np.concatenate([left, right], axis=1)

    def raised(self, e: np.ndarray, room: np.ndarray) -> np.ndarray:
        """Local variables with so much more room (n,) against changes of f and h."""
        return np.asarray(e + room[:, None])

    def slacks(self, f: np.ndarray, h: np.ndarray, e: np.ndarray) -> np.ndarray:
        """The slacks (n, 2 kinks)."""
        return np.concatenate([e, e + (self.y * f - h)[:, None] - self.places], axis=1)

    def changes(self, df: np.ndarray, dh: np.ndarray, de: np.ndarray) -> np.ndarray:
        """How the slacks change."""
        return np.concatenate([de, de + (self.y * df - dh)[:, None]], axis=1)

    def adjoint(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The transpose of `changes`: forces on f, h and e."""
        left, right = np.split(q, 2, axis=1)
        total = right.sum(axis=1)
        return self.y * total, -total, left + right

    def pull(self, f: np.ndarray, h: np.ndarray, e: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Minus the gradient of the loss in f, h and e."""
        slope = self.weights * self._bent(self.y * f - h)[0]
        return -self.y * slope, slope, np.broadcast_to(-self.weights[:, None] * self.jumps, e.shape)

    def _bent(self, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The slope of the differentiable rest at p, and its change there.

        Where φ' has an inverse, both are those of the line that touches φ' at a slope which moves along by itself:
        Newton's method for φ' alone leaps from one end of a logistic curve to the other.
        """
        if not self.function.legendre:
            jumps = (self.jumps * (p[:, None] < self.places)).sum(axis=1)
            return self.function.derivative(p) + jumps, curvature(self.function, p)
        touched = self.function.inverse_derivative(self.slope)
        bend = self.function.second_derivative(touched)
        return self.slope + bend * (p - touched), bend

    def advance(self, f: np.ndarray, h: np.ndarray, df: np.ndarray, dh: np.ndarray, step: float) -> None:
        """Moves the slopes along with a step from f and h in the direction df, dh."""
        if not self.function.legendre:
            return
        aim, bend = self._bent(self.y * f - h)
        moved = self.slope + step * (aim - self.slope + bend * (self.y * df - dh))
        low, high = self.function.conjugate_domain
        self.slope = np.clip(moved, self.slope + 0.9 * (low - self.slope), self.slope + 0.9 * (high - self.slope))

    def eliminate(self, f: np.ndarray, h: np.ndarray, e: np.ndarray, scaled: Nonnegative) -> None:
        """Prepares `form`, `force` and `locals` at a point and its scaling."""
        left, right = np.split(scaled.z / scaled.s, 2, axis=1)
        self.total, self.share = left + right, right / (left + right)
        self.curvature = self.weights * self._bent(self.y * f - h)[1]
        weight = self.curvature + (left * self.share).sum(axis=1)
        self.form = weight, -self.y * weight, weight, np.zeros_like(weight)

    def bend(self, df: np.ndarray, dh: np.ndarray, de: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How the gradient of the loss changes in f, h and e."""
        change = self.curvature * (self.y * df - dh)
        return self.y * change, -change, np.zeros_like(de)

    def force(self, gf: np.ndarray, gh: np.ndarray, ge: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What forces come to on f and h alone."""
        back = (self.share * ge).sum(axis=1)
        return gf - self.y * back, gh + back

    def locals(self, df: np.ndarray, dh: np.ndarray, ge: np.ndarray) -> np.ndarray:
        """How e moves with f and h under its force."""
        return np.asarray(ge / self.total - self.share * (self.y * df - dh)[:, None])


class DistancePart:
    """ψ(|f − y| + h), ψ symmetric and without kinks but at 0, with targets y and weights (n,)."""

    def __init__(self, function: Any, y: np.ndarray, weights: np.ndarray) -> None:
        self.function, self.y, self.weights = function, y, weights

    def start(self, f: np.ndarray, h: np.ndarray, mu: float, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Local variables (n, 1), and centered multipliers that want the loss to fall by `slopes` (n,)."""
        distance, center = np.abs(f - self.y), mu / slopes
        e = (h + center + np.hypot(center, distance))[:, None]
        return e, mu / self.slacks(f, h, e)

    def raised(self, e: np.ndarray, room: np.ndarray) -> np.ndarray:
        """Local variables with so much more room (n,) against changes of f and h."""
        return np.asarray(e + room[:, None])

    def slacks(self, f: np.ndarray, h: np.ndarray, e: np.ndarray) -> np.ndarray:
        """The slacks (n, 2)."""
        return self.changes(f - self.y, h, e)

    def changes(self, df: np.ndarray, dh: np.ndarray, de: np.ndarray) -> np.ndarray:
        """How the slacks change."""
        return np.column_stack([de[:, 0] - dh + df, de[:, 0] - dh - df])

    def adjoint(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The transpose of `changes`: forces on f, h and e."""
        total = q.sum(axis=1)
        return q[:, 0] - q[:, 1], -total, total[:, None]

    def pull(self, f: np.ndarray, h: np.ndarray, e: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Minus the gradient of the loss in f, h and e."""
        return np.zeros_like(f), np.zeros_like(f), -self.weights[:, None] * self.function.derivative(e)

    def advance(self, f: np.ndarray, h: np.ndarray, df: np.ndarray, dh: np.ndarray, step: float) -> None:
        """Nothing moves along."""

    def eliminate(self, f: np.ndarray, h: np.ndarray, e: np.ndarray, scaled: Nonnegative) -> None:
        """Prepares `form`, `force` and `locals` at a point and its scaling."""
        left, right = (scaled.z / scaled.s).T
        self.curvature = self.weights * curvature(self.function, e[:, 0])
        self.both, self.tilt = left + right, left - right
        self.total = self.both + self.curvature
        share, cross = self.curvature / self.total, 4.0 * left * (right / self.total)
        self.form = share * self.both + cross, -self.tilt * share, share * self.both, share * self.total * cross

    def bend(self, df: np.ndarray, dh: np.ndarray, de: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How the gradient of the loss changes in f, h and e."""
        return np.zeros_like(df), np.zeros_like(dh), self.curvature[:, None] * de

    def force(self, gf: np.ndarray, gh: np.ndarray, ge: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What forces come to on f and h alone."""
        moved = ge[:, 0] / self.total
        return gf - self.tilt * moved, gh + self.both * moved

    def locals(self, df: np.ndarray, dh: np.ndarray, ge: np.ndarray) -> np.ndarray:
        """How e moves with f and h under its force."""
        return np.asarray(((ge[:, 0] + self.both * dh - self.tilt * df) / self.total)[:, None])

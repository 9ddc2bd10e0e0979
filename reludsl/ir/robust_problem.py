"""A robust pattern program as numbers: what its fast solver and its dual bounds work on.

    minimize  Σ_k ω_k ℓ_k(C_k) + group Σ_j ‖u_j‖₂,   C = Γ (V − W)ᵀ,   subject to  e_ki x_kᵀu ≥ h_k(u)

for all samples k and both columns u of pattern i (Bai, Gautam, Sojoudi 2022). C_k is the slope of the network at sample
k, h_k the spread of its perturbation set. A loss is the worst case on the set: φ(y_k x_kᵀC_k − h_k(C_k)) of a margin
loss with φ nonincreasing, ψ(|x_kᵀC_k − y_k| + h_k(C_k)) of a distance loss with ψ symmetric. Inputs, targets and
spreads are those of the centers of the sets. The columns are ordered by sign, then by pattern. A sum of losses is
minimized, see `scale` of `PatternProblem`. Plain NumPy and SciPy: the classes stand word for word in scripts.

Every dual point bounds the optimum from below. With h* for the set of subgradients of h_k at 0 it is a slope s_k along
each sample, a scale ξ_k ≥ 0 and a vector Θ_k in ξ_k h*, with |s_k| ≤ ξ_k, s_k = y_k ξ_k for margin losses; then

    Σ_k −ω φ*(−ξ_k / ω)   or   Σ_k s_k y_k − ω ψ*(ξ_k / ω)

is a bound if no column brings more than it costs: ‖Π_K(± Σ_k γ_ki (s_k x_k − Θ_k))‖ ≤ group. So x_k − Θ_k / s_k are the
adversarial examples, s_k their weights. Dual points may be scaled by any number in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from reludsl.cones.robust import RobustCones
from reludsl.cones.spread import BallSpread, BoxSpread
from reludsl.ir.program import Program
from reludsl.ir.robust_form import RobustForm
from reludsl.ir.sample_loss import Distance, Margin


@dataclass
class RobustDual:
    """A dual point: slopes `along` the samples (n,), nonnegative `scale` (n,), and vectors `across` (n, d)."""

    along: np.ndarray
    scale: np.ndarray
    across: np.ndarray


@dataclass(frozen=True, eq=False)
class RobustProblem:
    """The arrays and numbers of a robust pattern program with one output.

    `X` is (n, d), `gates` (n, P); `masks` (n, P) holds the patterns whose robust cones bind the columns, None without
    cones. `function` is φ, or ψ where `distance` is set; it has value, derivative, conjugate, conjugate_domain, prox,
    prox_derivative and smooth. `y` (n,) are labels ±1 or targets, `weights` (n,) those of the samples, or None.
    `signed` says whether there are columns that add and columns that subtract.
    """

    X: np.ndarray
    gates: np.ndarray
    masks: np.ndarray | None
    function: Any
    distance: bool
    y: np.ndarray
    spread: BoxSpread | BallSpread
    weights: np.ndarray | None = None
    group: float = 0.0
    signed: bool = True
    scale: float = 1.0

    @property
    def columns(self) -> int:
        """The number of columns u_j."""
        return int((2 if self.signed else 1) * self.gates.shape[1])

    @property
    def omega(self) -> np.ndarray:
        """The weights of the samples (n,)."""
        return np.ones(len(self.X)) if self.weights is None else self.weights

    def slopes(self, u: np.ndarray) -> np.ndarray:
        """C (n, d) for columns u (d, columns)."""
        half = self.columns // 2
        return np.asarray(self.gates @ (u[:, :half] - u[:, half:] if self.signed else u).T)

    def adjoint(self, Z: np.ndarray) -> np.ndarray:
        """The transpose of u ↦ C, for Z (n, d): an array like u."""
        net = Z.T @ self.gates
        return np.concatenate([net, -net], axis=1) if self.signed else net

    def arguments(self, C: np.ndarray) -> np.ndarray:
        """What φ or ψ is taken of (n,): margins or distances in the worst case."""
        f, h = np.einsum("nd,nd->n", self.X, C), self.spread.values(C)
        return np.asarray(np.abs(f - self.y) + h if self.distance else self.y * f - h)

    def loss_value(self, C: np.ndarray) -> float:
        """The weighted sum of the losses in the worst case."""
        return float(self.omega @ self.function.value(self.arguments(C)))

    def objective(self, u: np.ndarray) -> float:
        """Losses and penalty of columns u (d, columns)."""
        return self.loss_value(self.slopes(u)) + self.group * float(np.linalg.norm(u, axis=0).sum())

    def cones(self) -> RobustCones | None:
        """The cones of the columns, None without any."""
        return None if self.masks is None else RobustCones(self.X, self.masks, self.spread)

    def pattern_of(self, columns: np.ndarray) -> np.ndarray:
        """The patterns of columns, given by their places."""
        return np.asarray(columns % self.gates.shape[1])

    def dual_of(self, C: np.ndarray) -> RobustDual:
        """The dual point that a subgradient of the losses at slopes C (n, d) tells: good at smooth optima."""
        f = np.einsum("nd,nd->n", self.X, C)
        slopes = self.omega * self.function.derivative(self.arguments(C))
        scale = np.maximum(slopes if self.distance else -slopes, 0.0)
        along = scale * (np.sign(self.y - f) if self.distance else self.y)
        return RobustDual(along, scale, scale[:, None] * self.spread.subgradient(C))

    def dual_near(self, Z: np.ndarray, C: np.ndarray) -> RobustDual:
        """The best dual point that is combined to about Z (n, d), as solvers with multipliers for slopes C (n, d) tell.

        Z_k = s_k x_k − Θ_k leaves one number a sample open, s_k: what it is worth less what Θ_k has to be cut is
        concave in it. At kinks this knows more than `dual_of`.
        """
        omega, flat = self.omega, self.dual_of(C)
        low, high = (-flat.scale, flat.scale) if self.distance else (np.zeros(len(Z)), omega)
        if not self.distance:
            steepest = max(-self.function.conjugate_domain[0], 0.0)
            high = omega * steepest if np.isfinite(steepest) else 4.0 * flat.scale + 1e-9 * omega
        ahead = np.ones(len(Z)) if self.distance else self.y
        counted = np.where(omega > 0, omega, 1.0)
        dear = 1e4 * (1.0 + np.abs(self.y) + np.abs(self.arguments(C))) / (1e-300 + np.linalg.norm(self.X, axis=1))

        def worth(t: np.ndarray) -> np.ndarray:
            across = (t * ahead)[:, None] * self.X - Z
            cut = np.linalg.norm(across - self.spread.clipped(across, flat.scale if self.distance else t), axis=1)
            gain = t * self.y if self.distance else -omega * self.function.conjugate(-t / counted)
            return np.asarray(np.where(np.isfinite(gain), gain, -1e300) - dear * cut)

        share = 0.5 * (np.sqrt(5.0) - 1.0)
        left, right = high - share * (high - low), low + share * (high - low)
        at_left, at_right = worth(left), worth(right)
        for _ in range(70):
            drop = at_left > at_right
            low, high = np.where(drop, low, left), np.where(drop, right, high)
            left, right = (
                np.where(drop, high - share * (high - low), right),
                np.where(drop, left, low + share * (high - low)),
            )
            fresh = worth(np.where(drop, left, right))
            at_left, at_right = np.where(drop, fresh, at_right), np.where(drop, at_left, fresh)
        t = np.where(omega > 0, 0.5 * (low + high), 0.0)
        return RobustDual(t * ahead, flat.scale if self.distance else t, (t * ahead)[:, None] * self.X - Z)

    def admissible(self, dual: RobustDual) -> RobustDual:
        """A point near a dual one that meets all conditions but those of the columns. For any dual without NaN."""
        low, high = self.function.conjugate_domain
        omega = self.omega
        most = omega * (high if self.distance else -low) if np.isfinite(high if self.distance else low) else np.inf
        least = 0.0 if self.distance else omega * max(0.0, -high)
        # Only margins tell their scales by their slopes: where these are 0, everything is.
        scale = np.clip(dual.scale if self.distance else self.y * dual.along, least, most)
        scale = np.where(omega > 0, scale, 0.0)
        along = np.clip(dual.along, -scale, scale) if self.distance else self.y * scale
        return RobustDual(along, scale, self.spread.clipped(dual.across, scale))

    def combined(self, dual: RobustDual) -> np.ndarray:
        """Z (n, d) of a dual point: s_k x_k − Θ_k."""
        return np.asarray(dual.along[:, None] * self.X - dual.across)

    def dual_value(self, dual: RobustDual, prices: np.ndarray, share: float = 1.0) -> float:
        """A lower bound on the optimum from an admissible dual point and bounds on what columns bring (columns,).

        The point is scaled until no column brings more than it costs, and then by `share` in [0, 1].
        """
        t = share * min(1.0, self.group / max(float(prices.max(initial=0.0)), 1e-300))
        omega = self.omega
        counted = omega > 0
        scale = t * dual.scale[counted] / omega[counted]
        with np.errstate(invalid="ignore", over="ignore"):
            value = -float(omega[counted] @ self.function.conjugate(scale if self.distance else -scale))
            value += t * float(dual.along @ self.y) if self.distance else 0.0
        return value if np.isfinite(value) else -np.inf

    def best_value(self, dual: RobustDual, prices: np.ndarray) -> float:
        """The largest `dual_value` over all shares."""
        # On the border of the domain rounding may decide that a point is outside: one just inside is as good.
        value = max(self.dual_value(dual, prices, share) for share in (0.0, 1.0 - 1e-12, 1.0))
        found = minimize_scalar(lambda share: -self.dual_value(dual, prices, share), bounds=(0, 1), method="bounded")
        return max(value, self.dual_value(dual, prices, float(found.x)))


def robust_bound(
    problem: RobustProblem,
    dual: RobustDual,
    cones: RobustCones | None = None,
    multipliers: np.ndarray | None = None,
) -> float:
    """The best lower bound on the optimum from the scalings of a dual point. True for any point, -inf where none is.

    `cones` are those of the problem, if they are there already. `multipliers` (columns, rows of the cones) may tell how
    short projections are supposed to be: right ones save time, and any are true.
    """
    parts = (dual.along, dual.scale, dual.across)
    if not all(np.isfinite(part).all() for part in parts):
        return -np.inf
    largest = max(float(np.abs(part).max(initial=0.0)) for part in parts)
    if largest > 1e100:  # so that no square overflows
        dual = RobustDual(*(part * (1e100 / largest) for part in parts))
    dual = problem.admissible(dual)
    C = problem.adjoint(problem.combined(dual)).T
    prices = np.linalg.norm(C, axis=1)
    if problem.masks is not None:
        cones = cones if cones is not None else RobustCones(problem.X, problem.masks, problem.spread)
        dear = np.flatnonzero(prices > problem.group)
        known = None if multipliers is None else multipliers[dear]
        patterns = problem.pattern_of(dear)
        prices[dear] = cones.project(C[dear], patterns, problem.group, known, accuracy=1e-10)[1]
    return problem.best_value(dual, prices)


def robust_problem(program: Program, arrays: Mapping[str, np.ndarray]) -> RobustProblem | None:
    """The numbers of a program that is a robust form of this kind, None for any other."""
    form = RobustForm.of(program)
    if form is None or form.obstacles:
        return None
    clean = form.clean
    assert isinstance(clean.loss, Margin | Distance), "that is what `obstacles` asks for"
    masks = np.asarray(arrays[clean.D.name], dtype=bool)
    weights = np.asarray(arrays["omega"], dtype=float) if clean.weighted else None
    scale = 1.0 if not clean.mean else float(len(masks)) if weights is None else float(weights.sum())
    widths = np.asarray(arrays["r" if form.H is None else "H"], dtype=float)
    return RobustProblem(
        np.asarray(arrays[form.X.name], dtype=float),
        np.asarray(clean.activation.gate_values(masks), dtype=float),
        None if clean.activation.gated else masks,
        clean.loss.function,
        isinstance(clean.loss, Distance),
        np.asarray(arrays[clean.y.name], dtype=float),
        BallSpread(widths) if form.ball == 2 else BoxSpread(widths),
        weights,
        scale * clean.penalty.group,
        signed=not clean.activation.gated,
        scale=scale,
    )


def robust_columns(program: Program, point: Mapping[str, np.ndarray]) -> np.ndarray:
    """The columns u (d, columns) of a point of the program."""
    form = RobustForm.of(program)
    assert form is not None
    return np.concatenate([np.asarray(point[block.name], dtype=float) for block in form.blocks], axis=1)

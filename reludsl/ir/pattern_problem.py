"""A pattern or feature program as numbers: what fast solvers and dual bounds work on. Imported where NumPy is needed.

    minimize  Σ_k ω_k ℓ(F_k, Y_k) + group Σ_j ‖u_j‖₂ + l1 Σ_j ‖u_j‖₁ + l2/2 Σ_j ‖u_j‖₂²,
    F = Σ_j ± Γ_j X u_j + 1 cᵀ,   subject to  E_j X u_j ≥ 0

The columns u_j are ordered by sign, then by output, then by pattern. Neurons that all outputs share have a column with
an entry for each output instead, F = Σ_j Γ_j u_jᵀ + 1 cᵀ. A sum of losses is minimized: where the program
has their mean, penalties are multiplied by what it divides by, `scale`. The class stands word for word in scripts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from reludsl.ir.feature_form import FeatureForm
from reludsl.ir.pattern_form import PatternForm
from reludsl.ir.penalty import BlockPenalty
from reludsl.ir.polynomial_form import PolynomialForm
from reludsl.ir.program import Program
from reludsl.ir.relaxation_form import RelaxationForm


@dataclass(frozen=True, eq=False)
class PatternProblem:
    """The arrays and numbers of a pattern program.

    `X` is (n, d), `gates` (n, P); `masks` (n, P) holds the patterns whose cones bind the columns, None without cones.
    `loss` has the methods value, gradient and prox of predictions and targets, `Y` (n, c) are the targets, `weights`
    (n,) those of the samples, or None. The last `free` entries of a column are not penalized. `signed` says whether
    there are columns that add and columns that subtract, `offset` whether there are output biases, with penalties
    `offset_l1` and `offset_l2`. `inner_group`, `inner_l1` and `inner_l2` are penalties of columns without their last
    entry, beside others that count it: certificates know them, kernels are never given them. `shared` says that columns
    feed all outputs: there are no cones then, nothing is signed, and X is 1.
    """

    X: np.ndarray
    gates: np.ndarray
    masks: np.ndarray | None
    loss: Any
    Y: np.ndarray
    weights: np.ndarray | None = None
    group: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    free: int = 0
    signed: bool = True
    offset: bool = False
    offset_l1: float = 0.0
    offset_l2: float = 0.0
    scale: float = 1.0
    inner_group: float = 0.0
    inner_l1: float = 0.0
    inner_l2: float = 0.0
    shared: bool = False

    @property
    def mixed(self) -> bool:
        """Whether some penalties count the last entries of columns and others leave them out."""
        return bool(self.inner_group or self.inner_l1 or self.inner_l2)

    @property
    def columns(self) -> int:
        """The number of columns u_j."""
        return int((2 if self.signed else 1) * (1 if self.shared else self.Y.shape[1]) * self.gates.shape[1])

    @property
    def entries(self) -> int:
        """The number of entries of a column."""
        return int(self.Y.shape[1] if self.shared else self.X.shape[1])

    def predictions(self, u: np.ndarray, c: np.ndarray) -> np.ndarray:
        """F (n, c) for columns u (d, columns) and output biases c (c,): one matrix product and one pass over it."""
        if self.shared:
            return np.asarray(self.gates @ u.T + c)
        d, half = len(u), self.columns // 2
        net = u[:, :half] - u[:, half:] if self.signed else u
        outputs, patterns = self.Y.shape[1], self.gates.shape[1]
        slopes = self.gates @ net.reshape(d * outputs, patterns).T
        return np.asarray(np.einsum("nd,ndc->nc", self.X, slopes.reshape(-1, d, outputs)) + c)

    def adjoint(self, R: np.ndarray) -> np.ndarray:
        """The transpose of u ↦ F, for R (n, c): an array like u."""
        if self.shared:
            return np.asarray(R.T @ self.gates)
        (n, d), outputs = self.X.shape, R.shape[1]
        products = (self.X[:, :, None] * R[:, None, :]).reshape(n, d * outputs)
        net = (products.T @ self.gates).reshape(d, -1)
        return np.concatenate([net, -net], axis=1) if self.signed else net

    def loss_value(self, F: np.ndarray) -> float:
        """The weighted sum of the losses."""
        losses = self.loss.value(F, self.Y)
        return float(losses.sum() if self.weights is None else self.weights @ losses)

    def loss_gradient(self, F: np.ndarray) -> np.ndarray:
        """A subgradient of the weighted sum, (n, c)."""
        gradient = self.loss.gradient(F, self.Y)
        return np.asarray(gradient if self.weights is None else self.weights[:, None] * gradient)

    def loss_prox(self, F: np.ndarray, tau: float | np.ndarray) -> np.ndarray:
        """The proximal operator of tau times the weighted sum."""
        if self.weights is None:
            return np.asarray(self.loss.prox(F, self.Y, tau))
        # A sample without weight stays where it is; any positive step is as good there as another.
        steps = tau * self.weights[:, None]
        return np.where(steps > 0, self.loss.prox(F, self.Y, np.where(steps > 0, steps, 1.0)), F)

    def loss_prox_jacobian(self, F: np.ndarray, tau: float) -> np.ndarray:
        """An element of the generalized Jacobian of `loss_prox`: (n, c) where it is diagonal, (n, c, c) otherwise."""
        if self.weights is None:
            return np.asarray(self.loss.prox_jacobian(F, self.Y, tau))
        steps = tau * self.weights[:, None]
        J = np.asarray(self.loss.prox_jacobian(F, self.Y, np.where(steps > 0, steps, 1.0)))
        still = np.ones(J.shape[1]) if J.ndim == 2 else np.eye(J.shape[1])
        return np.where((steps > 0).reshape(-1, *(1,) * (J.ndim - 1)), J, still)

    def loss_fit(self, z: np.ndarray) -> np.ndarray:
        """Predictions at which -z is the gradient of the weighted sum of losses of Legendre type; 0 without weight."""
        if self.weights is None:
            return np.asarray(self.loss.fit(-z, self.Y))
        fit = np.zeros_like(z)
        counted = self.weights > 0
        fit[counted] = self.loss.fit(-z[counted] / self.weights[counted, None], self.Y[counted])
        return fit

    def loss_hessian(self, F: np.ndarray) -> np.ndarray:
        """The second derivatives of the weighted sum: (n, c) where they are diagonal, (n, c, c) otherwise."""
        H = np.asarray(self.loss.hessian(F, self.Y))
        return H if self.weights is None else self.weights.reshape(-1, *(1,) * (H.ndim - 1)) * H

    def room(self, z: np.ndarray, change: np.ndarray) -> float:
        """How many times z may go on by `change` until it meets the border of the domain; may be inf."""
        if self.weights is None:
            return float(self.loss.room(-z, -change, self.Y))
        counted = self.weights > 0
        omega = self.weights[counted, None]
        return float(self.loss.room(-z[counted] / omega, -change[counted] / omega, self.Y[counted]))

    def conjugate_value(self, S: np.ndarray) -> float:
        """L*(S) for S (n, c): Σ_k ω_k ℓ*(S_k / ω_k), where a sample without weight must have S_k = 0."""
        if self.weights is None:
            return float(self.loss.conjugate(S, self.Y).sum())
        counted = self.weights > 0
        if np.any(S[~counted]):
            return float("inf")
        omega = self.weights[counted]
        return float(omega @ self.loss.conjugate(S[counted] / omega[:, None], self.Y[counted]))

    def unpenalized(self) -> np.ndarray:
        """What parameters that cost nothing can add to the predictions of an output, in both signs: columns (n, q).

        Those of free output biases, and of free hidden biases where no cone binds them: gates that are fixed, and
        patterns that lie on one side of all samples. Dual points are orthogonal to them.
        """
        n = len(self.X)
        if self.free and self.masks is None:
            directions = self.gates * self.X[:, -1:]
            return np.column_stack([directions, np.ones(n)]) if self._free_offset else directions
        one_sided = self.masks is not None and bool(np.any(self.masks.all(axis=0) | ~self.masks.any(axis=0)))
        if self._free_offset or (self.free and one_sided):
            return np.ones((n, 1))
        return np.zeros((n, 0))

    @property
    def _free_offset(self) -> bool:
        return self.offset and not (self.offset_l1 or self.offset_l2)

    def admissible(self, z: np.ndarray) -> np.ndarray:
        """A dual point near z that is in the loss's domain and that parameters without a penalty admit.

        Samples without weight have no say. A z that must sum to 0 over the samples does so output by output: scaling
        entries towards 0 stays in the domain, so of each output the heavier sign is scaled. Rows of the cross-entropy
        must stay in their simplex: there the sums are taken off evenly, and as much of the point that belongs to the
        class frequencies is mixed in as makes every probability nonnegative. For other conditions see `_orthogonal`.
        """
        omega = np.ones((len(z), 1)) if self.weights is None else self.weights[:, None]
        counted = np.where(omega > 0, omega, 1.0)
        z = np.where(omega > 0, -omega * self.loss.nearest_slope(-z / counted, self.Y), 0.0)
        directions = self.unpenalized()
        if not directions.shape[1]:
            return np.asarray(z)
        if self.free and self.masks is None:
            return self._orthogonal(z, directions)
        if not self.loss.one_hot:
            plus, minus = np.maximum(z, 0.0).sum(axis=0), np.maximum(-z, 0.0).sum(axis=0)
            smaller = np.minimum(plus, minus)
            up, down = (np.divide(smaller, part, out=np.zeros_like(part), where=part > 0) for part in (plus, minus))
            return np.asarray(np.where(z > 0, up * z, down * z))
        z = z - omega * z.sum(axis=0) / omega.sum()
        frequencies = (omega * self.Y).sum(axis=0) / omega.sum()
        P, P0 = omega * self.Y - z, omega * frequencies
        lacking = P < 0
        theta = float(np.max(-P[lacking] / (P0 - P)[lacking], initial=0.0))
        return np.asarray((1.0 - theta) * z + theta * omega * (self.Y - frequencies))

    def _orthogonal(self, z: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """A point near z in the loss's domain and orthogonal to `directions` (n, q); 0 where none is found.

        A z that is nearly orthogonal loses the rest in proportion to its entries. Otherwise the b that minimizes the
        Moreau envelope of the loss at F - z + directions b has such a gradient (semismooth Newton steps, halved where
        it would not fall). First F moves to where -z is nearly a subgradient, so that z is nearly the gradient for
        b = 0. The last bit is taken off where the gradient can move.
        """
        outputs, q = z.shape[1], directions.shape[1]
        if outputs > 1 and not self.loss.one_hot:  # each output by itself
            parts = [replace(self, Y=self.Y[:, [k]])._orthogonal(z[:, [k]], directions) for k in range(outputs)]
            return np.concatenate(parts, axis=1)
        omega = np.ones(len(z)) if self.weights is None else self.weights
        sizes = np.abs(z).max(axis=1)
        for share in (0.0, 1e-12, 1e-9, 1e-7, 1e-5):  # entries of samples that every orthogonal point leaves out
            kept = np.where((sizes > share * sizes.max())[:, None], z, 0.0)
            room = np.abs(kept)[:, :, None] * np.eye(outputs)
            if self.loss.one_hot:
                P = np.maximum(omega[:, None] * self.Y - kept, 0.0)
                room = (
                    P[:, :, None] * np.eye(outputs)
                    - P[:, :, None] * P[:, None, :] / np.maximum(omega, 1e-300)[:, None, None]
                )
            found, inside, _ = self._without(kept, directions, room)
            if inside and np.abs(found - z).max() <= 0.01 * sizes.max():
                return found
        F = np.zeros_like(z)
        for tau in 10.0 ** np.arange(7):
            F = self.loss_prox(F - tau * z, float(tau))
        b, base, change = (np.zeros((q, outputs)) for _ in range(3))
        previous, length = np.inf, 1.0
        for _ in range(50):
            V = F - z + directions @ b
            near = self.loss_prox(V, 1.0)
            found = near - V
            envelope = self.loss_value(near) + 0.5 * float(np.sum(found**2))
            if envelope > previous + 1e-13 * abs(previous) and length > 1e-6:
                length *= 0.5
                b = base + length * change
                continue
            previous, base, length = envelope, b, 1.0
            J = self.loss_prox_jacobian(V, 1.0)
            J = J[:, :, None] * np.eye(outputs) if J.ndim == 2 else J
            found, inside, change = self._without(found, directions, np.eye(outputs) - J)
            if inside:
                return found
            b = base + change
        return np.zeros_like(z)

    def _without(self, z: np.ndarray, directions: np.ndarray, room: np.ndarray) -> tuple[np.ndarray, bool, np.ndarray]:
        """z less `room` (n, c, c) times a combination of directions, so that it is orthogonal to them.

        And whether that is so, up to rounding, and lies in the loss's domain; and the combination (q, c).
        """
        outputs, q = z.shape[1], directions.shape[1]
        system = np.zeros((q, outputs, q, outputs))
        for a in range(outputs):
            for b in range(outputs):
                if np.any(room[:, a, b]):
                    system[:, a, :, b] = (directions.T * room[:, a, b]) @ directions
        square = system.reshape(q * outputs, q * outputs)
        sizes = np.diag(square)  # of directions: few samples may carry one, and none may have room
        sizes = np.where(sizes > 1e-200, 1.0 / np.sqrt(np.maximum(sizes, 1e-200)), 0.0)
        inverse = sizes[:, None] * np.linalg.pinv(sizes[:, None] * square * sizes, hermitian=True) * sizes
        total = np.zeros((q, outputs))
        for _ in range(4):
            residual = directions.T @ z
            if np.abs(residual).max() <= 1e-13 * np.abs(z).sum():
                return z, bool(np.isfinite(self.conjugate_value((1e-12 - 1.0) * z))), total
            step = (inverse @ residual.ravel()).reshape(q, outputs)
            total += step
            z = z - np.einsum("nab,nb->na", room, directions @ step)
        return z, False, total

    def dual_value(self, z: np.ndarray, prices: np.ndarray, share: float = 1.0) -> float:
        """A lower bound on the optimum from an admissible z (n, c) and bounds on what the columns bring (columns,).

        z is scaled until no column brings more than it costs, and then by `share` in [0, 1]; with a ridge a column may
        bring more, for a price.
        """
        largest, t = float(prices.max(initial=0.0)), 1.0
        if not self.l2 and largest > self.group:
            t = self.group / largest
        t = share * min(t, self.offset_share(z))
        value = self.value_without_columns(t * z)
        if self.l2:
            value -= float(np.sum(np.maximum(t * prices - self.group, 0.0) ** 2)) / (2 * self.l2)
        return value if np.isfinite(value) else -np.inf

    def offset_share(self, z: np.ndarray) -> float:
        """How much of z the output biases admit: the sums of z over the samples are their own condition."""
        largest = float(np.abs(z.sum(axis=0)).max()) if self.offset else 0.0
        limited = self.offset_l1 and not self.offset_l2 and largest > self.offset_l1
        return self.offset_l1 / largest if limited else 1.0

    def value_without_columns(self, z: np.ndarray) -> float:
        """−L*(−z), less what output biases bring beyond what they cost."""
        value = -self.conjugate_value(-z)
        if self.offset and self.offset_l2:
            beyond = np.maximum(np.abs(z.sum(axis=0)) - self.offset_l1, 0.0)
            value -= float(np.sum(beyond**2)) / (2 * self.offset_l2)
        return value

    def penalty_value(self, u: np.ndarray, c: np.ndarray) -> float:
        """The penalties of columns and output biases."""
        counted = u[: len(u) - self.free]
        total = self.group * np.linalg.norm(counted, axis=0).sum() + self.l1 * np.abs(counted).sum()
        total += 0.5 * self.l2 * np.sum(counted**2)
        if self.mixed:
            inner = u[:-1]
            total += self.inner_group * np.linalg.norm(inner, axis=0).sum() + self.inner_l1 * np.abs(inner).sum()
            total += 0.5 * self.inner_l2 * np.sum(inner**2)
        return float(total + self.offset_l1 * np.abs(c).sum() + 0.5 * self.offset_l2 * np.sum(c**2))

    def shrunk(self, u: np.ndarray, step: float = 1.0) -> np.ndarray:
        """Entries taken towards 0 by step times the l1 penalty of columns."""
        return np.sign(u) * np.maximum(np.abs(u) - step * self.l1, 0.0) if self.l1 else u

    def penalty_prox(self, u: np.ndarray, step: float) -> np.ndarray:
        """The proximal operator of step times the penalty of columns: that of the sparse group lasso with a ridge."""
        counted = u[: len(u) - self.free]
        shrunk = self.shrunk(counted, step)
        norms = np.linalg.norm(shrunk, axis=0)
        factors = np.maximum(0.0, 1.0 - step * self.group / np.maximum(norms, 1e-300)) / (1.0 + step * self.l2)
        return np.concatenate([shrunk * factors, u[len(counted) :]]) if self.free else shrunk * factors

    def offset_prox(self, c: np.ndarray, step: float) -> np.ndarray:
        """The proximal operator of step times the penalty of output biases."""
        shrunk = np.sign(c) * np.maximum(np.abs(c) - step * self.offset_l1, 0.0)
        return np.asarray(shrunk / (1.0 + step * self.offset_l2))


def best_over_shares(value_at: Callable[[float], float], enough: float = np.inf) -> float:
    """The largest value of a concave function of a share in [0, 1], -inf at worst; one of `enough` will do."""
    # On the border of the domain rounding may decide that a point is outside: one just inside is as good.
    value = max(value_at(share) for share in (0.0, 1.0 - 1e-12, 1.0))
    if value >= enough:
        return value
    found = minimize_scalar(lambda share: -value_at(share), bounds=(0.0, 1.0), method="bounded")
    return max(value, value_at(float(found.x)))


def pattern_problem(program: Program, arrays: Mapping[str, np.ndarray]) -> PatternProblem | None:
    """The numbers of a program that is a pattern or feature form, None for any other."""
    form = PatternForm.of(program) or FeatureForm.of(program)
    if form is None:
        return None
    problem, penalty = problem_without_columns(form, arrays), form.penalty
    scale = problem.scale
    if isinstance(form, FeatureForm):
        Z = np.asarray(arrays[form.Z.name], dtype=float)
        group = scale * form.strength
        return replace(problem, X=np.ones((len(Z), 1)), gates=Z, group=group, signed=False, shared=form.shared)
    whole: BlockPenalty = penalty if penalty.mixed else penalty.total
    inner = penalty if penalty.mixed else BlockPenalty()
    masks = np.asarray(arrays[form.D.name], dtype=bool)[:, : masks_of_one_output(form, arrays)]
    return replace(
        problem,
        X=np.asarray(arrays[form.X.name], dtype=float),
        gates=np.asarray(form.activation.gate_values(masks), dtype=float),
        masks=None if form.activation.gated else masks,
        group=scale * whole.group,
        l1=scale * whole.l1,
        l2=scale * whole.l2,
        free=int(penalty.free_biases and not penalty.mixed),
        signed=not form.activation.gated,
        inner_group=scale * inner.group_without_biases,
        inner_l1=scale * inner.l1_without_biases,
        inner_l2=scale * inner.l2_without_biases,
    )


def problem_without_columns(
    form: PatternForm | FeatureForm | PolynomialForm | RelaxationForm, arrays: Mapping[str, np.ndarray]
) -> PatternProblem:
    """The losses of a program's samples and its output biases, without anything else."""
    targets = np.asarray(arrays[form.y.name], dtype=float)
    Y = targets if form.several else targets[:, None]
    weights = np.asarray(arrays["omega"], dtype=float) if form.weighted else None
    scale = 1.0 if not form.mean else float(len(Y)) if weights is None else float(weights.sum())
    return PatternProblem(
        np.zeros((len(Y), 1)),
        np.zeros((len(Y), 0)),
        None,
        form.loss,
        Y,
        weights,
        offset=form.output_bias,
        offset_l1=scale * form.penalty.offset_l1,
        offset_l2=scale * form.penalty.offset_l2,
        scale=scale,
    )


def masks_of_one_output(form: PatternForm, arrays: Mapping[str, np.ndarray]) -> int:
    """The number of patterns: with several outputs D repeats them for each."""
    blocks = arrays[form.D.name].shape[1]
    return int(blocks // arrays[form.S.name].shape[1] if form.several else blocks)


def as_columns(program: Program, point: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The columns u (d, columns) and output biases (c,) of a point of the program; where it has none, one zero."""
    form = PatternForm.of(program) or FeatureForm.of(program)
    assert form is not None
    if isinstance(form, FeatureForm):
        a = np.asarray(point[form.a.name], dtype=float)
        u = a.T if form.shared else (a if form.several else a[:, None]).T.reshape(1, -1)
    else:
        u = np.concatenate([np.asarray(point[block.name], dtype=float) for block in form.blocks], axis=1)
    c = np.zeros(1) if form.c0 is None else np.atleast_1d(np.asarray(point[form.c0.name], dtype=float))
    return u, c


def as_point(program: Program, u: np.ndarray, c: np.ndarray) -> dict[str, np.ndarray]:
    """The point of the program with these columns and output biases."""
    form = PatternForm.of(program) or FeatureForm.of(program)
    assert form is not None
    offset = {} if form.c0 is None else {form.c0.name: c if form.several else c[0]}
    if isinstance(form, FeatureForm):
        if form.shared:
            return {form.a.name: u.T, **offset}
        a = u[0].reshape(len(c), -1).T
        return {form.a.name: a if form.several else a[:, 0], **offset}
    parts = np.split(u, len(form.blocks), axis=1)
    return {block.name: part for block, part in zip(form.blocks, parts, strict=True)} | offset

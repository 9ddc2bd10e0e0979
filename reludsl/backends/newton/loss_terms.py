"""The loss in one outer step of the augmented Lagrangian: the first term of ψ, with a proximal one and without.

    sup_s [−⟨z, s⟩ − L(s) − ‖s − s_k‖² / (2τ)]

is attained at s* = prox_{τL}(s_k − τz). Where L is of Legendre type it does without the proximal term, τ = ∞: it is
L*(−z), and s* has the gradient −z. Plain NumPy: the classes stand word for word in generated code.
"""

from __future__ import annotations

import numpy as np

from reludsl.ir.pattern_problem import PatternProblem


class ProximalLoss:
    """The first term of ψ with a proximal one around s (n, c), for any loss with a proximal operator."""

    def __init__(self, problem: PatternProblem, s: np.ndarray, tau: float) -> None:
        self.problem, self.s, self.tau = problem, s, tau

    def reached(self, z: np.ndarray) -> tuple[np.ndarray, float]:
        """s* (n, c) and the value of the term."""
        target = self.problem.loss_prox(self.s - self.tau * z, self.tau)
        far = float(np.sum((target - self.s) ** 2))
        return target, -float(np.vdot(z, target)) - self.problem.loss_value(target) - far / (2 * self.tau)

    def residual(self, z: np.ndarray, fit: np.ndarray, target: np.ndarray) -> np.ndarray:
        """The gradient of ψ."""
        return np.asarray(fit - target)

    def weights(self, z: np.ndarray, target: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """The inverse of the term's generalized Hessian (τ J_s)^{-1}, made definite: (n, c), or (n, c, c)."""
        outputs = z.shape[1]
        ridge = max(1e-7, min(0.1, 0.01 * float(np.linalg.norm(residual)) / target_size(self.problem)))
        J = self.problem.loss_prox_jacobian(self.s - self.tau * z, self.tau)
        if J.ndim == 3:
            return np.asarray(np.linalg.inv(J + ridge * np.eye(outputs)) / self.tau)
        return np.asarray(1.0 / (self.tau * (J + ridge)))

    def size(self, z: np.ndarray, target: np.ndarray, residual: np.ndarray) -> float:
        """How long a residual is, in the units of s."""
        return float(np.linalg.norm(residual))

    def moved(self, target: np.ndarray, squares: float) -> float:
        """How far s* and, by its squares over σ, x* have moved, in the units of s."""
        return float(np.sqrt(self.tau * squares + np.sum((target - self.s) ** 2)))

    def room(self, z: np.ndarray, direction: np.ndarray) -> float:
        """The longest step along a direction: z may be anywhere."""
        return 1.0

    def dual(self, z: np.ndarray, fit: np.ndarray, target: np.ndarray) -> np.ndarray:
        """A dual point: minus a subgradient of the loss at s*."""
        return np.asarray(z + (target - self.s) / self.tau)


class LegendreLoss:
    """The first term of ψ for losses of Legendre type: L*(−z), which keeps z inside of its domain."""

    def __init__(self, problem: PatternProblem) -> None:
        self.problem = problem

    def reached(self, z: np.ndarray) -> tuple[np.ndarray, float]:
        """s* (n, c) and the value of the term."""
        return self.problem.loss_fit(z), self.problem.conjugate_value(-z)

    def residual(self, z: np.ndarray, fit: np.ndarray, target: np.ndarray) -> np.ndarray:
        """The gradient of ψ, without what never changes the loss: that would only bring cancellation."""
        residual, omega = fit - target, self.problem.weights
        if omega is not None:
            residual = np.where(omega[:, None] > 0, residual, 0.0)
        if self.problem.loss.one_hot:
            share = z if omega is None else z / np.where(omega > 0, omega, 1.0)[:, None]
            residual = residual - np.sum((self.problem.Y - share) * residual, axis=1, keepdims=True)
        return np.asarray(residual)

    def weights(self, z: np.ndarray, target: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """The inverse of the term's Hessian: that of the loss at s*, (n, c) or (n, c, c)."""
        return self.problem.loss_hessian(target)

    def size(self, z: np.ndarray, target: np.ndarray, residual: np.ndarray) -> float:
        """How long a residual is, in the norm that the Hessian gives it."""
        V = self.weights(z, target, residual)
        image = V * residual if V.ndim == 2 else np.einsum("nab,nb->na", V, residual)
        return float(np.sqrt(max(float(np.vdot(residual, image)), 0.0)))

    def moved(self, target: np.ndarray, squares: float) -> float:
        """How far x* has moved, by its squares over σ."""
        return float(np.sqrt(squares))

    def room(self, z: np.ndarray, direction: np.ndarray) -> float:
        """The longest step along a direction that stays well inside of the domain."""
        return min(1.0, 0.95 * self.problem.room(z, direction))

    def dual(self, z: np.ndarray, fit: np.ndarray, target: np.ndarray) -> np.ndarray:
        """A dual point: minus the gradient of the loss at the fit."""
        return -self.problem.loss_gradient(fit)


def target_size(problem: PatternProblem) -> float:
    """The norm of the targets, in whose units fits are; 1 where they are zero."""
    return float(np.linalg.norm(problem.Y)) or 1.0

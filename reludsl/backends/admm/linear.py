"""The linear step of the ADMM: u and the output biases c, given everything else.

Both minimize, with a base B and a middle m that collect splittings and scaled multipliers,

    weight/2 ||F u + 1 c^T - t||^2 + 1/2 u . M u - u . B + eta/2 ||c - m||^2,

with M = I where the cones are exact, and M = I + Xs^T Xs where they are split off: E_i^2 = I for E_i = 2 D_i - I, so
every diagonal block of G^T G is Xs^T Xs. So the step is exact at linear cost, output by output:

    u = M^-1 (B + weight F^T q),   c = m + weight/eta 1^T q,   (I + weight S) q = t - F M^-1 B - 1 m^T,
    S = (1 + signed) (X M^-1 X^T) o (Gamma Gamma^T) + 1 1^T / eta.

S is factored once, S = Q diag(w) Q^T, which makes every change of the weight free. Where n x n is too large, conjugate
gradients find y with u = B' + M^-1/2 y, of which both signs share one; their preconditioner is the Gram matrix of a few
thousand samples. As published, the u-update of a differentiable loss can also be left to random block coordinate
descent, with the loss inside. Plain NumPy: it stands word for word in scripts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from reludsl.ir.pattern_problem import PatternProblem

if TYPE_CHECKING:
    from reludsl.backends.admm.state import Iterate


class LinearStep:
    """The parts of the linear step that depend on the samples and patterns alone, so that they serve every strength.

    `split_cones` says that the cones are split off, `cone_scaling` that the samples then have one length in them.
    """

    def __init__(
        self, problem: PatternProblem, split_cones: bool, cone_scaling: bool = True, linear_solver: str = "auto"
    ) -> None:
        X, gates = problem.X, problem.gates
        n, d = X.shape
        self.problem, self.Xs = problem, X
        if cone_scaling and split_cones:
            lengths = np.linalg.norm(X, axis=1, keepdims=True)
            self.Xs = X / np.where(lengths > 0, lengths, 1.0) * np.sqrt(d / n)
        self.M = np.eye(d) + self.Xs.T @ self.Xs if split_cones else np.eye(d)
        self.inverse = np.linalg.inv(self.M)
        twice = 2.0 if problem.signed else 1.0
        self.diagonal = twice * np.einsum("nd,nd->n", X @ self.inverse, X) * np.einsum("np,np->n", gates, gates)
        self.eta = n / max(float(self.diagonal.mean()), 1e-300) if problem.offset else float("inf")
        self.diagonal = self.diagonal + 1.0 / self.eta
        # kappa gives kappa S the mean eigenvalue 1, the size of the other splittings. With exact cones there are fewer
        # of those, and a larger one was faster on most problems.
        self.kappa = (1.0 if split_cones else 4.0) * n / max(float(self.diagonal.sum()), 1e-300)
        self.exact = linear_solver == "exact" or (linear_solver == "auto" and n <= 4000)
        self.eigenvalues, self.Q, self.root = np.zeros(0), np.zeros((0, 0)), np.zeros((0, 0))
        if self.exact:
            S = twice * (X @ self.inverse @ X.T) * (gates @ gates.T) + 1.0 / self.eta
            self.eigenvalues, self.Q = np.linalg.eigh(S)
        else:
            values, vectors = np.linalg.eigh(self.inverse)
            self.root = np.sqrt(twice) * (vectors * np.sqrt(values)) @ vectors.T
            self._precondition()

    def _precondition(self) -> None:
        """Q diag(eigenvalues) Q^T near Z^T Z, for Z y = F M^-1/2 y of one output: of some samples, or its diagonal."""
        n, patterns = self.problem.gates.shape
        size = self.root.shape[0] * patterns
        if size > 2000:
            squares = (self.problem.X @ self.root) ** 2
            self.eigenvalues = (squares.T @ self.problem.gates**2).ravel()
            return
        chosen = np.random.default_rng(0).permutation(n)[: max(4 * size, 1000)]
        rows = (self.problem.X[chosen] @ self.root)[:, :, None] * self.problem.gates[chosen][:, None, :]
        Z = rows.reshape(len(chosen), size)
        self.eigenvalues, self.Q = np.linalg.eigh(n / len(chosen) * (Z.T @ Z))

    def single(self, problem: PatternProblem) -> LinearStep:
        """The same step in single precision, for the problem in single precision."""
        step: LinearStep = object.__new__(LinearStep)
        for name, value in vars(self).items():
            setattr(step, name, value.astype(np.float32) if isinstance(value, np.ndarray) else value)
        step.problem = problem
        return step

    def columns(
        self, base: np.ndarray, middle: np.ndarray, target: np.ndarray, weight: float, y: np.ndarray, accuracy: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """u and c, and what conjugate gradients may start at next time; they start at the `y` that is given."""
        problem = self.problem
        base = self.inverse @ base
        r = target - problem.predictions(base, middle)
        if self.exact:
            scales = 1.0 + weight * np.maximum(self.eigenvalues, 0.0)
            q = self.Q @ ((self.Q.T @ r) / scales[:, None])
            return base + weight * (self.inverse @ problem.adjoint(q)), middle + weight / self.eta * q.sum(axis=0), y
        y = self._conjugate_gradients(r, weight, y, accuracy)
        u, c = self._spread(y)
        if problem.signed:
            u = 0.5 * np.concatenate([u, -u], axis=1)
        return base + u, middle + c, y

    def _spread(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What y (d + 1, columns of one sign) adds to the difference of both signs, and to the output biases."""
        outputs = self.problem.Y.shape[1]
        return self.root @ y[:-1], y[-1, :: y.shape[1] // outputs] / float(np.sqrt(self.eta))

    def _conjugate_gradients(self, r: np.ndarray, weight: float, y: np.ndarray, accuracy: float) -> np.ndarray:
        """The y with (I + weight Z^T Z) y = weight Z^T r, output by output, Z y = F M^-1/2 y + 1 y_0 / sqrt(eta).

        In the last row of y only the first pattern's place of each output is used, for y_0.
        """
        one_sign = replace(self.problem, signed=False)
        outputs, root_eta = r.shape[1], float(np.sqrt(self.eta))
        patterns = self.problem.gates.shape[1]

        def pulled(part: np.ndarray) -> np.ndarray:
            out = np.zeros((len(self.root) + 1, outputs * patterns), dtype=part.dtype)
            out[:-1] = self.root @ one_sign.adjoint(part)
            out[-1, ::patterns] = part.sum(axis=0) / root_eta
            return out

        def preconditioned(part: np.ndarray) -> np.ndarray:
            blocks = part[:-1].reshape(len(self.root), outputs, patterns).transpose(0, 2, 1).reshape(-1, outputs)
            scales = (1.0 + weight * np.maximum(self.eigenvalues, 0.0))[:, None]
            blocks = self.Q @ ((self.Q.T @ blocks) / scales) if self.Q.size else blocks / scales
            out = part / (1.0 + weight * len(r) / root_eta**2)
            out[:-1] = blocks.reshape(len(self.root), patterns, outputs).transpose(0, 2, 1).reshape(out[:-1].shape)
            return out

        def by_output(first: np.ndarray, second: np.ndarray) -> np.ndarray:
            return np.asarray((first * second).sum(axis=0).reshape(outputs, patterns).sum(axis=1))

        if not y.size:
            y = np.zeros((len(self.root) + 1, outputs * patterns), dtype=r.dtype)
        right = weight * pulled(r)
        goal = accuracy**2 * by_output(right, preconditioned(right))
        residual = right - y - weight * pulled(one_sign.predictions(*self._spread(y)))
        z = preconditioned(residual)
        direction, rz = z, by_output(residual, z)
        for _ in range(200):
            if (rz <= goal).all():
                break
            image = direction + weight * pulled(one_sign.predictions(*self._spread(direction)))
            step = np.repeat(rz / np.maximum(by_output(direction, image), 1e-300), patterns)
            y = y + step * direction
            residual = residual - step * image
            z = preconditioned(residual)
            rz, before = by_output(residual, z), rz
            direction = z + np.repeat(rz / np.maximum(before, 1e-300), patterns) * direction
        return y


def coordinate_descent(
    problem: PatternProblem,
    step: LinearStep,
    base: np.ndarray,
    state: Iterate,
    u: np.ndarray,
    c: np.ndarray,
    accuracy: float,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """The u-update by random block coordinate descent: gradient steps in one column, with backtracking, from u and c.

    Minimizes L(F u + 1 c^T) + rho/2 (u . M u - 2 u . base) + rho eta/2 ||c - p + pi||^2, a column at a time in random
    order, until the gradients met in a sweep are within `accuracy` of those of the first. (Bai, Gautam, Sojoudi 2022,
    Algorithm 3.2; the step is halved until the objective falls by a quarter of what its slope promises.)
    """
    u, c, rho = u.copy(), c.copy(), state.rho
    outputs, patterns = problem.Y.shape[1], problem.gates.shape[1]
    F = problem.predictions(u, c)
    value, first = problem.loss_value(F), 0.0
    for _ in range(50):
        met = 0.0
        for j in generator.permutation(problem.columns):
            sign = -1.0 if j >= outputs * patterns else 1.0
            output, gate = j // patterns % outputs, problem.gates[:, j % patterns]
            linear = rho * (step.M @ u[:, j] - base[:, j])
            slopes = problem.loss_gradient(F)[:, output]
            gradient = sign * (problem.X.T @ (gate * slopes)) + linear
            square = float(gradient @ gradient)
            met += square
            if square == 0.0:
                continue
            change = np.zeros_like(F)
            change[:, output] = -sign * gate * (problem.X @ gradient)
            bend = rho * float(gradient @ step.M @ gradient)
            length = square / (bend + float(np.sum(change**2)))
            while True:
                trial = problem.loss_value(F + length * change)
                growth = trial - value - length * float(linear @ gradient) + 0.5 * length**2 * bend
                if growth <= -0.25 * length * square + 1e-14 * abs(value) or length < 1e-18:
                    break
                length *= 0.5
            u[:, j] -= length * gradient
            F, value = F + length * change, trial
        if problem.offset:
            c, F, value, square = offset_step(problem, step, state, c, F, value)
            met += square
        first = first or met
        if met <= accuracy**2 * first:
            break
    return u, c


def offset_step(
    problem: PatternProblem, step: LinearStep, state: Iterate, c: np.ndarray, F: np.ndarray, value: float
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """One such step in the output biases: the new biases, predictions, loss, and the squared gradient."""
    weight = state.rho * step.eta
    gradient = problem.loss_gradient(F).sum(axis=0) + weight * (c - state.p + state.pi)
    square = float(gradient @ gradient)
    length = 1.0 / (len(F) + weight)
    while length >= 1e-18:
        moved = c - length * gradient
        trial = problem.loss_value(F - length * gradient)
        growth = trial - value
        growth += 0.5 * weight * float(np.sum((moved - state.p + state.pi) ** 2 - (c - state.p + state.pi) ** 2))
        if growth <= -0.25 * length * square + 1e-14 * abs(value):
            return moved, F - length * gradient, trial, square
        length *= 0.5
    return c, F, value, square

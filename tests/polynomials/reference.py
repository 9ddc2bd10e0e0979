"""Networks of polynomial neurons from their definition alone, and descent on them from many starts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize

import reludsl
from reludsl.ir import PolynomialForm
from reludsl.ir.pattern_problem import PatternProblem, problem_without_columns


@dataclass(frozen=True, eq=False)
class Polynomials:
    """A training problem with neurons σ(xᵀu) α, σ(t) = a t² + b t + c and ‖(u, bias)‖ = 1, and the penalty β Σ |α|."""

    X: np.ndarray
    y: np.ndarray
    coefficients: tuple[float, float, float]
    beta: float
    loss: str = "squared"
    bias: str = "none"
    weights: np.ndarray | None = None
    solver: str = field(default="")

    @property
    def spec(self) -> str:
        a, b, c = self.coefficients
        labels = self.loss.startswith(("hinge", "squared_hinge", "logistic"))
        activation = f"polynomial(a = {a!r}, b = {b!r}, c = {c!r})"
        lines = [
            "reludsl 1",
            "data {",
            "  input  X : matrix[n, d]",
            f"  target y : {'binary' if labels else 'vector'}[n]",
            *(["  weight w : vector[n]"] if self.weights is not None else []),
            "}",
            f"architecture two_layer {{ activation = {activation}, bias = {self.bias} }}",
            f"loss {self.loss}",
            f"regularizer path_norm {{ strength = {self.beta!r} }}",
            self.solver,
        ]
        return "\n".join(lines) + "\n"

    @property
    def data(self) -> dict[str, np.ndarray]:
        return {"X": self.X, "y": self.y} | ({} if self.weights is None else {"w": self.weights})

    @property
    def samples(self) -> np.ndarray:
        return np.column_stack([self.X, np.ones(len(self.X))]) if self.bias in ("hidden", "both") else self.X

    def solve(self) -> reludsl.Solution:
        return reludsl.solve(self.spec, self.data)

    def form_and_arrays(self) -> tuple[PolynomialForm, dict[str, np.ndarray]]:
        from reludsl.api import compilation_of

        compilation = compilation_of(self.spec)
        bound = compilation.bind(self.data)
        arrays = dict(compilation.lowered.bind(bound.train, bound.encoding).arrays)
        form = PolynomialForm.of(compilation.lowered.program)
        assert form is not None
        return form, arrays

    def best_of_descent(self, starts: int, seed: int = 0) -> float:
        """The least objective that L-BFGS finds from random starts, for smooth losses.

        An output weight is a fixed sign times a square, the output bias a difference of squares, and hidden weights
        count by their direction: no kinks.
        """
        form, arrays = self.form_and_arrays()
        problem: PatternProblem = problem_without_columns(form, arrays)
        X, scale = arrays["X"], problem.scale
        d, (a, b, c) = X.shape[1], self.coefficients
        m, offset = 2 * (d + 1), 2 * int(self.bias in ("output", "both"))
        signs, sides = np.where(np.arange(m) % 2, 1.0, -1.0), np.array([1.0, -1.0])[:offset]
        generator = np.random.default_rng(seed)

        def value(vector: np.ndarray) -> tuple[float, np.ndarray]:
            G, roots, c0 = vector[: d * m].reshape(d, m), vector[d * m : d * m + m], vector[d * m + m :]
            norms = np.linalg.norm(G, axis=0)
            U, alpha = G / norms, signs * roots**2
            T = X @ U
            H, slopes = (a * T + b) * T + c, 2 * a * T + b
            F = (H @ alpha + sides @ c0**2)[:, None]
            R = problem.loss_gradient(F)[:, 0] / scale
            total = problem.loss_value(F) / scale + self.beta * float(roots @ roots + c0 @ c0)
            back = X.T @ (slopes * (R[:, None] * alpha))
            hidden = (back - U * np.sum(U * back, axis=0)) / norms
            outer = 2 * roots * (signs * (H.T @ R) + self.beta)
            last = 2 * c0 * (sides * R.sum() + self.beta)
            return total, np.concatenate([hidden.ravel(), outer, last])

        best = np.inf
        for _ in range(starts):
            start = generator.standard_normal(d * m + m + offset)
            found = minimize(value, start, jac=True, method="L-BFGS-B", options={"maxiter": 3000, "ftol": 1e-15})
            best = min(best, float(found.fun))
        return best


def random_problem(seed: int, n: int = 30, d: int = 3, labels: bool = False, **more: object) -> Polynomials:
    """Samples and targets with something to find."""
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n, d))
    y = np.abs(X[:, 0]) - X[:, -1] + 0.2 * generator.standard_normal(n)
    if labels:
        y = np.where(y > np.median(y), 1.0, -1.0)
    a, b, c = np.round(generator.standard_normal(3), 2).tolist()
    return Polynomials(X, y, (a or 0.5, b, c), 0.4, **more)  # type: ignore[arg-type]

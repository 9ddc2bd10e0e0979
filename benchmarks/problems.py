"""The problems of the benchmark: data, loss, patterns, and the strengths at which they are solved.

Data ships with scikit-learn or comes from a seeded generator; patterns are drawn once and given to every solver. The
objective is

    Σ_k ℓ(F_k, y_k) + β Σ_j ‖u_j‖₂,   F = Σ_j ± D_j X u_j,   (2 D_j - I) X u_j ≥ 0,

the cones only where the problem is not gated. β is given as a share of the least strength at which zero is optimal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from reludsl.cones import ConeProjector
from reludsl.ir import CrossEntropy, Distance, Margin
from reludsl.ir.pattern_problem import PatternProblem
from reludsl.lowering.patterns import sample_patterns
from reludsl.model.losses.hinge import Hinge
from reludsl.model.losses.huber import HuberFunction
from reludsl.model.losses.logistic import Logistic
from reludsl.model.losses.quantile import Pinball
from reludsl.model.losses.squared import HalfSquare

Samples = tuple[np.ndarray, np.ndarray]

LOSSES: dict[str, Any] = {
    "squared": Distance(HalfSquare()),
    "absolute": Distance(Pinball()),
    "huber": Distance(HuberFunction(1.0)),
    "hinge": Margin(Hinge()),
    "logistic": Margin(Logistic()),
    "cross_entropy": CrossEntropy(),
}


@dataclass(frozen=True)
class Problem:
    """A problem by name: samples X (n, d) and targets Y (n, c), the loss, how many patterns, and shares of beta_max.

    `goal` is the relative gap that reludsl's solvers are asked for.
    """

    name: str
    loss: str
    samples: Callable[[], Samples]
    patterns: int
    shares: tuple[float, ...]
    goal: float = 1e-6
    gated: bool = False
    seed: int = 0

    def instance(self) -> Instance:
        """The problem with its data and patterns, the same every time."""
        X, Y = self.samples()
        masks, directions, _ = sample_patterns(X, self.patterns, self.seed)
        return Instance(self, X, Y, masks, directions)


@dataclass(frozen=True, eq=False)
class Instance:
    """Samples X (n, d), targets Y (n, c), patterns `masks` (n, P) and a direction (d, P) that has each."""

    problem: Problem
    X: np.ndarray
    Y: np.ndarray
    masks: np.ndarray
    directions: np.ndarray

    def program(self, beta: float) -> PatternProblem:
        """What reludsl's kernels solve."""
        return self._program(self.X, beta)

    @cached_property
    def basis(self) -> np.ndarray:
        """Orthonormal rows (r, d) that span the samples; the identity where they span everything."""
        _, sizes, rows = np.linalg.svd(self.X, full_matrices=False)
        rank = int((sizes > 1e-10 * sizes[0]).sum())
        return np.eye(self.X.shape[1]) if rank == self.X.shape[1] else rows[:rank]

    def reduced_program(self, beta: float) -> PatternProblem:
        """The same program in coordinates of the span of the samples, which changes no norm and no product."""
        return self._program(self.X @ self.basis.T, beta)

    def _program(self, X: np.ndarray, beta: float) -> PatternProblem:
        gated = self.problem.gated
        return PatternProblem(
            X,
            self.masks.astype(float),
            None if gated else self.masks,
            LOSSES[self.problem.loss],
            self.Y,
            group=beta,
            signed=not gated,
        )

    def greatest_strength(self) -> float:
        """beta_max: what the dearest column brings at the network without neurons, where every loss is smooth."""
        program = self.reduced_program(0.0)
        columns = program.adjoint(-program.loss_gradient(np.zeros_like(self.Y))).T
        lengths: np.ndarray = np.linalg.norm(columns, axis=1)
        if program.masks is None:
            return float(lengths.max())
        projector, best = ConeProjector(program.X, program.masks), 0.0
        for part in np.array_split(np.argsort(-lengths), max(1, len(lengths) // 100)):
            part = part[lengths[part] > best]
            if len(part):
                supports = projector.no_supports(len(part))
                _, norms = projector.project(columns[part], part % self.masks.shape[1], supports, best)
                best = max(best, float(norms.max()))
        return best


def teacher(n: int, d: int, kind: str = "regression", seed: int = 0) -> Samples:
    """Gaussian inputs and a planted ReLU network of five neurons with noise; its sign, or three classes of it."""
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n, d))
    hidden, output = generator.standard_normal((d, 5)), generator.choice([-1.0, 1.0], 5)
    y = np.maximum(X @ hidden, 0.0) @ output / np.sqrt(d) + 0.1 * generator.standard_normal(n)
    if kind == "labels":
        return X, np.where(y > np.median(y), 1.0, -1.0)[:, None]
    if kind == "classes":
        return X, np.eye(3)[np.searchsorted(np.quantile(y, [1 / 3, 2 / 3]), y)]
    return X, y[:, None]


def images(n: int = 1000, side: int = 28, seed: int = 0) -> Samples:
    """Pictures of two classes, (n, side²): smooth strokes within a disk, noise on them, nothing outside.

    The pixels outside the disk are always 0, as at the border of handwritten digits: the rank is a few hundred.
    """
    generator = np.random.default_rng(seed)
    axis = np.linspace(-1.0, 1.0, side)
    pixels = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    disk = np.linalg.norm(pixels, axis=1) <= 0.8
    labels = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    prototypes = {sign: generator.uniform(-0.5, 0.5, (8, 2)) for sign in (1.0, -1.0)}
    X = np.zeros((n, side * side))
    for row, label in zip(X, labels, strict=True):
        strokes = prototypes[label] + 0.1 * generator.standard_normal((8, 2))
        distances = ((pixels[:, None, :] - strokes) ** 2).sum(axis=2)
        row[:] = np.exp(-distances / 0.02).sum(axis=1)
    X = np.clip(X + 0.1 * np.abs(generator.standard_normal(X.shape)), 0.0, 1.0) * disk
    return X, labels[:, None]


def _standard(X: np.ndarray) -> np.ndarray:
    """Columns that vary, with mean 0 and deviation 1, and a column of ones for the bias."""
    X = X[:, X.std(axis=0) > 1e-12]
    return np.column_stack([(X - X.mean(axis=0)) / X.std(axis=0), np.ones(len(X))])


def breast_cancer() -> Samples:
    """569 tumours: 30 features, malignant or not."""
    from sklearn.datasets import load_breast_cancer

    X, t = load_breast_cancer(return_X_y=True)
    return _standard(X), (1.0 - 2.0 * t)[:, None]


def diabetes() -> Samples:
    """442 patients: 10 features, the standardized progression of the disease."""
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True)
    return _standard(X), ((y - y.mean()) / y.std())[:, None]


def digits() -> Samples:
    """357 handwritten digits of 8 x 8 pixels, 3 or 8: pixels in [0, 1] that are not always the same, and a bias."""
    from sklearn.datasets import load_digits

    X, t = load_digits(return_X_y=True)
    kept = (t == 3) | (t == 8)
    X, t = X[kept] / 16.0, t[kept]
    X = X[:, X.std(axis=0) > 0]
    return np.column_stack([X, np.ones(len(X))]), np.where(t == 8, 1.0, -1.0)[:, None]


def iris() -> Samples:
    """150 flowers: 4 features, three species."""
    from sklearn.datasets import load_iris

    X, t = load_iris(return_X_y=True)
    return _standard(X), np.eye(3)[t]


def wine() -> Samples:
    """178 wines: 13 features, three cultivars."""
    from sklearn.datasets import load_wine

    X, t = load_wine(return_X_y=True)
    return _standard(X), np.eye(3)[t]


ALL = (0.1, 0.01, 0.001)

PROBLEMS: dict[str, Problem] = {
    problem.name: problem
    for problem in (
        Problem("teacher 200", "squared", lambda: teacher(200, 10), 400, ALL),
        Problem("teacher 200 hinge", "hinge", lambda: teacher(200, 10, "labels"), 400, ALL),
        Problem("teacher 200 absolute", "absolute", lambda: teacher(200, 10), 400, ALL),
        Problem("teacher 200 huber", "huber", lambda: teacher(200, 10), 400, ALL),
        Problem("teacher 200 logistic", "logistic", lambda: teacher(200, 10, "labels"), 400, ALL),
        Problem("teacher 200 classes", "cross_entropy", lambda: teacher(200, 10, "classes"), 100, ALL),
        Problem("breast cancer", "squared", breast_cancer, 500, ALL),
        Problem("breast cancer hinge", "hinge", breast_cancer, 100, (0.01,)),
        Problem("breast cancer logistic", "logistic", breast_cancer, 100, (0.01,)),
        Problem("digits logistic", "logistic", digits, 100, (0.01,)),
        Problem("diabetes absolute", "absolute", diabetes, 100, (0.01,)),
        Problem("diabetes huber", "huber", diabetes, 100, (0.01,)),
        Problem("iris", "cross_entropy", iris, 100, (0.01,)),
        Problem("wine", "cross_entropy", wine, 100, (0.01,)),
        Problem("teacher 1000", "squared", lambda: teacher(1000, 20), 500, ALL),
        Problem("teacher 2000", "squared", lambda: teacher(2000, 50), 1000, ALL),
        Problem("teacher 20000", "squared", lambda: teacher(20000, 50), 2000, (0.1, 0.02), goal=1e-4),
        Problem("images", "squared", images, 50, (0.1, 0.01), goal=1e-4),
        Problem("wide", "squared", lambda: teacher(500, 2000), 500, (0.1, 0.01)),
        Problem("gated 200", "squared", lambda: teacher(200, 10), 400, (0.01,), gated=True),
        Problem("gated 1000", "squared", lambda: teacher(1000, 20), 500, (0.01,), gated=True),
        Problem("gated 2000", "squared", lambda: teacher(2000, 50), 1000, (0.01,), gated=True),
    )
}

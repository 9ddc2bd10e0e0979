"""What descent trains against under a perturbation: worst changes by projected gradient ascent, or a price of slopes.

These stand word for word in generated code, like the kernel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reludsl.ascent import random_changes, uphill_slopes, worst_changes
from reludsl.backends.descent.kernel import TrainingProblem, Weights
from reludsl.perturbation_sets import PerturbationSet


@dataclass(frozen=True, eq=False)
class ProjectedAscent:
    """So many ascending steps of `step_size` radii within `sets`, from a random point where a start is drawn.

    `start` (n, d) is drawn once a restart and stays, so that the objective is a function of the weights.
    """

    sets: PerturbationSet
    steps: int
    step_size: float
    random: bool
    start: np.ndarray | None = None

    def begin(self, generator: np.random.Generator) -> ProjectedAscent:
        """The ascent with a start that is drawn."""
        return replace(self, start=random_changes(self.sets, generator)) if self.random else self

    def rows(self, index: Any) -> ProjectedAscent:
        """The ascent for some of the samples."""
        start = None if self.start is None else self.start[index]
        return replace(self, sets=self.sets.rows(index), start=start)

    def worst(self, problem: TrainingProblem, weights: Weights) -> np.ndarray:
        """The worst changes (n, d) that it meets, none at all among them."""

        def see(changes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return losses_and_slopes(problem, weights, problem.X + changes)

        return worst_changes(self.sets, self.start, self.steps, self.step_size, see)


def sets_around(
    X: np.ndarray,
    order: int | None = None,
    radius: np.ndarray | None = None,
    lower: np.ndarray | None = None,
    upper: np.ndarray | None = None,
) -> PerturbationSet:
    """The sets around samples X (n, d): a ball with radii (d,), a box (n, d), or what they have in common."""
    far = np.full(X.shape, np.inf)
    return PerturbationSet(-far if lower is None else lower, far if upper is None else upper, order, radius)


def in_radii(changes: np.ndarray, radius: np.ndarray | None) -> np.ndarray:
    """Changes (n, d) in units of the radii (d,) of a ball, 0 where a radius is 0; without a ball as they are."""
    if radius is None:
        return changes
    return np.asarray(np.divide(changes, radius, out=np.zeros_like(changes), where=radius > 0))


def losses_and_slopes(problem: TrainingProblem, weights: Weights, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The losses (n,) of samples that are at X (n, d), and where they rise: gradients in X, see `uphill_slopes`."""
    U, b, alpha, c0 = weights
    Z = X @ U + b
    slopes = np.where(Z > 0, 1.0, problem.slope) if problem.gates is None else problem.gates
    F = (slopes * Z) @ alpha + c0
    R = uphill_slopes(problem.loss.gradient(F, problem.Y), problem.Y)
    back = slopes * (R.reshape(len(X), -1) @ alpha.reshape(len(alpha), -1).T)
    return problem.loss.value(F, problem.Y), back @ U.T


def price_of_slopes(weights: Weights, scale: np.ndarray, order: float, strength: float) -> tuple[float, Weights]:
    """strength Σ_j |α_j| ‖scale ∘ u_j‖ with a subgradient: a bound on the network's Lipschitz constant, priced.

    `order` is 1, 2 or inf, `scale` is (d,).
    """
    V = scale[:, None] * weights.U
    sizes = np.abs(weights.alpha).reshape(len(weights.alpha), -1).sum(axis=1)
    norms = np.linalg.norm(V, order, axis=0)
    if order == 1:
        slopes = np.sign(V)
    elif order == 2:
        slopes = V / np.where(norms > 0, norms, 1.0)
    else:
        slopes = np.where(np.arange(len(V))[:, None] == np.abs(V).argmax(axis=0), np.sign(V), 0.0)
    gradient = Weights(
        strength * scale[:, None] * slopes * sizes,
        np.zeros_like(weights.b),
        strength * (np.sign(weights.alpha).T * norms).T,
        np.zeros_like(weights.c0),
    )
    return strength * float(norms @ sizes), gradient

"""How worst points are searched for: the fast gradient sign method, projected gradient ascent, and exact search.

    FGSM    δ = argmax over the set of ∇ℓ(x)·δ                         Goodfellow, Shlens, Szegedy (ICLR 2015)
    PGD     δ ← Π(δ + argmax over ‖s‖ <= step of ∇ℓ(x + δ)·s)          Madry et al. (ICLR 2018)
    exact   the smallest margin or greatest error in the set           `reludsl.verification`

Steps are steepest ascent in the norm of the set: by sign for ℓ∞, along the scaled gradient for ℓ2, along one axis for
ℓ1, always inside of the box. What is climbed is the network's own loss. With one output a loss can only rise with the
output or against it, so no step depends on how flat the loss is there: a sample that the hinge no longer counts is
pulled towards its margin all the same, and where a loss rises on both sides PGD climbs each. With several outputs the
gradient of the loss is taken. Of classes PGD also climbs the margin, by which the greatest wrong output leads the right
one; it takes the loss's place where that is flat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from reludsl.data.encoding import Samples
from reludsl.ir.sample_loss import Margin
from reludsl.network import Network
from reludsl.perturbation_sets import PerturbationSet
from reludsl.verification import exact_attack

Rows: TypeAlias = Any
"""Some of the samples: an index array, or a slice for all of them."""

Pull: TypeAlias = Callable[[Rows, np.ndarray], np.ndarray]
"""From samples and the outputs there to how the outputs shall change, of the outputs' shape."""


@dataclass(frozen=True)
class AttackSettings:
    """What PGD does: so many steps of `step_size` radii from each sample, and from so many random points besides.

    With `stop_at_mistakes` a sample with a label is left alone from the first point on that is classified wrongly;
    otherwise the search goes on for the greatest loss. The exact search takes at most `time_limit` seconds.
    """

    steps: int = 40
    step_size: float | None = None
    restarts: int = 1
    seed: int = 0
    stop_at_mistakes: bool = False
    time_limit: float | None = None

    def __post_init__(self) -> None:
        """Raises ValueError."""
        if self.steps < 1:
            raise ValueError(f"steps is {self.steps}; at least 1 is needed")
        if self.restarts < 0:
            raise ValueError(f"restarts is {self.restarts}; it is at least 0")
        if self.step_size is not None and not 0 < self.step_size < float("inf"):
            raise ValueError(f"step_size is {self.step_size}; a number of radii above 0 is needed")

    @property
    def length(self) -> float:
        """The step in radii; by default all steps together go 2.5 times as far as the border is away."""
        return 2.5 / self.steps if self.step_size is None else self.step_size


@dataclass(frozen=True, eq=False)
class Victim:
    """A network and scaled, encoded samples, X (n, d) and y (n,) or (n, c), that may move within their sets.

    Points are given in units of the radii, where the set's ball is round: the network sees X + z ∘ `unit`.
    """

    network: Network
    X: np.ndarray
    y: np.ndarray
    sets: PerturbationSet
    unit: np.ndarray

    @classmethod
    def of(cls, network: Network, X: np.ndarray, y: np.ndarray, sets: PerturbationSet) -> Victim:
        """`sets` are those of the scaled inputs."""
        unit = np.ones(X.shape[1]) if sets.radius is None else np.where(sets.radius > 0, sets.radius, 1.0)
        return cls(network, X, y, sets.scaled(unit), unit)

    def at(self, rows: Rows, z: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        """The outputs at points, and the map from changes of outputs to gradients in z."""
        outputs, pullback = self.network.linearized(self.X[rows] + z * self.unit)
        return outputs, lambda change: pullback(change) * self.unit

    def losses(self, rows: Rows, outputs: np.ndarray) -> np.ndarray:
        """The losses of samples, in the units of training."""
        return np.asarray(self.network.form.loss.value(outputs, self.y[rows]))

    def wrong(self, rows: Rows, outputs: np.ndarray) -> np.ndarray:
        """Which samples get another label than theirs; none of real-valued targets."""
        y, encoding = self.y[rows], self.network.encoding
        if encoding.labels is None:
            return np.zeros(len(y), dtype=bool)
        if encoding.categorical:
            return np.asarray(outputs.argmax(axis=1) != y.argmax(axis=1))
        return np.asarray((outputs >= 0) != (y > 0))

    def pulls(self) -> Iterator[Pull]:
        """The directions in which the loss rises, the one of the samples themselves first."""
        loss = self.network.form.loss
        outputs, _ = self.at(slice(None), np.zeros_like(self.X))
        if self.y.ndim == 2:
            yield self._loss_gradient
            if self.network.encoding.categorical:
                yield self._margin_gradient
            return
        slopes = np.sign(np.nan_to_num(loss.gradient(outputs, self.y)))
        flat = -self.y if self.network.encoding.labels is not None else np.ones_like(self.y)
        signs = np.where(slopes != 0, slopes, flat)
        yield lambda rows, outputs: signs[rows]
        if not isinstance(loss, Margin):
            yield lambda rows, outputs: -signs[rows]

    def _loss_gradient(self, rows: Rows, outputs: np.ndarray) -> np.ndarray:
        y = self.y[rows]
        change = np.nan_to_num(self.network.form.loss.gradient(outputs, y))
        sizes = np.abs(change).max(axis=1, keepdims=True)
        change = change / np.where(sizes > 0, sizes, 1.0)  # of probabilities near 0 or 1, too
        flat = np.flatnonzero(~change.any(axis=1))
        if len(flat):
            categorical = self.network.encoding.categorical
            change[flat] = self._margin_gradient(rows, outputs)[flat] if categorical else 1.0
        return change

    def _margin_gradient(self, rows: Rows, outputs: np.ndarray) -> np.ndarray:
        right = self.y[rows].argmax(axis=1)[:, None]
        others = outputs.copy()
        np.put_along_axis(others, right, -np.inf, axis=1)
        change = np.zeros_like(outputs)
        np.put_along_axis(change, others.argmax(axis=1)[:, None], 1.0, axis=1)
        np.put_along_axis(change, right, -1.0, axis=1)
        return change


class Record:
    """The worst point of each sample so far: a wrong label before a right one, then the greater loss.

    `z` (n, d) are the points; `losses` (n,) is the greatest loss met, which with labels may have been elsewhere.
    """

    def __init__(self, victim: Victim) -> None:
        every, self.victim = slice(None), victim
        self.z = np.zeros_like(victim.X)
        outputs = victim.network.scores(victim.X)
        self.wrong, self.clean_losses = victim.wrong(every, outputs), victim.losses(every, outputs)
        self.losses, self._losses_there = self.clean_losses.copy(), self.clean_losses.copy()

    def offer(self, rows: Rows, z: np.ndarray, outputs: np.ndarray) -> None:
        """Takes over points of samples that are worse than those known."""
        losses, wrong = self.victim.losses(rows, outputs), self.victim.wrong(rows, outputs)
        self.losses[rows] = np.fmax(self.losses[rows], losses)
        worse = (wrong & ~self.wrong[rows]) | ((wrong == self.wrong[rows]) & (losses > self._losses_there[rows]))
        taken = np.arange(len(self.z))[rows][worse]
        self.z[taken], self.wrong[taken], self._losses_there[taken] = z[worse], wrong[worse], losses[worse]


Method: TypeAlias = Callable[[Victim, Record, AttackSettings, np.random.Generator], None]
"""A method offers points to the record."""


def fgsm(victim: Victim) -> np.ndarray:
    """The point z (n, d) of every set to which the slope of the loss at the sample points."""
    every = slice(None)
    outputs, gradient = victim.at(every, np.zeros_like(victim.X))
    return victim.sets.maximizer(gradient(next(victim.pulls())(every, outputs)))


def pgd(victim: Victim, record: Record, settings: AttackSettings, generator: np.random.Generator) -> None:
    """Projected gradient ascent from the samples and from random points of their sets, along every pull.

    Never weaker than FGSM, whose points are the first to be offered.
    """
    n, d = victim.X.shape
    for pull in victim.pulls():
        _climb(victim, record, settings, np.zeros_like(victim.X), pull)
        for _ in range(settings.restarts):
            start = victim.sets.random_vertices(generator) * generator.random((n, d))
            _climb(victim, record, settings, start, pull)


def _offer_fgsm(victim: Victim, record: Record, settings: AttackSettings, generator: np.random.Generator) -> None:
    z = fgsm(victim)
    record.offer(slice(None), z, victim.at(slice(None), z)[0])


def _climb(victim: Victim, record: Record, settings: AttackSettings, z: np.ndarray, pull: Pull) -> None:
    rows: Rows = slice(None)
    sets = victim.sets
    for step in range(settings.steps + 1):
        if settings.stop_at_mistakes:
            index = np.arange(len(victim.X))[rows]
            going = ~record.wrong[index]
            rows, z = index[going], z[going]
            if not len(rows):
                return
            sets = victim.sets.rows(rows)
        outputs, gradient = victim.at(rows, z)
        record.offer(rows, z, outputs)
        slope = gradient(pull(rows, outputs))
        if step in (0, settings.steps):  # where the network is affine on the set, the worst point is a maximizer
            vertex = sets.maximizer(slope)
            record.offer(rows, vertex, victim.at(rows, vertex)[0])
        if step < settings.steps:
            z = sets.project(z + _steps_from(sets, z, settings.length).maximizer(slope))


def _steps_from(sets: PerturbationSet, z: np.ndarray, length: float) -> PerturbationSet:
    """Steps from points z that are so many radii long and stay in the box. The radius of a box is its longer side."""
    lower, upper = np.minimum(sets.lower - z, 0.0), np.maximum(sets.upper - z, 0.0)
    if sets.radius is not None:
        return replace(sets, lower=lower, upper=upper, radius=length * sets.radius)
    reach = length * np.maximum(sets.upper, -sets.lower)
    return PerturbationSet(np.maximum(lower, -reach), np.minimum(upper, reach))


def _exact(victim: Victim, record: Record, settings: AttackSettings, generator: np.random.Generator) -> None:
    """The points of smallest margin, or of the greatest error, up to the tolerance of the search and its time."""
    sets = victim.sets.scaled(1.0 / victim.unit)
    found = exact_attack(victim.network, Samples(victim.X, victim.y), sets, settings.time_limit)
    z = found.perturbations / victim.unit
    record.offer(slice(None), z, victim.network.scores(victim.X + z * victim.unit))


METHODS: dict[str, Method] = {"fgsm": _offer_fgsm, "pgd": pgd, "exact": _exact}


def pgd_perturbations(
    network: Network, samples: Samples, sets: PerturbationSet, settings: AttackSettings
) -> np.ndarray:
    """The worst perturbations (n, d) of scaled samples that PGD finds, for sets in scaled units."""
    victim = Victim.of(network, samples.X, samples.y, sets)
    record = Record(victim)
    pgd(victim, record, settings, np.random.default_rng(settings.seed))
    return np.asarray(record.z * victim.unit)


def why_immune(network: Network) -> str | None:
    """Why no slope leads to a worse point, or None for networks that can be attacked."""
    if network.activation.stepwise:
        return f"`{network.activation.name}` neurons are constant but for their jumps: the network's gradient is 0"
    return None

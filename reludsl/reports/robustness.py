"""How good a network stays as its perturbation set grows: by an attack, and by proof."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from reludsl.attacks import AttackSettings, pgd_perturbations, why_immune
from reludsl.data.encoding import Samples
from reludsl.lowering.robust_program import dual_order
from reludsl.model.model import PerFeature, Perturbation, Wasserstein
from reludsl.network import Network
from reludsl.perturbation_sets import PerturbationSet, perturbation_set
from reludsl.robustness import lipschitz_constants
from reludsl.verification import certify_samples

FACTORS: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
"""The sizes of the sets, in units of the perturbation that the network was trained against."""

MOST = 200
"""How many samples are judged at most: the first ones."""


@dataclass(frozen=True)
class Curve:
    """`measure`, accuracy, rmse or mean absolute error, of `samples` rows for each of `FACTORS`.

    `attacked` is what an attack leaves of it, None where no slope leads to one, and `certified` what linear bounds
    prove. The true value lies between them. `radii` are the radii in raw units where one number tells them.
    """

    measure: str
    samples: int
    radii: tuple[float, ...] | None
    attacked: tuple[float, ...] | None
    certified: tuple[float, ...]


def robustness_curve(network: Network, samples: Samples, perturbation: Perturbation | Wasserstein) -> Curve | None:
    """The curve on scaled samples; None where a set has no end in some direction, or nothing may change."""
    samples = Samples(samples.X[:MOST], samples.y[:MOST])
    raw = samples.X * network.encoding.divisor + network.encoding.offset
    if isinstance(perturbation, Wasserstein):
        return None if perturbation.changes_nothing else _moved(network, samples, raw, perturbation)
    sets = [_sets(raw, perturbation, factor) for factor in FACTORS]
    if perturbation.changes_nothing or not sets[-1].bounded:
        return None
    settings = AttackSettings(stop_at_mistakes=network.encoding.labels is not None)
    attack = None if why_immune(network) is not None else partial(pgd_perturbations, settings=settings)
    found = [
        certify_samples(network, samples, each.scaled(network.encoding.divisor), attack, exact=False) for each in sets
    ]
    return Curve(
        found[0].measure,
        len(samples.X),
        _radii(perturbation),
        None if attack is None else tuple(each.scores["attacked"] for each in found),
        tuple(each.scores["certified"] for each in found),
    )


def _moved(network: Network, samples: Samples, raw: np.ndarray, perturbation: Wasserstein) -> Curve:
    """The mean absolute error where the distribution of the samples moves.

    An attack moves every sample by the radius, and proved is the radius times a bound on the Lipschitz constant.
    """
    radii = tuple(factor * perturbation.radius for factor in FACTORS)
    units = np.abs(np.atleast_1d(network.encoding.target_divisor))

    def errors(changes: np.ndarray | float) -> np.ndarray:
        return np.asarray(np.abs(network.scores(samples.X + changes) - samples.y).reshape(len(raw), -1) * units)

    def attacked(radius: float) -> float:
        sets = perturbation_set(raw, perturbation.norm, radius=radius).scaled(network.encoding.divisor)
        found = sets.project(pgd_perturbations(network, samples, sets, AttackSettings()))
        return float(np.maximum(errors(found), clean).mean())

    clean = errors(0.0)
    constant = float((lipschitz_constants(network, float(dual_order(perturbation))) * units).mean())
    certified = tuple(float(clean.mean()) + radius * constant for radius in radii)
    return Curve("mean absolute error", len(raw), radii, tuple(attacked(radius) for radius in radii), certified)


def _sets(raw: np.ndarray, perturbation: Perturbation, factor: float) -> PerturbationSet:
    grown = replace(
        perturbation,
        radius=_times(perturbation.radius, factor),
        lower=_times(perturbation.lower, factor),
        upper=_times(perturbation.upper, factor),
    )
    names = ("radius", "lower", "upper", "minimum", "maximum")
    return perturbation_set(raw, grown.norm, **{name: getattr(grown, name) for name in names})


def _times(value: PerFeature | None, factor: float) -> PerFeature | None:
    if isinstance(value, tuple):
        return tuple(factor * number if factor else 0.0 for number in value)
    return None if value is None else factor * value if factor else 0.0


def _radii(perturbation: Perturbation) -> tuple[float, ...] | None:
    if isinstance(perturbation.radius, tuple) or perturbation.radius is None:
        return None
    return tuple(factor * perturbation.radius for factor in FACTORS)

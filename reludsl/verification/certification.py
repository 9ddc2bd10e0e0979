"""What a network is worth on samples whose inputs an adversary may change: attacked, exact, and proved by bounds.

Five levels, each at most as good as the one before:

    clean       no perturbation
    attacked    the worst perturbation that an attack found
    exact       the worst perturbation there is; what the search leaves open counts as lost
    certified   linear bounds
    interval    interval bounds

For labels a sample counts where its label is right: for all perturbations of the set, where that is proved. For
real-valued targets the error counts, and the proved levels bound it from above. A sample is never proved at one level
and broken at another: what is broken is shown by a perturbation that the network itself has answered wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reludsl.data.encoding import Samples
from reludsl.diagnostics import Diagnostic
from reludsl.network import Network
from reludsl.perturbation_sets import PerturbationSet
from reludsl.verification.exact import Minima, Problem, exact_minima
from reludsl.verification.neurons import right

if TYPE_CHECKING:
    import polars

Array = np.ndarray
Attack = Callable[[Network, Samples, PerturbationSet], Array]
"""Perturbations (n, d) of scaled samples inside their sets that are bad for the network."""

LEVELS = ("clean", "attacked", "exact", "certified", "interval")


@dataclass(frozen=True, eq=False)
class Certification:
    """Per sample and level what a network is worth, see the module.

    For labels `margins` hold a number (n,) for every level: y f or f_y less the greatest other output, attained for
    `clean` and `attacked`, a lower bound for the others; `right` says (n,) which samples count. For real-valued targets
    `errors` hold |f - y| in the target's units, (n,) or (n, c), each output at a worst perturbation of its own; an
    upper bound where it is proved. `perturbations` (n, d) are the worst known ones in raw units. `undecided` (n,) are
    neither proved nor broken, or have errors that the search has not settled. Levels that were not asked for are
    missing.
    """

    margins: Mapping[str, Array]
    right: Mapping[str, Array]
    errors: Mapping[str, Array]
    perturbations: Array
    undecided: Array

    @property
    def measure(self) -> str:
        """What `scores` holds: `accuracy` or `rmse`."""
        return "accuracy" if self.right else "rmse"

    @property
    def scores(self) -> dict[str, float]:
        """The accuracy of every level, or the root of the mean squared error, the mean over several outputs."""
        if self.right:
            return {level: float(np.mean(counts)) for level, counts in self.right.items()}
        with np.errstate(over="ignore"):
            roots = {level: np.sqrt(np.mean(errors**2, axis=0)) for level, errors in self.errors.items()}
        return {level: float(np.mean(root)) for level, root in roots.items()}

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        count, all_ = int(self.undecided.sum()), len(self.undecided)
        if "exact" not in self.scores or not count:
            return ()
        message = f"{count} of {all_} samples {'is' if count == 1 else 'are'} undecided"
        notes = ("they count as lost at the level `exact`",) if self.right else ("their proved bounds count",)
        return (Diagnostic("S405", message, severity="warning", notes=notes, help="allow more time"),)

    def rows(self) -> list[tuple[str, str]]:
        """The scores as names and texts."""
        rows = [(f"{level} {self.measure}", f"{score:.6g}") for level, score in self.scores.items()]
        count = int(self.undecided.sum())
        return [*rows, ("undecided", f"{count} of {len(self.undecided)} samples")] if count else rows

    def __str__(self) -> str:
        return "\n".join(f"{name:<20} {text}" for name, text in self.rows())

    def table(self) -> polars.DataFrame:
        """A row a sample: margin or errors of every level, whether it counts, and whether it is undecided."""
        import polars

        columns: dict[str, Array] = {"sample": np.arange(1, len(self.undecided) + 1)}
        for level, margins in self.margins.items():
            columns |= {f"{level}_margin": margins, f"{level}_right": self.right[level]}
        for level, errors in self.errors.items():
            outputs = errors.reshape(len(errors), -1).T
            names = [f"{level}_error"] if errors.ndim == 1 else [f"{level}_error_{k + 1}" for k in range(len(outputs))]
            columns |= dict(zip(names, outputs, strict=True))
        return polars.DataFrame({**columns, "undecided": self.undecided})

    def to_json(self, path: str | None = None) -> dict[str, Any]:
        """The scores as a JSON-ready object; `path` is where the table of samples was written."""
        return {
            "measure": self.measure,
            "scores": self.scores,
            "samples": len(self.undecided),
            "undecided": int(self.undecided.sum()),
            "table": path,
        }


def certify_samples(
    network: Network,
    samples: Samples,
    perturbations: PerturbationSet,
    attack: Attack | None = None,
    exact: bool = True,
    time_limit: float | None = None,
) -> Certification:
    """All levels for scaled samples and sets in scaled units.

    Without an attack there is no level `attacked`, without `exact` no such level. The exact search takes the samples
    that neither the attack nor the linear bounds decide, for at most `time_limit` seconds. Raises ValueError for sets
    without bounds.
    """
    problem = Problem(network, samples, perturbations)
    worst, reached = _worst_of(problem, attack)
    levels = {"clean": problem.values(np.zeros(samples.X.shape))}
    if attack is not None:
        levels["attacked"] = reached
    proved = {"certified": problem.linear, "interval": problem.interval}
    if network.encoding.labels is not None:
        return _of_labels(problem, levels, proved, worst, exact, time_limit)
    return _of_values(problem, levels, proved, worst, exact, time_limit)


def _worst_of(problem: Problem, attack: Attack | None) -> tuple[Array, Array]:
    """The attack's perturbations (n, d) where they are worse than none, and the goals (n, g) at their worst."""
    samples, perturbations = problem.samples, problem.perturbations
    none = np.zeros(samples.X.shape)
    clean = problem.values(none)
    if attack is None:
        return none, clean
    found = perturbations.project(np.asarray(attack(problem.network, samples, perturbations)))
    reached = problem.values(found)
    worse = problem.least(reached).min(axis=1) < problem.least(clean).min(axis=1)
    if problem.network.encoding.labels is not None:
        worse |= ~right(problem.network, samples, samples.X + found)  # a tie may be lost
        return np.where(worse[:, None], found, none), np.where(worse[:, None], reached, clean)
    return np.where(worse[:, None], found, none), np.minimum(reached, clean)


def _of_labels(
    problem: Problem,
    levels: dict[str, Array],
    proved: dict[str, Array],
    worst: Array,
    exact: bool,
    time_limit: float | None,
) -> Certification:
    network, samples, perturbations = problem.network, problem.samples, problem.perturbations
    clean = right(network, samples, samples.X)
    low, high = perturbations.limits
    still = ((low == 0) & (high == 0)).all(axis=1)  # a sample that cannot change is decided by its own label
    unbroken = right(network, samples, samples.X + worst) & clean
    certified = clean & (problem.met(proved["certified"]) | still)
    counts = {
        "clean": clean,
        "attacked": unbroken,
        "certified": certified,
        "interval": clean & (problem.met(proved["interval"]) | still),
    }
    margins = {level: values.min(axis=1) for level, values in (levels | proved).items()}
    proved_right = certified
    if exact:
        wanted = unbroken & ~certified
        minima = exact_minima(problem, wanted[:, None], time_limit, target=0.0)
        settled = wanted & (minima.lower[:, 0] > 0)
        ties = np.all([~goal.concerned | goal.ties for goal in problem.goals], axis=0)
        settled |= wanted & ties & (minima.lower[:, 0] == 0)
        proved_right = counts["exact"] = certified | settled
        margins["exact"] = minima.lower[:, 0]
        worst = np.where(wanted[:, None], minima.perturbations[:, 0], worst)
        unbroken = unbroken & right(network, samples, samples.X + worst)
    for level in ("exact", "certified", "interval"):
        if level in margins:
            margins[level] = np.where(still, margins["clean"], margins[level])
    return Certification(
        _in_order(margins),
        {level: counts[level] for level in _in_order(margins)},
        {},
        worst * network.encoding.divisor,
        unbroken & ~proved_right,
    )


def _of_values(
    problem: Problem,
    levels: dict[str, Array],
    proved: dict[str, Array],
    worst: Array,
    exact: bool,
    time_limit: float | None,
) -> Certification:
    encoding = problem.network.encoding
    sizes = np.abs(np.atleast_1d(encoding.target_divisor))
    least = {level: problem.least(values) for level, values in (levels | proved).items()}
    undecided: Array = np.zeros(len(worst), dtype=bool)
    if exact:
        minima = exact_minima(problem, np.ones(least["clean"].shape, dtype=bool), time_limit)
        undecided = np.asarray(~minima.finished.all(axis=1))
        least["exact"] = minima.lower
        worst = _worst_perturbation(minima, worst, problem, sizes)
    errors = {level: -values * sizes for level, values in _in_order(least).items()}
    if not encoding.several:
        errors = {level: values[:, 0] for level, values in errors.items()}
    return Certification({}, {}, errors, worst * encoding.divisor, undecided)


def _worst_perturbation(minima: Minima, worst: Array, problem: Problem, sizes: Array) -> Array:
    """The perturbations (n, d) with the greatest error in any output, of those found and the attack's."""
    rows, group = np.arange(len(worst)), np.argmin(minima.upper * sizes, axis=1)
    attacked = (problem.least(problem.values(worst)) * sizes).min(axis=1)
    better = (minima.upper * sizes)[rows, group] < attacked
    return np.where(better[:, None], minima.perturbations[rows, group], worst)


def _in_order(levels: Mapping[str, Array]) -> dict[str, Array]:
    return {level: levels[level] for level in LEVELS if level in levels}


@dataclass(frozen=True, eq=False)
class ExactAttack:
    """The worst perturbations (n, d) of scaled samples that were found.

    `finished` (n,) says which of them are the worst there are, up to the tolerance of the search. `reached` (n,) is the
    least margin there, or less the greatest error of any output in the target's units, and `lower` (n,) what is proved
    that no perturbation in the set gets below.
    """

    perturbations: Array
    reached: Array
    lower: Array
    finished: Array


def exact_attack(
    network: Network, samples: Samples, perturbations: PerturbationSet, time_limit: float | None = None
) -> ExactAttack:
    """The worst perturbation of every scaled sample, in scaled units, by exact search. Raises ValueError as above."""
    problem = Problem(network, samples, perturbations)
    sizes = np.abs(np.atleast_1d(network.encoding.target_divisor)) if network.encoding.labels is None else np.ones(1)
    minima = exact_minima(problem, np.ones((len(samples.X), len(problem.groups)), dtype=bool), time_limit)
    worst = _worst_perturbation(minima, np.zeros(samples.X.shape), problem, sizes)
    reached = (problem.least(problem.values(worst)) * sizes).min(axis=1)
    return ExactAttack(worst, reached, (minima.lower * sizes).min(axis=1), np.asarray(minima.finished.all(axis=1)))

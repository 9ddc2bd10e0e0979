"""Exact worst cases of samples: which solver answers, in which order, and for how long."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reludsl.data.encoding import Samples
from reludsl.network import Network
from reludsl.perturbation_sets import PerturbationSet
from reludsl.verification.bounds import interval_bound, linear_bound
from reludsl.verification.branching import Minimum, branch_and_bound, strictly_inside
from reludsl.verification.mixed_integer import mixed_integer
from reludsl.verification.neurons import Goal, Neurons, goals, values
from reludsl.verification.piecewise import Piecewise
from reludsl.verification.reach import Reach

Array = np.ndarray

_SOON = 64
"""So many nodes of branch and bound come before HiGHS."""


@dataclass(frozen=True, eq=False)
class Problem:
    """What a network may do on the sets of scaled samples, with the bounds that everything else starts from.

    Goals come in groups, of which the least matters: all of a label's are one group, and a real-valued output has the
    group of its errors upwards and downwards. Raises ValueError for a set without bounds.
    """

    network: Network
    samples: Samples
    perturbations: PerturbationSet

    @cached_property
    def neurons(self) -> Neurons:
        return Neurons.of(self.network)

    @cached_property
    def reach(self) -> Reach:
        return Reach.of(self.neurons, self.samples.X, self.perturbations)

    @cached_property
    def goals(self) -> list[Goal]:
        return list(goals(self.network, self.samples))

    @property
    def groups(self) -> list[list[int]]:
        count = len(self.goals)
        if self.network.encoding.labels is not None:
            return [list(range(count))]
        return [[k, k + 1] for k in range(0, count, 2)]

    def least(self, values: Array) -> Array:
        """The least goal (n, groups) of every group, for values or bounds (n, g)."""
        return np.asarray(np.stack([values[:, group].min(axis=1) for group in self.groups], axis=1))

    def values(self, delta: Array) -> Array:
        """The goals (n, g) that the network has at perturbations (n, d); infinite where a sample does not have one."""
        return values(self.network, self.samples, self.samples.X + delta)

    @cached_property
    def interval(self) -> Array:
        """Interval bounds (n, g) on the goals; infinite where a sample does not have one."""
        bounds = [interval_bound(self.neurons, self.reach, goal) for goal in self.goals]
        return self._concerned(bounds)

    @cached_property
    def linear(self) -> Array:
        """Linear bounds (n, g), never below the interval bounds."""
        bounds = [linear_bound(self.neurons, self.reach, goal, self.perturbations)[0] for goal in self.goals]
        return np.asarray(np.maximum(self._concerned(bounds), self.interval))

    def _concerned(self, bounds: list[Array]) -> Array:
        columns = [np.where(goal.concerned, bound, np.inf) for goal, bound in zip(self.goals, bounds, strict=True)]
        return np.stack(columns, axis=1)

    def met(self, lower: Array) -> Array:
        """The samples (n,) all of whose goals are proved by lower bounds (n, g)."""
        return np.asarray(np.all([goal.met(bound) for goal, bound in zip(self.goals, lower.T, strict=True)], axis=0))


@dataclass(frozen=True, eq=False)
class Minima:
    """Of every sample and group, (n, groups): `lower` bounds that are proved, and what was found.

    `perturbations` (n, groups, d) are the worst that are known, `upper` the network's least goal there. `finished` says
    where nothing was left to search.
    """

    lower: Array
    upper: Array
    perturbations: Array
    finished: Array


def exact_minima(
    problem: Problem, wanted: Array, time_limit: float | None = None, target: float | None = None
) -> Minima:
    """The least goals of the `wanted` (n, groups) samples and groups, easy ones first; others keep their linear bounds.

    A search for a `target` ends when it is known whether the minimum is above or below. After `time_limit` seconds what
    is left keeps its linear bounds.
    """
    deadline = math.inf if time_limit is None else time.monotonic() + time_limit
    n, d = problem.samples.X.shape
    count = len(problem.groups)
    lower, upper = problem.least(problem.linear), problem.least(problem.values(np.zeros((n, d))))
    perturbations, finished = np.zeros((n, count, d)), ~np.asarray(wanted)
    free = np.sum(~(problem.reach.open | problem.reach.closed), axis=1)
    pairs = np.argwhere(wanted)
    for sample, group in pairs[np.argsort(free[pairs[:, 0]], kind="stable")]:
        if time.monotonic() > deadline:
            break
        found = _group_minimum(problem, sample, problem.groups[group], deadline, target)
        lower[sample, group] = max(lower[sample, group], found.lower)
        finished[sample, group] = found.complete
        perturbations[sample, group] = found.delta
    for group, members in enumerate(problem.groups):
        reached = problem.values(perturbations[:, group])[:, members].min(axis=1)
        perturbations[reached > upper[:, group], group] = 0.0
        upper[:, group] = np.minimum(reached, upper[:, group])
    return Minima(lower, upper, perturbations, finished)


def _group_minimum(problem: Problem, sample: int, group: list[int], deadline: float, target: float | None) -> Minimum:
    """The least of a sample's goals, the most dangerous first."""
    bounds = problem.linear[sample, group]
    lower, upper, complete = np.inf, np.inf, True
    delta = np.zeros(problem.samples.X.shape[1])
    for place in np.argsort(bounds, kind="stable"):
        bound = bounds[place]
        settled = bound >= upper or (target is not None and (bound > target or upper < target))
        if settled or bound == np.inf:
            lower = min(lower, bound)
            continue
        goal = problem.goals[group[place]]
        piecewise = Piecewise.of(problem.neurons, problem.reach, goal, problem.perturbations, sample)
        found = minimum(piecewise, deadline, target)
        lower, complete = min(lower, max(found.lower, bound)), complete and found.complete
        if found.upper < upper:
            upper, delta = found.upper, found.delta
    return Minimum(lower, upper, delta, complete)


def minimum(piecewise: Piecewise, deadline: float = math.inf, target: float | None = None) -> Minimum:
    """The minimum of one goal of one sample, up to the deadline (`time.monotonic`).

    Branch and bound settles most samples in a few nodes. What it does not settle soon is given to HiGHS where the set
    has flat sides, and back where HiGHS's tolerances leave open on which side of the target the minimum is.
    """
    flat = piecewise.perturbations.order != 2
    found = branch_and_bound(piecewise, deadline, target, _SOON if flat else math.inf)
    if found.complete or not flat or time.monotonic() > deadline:
        return found
    mixed, open = mixed_integer(piecewise, deadline - time.monotonic())
    for delta in (mixed.delta, *strictly_inside(piecewise, mixed.delta, open, ~open)):
        for point in (delta, piecewise.worst_of_piece(delta)):
            if (value := piecewise.value(point)) < mixed.upper:
                mixed = Minimum(mixed.lower, value, point, mixed.complete)
    found = _both(found, mixed)
    if mixed.complete and (target is None or not found.lower <= target <= found.upper):
        return found
    return _both(found, branch_and_bound(piecewise, deadline, target))


def _both(first: Minimum, second: Minimum) -> Minimum:
    """What two searches know together; the second ended later."""
    best = min(first, second, key=lambda each: each.upper)
    return Minimum(max(first.lower, second.lower), best.upper, best.delta, second.complete)

"""What perturbations do to a network's training objective: the worst losses over sets around the samples."""

from __future__ import annotations

import numpy as np

from reludsl.ascent import random_changes, uphill_slopes, worst_changes
from reludsl.data.encoding import Samples
from reludsl.network import Network
from reludsl.perturbation_sets import PerturbationSet


def worst_losses(network: Network, samples: Samples, sets: PerturbationSet) -> np.ndarray:
    """The worst loss (n,) of each scaled sample over its set, where every neuron keeps its activation on all of it.

    There the network is affine, and a convex loss is worst at the least or the greatest prediction. With several
    outputs each has its own worst change, with the cross-entropy each class: what comes out may then be too large,
    never too small.
    """
    loss, F, C, Y = network.form.loss, network.scores(samples.X), network.slopes(samples.X), samples.y
    if not network.form.several:
        ends = F - sets.support(-C), F + sets.support(C)
        return np.maximum(*(loss.value(end, Y) for end in ends))
    if loss.one_hot:
        own = np.einsum("nc,ncd->nd", Y, C)
        against = [sets.support(C[:, k] - own) for k in range(F.shape[1])]
        return np.asarray(loss.value(F + (1.0 - Y) * np.stack(against, axis=1), Y))
    total = np.zeros(len(F))
    for k, (f, y) in enumerate(zip(F.T, Y.T, strict=True)):
        ends = f - sets.support(-C[:, k]), f + sets.support(C[:, k])
        total += np.maximum(*(loss.value(end, y) for end in ends))
    return total


def robust_objective(network: Network, samples: Samples, sets: PerturbationSet) -> float:
    """The worst losses of all samples as one number, plus the regularizers; see `worst_losses`."""
    return network.loss_of(worst_losses(network, samples, sets), samples) + network.penalty()


def attacked_losses(network: Network, samples: Samples, sets: PerturbationSet) -> np.ndarray:
    """The greatest losses (n,) of scaled samples in their sets that projected gradient ascent finds.

    It climbs from the samples, from the points to which their slopes lead, and from random ones (seed 0). Gates are
    those of the samples without changes; with one output a gated network is affine on a set, so that is exact.
    """
    loss, Y = network.form.loss, samples.y
    gated = network.gates is not None
    slopes_here, scores_here = network.slopes(samples.X), network.scores(samples.X)

    def see(changes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        X = samples.X + changes
        C = slopes_here if gated else network.slopes(X)
        F = scores_here + np.einsum("n...d,nd->n...", C, changes) if gated else network.scores(X)
        R = uphill_slopes(loss.gradient(F, Y), Y)
        n, d = X.shape
        return loss.value(F, Y), np.einsum("nc,ncd->nd", R.reshape(n, -1), C.reshape(n, -1, d))

    outputs = [slopes_here] if slopes_here.ndim == 2 else list(slopes_here.transpose(1, 0, 2))
    ends = [sets.maximizer(sign * C) for C in outputs for sign in (1.0, -1.0)]
    generator = np.random.default_rng(0)
    random = [random_changes(sets, generator) for _ in range(_RANDOM_STARTS)]
    found = [worst_changes(sets, start, _STEPS, 2.5 / _STEPS, see) for start in (None, *ends, *random)]
    return np.asarray(np.max([see(changes)[0] for changes in found], axis=0))


_STEPS = 20
_RANDOM_STARTS = 3


def attacked_objective(network: Network, samples: Samples, sets: PerturbationSet) -> float:
    """The losses that `attacked_losses` finds as one number, plus the regularizers."""
    return network.loss_of(attacked_losses(network, samples, sets), samples) + network.penalty()


def wasserstein_objective(network: Network, samples: Samples, radius: float, order: float) -> float:
    """The objective plus what the worst distribution of inputs within `radius` adds at most (for the sum of losses).

    `order` is that of the norm dual to the one that measures how far a raw input moves.
    """
    constant = float(lipschitz_constants(network, order).sum())
    moved = network.loss_of(np.full(len(samples.X), radius * constant), samples)
    return network.objective_on(samples) + moved


def lipschitz_constants(network: Network, order: float) -> np.ndarray:
    """Bounds (c,) on how fast each output changes with the raw inputs: the sums of the neurons' own.

    `order` is that of the norm dual to the one that measures how far a raw input moves.
    """
    if not network.width:
        return np.zeros(np.size(network.output_bias))
    raw = network.hidden_weights / network.encoding.divisor[:, None]
    sizes = np.abs(network.output_weights.reshape(network.width, -1))
    steepest = max(1.0, abs(network.activation.slope))
    return np.asarray(steepest * np.linalg.norm(raw, order, axis=0) @ sizes)

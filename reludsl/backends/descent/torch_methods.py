"""Stochastic descent by PyTorch's own optimizers, on the kernel's gradients: the extra `torch`.

The tensors share their memory with the weights, so the gradient of a batch is the kernel's for every loss, activation
and penalty. An iterate that the watch sees is the end of an epoch. Like the kernel, these functions stand word for word
in generated code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from reludsl.backends.descent.kernel import TrainingProblem, Watch, Weights, pack, unpack, value_and_gradient


def sgd(
    problem: TrainingProblem,
    weights: Weights,
    watch: Watch,
    generator: np.random.Generator,
    learning_rate: float = 0.1,
    momentum: float = 0.0,
    batch: int = 32,
) -> None:
    """`torch.optim.SGD` on random batches, for the objective per sample."""
    from torch.optim import SGD

    descend_in_batches(
        problem, weights, watch, generator, batch, lambda tensors: SGD(tensors, lr=learning_rate, momentum=momentum)
    )


def adam(
    problem: TrainingProblem,
    weights: Weights,
    watch: Watch,
    generator: np.random.Generator,
    learning_rate: float = 0.001,
    batch: int = 32,
) -> None:
    """`torch.optim.Adam` on random batches, for the objective per sample (Kingma, Ba 2015)."""
    from torch.optim import Adam

    descend_in_batches(problem, weights, watch, generator, batch, lambda tensors: Adam(tensors, lr=learning_rate))


def descend_in_batches(
    problem: TrainingProblem,
    weights: Weights,
    watch: Watch,
    generator: np.random.Generator,
    batch: int,
    optimizer: Callable[[Sequence[Any]], Any],
) -> None:
    """Epochs over batches of `batch` samples in random order, until the watch ends them.

    Each batch counts as much as all samples together, so that its expected gradient is that of the objective, which is
    divided by the sum of the factors.
    """
    import torch

    n = len(problem.X)
    vector = pack(problem, weights)
    tensor = torch.from_numpy(vector)  # the same memory: a step of the optimizer changes `vector`
    steps = optimizer([tensor])
    while True:
        weights = unpack(problem, vector.copy())
        value, gradient = value_and_gradient(problem, weights)
        if watch.see(weights, value, float(np.linalg.norm(pack(problem, gradient)))):
            return
        order = generator.permutation(n)
        for rows in (order[first : first + batch] for first in range(0, n, batch)):
            part = batch_of(problem, rows)
            _, gradient = value_and_gradient(part, unpack(problem, vector))
            tensor.grad = torch.from_numpy(pack(problem, gradient) / float(problem.factors.sum()))
            steps.step()


def batch_of(problem: TrainingProblem, rows: np.ndarray) -> TrainingProblem:
    """The problem on some of its samples, with a loss as large as that of all of them on average."""
    return replace(
        problem,
        X=problem.X[rows],
        Y=problem.Y[rows],
        factors=problem.factors[rows] * (len(problem.X) / len(rows)),
        gates=None if problem.gates is None else problem.gates[rows],
        attack=None if problem.attack is None else problem.attack.rows(rows),
    )

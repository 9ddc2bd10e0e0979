"""Other people's solvers on the same problems, each written as its users would. None is a dependency of reludsl.

Their modules are imported where they are used, after `Solver.missing` has seen that they are there.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from benchmarks.problems import Instance
from benchmarks.watch import Answer, Watch

_STEPS = {"logistic": 0.9, "cross_entropy": 0.7}
"""How far Clarabel goes towards the border of exponential cones. With its own 0.99 it stalls, at 0.7 it ends nearer."""


def clarabel(instance: Instance, beta: float, goal: float, watch: Watch, **settings: Any) -> Answer:
    """CVXPY with Clarabel at its own tolerances: the program written by hand, compiled and solved.

    With exponential cones its steps are shorter than by default, because it stalls otherwise.
    """
    import cvxpy as cp

    X, Y, masks = instance.X, instance.Y, instance.masks.astype(float)
    (n, d), outputs, patterns = X.shape, Y.shape[1], masks.shape[1]
    signs = (1.0,) if instance.problem.gated else (1.0, -1.0)
    blocks = [[cp.Variable((d, patterns)) for _ in range(outputs)] for _ in signs]
    parts = []
    for output in range(outputs):
        net = sum(sign * block[output] for sign, block in zip(signs, blocks, strict=True))
        parts.append(cp.reshape(cp.sum(cp.multiply(masks, X @ net), axis=1), (n, 1), order="F"))
    every = [variable for block in blocks for variable in block]
    penalty = sum(cp.sum(cp.norm(variable, 2, axis=0)) for variable in every)
    cones = [] if instance.problem.gated else [cp.multiply(2 * masks - 1, X @ variable) >= 0 for variable in every]
    problem = cp.Problem(cp.Minimize(_loss(instance, cp.hstack(parts)) + beta * penalty), cones)
    if (share := _STEPS.get(instance.problem.loss)) is not None:
        settings = {"max_step_fraction": share} | settings
    try:
        problem.solve(solver=cp.CLARABEL, time_limit=max(watch.limit - watch.seconds, 1.0), **settings)
    except cp.SolverError:
        return Answer("failed")
    if every[0].value is None:
        return Answer(str(problem.status))
    columns = np.concatenate([variable.value for variable in every], axis=1)
    iterations = None if problem.solver_stats is None else problem.solver_stats.num_iters
    return Answer(str(problem.status), columns, own=float(problem.value), iterations=iterations)


def _loss(instance: Instance, F: Any) -> Any:
    import cvxpy as cp

    Y = instance.Y
    match instance.problem.loss:
        case "squared":
            return 0.5 * cp.sum_squares(F - Y)
        case "absolute":
            return cp.sum(cp.abs(F - Y))
        case "huber":
            return 0.5 * cp.sum(cp.huber(F - Y, 1.0))
        case "hinge":
            return cp.sum(cp.pos(1 - cp.multiply(Y, F)))
        case "logistic":
            return cp.sum(cp.logistic(-cp.multiply(Y, F)))
        case "cross_entropy":
            return cp.sum(cp.log_sum_exp(F, axis=1)) - cp.sum(cp.multiply(Y, F))
    raise ValueError(instance.problem.loss)


class _Over(Exception):
    """The time limit is over; pyscnn has none of its own."""


def pyscnn(instance: Instance, beta: float, goal: float, watch: Watch, dtype: str, **settings: Any) -> Answer:
    """pyscnn's solver for the problem's kind of network, with the gate vectors of the patterns.

    Its objective is ours divided by n, so its strength is beta / n; the columns of the samples stay as they are,
    because unitizing them would change the penalty. It hands the iterates to a callback.
    """
    from scnn.metrics import Metrics
    from scnn.models import ConvexGatedReLU, ConvexReLU
    from scnn.private.interface import (
        build_internal_model,
        build_metrics_tuple,
        build_optimizer,
        get_logger,
        process_data,
        set_device,
    )
    from scnn.regularizers import NeuronGL1
    from scnn.solvers import AL, RFISTA

    n, gated = len(instance.X), instance.problem.gated
    set_device("cpu", dtype, 0)
    kind, method = (ConvexGatedReLU, RFISTA) if gated else (ConvexReLU, AL)
    public = kind(instance.directions, c=instance.Y.shape[1])
    regularizer, metrics = NeuronGL1(beta / n), Metrics()
    train, test, _ = process_data(instance.X, instance.Y, None, None, unitize_data=False)
    model = build_internal_model(public, regularizer, train[0])
    limits = {"max_iters": 10**6} if gated else {"max_primal_iters": 10**6}
    procedure = build_optimizer(method(public, **limits, **settings), regularizer, metrics)
    # It orders the patterns in its own way and may decide otherwise about samples next to a hyperplane.
    theirs, ours = 2.0 * np.asarray(model.D) - 1.0, 2.0 * instance.masks - 1.0
    places = np.argmax(theirs.T @ ours, axis=1)

    def columns() -> np.ndarray:
        weights = np.asarray(model_now[0].weights, dtype=float).reshape(-1, len(places), instance.X.shape[1])
        u = np.zeros((len(weights), instance.masks.shape[1], instance.X.shape[1]))
        u[:, places] = weights
        return u.reshape(-1, instance.X.shape[1]).T

    model_now, iteration = [model], 0

    def callback(current: Any, X: Any, y: Any) -> Any:
        nonlocal iteration
        iteration += 1
        model_now[0] = current
        watch.show(iteration, columns)
        if watch.over:
            raise _Over
        return current

    logger = get_logger("scnn", False, False, None)
    logger.setLevel(logging.ERROR)
    try:
        status, model_now[0], _ = procedure(
            logger, model, lambda start: start, train, test, build_metrics_tuple(metrics), callback=callback
        )
        ended = "solved" if status["success"] else "iteration limit"
    except _Over:
        ended = "time limit"
    own = n * float(_penalized(model_now[0], train))
    return Answer(ended, columns(), own=own, iterations=iteration)


def _penalized(model: Any, train: Any) -> Any:
    """pyscnn's own objective without the penalties of its augmented Lagrangian."""
    X, y = train
    return model._objective(X, y, model.weights) + model.regularizer.penalty(model.weights)


def descent(instance: Instance, beta: float, goal: float, watch: Watch, neurons: int = 200) -> Answer:
    """L-BFGS on the network and its weight decay in PyTorch, from random starts until the time is over."""
    import torch

    torch.set_num_threads(1)
    X, Y = torch.from_numpy(instance.X), torch.from_numpy(instance.Y)
    d, best, best_value, starts = instance.X.shape[1], None, float("inf"), 0
    while not watch.over:
        generator = torch.Generator().manual_seed(starts)
        starts += 1
        hidden = 0.3 / d**0.5 * torch.randn(d, neurons, generator=generator, dtype=X.dtype)
        output = 0.3 / d**0.5 * torch.randn(neurons, Y.shape[1], generator=generator, dtype=X.dtype)
        weights = [hidden.requires_grad_(), output.requires_grad_()]
        optimizer = torch.optim.LBFGS(weights, max_iter=20, history_size=10, line_search_fn="strong_wolfe")

        def objective(weights: list[Any] = weights, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            F = torch.relu(X @ weights[0]) @ weights[1]
            value = _torch_loss(instance.problem.loss, F, Y) + 0.5 * beta * sum((w**2).sum() for w in weights)
            value.backward()
            return value

        last = float("inf")
        for _ in range(500):
            value = float(optimizer.step(objective).detach())
            if watch.over or not value < last * (1 - 1e-9):
                break
            last = value
        value = float(objective().detach())
        if value < best_value:
            best_value, best = value, tuple(w.detach().numpy().copy() for w in weights)
            watch.tell(starts, value)
    assert best is not None
    return Answer("time limit", network=(best[0], best[1]), own=best_value, iterations=starts)


def _torch_loss(kind: str, F: Any, Y: Any) -> Any:
    from torch.nn import functional

    match kind:
        case "squared":
            return 0.5 * ((F - Y) ** 2).sum()
        case "absolute":
            return (F - Y).abs().sum()
        case "huber":
            return functional.huber_loss(F, Y, reduction="sum", delta=1.0)
        case "hinge":
            return (1 - Y * F).clamp(min=0).sum()
        case "logistic":
            return functional.softplus(-Y * F).sum()
        case "cross_entropy":
            return functional.cross_entropy(F, Y, reduction="sum")
    raise ValueError(kind)

"""The bound of the cell program, on the training problem itself: what the best neuron of every cell brings.

A dual point z (n, c) with ‖zᵀσ(Xu)‖ ≤ β for all unit vectors u bounds the optimum of training from below, for every
width, by −L*(−z). Over the cells that maximum is one of a few closed forms, so any z can be scaled until the condition
holds: no z makes the bound untrue, a poor one makes it loose.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from reludsl.cells import Cells
from reludsl.cells.coordinates import cell_coordinates
from reludsl.cells.moments import cell_neurons, loud_blocks
from reludsl.ir import CellForm, Program, violations
from reludsl.ir.pattern_problem import PatternProblem
from reludsl.pricing import greatest_over_cells


def loss_problem(form: CellForm, arrays: Mapping[str, np.ndarray]) -> PatternProblem:
    """The numbers of the losses and output biases; what hidden neurons bring is said by `price`."""
    X, Y = np.asarray(arrays["X"], dtype=float), np.asarray(arrays[form.y.name], dtype=float)
    weights = np.asarray(arrays["omega"], dtype=float) if form.weighted else None
    scale = 1.0 if not form.mean else float(len(Y)) if weights is None else float(weights.sum())
    return PatternProblem(
        X,
        np.zeros((len(X), 0)),
        None,
        form.loss,
        Y,
        weights,
        group=scale * form.penalty.group,
        signed=False,
        offset=form.output_bias,
        offset_l2=scale * form.penalty.offset_l2,
        scale=scale,
    )


def price(form: CellForm, arrays: Mapping[str, np.ndarray], z: np.ndarray) -> float:
    """What a neuron of norm 1 brings at most at a finite dual point z (n, c): a bound on max ‖zᵀσ(Xu)‖ over unit u."""
    generators = arrays["generators"]
    masks = np.asarray(arrays["D"], dtype=bool)[:, :: len(arrays["H"]) // len(generators)]
    cells = Cells(arrays["basis"], generators, masks, arrays["deviation"], masks.shape[1])
    return greatest_over_cells(np.asarray(arrays["X"], dtype=float), z, cells, form.activation.slope)


def moment_predictions(form: CellForm, arrays: Mapping[str, np.ndarray], point: Mapping[str, np.ndarray]) -> np.ndarray:
    """F (n, c) at a point of the program."""
    gates = np.asarray(form.activation.gate_values(np.asarray(arrays["D"], dtype=bool)), dtype=float)
    W, outputs = np.asarray(point[form.W.name], dtype=float), arrays[form.y.name].shape[1]
    offset = 0.0 if form.c0 is None else np.asarray(point[form.c0.name], dtype=float)
    return np.asarray((gates * (arrays["X"] @ arrays["B"])) @ W[:, :outputs] + offset)


def feasible_moments(
    form: CellForm, arrays: Mapping[str, np.ndarray], point: Mapping[str, np.ndarray], share: float
) -> dict[str, np.ndarray]:
    """The point with its louder blocks made of neurons, which satisfies the constraints, and without the others.

    The neurons are balanced, hidden weights costing what output weights do. Where the solver leaves a little of W[y, α]
    to next to nothing of W[y, y], the output weights alone would be large.
    """
    W = np.asarray(point[form.W.name], dtype=float)
    order, outputs = W.shape[1], arrays[form.y.name].shape[1]
    blocks, sides = W.reshape(-1, order, order), cell_coordinates(arrays["generators"])[1]
    costs = np.asarray(arrays["H"], dtype=float).reshape(blocks.shape)
    kept = np.zeros_like(blocks)
    for k in loud_blocks(blocks, share):
        y, alpha = cell_neurons(blocks[k], sides[k], outputs)
        hidden = np.einsum("kx,xy,ky->k", y, costs[k, outputs:, outputs:], y)
        weights = np.einsum("kx,xy,ky->k", alpha, costs[k, :outputs, :outputs], alpha)
        both = (hidden > 0) & (weights > 0)
        factors = (weights[both] / hidden[both])[:, None] ** 0.25
        neurons = np.concatenate([alpha[both] / factors, y[both] * factors], axis=1)
        kept[k] = neurons.T @ neurons
    return {**point, form.W.name: kept.reshape(W.shape)}


def moment_violation(
    program: Program, form: CellForm, arrays: Mapping[str, np.ndarray], point: Mapping[str, np.ndarray]
) -> float:
    """The largest violation of the constraints, relative to the largest trace of a block."""
    W = np.asarray(point[form.W.name], dtype=float)
    order = W.shape[1]
    size = float(np.trace(W.reshape(-1, order, order), axis1=1, axis2=2).max(initial=0.0))
    return max(violations(program, {**arrays, **point}).values()) / size if size > 0 else 0.0

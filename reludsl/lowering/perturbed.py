"""The sets around the samples as arrays of a robust program. Plain NumPy, so that it can stand in generated code."""

from __future__ import annotations

from typing import Any

import numpy as np

from reludsl.lowering.robust_cones import Reach
from reludsl.perturbation_sets import perturbation_set


def set_arrays(
    raw: np.ndarray, divisor: np.ndarray, bias: bool, norm: str, limited: bool, **limits: object
) -> dict[str, np.ndarray]:
    """What a robust program needs to know of the sets of scaled samples raw / divisor, both (n, d) and (d,).

    Radii `r` (d,) of a ball, half-widths `H` (n, d) of a box, and how far the centres of the boxes are from the
    samples, `M` (n, d). A ball has limits beside it where it is `limited`; then it has both. A bias, the last entry
    everywhere, never changes. `norm` and `limits` are those of `perturbation_set`.
    """
    sets = perturbation_set(raw, norm, **limits)
    arrays: dict[str, np.ndarray] = {}
    if norm in ("l1", "l2") or (norm == "linf" and not limited):
        radius = np.broadcast_to(np.asarray(limits["radius"], dtype=float), divisor.shape)
        arrays["r"] = radius / divisor
    if limited or norm == "box":
        lower, upper = sets.limits
        arrays["H"], arrays["M"] = (upper - lower) / (2 * divisor), (upper + lower) / (2 * divisor)
    if bias:
        arrays = {name: np.concatenate([array, 0 * array[..., :1]], axis=-1) for name, array in arrays.items()}
    return arrays


def reach_of(arrays: dict[str, np.ndarray], ball: int | str | None) -> Reach:
    """How far the samples may move, for whoever looks for patterns: `arrays` as from `set_arrays`, `ball` the order.

    Where a box beside a ball has another centre than its sample, the box that surrounds both of them is taken.
    """
    widths = arrays.get("H")
    if widths is None and ball == "inf":
        return Reach(arrays["r"][None])
    if widths is not None and "M" in arrays:
        widths = widths + np.abs(arrays["M"])
    return Reach(widths, arrays.get("r"), 1 if ball == 1 else 2)


def rows_of_outputs(n: int, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    """The sample (n, n c) and the output (n c, c) of each row of a program with several outputs."""
    return np.kron(np.eye(n), np.ones((1, outputs))), np.tile(np.eye(outputs), (n, 1))


def slopes_of_scaling(divisor: np.ndarray, bias: bool) -> np.ndarray:
    """What a unit of a raw input is in scaled ones (d,), 0 for a bias."""
    return np.append(1.0 / divisor, 0.0) if bias else 1.0 / divisor


def pulls_at_zero(loss: Any, y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """How each sample pulls at the outputs of the network without neurons: minus the gradients of the losses (n, c)."""
    gradient = np.asarray(loss.gradient(np.zeros_like(y, dtype=float), y), dtype=float).reshape(len(y), -1)
    return -gradient if weights is None else -weights[:, None] * gradient

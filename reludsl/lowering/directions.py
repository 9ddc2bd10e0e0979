"""Where a model's patterns come from: random directions, a guarantee, a file, or all that there are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reludsl.diagnostics import Diagnostic, Label
from reludsl.mistakes import Mistakes
from reludsl.model.model import Draw, Exact, Guarantee, Model
from reludsl.model.values import Decision

if TYPE_CHECKING:
    import numpy as np

MOST_DRAWN = 100_000
"""A guarantee that needs more directions than this is refused: the program would not fit into memory."""


@dataclass(frozen=True, eq=False)
class Patterns:
    """Masks (n, P) of patterns, a direction (d, P) for each, how many were drawn, and whether these are all."""

    masks: np.ndarray
    directions: np.ndarray
    drawn: int
    origin: str
    complete: bool = False
    decisions: tuple[Decision, ...] = ()


def find_patterns(model: Model, X: np.ndarray, outputs: int) -> Patterns:
    """The patterns of samples X (n, d), bias included, that the formulation asks for. Raises Mistakes."""
    formulation = model.formulation
    if isinstance(formulation, Exact):
        return _all_patterns(model, X, formulation)
    from reludsl.lowering.patterns import patterns_of, sample_patterns

    draw, slope = formulation.draw, pattern_slope(model)
    if draw.gates is not None:
        from reludsl.data.gates import read_gates

        given = read_gates(draw.gates, _folder(model), X.shape[1], draw.gates_span)
        masks, directions = patterns_of(X, given, slope)
        origin = f"{masks.shape[1]} distinct patterns of the {given.shape[1]} directions in `{draw.gates}`"
        return Patterns(masks, directions, given.shape[1], origin)
    count = number_to_draw(draw, model, len(X), outputs)
    guaranteed = isinstance(draw.count, Guarantee)
    masks, directions, drawn = sample_patterns(X, count, draw.seed, slope=slope, draws=guaranteed)
    origin = f"{masks.shape[1]} distinct patterns from {drawn} directions"
    decisions: tuple[Decision, ...] = ()
    if guaranteed:
        decisions = (Decision(f"formulation.{_option(model)}", str(count), "directions, as the guarantee needs"),)
    elif masks.shape[1] < count:
        reason = f"{count} asked for, {drawn} directions brought no more"
        decisions = (Decision("formulation.patterns", str(masks.shape[1]), reason),)
    return Patterns(masks, directions, drawn, origin, decisions=decisions)


def pattern_slope(model: Model) -> float:
    """Which patterns are of no use: the empty one for slope 0, complements for -1 (see `patterns.py`)."""
    return model.activation.slope


def number_to_draw(draw: Draw, model: Model, n: int, outputs: int) -> int:
    """How many directions, or neurons, the spec asks for. Raises Mistakes (D323) for a guarantee that needs too many.

    The dual of the program has a variable for each prediction, and one for its epigraph (Campi, Garatti 2008).
    """
    if not isinstance(draw.count, Guarantee):
        return draw.count
    from reludsl.lowering.guarantee import smallest_count

    count = smallest_count(n * outputs + 1, draw.count.violation, draw.count.confidence)
    if count > MOST_DRAWN:
        span = model.formulation.span
        raise Mistakes(
            [
                Diagnostic(
                    "D323",
                    f"the guarantee needs {count} random {'neurons' if _option(model) == 'neurons' else 'patterns'} "
                    f"for {n} samples",
                    (Label(span, f"at most {MOST_DRAWN} are drawn"),) if span else (),
                    help="allow a greater `violation`, or give a number instead",
                )
            ]
        )
    return count


def _option(model: Model) -> str:
    return "neurons" if model.formulation.name == "random_features" else "patterns"


def _folder(model: Model) -> Path:
    """Where relative paths of a spec start."""
    path = Path(model.source.name)
    return path.parent if path.is_file() else Path()


def _all_patterns(model: Model, X: np.ndarray, formulation: Exact) -> Patterns:
    from reludsl.lowering.patterns import (
        count_patterns,
        enumerate_patterns,
        interior_directions,
        patterns_of,
    )

    count = count_patterns(X)
    if count > formulation.limit:
        raised = f", or raise the limit: `formulation exact {{ limit = {count} }}`" if count <= 1_000_000 else ""
        labels = (Label(formulation.span, f"the limit is {formulation.limit}"),) if formulation.span else ()
        raise Mistakes(
            [
                Diagnostic(
                    "D316",
                    f"{len(X)} samples in {X.shape[1]} dimensions have up to {count} activation patterns",
                    labels,
                    ("a hidden bias counts as a dimension",) if model.architecture.hidden_bias else (),
                    f"use `formulation sampled`, or fewer samples or columns{raised}",
                )
            ]
        )
    masks, complete = enumerate_patterns(X, slope=pattern_slope(model))
    directions = X[:0].T  # nobody asks for them
    if model.activation.gated or model.activation.stepwise:
        masks, directions = patterns_of(X, interior_directions(X, masks), slope=pattern_slope(model))
    origin = f"{masks.shape[1]} patterns: " + ("all there are" if complete else "all that were found")
    return Patterns(masks, directions, masks.shape[1], origin, complete)

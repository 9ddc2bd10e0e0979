"""Where a model's patterns come from: random directions, a guarantee, a file, or all that there are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reludsl.diagnostics import Diagnostic, Label
from reludsl.mistakes import Mistakes
from reludsl.model.model import Draw, Drawn, Exact, Guarantee, Model
from reludsl.model.values import Decision

if TYPE_CHECKING:
    import numpy as np

    from reludsl.lowering.robust_cones import Reach

MOST_DRAWN = 100_000
"""A guarantee that needs more directions than this is refused: the program would not fit into memory."""


@dataclass(frozen=True, eq=False)
class Patterns:
    """Masks (n, P) of patterns, a direction (d, P) for each, how many were drawn, and whether these are all.

    `survived` is how many of those that were drawn, or enumerated, keep on whole sets around the samples, where that
    was asked.
    """

    masks: np.ndarray
    directions: np.ndarray
    drawn: int
    origin: str
    complete: bool = False
    decisions: tuple[Decision, ...] = ()
    survived: int | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How many patterns there were on the way."""
        survived = {} if self.survived is None else {"survived": self.survived}
        return {"drawn": self.drawn, **survived, "kept": self.masks.shape[1]}


def find_patterns(
    model: Model, X: np.ndarray, outputs: int, reach: Reach | None = None, pulls: np.ndarray | None = None
) -> Patterns:
    """The patterns of samples X (n, d), bias included, that the formulation asks for. Raises Mistakes.

    With a `reach`, those that keep on the whole set around every sample (D342 where there is none); `pulls` (n, c) see
    `robust_patterns`.
    """
    found = _patterns(model, X, outputs, reach, pulls)
    if reach is None or found.masks.shape[1]:
        return found
    span = None if model.perturbation is None else model.perturbation.span
    labels = () if span is None else (Label(span, "no neuron keeps its activation on sets of this size"),)
    bias = "" if model.architecture.hidden_bias else ", or `bias = hidden`, with which one pattern always survives"
    message = "no activation pattern survives this perturbation"
    raise Mistakes([Diagnostic("D342", message, labels, (found.origin,), f"choose a smaller radius{bias}")])


def _patterns(model: Model, X: np.ndarray, outputs: int, reach: Reach | None, pulls: np.ndarray | None) -> Patterns:
    formulation = model.formulation
    if isinstance(formulation, Exact):
        return _surviving(model, X, _all_patterns(model, X, formulation), reach)
    from reludsl.lowering.patterns import patterns_of, sample_patterns

    assert isinstance(formulation, Drawn), "a relaxation has no patterns"
    draw, slope = formulation.draw, pattern_slope(model)
    if draw.gates is not None:
        from reludsl.data.gates import read_gates

        given = read_gates(draw.gates, _folder(model), X.shape[1], draw.gates_span)
        masks, directions = patterns_of(X, given, slope)
        origin = f"{masks.shape[1]} distinct patterns of the {given.shape[1]} directions in `{draw.gates}`"
        return _surviving(model, X, Patterns(masks, directions, given.shape[1], origin), reach)
    count = number_to_draw(draw, model, len(X), outputs)
    guaranteed = isinstance(draw.count, Guarantee)
    if reach is not None:
        return _robust_patterns(X, count, draw.seed, slope, guaranteed, reach, pulls)
    masks, directions, drawn = sample_patterns(X, count, draw.seed, slope=slope, draws=guaranteed)
    origin = f"{masks.shape[1]} distinct patterns from {drawn} directions"
    decisions: tuple[Decision, ...] = ()
    if guaranteed:
        decisions = (Decision(f"formulation.{_option(model)}", str(count), "directions, as the guarantee needs"),)
    elif masks.shape[1] < count:
        reason = f"{count} asked for, {drawn} directions brought no more"
        decisions = (Decision(f"formulation.{_option(model)}", str(masks.shape[1]), reason),)
    return Patterns(masks, directions, drawn, origin, decisions=decisions)


def _surviving(model: Model, X: np.ndarray, found: Patterns, reach: Reach | None) -> Patterns:
    """Those of the patterns that keep on the whole sets; fixed gates have to do so by themselves."""
    if reach is None:
        return found
    from reludsl.lowering.robust_cones import inside, surviving

    if model.activation.gated:
        alive, directions = inside(X, found.directions, reach), found.directions
    else:
        alive, directions = surviving(X, found.masks, reach)
    survived = int(alive.sum())
    origin = f"{found.origin}; {survived} survive the perturbation"
    return replace(
        found, masks=found.masks[:, alive], directions=directions[:, alive], origin=origin, survived=survived
    )


def _robust_patterns(
    X: np.ndarray, count: int, seed: int, slope: float, draws: bool, reach: Reach, pulls: np.ndarray | None
) -> Patterns:
    from reludsl.lowering.robust_patterns import robust_patterns

    masks, directions, drawn, survived = robust_patterns(X, count, seed, reach, slope, draws, pulls)
    kept = masks.shape[1]
    origin = f"{kept} distinct patterns that survive the perturbation, {survived} of them from {drawn} directions"
    reason = f"{survived} of the random ones survive the perturbation, {kept - survived} were searched for"
    return Patterns(
        masks,
        directions,
        drawn,
        origin,
        decisions=(Decision("formulation.patterns", str(kept), reason),),
        survived=survived,
    )


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
    names = {"random_features": "neurons", "adaptive": "initial"}
    return names.get(model.formulation.name, "patterns")


def _folder(model: Model) -> Path:
    """Where relative paths of a spec start."""
    path = Path(model.source.name)
    return path.parent if path.is_file() else Path()


def refuse_too_many(model: Model, X: np.ndarray, formulation: Exact, instead: str) -> None:
    """Raises Mistakes (D316) where samples X (n, d) may have more patterns than the formulation's limit."""
    from reludsl.lowering.patterns import count_patterns

    count = count_patterns(X)
    if count <= formulation.limit:
        return
    raised = f", or raise the limit: `formulation exact {{ limit = {count} }}`" if count <= 1_000_000 else ""
    labels = (Label(formulation.span, f"the limit is {formulation.limit}"),) if formulation.span else ()
    raise Mistakes(
        [
            Diagnostic(
                "D316",
                f"{len(X)} samples in {X.shape[1]} dimensions have up to {count} activation patterns",
                labels,
                ("a hidden bias counts as a dimension",) if model.architecture.hidden_bias else (),
                f"use {instead}{raised}",
            )
        ]
    )


def _all_patterns(model: Model, X: np.ndarray, formulation: Exact) -> Patterns:
    from reludsl.lowering.patterns import enumerate_patterns, interior_directions, patterns_of

    refuse_too_many(model, X, formulation, "`formulation sampled`, or fewer samples or columns")
    masks, complete = enumerate_patterns(X, slope=pattern_slope(model))
    directions = X[:0].T  # nobody asks for them
    if model.activation.gated or model.activation.stepwise:
        masks, directions = patterns_of(X, interior_directions(X, masks), slope=pattern_slope(model))
    origin = f"{masks.shape[1]} patterns: " + ("all there are" if complete else "all that were found")
    return Patterns(masks, directions, masks.shape[1], origin, complete)

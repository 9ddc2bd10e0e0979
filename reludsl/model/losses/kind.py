"""What every loss entry shares: the option `reduction`, and how options become a `Loss`."""

from __future__ import annotations

from collections.abc import Callable

from reludsl.ir import ScalarFunction
from reludsl.model.model import Loss, Structure
from reludsl.model.registry import Kind
from reludsl.options import Choice, ChoiceType, Option, Settings
from reludsl.source import Span

REDUCTION = Option(
    "reduction",
    ChoiceType((Choice("sum", "the sum over samples"), Choice("mean", "the sum divided by the number of samples"))),
    "how the losses of the samples become one number; nothing else is scaled",
    default="sum",
)


def loss_kind(
    name: str,
    summary: str,
    function: Callable[[Settings], ScalarFunction],
    *,
    structure: Structure,
    targets: tuple[str, ...],
    options: tuple[Option, ...] = (),
    formula: str,
    details: str,
    example: str,
) -> Kind:
    """The registry entry of a loss. `function` makes φ or ψ (see `Loss`) from the options."""

    def build(settings: Settings, span: Span | None) -> Loss:
        return Loss(name, function(settings), structure, settings["reduction"], targets, span)

    return Kind(name, summary, build, (*options, REDUCTION), formula, details, example)

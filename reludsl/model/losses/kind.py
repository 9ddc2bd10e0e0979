"""What every loss entry shares: the option `reduction`, and how options become a `Loss`."""

from __future__ import annotations

from collections.abc import Callable

from reludsl.ir import SampleLoss
from reludsl.model.model import Loss
from reludsl.model.registry import Kind, Refusal
from reludsl.options import Choice, ChoiceType, Option, Settings
from reludsl.source import Span

REDUCTION = Option(
    "reduction",
    ChoiceType(
        (
            Choice("sum", "the sum over samples"),
            Choice("mean", "the sum divided by the number of samples, or by the sum of their weights"),
        )
    ),
    "how the losses of the samples become one number; nothing else is scaled",
    default="sum",
)


def loss_kind(
    name: str,
    summary: str,
    function: Callable[[Settings], SampleLoss | Refusal],
    *,
    targets: tuple[str, ...],
    options: tuple[Option, ...] = (),
    formula: str,
    details: str,
    example: str,
) -> Kind:
    """The registry entry of a loss. `function` makes the loss of a sample from the options, or refuses them."""

    def build(settings: Settings, span: Span | None) -> Loss | Refusal:
        loss = function(settings)
        return loss if isinstance(loss, Refusal) else Loss(name, loss, settings["reduction"], targets, span)

    return Kind(name, summary, build, (*options, REDUCTION), formula, details, example)

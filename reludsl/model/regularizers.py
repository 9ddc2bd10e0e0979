"""The kinds of `regularizer`."""

from __future__ import annotations

from reludsl.model.model import Regularizer
from reludsl.model.registry import Kind
from reludsl.options import NumberType, Option, Settings
from reludsl.source import Span

_STRENGTH = Option("strength", NumberType(minimum=0), "β, the weight of the penalty against the loss")


def _weight_decay(settings: Settings, span: Span | None) -> Regularizer:
    return Regularizer("weight_decay", settings["strength"], span)


def _path_norm(settings: Settings, span: Span | None) -> Regularizer:
    return Regularizer("path_norm", settings["strength"], span)


def _none(settings: Settings, span: Span | None) -> None:
    return None


KINDS = (
    Kind(
        "weight_decay",
        "half the squared norm of all weights",
        _weight_decay,
        (_STRENGTH,),
        formula="β/2 Σⱼ (‖uⱼ‖² + αⱼ²)",
        details=(
            "At an optimum ‖uⱼ‖ = |αⱼ| for every neuron, so weight decay equals the path norm there, and that is what "
            "the convex program penalizes (Pilanci, Ergen 2020). Recovered neurons are balanced, so both have the same "
            "value on them. A hidden bias is counted in uⱼ."
        ),
        example="regularizer weight_decay { strength = 1e-3 }",
    ),
    Kind(
        "path_norm",
        "the sum over neurons of input norm times output weight",
        _path_norm,
        (_STRENGTH,),
        formula="β Σⱼ ‖uⱼ‖₂ |αⱼ|",
        details=(
            "The form of weight decay that does not change when a neuron's input weights are multiplied and its output "
            "weight is divided by the same positive number. It has the same convex program as weight decay."
        ),
        example="regularizer path_norm { strength = 1e-3 }",
    ),
    Kind(
        "none",
        "no penalty",
        _none,
        formula="0",
        details="The default. Without a penalty the optimum is not unique and no useful lower bound exists.",
        example="regularizer none",
    ),
)

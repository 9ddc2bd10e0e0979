"""The kinds of `regularizer`."""

from __future__ import annotations

from collections.abc import Callable

from reludsl.ir import Penalty
from reludsl.ir.penalty import PenaltyName
from reludsl.model.model import Regularizer
from reludsl.model.registry import Kind
from reludsl.options import Choice, ChoiceType, NumberType, Option, Settings
from reludsl.source import Span

_OPTIONS = (
    Option("strength", NumberType(minimum=0), "β, the weight of the penalty against the loss"),
    Option(
        "biases",
        ChoiceType((Choice("penalized", "they count as weights"), Choice("free", "they cost nothing"))),
        "whether biases are penalized",
        default="penalized",
    ),
)


def _penalty(name: PenaltyName) -> Callable[[Settings, Span | None], Regularizer]:
    def build(settings: Settings, span: Span | None) -> Regularizer:
        return Regularizer(Penalty(name, settings["strength"], settings["biases"] == "penalized"), span)

    return build


def _none(settings: Settings, span: Span | None) -> None:
    return None


KINDS = (
    Kind(
        "weight_decay",
        "half the squared norm of all weights",
        _penalty("weight_decay"),
        _OPTIONS,
        formula="β/2 Σⱼ (‖uⱼ‖² + αⱼ²)",
        details=(
            "At an optimum ‖uⱼ‖ = |αⱼ| for every neuron, so weight decay equals the path norm there, and that is what "
            "the convex program penalizes (Pilanci, Ergen 2020). Recovered neurons are balanced, so both have the same "
            "value on them. A hidden bias is counted in uⱼ, an output bias c by β/2 c²; either way the convex program "
            "stays exactly equivalent. Where biases are free, a neuron that is nothing but its bias costs nothing in "
            "the limit of large weights, so the optimum may be approached without being attained."
        ),
        example="regularizer weight_decay { strength = 1e-3 }",
    ),
    Kind(
        "path_norm",
        "the sum over neurons of input norm times output weight",
        _penalty("path_norm"),
        _OPTIONS,
        formula="β Σⱼ ‖uⱼ‖₂ |αⱼ|",
        details=(
            "The form of weight decay that does not change when a neuron's input weights are multiplied and its output "
            "weight is divided by the same positive number. It has the same convex program as weight decay. A "
            "penalized output bias c costs β |c|."
        ),
        example="regularizer path_norm { strength = 1e-3 }",
    ),
    Kind(
        "l1",
        "the sum over all paths of the absolute products of their weights",
        _penalty("l1"),
        _OPTIONS,
        formula="β Σⱼ ‖uⱼ‖₁ |αⱼ|",
        details=(
            "The path norm of Neyshabur, Tomioka, Srebro (2015): a norm of each neuron, so the convex program with "
            "β Σᵢ (‖vᵢ‖₁ + ‖wᵢ‖₁) stays exactly equivalent. It sets single input weights to zero. A penalized output "
            "bias c costs β |c|. Beside `weight_decay` it adds up to the sparse group lasso."
        ),
        example="regularizer l1 { strength = 1e-3 }",
    ),
    Kind(
        "l2",
        "half the squared products of input norm and output weight",
        _penalty("l2"),
        _OPTIONS,
        formula="β/2 Σⱼ ‖uⱼ‖₂² αⱼ²",
        details=(
            "Ridge regression on the blocks of the convex program, β/2 Σᵢ (‖vᵢ‖² + ‖wᵢ‖²): smooth, and it leaves every "
            "neuron in. It does not keep the equivalence: two half neurons cost less than one, so with unlimited width "
            "the penalty of the non-convex problem vanishes, and the convex program is the problem with one neuron of "
            "each sign a pattern. A penalized output bias c costs β/2 c²."
        ),
        example="regularizer l2 { strength = 1e-3 }",
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

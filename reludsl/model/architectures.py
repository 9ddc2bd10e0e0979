"""The kinds of `architecture`."""

from __future__ import annotations

from reludsl.model.model import Architecture
from reludsl.model.registry import Kind
from reludsl.options import Choice, ChoiceType, NumberType, Option, Settings
from reludsl.source import Span


def _two_layer(settings: Settings, span: Span | None) -> Architecture:
    return Architecture(settings["activation"], settings["outputs"], settings["bias"], None, span)


KINDS = (
    Kind(
        "two_layer",
        "one hidden layer, linear output",
        _two_layer,
        options=(
            Option(
                "activation",
                ChoiceType((Choice("relu", "max(0, t)"),)),
                "what a neuron does to its weighted sum",
                default="relu",
            ),
            Option("outputs", NumberType(1, 1, integer=True), "the number of outputs", default=1),
            Option(
                "bias",
                ChoiceType(
                    (
                        Choice("none", "no bias"),
                        Choice("hidden", "a bias in every hidden neuron, penalized like a weight"),
                    )
                ),
                "where biases stand",
                default="none",
            ),
            Option(
                "width",
                ChoiceType((Choice("free", "as many neurons as the optimum has"),)),
                "the number of hidden neurons",
                default="free",
            ),
        ),
        formula="f(x) = Σⱼ (xᵀuⱼ + bⱼ)₊ αⱼ",
        details=(
            "The width is not chosen beforehand: the convex program decides how many neurons the optimum has. A hidden "
            "bias is a column of ones appended to the samples; it is part of the neuron's weights, so the penalty "
            "counts it, and with that the convex program stays exactly equivalent."
        ),
        example="architecture two_layer {\n  activation = relu\n  bias       = hidden\n}",
    ),
)

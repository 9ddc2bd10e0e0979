"""The kinds of `architecture`."""

from __future__ import annotations

from reludsl.ir import Activation
from reludsl.model.model import Architecture
from reludsl.model.registry import Kind
from reludsl.options import Choice, ChoiceType, NumberType, Option, Selected, Settings, UnionType
from reludsl.source import Span

_SLOPE = Option(
    "slope", NumberType(-1, 1, open_minimum=True, open_maximum=True), "the slope for negative sums", default=0.01
)

_ACTIVATIONS = ChoiceType(
    (
        Choice("relu", "max(0, t)"),
        Choice("leaky_relu", "t above 0, slope · t below", (_SLOPE,)),
        Choice("absolute", "the absolute value of t"),
        Choice("gated_relu", "t where a random gate of the neuron is open: 1[xᵀg ≥ 0] · t"),
        Choice("threshold", "a step with a trainable height: ‖u‖ · 1[t ≥ 0]"),
    )
)


def _activation(value: str | Selected) -> Activation:
    match value:
        case Selected(_, settings):
            return Activation("leaky_relu", settings["slope"])
        case "absolute":
            return Activation("absolute", -1.0)
    return Activation(value)  # type: ignore[arg-type]


def _two_layer(settings: Settings, span: Span | None) -> Architecture:
    width = settings["width"]
    return Architecture(
        _activation(settings["activation"]),
        str(settings["outputs"]),
        settings["bias"],
        None if width == "free" else width,
        span,
        settings.written("outputs"),
    )


KINDS = (
    Kind(
        "two_layer",
        "one hidden layer, linear output",
        _two_layer,
        options=(
            Option("activation", _ACTIVATIONS, "what a neuron does to its weighted sum t = xᵀu + b", default="relu"),
            Option(
                "outputs",
                UnionType(
                    (
                        NumberType(1, integer=True),
                        ChoiceType(
                            (
                                Choice("separate", "as many as the target has, each with neurons of its own"),
                                Choice("shared", "as many as the target has, over the same neurons: not there yet"),
                            )
                        ),
                    )
                ),
                "the number of outputs",
                default=1,
            ),
            Option(
                "bias",
                ChoiceType(
                    (
                        Choice("none", "no bias"),
                        Choice("hidden", "a bias in every hidden neuron"),
                        Choice("output", "a bias of every output"),
                        Choice("both", "both"),
                    )
                ),
                "where biases stand; each regularizer says whether it counts them",
                default="none",
            ),
            Option(
                "width",
                UnionType(
                    (
                        NumberType(1, integer=True),
                        ChoiceType((Choice("free", "as many neurons as the optimum has"),)),
                    )
                ),
                "the number of hidden neurons, or the greatest one that is wanted",
                default="free",
            ),
        ),
        formula="f(x) = Σⱼ σ(xᵀuⱼ + bⱼ) αⱼ + c",
        details=(
            "The width need not be chosen beforehand: the convex program decides how many neurons the optimum has, and "
            "the recovered network is pruned: neurons that others can replace go, and predictions on the training "
            "samples stay. A number is an upper bound that is checked then; `solver descent` trains that many. A "
            "hidden bias is a column of ones beside the samples.\n\n"
            "With `outputs = separate` every output has hidden neurons of its own, and the convex program is exactly "
            "equivalent. Outputs that share their hidden neurons under weight decay need the completely positive form "
            "(Sahiner et al. 2021; Prakhya, Birdal, Yurtsever 2025), which this version does not have.\n\n"
            "`leaky_relu` and `absolute` have the convex program of `relu` with other gates. `gated_relu` needs no "
            "cones: its gates are drawn and stay (Mishkin, Sahiner, Pilanci 2022). `threshold` turns the program into "
            "an l1 problem over the patterns themselves (Ergen, Gulluk, Lacotte, Pilanci 2023)."
        ),
        example="architecture two_layer {\n  activation = relu\n  bias       = hidden\n}",
    ),
)

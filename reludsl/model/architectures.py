"""The kinds of `architecture`."""

from __future__ import annotations

from reludsl.diagnostics import Diagnostic, Label
from reludsl.ir import Activation
from reludsl.model.model import Architecture
from reludsl.model.registry import Kind, Refusal
from reludsl.options import Choice, ChoiceType, NumberType, Option, Selected, Settings, UnionType
from reludsl.source import Span

_SLOPE = Option(
    "slope", NumberType(-1, 1, open_minimum=True, open_maximum=True), "the slope for negative sums", default=0.01
)

# The defaults are the polynomial by which Bartan and Pilanci (2021) stand in for a ReLU.
_COEFFICIENTS = (
    Option("a", NumberType(), "the factor of t²", default=0.09),
    Option("b", NumberType(), "the factor of t", default=0.5),
    Option("c", NumberType(), "the constant", default=0.47),
)

_ACTIVATIONS = ChoiceType(
    (
        Choice("relu", "max(0, t)"),
        Choice("leaky_relu", "t above 0, slope · t below", (_SLOPE,)),
        Choice("absolute", "the absolute value of t"),
        Choice("gated_relu", "t where a random gate of the neuron is open: 1[xᵀg ≥ 0] · t"),
        Choice("threshold", "a step with a trainable height: ‖u‖ · 1[t ≥ 0]"),
        Choice("polynomial", "a·t² + b·t + c, of hidden weights with norm 1", _COEFFICIENTS),
    )
)


def _activation(value: str | Selected) -> Activation:
    match value:
        case Selected("leaky_relu", settings):
            return Activation("leaky_relu", settings["slope"])
        case Selected(_, settings):
            return Activation("polynomial", coefficients=(settings["a"], settings["b"], settings["c"]))
        case "absolute":
            return Activation("absolute", -1.0)
    return Activation(value)  # type: ignore[arg-type]


def _two_layer(settings: Settings, span: Span | None) -> Architecture | Refusal:
    width, activation = settings["width"], _activation(settings["activation"])
    if activation.coefficients is not None and not any(activation.coefficients[:2]):
        place = settings.written("activation")
        assert place is not None, "the default is no polynomial"
        labels = (Label(place, "a = b = 0"),)
        return Refusal((Diagnostic("C260", "this polynomial is constant", labels, help="choose `a` or `b` not 0"),))
    return Architecture(
        activation,
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
                                Choice("shared", "as many as the target has, over the same neurons"),
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
            "equivalent. With `outputs = shared` every neuron feeds all of them. Under weight decay that is a program "
            "over completely positive matrices (Sahiner et al. 2021; Prakhya, Birdal, Yurtsever 2025); "
            "`formulation exact` solves it to the global optimum for samples of up to four dimensions, "
            "`formulation adaptive` searches for the neurons and `formulation sdp_relaxation` bounds the optimum in "
            "any.\n\n"
            "`leaky_relu` and `absolute` have the convex program of `relu` with other gates. `gated_relu` needs no "
            "cones: its gates are drawn and stay (Mishkin, Sahiner, Pilanci 2022). `threshold` turns the program into "
            "an l1 problem over the patterns themselves (Ergen, Gulluk, Lacotte, Pilanci 2023).\n\n"
            "`polynomial` makes the training problem an exact semidefinite program over two matrices of order d + 1, "
            "for any number of samples (Bartan, Pilanci 2021). The hidden weights of every neuron have Euclidean norm "
            "1, a hidden bias included: a polynomial is not homogeneous, so their length cannot be moved to the output "
            "weights. The regularizer is `path_norm`, which is then the l1 norm of the output weights. It has one "
            "output. Its defaults are near a ReLU for sums from −5 to 5."
        ),
        example="architecture two_layer {\n  activation = relu\n  bias       = hidden\n}",
    ),
)

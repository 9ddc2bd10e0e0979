"""The checked model: what the spec means, every option resolved. What is not in here does not change the optimum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from reludsl.ir import Activation, Penalty, SampleLoss
from reludsl.model.values import Decision
from reludsl.options import Settings
from reludsl.source import Source, Span

Dimension = str | int
PerFeature = float | tuple[float, ...]
"""One number for all input columns, or one for each."""


def _span() -> Span | None:
    return field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Input:
    """The samples. `selected` are the columns the user listed; None takes every column that has no other role."""

    name: str
    rows: Dimension
    columns: Dimension
    scale: str
    selected: tuple[str, ...] | None
    span: Span | None = _span()


@dataclass(frozen=True)
class Target:
    """What is to be predicted, of type `vector`, `binary`, `matrix` or `categorical`.

    `positive` is the label that counts as +1 in a binary target, where it was given. A matrix has `columns` (its
    second dimension), and their names in the data in `selected`; for a categorical target `columns` is the number of
    its classes.
    """

    name: str
    type: str
    rows: Dimension
    columns: Dimension | None = None
    scale: str = "none"
    positive: str | float | None = None
    selected: tuple[str, ...] | None = None
    span: Span | None = _span()

    @property
    def binary(self) -> bool:
        return self.type == "binary"

    @property
    def categorical(self) -> bool:
        return self.type == "categorical"

    @property
    def labelled(self) -> bool:
        """Whether its values are labels."""
        return self.binary or self.categorical

    @property
    def several(self) -> bool:
        """Whether it takes a network with several outputs."""
        return self.type in ("matrix", "categorical")


@dataclass(frozen=True)
class Weight:
    """The weights of the samples: how much the loss of each counts."""

    name: str
    rows: Dimension
    span: Span | None = _span()


@dataclass(frozen=True)
class Architecture:
    """f(x) = Σ_j σ(xᵀu_j + b_j) α_j + c.

    `outputs` is 1, or as many as the target has: `separate`, each with neurons of its own, or `shared`, over the same
    neurons. `width` None lets the optimum choose the number of neurons; a number is the greatest one that is wanted.
    """

    activation: Activation
    outputs: str
    bias: str
    width: int | None
    span: Span | None = _span()
    outputs_span: Span | None = _span()

    @property
    def hidden_bias(self) -> bool:
        return self.bias in ("hidden", "both")

    @property
    def output_bias(self) -> bool:
        return self.bias in ("output", "both")

    @property
    def separate(self) -> bool:
        return self.outputs == "separate"

    @property
    def shared(self) -> bool:
        return self.outputs == "shared"


@dataclass(frozen=True)
class Loss:
    """The loss of a sample, how those of all samples become one number, and the targets that it is defined for.

    `reduction` is `sum`, or `mean`, which divides by the number of samples (with sample weights by their sum).
    """

    name: str
    function: SampleLoss
    reduction: str
    targets: tuple[str, ...]
    span: Span | None = _span()

    @property
    def mean(self) -> bool:
        return self.reduction == "mean"


@dataclass(frozen=True)
class Regularizer:
    """A penalty of the weights."""

    penalty: Penalty
    span: Span | None = _span()

    @property
    def name(self) -> str:
        return self.penalty.name

    @property
    def strength(self) -> float:
        return self.penalty.strength


@dataclass(frozen=True)
class Perturbation:
    """The changes δ that every sample must withstand, in units of the raw inputs.

    Those of a ball {‖δ / radius‖ ≤ 1} of the norm (a box has none) with lower ≤ δ ≤ upper that keep the changed input
    between minimum and maximum.
    """

    norm: Literal["linf", "l2", "l1", "box"]
    radius: PerFeature | None = None
    lower: PerFeature | None = None
    upper: PerFeature | None = None
    minimum: PerFeature | None = None
    maximum: PerFeature | None = None
    span: Span | None = _span()

    @property
    def name(self) -> str:
        return self.norm

    @property
    def limited(self) -> bool:
        """Whether there are limits beside a ball."""
        limits = (self.lower, self.upper, self.minimum, self.maximum)
        return self.norm != "box" and any(value is not None for value in limits)

    @property
    def changes_nothing(self) -> bool:
        """Whether the set is {0} by its radius or its limits."""
        limits = ((self.radius,), (self.lower, self.upper))
        return any(all(value is not None and not _any(value) for value in values) for values in limits)


def _any(value: PerFeature) -> bool:
    return any(value) if isinstance(value, tuple) else bool(value)


@dataclass(frozen=True)
class Wasserstein:
    """How far the distribution of the samples may move on average, in units of the raw inputs, and in which norm."""

    radius: float
    norm: Literal["linf", "l2", "l1"]
    span: Span | None = _span()

    @property
    def name(self) -> str:
        return "wasserstein"

    @property
    def changes_nothing(self) -> bool:
        """Whether nothing moves."""
        return not self.radius


@dataclass(frozen=True)
class Guarantee:
    """How unlikely it is, with which confidence, that one more random pattern would help (Calafiore, Campi 2005)."""

    violation: float
    confidence: float


@dataclass(frozen=True)
class Draw:
    """Where directions come from: `count` random ones with different patterns, as many as a guarantee needs, or a file.

    `gates` is the path of a table with one direction a row.
    """

    count: int | Guarantee
    seed: int
    gates: str | None = None
    gates_span: Span | None = _span()


@dataclass(frozen=True)
class Sampled:
    """The activation patterns of some directions."""

    draw: Draw
    name: str = "sampled"
    span: Span | None = _span()


@dataclass(frozen=True)
class Exact:
    """Every pattern that the data admits; refused when there could be more than `limit`."""

    limit: int
    name: str = "exact"
    span: Span | None = _span()


@dataclass(frozen=True)
class Gated:
    """Gated neurons on the patterns of some directions, without the cones."""

    draw: Draw
    name: str = "gated"
    span: Span | None = _span()


@dataclass(frozen=True)
class RandomFeatures:
    """Random hidden neurons that stay as they are drawn; only output weights are trained."""

    draw: Draw
    name: str = "random_features"
    span: Span | None = _span()


@dataclass(frozen=True)
class Adaptive:
    """Patterns, or shared neurons, that are searched for while the program is solved, from random directions on.

    With `descends` the directions are the hidden weights from which descent on the network starts, and those to begin
    with are where it ends. The search ends where a round gains less than the relative `tolerance`, or
    after `time_limit` seconds.
    """

    draw: Draw
    descends: bool
    tolerance: float
    time_limit: float | None
    name: str = "adaptive"
    span: Span | None = _span()


@dataclass(frozen=True)
class SdpRelaxation:
    """The semidefinite relaxation, with rows told apart by signs, `split` or as many, and how a network is drawn."""

    split: int | tuple[int, ...]
    rounding: str
    neurons: int
    seed: int
    name: str = "sdp_relaxation"
    span: Span | None = _span()


Drawn = Sampled | Gated | RandomFeatures | Adaptive
Formulation = Drawn | Exact | SdpRelaxation


@dataclass(frozen=True)
class Solver:
    """The backend that the spec asks for, and its options. The command line wins over both."""

    name: str
    settings: Settings
    span: Span | None = _span()


@dataclass(frozen=True)
class Model:
    """A checked spec: the non-convex training problem, the formulation, and every decision taken on the way."""

    source: Source = field(repr=False)
    input: Input
    target: Target
    weight: Weight | None
    architecture: Architecture
    loss: Loss
    regularizers: tuple[Regularizer, ...]
    formulation: Formulation
    solver: Solver | None
    hyperparameters: Mapping[str, float]
    decisions: tuple[Decision, ...]
    perturbation: Perturbation | Wasserstein | None = None
    sections: Mapping[str, Span] = field(default_factory=dict, compare=False, repr=False)

    @property
    def seed(self) -> int | str:
        """The seed of what is drawn, or "none"."""
        match self.formulation:
            case Exact():
                return "none"
            case SdpRelaxation(seed=seed, rounding=rounding):
                return "none" if rounding == "eigenvectors" else seed
            case drawn:
                return drawn.draw.seed

    @property
    def activation(self) -> Activation:
        """The activation of the network that is trained: gated, where the formulation fixes the gates."""
        return Activation("gated_relu") if isinstance(self.formulation, Gated) else self.architecture.activation

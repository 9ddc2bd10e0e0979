"""The checked model: what the spec means, every option resolved. What is not in here does not change the optimum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from reludsl.ir import Apply, Constant, Expression, Norm, ScalarFunction, Size, Sum, SumSquares, absolute, sqrt, square
from reludsl.model.values import Decision
from reludsl.options import Settings
from reludsl.source import Source, Span

Dimension = str | int
Structure = Literal["margin", "distance"]


def _span() -> Span | None:
    return field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Input:
    """The samples. `selected` are the columns the user listed; None takes every column but the target."""

    name: str
    rows: Dimension
    columns: Dimension
    scale: str
    selected: tuple[str, ...] | None
    span: Span | None = _span()


@dataclass(frozen=True)
class Target:
    """What is to be predicted. `positive` is the label that counts as +1 in a binary target, where it was given."""

    name: str
    type: str
    rows: Dimension
    scale: str = "none"
    positive: str | float | None = None
    span: Span | None = _span()

    @property
    def binary(self) -> bool:
        return self.type == "binary"


@dataclass(frozen=True)
class Architecture:
    """f(x) = Σ_j σ(xᵀu_j + b_j) α_j. `width` None lets the optimum choose the number of neurons."""

    activation: str
    outputs: int
    bias: str
    width: int | None
    span: Span | None = _span()

    @property
    def hidden_bias(self) -> bool:
        return self.bias == "hidden"


@dataclass(frozen=True)
class Loss:
    """A scalar convex function and how it meets prediction and target.

    With structure `margin` the loss of a sample is φ(y·f), with `distance` it is ψ(f − y); `function` is φ or ψ.
    `reduction` is `sum`, or `mean`, which divides by the number of samples.
    """

    name: str
    function: ScalarFunction
    structure: Structure
    reduction: str
    targets: tuple[str, ...]
    span: Span | None = _span()

    def term(self, prediction: Expression, target: Expression) -> Expression:
        """The reduced loss of predictions (n,) against targets (n,)."""
        argument = target * prediction if self.structure == "margin" else prediction - target
        total = Sum(Apply(self.function, argument, span=self.span))
        return total / Size(target.shape[0]) if self.reduction == "mean" else total


@dataclass(frozen=True)
class Regularizer:
    """`weight_decay`: β/2 Σ_j (‖u_j‖² + α_j²); `path_norm`: β Σ_j ‖u_j‖ |α_j|, biases counted in u_j."""

    name: str
    strength: float
    span: Span | None = _span()

    def term(self, hidden: tuple[Expression, ...], output: Expression) -> Expression:
        """The penalty of hidden weights (d, m), hidden biases (m,) if there are any, and output weights (m,)."""
        beta = Constant(self.strength, "beta", span=self.span)
        if self.name == "path_norm":
            weights = Norm(hidden[0], 2, axis=0) if len(hidden) == 1 else sqrt(_column_squares(hidden))
            return beta * Sum(weights * absolute(output))
        squares: Expression = sum((SumSquares(part) for part in hidden[1:]), SumSquares(hidden[0]))
        return beta / 2 * (squares + SumSquares(output))


def _column_squares(hidden: tuple[Expression, ...]) -> Expression:
    """The squared norm of each neuron's hidden weights, its bias among them."""
    weights, bias = hidden
    return Sum(square(weights), axis=0) + square(bias)


@dataclass(frozen=True)
class Sampled:
    """Patterns of Gaussian directions, `patterns` different ones if there are so many."""

    patterns: int
    seed: int
    name: str = "sampled"
    span: Span | None = _span()


@dataclass(frozen=True)
class Exact:
    """Every pattern that the data admits; refused when there could be more than `limit`."""

    limit: int
    name: str = "exact"
    span: Span | None = _span()


Formulation = Sampled | Exact


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
    architecture: Architecture
    loss: Loss
    regularizers: tuple[Regularizer, ...]
    formulation: Formulation
    solver: Solver | None
    hyperparameters: Mapping[str, float]
    decisions: tuple[Decision, ...]
    sections: Mapping[str, Span] = field(default_factory=dict, compare=False, repr=False)

    @property
    def strength(self) -> float:
        """β of the convex program: the strengths of all regularizers, which share one convex form."""
        return sum(regularizer.strength for regularizer in self.regularizers)

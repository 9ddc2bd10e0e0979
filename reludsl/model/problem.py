"""The training problem of a model, non-convex: for `explain`, for networks' objectives, for code, for descent."""

from __future__ import annotations

from typing import TypedDict

from reludsl.ir import BlockPenalty, Data, TrainingForm, sizes
from reludsl.model.model import Model
from reludsl.source import Span


class Stated(TypedDict):
    """What a spec says of every convex form alike, beside its loss, penalty and neurons."""

    mean: bool
    weighted: bool
    output_bias: bool
    y: Data
    loss_span: Span | None
    regularizer_span: Span | None


def stated(model: Model) -> Stated:
    """What the model says of every convex form alike."""
    return {
        "mean": model.loss.mean,
        "weighted": model.weight is not None,
        "output_bias": model.architecture.output_bias,
        "y": targets(model),
        "loss_span": model.loss.span,
        "regularizer_span": next((part.span for part in model.regularizers), None),
    }


def block_penalty(model: Model) -> BlockPenalty:
    """The sum of the regularizers, on the columns of a convex form."""
    penalties, architecture = [part.penalty for part in model.regularizers], model.architecture
    return BlockPenalty.of(penalties, architecture.hidden_bias, architecture.output_bias)


def targets(model: Model) -> Data:
    """The encoded targets: y (n,), or Y (n, c) for several outputs."""
    n, c = sizes("n, c")
    target = model.target
    if not target.several:
        values = "{-1, +1}" if target.binary else ""
        return Data("y", (n,), values=values, meaning="targets", span=target.span)
    if not target.categorical:
        return Data("Y", (n, c), meaning="targets, one output a column", span=target.span)
    values, meaning = ("{0, 1}", "classes, one-hot") if one_hot(model) else ("{-1, +1}", "+1 for the class of a sample")
    return Data("Y", (n, c), values=values, meaning=meaning, span=target.span)


def one_hot(model: Model) -> bool:
    """Whether classes are encoded as rows of 0 and 1, not of -1 and +1."""
    return model.target.categorical and model.loss.function.one_hot


def training_problem(model: Model) -> TrainingForm:
    """Loss plus regularizers over the weights of a network."""
    architecture = model.architecture
    return TrainingForm(
        model.loss.function,
        tuple((regularizer.penalty, regularizer.span) for regularizer in model.regularizers),
        model.activation,
        mean=model.loss.mean,
        weighted=model.weight is not None,
        several=model.target.several,
        hidden_bias=architecture.hidden_bias,
        output_bias=architecture.output_bias,
        shared=architecture.shared,
        width=architecture.width,
        y=targets(model),
        loss_span=model.loss.span,
        architecture_span=architecture.span,
    )

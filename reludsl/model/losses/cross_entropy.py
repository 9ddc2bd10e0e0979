"""The cross-entropy of the softmax of several outputs."""

from __future__ import annotations

from reludsl.ir import CrossEntropy
from reludsl.model.losses.kind import loss_kind

KIND = loss_kind(
    "cross_entropy",
    "the negative log-likelihood of a class",
    lambda settings: CrossEntropy(),
    targets=("categorical",),
    formula="log Σₖ exp(fₖ) − f_y",
    details=(
        "One output a class, and f_y is that of the sample's own class: the softmax of the outputs is the probability "
        "of each class. Neither the loss nor its gradient overflows, however large the outputs are."
    ),
    example="loss cross_entropy { reduction = mean }",
)

"""The absolute loss |f − y|."""

from __future__ import annotations

from reludsl.ir import Distance
from reludsl.model.losses.kind import loss_kind
from reludsl.model.losses.quantile import Pinball

KIND = loss_kind(
    "absolute",
    "the distance itself, robust against outliers",
    lambda settings: Distance(Pinball()),
    targets=("vector", "matrix"),
    formula="|f − y|",
    details="Outliers pull on it no harder than other samples: its expectation is smallest at the median.",
    example="loss absolute",
)

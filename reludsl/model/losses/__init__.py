"""The losses, one file each: mathematics, documentation and numerics are declared there, once."""

from __future__ import annotations

from reludsl.model.losses import (
    absolute,
    cross_entropy,
    custom,
    hinge,
    huber,
    logistic,
    quantile,
    squared,
    squared_hinge,
)

KINDS = (
    squared.KIND,
    absolute.KIND,
    huber.KIND,
    quantile.KIND,
    hinge.KIND,
    squared_hinge.KIND,
    logistic.KIND,
    cross_entropy.KIND,
    custom.KIND,
)

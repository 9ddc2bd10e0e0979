"""The losses, one file each: mathematics, documentation and numerics are declared there, once."""

from __future__ import annotations

from reludsl.model.losses import hinge, logistic, squared

KINDS = (squared.KIND, hinge.KIND, logistic.KIND)

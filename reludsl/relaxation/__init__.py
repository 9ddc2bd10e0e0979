"""The semidefinite relaxation of training with neurons that several outputs share: its coordinates and its prices."""

from __future__ import annotations

from reludsl.relaxation.bound import RelaxationDual, relaxation_price, sample_multipliers
from reludsl.relaxation.coordinates import Coordinates, coordinates, relaxation_arrays

__all__ = [
    "Coordinates",
    "RelaxationDual",
    "coordinates",
    "relaxation_arrays",
    "relaxation_price",
    "sample_multipliers",
]

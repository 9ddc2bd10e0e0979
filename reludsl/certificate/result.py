"""What a certificate says: a feasible point, and a lower bound with its scope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

Scope = Literal["program", "global"]
Method = Literal["duality", "enumeration", "relaxation", "branch_and_bound"]


@dataclass(frozen=True)
class Bound:
    """A proved lower bound. `gap` is (objective - value) / |objective|; `scope` says on whose optimum, `by` how."""

    value: float
    gap: float
    scope: Scope
    by: Method


@dataclass(frozen=True, eq=False)
class Feasible:
    """A point of the program that satisfies its constraints, its objective, and how far the solver's point was off."""

    point: Mapping[str, np.ndarray]
    objective: float
    violation: float


def relative_gap(upper: float, lower: float) -> float:
    """(upper - lower) / |upper|, never negative: rounding can put the two in the wrong order by a few units."""
    return max(0.0, upper - lower) / max(abs(upper), np.finfo(float).tiny)

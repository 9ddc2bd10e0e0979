"""Rigorous bounds, with their scope, and feasible points: what makes a solver's answer trustworthy."""

from __future__ import annotations

from reludsl.certificate.duality import Bound, Feasible, dual_bound, feasible_point
from reludsl.certificate.zero_network import ZeroStrength, solved_at_once, zero_strength

__all__ = ["Bound", "Feasible", "ZeroStrength", "dual_bound", "feasible_point", "solved_at_once", "zero_strength"]

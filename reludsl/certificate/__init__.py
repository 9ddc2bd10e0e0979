"""Rigorous bounds, with their scope, and feasible points: what makes a solver's answer trustworthy."""

from __future__ import annotations

from reludsl.certificate.duality import Bound, Feasible, dual_bound, feasible_point

__all__ = ["Bound", "Feasible", "dual_bound", "feasible_point"]

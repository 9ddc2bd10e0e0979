"""Projections onto the cones of activation patterns: exact, for all blocks at once, from where the last one ended."""

from __future__ import annotations

from reludsl.cones.projection import ConeProjector, Supports

__all__ = ["ConeProjector", "Supports"]

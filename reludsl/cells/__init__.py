"""The cells of the hyperplanes of samples, as simplicial cones: all of them, their coordinates, maxima and neurons."""

from __future__ import annotations

from reludsl.cells.arrangement import Cells, Incomplete, enumerate_cells, sample_rank

__all__ = ["Cells", "Incomplete", "enumerate_cells", "sample_rank"]

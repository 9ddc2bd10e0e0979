"""The pricing oracle: the most that a neuron of norm 1 can bring at a dual point, and the neurons that bring much.

`enumeration` has closed forms over all cells of the samples, `branch` rigorous bounds in more dimensions. `local`, of
one output, and `vector`, of several, search for neurons that bring much, which proves nothing.
"""

from __future__ import annotations

from reludsl.pricing.branch import Search, SearchState, greatest_value
from reludsl.pricing.enumeration import greatest_over_cells, greatest_over_gates

__all__ = ["Search", "SearchState", "greatest_over_cells", "greatest_over_gates", "greatest_value"]

"""Variables of many symmetric blocks: CVXPY has symmetric matrices, and a program with as many of them as it needs.

The functions stand word for word in generated code.
"""

from __future__ import annotations

from typing import Any

import cvxpy as cp


def symmetric_blocks(rows: int, order: int) -> Any:
    """Symmetric matrices of this order, one below another: `rows` rows in all."""
    blocks = [cp.Variable((order, order), symmetric=True) for _ in range(rows // order)]
    return cp.vstack(blocks)  # type: ignore[attr-defined]


def semidefinite_blocks(stack: Any) -> list[Any]:
    """The constraints that say that none of the blocks has a negative eigenvalue."""
    return [block >> 0 for block in stack.args]

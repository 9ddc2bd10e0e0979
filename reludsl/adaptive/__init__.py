"""Programs that grow while they are solved: convex solves, between searches for what to add, and descent.

Outputs with neurons of their own hold patterns (`patterns.py`, whose loop in numbers is `growth.py`). Outputs that
share their neurons hold directions (`directions.py`, whose loop is `shared.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reludsl.backend import Backend, Control, Outcome
from reludsl.lowering import Instance, Lowered, PatternProgram, SharedProgram
from reludsl.model.model import Adaptive
from reludsl.options import Settings

if TYPE_CHECKING:
    import numpy as np

__all__ = ["growing_script", "grows", "solve_growing"]


def grows(lowered: Lowered) -> bool:
    """Whether a program is one to begin with, and the solve ends with another."""
    searched = isinstance(lowered, PatternProgram) and isinstance(lowered.model.formulation, Adaptive)
    return searched or isinstance(lowered, SharedProgram)


def solve_growing(
    lowered: Lowered,
    instance: Instance,
    backend: Backend,
    settings: Settings,
    control: Control,
    propose: np.ndarray | None = None,
) -> tuple[Instance, Outcome]:
    """The last program of a growth, as an instance with what it holds, and the outcome of its solve.

    `propose` are directions (d, k) of neurons that are held, or whose patterns are, from the beginning.
    """
    from reludsl.adaptive.directions import grow_directions
    from reludsl.adaptive.patterns import grow_patterns

    if isinstance(lowered, SharedProgram):
        return grow_directions(lowered, instance, backend, settings, control, propose)
    assert isinstance(lowered, PatternProgram)
    return grow_patterns(lowered, instance, backend, settings, control, propose)


def growing_script(lowered: Lowered) -> Lowered:
    """The program for a standalone script, which searches before it solves."""
    from reludsl.adaptive.directions import searching_script
    from reludsl.adaptive.patterns import GrowingScript

    if isinstance(lowered, SharedProgram):
        return searching_script(lowered)
    assert isinstance(lowered, PatternProgram)
    return GrowingScript(lowered.model)

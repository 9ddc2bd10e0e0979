"""Codes of the search for patterns."""

from __future__ import annotations

from reludsl.codes.page import Code

PAGES = (
    Code(
        "C280",
        "what patterns are not searched for",
        """`formulation adaptive` searches for neurons that bring more than they cost. A neuron has to cost its length,
so regularizers are `weight_decay` and `path_norm`, with a strength above 0, and hidden biases count. The search follows
the activation, which therefore must not jump; and it knows nothing of the sets of a perturbation.

Wrong:

    regularizer l2 { strength = 1e-3 }
    formulation adaptive

Right:

    regularizer weight_decay { strength = 1e-3 }
    formulation adaptive
""",
    ),
)

"""What the formula of a custom loss shows: a function of the margin, of the distance, or of neither."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reludsl.ir import Data, Expression, evaluate, substitute
from reludsl.ir.loss_structure import structure_of
from tests.losses.test_custom import custom


def value(expression: Expression, **numbers: float) -> float:
    """The value of an expression of placeholders."""
    return float(evaluate(substitute(expression, {name: Data(name, ()) for name in numbers}), numbers))


MARGIN = [
    "pos(1 - y * f)",
    "square(pos(1 - f * y))",
    "exp(-(2 * y * f)) + pos(0.5 - y * f / 3)",
    "logistic(-(f * (2 * y)))",
]
DISTANCE = [
    "square(f - y)",
    "abs(y - f)",
    "huber(f - y + 0.5, 1)",
    "max(2 * (f - y), y - f)",
    "exp(abs(1 + f - y - 1))",
]
NEITHER = ["square(f) - y * f", "abs(f - 2 * y)", "square(f - y) + f", "pos(1 - y * f) + square(f - y)"]


@pytest.mark.parametrize("kind, formula", [("margin", f) for f in MARGIN] + [("distance", f) for f in DISTANCE])
@settings(deadline=None)
@given(f=st.floats(-3, 3), y=st.sampled_from([-1.0, 1.0, 0.4]))
def test_the_function_of_the_structure_is_the_loss(kind: str, formula: str, f: float, y: float) -> None:
    loss = custom(formula)
    structure = structure_of(loss.definition)
    assert structure is not None and structure.of == kind
    t = y * f if kind == "margin" else f - y
    assert value(structure.function, t=t) == pytest.approx(value(loss.definition, f=f, y=y), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("formula", NEITHER)
def test_other_formulas_have_none(formula: str) -> None:
    loss = custom(formula)
    assert structure_of(loss.definition) is None
    assert loss.robust_obstacle is not None


@pytest.mark.parametrize(
    "formula, worst",
    [
        ("pos(1 - y * f)", True),
        ("square(1 - y * f)", False),
        ("square(f - y)", True),
        ("exp(abs(f - y)) + abs(y - f)", True),
        ("square(f - y - 1)", False),
        ("exp(f - y)", False),
    ],
)
def test_a_worst_case_is_accepted_only_where_it_is_one(formula: str, worst: bool) -> None:
    loss = custom(formula)
    assert (loss.robust_obstacle is None) == worst
    if worst:
        return
    # At these losses the ends that the worst case would take are not the worst: it is refused for a reason.
    margins = np.linspace(-3, 3, 61)
    structure = structure_of(loss.definition)
    assert structure is not None
    values = np.array([value(structure.function, t=t) for t in margins])
    if structure.of == "margin":
        assert np.any(np.diff(values) > 0)
    else:
        assert np.any(np.diff(values[margins >= 0]) < 0) or np.any(np.diff(values[margins <= 0]) > 0)

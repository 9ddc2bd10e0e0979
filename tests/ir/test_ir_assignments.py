"""Long expressions of generated code: the assignments that stand for one give its value, and each fits on a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reludsl.ir.assignments import ROOM, assignments

VALUES = {"alpha": 1.5, "beta": -0.25, "gamma_of_the_third_kind": 3.0, "delta": 2.0}

expressions = st.recursive(
    st.sampled_from([*VALUES, "2", "0.125"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(inner, inner).map(lambda parts: f"max({parts[0]}, {parts[1]})"),
        inner.map(lambda text: f"abs({text})"),
    ),
    max_leaves=40,
)


@given(expressions)
def test_the_assignments_give_the_value(text: str) -> None:
    found = assignments("loss", text)
    values = dict(VALUES)
    for name, part in found:
        assert len(f"{name} = {part}") <= ROOM
        values[name] = eval(part, {"max": max, "abs": abs}, dict(values))
    assert values["loss"] == pytest.approx(eval(text, {"max": max, "abs": abs}, dict(VALUES)))
    assert len({name for name, _ in found}) == len(found)


def test_what_fits_stays_as_it_is() -> None:
    assert assignments("loss", "alpha * (beta + delta)") == [("loss", "alpha * (beta + delta)")]


def test_parts_lose_parentheses_that_they_do_not_need() -> None:
    terms = " + ".join(["np.sum(np.square(U))"] * 4)
    assert assignments("decay", f"strength_of_the_penalty / 2 * ({terms})") == [
        ("decay_part_1", terms),
        ("decay", "strength_of_the_penalty / 2 * decay_part_1"),
    ]
    (_, part), (_, rest) = assignments("loss", f"np.linalg.operator_norm({terms})")
    assert (part, rest) == (terms, "np.linalg.operator_norm(loss_part_1)")


def test_a_long_name_is_left() -> None:
    assert assignments("loss", "x" * 200) == [("loss", "x" * 200)]

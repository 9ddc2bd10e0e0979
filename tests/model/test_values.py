"""Hyperparameters and the values of options: arithmetic, order, circles, overrides, what is never used."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reludsl.api import check, compilation_of
from reludsl.mistakes import Mistakes
from tests.model.specs import model_of, spec

unhurried = settings(deadline=None)


def codes(text: str, **overrides: Any) -> list[str]:
    return [diagnostic.code for diagnostic in check(text, set=overrides).diagnostics]


def value_of(expression: str, others: str = "") -> float:
    """What a hyperparameter that is defined by this expression is worth."""
    return model_of(spec(hyperparameters=f"{others} x = {expression}", strength="1 + 0 * x")).hyperparameters["x"]


# -- arithmetic --------------------------------------------------------------------------------------------------

numbers = st.one_of(
    st.integers(0, 1000).map(str),
    st.floats(0, 1e6, allow_subnormal=False).map(repr),
    st.sampled_from([".5", "2.", "1e-3", "1E+2", "007"]),
)
expressions = st.recursive(
    numbers,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", " + ", " - "]), inner).map("".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"-{text}"),
    ),
    max_leaves=10,
)


@unhurried
@given(expressions)
def test_arithmetic_is_that_of_python(expression: str) -> None:
    floats: dict[str, object] = {"__builtins__": {}}
    try:
        # `007` and `2.` are numbers here as well; whole numbers count as floating-point ones.
        expected = float(eval(_with_floats(expression), floats))
    except ZeroDivisionError:
        expected = math.inf
    if math.isfinite(expected):
        assert value_of(expression) == expected
    else:
        found = check(spec(hyperparameters=f"x = {expression}", strength="x"))
        assert "C213" in [diagnostic.code for diagnostic in found.diagnostics]


def _with_floats(expression: str) -> str:
    return re.sub(r"[0-9.]+(?:[eE][+-]?[0-9]+)?", lambda number: repr(float(number[0])), expression)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("8 / 255", 8 / 255),
        ("2 - 3 - 4", -5.0),
        ("24 / 4 / 3", 2.0),
        ("--1", 1.0),
        ("2 * -3", -6.0),
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("(\n1 +\n2 # two\n)", 3.0),
    ],
)
def test_precedence(expression: str, value: float) -> None:
    assert value_of(expression) == value


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("1 / 0", "C213"),
        ("1 / (2 - 2)", "C213"),
        ("1e308 * 10", "C213"),
        ("1e999", "C213"),
        ("nothing", "C210"),
        ("max(1, 2)", "C208"),
        ('"1"', "C208"),
        ("[1]", "C208"),
    ],
)
def test_what_has_no_value_is_told_once(expression: str, code: str) -> None:
    assert codes(spec(hyperparameters=f"x = {expression}, y = 2 * x", strength="x + y")) == [code]


# -- order and circles -------------------------------------------------------------------------------------------


@unhurried
@given(st.permutations(["a = 2", "b = a * 3", "c = a + b", "d = c / b - a"]))
def test_the_order_of_definitions_does_not_matter(lines: list[str]) -> None:
    model = model_of(spec(hyperparameters=", ".join(lines), strength="10 + d"))
    assert dict(model.hyperparameters) == {"a": 2, "b": 6, "c": 8, "d": 8 / 6 - 2}


def test_a_long_chain_is_no_problem() -> None:
    chain = "\n".join(f"x{i} = x{i + 1} + 1" for i in range(1500))
    model = model_of(spec(hyperparameters=f"\n{chain}\nx1500 = 0\n", strength="x0"))
    assert model.regularizers[0].strength == 1500


@pytest.mark.parametrize(
    ("definitions", "members"),
    [
        ("a = a", {"a"}),
        ("a = b, b = a", {"a", "b"}),
        ("a = b, b = c * 2, c = 1 / a", {"a", "b", "c"}),
        ("start = a, a = 1 + b, b = a", {"a", "b"}),
        ("a = b + b + b, b = a + a", {"a", "b"}),
    ],
)
def test_a_circle_is_told_once_and_by_its_members(definitions: str, members: set[str]) -> None:
    diagnostics = check(spec(hyperparameters=definitions, strength="a")).diagnostics
    assert [diagnostic.code for diagnostic in diagnostics] == ["C212"]
    assert {label.span.text for label in diagnostics[0].labels} == members
    assert sum(label.primary for label in diagnostics[0].labels) == 1


def test_two_circles_are_two_mistakes() -> None:
    assert codes(spec(hyperparameters="a = b, b = a, c = d, d = c", strength="a + c")) == ["C212", "C212"]


# -- overrides ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "value"), [(3, 3.0), (0.5, 0.5), ("8/255", 8 / 255), ("2 * other", 14.0), ("(1)", 1.0)]
)
def test_overrides_replace_values_and_what_depends_on_them(override: Any, value: float) -> None:
    compilation = compilation_of(
        spec(hyperparameters="x = 1, other = 7", strength="x * 2 + 0 * other"), {"x": override}
    )
    assert compilation.model.hyperparameters["x"] == value
    assert compilation.model.regularizers[0].strength == value * 2


def test_an_override_may_mend_a_value_and_break_a_circle() -> None:
    assert codes(spec(hyperparameters="x = 1 / 0", strength="x"), x=1) == []
    assert codes(spec(hyperparameters="a = b, b = a", strength="a"), b=1) == []
    assert codes(spec(hyperparameters="a = b, b = 1", strength="a"), b="a") == ["C212"]


@pytest.mark.parametrize("override", ["", " ", "1 2", "1,y=2", "x", "1 }", "1\ny = 2", "=1", '"1', "1 = 2"])
def test_an_override_is_one_value(override: str) -> None:
    with pytest.raises(Mistakes) as told:
        compilation_of(spec(hyperparameters="x = 1", strength="x"), {"y": override}).model  # noqa: B018
    assert {diagnostic.code for diagnostic in told.value.diagnostics} == {"C220"}


def test_an_override_of_nothing() -> None:
    (diagnostic,) = check(spec(hyperparameters="beta = 1", strength="beta"), set={"bata": 1}).diagnostics
    assert diagnostic.code == "C220" and diagnostic.help == "did you mean `beta`?"
    assert diagnostic.span is not None and diagnostic.span.text == "bata"
    assert str(diagnostic.span) == "--set:1:1"


# -- what is never used ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hyperparameters", "strength", "unused"),
    [
        ("a = 1", "a", []),
        ("a = 1", "1", ["a"]),
        ("a = 1, b = a", "b", []),
        ("a = 1, b = a", "1", ["b"]),
        ("a = 1, b = 2, c = 3", "b", ["a", "c"]),
    ],
)
def test_unused_hyperparameters(hyperparameters: str, strength: str, unused: list[str]) -> None:
    diagnostics = check(spec(hyperparameters=hyperparameters, strength=strength)).diagnostics
    assert [(diagnostic.code, diagnostic.severity) for diagnostic in diagnostics] == [("L501", "warning")] * len(unused)
    assert [diagnostic.span.text for diagnostic in diagnostics if diagnostic.span] == unused


def test_a_hyperparameter_that_is_used_only_in_an_override_is_used() -> None:
    assert codes(spec(hyperparameters="a = 1, b = 2", strength="a"), a="b") == []


# -- what could not be read makes no further mistakes --------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        spec(hyperparameters="beta: 1", strength="beta"),
        spec(hyperparameters="beta = 1", strength="beta").replace("hyperparameters {", "hyperparamters {"),
        spec(strength="2 beta"),
        spec().replace("regularizer weight_decay", "regulariser weight_decay"),
        spec().replace("loss squared", "los squared"),
        spec().replace("loss squared", "squared loss"),
        spec().replace("architecture two_layer", "architecture two-layer"),
        spec().replace("target y : vector[n]", "target y : vektor[m]"),
        spec(loss="hinged"),
    ],
    ids=lambda text: text.splitlines()[4][:30],
)
def test_one_slip_is_one_mistake(text: str) -> None:
    assert len(check(text).diagnostics) == 1

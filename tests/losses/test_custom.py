"""Losses written as expressions: what is accepted is convex, its numbers are right, and refusals point at the cause."""

from __future__ import annotations

import re
from typing import Any

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reludsl.api import check
from reludsl.backends.cvxpy.vocabulary import CvxpyVocabulary, cvxpy_namespace
from reludsl.diagnostics import Diagnostic
from reludsl.ir import CustomLoss, Data, Expression, Objects, Placeholder, Translator, Variable, evaluate, sizes
from reludsl.ir.sample_loss import SampleLoss
from tests.model.specs import spec

n, c = sizes("n, c")
unhurried = settings(deadline=None)


def told(expression: str, hyperparameters: str = "", loss: str = "custom") -> tuple[Diagnostic, ...]:
    text = spec(loss=f"{loss} {{ expression = {expression} }}", hyperparameters=hyperparameters)
    return tuple(found for found in check(text).diagnostics if found.code != "L501")


def loss_of(text: str, hyperparameters: str = "", target: str = "vector[n]") -> SampleLoss:
    report = check(spec(loss=text, hyperparameters=hyperparameters, target=target))
    assert report.model is not None, report.diagnostics
    return report.model.loss.function


def custom(expression: str, hyperparameters: str = "") -> CustomLoss:
    loss = loss_of(f"custom {{ expression = {expression} }}", hyperparameters)
    assert isinstance(loss, CustomLoss)
    return loss


# -- the same formulas by NumPy -----------------------------------------------------------------------------------


def huber(x: Any, delta: float) -> Any:
    return np.where(np.abs(x) <= delta, 0.5 * np.square(x), delta * (np.abs(x) - 0.5 * delta))


def norm(*terms: Any) -> Any:
    return np.linalg.norm(np.stack(np.broadcast_arrays(*terms)), axis=0)


WORDS: dict[str, Any] = {
    "__builtins__": {},
    "abs": np.abs,
    "pos": lambda x: np.maximum(x, 0.0),
    "max": lambda *terms: np.max(np.stack(np.broadcast_arrays(*terms)), axis=0),
    "min": lambda *terms: np.min(np.stack(np.broadcast_arrays(*terms)), axis=0),
    "square": lambda x: x**2,
    "exp": np.exp,
    "log": np.log,
    "logistic": lambda x: np.logaddexp(0.0, x),
    "huber": huber,
    "norm": norm,
}


def by_numpy(expression: str, F: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """The losses of the samples, from the text alone; the language's arithmetic is written as Python's."""
    with np.errstate(all="ignore"):
        losses = np.asarray(eval(expression, WORDS, {"f": F, "y": Y}), dtype=float)
    losses = np.where(np.isfinite(losses), losses, np.inf)
    return losses.sum(axis=1) if losses.ndim == 2 else losses


# -- random formulas ----------------------------------------------------------------------------------------------

positive = st.sampled_from(["0.1", "0.5", "1", "2", "3"])
constants = st.one_of(positive, st.sampled_from(["y", "-y", "(1 - y)", "abs(y)", "(2 - 5)"]))
affine = st.one_of(
    st.just("f"),
    st.just("(f - y)"),
    st.just("(1 - y * f)"),
    st.builds("({} * f + {})".format, constants, constants),
    st.builds("(f / {} - {})".format, positive, constants),
)


def convex_of(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} + {})".format, inner, inner),
        st.builds("{} * {}".format, positive, inner),
        st.builds("abs(y) * {}".format, inner),
        st.builds("{} / {}".format, inner, positive),
        st.builds("max({}, {}, {})".format, inner, inner, constants),
        st.builds("pos({})".format, inner),
        st.builds("logistic({})".format, inner),
        st.builds("exp({} - 3)".format, inner),
        st.builds("square(pos({}))".format, inner),
        st.builds("huber(pos({}), {})".format, inner, positive),
        st.builds("abs(-logistic({}))".format, inner),
        st.builds("norm(pos({}), {}, 1)".format, inner, affine),
        st.builds("({} - min({}, {}))".format, inner, affine, constants),
        st.builds("({} - log({} + 4))".format, inner, affine),
        st.builds("-min({}, -({}))".format, affine, inner),
        st.builds("-log(min({}, {}))".format, affine, positive),
    )


convex = st.recursive(
    st.one_of(
        affine,
        st.builds("abs({})".format, affine),
        st.builds("square({})".format, affine),
        st.builds("huber({}, {})".format, affine, positive),
        st.builds("norm({}, {})".format, affine, affine),
    ),
    convex_of,
    max_leaves=5,
)


def any_of(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    one = st.sampled_from(["abs", "pos", "square", "exp", "log", "logistic", "norm"])
    many = st.sampled_from(["max", "min", "norm"])
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner),
        st.builds("-{}".format, inner),
        st.builds("{}({})".format, one, inner),
        st.builds("{}({}, {})".format, many, inner, inner),
        st.builds("huber({}, {})".format, inner, positive),
    )


anything = st.recursive(st.one_of(st.just("f"), affine, constants), any_of, max_leaves=6)
# Halves, so that kinks are met; y is not 0, where quotients have no value.
points = st.integers(-6, 6).map(lambda k: k / 2)
targets = st.sampled_from([-1.5, -1.0, 0.5, 1.0, 2.0])


def accepted(expression: str) -> CustomLoss:
    report = check(spec(loss=f"custom {{ expression = {expression} }}"))
    assume(report.model is not None)
    assert report.model is not None
    assert isinstance(report.model.loss.function, CustomLoss)
    return report.model.loss.function


def at(loss: SampleLoss, f: float, y: float) -> float:
    return float(loss.value(np.array([f]), np.array([y]))[0])


def slope(loss: SampleLoss, f: float, y: float) -> float:
    return float(loss.gradient(np.array([f]), np.array([y]))[0])


def is_calm(*values: float) -> bool:
    """Whether numbers are so large that only their rounding would be seen, or infinite."""
    return all(abs(value) < 1e6 for value in values)


@unhurried
@given(convex)
def test_what_the_rules_make_convex_is_accepted(expression: str) -> None:
    assert told(expression) == ()


@settings(deadline=None, max_examples=300)
@given(st.one_of(convex, anything), points, points, st.floats(0.05, 0.95), targets)
def test_what_is_accepted_is_convex(expression: str, first: float, last: float, share: float, y: float) -> None:
    loss = accepted(expression)
    ends, between = (at(loss, first, y), at(loss, last, y)), at(loss, (1 - share) * first + share * last, y)
    assume(is_calm(*ends))
    assert between <= (1 - share) * ends[0] + share * ends[1] + 1e-7 * (1 + abs(ends[0]) + abs(ends[1]))


@settings(deadline=None, max_examples=300)
@given(st.one_of(convex, anything), points, points, targets)
def test_the_gradient_is_a_subgradient_also_at_kinks(expression: str, f: float, other: float, y: float) -> None:
    loss = accepted(expression)
    here, there, gradient = at(loss, f, y), at(loss, other, y), slope(loss, f, y)
    assume(is_calm(here, gradient))
    assert there >= here + gradient * (other - f) - 1e-7 * (1 + abs(here) + abs(gradient))


@settings(deadline=None, max_examples=300)
@given(st.one_of(convex, anything), st.floats(-3, 3), targets)
def test_the_gradient_is_the_slope_away_from_kinks(expression: str, f: float, y: float) -> None:
    loss = accepted(expression)
    step = 1e-5
    left, here, right = (at(loss, f + shift, y) for shift in (-step, 0.0, step))
    assume(is_calm(left, here, right, left / step / 1e3))
    assume(abs((right - here) - (here - left)) < 1e-8 * (1 + abs(here)))
    assert slope(loss, f, y) == pytest.approx((right - left) / (2 * step), rel=1e-3, abs=2e-3)


@unhurried
@given(st.one_of(convex, anything), st.lists(st.tuples(points, points), min_size=1, max_size=6))
def test_values_are_those_of_the_formula(expression: str, pairs: list[tuple[float, float]]) -> None:
    loss = accepted(expression)
    F, Y = np.array(pairs, dtype=float).T
    expected = by_numpy(expression, F, Y)
    calm = ~(np.isfinite(expected) & (np.abs(expected) > 1e12))
    np.testing.assert_allclose(loss.value(F, Y)[calm], expected[calm], rtol=1e-9, atol=1e-9)


@unhurried
@given(convex)
def test_several_outputs_are_added(expression: str) -> None:
    loss = accepted(expression)
    F, Y = np.array([[-1.0, 0.5], [2.0, 0.3], [0.7, -0.2]]), np.array([[1.0, 2.0], [-1.0, 0.5], [2.0, 2.0]])
    np.testing.assert_allclose(loss.value(F, Y), sum(loss.value(F[:, k], Y[:, k]) for k in range(2)))
    np.testing.assert_array_equal(loss.gradient(F, Y), np.stack([loss.gradient(F[:, k], Y[:, k]) for k in range(2)], 1))


# -- as a part of a program -----------------------------------------------------------------------------------------


def placeholders(expression: Expression) -> list[str]:
    inside = [name for argument in expression.arguments for name in placeholders(argument)]
    return [expression.name, *inside] if isinstance(expression, Placeholder) else inside


@unhurried
@given(convex, st.booleans(), st.booleans(), st.booleans())
def test_the_term_of_a_program_is_the_value(expression: str, several: bool, weighted: bool, mean: bool) -> None:
    loss = accepted(expression)
    shape = (n, c) if several else (n,)
    omega = np.array([0.5, 2.0, 1.0])
    weights = Data("omega", (n,)) if weighted else None
    term = loss.term(Data("F", shape), Data("Y", shape), weights=weights, mean=mean)
    assert term.shape == () and placeholders(term) == []
    F, Y = np.array([[-1.0, 0.5], [2.0, 0.3], [0.7, -0.2]]), np.array([[1.0, 2.0], [-1.0, 0.5], [2.0, 2.0]])
    F, Y = (F, Y) if several else (F[:, 0], Y[:, 0])
    counted = (omega if weighted else np.ones(3)) * loss.value(F, Y)
    assume(np.isfinite(counted).all())
    expected = counted.sum() / ((omega.sum() if weighted else 3) if mean else 1)
    assert evaluate(term, {"F": F, "Y": Y, "omega": omega}) == pytest.approx(expected)


@settings(deadline=None, max_examples=60)
@given(st.one_of(convex, anything), st.booleans())
def test_cvxpy_takes_what_is_accepted(expression: str, several: bool) -> None:
    loss = accepted(expression)
    F, Y = np.array([[-1.0, 0.5], [2.0, 0.3], [0.7, -0.2]]), np.array([[1.0, 2.0], [-1.0, 0.5], [2.0, 2.0]])
    F, Y = (F, Y) if several else (F[:, 0], Y[:, 0])
    variable = cp.Variable(F.shape, value=F)
    build = Objects(cvxpy_namespace(), {"F": variable, "Y": Y}, {"n": 3, "c": 2})
    shape = (n, c) if several else (n,)
    written = loss.term(Variable("F", shape), Data("Y", shape))
    assume(np.isfinite(loss.value(F, Y)).all())
    translated = Translator(CvxpyVocabulary(), build)(written)
    assert translated.is_dcp() and translated.is_convex()
    assert float(translated.value) == pytest.approx(float(loss.value(F, Y).sum()), rel=1e-6, abs=1e-9)


# -- losses that are known by name -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "known", "target"),
    [
        ("square(f - y) / 2", "squared", "vector[n]"),
        ("0.5 * square(y - f)", "squared", "vector[n]"),
        ("abs(f - y)", "absolute", "vector[n]"),
        ("norm(f - y)", "absolute", "vector[n]"),
        ("huber(f - y, 0.5)", "huber { delta = 0.5 }", "vector[n]"),
        ("level * pos(y - f) + (1 - level) * pos(f - y)", "quantile { level = 0.9 }", "vector[n]"),
        ("max(level * (y - f), (1 - level) * (f - y))", "quantile { level = 0.9 }", "vector[n]"),
        ("max(0, 1 - y * f)", "hinge", "binary[n]"),
        ("pos(2 - y * f)", "hinge { margin = 2 }", "binary[n]"),
        ("square(max(0, 1 - y * f)) / 2", "squared_hinge", "binary[n]"),
        ("logistic(-y * f)", "logistic", "binary[n]"),
        ("max(0, -y * f) + logistic(-abs(f)) + 0 * f", None, "binary[n]"),
    ],
)
@pytest.mark.parametrize("shape", [(40,), (20, 2)])
def test_known_losses_written_out(expression: str, known: str | None, target: str, shape: tuple[int, ...]) -> None:
    if known is None:  # logistic too, but the proof would need the sum of a convex and a concave part
        assert [found.code for found in told(expression)] == ["C242"]
        return
    mine, theirs = custom(expression, "level = 0.9"), loss_of(known, target=target)
    generator = np.random.default_rng(0)
    F = generator.normal(scale=3.0, size=shape)
    Y = generator.choice([-1.0, 1.0], size=shape) if "binary" in target else generator.normal(size=shape)
    np.testing.assert_allclose(mine.value(F, Y), theirs.value(F, Y), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(mine.gradient(F, Y), theirs.gradient(F, Y), rtol=1e-9, atol=1e-12)


def test_large_predictions_are_no_trouble() -> None:
    F, Y = np.array([-1e4, 1e4]), np.array([1.0, 1.0])
    loss = custom("logistic(-y * f)")
    np.testing.assert_array_equal(loss.value(F, Y), [1e4, 0.0])
    np.testing.assert_array_equal(loss.gradient(F, Y), [-1.0, 0.0])


@pytest.mark.parametrize("expression", ["f - log(f)", "max(0, -log(f))", "exp(-log(f))", "square(f) - log(f + y)"])
def test_outside_of_the_domain_the_loss_is_infinite(expression: str) -> None:
    values = custom(expression).value(np.array([-1.0, 0.0, 1.0]), np.zeros(3))
    assert values[0] == np.inf and values[1] == np.inf and np.isfinite(values[2])


# -- refusals --------------------------------------------------------------------------------------------------------

# The expression, the code, what is underlined, and the remedy: a text to write in its place is told by "write `...`".
REFUSED = [
    ("f * f", "C242", "f * f", "write `square(f)`"),
    ("1 + 2 * (f - y) * (f - y)", "C242", "2 * (f - y) * (f - y)", "write `2 * square(f - y)`"),
    ("abs(f) * abs(f)", "C242", "abs(f) * abs(f)", "write `square(f)`"),
    ("max(0, f) * max(0, f)", "C242", "max(0, f) * max(0, f)", "write `square(pos(f))`"),
    ("pos(f) * pos(f)", "C242", "pos(f) * pos(f)", "write `square(pos(f))`"),
    ("norm(f, y) * norm(f, y)", "C242", "norm(f, y) * norm(f, y)", "write `square(norm(f, y))`"),
    ("exp(f) * exp(-y * f)", "C242", "exp(f) * exp(-y * f)", "write `exp(f + -y * f)`"),
    ("exp(f) / exp(y - f)", "C242", "exp(f) / exp(y - f)", "write `exp(f - (y - f))`"),
    ("2 / exp(f)", "C242", "2 / exp(f)", "write `2 * exp(-f)`"),
    ("1 / f", "C242", "1 / f", "write `exp(-log(f))` if `f` is to be positive: it is infinite elsewhere"),
    ("f / f", "C242", "f / f", "divide by what does not depend on `f`"),
    ("f * abs(f)", "C242", "f * abs(f)", "multiply `f` by what does not depend on it; x² is `square(x)`"),
    ("log(exp(f))", "C242", "log(exp(f))", "write `f`"),
    ("log(1 + exp(-y * f))", "C242", "log(1 + exp(-y * f))", "write `logistic(-y * f)`"),
    ("log(exp(f) + 1)", "C242", "log(exp(f) + 1)", "write `logistic(f)`"),
    ("2 * log(exp(f) + exp(y))", "C242", "log(exp(f) + exp(y))", "write `y + logistic(f - y)`"),
    ("log(1 + square(f))", "C242", "log(1 + square(f))", "write `huber(f, 1)` if large errors are to count less"),
    ("f + log(f)", "C242", "log(f)", "write `-log(f)` if its negative is meant"),
    ("exp(log(f))", "C242", "exp(log(f))", "write `f` if `f` is always positive"),
    ("abs(f) + min(f, y)", "C242", "min(f, y)", "write `max(f, y)` if the largest is meant"),
    ("min(abs(f), 1)", "C242", "min(abs(f), 1)", "write `max(abs(f), 1)` if the largest is meant"),
    ("min(square(f - y), 1)", "C242", "min(square(f - y), 1)", "write `huber(f - y, 1)` if large errors"),
    ("square(square(f) - 1)", "C242", "square(square(f) - 1)", "write `square(pos(square(f) - 1))` if only"),
    ("huber(abs(f) - 1, 2)", "C242", "huber(abs(f) - 1, 2)", "write `huber(pos(abs(f) - 1), 2)` if only"),
    ("norm(y, exp(f) - 1)", "C242", "norm(y, exp(f) - 1)", "write `norm(y, pos(exp(f) - 1))` if only"),
    ("y * abs(f)", "C242", "y * abs(f)", "write `pos(y) * abs(f)` if `y` is never negative"),
    ("square(f) / y", "C242", "square(f) / y", "write `square(f) / pos(y)` if `y` is always positive"),
    ("square(f) - abs(f)", "C242", "abs(f)", "what is convex in `f` may be added, not subtracted"),
    ("-square(f)", "C242", "square(f)", "what is convex in `f` may be added, not subtracted"),
    ("exp(-square(f))", "C242", "exp(-square(f))", "write an argument that is convex in `f`"),
    ("abs(exp(f) + log(f))", "C242", "exp(f)", "write what is affine in `f`"),
    ("exp(1 + abs(f * f)) / 2", "C242", "f * f", "write `square(f)`"),
    ("(f + log(f * f)) * f", "C242", "f * f", "write `square(f)`"),
    ("square(y) + 2", "C243", "square(y) + 2", "compare `f` with the target `y`"),
    ("1", "C243", "1", "compare `f` with the target `y`"),
    ("relu(f)", "C240", "relu", "write `pos(x)`"),
    ("abs(sqare(f))", "C240", "sqare", "did you mean `square`?"),
    ("xyzzy(f)", "C240", "xyzzy", "the functions are `abs`, `pos`, "),
    ("abs(y(f))", "C240", "y", "write `y * (...)`: a product needs its sign"),
    ("sqrt(square(f - y))", "C240", "sqrt", "write `abs(f - y)`"),
    ("sqrt(f * f + 4 + square(y))", "C240", "sqrt", "write `norm(f, 2, y)`"),
    ("sqrt(f)", "C240", "sqrt", "a square root is convex only of a sum of squares: write `norm(x, ...)`"),
    ("huber(f)", "C241", "huber(f)", "write `huber(x, delta)`"),
    ("max(f)", "C241", "max(f)", "write `max(x, ...)`"),
    ("norm()", "C241", "norm()", "write `norm(x, ...)`"),
    ("abs(f, y)", "C241", "abs(f, y)", "write `abs(x)`"),
    ("huber(f, delta = 1)", "C241", "delta = 1", "write `huber(x, delta)`"),
    ("square(f - t)", "C244", "t", "the names are `f`, `y` and `gamma`"),
    ("gama * abs(f)", "C244", "gama", "did you mean `gamma`?"),
    ("norm([f, y])", "C245", "[f, y]", "write an expression in `f` and `y`"),
    ('max("0", f)', "C245", '"0"', "write an expression in `f` and `y`"),
    ("huber(f, y)", "C246", "y", "write a number or a hyperparameter"),
    ("huber(f, f)", "C246", "f", "write a number or a hyperparameter"),
    ("huber(f, 1 - gamma)", "C246", "1 - gamma", "write a number or a hyperparameter"),
    ("huber(f, 0)", "C246", "0", "write a number or a hyperparameter"),
    ("f / 0", "C213", "0", "divide by any other number"),
    ("f / (gamma - 2)", "C213", "gamma - 2", "divide by any other number"),
    ("log(-1) * f", "C213", "log(-1)", "choose a positive argument"),
    ("f + exp(1000)", "C213", "exp(1000)", "stay below 1.7e308"),
    ("f * 1e999", "C213", "1e999", "stay below 1.7e308"),
    ('"abs(f)"', "C208", '"abs(f)"', "take the quotes away: `abs(f)`"),
    ("[f]", "C208", "[f]", "write an expression in `f` and `y`"),
]


@pytest.mark.parametrize(("expression", "code", "underlined", "remedy"), REFUSED, ids=[case[0] for case in REFUSED])
def test_a_refusal_points_at_the_cause(expression: str, code: str, underlined: str, remedy: str) -> None:
    (diagnostic,) = told(expression, "gamma = 2")
    assert diagnostic.code == code
    assert diagnostic.span is not None and diagnostic.span.text == underlined
    assert diagnostic.help is not None and diagnostic.help.startswith(remedy)


@pytest.mark.parametrize(
    ("expression", "underlined", "remedy"), [(case[0], *case[2:]) for case in REFUSED if case[1] == "C242"]
)
def test_what_is_to_be_written_is_accepted(expression: str, underlined: str, remedy: str) -> None:
    proposed = re.match(r"write `(.*?)`", remedy)
    if proposed is not None:
        mended = expression.replace(underlined, f"({proposed[1]})")
        assert told(mended) == () or underlined == "f * f"
        if " if " not in remedy:
            F, Y = np.array([-1.5, -0.5, 0.25, 2.0]), np.array([1.0, -1.0, 0.5, 3.0])
            np.testing.assert_allclose(by_numpy(underlined, F, Y), by_numpy(proposed[1], F, Y), rtol=1e-12)


def test_all_mistakes_of_a_formula_are_told_in_one_run() -> None:
    found = told("max(nothing, sqrt(f), huber(f, -1), norm(), f / 0, log(0), [1])")
    assert [diagnostic.code for diagnostic in found] == ["C244", "C240", "C246", "C241", "C213", "C213", "C245"]


def test_formulas_over_several_lines_and_with_comments_are_told_on_one() -> None:
    (diagnostic,) = told("(\n(f\n  - y) # the error\n * (f - y))")
    assert diagnostic.help == "write `square(f - y)`"


# -- names ------------------------------------------------------------------------------------------------------------


def test_hyperparameters_are_numbers_of_known_sign() -> None:
    F, Y = np.array([-1.0, 3.0]), np.array([2.0, 1.0])
    mine = custom("(1 - level) * pos(f - y) + level * square(f)", "level = half / 2, half = 0.5")
    np.testing.assert_allclose(mine.value(F, Y), 0.75 * np.maximum(F - Y, 0) + 0.25 * F**2)
    assert [found.code for found in told("(level - 1) * pos(f - y)", "level = 0.25")] == ["C242"]


def test_a_hyperparameter_is_used_by_a_formula() -> None:
    text = spec(hyperparameters="level = 1, other = 2", loss="custom { expression = huber(f - y, level) }")
    (diagnostic,) = check(text).diagnostics
    assert diagnostic.code == "L501" and diagnostic.span is not None and diagnostic.span.text == "other"


@pytest.mark.parametrize("name", ["f", "y"])
def test_a_hyperparameter_with_a_name_of_the_loss_is_no_silent_matter(name: str) -> None:
    (diagnostic,) = told("square(f - y)", f"{name} = 2")
    assert diagnostic.code == "C247" and diagnostic.span is not None and diagnostic.span.text == name
    assert told("square(f)", "y = 2") == (), "where the formula has no y, none can be mistaken"


def test_a_name_that_could_not_be_read_is_one_mistake() -> None:
    assert [found.code for found in told("gamma * abs(f)", "gamma = 1 / 0")] == ["C213"]
    text = spec(hyperparameters="gamma: 1", loss="custom { expression = gamma * abs(f) + unknown }")
    assert len(check(text).diagnostics) == 1


def test_the_deepest_formulas_are_read_and_evaluated() -> None:
    deep = "f"
    for level in range(97):
        deep = f"max({deep}, {level} * f)" if level % 2 else f"logistic({deep})"
    loss = custom(deep)
    F = np.array([-1.0, 0.5, 2.0])
    np.testing.assert_allclose(loss.value(F, F), by_numpy(deep, F, F))
    step = 1e-6
    np.testing.assert_allclose(
        loss.gradient(F, F), (by_numpy(deep, F + step, F) - by_numpy(deep, F - step, F)) / (2 * step), rtol=1e-5
    )


def test_formulas_that_say_the_same_are_equal() -> None:
    assert custom("square( f-y )") == custom("square(f - y)") != custom("square(y - f)")

"""Sign, curvature, shape and translation of random expressions, against what their values do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ir_mathml import require_presentable
from ir_programs import Hinge, HuberLoss, Logistic, Quantile, Squared

from reludsl.ir import (
    Add,
    Apply,
    Block,
    Constant,
    Curvature,
    Data,
    Diagonal,
    Elementwise,
    Expression,
    Full,
    Huber,
    Hypot,
    LogSumExp,
    Max,
    Maximum,
    Minimum,
    Named,
    Norm,
    NumpyVocabulary,
    Shape,
    Sign,
    Size,
    Source,
    Sum,
    SumSquares,
    Trace,
    Translator,
    Variable,
    absolute,
    column,
    entropy,
    evaluate,
    exp,
    expression_text,
    helper_sources,
    latex,
    log,
    logistic,
    mathml,
    numpy_namespace,
    pos,
    row,
    sizes,
    sqrt,
    square,
    step,
    unicode,
)
from reludsl.ir.functions import OPERATIONS, Operation

n, d = sizes("n, d")
LENGTHS = {"n": 3, "d": 2}
UNSIGNED, POSITIVE = Sign.UNKNOWN, Sign.NONNEGATIVE

LEAVES = [
    *(Variable("t", ()), Data("s", (), POSITIVE), Constant(-1.5), Constant(2.0, "beta"), Size(n + 1)),
    *(Variable("x", (n,)), Variable("z", (n,)), Data("a", (n,)), Data("p", (n,), POSITIVE)),
    *(Variable("V", (n, d)), Data("B", (n, d)), Data("D", (n, d), POSITIVE), Full(-1.0, (n, d))),
    *(Variable("Z", (n, n), symmetric=True), Data("K", (n, n))),
]
ARRAYS = [leaf for leaf in LEAVES if isinstance(leaf, Data | Variable)]

operations = st.sampled_from(get_args(Operation))
axes = st.sampled_from([0, 1])
orders = st.sampled_from([1, 2, "inf"])
LOSSES = [Hinge(), Squared(), Logistic(), Quantile(), HuberLoss()]
functions = st.sampled_from(LOSSES)


Draw = Callable[[st.SearchStrategy[Any]], Any]


@st.composite
def grown(draw: Draw, shape: Shape, depth: int = 2) -> Expression:
    """An expression of this shape, out of smaller ones."""
    if not depth or draw(st.integers(0, 6)) == 3:
        return draw(st.sampled_from([leaf for leaf in LEAVES if leaf.shape == shape]))

    def part(shape: Shape = shape) -> Expression:
        return draw(grown(shape, depth - 1))

    def same_or_scalar() -> Expression:
        return part(shape if draw(st.booleans()) else ())

    def array() -> Expression:
        return part(draw(st.sampled_from([(n,), (n, d)])))

    makers: list[Callable[[], Expression]] = [
        lambda: part() + same_or_scalar(),
        lambda: part() - same_or_scalar(),
        lambda: same_or_scalar() * part(),
        lambda: part() / draw(st.sampled_from([Constant(2.0), Size(n), Data("s", (), POSITIVE)])),
        lambda: -part(),
        lambda: Elementwise(draw(operations), part()),
        lambda: Huber(part(), Constant(0.5, "delta")),
        lambda: Maximum((part(), same_or_scalar())),
        lambda: Minimum((part(), part(), part(()))),
        lambda: Hypot((part(), same_or_scalar(), part())),
        lambda: Apply(draw(functions), part()),
    ]
    if shape == ():
        makers += [
            lambda: Sum(array()),
            lambda: Max(array()),
            lambda: LogSumExp(array()),
            lambda: Norm(array(), draw(orders)),
            lambda: SumSquares(array()),
            lambda: Trace(part((n, n))),
            lambda: part((n,)) @ part((n,)),
        ]
    if shape == (n,):
        makers += [
            lambda: Sum(part((n, d)), 1),
            lambda: Sum(part((n, n)), draw(axes)),
            lambda: Max(part((n, d)), 1),
            lambda: LogSumExp(part((n, d)), 1),
            lambda: Norm(part((n, d)), draw(orders), 1),
            lambda: Norm(part((n, n)), draw(orders), draw(axes)),
            lambda: Diagonal(part((n, n))),
            lambda: part((n, n)) @ part((n,)),
        ]
    if shape == (n, d):
        makers += [
            lambda: part() + column(part((n,))),
            lambda: column(part((n,))) * part(),
            lambda: part() - row(Sum(part(), 0)),
            lambda: part((n, n)) @ part(),
            lambda: Block(((part()[:, :1], part()[:, 1:]),)),
        ]
    if shape == (n, n):
        makers += [lambda: part().T, lambda: part((n, d)) @ part((n, d)).T, lambda: Diagonal(part((n,)))]
    for _ in range(3):
        expression = draw(st.sampled_from(makers))()
        if expression.curvature is not Curvature.UNKNOWN:  # without a claim there is little to be tested
            break
    return expression


@st.composite
def expressions(draw: Draw) -> Expression:
    expression: Expression = draw(grown(draw(st.sampled_from([(), (n,), (n, d), (n, n)])), draw(st.integers(1, 3))))
    if draw(st.integers(0, 9)) == 5:
        name = Named("g", expression)
        return square(name) - name
    return expression


def point(generator: np.random.Generator) -> dict[str, Any]:
    values: dict[str, Any] = dict(LENGTHS)
    for array in ARRAYS:
        shape = tuple(dim.evaluate(LENGTHS) for dim in array.shape)
        value = generator.normal(size=shape) * generator.choice([0.3, 1.0, 3.0])
        if isinstance(array, Data) and array.sign is POSITIVE:
            value = np.abs(value)
        if isinstance(array, Variable) and array.symmetric:
            value = value + value.T
        values[array.name] = value
    return values


def move(start: dict[str, np.ndarray], end: dict[str, np.ndarray], share: float) -> dict[str, np.ndarray]:
    """The variables a share of the way from start to end; the data stay."""
    variables = {array.name for array in ARRAYS if isinstance(array, Variable)}
    return {
        name: (1 - share) * value + share * end[name] if name in variables else value for name, value in start.items()
    }


def check_claims(expression: Expression, generator: np.random.Generator) -> None:
    """Shape, sign and curvature on a random segment between two values of the variables."""
    start = point(generator)
    end, share = move(start, point(generator), 1.0), generator.uniform(0.1, 0.9)
    points = [start, end, move(start, end, share)]
    first, last, between = (np.asarray(evaluate(expression, values)) for values in points)
    assert first.shape == tuple(dim.evaluate(LENGTHS) for dim in expression.shape)
    for values in (first, last, between):
        known = values[np.isfinite(values)]
        scale = 1e-9 * (1 + np.abs(known).max(initial=0))
        assert not expression.sign.is_nonnegative or (known >= -scale).all()
        assert not expression.sign.is_nonpositive or (known <= scale).all()
    finite = np.isfinite(first) & np.isfinite(last) & (np.abs(first) + np.abs(last) < 1e12)
    excess = between[finite] - ((1 - share) * first[finite] + share * last[finite])
    slack = 1e-8 * (1 + np.abs(first) + np.abs(last) + np.abs(np.nan_to_num(between)))[finite]
    if expression.curvature.is_constant:
        np.testing.assert_array_equal(first, last)
    # Written so that a nan between two finite ends is a failure.
    if expression.curvature.is_convex:
        assert (excess <= slack).all()
    if expression.curvature.is_concave:
        assert (excess >= -slack).all()


@settings(max_examples=400, deadline=None)
@given(expressions(), st.integers(0, 2**32 - 1))
def test_claims_hold_on_random_segments(expression: Expression, seed: int) -> None:
    generator = np.random.default_rng(seed)
    for _ in range(3):
        check_claims(expression, generator)


FUNCTIONS: dict[str, Callable[[Expression], Expression]] = {
    **{name: partial(Elementwise, name) for name in get_args(Operation)},
    **{function.name: partial(Apply, function) for function in LOSSES},
    "huber_penalty": lambda a: Huber(a, Constant(0.5)),
    "maximum": lambda a: Maximum((a, Constant(0.3), V[:, :1])),
    "minimum": lambda a: Minimum((a, Constant(0.3), V[:, :1])),
    "negate": lambda a: -a,
    "scale": lambda a: Data("B", (n, d)) * a,
    "scale_up": lambda a: Data("D", (n, d), POSITIVE) * a,
    "divide": lambda a: a / Data("s", (), POSITIVE),
    "divide_down": lambda a: a / Constant(-2.0),
    "product": lambda a: Data("K", (n, n)) @ a,
    "positive_product": lambda a: absolute(Data("K", (n, n))) @ a,
    "sum": lambda a: Sum(a, 1),
    "max": lambda a: Max(a, 1),
    "all_max": Max,
    "log_sum_exp": lambda a: LogSumExp(a, 1),
    "all_log_sum_exp": LogSumExp,
    "norm_1": lambda a: Norm(a, 1, 1),
    "norm_2": lambda a: Norm(a, 2, 1),
    "norm_inf": lambda a: Norm(a, "inf", 1),
    "frobenius": lambda a: Norm(a, 2),
    "sum_squares": SumSquares,
}
V = Variable("V", (n, d))
ARGUMENTS = [V, -V, absolute(V), -absolute(V), square(V) + 1, 1 - square(V), sqrt(V), 4 + sqrt(V), exp(V) - 2]


@pytest.mark.parametrize("argument", ARGUMENTS, ids=expression_text)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_claims_of_each_function_of_each_kind_of_argument(function: str, argument: Expression) -> None:
    generator = np.random.default_rng(0)
    for _ in range(15):
        check_claims(FUNCTIONS[function](argument), generator)


@settings(max_examples=200, deadline=None)
@given(expressions(), st.integers(0, 2**32 - 1))
def test_generated_code_computes_what_evaluation_does(expression: Expression, seed: int) -> None:
    values = point(np.random.default_rng(seed))
    write = Translator(NumpyVocabulary(), build := Source(), reserved=values)
    result = write(expression).text
    names: dict[str, Any] = {**numpy_namespace(), **values, "beta": 2.0, "q": 0.3, "delta": 0.5}
    code = "\n".join([*helper_sources(build.called), *(f"{name} = {text}" for name, text in build.statements)])
    with np.errstate(all="ignore"):
        exec(code, names)
        found = eval(result, names)
    np.testing.assert_array_equal(np.asarray(found, float), evaluate(expression, values))


@settings(max_examples=200, deadline=None)
@given(expressions())
def test_everything_can_be_printed(expression: Expression) -> None:
    assert expression_text(expression)
    assert unicode(expression)
    text = latex(expression)
    assert text.isascii()
    assert text.count("{") == text.count("}")
    assert text.count("(") == text.count(")")
    assert require_presentable(mathml(expression)) == unicode(expression)


@given(grown((n, d)), grown((n, d)))
def test_addition_does_not_care_for_the_grouping(a: Expression, b: Expression) -> None:
    assume(a != Constant(0.0) and b != Constant(0.0))
    assert (a + b) + a == a + (b + a) == Add((a, Add((b, a))))
    opposite = -a
    assert -opposite == a
    assert a == a.T.T


x, t = Variable("x", (n,)), Variable("t", ())
p, a, X = Data("p", (n,), POSITIVE), Data("a", (n,)), Data("X", (n, n))
convex, concave, affine, unknown = Curvature.CONVEX, Curvature.CONCAVE, Curvature.AFFINE, Curvature.UNKNOWN


@pytest.mark.parametrize(
    ("expression", "curvature", "sign"),
    [
        (x, affine, UNSIGNED),
        (a, Curvature.CONSTANT, UNSIGNED),
        (square(x), convex, POSITIVE),
        (-square(x), concave, Sign.NONPOSITIVE),
        (sqrt(p * x), concave, POSITIVE),
        (square(absolute(x)), convex, POSITIVE),
        (square(x - absolute(x)), unknown, POSITIVE),
        (square(-absolute(x)), convex, POSITIVE),
        (p * absolute(x), convex, POSITIVE),
        (a * absolute(x), unknown, UNSIGNED),
        (-p * absolute(x), concave, Sign.NONPOSITIVE),
        (a * x, affine, UNSIGNED),
        (x * x, unknown, UNSIGNED),
        (x / Size(n), affine, UNSIGNED),
        (1 / x, unknown, UNSIGNED),
        (X @ x, affine, UNSIGNED),
        (exp(square(x)), convex, POSITIVE),
        (exp(-square(x)), unknown, POSITIVE),
        (log(sqrt(x)), concave, UNSIGNED),
        (logistic(-x), convex, POSITIVE),
        (entropy(x), concave, UNSIGNED),
        (step(x), unknown, POSITIVE),
        (step(a) * x, affine, UNSIGNED),
        (Maximum((x, square(x))), convex, POSITIVE),
        (Minimum((x, square(x))), unknown, UNSIGNED),
        (Minimum((x, -square(x))), concave, Sign.NONPOSITIVE),
        (Norm(x, 2), convex, POSITIVE),
        (Norm(absolute(x), 1), convex, POSITIVE),
        (Norm(square(x) - 1, 1), unknown, POSITIVE),
        (SumSquares(pos(x)), convex, POSITIVE),
        (LogSumExp(square(x)), convex, POSITIVE),
        (Max(-sqrt(x)), convex, Sign.NONPOSITIVE),
        (Apply(Hinge(), x - p * absolute(x)), convex, POSITIVE),
        (Apply(Hinge(), x + p * absolute(x)), unknown, POSITIVE),
        (0 * x, affine, Sign.ZERO),
    ],
    ids=lambda value: expression_text(value) if isinstance(value, Expression) else None,
)
def test_the_rules(expression: Expression, curvature: Curvature, sign: Sign) -> None:
    assert (expression.curvature, expression.sign) == (curvature, sign)


def test_every_operation_has_its_rules() -> None:
    assert set(OPERATIONS) == set(get_args(Operation))

"""Sign, curvature, shape and translation of random expressions, against what their values do."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
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
    LogSumExp,
    Max,
    Maximum,
    Minimum,
    Named,
    Norm,
    NumpyVocabulary,
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
    numpy_namespace,
    pos,
    row,
    sizes,
    sqrt,
    square,
    unicode,
)
from reludsl.ir.functions import OPERATIONS, Operation

n, d = sizes("n, d")
LENGTHS = {"n": 3, "d": 2}
UNSIGNED, POSITIVE = Sign.UNKNOWN, Sign.NONNEGATIVE

SCALARS = [Variable("t", ()), Data("s", (), POSITIVE), Constant(-1.5), Constant(2.0, "beta"), Size(n + 1)]
VECTORS = [Variable("x", (n,)), Variable("z", (n,)), Data("a", (n,)), Data("p", (n,), POSITIVE)]
MATRICES = [Variable("V", (n, d)), Data("B", (n, d)), Data("D", (n, d), POSITIVE), Full(-1.0, (n, d))]
SQUARES = [Variable("Z", (n, n), symmetric=True), Data("K", (n, n))]
ARRAYS = [leaf for leaf in (*SCALARS, *VECTORS, *MATRICES, *SQUARES) if isinstance(leaf, Data | Variable)]

operations = st.sampled_from(get_args(Operation))
axes = st.sampled_from([0, 1])
orders = st.sampled_from([1, 2, "inf"])
functions = st.sampled_from([Hinge(), Squared(), Logistic(), Quantile(), HuberLoss()])


def elementwise(
    same: st.SearchStrategy[Expression], scalars: st.SearchStrategy[Expression]
) -> st.SearchStrategy[Expression]:
    """What keeps a shape, whatever it is."""
    threshold = Constant(0.5, "delta")
    return st.one_of(
        st.builds(lambda a, b: a + b, same, same | scalars),
        st.builds(lambda a, b: a - b, same, same | scalars),
        st.builds(lambda a, b: a * b, same | scalars, same),
        st.builds(lambda a, b: a / b, same, st.sampled_from([Constant(2.0), Size(n), Data("s", (), POSITIVE)])),
        st.builds(lambda a: -a, same),
        st.builds(Elementwise, operations, same),
        st.builds(lambda a: Huber(a, threshold), same),
        st.builds(lambda a, b: Maximum((a, b)), same, same | scalars),
        st.builds(lambda a, b, c: Minimum((a, b, c)), same, same, scalars),
        st.builds(Apply, functions, same),
    )


def grow(depth: int) -> dict[str, st.SearchStrategy[Expression]]:
    """Expressions of each shape, out of smaller ones."""
    leaves = {"scalar": SCALARS, "vector": VECTORS, "matrix": MATRICES, "square": SQUARES}
    found: dict[str, st.SearchStrategy[Expression]] = {
        shape: st.sampled_from(values) for shape, values in leaves.items()
    }
    for _ in range(depth):
        scalar, vector, matrix, square_ = found["scalar"], found["vector"], found["matrix"], found["square"]
        either = vector | matrix
        found = {
            "scalar": st.one_of(
                scalar,
                elementwise(scalar, scalar),
                st.builds(Sum, either),
                st.builds(Max, either),
                st.builds(LogSumExp, either),
                st.builds(Norm, either, orders),
                st.builds(SumSquares, either),
                st.builds(Trace, square_),
                st.builds(lambda a, b: a @ b, vector, vector),
            ),
            "vector": st.one_of(
                vector,
                elementwise(vector, scalar),
                st.builds(lambda a: Sum(a, 1), matrix),
                st.builds(lambda a: Max(a, 1), matrix),
                st.builds(lambda a: LogSumExp(a, 1), matrix),
                st.builds(lambda a, p: Norm(a, p, 1), matrix, orders),
                st.builds(lambda a, p, k: Norm(a, p, k), square_, orders, axes),
                st.builds(lambda a, k: Sum(a, k), square_, axes),
                st.builds(Diagonal, square_),
                st.builds(lambda a, b: a @ b, square_, vector),
            ),
            "matrix": st.one_of(
                matrix,
                elementwise(matrix, scalar),
                st.builds(lambda a, b: a + column(b), matrix, vector),
                st.builds(lambda a, b: column(b) * a, matrix, vector),
                st.builds(lambda a, b: a - row(Sum(b, 0)), matrix, matrix),
                st.builds(lambda a, b: a @ b, square_, matrix),
                st.builds(lambda a, b: Block(((a[:, :1], b[:, 1:]),)), matrix, matrix),
            ),
            "square": st.one_of(
                square_,
                elementwise(square_, scalar),
                st.builds(lambda a: a.T, square_),
                st.builds(lambda a, b: a @ b.T, matrix, matrix),
                st.builds(Diagonal, vector),
            ),
        }
    return found


# Names are unique within an expression when they are told from what they name.
def named(expression: Expression) -> Expression:
    return square(Named("g", expression)) - Named("g", expression)


GROWN = grow(2)
expressions = st.one_of(*GROWN.values(), st.builds(named, GROWN["vector"]))


def point(generator: np.random.Generator) -> dict[str, np.ndarray]:
    values = {}
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


@settings(max_examples=500, deadline=None)
@given(expressions, st.integers(0, 2**32 - 1))
def test_claims_hold_on_random_segments(expression: Expression, seed: int) -> None:
    generator = np.random.default_rng(seed)
    start, end = point(generator), point(generator)
    share = generator.uniform(0.1, 0.9)
    points = [start, move(start, end, 1.0), move(start, end, share)]
    first, last, between = (np.asarray(evaluate(expression, values)) for values in points)
    assert first.shape == tuple(dim.evaluate(LENGTHS) for dim in expression.shape)
    for values in (first, last, between):
        known = values[np.isfinite(values)]
        scale = 1e-9 * (1 + np.abs(known).max(initial=0))
        assert not expression.sign.is_nonnegative or (known >= -scale).all()
        assert not expression.sign.is_nonpositive or (known <= scale).all()
    finite = np.isfinite(first) & np.isfinite(last) & (np.abs(first) + np.abs(last) < 1e12)
    excess = (between - ((1 - share) * first + share * last))[finite]
    slack = 1e-8 * (1 + np.abs(first) + np.abs(last) + np.abs(np.nan_to_num(between)))[finite]
    if expression.curvature.is_constant:
        np.testing.assert_array_equal(first, last)
    # Written so that a nan between two finite ends is a failure.
    if expression.curvature.is_convex:
        assert (excess <= slack).all()
    if expression.curvature.is_concave:
        assert (excess >= -slack).all()


@settings(max_examples=200, deadline=None)
@given(expressions, st.integers(0, 2**32 - 1))
def test_generated_code_computes_what_evaluation_does(expression: Expression, seed: int) -> None:
    values = point(np.random.default_rng(seed))
    write = Translator(NumpyVocabulary(), build := Source(), reserved=values)
    result = write(expression).text
    names: dict[str, Any] = {**numpy_namespace(), **values, **LENGTHS, "beta": 2.0, "q": 0.3, "delta": 0.5}
    code = "\n".join([*helper_sources(build.called), *(f"{name} = {text}" for name, text in build.statements)])
    with np.errstate(all="ignore"):
        exec(code, names)
        found = eval(result, names)
    np.testing.assert_array_equal(np.asarray(found, float), evaluate(expression, values))


@settings(max_examples=200, deadline=None)
@given(expressions)
def test_everything_can_be_printed(expression: Expression) -> None:
    assert expression_text(expression)
    assert unicode(expression)
    text = latex(expression)
    assert text.isascii()
    assert text.count("{") == text.count("}")
    assert text.count("(") == text.count(")")


@given(GROWN["matrix"], GROWN["matrix"])
def test_addition_does_not_care_for_the_grouping(a: Expression, b: Expression) -> None:
    assume(a != Constant(0.0) and b != Constant(0.0))
    assert (a + b) + a == a + (b + a) == Add((a, Add((b, a))))
    assert -(-a) == a
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
        (Maximum((x, square(x))), convex, POSITIVE),
        (Minimum((x, square(x))), unknown, UNSIGNED),
        (Minimum((x, -square(x))), concave, Sign.NONPOSITIVE),
        (Norm(x, 2), convex, POSITIVE),
        (Norm(absolute(x), 1), convex, POSITIVE),
        (Norm(square(x) - 1, 1), unknown, POSITIVE),
        (SumSquares(pos(x)), convex, POSITIVE),
        (LogSumExp(square(x)), convex, POSITIVE),
        (Max(-sqrt(x)), convex, UNSIGNED),
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

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reludsl.ir import (
    Block,
    BlockDiagonal,
    Data,
    Diagonal,
    Dim,
    Expression,
    Full,
    MatMul,
    ShapeError,
    Sum,
    Trace,
    Variable,
    as_dim,
    column,
    is_symmetric,
    row,
    sizes,
)

n, d, c = sizes("n, d, c")
forms = st.builds(
    lambda names, constant: sum((k * as_dim(name) for name, k in names), as_dim(constant)),
    st.lists(st.tuples(st.sampled_from("ndc"), st.integers(-3, 3)), max_size=4),
    st.integers(-5, 5),
)
lengths = st.fixed_dictionaries({name: st.integers(1, 9) for name in "ndc"})


@given(forms, forms, st.integers(-4, 4), lengths)
def test_arithmetic_is_that_of_the_numbers(a: Dim, b: Dim, k: int, given_sizes: dict[str, int]) -> None:
    left, right = a.evaluate(given_sizes), b.evaluate(given_sizes)
    assert (a + b).evaluate(given_sizes) == left + right
    assert (a - b).evaluate(given_sizes) == left - right
    assert (k * a).evaluate(given_sizes) == k * left
    assert (k - a).evaluate(given_sizes) == k - left
    assert eval(a.written(" * "), dict(given_sizes)) == left
    if a == b:
        assert left == right
        assert hash(a) == hash(b)
    if a.is_at_least(b):
        assert left >= right


@given(forms, forms)
def test_equal_forms_are_equal_whatever_the_order(a: Dim, b: Dim) -> None:
    assert a + b == b + a
    assert hash(a + b) == hash(b + a)
    assert a - a == 0
    assert (a + b) - b == a


@pytest.mark.parametrize(
    ("form", "text"),
    [(2 * n + d + c, "2n + d + c"), (d + 1, "d + 1"), (n - 1, "n - 1"), (-n, "-n"), (n - n, "0"), (as_dim(3), "3")],
)
def test_forms_are_printed_in_the_order_in_which_they_were_written(form: Dim, text: str) -> None:
    assert str(form) == text


X, V = Data("X", (n, d)), Variable("V", (d, c))
x, y = Variable("x", (n,)), Variable("y", (d,))
Z, K = Variable("Z", (n, n), symmetric=True), Data("K", (n, n))
stack = Variable("S", (c, d), symmetric="blocks")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: X + V, r"\[n, d\] and \[d, c\]"),
        (lambda: x + X, r"\[n\] and \[n, d\]"),
        (lambda: X @ x, r"\[n, d\] @ \[n\]"),
        (lambda: MatMul(X, Full(1, ())), r"\[n, d\] @ \[\]"),
        (lambda: x.T, "row"),
        (lambda: Trace(X), "not square"),
        (lambda: Diagonal(X), "not square"),
        (lambda: Sum(x, axis=1), "axis 1"),
        (lambda: Sum(Sum(x)), "scalar"),
        (lambda: X[: n + 1, :], "n [+] 1"),
        (lambda: X[d:, :], "within n"),
        (lambda: X[:n], "1 ranges"),
        (lambda: Block(((X, V),)), "heights"),
        (lambda: Block(((X,), (V,))), "widths"),
        (lambda: Block(((x,),)), "must be a matrix"),
        (lambda: row(X), "only a vector"),
        (lambda: Variable("S", (n, d), symmetric=True), "cannot be symmetric"),
        (lambda: Variable("S", (n,), symmetric="blocks"), "cannot be symmetric"),
        (lambda: BlockDiagonal(x, n), "rows of a matrix"),
        (lambda: Data("T", (n, d, c)), "more than two"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(build: object, message: str) -> None:
    assert callable(build)
    with pytest.raises(ShapeError, match=message):
        build()


@pytest.mark.parametrize(
    ("expression", "shape"),
    [
        (X @ V, (n, c)),
        (X @ y, (n,)),
        (x @ X, (d,)),
        (x @ x, ()),
        (X + column(x), (n, d)),
        (column(x) + row(y), (n, d)),
        (2 * X, (n, d)),
        (Sum(X, axis=0), (d,)),
        (Sum(X, axis=1), (n,)),
        (Z[:n, : n - 1], (n, n - 1)),
        (Block(((X, X @ V), (V.T, Full(0, (c, c))))), (n + c, d + c)),
        (Diagonal(x), (n, n)),
        (Diagonal(Z), (n,)),
        (BlockDiagonal(X, c), (n, c)),
        (BlockDiagonal(X, c) @ stack, (n, d)),
    ],
)
def test_shapes(expression: Expression, shape: tuple[Dim, ...]) -> None:
    assert expression.shape == shape


@pytest.mark.parametrize(
    "matrix",
    [
        Z,
        Z + K + K.T,
        X @ X.T,
        K @ Z @ K.T,
        Diagonal(x),
        Block(((Z, X @ V), (V.T @ X.T, Full(1, (c, c))))),
        2 * Z - Diagonal(x) / 3,
        Z[1:, 1:],
        column(x) @ row(x),
        column(x) + row(x),
        BlockDiagonal(stack, c),
    ],
)
def test_symmetric_by_construction(matrix: Expression) -> None:
    assert is_symmetric(matrix)


NOT_SYMMETRIC = [K, X, K @ Z, Z[1:, : n - 1], Block(((Z, X), (V.T @ X.T, Full(1, (c, d))))), x, BlockDiagonal(K, n)]


@pytest.mark.parametrize("matrix", [*NOT_SYMMETRIC, BlockDiagonal(stack, d), BlockDiagonal(2 * stack, c)])
def test_not_symmetric_by_construction(matrix: Expression) -> None:
    assert not is_symmetric(matrix)

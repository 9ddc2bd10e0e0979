from __future__ import annotations

import pytest
from ir_programs import Quantile

from reludsl.ir import (
    Apply,
    Builder,
    Constant,
    Data,
    Expression,
    Maximum,
    Named,
    Norm,
    NumpyVocabulary,
    Size,
    Source,
    Sum,
    Trace,
    Translator,
    Untranslatable,
    Variable,
    Vocabulary,
    column,
    exp,
    sizes,
    square,
)

n, d, P = sizes("n, d, P")
X, D, V = Data("X", (n, d)), Data("D", (n, P)), Variable("V", (d, P))
x, y, z = Variable("x", (n,)), Data("y", (n,)), Data("z", (n,))
Z = Variable("Z", (n + d, n + d))
beta = Constant(0.1, "beta")


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        (x - (y - z), "x - (y - z)"),
        (x - (y + z), "x - (y + z)"),
        (-x + y, "-x + y"),
        (x - 2, "x - 2"),
        (y * (z * x), "y * (z * x)"),
        (y * z * x, "y * z * x"),
        (y * -x, "y * -x"),
        (-(y * x), "-y * x"),
        (z * -(y * x), "z * (-y * x)"),
        ((x + y) / (z * y), "(x + y) / (z * y)"),
        (x / Size(n + 1) / Size(2 * n), "x / (n + 1) / (2 * n)"),
        (D * (X @ V), "D * (X @ V)"),
        ((D * (X @ V)).T @ x, "(D * (X @ V)).T @ x"),
        (beta * X @ V, "(beta * X) @ V"),
        (X.T @ X @ V, "X.T @ X @ V"),
        (X.T @ (X @ V), "X.T @ (X @ V)"),
        (Z[:n, n:], "Z[:n, n:]"),
        ((Z + Z.T)[: n - 1, 1:], "(Z + Z.T)[:n - 1, 1:]"),
        (column(x) * X, "X * x[:, None]"),
        (1e-3 * x, "0.001 * x"),
        (-1e-9 * x, "-1e-09 * x"),
        (Maximum((x, y, z)), "np.maximum(np.maximum(x, y), z)"),
        (Norm(X @ V, "inf", axis=0), "np.linalg.norm(X @ V, np.inf, axis=0)"),
        (Norm(X @ V, 1), "np.sum(np.abs(X @ V))"),
    ],
)
def test_code_has_the_parentheses_it_needs(expression: Expression, code: str) -> None:
    found = Translator(NumpyVocabulary(), Source())(expression).text
    assert found.replace(" :", ":").replace(": ", ":") == code.replace(": ", ":")


def test_named_expressions_become_assignments_each_once_and_in_order() -> None:
    inner = Named("g", exp(x))
    outer = Named("h", inner * y)
    write = Translator(NumpyVocabulary(), build := Source())
    first, second = write(Sum(outer) + Sum(inner)), write(Sum(inner + outer))
    assert build.statements == [("g", "np.exp(x)"), ("h", "y * g")]
    assert (first.text, second.text) == ("np.sum(h) + np.sum(g)", "np.sum(g + h)")


def test_an_argument_that_a_function_uses_twice_is_computed_once() -> None:
    write = Translator(NumpyVocabulary(), build := Source(), reserved={"quantile_argument"})
    assert write(Apply(Quantile(), x)).text == "np.maximum(q * x, (q - 1) * x)"
    assert build.statements == []
    write(Apply(Quantile(), x - y))
    write(Apply(Quantile(), y - x))
    assert build.statements == [("quantile_argument_2", "x - y"), ("quantile_argument_3", "y - x")]


class Spelled(Vocabulary):
    """A library of one word."""

    def spell(self, node: Expression, parts: tuple[object, ...], build: Builder[object]) -> object:
        match node, parts:
            case Trace(), (a,):
                return build.method(a, "trace", exact=True)
        return super().spell(node, parts, build)


def test_a_vocabulary_says_what_it_has_no_word_for() -> None:
    write = Translator(Spelled(), Source())
    assert write(Trace(Z - 2)).text == "(Z - 2).trace(exact=True)"
    with pytest.raises(Untranslatable, match="Spelled has no word for Elementwise"):
        write(square(x))


def test_the_functions_that_are_called_are_known() -> None:
    build = Source()
    Translator(NumpyVocabulary(), build)(Sum(exp(x)))
    assert build.called == {"np.sum", "np.exp"}

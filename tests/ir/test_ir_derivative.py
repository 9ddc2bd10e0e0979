"""Derivatives of scalar expressions against difference quotients; substitution against evaluation at the values."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from ir_programs import Hinge, HuberLoss, Logistic, Squared

from reludsl.ir import (
    Apply,
    Block,
    Constant,
    Curvature,
    Data,
    Divide,
    Elementwise,
    Expression,
    Huber,
    Hypot,
    Maximum,
    Minimum,
    Multiply,
    Named,
    Norm,
    Placeholder,
    Sum,
    Variable,
    absolute,
    column,
    derivative,
    evaluate,
    exp,
    log,
    pos,
    sizes,
    square,
    substitute,
)
from reludsl.ir.functions import Operation
from reludsl.source import Source, Span

n, d = sizes("n, d")
t, s = Placeholder("t"), Placeholder("s")
POINTS = np.array([-2.3, -0.71, 0.37, 1.9])
PLACE = Span(Source("spec.relu", "loss hinge\n"), 5, 10)


def values(expression: Expression, at: np.ndarray, other: float = 1.7) -> np.ndarray:
    array = substitute(expression, {"t": Data("t", (n,)), "s": Constant(other)})
    return np.broadcast_to(np.asarray(evaluate(array, {"t": at})), at.shape)


@pytest.mark.parametrize(
    "expression",
    [
        *(Elementwise(operation, t) for operation in get_args(Operation)),
        *(Elementwise(operation, s - 0.3 * square(t)) for operation in get_args(Operation)),
        Huber(2 * t, Constant(1.5)),
        Maximum((t, Constant(0.5), -t)),
        Maximum((square(t), s * t, t + s)),
        Minimum((t, Constant(0.5), square(t) - 1)),
        Hypot((t, s)),
        Hypot((2 * t, t - s, square(t), Constant(0.1))),
        t * t * s,
        t / s + s / t - (t - s) / (1 + square(t)),
        Named("g", exp(t)) * Named("g", exp(t)),
        Apply(Logistic(), 2 * t) + Apply(Hinge(), t) + Apply(HuberLoss(), t - s) + Apply(Squared(), t),
        3 - t,
        square(s),
    ],
    ids=str,
)
def test_the_derivative_is_the_limit_of_difference_quotients(expression: Expression) -> None:
    step = 1e-6
    with np.errstate(invalid="ignore"):  # a logarithm of a negative number
        quotients = (values(expression, POINTS + step) - values(expression, POINTS - step)) / (2 * step)
    known = np.isfinite(quotients)
    found = values(derivative(expression, "t"), POINTS)
    np.testing.assert_allclose(found[known], quotients[known], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("expression", "least", "greatest"),
    [
        (absolute(t), -1, 1),
        (absolute(-pos(t)), 0, 1),
        (pos(t), 0, 1),
        (Maximum((t, -2 * t, Constant(0.0))), -2, 1),
        (Huber(t, Constant(1.0)), 0, 0),
        (Hypot((t, 2 * t)), -np.sqrt(5), np.sqrt(5)),
        (Hypot((pos(t), pos(-t))), -1, 1),
    ],
    ids=str,
)
def test_at_a_kink_it_is_a_subgradient(expression: Expression, least: float, greatest: float) -> None:
    (found,) = values(derivative(expression, "t"), np.zeros(1))
    assert least <= found <= greatest


def test_what_does_not_depend_on_the_placeholder_has_the_derivative_0() -> None:
    for expression in (
        square(s),
        log(s) * 2,
        Maximum((s, Constant(1.0))),
        Hypot((s, s)),
        Huber(s, Constant(1.0)),
        s / 2,
    ):
        assert derivative(expression, "t") == Constant(0.0)


def test_sums_over_arrays_are_not_differentiated() -> None:
    with pytest.raises(NotImplementedError, match="Sum"):
        derivative(t * Sum(Data("a", (n,))), "t")


# -- substitution ----------------------------------------------------------------------------------------------------

x, a = Variable("x", (n,)), Data("a", (n,))
v = Placeholder("v", (n,))


def test_replaced_nodes_have_the_attributes_of_their_new_arguments() -> None:
    found = substitute(t * s, {"t": x, "s": a})
    assert found == Multiply(a, x) and found.shape == (n,) and found.curvature is Curvature.AFFINE
    assert substitute(Divide(t, s), {"s": a}) == Divide(t, a)


def test_all_places_are_found() -> None:
    whole = Block(((column(v), column(2 * v)),))
    found = Norm(whole, 2, 1) + Named("g", exp(v)) + Apply(Hinge(), v)
    expected = Norm(Block(((column(x), column(2 * x)),)), 2, 1) + Named("g", exp(x)) + Apply(Hinge(), x)
    assert substitute(found, {"v": x}) == expected


def test_places_in_the_spec_are_kept() -> None:
    definition = square(t.at(PLACE) - 1).at(PLACE)
    found = substitute(definition, {"t": x})
    assert found.span == PLACE
    assert [node.span for node in found.arguments[0].arguments if node == x] == [PLACE]
    assert substitute(t.at(None), {"t": x.at(PLACE)}).span == PLACE


def test_what_has_no_such_placeholder_is_the_same_object() -> None:
    inner = exp(a) + Norm(Block(((column(a), column(a)),)), 2, 1)
    assert substitute(inner, {"t": x}) is inner
    found = substitute(Maximum((v, inner)), {"v": x})
    assert found.arguments[1] is inner

from __future__ import annotations

import pytest
from ir_programs import Hinge, Quantile

from reludsl.ir import (
    Apply,
    BlockDiagonal,
    Constant,
    Data,
    Expression,
    Named,
    Nonnegative,
    Norm,
    NotConvex,
    Program,
    SecondOrder,
    Semidefinite,
    Sign,
    Sum,
    SumSquares,
    Term,
    Variable,
    Zero,
    exp,
    pos,
    require_convex,
    sizes,
    sqrt,
    square,
    verify,
)
from reludsl.ir.program import Constraint
from reludsl.source import Source, Span

n, d = sizes("n, d")
x, t = Variable("x", (n,)), Variable("t", ())
Z, G = Variable("Z", (n, n), symmetric=True), Variable("G", (n, n))
x_blocks, stack = Variable("B", (n, d)), Variable("S", (n, d), symmetric="blocks")
a, A = Data("a", (n,)), Data("A", (n, n))
SPEC = Source("spec.relu", "loss hinge\nregularizer path_norm\nformulation exact\n")
LOSS, REGULARIZER, FORMULATION = Span(SPEC, 0, 10), Span(SPEC, 11, 32), Span(SPEC, 33, 50)


def minimise(expression: Expression, *constraints: Constraint) -> Program:
    return Program("test", (Term("loss", expression, LOSS),), constraints)


def under(constraint: Constraint) -> Program:
    return minimise(SumSquares(x), constraint)


bad_sum = sqrt(x)
bad_product = x * square(x)
unsigned = a * square(x)


@pytest.mark.parametrize(
    ("program", "node", "rule"),
    [
        (minimise(square(x)), square(x), "must be a scalar, not [n]"),
        (minimise(Sum(square(x) + bad_sum)), bad_sum, "`sqrt(x)` is concave, but has to be convex here"),
        (minimise(-Sum(square(x))), square(x), "`square(x)` is convex, but has to be concave here"),
        (minimise(Sum(3 * (x + bad_product))), bad_product, "both factors depend on the variables"),
        (minimise(Sum(1 / x)), 1 / x, "the divisor depends on the variables"),
        (minimise(Sum(unsigned)), unsigned, "`a` is of unknown sign, so `square(x)` has to be affine"),
        (minimise(Sum(exp(bad_sum))), exp(bad_sum), "nondecreasing in its argument, so `sqrt(x)` has to be convex"),
        (
            minimise(Norm(square(x) - 1, 2)),
            Norm(square(x) - 1, 2),
            "convex and not monotone in its argument, so `square(x) - 1` has to be affine, but is convex",
        ),
        (minimise(Norm(bad_product, 2)), bad_product, "both factors"),
        (
            minimise(Sum(Apply(Hinge(), square(x)))),
            pos(1 - square(x)),
            "nondecreasing in its argument, so `1 - square(x)` has to be convex, but is concave",
        ),
        (minimise(Sum(Named("g", bad_sum))), bad_sum, "sqrt"),
        (under(Nonnegative("c", square(x))), square(x), "has to be concave here"),
        (under(Zero("c", square(x) - 1)), square(x), "has to be affine here"),
        (under(Zero("c", A @ x - 1 + Norm(x, 1))), Norm(x, 1), "has to be affine here"),
        (under(SecondOrder("c", square(t), x)), square(t), "has to be concave"),
        (under(SecondOrder("c", t, square(x))), square(x), "has to be affine"),
        (under(SecondOrder("c", t, A, axis=0)), t, "does not fit the norms of shape [n]"),
        (under(SecondOrder("c", t, x, axis=1)), x, "no norm along axis 1"),
        (under(Semidefinite("c", x)), x, "must be square, not [n]"),
        (under(Semidefinite("c", G)), G, "symmetric by its construction; `G` is not"),
        (under(Semidefinite("c", square(Z))), square(Z), "symmetric"),
        (under(Semidefinite("c", BlockDiagonal(x_blocks, n))), BlockDiagonal(x_blocks, n), "symmetric"),
        (under(Semidefinite("c", BlockDiagonal(x_blocks, d))), BlockDiagonal(x_blocks, d), "must be square"),
        (under(Semidefinite("c", BlockDiagonal(stack, n))), None, ""),
        (minimise(Sum(x) + Sum(Named("x", a))), Named("x", a), "one name stands for two things"),
        (minimise(Sum(a) + Sum(Data("a", (d,)))), Data("a", (d,)), "one name stands for two things"),
        (minimise(Sum(a) + Constant(1, "n")), Constant(1, "n"), "one name stands for two things"),
        (minimise(Constant(1, "lambda") * t), Constant(1, "lambda"), "identifier"),
        (minimise(Sum(Apply(Quantile(0.5), x) + Apply(Quantile(0.5), x - 1))), None, ""),
        (minimise(Sum(Apply(Quantile(0.5), x) + Apply(Quantile(0.2), x))), None, "one name stands for two"),
        (Program("test", (Term("loss", t), Term("loss", t))), None, "two terms of this name"),
    ],
)
def test_the_innermost_node_at_fault_is_named(program: Program, node: Expression | None, rule: str) -> None:
    found = verify(program)
    if not rule:
        assert found == []
        return
    assert any(violation.node == node and rule in violation.rule for violation in found), found


def test_a_violation_points_at_the_nearest_place() -> None:
    inner = (x * square(x)).at(REGULARIZER)
    (violation,) = verify(minimise(Sum(inner + x)))
    assert violation.span == REGULARIZER
    (violation,) = verify(minimise(Sum(x * square(x) + x)))
    assert violation.span == LOSS
    (violation,) = verify(under(Nonnegative("cone", square(x), span=FORMULATION)))
    assert str(violation).startswith("spec.relu:3:1: constraint cone: `square(x)` is convex")


def test_all_failures_are_found_in_one_run() -> None:
    program = minimise(Sum(bad_sum), Nonnegative("one", square(x)), Zero("two", square(x)))
    assert [violation.where for violation in verify(program)] == ["term loss", "constraint one", "constraint two"]


def test_a_program_that_is_not_convex_is_our_bug() -> None:
    with pytest.raises(NotConvex, match="both factors depend on the variables"):
        require_convex(minimise(Sum(x * x)))
    require_convex(minimise(SumSquares(x)))


def test_a_long_culprit_is_cut_short() -> None:
    long = sum((Data(f"weights_{k}", (n,)) * x for k in range(20)), x)
    (violation,) = verify(minimise(-Norm(long, 2)))
    assert "..." in violation.rule
    assert len(violation.rule) < 160


def test_spans_take_no_part_in_comparisons() -> None:
    assert x.at(LOSS) == x
    assert hash(x.at(LOSS)) == hash(x)
    assert minimise(Sum(x)) == Program("test", (Term("loss", Sum(x), FORMULATION),))


def test_the_sign_of_data_decides() -> None:
    weights = Data("w", (n,), Sign.NONNEGATIVE)
    assert verify(minimise(Sum(weights * square(x)))) == []

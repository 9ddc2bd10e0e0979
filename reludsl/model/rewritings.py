"""What to write in place of a formula that is not provably convex: the table of known rewritings.

Convexity is proved by rules about how functions are put together, so `f * f` has no proof where `square(f)` has one.
A rewriting without a condition is the same function; one with a condition is the same under it, or is probably meant.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from reludsl.ir import (
    Add,
    Constant,
    Curvature,
    Divide,
    Elementwise,
    Expression,
    Fault,
    Huber,
    Hypot,
    Maximum,
    Minimum,
    Multiply,
    Negate,
    exp,
    square,
)

_ROBUST = "if large errors are to count less: it is the convex way"


@dataclass(frozen=True)
class Rewriting:
    """A formula as text, and the condition under which it is the right one."""

    text: str
    condition: str = ""

    def __str__(self) -> str:
        return f"write `{self.text}`{self.condition and ' '}{self.condition}"


def said(node: Expression) -> str:
    """An expression as the user wrote it, on one line."""
    assert node.span is not None, "what was read from a spec has a place in it"
    return " ".join(re.sub(r"#[^\n]*", "", node.span.text).split())


def rewriting(fault: Fault) -> Rewriting | None:
    """What is known to have the proof that is missing here."""
    node, argument = fault.node, fault.argument
    match node:
        case Multiply(left, right) if node.rule.obstacle:
            return _product(left, right)
        case Divide(left, right) if node.rule.obstacle:
            return _quotient(left, right)
        case Multiply(factor, other) if argument is not None:
            return Rewriting(f"pos({said(factor)}) * {_operand(other)}", f"if `{said(factor)}` is never negative")
        case Divide(other, divisor) if argument is not None:
            return Rewriting(f"{_operand(other)} / pos({said(divisor)})", f"if `{said(divisor)}` is always positive")
        case Elementwise("log", inside):
            return _logarithm(node, inside, fault.wanted)
        case Elementwise("exp", Elementwise("log", inside)):
            return Rewriting(said(inside), f"if `{said(inside)}` is always positive")
        case Minimum((Elementwise("square", inside), Constant()) | (Constant(), Elementwise("square", inside))):
            return Rewriting(f"huber({said(inside)}, 1)", _ROBUST)
        case Minimum(terms) if all(term.curvature.is_convex for term in terms):
            return Rewriting(said(node).replace("min", "max", 1), "if the largest is meant")
        case Elementwise("abs" | "square") | Huber() | Hypot() if (
            argument is not None and argument.curvature is Curvature.CONVEX
        ):
            return Rewriting(_with_positive_part(node, argument), f"if only positive `{said(argument)}` count")
    return None


def _product(left: Expression, right: Expression) -> Rewriting | None:
    factors = [*_factors(left), *_factors(right)]
    constants = [factor for factor in factors if factor.is_constant]
    if not all(constant.sign.is_nonnegative or constant.sign.is_nonpositive for constant in constants):
        return None
    match [factor for factor in factors if not factor.is_constant]:
        case [first, second] if first == second and square(first).curvature.is_convex:
            return Rewriting(_scaled(constants, f"square({_root(first)})"))
        case [Elementwise("exp", first), Elementwise("exp", second)] if exp(first + second).curvature.is_convex:
            return Rewriting(_scaled(constants, f"exp({said(first)} + {said(second)})"))
    return None


def _factors(node: Expression) -> list[Expression]:
    if isinstance(node, Multiply):
        return [*_factors(node.left), *_factors(node.right)]
    return [node]


def _scaled(constants: Sequence[Expression], text: str) -> str:
    return " * ".join([*(_operand(constant) for constant in constants if constant != Constant(1.0)), text])


def _root(factor: Expression) -> str:
    """What to put into a square for a product of this factor with itself."""
    match factor:
        case Elementwise("abs", inside):
            return said(inside)
        case Maximum((Constant(0.0), inside)) | Maximum((inside, Constant(0.0))):
            return f"pos({said(inside)})"
    return said(factor)


def _quotient(left: Expression, right: Expression) -> Rewriting | None:
    match left, right:
        case Elementwise("exp", above), Elementwise("exp", below) if exp(above - below).curvature.is_convex:
            return Rewriting(f"exp({said(above)} - {_operand(below)})")
        case _ if not (left.is_constant and left.sign.is_nonnegative):
            return None
        case _, Elementwise("exp", below) if below.curvature.is_concave:
            return Rewriting(_scaled([left], f"exp(-{_operand(below)})"))
        case _ if right.curvature.is_concave:
            condition = f"if `{said(right)}` is to be positive: it is infinite elsewhere"
            return Rewriting(_scaled([left], f"exp(-log({said(right)}))"), condition)
    return None


def _logarithm(node: Expression, inside: Expression, wanted: Curvature) -> Rewriting | None:
    match inside:
        case Elementwise("exp", power):
            return Rewriting(said(power))
        case Add((Constant(1.0), Elementwise("exp", power))) | Add((Elementwise("exp", power), Constant(1.0))):
            return Rewriting(f"logistic({said(power)})")
        case Add((Elementwise("exp", first), Elementwise("exp", second))):
            return Rewriting(f"{said(second)} + logistic({said(first)} - {_operand(second)})")
        case Add((Constant(1.0), Elementwise("square", error))) | Add((Elementwise("square", error), Constant(1.0))):
            return Rewriting(f"huber({said(error)}, 1)", _ROBUST)
        case _ if wanted is Curvature.CONVEX and node.curvature is Curvature.CONCAVE:
            return Rewriting(f"-{said(node)}", "if its negative is meant")
    return None


def _with_positive_part(node: Expression, argument: Expression) -> str:
    assert node.span is not None and argument.span is not None
    start, end = argument.span.start - node.span.start, argument.span.end - node.span.start
    text = node.span.text
    return " ".join(f"{text[:start]}pos({text[start:end]}){text[end:]}".split())


def _operand(node: Expression) -> str:
    """An expression as a factor, or as what is subtracted."""
    return f"({said(node)})" if isinstance(node, Add | Negate) else said(node)


# -- functions that formulas do not have -------------------------------------------------------------------------------

_OTHER_WORDS = {
    "relu": "pos(x)",
    "maximum": "max(x, ...)",
    "minimum": "min(x, ...)",
    "absolute": "abs(x)",
    "fabs": "abs(x)",
    "ln": "log(x)",
    "softplus": "logistic(x)",
    "sqr": "square(x)",
    "pow": "square(x)",
    "power": "square(x)",
    "hypot": "norm(x, ...)",
    "norm1": "abs(x) + abs(z)",
    "norm2": "norm(x, ...)",
    "hinge": "pos(1 - y * f)",
}


def for_unknown_function(name: str, arguments: Sequence[Expression | None]) -> str | None:
    """What to write for a function that there is not, as a sentence."""
    if name == "sqrt":
        return _square_root(arguments)
    return f"write `{_OTHER_WORDS[name]}`" if name in _OTHER_WORDS else None


def _square_root(arguments: Sequence[Expression | None]) -> str:
    match tuple(arguments):
        case (Add(terms),):
            roots = [_side(term) for term in terms]
        case (Expression() as square_,):
            roots = [_side(square_)]
        case _:
            roots = []
    known = [root for root in roots if root is not None]
    if not known or len(known) < len(roots):
        return "a square root is convex only of a sum of squares: write `norm(x, ...)`"
    return str(Rewriting(f"norm({', '.join(known)})" if len(known) > 1 else f"abs({known[0]})"))


def _side(term: Expression) -> str | None:
    """What a term is the square of."""
    match term:
        case Elementwise("square", inside):
            return said(inside)
        case Multiply(left, right) if left == right:
            return said(left)
        case Constant(value) if value >= 0:
            return f"{math.sqrt(value):.15g}"
    return None

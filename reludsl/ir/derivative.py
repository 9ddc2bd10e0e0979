"""Subgradients of scalar expressions, as expressions: how a method of descent gets the slope of a loss.

Where a function has a kink, one of its subgradients is taken, the same for equal arguments. For a function that is
convex by the rules of `attributes.py` the chain of subgradients is a subgradient of the whole (Clarke, *Optimization
and nonsmooth analysis*, 1983, theorem 2.3.9: what is composed is regular).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import reduce
from typing import Final

from reludsl.ir.expression import (
    Add,
    Constant,
    Data,
    Divide,
    Expression,
    Full,
    Multiply,
    Named,
    Negate,
    Placeholder,
    Size,
    Variable,
)
from reludsl.ir.functions import Apply, Elementwise, Huber, Hypot, Maximum, Minimum, exp, log, logistic, sqrt, step

_ZERO: Final[Expression] = Constant(0.0)
_TINY: Final = Constant(sys.float_info.min)


def derivative(expression: Expression, name: str) -> Expression:
    """A subgradient with respect to the placeholder of this name; the constant 0 where it does not occur.

    The expression is made of scalars: arithmetic, elementwise functions, maxima, minima, norms entry by entry, and
    applied scalar functions. Raises NotImplementedError for what has no entries of its own to differentiate.
    """
    match expression:
        case Placeholder(found):
            return Constant(1.0) if found == name else _ZERO
        case Constant() | Size() | Full() | Data() | Variable():
            return _ZERO
        case Named(_, inside):
            return derivative(inside, name)
        case Apply():
            return derivative(expression.expanded, name)
        case Add(terms):
            return _sum(derivative(term, name) for term in terms)
        case Negate(inside):
            return -derivative(inside, name)
        case Multiply(left, right):
            return _sum((_times(right, derivative(left, name)), _times(left, derivative(right, name))))
        case Divide(left, right):
            return _quotient(left, right, derivative(left, name), derivative(right, name))
        case Elementwise(_, inside):
            return _times(_slope(expression), derivative(inside, name))
        case Huber(inside, threshold):
            clipped = Minimum((Maximum((inside, -threshold)), threshold))
            return _times(clipped, derivative(inside, name))
        case Maximum(terms):
            return _largest(terms, name)
        case Minimum(terms):
            # The smallest is less the largest of the negatives.
            return -_largest(tuple(-term for term in terms), name)
        case Hypot(terms):
            # At 0, where every direction is steep, the subgradient 0.
            total = _sum(_times(term, derivative(term, name)) for term in terms)
            return total if total == _ZERO else total / Maximum((expression, _TINY))
    raise NotImplementedError(f"{type(expression).__name__} is not differentiated")


def _sum(terms: Iterable[Expression]) -> Expression:
    counted = [term for term in terms if term != _ZERO]
    return reduce(lambda total, term: total + term, counted) if counted else _ZERO


def _times(factor: Expression, slope: Expression) -> Expression:
    """The chain rule's product, without what a constant argument leaves of it."""
    return slope if slope == _ZERO else factor * slope


def _quotient(left: Expression, right: Expression, above: Expression, below: Expression) -> Expression:
    first = above if above == _ZERO else above / right
    return first if below == _ZERO else first - below * left / (right * right)


def _slope(node: Elementwise) -> Expression:
    """The derivative of the function itself at the argument."""
    x = node.argument
    match node.operation:
        case "abs" if x.sign.is_nonnegative or x.sign.is_nonpositive:
            # Also at 0, where only this one is a subgradient of the whole: the argument may have a kink there.
            return Constant(1.0 if x.sign.is_nonnegative else -1.0)
        case "abs":
            return 2 * step(x) - 1
        case "pos":
            return step(x)
        case "neg":
            return step(x) - 1
        case "square":
            return 2 * x
        case "exp":
            return exp(x)
        case "log":
            return 1 / x
        case "logistic":
            return exp(-logistic(-x))  # 1 / (1 + exp(-x)), where nothing overflows
        case "sqrt":
            return 1 / (2 * sqrt(x))
        case "entropy":
            return -1 - log(x)
        case "step":
            return _ZERO


def _largest(terms: tuple[Expression, ...], name: str) -> Expression:
    """The slope of the first term that is as large as all the others."""
    best, slope = terms[0], derivative(terms[0], name)
    for term in terms[1:]:
        other = derivative(term, name)
        if slope != other:
            ahead = step(best - term)
            slope = _sum((_times(ahead, slope), _times(1 - ahead, other)))
        best = Maximum((best, term))
    return slope

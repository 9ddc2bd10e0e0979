"""Convex and concave functions entry by entry: PICOS has scalar functions, and matrices in affine expressions.

Each function puts a variable into the place of its values, which constraints keep above a convex function and below a
concave one. In a convex program that is the same as the values themselves: whatever pulls at the variable pulls it onto
the function. Vectors are matrices of one column, as everywhere in PICOS.

The functions stand word for word in generated code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import picos
from cvxopt import spmatrix


def above(problem: Any, shape: tuple[int, int], *terms: Any) -> Any:
    """The largest of several terms, entry by entry; scalars stand for matrices of one number."""
    t = picos.RealVariable("__above", shape)
    for term in terms:
        problem.require(t >= term)
    return t


def below(problem: Any, shape: tuple[int, int], *terms: Any) -> Any:
    """The smallest of several terms, entry by entry; scalars stand for matrices of one number."""
    t = picos.RealVariable("__below", shape)
    for term in terms:
        problem.require(t <= term)
    return t


def magnitudes(problem: Any, x: Any) -> Any:
    """|x|, entry by entry."""
    return above(problem, x.shape, x, -x)


def maxima(problem: Any, x: Any, axis: int) -> Any:
    """The largest entry of each column (axis 0) or row (axis 1), as a column."""
    t = picos.RealVariable("__max", (x.shape[1 - axis], 1))
    every = picos.J(x.shape[0], 1) * t.T if axis == 0 else t * picos.J(1, x.shape[1])
    problem.require(every >= x)
    return t


def squares(problem: Any, x: Any) -> Any:
    """x², entry by entry."""
    t = picos.RealVariable("__square", x.shape)
    for k in range(len(x)):
        problem.require(x[k] ** 2 <= t[k])
    return t


def sum_squares(problem: Any, x: Any) -> Any:
    """The sum of the squares of all entries."""
    t = picos.RealVariable("__squares")
    problem.require(picos.SquaredNorm(x) <= t)
    return t


def norm(problem: Any, x: Any) -> Any:
    """The Euclidean norm of all entries."""
    t = picos.RealVariable("__norm")
    problem.require(abs(x) <= t)
    return t


def norms(problem: Any, x: Any, axis: int) -> Any:
    """The Euclidean norm of each column (axis 0) or row (axis 1), as a column."""
    t = picos.RealVariable("__norms", (x.shape[1 - axis], 1))
    for k in range(len(t)):
        problem.require(abs(x[:, k] if axis == 0 else x[k, :]) <= t[k])
    return t


def lengths(problem: Any, shape: tuple[int, int], *terms: Any) -> Any:
    """The Euclidean norm of several terms of this shape taken as one vector, entry by entry."""
    t = picos.RealVariable("__length", shape)
    for k in range(len(t)):
        problem.require(abs(picos.block([[term[k]] for term in terms])) <= t[k])
    return t


def hubers(problem: Any, x: Any, threshold: float) -> Any:
    """x²/2 up to the threshold and linear beyond: the least of u²/2 + threshold |x - u|, entry by entry."""
    u = picos.RealVariable("__u", x.shape)
    return 0.5 * squares(problem, u) + threshold * magnitudes(problem, x - u)


def exponentials(problem: Any, x: Any) -> Any:
    """exp(x), entry by entry."""
    t = picos.RealVariable("__exp", x.shape)
    for k in range(len(x)):
        problem.require((t[k] // 1 // x[k]) << picos.expcone())
    return t


def softplus(problem: Any, x: Any) -> Any:
    """log(1 + exp(x)), entry by entry: the least t with exp(x - t) + exp(-t) <= 1."""
    t = picos.RealVariable("__logistic", x.shape)
    problem.require(exponentials(problem, x - t) + exponentials(problem, -t) <= 1)
    return t


def log_sum_exp(problem: Any, x: Any) -> Any:
    """log(Σ exp(entries)): the least t with Σ exp(entries - t) <= 1."""
    t = picos.RealVariable("__log_sum_exp")
    problem.require(picos.sum(exponentials(problem, x - t)) <= 1)
    return t


def log_sums_exp(problem: Any, x: Any, axis: int) -> Any:
    """log(Σ exp(entries)) of each column (axis 0) or row (axis 1), as a column."""
    t = picos.RealVariable("__log_sum_exp", (x.shape[1 - axis], 1))
    every = picos.J(x.shape[0], 1) * t.T if axis == 0 else t * picos.J(1, x.shape[1])
    problem.require(picos.sum(exponentials(problem, x - every), axis=axis) <= 1)
    return t


def logarithms(problem: Any, x: Any) -> Any:
    """log(x), entry by entry."""
    t = picos.RealVariable("__log", x.shape)
    for k in range(len(x)):
        problem.require((x[k] // 1 // t[k]) << picos.expcone())
    return t


def entropies(problem: Any, x: Any) -> Any:
    """-x log(x), entry by entry."""
    t = picos.RealVariable("__entropy", x.shape)
    for k in range(len(x)):
        problem.require((1 // x[k] // t[k]) << picos.expcone())
    return t


def square_roots(problem: Any, x: Any) -> Any:
    """The square root, entry by entry."""
    t = picos.RealVariable("__sqrt", x.shape)
    for k in range(len(x)):
        problem.require(t[k] ** 2 <= x[k])
    return t


def symmetric_blocks(name: str, rows: int, order: int) -> Any:
    """Symmetric matrices of this order, one below another: `rows` rows in all.

    They are linear in one vector of the entries on and below their diagonals.
    """
    i, j = np.tril_indices(order)
    entries = picos.RealVariable(name, rows // order * len(i))
    first = np.arange(0, rows, order)[:, None]
    numbers = np.arange(len(entries)).reshape(len(first), len(i))
    lower, upper = rows * j + first + i, rows * i + first + j
    off = i != j
    places = np.concatenate([lower.ravel(), upper[:, off].ravel()])
    columns = np.concatenate([numbers.ravel(), numbers[:, off].ravel()])
    spread = spmatrix(1.0, places.tolist(), columns.tolist(), (rows * order, len(entries)))
    return (spread * entries).reshaped((rows, order))


def sparse(matrix: Any) -> Any:
    """A sparse array of SciPy in the form that PICOS takes."""
    entries = matrix.tocoo()
    return spmatrix(entries.data.tolist(), entries.row.tolist(), entries.col.tolist(), matrix.shape)


def semidefinite_blocks(stack: Any) -> list[Any]:
    """The constraints that say that none of the square blocks has a negative eigenvalue."""
    rows, order = stack.shape
    return [stack[start : start + order, :] >> 0 for start in range(0, rows, order)]

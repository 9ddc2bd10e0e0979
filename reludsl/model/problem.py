"""The training problem itself, non-convex, as expressions: for `explain`, for networks' objectives, for code."""

from __future__ import annotations

from reludsl.ir import Data, Expression, Named, Program, Term, Variable, pos, row, sizes
from reludsl.model.model import Model


def targets(model: Model) -> Data:
    """The encoded targets y (n,)."""
    values = "{-1, +1}" if model.target.binary else ""
    return Data("y", sizes("n"), values=values, meaning="targets", span=model.target.span)


def training_problem(model: Model) -> Program:
    """Loss plus regularizers of a network with m hidden neurons, over its weights. Not convex: nothing verifies it.

    Data are `X` (n, d), scaled, and `y` (n,), encoded; variables `U` (d, m), `b` (m,) with a hidden bias, `alpha` (m,).
    """
    n, d, m = sizes("n, d, m")
    X = Data("X", (n, d), meaning="samples, one a row", span=model.input.span)
    y = targets(model)
    U = Variable("U", (d, m), meaning="hidden weights, one neuron a column")
    b = Variable("b", (m,), meaning="hidden biases")
    alpha = Variable("alpha", (m,), meaning="output weights")
    hidden: tuple[Expression, ...] = (U, b) if model.architecture.hidden_bias else (U,)
    weighted = X @ U + row(b) if model.architecture.hidden_bias else X @ U
    f = Named("f", pos(weighted) @ alpha, meaning="predictions", span=model.architecture.span)
    terms = [Term("loss", model.loss.term(f, y), model.loss.span)]
    terms += [Term(part.name, part.term(hidden, alpha), part.span) for part in model.regularizers if part.strength > 0]
    return Program("training_problem", tuple(terms), meaning="the training problem, over networks of every width m")

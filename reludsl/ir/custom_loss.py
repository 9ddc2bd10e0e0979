"""The loss that a user writes down: a scalar expression in the prediction f and the target y, convex in f.

What follows from an expression alone is here: the term of a program, the value, a subgradient. A conjugate and a prox
in closed form do not follow, so methods that need them turn such a loss down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Final

from reludsl.ir.derivative import derivative
from reludsl.ir.dims import sizes
from reludsl.ir.expression import Data, Expression, Placeholder
from reludsl.ir.sample_loss import SampleLoss, summed
from reludsl.ir.scalar import Array
from reludsl.ir.substitution import substitute
from reludsl.source import Span

PREDICTION: Final = Placeholder("f")
TARGET: Final = Placeholder("y")

_SHAPES: Final = {1: sizes("n"), 2: sizes("n, c")}


@dataclass(frozen=True)
class CustomLoss(SampleLoss):
    """`definition` of the placeholders f and y; with several outputs, the sum of its values for each.

    Outside of the definition's domain, as for the logarithm of a negative number, the loss is inf.
    """

    definition: Expression

    has_prox: ClassVar[bool] = False

    def expression(self, predictions: Expression, targets: Expression, span: Span | None = None) -> Expression:
        losses = substitute(self.definition, {"f": predictions, "y": targets})
        return losses if losses.span is not None else losses.at(span)

    def value(self, F: Array, Y: Array) -> Array:
        import numpy as np

        losses = _evaluated(self._definitions[F.ndim], F, Y)
        return summed(np.where(np.isfinite(losses), losses, np.inf))

    def gradient(self, F: Array, Y: Array) -> Array:
        return _evaluated(self._slopes[F.ndim], F, Y)

    def conjugate(self, S: Array, Y: Array) -> Array:
        raise NotImplementedError("a custom loss has no conjugate in closed form")

    def prox(self, F: Array, Y: Array, tau: Any) -> Array:
        raise NotImplementedError("a custom loss has no proximal operator in closed form")

    def prox_jacobian(self, F: Array, Y: Array, tau: Any) -> Array:
        raise NotImplementedError("a custom loss has no proximal operator in closed form")

    def nearest_slope(self, S: Array, Y: Array) -> Array:
        raise NotImplementedError("a custom loss has no conjugate in closed form")

    @property
    def smooth(self) -> bool:
        return False

    @cached_property
    def _definitions(self) -> Mapping[int, Expression]:
        return _on_arrays(self.definition)

    @cached_property
    def _slopes(self) -> Mapping[int, Expression]:
        return _on_arrays(derivative(self.definition, "f"))


def _on_arrays(expression: Expression) -> Mapping[int, Expression]:
    """The expression of vectors and of matrices, by their number of dimensions."""
    return {
        rank: substitute(expression, {"f": Data("f", shape), "y": Data("y", shape)}) for rank, shape in _SHAPES.items()
    }


def _evaluated(expression: Expression, F: Array, Y: Array) -> Array:
    """The values, of the shape of F, also where the expression is the same for all."""
    import numpy as np

    from reludsl.ir.evaluation import evaluate

    return np.broadcast_to(np.asarray(evaluate(expression, {"f": F, "y": Y})), F.shape).copy()

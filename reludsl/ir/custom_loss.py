"""The loss that a user writes down: a scalar expression in the prediction f and the target y, convex in f.

The term of a program, the value, a subgradient and the second derivative follow from the expression; the conjugate and
the prox are searched for, see `search.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from reludsl.ir.derivative import derivative
from reludsl.ir.dims import sizes
from reludsl.ir.expression import (
    Add,
    Constant,
    Data,
    Divide,
    Expression,
    Multiply,
    Named,
    Negate,
    Variable,
)
from reludsl.ir.functions import Elementwise, Huber, Hypot, Maximum, absolute, pos
from reludsl.ir.loss_structure import ARGUMENT, PREDICTION, TARGET, LossStructure, structure_of
from reludsl.ir.program import walk
from reludsl.ir.sample_loss import SampleLoss, summed
from reludsl.ir.scalar import Array
from reludsl.ir.substitution import substitute
from reludsl.source import Span

if TYPE_CHECKING:
    from reludsl.ir.robust_form import Reach

ARGUMENTS: Final = (PREDICTION.name, TARGET.name)

_Function: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class CustomLoss(SampleLoss):
    """`definition` of the placeholders f and y; with several outputs, the sum of its values for each.

    Outside of the definition's domain, as for the logarithm of a negative number, the loss is inf.
    """

    definition: Expression

    steep: ClassVar[bool] = True

    def expression(self, predictions: Expression, targets: Expression, span: Span | None = None) -> Expression:
        losses = substitute(self.definition, {"f": predictions, "y": targets})
        return losses if losses.span is not None else losses.at(span)

    @cached_property
    def structure(self) -> LossStructure | None:
        """What the loss is a function of, where its formula shows it."""
        return structure_of(self.definition)

    def worst_case(self, reach: Reach, span: Span | None = None) -> Expression:
        """Of the least margin, or of the farther end of the distance. The rules of convexity prove that it is worst.

        They accept the concave margin, and the two ends on their sides of 0, only where the loss never grows with the
        margin, or only with the distance.
        """
        structure = self.structure
        assert structure is not None, "robust_obstacle is asked first"
        ends: tuple[Expression, ...]
        if structure.of == "margin":
            ends = (reach.margin(absolute(reach.targets)),)
        else:
            above, below = reach.ends()
            ends = (pos(above), -pos(below))
        losses = tuple(substitute(structure.function, {ARGUMENT.name: end}) for end in ends)
        worst = losses[0] if len(losses) == 1 else Maximum(losses)
        return reach.by_sample(worst if worst.span is not None else worst.at(span))

    @cached_property
    def robust_obstacle(self) -> str | None:
        structure = self.structure
        if structure is None:
            return "its formula is a function of neither `y * f` nor `f - y` alone"
        x = Variable("x", sizes("n"))
        if structure.of == "margin":
            ends: tuple[Expression, ...] = (-absolute(x) - x,)
            told = "it is not provably nonincreasing in the margin `y * f`"
        else:
            ends = (pos(absolute(x) + x), -pos(absolute(x) + x))
            told = "it does not provably grow with the distance of `f` from `y`"
        worst = (substitute(structure.function, {ARGUMENT.name: end}) for end in ends)
        return None if all(expression.curvature.is_convex for expression in worst) else told

    def value(self, F: Array, Y: Array) -> Array:
        return summed(self.losses(F, Y))

    def losses(self, F: Array, Y: Array) -> Array:
        """The losses of the outputs by themselves, of the shape of F."""
        import numpy as np

        losses = _evaluated(self._compiled_losses, F, Y)
        return np.where(np.isfinite(losses), losses, np.inf)

    def gradient(self, F: Array, Y: Array) -> Array:
        return _evaluated(self._compiled_slope, F, Y)

    def curvature(self, F: Array, Y: Array) -> Array:
        """The second derivative, of the shape of F; of no meaning at kinks."""
        return _evaluated(self._compiled_bend, F, Y)

    def inward(self, F: Array, Y: Array) -> Array:
        """0 in the domain, elsewhere -1 or 1, the direction in which it lies; of the shape of F."""
        from reludsl.ir.search import inward_direction

        positive = [(_evaluated(value, F, Y), _evaluated(slope, F, Y)) for value, slope in self._compiled_positive]
        return inward_direction(positive, F.shape)

    def conjugate(self, S: Array, Y: Array) -> Array:
        from reludsl.ir.search import searched_conjugate

        return summed(searched_conjugate(self, S, Y))

    def nearest_slope(self, S: Array, Y: Array) -> Array:
        from reludsl.ir.search import searched_slope

        return searched_slope(self, S, Y)

    def prox(self, F: Array, Y: Array, tau: Any) -> Array:
        from reludsl.ir.search import searched_prox

        return searched_prox(self, F, Y, tau)

    def prox_jacobian(self, F: Array, Y: Array, tau: Any) -> Array:
        from reludsl.ir.search import searched_prox_jacobian

        return searched_prox_jacobian(self, F, Y, tau)

    @property
    def smooth(self) -> bool:
        return _is_differentiable(substitute(self.definition, {TARGET.name: Data(TARGET.name, ())}))

    @cached_property
    def slope(self) -> Expression:
        """A subgradient in f."""
        return derivative(self.definition, PREDICTION.name)

    @cached_property
    def bend(self) -> Expression:
        """The second derivative in f, where there is one."""
        return derivative(self.slope, PREDICTION.name)

    @cached_property
    def positive(self) -> tuple[tuple[Expression, Expression], ...]:
        """What has to be positive in the domain and its derivative: the arguments of logarithms, innermost first."""
        logarithms = [
            node for node in walk(self.definition) if isinstance(node, Elementwise) and node.operation == "log"
        ]
        return tuple((node.argument, derivative(node.argument, PREDICTION.name)) for node in reversed(logarithms))

    @cached_property
    def _compiled_losses(self) -> _Function:
        return _compiled(self.definition)

    @cached_property
    def _compiled_slope(self) -> _Function:
        return _compiled(self.slope)

    @cached_property
    def _compiled_bend(self) -> _Function:
        return _compiled(self.bend)

    @cached_property
    def _compiled_positive(self) -> list[tuple[_Function, _Function]]:
        return [(_compiled(value), _compiled(slope)) for value, slope in self.positive]


def _is_differentiable(loss: Expression) -> bool:
    """Whether rules prove that a loss, with the target for data, has a derivative wherever it is finite.

    Compositions of what has one have one; the squares of positive parts have no kink, nor has a norm that is never 0.
    """
    match loss:
        case _ if loss.curvature.is_affine:
            return True
        case Named(_, inside) | Negate(inside) | Elementwise("exp" | "log" | "logistic", inside):
            return _is_differentiable(inside)
        case Elementwise("square", inside) | Huber(inside):
            return _is_differentiable(_positive_part(inside))
        case Add(terms):
            return all(_is_differentiable(term) for term in terms)
        case Multiply(left, right) | Divide(left, right):
            return _is_differentiable(left) and _is_differentiable(right)
        case Hypot(terms):
            never_zero = any(isinstance(term, Constant) and term.value != 0 for term in terms)
            return never_zero and all(_is_differentiable(term) for term in terms)
    return False


def _positive_part(expression: Expression) -> Expression:
    """x of max(x, 0); other expressions as they are."""
    match expression:
        case Elementwise("pos", inside):
            return inside
        case Maximum((inside, Constant(0.0)) | (Constant(0.0), inside)):
            return inside
    return expression


def on_arrays(expression: Expression) -> Expression:
    """The expression of arrays, entry by entry."""
    entries = sizes("n")
    return substitute(expression, {name: Data(name, entries) for name in ARGUMENTS})


def _compiled(expression: Expression) -> _Function:
    from reludsl.ir.evaluation import compiled

    return compiled(on_arrays(expression), ARGUMENTS)


def _evaluated(function: _Function, F: Array, Y: Array) -> Array:
    """The values, of the shape of F, also where they are the same for all."""
    import numpy as np

    F, Y = np.asarray(F, dtype=float), np.asarray(Y, dtype=float)
    with np.errstate(all="ignore"):
        return np.broadcast_to(function(F, Y), F.shape).copy()

"""Scalar convex functions with declared structure: what a loss has to say about itself, once.

A loss is one frozen dataclass derived from `ScalarFunction`, with its parameters for fields. From `expression`
come the program, its printed forms and all generated code; from the numeric methods come gradients, dual bounds
and splitting methods. A file of losses imports no array library: the numeric methods take the functions they need
from `array_functions(t)`, the library of the array itself. So they start fast, and run on any library that follows
the array API standard:

    @dataclass(frozen=True)
    class Hinge(ScalarFunction):
        name: ClassVar[str] = "hinge"

        def expression(self, t: Expression) -> Expression:
            return pos(1 - t)

        def derivative(self, t: Array) -> Array:
            xp = array_functions(t)
            return xp.where(t < 1, -1.0, 0.0)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from reludsl.ir.attributes import Sign
from reludsl.ir.dims import Shape, as_dim
from reludsl.ir.expression import Data, Expression, Placeholder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]
else:
    Array = Any


def array_functions(array: Array) -> Any:
    """The functions `exp`, `where`, ... for this array: its own library's, or NumPy's (also for plain numbers)."""
    if hasattr(array, "__array_namespace__"):
        return array.__array_namespace__()
    import numpy  # NumPy 1 has the functions without the method

    return numpy


@dataclass(frozen=True)
class ScalarFunction(ABC):
    """A convex function φ of one real number, applied entry by entry.

    The numeric methods take arrays of any shape and return arrays of that shape.
    """

    name: ClassVar[str]

    @abstractmethod
    def expression(self, t: Expression) -> Expression:
        """φ(t) in primitive nodes, of the shape of `t`."""

    def value(self, t: Array) -> Array:
        """φ(t). Without a formula of its own, evaluated from `expression`."""
        from reludsl.ir.evaluation import evaluate

        shape = tuple(as_dim(size) for size in t.shape)
        result: Array = array_functions(t).asarray(evaluate(self.expression(Data("t", shape)), {"t": t}))
        return result

    @abstractmethod
    def derivative(self, t: Array) -> Array:
        """A subgradient of φ at t."""

    @abstractmethod
    def conjugate(self, s: Array) -> Array:
        """φ*(s) = sup_t s·t - φ(t); inf outside `conjugate_domain`."""

    @property
    @abstractmethod
    def conjugate_domain(self) -> tuple[float, float]:
        """The ends of the interval on which φ* is finite. It holds every subgradient."""

    @abstractmethod
    def prox(self, v: Array, tau: float) -> Array:
        """The t that minimises φ(t) + (t - v)² / (2 tau), for tau > 0."""

    @abstractmethod
    def prox_derivative(self, v: Array, tau: float) -> Array:
        """An element of the generalised derivative of `prox` in v; between 0 and 1."""

    @property
    def smooth(self) -> bool:
        """Whether φ is differentiable with a Lipschitz derivative."""
        return False

    @property
    def legendre(self) -> bool:
        """Whether φ is strictly convex and twice differentiable with bounded slopes, and has the next two methods.

        Then φ' has an inverse, and φ* is smooth inside of its domain and a barrier at its ends (functions of Legendre
        type; Rockafellar 1970, section 26).
        """
        return False

    def inverse_derivative(self, s: Array) -> Array:
        """The t with φ'(t) = s, for s inside of `conjugate_domain`."""
        raise NotImplementedError(f"{self.name} is not of Legendre type")

    def second_derivative(self, t: Array) -> Array:
        """φ''(t)."""
        raise NotImplementedError(f"{self.name} is not of Legendre type")

    @property
    def nonincreasing(self) -> bool:
        """Whether φ never grows with t: what a robust margin loss needs."""
        return False

    @property
    def symmetric(self) -> bool:
        """Whether φ(t) = φ(-t), so that φ grows with |t|: what a robust distance loss needs."""
        return False

    def definition(self, argument: str = "t", shape: Shape = (), sign: Sign = Sign.UNKNOWN) -> Expression:
        """φ of a placeholder, for whoever prints or inspects the function by itself, or where its sign is known."""
        return self.expression(Placeholder(argument, shape, sign))

    def unicode(self, argument: str = "t") -> str:
        """φ(argument) as text for a terminal. The argument is one symbol, such as `t` or `fᵢ`."""
        from reludsl.ir.mathematics import unicode

        return unicode(self.definition(argument))

    def latex(self, argument: str = "t") -> str:
        r"""φ(argument) in LaTeX. The argument is one symbol, such as `t` or `f_i`."""
        from reludsl.ir.mathematics import latex

        return latex(self.definition(argument))

"""The loss of one sample: how a row of predictions meets a row of targets, declared once for everybody.

    Margin(φ)      Σ_k φ(y_k f_k), for labels in {-1, +1}
    Distance(ψ)    Σ_k ψ(f_k - y_k)
    CrossEntropy() log Σ_k exp(f_k) - Σ_k y_k f_k, for one-hot rows y

From a declaration come the program's term, dual bounds, splitting methods, descent and generated code; nobody else
knows which loss it is. The numeric methods take predictions F and targets Y of one shape, (n,) or (n, c) with a sample
a row, and give one number a sample, (n,), or an array of the shape of F. Like `ScalarFunction` they name no array
library.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from reludsl.ir.dims import Dim
from reludsl.ir.expression import Expression, Size
from reludsl.ir.functions import Apply, LogSumExp, Maximum, pos
from reludsl.ir.scalar import Array, ScalarFunction, array_functions
from reludsl.ir.structure import Sum, column
from reludsl.source import Span

if TYPE_CHECKING:
    from reludsl.ir.robust_form import Reach


@dataclass(frozen=True)
class SampleLoss(ABC):
    """A loss that is convex in the predictions of a sample."""

    one_hot: ClassVar[bool] = False
    """Whether classes are rows of 0 and 1 for it; otherwise they are rows of -1 and +1."""
    steep: ClassVar[bool] = False
    """Whether slopes and curvature may both grow without end, as those of an exponential: solvers begin with care."""

    @abstractmethod
    def expression(self, predictions: Expression, targets: Expression, span: Span | None = None) -> Expression:
        """The losses: an entry for each prediction, or (n,) with one for each sample."""

    def term(
        self,
        predictions: Expression,
        targets: Expression,
        *,
        weights: Expression | None = None,
        mean: bool = False,
        span: Span | None = None,
    ) -> Expression:
        """The loss of all samples: the sum, weighted by `weights` (n,), or divided by n or the sum of the weights."""
        return self.combined(self.expression(predictions, targets, span), weights, mean, targets.shape[0])

    def combined(self, losses: Expression, weights: Expression | None, mean: bool, samples: Dim) -> Expression:
        """The losses of all samples, a row each, as one number."""
        if weights is not None:
            losses = (column(weights) if len(losses.shape) == 2 else weights) * losses
        total = Sum(losses)
        if not mean:
            return total
        return total / (Size(samples) if weights is None else Sum(weights))

    def worst_case(self, reach: Reach, span: Span | None = None) -> Expression:
        """The worst losses of the samples (n,) over predictions that reach so far: convex, and never too small."""
        raise NotImplementedError(self.robust_obstacle or "no worst case is known")

    @property
    def robust_obstacle(self) -> str | None:
        """Why the loss has no worst case that is convex, to the user; None where it has one."""
        return None

    @abstractmethod
    def value(self, F: Array, Y: Array) -> Array:
        """The losses of the samples (n,)."""

    @abstractmethod
    def gradient(self, F: Array, Y: Array) -> Array:
        """A subgradient of the losses in F, of its shape."""

    @abstractmethod
    def conjugate(self, S: Array, Y: Array) -> Array:
        """sup over F of S·F less the losses, a sample each (n,); inf outside the domain."""

    @abstractmethod
    def nearest_slope(self, S: Array, Y: Array) -> Array:
        """S where its conjugate is finite, and otherwise a point nearby where it is: against rounding."""

    @abstractmethod
    def prox(self, F: Array, Y: Array, tau: Any) -> Array:
        """The G that minimizes the loss at G plus ‖G - F‖² / (2 tau), sample by sample.

        `tau` is positive: a number, or an array that meets F elementwise with the same value along a row.
        """

    @abstractmethod
    def prox_jacobian(self, F: Array, Y: Array, tau: Any) -> Array:
        """An element of the generalized Jacobian of `prox` in F: its diagonal, of the shape of F, or (n, c, c)."""

    @property
    @abstractmethod
    def smooth(self) -> bool:
        """Whether the loss is differentiable wherever it is finite."""

    @property
    def legendre(self) -> bool:
        """Whether the loss has `fit`, `hessian` and `room`: its gradient has an inverse, up to what never matters.

        Losses say so whose conjugate is a barrier of its bounded domain: there Newton's method needs no proximal term.
        """
        return False

    def fit(self, S: Array, Y: Array) -> Array:
        """Predictions with the gradient S, which lies inside of the conjugate's domain."""
        raise NotImplementedError("only for losses of Legendre type")

    def hessian(self, F: Array, Y: Array) -> Array:
        """The second derivatives of the losses in F: their diagonals, of the shape of F, or (n, c, c)."""
        raise NotImplementedError("only for losses of Legendre type")

    def room(self, S: Array, change: Array, Y: Array) -> float:
        """How many times S may go on by `change` until it meets the border of the conjugate's domain; may be inf."""
        raise NotImplementedError("only for losses of Legendre type")


def summed(losses: Array) -> Array:
    """One number a sample: the sum over the outputs, where there are several."""
    return losses.sum(axis=1) if losses.ndim == 2 else losses


def steps_inside(x: Array, change: Array, low: float, high: float) -> float:
    """How many times all entries of x may go on by `change` until one meets an end of the interval; may be inf."""
    xp = array_functions(x)
    left = xp.where(change < 0, low - x, xp.where(change > 0, high - x, float("inf")))
    return float((left / xp.where(change == 0, 1.0, change)).min())


@dataclass(frozen=True)
class Margin(SampleLoss):
    """φ(y f), summed over outputs, for labels y in {-1, +1}."""

    function: ScalarFunction

    def expression(self, predictions: Expression, targets: Expression, span: Span | None = None) -> Expression:
        return Apply(self.function, targets * predictions, span=span)

    def worst_case(self, reach: Reach, span: Span | None = None) -> Expression:
        """φ(y f − h): the least margin is the worst, as φ never grows (Bai, Gautam, Sojoudi 2022, theorem 4.1)."""
        return reach.by_sample(Apply(self.function, reach.margin(), span=span))

    @property
    def robust_obstacle(self) -> str | None:
        return None if self.function.nonincreasing else "it may grow with the margin `y * f`"

    def value(self, F: Array, Y: Array) -> Array:
        return summed(self.function.value(Y * F))

    def gradient(self, F: Array, Y: Array) -> Array:
        return Y * self.function.derivative(Y * F)

    def conjugate(self, S: Array, Y: Array) -> Array:
        return summed(self.function.conjugate(Y * S))

    def nearest_slope(self, S: Array, Y: Array) -> Array:
        low, high = self.function.conjugate_domain
        return Y * array_functions(S).clip(Y * S, low, high)  # type: ignore[no-any-return]

    def prox(self, F: Array, Y: Array, tau: Any) -> Array:
        return Y * self.function.prox(Y * F, tau)

    def prox_jacobian(self, F: Array, Y: Array, tau: Any) -> Array:
        return self.function.prox_derivative(Y * F, tau)

    @property
    def smooth(self) -> bool:
        return self.function.smooth

    @property
    def legendre(self) -> bool:
        return self.function.legendre

    def fit(self, S: Array, Y: Array) -> Array:
        return Y * self.function.inverse_derivative(Y * S)

    def hessian(self, F: Array, Y: Array) -> Array:
        return self.function.second_derivative(Y * F)

    def room(self, S: Array, change: Array, Y: Array) -> float:
        return steps_inside(Y * S, Y * change, *self.function.conjugate_domain)


@dataclass(frozen=True)
class Distance(SampleLoss):
    """ψ(f - y), summed over outputs."""

    function: ScalarFunction

    def expression(self, predictions: Expression, targets: Expression, span: Span | None = None) -> Expression:
        return Apply(self.function, predictions - targets, span=span)

    def worst_case(self, reach: Reach, span: Span | None = None) -> Expression:
        """ψ(|f − y| + h), or the worse end where ψ is not symmetric (Bai, Gautam, Sojoudi 2022, theorem 5.1)."""
        if self.function.symmetric:
            return reach.by_sample(Apply(self.function, reach.distance(), span=span))
        above, below = reach.ends()
        ends = Apply(self.function, pos(above), span=span), Apply(self.function, -pos(below), span=span)
        return reach.by_sample(Maximum(ends))

    def value(self, F: Array, Y: Array) -> Array:
        return summed(self.function.value(F - Y))

    def gradient(self, F: Array, Y: Array) -> Array:
        return self.function.derivative(F - Y)

    def conjugate(self, S: Array, Y: Array) -> Array:
        return summed(self.function.conjugate(S) + S * Y)

    def nearest_slope(self, S: Array, Y: Array) -> Array:
        low, high = self.function.conjugate_domain
        return array_functions(S).clip(S, low, high)  # type: ignore[no-any-return]

    def prox(self, F: Array, Y: Array, tau: Any) -> Array:
        return Y + self.function.prox(F - Y, tau)

    def prox_jacobian(self, F: Array, Y: Array, tau: Any) -> Array:
        return self.function.prox_derivative(F - Y, tau)

    @property
    def smooth(self) -> bool:
        return self.function.smooth

    @property
    def legendre(self) -> bool:
        return self.function.legendre

    def fit(self, S: Array, Y: Array) -> Array:
        return Y + self.function.inverse_derivative(S)

    def hessian(self, F: Array, Y: Array) -> Array:
        return self.function.second_derivative(F - Y)

    def room(self, S: Array, change: Array, Y: Array) -> float:
        return steps_inside(S, change, *self.function.conjugate_domain)


@dataclass(frozen=True)
class CrossEntropy(SampleLoss):
    """log Σ_k exp(f_k) - Σ_k y_k f_k for one-hot rows y: the negative log-likelihood of the softmax of f.

    Its conjugate at s is Σ p log p with p = s + y, where p lies in the simplex, and inf elsewhere.
    """

    one_hot: ClassVar[bool] = True

    def expression(self, predictions: Expression, targets: Expression, span: Span | None = None) -> Expression:
        return LogSumExp(predictions, axis=1, span=span) - Sum(targets * predictions, axis=1)

    def worst_case(self, reach: Reach, span: Span | None = None) -> Expression:
        """log Σ_k exp(max (f_k − f_y)), where each class has the change that is worst for it: a safe upper bound."""
        return LogSumExp(reach.by_output(reach.greatest()), axis=1, span=span)

    def value(self, F: Array, Y: Array) -> Array:
        # Against the true class, so that large predictions do not cancel.
        xp = array_functions(F)
        gaps = F - (Y * F).sum(axis=1)[:, None]
        largest = gaps.max(axis=1)
        return largest + xp.log(xp.exp(gaps - largest[:, None]).sum(axis=1))  # type: ignore[no-any-return]

    def probabilities(self, F: Array) -> Array:
        """The softmax of the rows of F, without overflow."""
        xp = array_functions(F)
        powers = xp.exp(F - F.max(axis=1)[:, None])
        return powers / powers.sum(axis=1)[:, None]  # type: ignore[no-any-return]

    def gradient(self, F: Array, Y: Array) -> Array:
        return self.probabilities(F) - Y

    def conjugate(self, S: Array, Y: Array) -> Array:
        xp = array_functions(S)
        P = S + Y
        entropy = (P * xp.log(xp.where(P > 0, P, 1.0))).sum(axis=1)
        inside = (P >= -1e-12).all(axis=1) & (abs(P.sum(axis=1) - 1.0) <= 1e-9)
        return xp.where(inside, entropy, float("inf"))  # type: ignore[no-any-return]

    def nearest_slope(self, S: Array, Y: Array) -> Array:
        xp = array_functions(S)
        P = xp.clip(S + Y, 0.0, None)
        totals = P.sum(axis=1)[:, None]
        return xp.where(totals > 0, P / xp.where(totals > 0, totals, 1.0) - Y, 0.0)  # type: ignore[no-any-return]

    def prox(self, F: Array, Y: Array, tau: Any) -> Array:
        # Newton's method on every row by itself, with halved steps where the objective does not fall. The Hessian is
        # diag(P + 1/tau) - P P^T, so its inverse is that of a diagonal and a rank-one term.
        xp = array_functions(F)
        tau = tau + 0.0 * F[:, :1]
        G = F + 0.0
        value = self.value(G, Y)
        for _ in range(200):
            P = self.probabilities(G)
            gradient = P - Y + (G - F) / tau
            scaled = tau * gradient / (1.0 + tau * P)
            weight = (P * scaled).sum(axis=1) / (P / (1.0 + tau * P)).sum(axis=1)
            change = scaled + weight[:, None] * tau * P / (1.0 + tau * P)
            promised = (gradient * change).sum(axis=1)
            length = 0.0 * promised + 1.0
            for _ in range(60):
                trial = G - length[:, None] * change
                reached = self.value(trial, Y) + ((trial - F) ** 2 / (2.0 * tau)).sum(axis=1)
                high = reached > value - 0.25 * length * promised + 1e-13 * (1.0 + abs(value))
                if not xp.any(high):
                    break
                length = xp.where(high, 0.5 * length, length)
            G, value = trial, reached
            if not xp.any(abs(change) > 1e-8 * (1.0 + abs(G))):
                break  # the error is the square of that
        return G

    def prox_jacobian(self, F: Array, Y: Array, tau: Any) -> Array:
        # (I + tau (diag(P) - P P^T))^{-1}, again a diagonal and a rank-one term.
        P = self.probabilities(self.prox(F, Y, tau))
        inverse = 1.0 / (1.0 + tau * P)
        left = inverse * P
        scale = tau / (left.sum(axis=1)[:, None] + 0.0 * F[:, :1])
        outer = (scale * left)[:, :, None] * left[:, None, :]
        outer[:, range(F.shape[1]), range(F.shape[1])] += inverse
        return outer  # type: ignore[no-any-return]

    @property
    def smooth(self) -> bool:
        return True

    @property
    def legendre(self) -> bool:
        return True

    def fit(self, S: Array, Y: Array) -> Array:
        xp = array_functions(S)
        return xp.log(xp.clip(S + Y, 1e-300, None))  # type: ignore[no-any-return]

    def hessian(self, F: Array, Y: Array) -> Array:
        P = self.probabilities(F)
        outer = -P[:, :, None] * P[:, None, :]
        outer[:, range(F.shape[1]), range(F.shape[1])] += P
        return outer

    def room(self, S: Array, change: Array, Y: Array) -> float:
        return steps_inside(S + Y, change, 0.0, float("inf"))

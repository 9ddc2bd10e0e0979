"""The training problem as a form: not convex, over the weights of a network with m hidden neurons.

    minimize  L(f, y) + Σ penalties,   f = σ(X U + b) α + c

With changes of the samples the loss is that at its worst, and it is X + Δ that the network sees:

    minimize  max {L(f, y) : Δ_k in the set of sample k} + Σ penalties,   f = σ((X + Δ) U + b) α + c

Where σ is a polynomial, the weights of every hidden neuron, its bias included, have norm 1: a polynomial is not
homogeneous, so without that hidden weights could do for nothing what output weights pay for.

Everybody who needs the network's own objective takes it from here: `explain`, the objective that is reported,
generated code, and descent, which also needs to know its parts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from reludsl.ir.activation import Activation
from reludsl.ir.attributes import Sign
from reludsl.ir.dims import sizes
from reludsl.ir.expression import Constant, Data, Expression, Named, Size, Variable
from reludsl.ir.functions import Norm, Order, absolute, sqrt, square, step
from reludsl.ir.penalty import Penalty
from reludsl.ir.program import Constraint, Nonnegative, Program, Term, Zero
from reludsl.ir.sample_loss import SampleLoss
from reludsl.ir.structure import Sum, column, row
from reludsl.source import Span

_n, _d, _m, _c = sizes("n, d, m, c")


@dataclass(frozen=True)
class Changes:
    """Every sample may change within a set of its own: a ball of order `ball`, a box, or what they have in common.

    Data are `radius` (d,) of the ball, one for each input, and `lower` and `upper` (n, d) of the box. The changes are
    the variable `Delta` (n, d), or with a ball `Z` (n, d), in units of its radii.
    """

    ball: Literal[1, 2] | None
    box: bool

    def __post_init__(self) -> None:
        if self.ball is None and not self.box:
            raise ValueError("a set is a ball, a box, or both")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the data."""
        return (*(("radius",) if self.ball is not None else ()), *(("lower", "upper") if self.box else ()))

    @property
    def variable(self) -> Variable:
        if self.ball is None:
            return Variable("Delta", (_n, _d), meaning="the worst changes of the samples")
        return Variable("Z", (_n, _d), meaning="the worst changes of the samples, in units of the radii")

    @property
    def delta(self) -> Expression:
        """The changes (n, d)."""
        if self.ball is None:
            return self.variable
        radius = Data("radius", (_d,), Sign.NONNEGATIVE, meaning="radii of the inputs")
        return row(radius) * self.variable

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        inside: list[Constraint] = []
        if self.ball is not None:
            inside.append(Nonnegative("ball", 1.0 - Norm(self.variable, self.ball, axis=1)))
        if self.box:
            lower = Data("lower", (_n, _d), Sign.NONPOSITIVE, meaning="least changes of the inputs")
            upper = Data("upper", (_n, _d), Sign.NONNEGATIVE, meaning="greatest changes of the inputs")
            inside += [Nonnegative("least", self.delta - lower), Nonnegative("greatest", upper - self.delta)]
        return tuple(inside)


@dataclass(frozen=True)
class Movement:
    """The distribution of the samples may move by `radius`: at most that much times the network's slope is added.

    `order` is that of the norm dual to the one that distances are measured by, see `wasserstein_form.py`. Data are `r`
    (d,), the inverse scales of the inputs.
    """

    radius: float
    order: Order
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class TrainingForm:
    """What a training problem is made of.

    Data are `X` (n, d), scaled, `y` (n,) or `Y` (n, c), encoded, with sample weights `omega` (n,), and of a gated
    network the gates `G` (d, m) and `g` (m,). Variables are `U` (d, m), `b` (m,) with a hidden bias, `alpha` (m,), and
    `c0` with an output bias; with several outputs `alpha` is (m, c), one nonzero entry a row unless the neurons are
    `shared`, and `c0` is (c,). `width` is the m that is wanted, where one is. What is `perturbed`, if anything, has
    data of its own.
    """

    loss: SampleLoss
    penalties: tuple[tuple[Penalty, Span | None], ...] = ()
    activation: Activation = Activation()
    mean: bool = False
    weighted: bool = False
    several: bool = False
    hidden_bias: bool = False
    output_bias: bool = False
    shared: bool = False
    width: int | None = None
    perturbed: Changes | Movement | None = None
    X: Data = Data("X", (_n, _d), meaning="samples, one a row")
    y: Data = Data("y", (_n,), meaning="targets")
    loss_span: Span | None = field(default=None, compare=False, repr=False)
    architecture_span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def U(self) -> Variable:
        return Variable("U", (_d, _m), meaning="hidden weights, one neuron a column")

    @property
    def b(self) -> Variable | None:
        return Variable("b", (_m,), meaning="hidden biases") if self.hidden_bias else None

    @property
    def alpha(self) -> Variable:
        if self.several:
            meaning = "output weights" if self.shared else "output weights, each neuron for one output"
            return Variable("alpha", (_m, _c), meaning=meaning)
        return Variable("alpha", (_m,), meaning="output weights")

    @property
    def c0(self) -> Variable | None:
        if not self.output_bias:
            return None
        return Variable("c0", (_c,) if self.several else (), meaning="output bias")

    @property
    def omega(self) -> Data | None:
        return weights_data() if self.weighted else None

    def hidden(self) -> Expression:
        """The hidden neurons on the samples as they are at worst, (n, m). Gates are those of the samples as given."""
        samples = self.X + self.perturbed.delta if isinstance(self.perturbed, Changes) else self.X
        weighted: Expression = samples @ self.U
        if self.b is not None:
            weighted = weighted + row(self.b)
        if self.activation.gated:
            gates: Expression = self.X @ Data("G", (_d, _m), meaning="gates of the neurons, fixed")
            if self.hidden_bias:
                gates = gates + row(Data("g", (_m,), meaning="biases of the gates"))
            return step(gates) * weighted
        if self.activation.stepwise:
            return row(self._norms()) * step(weighted)
        if self.activation.polynomial:
            weighted = Named("T", weighted, meaning="the neurons' weighted sums")
        return self.activation.of(weighted)

    def _norms(self) -> Expression:
        """The norms of the hidden neurons, biases included, (m,)."""
        if self.b is None:
            return Norm(self.U, 2, axis=0)
        return sqrt(Sum(square(self.U), axis=0) + square(self.b))

    def prediction(self) -> Expression:
        outputs: Expression = self.hidden() @ self.alpha
        if self.c0 is not None:
            outputs = outputs + (row(self.c0) if self.several else self.c0)
        return Named("F" if self.several else "f", outputs, meaning="predictions", span=self.architecture_span)

    def program(self) -> Program:
        """The form as a program. Not convex: nothing verifies it."""
        loss = self.loss.term(self.prediction(), self.y, weights=self.omega, mean=self.mean, span=self.loss_span)
        terms = [Term("loss", loss, self.loss_span)]
        counted = [(penalty, span) for penalty, span in self.penalties if penalty.strength > 0]
        for index, (penalty, span) in enumerate(counted):
            repeated = sum(other.name == penalty.name for other, _ in counted[:index])
            name = penalty.name + (f"_{repeated + 1}" if repeated else "")
            beta = "beta" if len(counted) == 1 else f"beta_{index + 1}"
            terms.append(Term(name, penalty.network_term(self.U, self.alpha, self.b, self.c0, beta), span))
        meaning = "the training problem, over networks of every width m"
        unit = (Zero("unit_norm", self._norms() - 1.0, span=self.architecture_span),)
        constraints: tuple[Constraint, ...] = unit if self.activation.polynomial else ()
        opposed: tuple[Variable, ...] = ()
        match self.perturbed:
            case Changes() as changes:
                meaning += ", against the worst changes of the samples"
                constraints, opposed = (*constraints, *changes.constraints), (changes.variable,)
            case Movement() as movement:
                meaning += ", against moved distributions of the samples"
                terms.insert(1, Term("wasserstein", self._price(movement), movement.span))
        return Program("training_problem", tuple(terms), constraints, meaning=meaning, form=self, opposed=opposed)

    def _price(self, movement: Movement) -> Expression:
        """The radius times the sum of the neurons' Lipschitz constants."""
        radius: Expression = Constant(movement.radius, "epsilon")
        if not self.mean:
            radius = radius * (Size(_n) if self.omega is None else Sum(self.omega))
        r = Data("r", (_d,), Sign.NONNEGATIVE, meaning="slopes of the inputs' scaling")
        sizes = Sum(absolute(self.alpha), axis=1) if self.several else absolute(self.alpha)
        slopes = Sum(Norm(column(r) * self.U, movement.order, axis=0) * sizes)
        return radius * (slopes if self.steepest == 1.0 else self.steepest * slopes)

    @property
    def steepest(self) -> float:
        """The steepest slope of the activation."""
        return max(1.0, abs(self.activation.slope))

    @classmethod
    def of(cls, program: Program) -> TrainingForm | None:
        """The form of a program, or None for a program of another form."""
        form = program.form
        return form if isinstance(form, cls) and form.program() == program else None


def weights_data() -> Data:
    """The sample weights of a program."""
    return Data("omega", (_n,), Sign.NONNEGATIVE, meaning="weights of the samples")

"""The semidefinite program of polynomial neurons as a form (Bartan, Pilanci 2021, "Neural spectrahedra").

    minimize    L(f, y) + β (v₄ + w₄)
    subject to  tr V₁ = v₄,  tr W₁ = w₄,  V ⪰ 0,  W ⪰ 0
    where       f_k = a x_kᵀN₁x_k + b x_kᵀn₂ + c n₄,   N = V − W,   V = [V₁ v₂; v₂ᵀ v₄]

A neuron σ(xᵀu) α with σ(t) = a t² + b t + c and ‖u‖ = 1 is linear in the matrix |α| (u, 1)(u, 1)ᵀ, whose last entry is
|α| and the trace of the rest too. Those of positive α add up to V, of negative α to W. Conversely every V ⪰ 0 with that
trace is a sum of such matrices, as many as its rank (Sturm, Zhang 2003). So the two matrices of order d + 1 are all
networks of every width, for any number of samples, and the last entries are the l1 norm of the output weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from reludsl.ir.activation import combination
from reludsl.ir.dims import sizes
from reludsl.ir.expression import Data, Expression, Named, Variable
from reludsl.ir.penalty import BlockPenalty
from reludsl.ir.program import Program, Semidefinite, Term, Zero
from reludsl.ir.sample_loss import SampleLoss
from reludsl.ir.structure import Sum, Trace
from reludsl.ir.training_form import weights_data
from reludsl.source import Span

_n, _d = sizes("n, d")


@dataclass(frozen=True)
class PolynomialForm:
    """What a semidefinite program of polynomial neurons is made of.

    Data are `X` (n, d), with a column of ones where neurons have a bias, `y` (n,) and sample weights `omega` (n,).
    Of the `penalty`, `l1` counts output weights and `offset_l1` the output bias.
    """

    several: ClassVar[bool] = False
    """It has one output."""

    loss: SampleLoss
    coefficients: tuple[float, float, float]
    penalty: BlockPenalty = BlockPenalty()
    mean: bool = False
    weighted: bool = False
    output_bias: bool = False
    y: Data = Data("y", (_n,), meaning="targets")
    loss_span: Span | None = field(default=None, compare=False, repr=False)
    regularizer_span: Span | None = field(default=None, compare=False, repr=False)
    formulation_span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def X(self) -> Data:
        return Data("X", (_n, _d), meaning="samples, one a row")

    @property
    def matrices(self) -> tuple[Variable, Variable]:
        """V and W."""
        shape = (_d + 1, _d + 1)
        return (
            Variable("V", shape, symmetric=True, meaning="neurons that add to the output"),
            Variable("W", shape, symmetric=True, meaning="neurons that subtract from it"),
        )

    @property
    def c0(self) -> Variable | None:
        return Variable("c0", (), meaning="output bias") if self.output_bias else None

    @property
    def prediction(self) -> Expression:
        """The network's outputs on the samples: row by row, no matrix of n x n."""
        (V, W), (a, b, c) = self.matrices, self.coefficients
        N = Named("N", V - W, meaning="the network")
        squares = Sum(self.X * (self.X @ N[:_d, :_d]), axis=1)
        outputs = combination((a, squares), (b, Sum(self.X @ N[:_d, _d:], axis=1)), (c, Sum(N[_d:, _d:])))
        return Named("f", outputs if self.c0 is None else outputs + self.c0, meaning="predictions")

    def program(self, name: str = "polynomial_program") -> Program:
        """The form as a program."""
        weights = weights_data() if self.weighted else None
        loss = self.loss.term(self.prediction, self.y, weights=weights, mean=self.mean, span=self.loss_span)
        objective = [Term("loss", loss, self.loss_span)]
        lengths = [Sum(matrix[_d:, _d:]) for matrix in self.matrices]
        if (penalties := self.penalty.sums(lengths, self.c0)) is not None:
            objective.append(Term("regularizer", penalties, self.regularizer_span))
        norms = tuple(
            Zero(f"norm_{matrix.name.lower()}", Trace(matrix[:_d, :_d]) - length, span=self.formulation_span)
            for matrix, length in zip(self.matrices, lengths, strict=True)
        )
        cones = tuple(
            Semidefinite(f"cone_{matrix.name.lower()}", matrix, span=self.formulation_span) for matrix in self.matrices
        )
        return Program(name, tuple(objective), (*norms, *cones), form=self)

    @classmethod
    def of(cls, program: Program) -> PolynomialForm | None:
        """The form of a program, or None for a program of another form."""
        form = program.form
        return form if isinstance(form, cls) and form.program(program.name) == program else None

"""The program over fixed features as a form: an l1 problem in the output weights alone.

    minimize  Σ_k ℓ(f_k, y_k) + β ‖a‖₁,   f = Z a

or, where every neuron feeds all outputs and pays for the Euclidean norm of its output weights, a group lasso:

    minimize  Σ_k ℓ(F_k, Y_k) + β Σ_i ‖A_i‖₂,   F = Z A

The columns of Z are hidden neurons on the samples, each with weights of penalty 1: random ones (Bai, Gautam, Sojoudi
2022, the sampled convex program), the steps of all patterns (Ergen, Gulluk, Lacotte, Pilanci 2023), or those that an
adaptive search has found.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from reludsl.ir.dims import sizes
from reludsl.ir.expression import Data, Expression, Named, Variable
from reludsl.ir.penalty import BlockPenalty
from reludsl.ir.program import Program, Term
from reludsl.ir.sample_loss import SampleLoss
from reludsl.ir.structure import row
from reludsl.ir.training_form import weights_data
from reludsl.source import Span

_n, _N, _c = sizes("n, N, c")


@dataclass(frozen=True)
class FeatureForm:
    """What a program over features is made of. Neurons are `shared` by several outputs or feed one each."""

    loss: SampleLoss
    penalty: BlockPenalty = BlockPenalty()
    mean: bool = False
    weighted: bool = False
    several: bool = False
    output_bias: bool = False
    y: Data = Data("y", (_n,), meaning="targets")
    shared: bool = False
    loss_span: Span | None = field(default=None, compare=False, repr=False)
    regularizer_span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def strength(self) -> float:
        """β."""
        return self.penalty.group if self.shared else self.penalty.l1

    @property
    def Z(self) -> Data:
        return Data("Z", (_n, _N), meaning="hidden neurons on the samples, one a column")

    @property
    def a(self) -> Variable:
        return Variable("a", (_N, _c) if self.several else (_N,), meaning="output weights")

    @property
    def c0(self) -> Variable | None:
        if not self.output_bias:
            return None
        return Variable("c0", (_c,) if self.several else (), meaning="output bias")

    @property
    def prediction(self) -> Expression:
        outputs: Expression = self.Z @ self.a
        if self.c0 is not None:
            outputs = outputs + (row(self.c0) if self.several else self.c0)
        return Named("F" if self.several else "f", outputs, meaning="predictions")

    def program(self, name: str = "feature_program") -> Program:
        """The form as a program."""
        weights = weights_data() if self.weighted else None
        loss = self.loss.term(self.prediction, self.y, weights=weights, mean=self.mean, span=self.loss_span)
        objective = [Term("loss", loss, self.loss_span)]
        if (penalties := self.penalty.term((self.a.T if self.shared else self.a,), self.c0)) is not None:
            objective.append(Term("regularizer", penalties, self.regularizer_span))
        return Program(name, tuple(objective), form=self)

    @classmethod
    def of(cls, program: Program) -> FeatureForm | None:
        """The form of a program, or None for a program of another form."""
        form = program.form
        return form if isinstance(form, cls) and form.program(program.name) == program else None

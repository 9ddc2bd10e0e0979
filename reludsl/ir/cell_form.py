"""The cell program as a form: training with hidden neurons that several outputs share, over the cells of the samples.

    minimize    L(F, Y) + β/2 Σ_s ⟨H_s, W_s⟩,   F = Σ_s D_s X B_s W_s[y, α]
    subject to  W_s ⪰ 0,  T_s W_s[y, y] T_sᵀ ≥ 0

On a cone {B_s y : T_s y ≥ 0} within one cell the activation is linear, so of the neurons (u, α) there, u = B_s y, only
the moments W_s = Σ [α; y][α; y]ᵀ count: weight decay and predictions are linear in them. In the coordinates of the
cone's generators the moments of hidden weights are the completely positive matrices, and with up to four generators
these are the ones without negative eigenvalues and entries (Maxfield, Minc 1962). So with all cells of up to four
dimensions the program is exact, for any number of outputs; with one output it has the optimum of the pattern program.
The general form over completely positive matrices is that of Sahiner, Ergen, Pauly, Pilanci (2021) and of Prakhya,
Birdal, Yurtsever (2025).

The blocks of all cones stand one below another in one variable W, with the outputs' coordinates first; B has columns of
zeros for those. The entries of T_s W_s[y, y] T_sᵀ off the diagonal are products of rows of T, one pair in L and M for
each.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from reludsl.ir.activation import Activation
from reludsl.ir.attributes import Sign
from reludsl.ir.dims import sizes
from reludsl.ir.expression import Constant, Data, Expression, Named, Variable
from reludsl.ir.penalty import BlockPenalty
from reludsl.ir.program import Nonnegative, Program, Semidefinite, Term
from reludsl.ir.sample_loss import SampleLoss
from reludsl.ir.structure import BlockDiagonal, Sum, row
from reludsl.ir.training_form import weights_data
from reludsl.source import Span

_n, _d, _Q, _P, _r, _c = sizes("n, d, Q, P, r, c")


@dataclass(frozen=True)
class CellForm:
    """What a cell program is made of: weight decay of strength `penalty.group`, and of output biases by `offset_l2`.

    Q is the number of rows of all blocks together, P that of pairs of generators, r the dimension of the cells.
    """

    loss: SampleLoss
    penalty: BlockPenalty = BlockPenalty()
    activation: Activation = Activation()
    mean: bool = False
    weighted: bool = False
    output_bias: bool = False
    y: Data = Data("Y", (_n, _c), meaning="targets, one output a column")
    loss_span: Span | None = field(default=None, compare=False, repr=False)
    regularizer_span: Span | None = field(default=None, compare=False, repr=False)
    formulation_span: Span | None = field(default=None, compare=False, repr=False)

    several = True

    @property
    def X(self) -> Data:
        return Data("X", (_n, _d), meaning="samples, one a row")

    @property
    def B(self) -> Data:
        return Data("B", (_d, _Q), meaning="coordinate vectors of the cells, zeros for outputs")

    @property
    def D(self) -> Data:
        return Data("D", (_n, _Q), Sign.NONNEGATIVE, values="{0, 1}", meaning="the activation pattern of each cell")

    @property
    def H(self) -> Data:
        return Data("H", (_Q, _c + _r), meaning="what moments cost, a block for each cell")

    @property
    def pairs(self) -> tuple[Data, Data]:
        """L and M: the first and the second of two generator coordinates, in those of the cell."""
        shape = (_P, _c + _r)
        return (
            Data("L", shape, meaning="a generator's coordinate in those of its cell"),
            Data("M", shape, meaning="another generator's coordinate, paired with that"),
        )

    @property
    def W(self) -> Variable:
        return Variable("W", (_Q, _c + _r), symmetric="blocks", meaning="moments of the neurons of each cell")

    @property
    def c0(self) -> Variable | None:
        return Variable("c0", (_c,), meaning="output bias") if self.output_bias else None

    @property
    def prediction(self) -> Expression:
        """The network's outputs on the samples (n, c)."""
        gates = self.activation.gates(self.D)
        if gates != self.D:
            gates = Named("Gamma", gates, meaning="the activation's slopes on the patterns")
        outputs: Expression = (gates * (self.X @ self.B)) @ self.W[:, :_c]
        if self.c0 is not None:
            outputs = outputs + row(self.c0)
        return Named("F", outputs, meaning="predictions")

    def program(self, name: str = "cell_program") -> Program:
        """The form as a program."""
        weights = weights_data() if self.weighted else None
        loss = self.loss.term(self.prediction, self.y, weights=weights, mean=self.mean, span=self.loss_span)
        beta = Constant(self.penalty.group, "beta")
        penalties: Expression = beta / 2 * Sum(self.H * self.W)
        offset = BlockPenalty(offset_l2=self.penalty.offset_l2).term((), self.c0)
        if offset is not None:
            penalties = penalties + offset
        objective = (Term("loss", loss, self.loss_span), Term("regularizer", penalties, self.regularizer_span))
        L, M = self.pairs
        entries = Sum(L * (BlockDiagonal(M, _Q) @ self.W), axis=1)
        constraints = (
            Semidefinite("moments", BlockDiagonal(self.W, _Q), span=self.formulation_span),
            Nonnegative("generators", entries, span=self.formulation_span),
        )
        return Program(name, objective, constraints, form=self)

    @classmethod
    def of(cls, program: Program) -> CellForm | None:
        """The form of a program, or None for a program of another form."""
        form = program.form
        return form if isinstance(form, cls) and form.program(program.name) == program else None

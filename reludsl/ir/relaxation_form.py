"""The semidefinite relaxation as a form: training with neurons that several outputs share, for any dimension.

With a = (Xu)₊, b = (−Xu)₊ a neuron (u, v) adds avᵀ to the predictions of ReLU, and half the trace of what it adds to
Z = Σ [v; a; b; u][v; a; b; u]ᵀ is its weight decay. As published (Sahiner, Ergen, Pauly, Pilanci 2021; Prakhya, Birdal,
Yurtsever 2025) the matrices Z are relaxed to

    minimize    L(Z_av, Y) + β/2 (tr Z_uu + tr Z_vv)
    subject to  Z ⪰ 0,  Z_aa, Z_ab, Z_bb ≥ 0,  diag Z_ab = 0,  (a − b − Xu) Z = 0,

of order 2n + d + c. Since a − b = Xu holds in the whole range of Z, no such Z is positive definite. In coordinates of
that range, v and z with u = Bz and a + b = Nz, nothing is lost and what was an equality is gone:

    minimize    L(A Z[:, v], Y) + β/2 (tr BZBᵀ + tr Z_vv),   P = (N + XB)/2,  M = (N − XB)/2,  A = P − slope · M
    subject to  Z ⪰ 0,  PZPᵀ ≥ 0,  PZMᵀ ≥ 0,  MZMᵀ ≥ 0,  diag PZMᵀ = 0,

with Z of order n + rank + c (`reludsl/relaxation/coordinates.py`). The optimum is at most that of
training, for every width. Where rows are split by their signs, there is such a Z for each combination of signs, a
piece, where Nz is ±XBz in those rows; predictions and costs are sums over the pieces.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from reludsl.ir.activation import Activation
from reludsl.ir.dims import sizes
from reludsl.ir.expression import Constant, Data, Expression, Named, Variable
from reludsl.ir.penalty import BlockPenalty
from reludsl.ir.program import Constraint, Nonnegative, Program, Semidefinite, Term, Zero
from reludsl.ir.sample_loss import SampleLoss
from reludsl.ir.structure import Sum, Trace, Transpose, row
from reludsl.ir.training_form import weights_data
from reludsl.source import Span

_n, _d, _r, _c = sizes("n, d, r, c")


@dataclass(frozen=True)
class RelaxationForm:
    """What a relaxation is made of: weight decay of strength `penalty.group`, and of output biases by `offset_l2`.

    `split` rows are told apart by signs: these, or as many. One output has targets of one column.
    """

    loss: SampleLoss
    penalty: BlockPenalty = BlockPenalty()
    activation: Activation = Activation()
    mean: bool = False
    weighted: bool = False
    split: int | tuple[int, ...] = 0
    output_bias: bool = False
    y: Data = Data("Y", (_n, _c), meaning="targets, one output a column")
    loss_span: Span | None = field(default=None, compare=False, repr=False)
    regularizer_span: Span | None = field(default=None, compare=False, repr=False)
    formulation_span: Span | None = field(default=None, compare=False, repr=False)

    several = True

    @property
    def pieces(self) -> tuple[str, ...]:
        """What the names of each piece's arrays and matrix end with."""
        return tuple(str(k + 1) for k in range(2**self.splits)) if self.splits else ("",)

    @property
    def splits(self) -> int:
        """How many rows are split."""
        return self.split if isinstance(self.split, int) else len(self.split)

    @property
    def X(self) -> Data:
        return Data("X", (_n, _d), meaning="samples, one a row")

    @property
    def B(self) -> Data:
        return Data("B", (_d, _c + _r), meaning="hidden weights, by the coordinates")

    def N(self, piece: str) -> Data:
        return Data(f"N{piece}", (_n, _c + _r), meaning="sizes of the samples' projections, by the coordinates")

    def Z(self, piece: str) -> Variable:
        return Variable(f"Z{piece}", (_c + _r, _c + _r), symmetric=True, meaning="second moments of all neurons")

    @property
    def c0(self) -> Variable | None:
        return Variable("c0", (_c,), meaning="output bias") if self.output_bias else None

    def parts(self, piece: str) -> tuple[Named, Named]:
        """P and M: what of the projections is positive, and what is negative, (n, c + r)."""
        N, both = self.N(piece), self.X @ self.B
        return (
            Named(f"P{piece}", 0.5 * (N + both), meaning="positive parts of the projections"),
            Named(f"M{piece}", 0.5 * (N - both), meaning="their negative parts"),
        )

    @property
    def prediction(self) -> Expression:
        """The network's outputs on the samples (n, c)."""
        outputs: Expression | None = None
        for piece in self.pieces:
            (positive, negative), slope = self.parts(piece), self.activation.slope
            values: Expression = positive if not slope else positive - slope * negative
            found = values @ self.Z(piece)[:, :_c]
            outputs = found if outputs is None else outputs + found
        assert outputs is not None
        if self.c0 is not None:
            outputs = outputs + row(self.c0)
        return Named("F", outputs, meaning="predictions")

    def program(self, name: str = "sdp_relaxation") -> Program:
        """The form as a program."""
        weights = weights_data() if self.weighted else None
        loss = self.loss.term(self.prediction, self.y, weights=weights, mean=self.mean, span=self.loss_span)
        moments: Expression = self.Z(self.pieces[0])
        for piece in self.pieces[1:]:
            moments = moments + self.Z(piece)
        squares = Trace(self.B @ moments @ Transpose(self.B)) + Trace(moments[:_c, :_c])
        penalty: Expression = Constant(self.penalty.group, "beta") / 2 * squares
        offset = BlockPenalty(offset_l2=self.penalty.offset_l2).term((), self.c0)
        if offset is not None:
            penalty = penalty + offset
        objective = (Term("loss", loss, self.loss_span), Term("regularizer", penalty, self.regularizer_span))
        constraints: list[Constraint] = []
        span = self.formulation_span
        for piece in self.pieces:
            Z, (P, M), end = self.Z(piece), self.parts(piece), f"_{piece}" if piece else ""
            constraints += [
                Semidefinite(f"moments{end}", Z, span=span),
                Nonnegative(f"both_positive{end}", P @ Z @ Transpose(P), span=span),
                Nonnegative(f"mixed{end}", P @ Z @ Transpose(M), span=span),
                Nonnegative(f"both_negative{end}", M @ Z @ Transpose(M), span=span),
                Zero(f"same_sample{end}", Sum((P @ Z) * M, axis=1), span=span),
            ]
        return Program(name, objective, tuple(constraints), form=self)

    @classmethod
    def of(cls, program: Program) -> RelaxationForm | None:
        """The form of a program, or None for a program of another form."""
        form = program.form
        return form if isinstance(form, cls) and form.program(program.name) == program else None

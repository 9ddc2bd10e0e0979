"""The robust counterpart of a pattern program as a form: every sample may change within a set around it.

    minimize    Σ_k max {ℓ(f_k(δ), y_k) : δ in Δ_k} + penalties,   f_k(δ) = f_k + C_kᵀδ,   C = Γ (V − W)ᵀ
    subject to  E_ki x_kᵀv_i ≥ h_k(−E_ki v_i) for all k and i, and the same for w_i

A row of C is the slope of the network at a sample, h_k the support function of the set Δ_k, and the cones keep every
neuron's activation on all of Δ_k, so that the network is affine there (Bai, Gautam, Sojoudi 2022, theorems 4.1 and
5.1). The inner maximum then needs the greatest and the least prediction, f_k + h_k(C_k) and f_k − h_k(−C_k), and the
loss says which of them (see `SampleLoss.worst_case`). Three kinds of sets have their h_k in closed form or as a convex
program, with q dual to the order of the norm:

    ball {‖δ / r‖ ≤ 1}     h(c) = ‖r ∘ c‖_q
    box, centred at x_k    h_k(c) = H_kᵀ|c|,  H the half-widths; `X` holds the centres
    both                   h_k(c) = min over b of ‖r ∘ (c − b)‖_q + M_kᵀb + H_kᵀ|b|,  M the box's centre less x_k

For both, each sample's loss has a b of its own, so it is exact; the cones of a neuron share one, which may ask more of
it than its samples would. With several outputs each has a worst change of its own, and the cross-entropy takes a worst
change for each other class: an upper bound on what one change for all of them can do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from reludsl.ir.attributes import Sign
from reludsl.ir.dims import sizes
from reludsl.ir.expression import Data, Expression, Named, Variable
from reludsl.ir.functions import Maximum, Norm, Order, absolute
from reludsl.ir.pattern_form import PatternForm
from reludsl.ir.penalty import BlockPenalty
from reludsl.ir.program import Nonnegative, Program, Term
from reludsl.ir.sample_loss import Distance, Margin
from reludsl.ir.structure import Sum, column, row
from reludsl.ir.training_form import weights_data

_n, _P, _Q, _N, _c = sizes("n, P, Q, N, c")

_DUAL: dict[Order, Order] = {1: "inf", 2: 2, "inf": 1}


@dataclass(frozen=True)
class RobustForm:
    """`clean` is the program without changes, `ball` the order of a norm, `box` whether there are half-widths.

    At least one of the two is there. The data of the set are `r` of a ball, `H` of a box, and `M` beside both. With
    several outputs, `A` and `T` tell which sample and which output each of the N = n c rows belongs to.
    """

    clean: PatternForm
    ball: Order | None
    box: bool

    def __post_init__(self) -> None:
        if self.ball is None and not self.box:
            raise ValueError("a set is a ball, a box, or both")

    # -- what is shared with the program without changes ---------------------------------------------------------

    @property
    def blocks(self) -> tuple[Variable, ...]:
        return self.clean.blocks

    @property
    def c0(self) -> Variable | None:
        return self.clean.c0

    @property
    def X(self) -> Data:
        X = self.clean.X
        return Data("X", X.shape, meaning=f"{X.meaning}: centres of their boxes") if self._centred else X

    @property
    def _centred(self) -> bool:
        return self.box and self.ball is None

    @property
    def obstacles(self) -> tuple[str, ...]:
        """Why it is no `RobustProblem`, for which there are a fast method and dual bounds: a sentence a reason."""
        clean, reasons = self.clean, []
        loss = clean.loss
        if self.ball == 1 or (self.ball is not None and self.box):
            reasons.append("of perturbations it takes l-infinity balls, boxes and l2 balls without limits")
        if clean.several:
            reasons.append("under a perturbation it takes one output only")
        if clean.output_bias:
            reasons.append("under a perturbation it takes no output bias")
        if not isinstance(loss, Margin) and not (isinstance(loss, Distance) and loss.function.symmetric):
            reasons.append("under a perturbation it takes losses of the margin, and symmetric ones of the distance")
        if not clean.penalty.group or clean.penalty != BlockPenalty(group=clean.penalty.group):
            reasons.append("under a perturbation it needs norms of whole neurons as regularizers, and no others")
        return tuple(reasons)

    # -- the sets ------------------------------------------------------------------------------------------------

    @property
    def r(self) -> Data | None:
        if self.ball is None:
            return None
        return Data("r", (self.clean.inputs,), Sign.NONNEGATIVE, meaning="radii of the inputs")

    @property
    def H(self) -> Data | None:
        if not self.box:
            return None
        return Data("H", (_n, self.clean.inputs), Sign.NONNEGATIVE, meaning="half-widths of the samples' boxes")

    @property
    def M(self) -> Data | None:
        """Where a ball and a box meet, and the two need not have the same centre."""
        if self._centred or not self.box:
            return None
        return Data("M", (_n, self.clean.inputs), meaning="centres of the boxes, seen from the samples")

    @property
    def A(self) -> Data:
        return Data("A", (_n, _N), Sign.NONNEGATIVE, values="{0, 1}", meaning="the sample of each row")

    @property
    def T(self) -> Data:
        return Data("T", (_N, _c), Sign.NONNEGATIVE, values="{0, 1}", meaning="the output of each row")

    # -- the program ---------------------------------------------------------------------------------------------

    def program(self, name: str = "robust_pattern_program") -> Program:
        """The form as a program."""
        clean = self.clean
        weights = weights_data() if clean.weighted else None
        losses = clean.loss.worst_case(Reach(self), span=clean.loss_span)
        loss = clean.loss.combined(losses, weights, clean.mean, self.X.shape[0])
        objective = [Term("loss", loss, clean.loss_span)]
        if (penalties := clean.penalty.term(self.blocks, self.c0)) is not None:
            objective.append(Term("regularizer", penalties, clean.regularizer_span))
        return Program(name, tuple(objective), self._cones(), form=self)

    def _cones(self) -> tuple[Nonnegative, ...]:
        clean = self.clean
        if clean.activation.gated:
            return ()
        E = Named("E", 2.0 * clean.D - 1.0, meaning="sides of the samples' hyperplanes")
        return tuple(
            Nonnegative(f"cone_{block.name.lower()}", self._kept(E, block), span=clean.formulation_span)
            for block in self.blocks
        )

    def _kept(self, E: Expression, block: Variable) -> Expression:
        """How far the neurons of a block are from changing sides somewhere in the sets: at least 0 if never."""
        values: Expression = self.X @ block
        if self.ball is None:
            assert self.H is not None
            return E * values - self.H @ absolute(block)
        assert self.r is not None
        if self.M is None or self.H is None:
            return E * values - row(Norm(column(self.r) * block, _DUAL[self.ball], axis=0))
        boxed = Variable(f"B_{block.name}", block.shape, meaning=f"the part of {block.name} that the boxes bound")
        left = Norm(column(self.r) * (block - boxed), _DUAL[self.ball], axis=0)
        return E * (values + self.M @ boxed) - row(left) - self.H @ absolute(boxed)

    @classmethod
    def of(cls, program: Program) -> RobustForm | None:
        """The form of a program, or None for a program of another form."""
        form = program.form
        return form if isinstance(form, cls) and form.program(program.name) == program else None


class Reach:
    """How far the predictions of a robust program go: what a loss builds its worst case from.

    Predictions are rows: one a sample, or with several outputs one for each sample and output, n c in all. For classes
    that are one-hot a row is the prediction of a class less that of the sample's own.
    """

    def __init__(self, form: RobustForm) -> None:
        self.form = form
        self._parts = 0

    @cached_property
    def targets(self) -> Expression:
        """The targets of the rows."""
        form = self.form
        if not form.clean.several:
            return form.clean.y
        return Sum((form.A.T @ form.clean.y) * form.T, axis=1)

    @cached_property
    def _outputs(self) -> Expression:
        """With several outputs: how much each counts in each row, (N, c)."""
        form = self.form
        if not form.clean.loss.one_hot:
            return form.T
        return Named("K", form.T - form.A.T @ form.clean.y, meaning="each class against the sample's own")

    @cached_property
    def slopes(self) -> Expression:
        """The slopes of the network in its inputs, a row each."""
        clean = self.form.clean
        first, *others = clean.blocks
        net = first - others[0] if others else first
        gates = clean.activation.gates(clean.D)
        if gates != clean.D:
            gates = Named("Gamma", gates, meaning="the activation's slopes on the patterns")
        if clean.several:
            gates = (self.form.A.T @ gates) * (self._outputs @ clean.S.T)
        return Named("C", gates @ net.T, meaning="slopes of the network at the samples")

    @cached_property
    def predictions(self) -> Expression:
        """Those on the samples, or on the centres of their boxes."""
        form, c0 = self.form, self.form.c0
        if not form.clean.several:
            at = Sum(form.X * self.slopes, axis=1)
            return Named("f", at if c0 is None else at + c0, meaning="predictions")
        at = Sum((form.A.T @ form.X) * self.slopes, axis=1)
        return Named("f", at if c0 is None else at + self._outputs @ c0, meaning="predictions, a row each")

    def _of_rows(self, data: Expression) -> Expression:
        return self.form.A.T @ data if self.form.clean.several else data

    def _part(self) -> tuple[Expression | None, Expression]:
        """An amount by which predictions move, None for 0, and how far they reach from there: bounds on h_k."""
        form, slopes = self.form, self.slopes
        if form.ball is None:
            assert form.H is not None
            return None, Sum(self._of_rows(form.H) * absolute(slopes), axis=1)
        assert form.r is not None
        if form.M is None or form.H is None:
            return None, Norm(slopes * row(form.r), _DUAL[form.ball], axis=1)
        self._parts += 1
        meaning = "the part of the slopes that the boxes bound"
        boxed = Variable(f"B_{self._parts}", slopes.shape, meaning=meaning)
        radius = Norm((slopes - boxed) * row(form.r), _DUAL[form.ball], axis=1)
        return (
            Sum(self._of_rows(form.M) * boxed, axis=1),
            radius + Sum(self._of_rows(form.H) * absolute(boxed), axis=1),
        )

    def _moved(self) -> tuple[Expression, Expression]:
        shift, radius = self._part()
        return self.predictions if shift is None else self.predictions + shift, radius

    def margin(self, sizes: Expression | None = None) -> Expression:
        """The least y f, concave; `sizes` are |y| where they are not 1."""
        centre, radius = self._moved()
        return self.targets * centre - (radius if sizes is None else sizes * radius)

    def greatest(self) -> Expression:
        """The greatest prediction, convex."""
        centre, radius = self._moved()
        return centre + radius

    def ends(self) -> tuple[Expression, Expression]:
        """The greatest f − y and the greatest y − f, both convex."""
        if self.form.M is None:
            centre, radius = self._moved()
            return centre - self.targets + radius, self.targets - centre + radius
        (high, above), (low, below) = self._moved(), self._moved()
        return high - self.targets + above, self.targets - low + below

    def distance(self) -> Expression:
        """The greatest |f − y|, convex and nonnegative."""
        if self.form.M is None:
            centre, radius = self._moved()
            return absolute(centre - self.targets) + radius
        return Maximum((*self.ends(), 0.0 * self.targets))

    def by_sample(self, losses: Expression) -> Expression:
        """The losses of rows summed for each sample (n,)."""
        return self.form.A @ losses if self.form.clean.several else losses

    def by_output(self, rows: Expression) -> Expression:
        """Rows as a matrix (n, c)."""
        return self.form.A @ (column(rows) * self.form.T)

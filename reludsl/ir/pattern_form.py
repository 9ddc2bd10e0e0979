"""The pattern program as a form: built by the lowering, recognized by whoever has a fast method for it.

    minimize    Σ_k ℓ(f_k, y_k) + β Σ_i (‖v_i‖ + ‖w_i‖),   f = Σ_i Γ_i X (v_i − w_i)
    subject to  E_i X v_i ≥ 0,  E_i X w_i ≥ 0,             E_i = 2 D_i − I

(Pilanci, Ergen 2020; Bai, Gautam, Sojoudi 2022, equation 2.2.) The patterns D_i are the columns of one 0-1 matrix D,
the v_i and w_i those of V and W, so f is the row sum of Γ ∘ (X (V − W)): nothing is P times the data. The gates Γ_i are
D_i for ReLU, see `activation.py`. With gated neurons there are no cones, and one block U takes the place of V − W. With
several outputs the blocks of one output follow those of another, D repeats the patterns, and S adds up each output's.

A program that was built from a form carries it. Recognition rebuilds the program from the form and compares: a program
either is of this form or is not.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from reludsl.ir.activation import Activation
from reludsl.ir.attributes import Sign
from reludsl.ir.dims import Dim, sizes
from reludsl.ir.expression import Data, Expression, Named, Variable
from reludsl.ir.penalty import BlockPenalty
from reludsl.ir.program import Nonnegative, Program, Term
from reludsl.ir.sample_loss import SampleLoss
from reludsl.ir.structure import Sum, row
from reludsl.ir.training_form import weights_data
from reludsl.source import Span

_n, _d, _P, _Q, _c = sizes("n, d, P, Q, c")


@dataclass(frozen=True)
class PatternForm:
    """What a pattern program is made of. The spans say which lines of the spec asked for its parts."""

    loss: SampleLoss
    penalty: BlockPenalty = BlockPenalty()
    activation: Activation = Activation()
    mean: bool = False
    weighted: bool = False
    several: bool = False
    output_bias: bool = False
    y: Data = Data("y", (_n,), meaning="targets")
    loss_span: Span | None = field(default=None, compare=False, repr=False)
    regularizer_span: Span | None = field(default=None, compare=False, repr=False)
    formulation_span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def inputs(self) -> Dim:
        """The length of a block: with free biases they are its last entry, told apart from the d others."""
        return _d + 1 if self.penalty.free_biases else _d

    @property
    def X(self) -> Data:
        meaning = "samples, one a row, and a column of ones" if self.penalty.free_biases else "samples, one a row"
        return Data("X", (_n, self.inputs), meaning=meaning)

    @property
    def D(self) -> Data:
        meaning = "the activation pattern of each block" if self.several else "activation patterns, one a column"
        return Data("D", (_n, _Q if self.several else _P), Sign.NONNEGATIVE, values="{0, 1}", meaning=meaning)

    @property
    def S(self) -> Data:
        """Which block belongs to which output; there with several."""
        return Data("S", (_Q, _c), Sign.NONNEGATIVE, values="{0, 1}", meaning="the output of each block")

    @property
    def blocks(self) -> tuple[Variable, ...]:
        """V and W, or U of gated neurons, whose signs need not be told apart."""
        shape = (self.inputs, _Q if self.several else _P)
        if self.activation.gated:
            return (Variable("U", shape, meaning="gated neurons, one a column"),)
        return (
            Variable("V", shape, meaning="neurons that add to the output, one a column"),
            Variable("W", shape, meaning="neurons that subtract from it"),
        )

    @property
    def c0(self) -> Variable | None:
        if not self.output_bias:
            return None
        return Variable("c0", (_c,) if self.several else (), meaning="output bias")

    @property
    def prediction(self) -> Expression:
        """The network's outputs on the samples."""
        first, *others = self.blocks
        gates = self.activation.gates(self.D)
        if gates != self.D:
            gates = Named("Gamma", gates, meaning="the activation's slopes on the patterns")
        products = gates * (self.X @ (first - others[0] if others else first))
        outputs: Expression = products @ self.S if self.several else Sum(products, axis=1)
        if self.c0 is not None:
            outputs = outputs + (row(self.c0) if self.several else self.c0)
        return Named("F" if self.several else "f", outputs, meaning="predictions")

    def program(self, name: str = "pattern_program") -> Program:
        """The form as a program."""
        weights = weights_data() if self.weighted else None
        loss = self.loss.term(self.prediction, self.y, weights=weights, mean=self.mean, span=self.loss_span)
        objective = [Term("loss", loss, self.loss_span)]
        if (penalties := self.penalty.term(self.blocks, self.c0)) is not None:
            objective.append(Term("regularizer", penalties, self.regularizer_span))
        cones: tuple[Nonnegative, ...] = ()
        if not self.activation.gated:
            E = Named("E", 2.0 * self.D - 1.0, meaning="sides of the samples' hyperplanes")
            cones = tuple(
                Nonnegative(name, E * (self.X @ block), span=self.formulation_span)
                for name, block in zip(("cone_v", "cone_w"), self.blocks, strict=True)
            )
        return Program(name, tuple(objective), cones, form=self)

    @classmethod
    def of(cls, program: Program) -> PatternForm | None:
        """The form of a program, or None for a program of another form."""
        form = program.form
        return form if isinstance(form, cls) and form.program(program.name) == program else None

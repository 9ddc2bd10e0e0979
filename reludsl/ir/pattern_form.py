"""The pattern program as a form: built by the lowering, recognized by whoever has a fast method for it.

    minimize    Σ_k ℓ(f_k, y_k) + β Σ_i (‖v_i‖ + ‖w_i‖),   f = Σ_i D_i X (v_i − w_i)
    subject to  E_i X v_i ≥ 0,  E_i X w_i ≥ 0,             E_i = 2 D_i − I

(Pilanci, Ergen 2020; Bai, Gautam, Sojoudi 2022, equation 2.2.) The patterns D_i are the columns of one 0-1 matrix D,
the v_i and w_i those of V and W, so f is the row sum of D ∘ (X (V − W)): nothing is P times the data.

Recognition rebuilds the form from the parts that it finds and compares: a program either is of this form or is not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from reludsl.ir.attributes import Sign
from reludsl.ir.dims import sizes
from reludsl.ir.expression import Add, Constant, Data, Expression, MatMul, Multiply, Named, Negate, Size, Variable
from reludsl.ir.functions import Apply, Norm
from reludsl.ir.program import Nonnegative, Program, Term, walk
from reludsl.ir.scalar import ScalarFunction
from reludsl.ir.structure import Sum
from reludsl.source import Span

_n, _d, _P = sizes("n, d, P")


@dataclass(frozen=True)
class PatternForm:
    """What a pattern program is made of. The spans say which lines of the spec asked for its parts."""

    function: ScalarFunction
    structure: Literal["margin", "distance"]
    mean: bool
    strength: float
    X: Data = Data("X", (_n, _d), meaning="samples, one a row")
    D: Data = Data("D", (_n, _P), Sign.NONNEGATIVE, values="{0, 1}", meaning="activation patterns, one a column")
    y: Data = Data("y", (_n,), meaning="targets")
    V: Variable = Variable("V", (_d, _P), meaning="neurons that add to the output, one a column")
    W: Variable = Variable("W", (_d, _P), meaning="neurons that subtract from it")
    loss_span: Span | None = field(default=None, compare=False, repr=False)
    regularizer_span: Span | None = field(default=None, compare=False, repr=False)
    formulation_span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def prediction(self) -> Expression:
        """f, the network's outputs on the samples."""
        return Named("f", Sum(self.D * (self.X @ (self.V - self.W)), axis=1), meaning="predictions")

    def loss(self) -> Expression:
        argument = self.y * self.prediction if self.structure == "margin" else self.prediction - self.y
        total = Sum(Apply(self.function, argument, span=self.loss_span))
        return total / Size(self.y.shape[0]) if self.mean else total

    def program(self, name: str) -> Program:
        """The form as a program."""
        objective = [Term("loss", self.loss(), self.loss_span)]
        if self.strength > 0:
            norms = Sum(Norm(self.V, 2, axis=0)) + Sum(Norm(self.W, 2, axis=0))
            objective.append(Term("regularizer", Constant(self.strength, "beta") * norms, self.regularizer_span))
        E = Named("E", 2.0 * self.D - 1.0, meaning="sides of the samples' hyperplanes")
        cones = tuple(
            Nonnegative(name, E * (self.X @ block), span=self.formulation_span)
            for name, block in (("cone_v", self.V), ("cone_w", self.W))
        )
        return Program(name, tuple(objective), cones)

    @classmethod
    def of(cls, program: Program) -> PatternForm | None:
        """The form of a program, or None for a program of another form."""
        applied = next((node for node in program.nodes if isinstance(node, Apply)), None)
        if applied is None or not program.objective:
            return None
        match applied.argument:
            case Multiply(Data() as y, Named(_, Sum(Multiply(D, MatMul(X, Add((V, Negate(W)))))))):
                structure: Literal["margin", "distance"] = "margin"
            case Add((Named(_, Sum(Multiply(D, MatMul(X, Add((V, Negate(W))))))), Negate(Data() as y))):
                structure = "distance"
            case _:
                return None
        if not (isinstance(X, Data) and isinstance(D, Data) and isinstance(V, Variable) and isinstance(W, Variable)):
            return None
        mean = any(isinstance(node, Size) for node in walk(program.objective[0].expression))
        strengths = [constant.value for constant in program.constants if constant.name == "beta"]
        form = cls(applied.function, structure, mean, sum(strengths), X, D, y, V, W)
        return form if form.program(program.name) == program else None

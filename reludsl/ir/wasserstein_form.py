"""A pattern program against distributions that are near the samples: the loss, and a price for the network's slopes.

    minimize    Σ_k |f_k − y_k| + n ε s Σ_i (‖r ∘ v_i‖_q + ‖r ∘ w_i‖_q) + penalties
    subject to  E_i X v_i ≥ 0,  E_i X w_i ≥ 0

For a loss of Lipschitz constant 1 in the prediction, the worst mean loss over all distributions within ε of the samples
in the order-1 Wasserstein distance is at most the mean on the samples plus ε times the network's Lipschitz constant
(Mohajerin Esfahani, Kuhn 2018), and that is at most s Σ_i (‖r ∘ v_i‖_q + ‖r ∘ w_i‖_q): q is dual to the norm that
measures how far a sample moves, s the activation's steepest slope, r what scaling did to the inputs. The bound holds
everywhere in the input space, whatever the patterns are; with a mean loss the n is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from reludsl.ir.attributes import Sign
from reludsl.ir.dims import sizes
from reludsl.ir.expression import Constant, Data, Expression, Size, Variable
from reludsl.ir.functions import Norm, Order
from reludsl.ir.pattern_form import PatternForm
from reludsl.ir.program import Program, Term
from reludsl.ir.structure import Sum, column
from reludsl.ir.training_form import weights_data
from reludsl.source import Span

_n = sizes("n")[0]


@dataclass(frozen=True)
class WassersteinForm:
    """`clean` is the program without changes, `radius` the distance, `order` that of the norm dual to the distance's.

    The data `r` (d,) are the inverse scales of the inputs, 0 for a bias.
    """

    clean: PatternForm
    radius: float
    order: Order
    span: Span | None = None

    @property
    def blocks(self) -> tuple[Variable, ...]:
        return self.clean.blocks

    @property
    def c0(self) -> Variable | None:
        return self.clean.c0

    @property
    def X(self) -> Data:
        return self.clean.X

    @property
    def r(self) -> Data:
        return Data("r", (self.clean.inputs,), Sign.NONNEGATIVE, meaning="slopes of the inputs' scaling")

    def program(self, name: str = "wasserstein_pattern_program") -> Program:
        """The form as a program."""
        clean = self.clean.program()
        radius: Expression = Constant(self.radius, "epsilon")
        if not self.clean.mean:
            radius = radius * (Sum(weights_data()) if self.clean.weighted else Size(_n))
        steepest = max(1.0, abs(self.clean.activation.slope))
        norms = [Sum(Norm(column(self.r) * block, self.order, axis=0)) for block in self.blocks]
        slopes = sum(norms[1:], norms[0])
        price = radius * (slopes if steepest == 1.0 else steepest * slopes)
        loss, *others = clean.objective
        return Program(name, (loss, Term("wasserstein", price, self.span), *others), clean.constraints, form=self)

    @classmethod
    def of(cls, program: Program) -> WassersteinForm | None:
        """The form of a program, or None for a program of another form."""
        form = program.form
        return form if isinstance(form, cls) and form.program(program.name) == program else None

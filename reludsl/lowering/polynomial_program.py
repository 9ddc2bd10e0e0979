"""The semidefinite program of polynomial neurons, with hidden weights of norm 1 (Bartan, Pilanci 2021, section 3).

Its two matrices are all networks of every width, so its optimum is that of the training problem, in polynomial time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from reludsl.ir import BlockPenalty, PolynomialForm, Program
from reludsl.lowering.base import Code, Instance, Meaning, Recovered
from reludsl.lowering.pattern_program import augmented
from reludsl.lowering.scripts import augment_text, split_bias_text
from reludsl.model.model import Model
from reludsl.model.problem import stated, training_problem

if TYPE_CHECKING:
    import numpy as np

    from reludsl.data.encoding import Encoding, Samples
    from reludsl.network import Network


@dataclass(frozen=True)
class PolynomialProgram:
    """The program of a model with polynomial neurons and one output."""

    model: Model

    @property
    def coefficients(self) -> tuple[float, float, float]:
        assert self.model.activation.coefficients is not None
        return self.model.activation.coefficients

    @cached_property
    def form(self) -> PolynomialForm:
        model, architecture = self.model, self.model.architecture
        # On neurons of norm 1 the path norm is the l1 norm of the output weights.
        total = BlockPenalty.of([part.penalty for part in model.regularizers], False, architecture.output_bias)
        return PolynomialForm(
            model.loss.function,
            self.coefficients,
            BlockPenalty(l1=total.group, offset_l1=total.offset_l1),
            **stated(model),
            formulation_span=model.formulation.span or architecture.span,
        )

    @cached_property
    def program(self) -> Program:
        return self.form.program()

    @property
    def meaning(self) -> Meaning:
        return Meaning(
            "equal",
            "Its two matrices stand for all networks, so the optimum equals that of the non-convex training problem, "
            "for every width of at least 2 (d + 1), where d counts the inputs and a hidden bias.",
            "global",
        )

    def bind(self, samples: Samples, encoding: Encoding) -> Instance:
        arrays = {"X": augmented(self.model, samples.X), self.form.y.name: samples.y}
        if samples.weights is not None:
            arrays["omega"] = samples.weights
        return Instance(arrays)

    def objective(self, network: Network, samples: Samples) -> float:
        return network.objective_on(samples)

    def recover(self, point: Mapping[str, np.ndarray], instance: Instance, encoding: Encoding) -> Recovered:
        import numpy as np

        from reludsl.lowering.unit_neurons import needed_neurons, network_neurons
        from reludsl.network import Network

        V, W = (point[matrix.name] for matrix in self.form.matrices)
        neurons, weights = network_neurons(V, W)
        hidden, alpha = needed_neurons(instance.arrays["X"], neurons, weights, self.coefficients)
        offset = point["c0"] if self.form.output_bias else np.zeros(1)
        form = training_problem(self.model)
        network = Network.of(self.model, form, hidden, alpha[:, None], offset, encoding, None)
        return Recovered(network, neurons.shape[1])

    @property
    def code(self) -> Code:
        from reludsl.lowering.unit_neurons import needed_neurons, network_neurons

        model = self.model
        recover = "neurons, weights = network_neurons(V, W)\n"
        recover += f"hidden_weights, weights = needed_neurons(X, neurons, weights, {self.coefficients!r})\n"
        recover += "output_weights = weights[:, None]\n"
        recover += split_bias_text(model)
        return Code((network_neurons, needed_neurons), augment_text(model), recover)

"""The training problem as it is, for backends that descend on the network itself: nothing is reformulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from reludsl.ir import Program
from reludsl.lowering.base import Code, Instance, Meaning, Recovered
from reludsl.lowering.pattern_program import augmented
from reludsl.lowering.scripts import augment_text, patterns_text
from reludsl.model.model import Model
from reludsl.model.problem import training_problem

if TYPE_CHECKING:
    import numpy as np

    from reludsl.data.encoding import Encoding, Samples


@dataclass(frozen=True)
class TrainingProgram:
    """The non-convex problem over the weights of a network. Gates of gated neurons are drawn and stay."""

    model: Model

    @cached_property
    def program(self) -> Program:
        return training_problem(self.model).program()

    @property
    def meaning(self) -> Meaning:
        return Meaning(
            "local",
            "Descent on the non-convex training problem ends in a local optimum at best: what it finds is an upper "
            "bound on the global one.",
        )

    def bind(self, samples: Samples) -> Instance:
        form = training_problem(self.model)
        arrays: dict[str, np.ndarray] = {"X": samples.X, form.y.name: samples.y}
        if samples.weights is not None:
            arrays["omega"] = samples.weights
        if not self.model.activation.gated:
            return Instance(arrays)
        from reludsl.lowering.directions import find_patterns

        outputs = samples.y.shape[1] if form.several else 1
        found = find_patterns(self.model, augmented(self.model, samples.X), outputs)
        gates = found.directions.repeat(outputs, axis=1)
        bias = self.model.architecture.hidden_bias
        arrays |= {"G": gates[:-1], "g": gates[-1]} if bias else {"G": gates}
        counts = {"drawn": found.drawn, "kept": found.masks.shape[1]}
        return Instance(arrays, gates, counts, found.decisions, origin=found.origin)

    def recover(self, point: Mapping[str, np.ndarray], instance: Instance, encoding: Encoding) -> Recovered:
        import numpy as np

        from reludsl.network import Network

        form = training_problem(self.model)
        hidden = np.vstack([point["U"], point["b"]]) if form.hidden_bias else point["U"]
        weights = point["alpha"] if form.several else point["alpha"][:, None]
        offset = point["c0"] if form.output_bias else np.zeros(encoding.outputs)
        network = Network.of(self.model, form, hidden, weights, offset, encoding, instance.directions)
        return Recovered(network, hidden.shape[1])

    @property
    def code(self) -> Code:
        model = self.model
        bias = model.architecture.hidden_bias
        functions: tuple[object, ...] = ()
        arrays = ""
        if model.activation.gated:
            functions, found = patterns_text(model)
            arrays = "samples = X\n" + augment_text(model) + found
            outputs = "Y.shape[1]" if model.target.several else "1"
            arrays += f"gates = directions.repeat({outputs}, axis=1)\n"
            arrays += "G, g = gates[:-1], gates[-1]\n" if bias else "G = gates\n"
            arrays += "X = samples\n"
        hidden = (
            "hidden_weights, hidden_bias = U, b\n"
            if bias
            else "hidden_weights, hidden_bias = U, np.zeros(U.shape[1])\n"
        )
        zeros = "np.zeros(alpha.shape[1])" if model.target.several else "np.zeros(())"
        recover = hidden + f"output_weights, output_bias = alpha, {'c0' if model.architecture.output_bias else zeros}\n"
        if model.activation.gated:
            recover += f"gates, gate_bias = G, {'g' if bias else 'np.zeros(G.shape[1])'}\n"
        return Code(functions, arrays, recover)

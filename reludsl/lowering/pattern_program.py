"""The pattern program: two-layer training over a set of activation patterns (`formulations.md`, section 2).

With all patterns its optimal value is that of the non-convex problem; with some of them it is an upper bound,
attained by the network that `recover` builds (Pilanci, Ergen 2020). Gated neurons need no cones, and for their gates
the program is exact (Mishkin, Sahiner, Pilanci 2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from reludsl.ir import PatternForm, Program
from reludsl.lowering.base import Code, Instance, Meaning, Recovered
from reludsl.lowering.scripts import Functions, augment_text, patterns_text, split_bias_text
from reludsl.model.model import Adaptive, Exact, Model
from reludsl.model.problem import block_penalty, stated, training_problem

if TYPE_CHECKING:  # the program of a spec is there without NumPy: `check` asks the backends for it
    import numpy as np

    from reludsl.data.encoding import Encoding, Samples
    from reludsl.lowering.directions import Patterns
    from reludsl.network import Network


@dataclass(frozen=True)
class PatternProgram:
    """The pattern program of a model."""

    model: Model

    @cached_property
    def form(self) -> PatternForm:
        model = self.model
        return PatternForm(
            model.loss.function,
            block_penalty(model),
            model.activation,
            **stated(model),
            several=model.target.several,
            formulation_span=model.formulation.span,
        )

    @cached_property
    def program(self) -> Program:
        return self.form.program()

    @cached_property
    def meaning(self) -> Meaning:
        every = isinstance(self.model.formulation, Exact)
        exact = all(part.penalty.exact for part in self.model.regularizers)
        if self.model.activation.gated:
            sentence = "For its gates the optimum equals that of training the gated network."
            if every and exact:
                sentence += " With every activation pattern it is also a lower bound on that of a ReLU network."
            return Meaning("equal", sentence)
        if not exact:
            return Meaning(
                "upper bound",
                "The penalty `l2` rewards splitting neurons, so the program is the training problem with one neuron of "
                "each sign a pattern: an upper bound on that with more; the network that is returned attains it.",
            )
        if every:
            return Meaning(
                "equal",
                "Every activation pattern takes part, so the optimum equals that of the non-convex training problem, "
                "for every sufficiently large width.",
                "global",
            )
        if isinstance(self.model.formulation, Adaptive):
            return Meaning(
                "upper bound",
                "Activation patterns are searched for while the program is solved, and those held at the end need not "
                "be all that help: the optimum is an upper bound on that of the non-convex training problem; the "
                "network that is returned attains it.",
            )
        return Meaning(
            "upper bound",
            "Some activation patterns take part, so the optimum is an upper bound on that of the non-convex training "
            "problem; the network that is returned attains it.",
        )

    def bind(self, samples: Samples, encoding: Encoding) -> Instance:
        from reludsl.lowering.directions import find_patterns

        X = augmented(self.model, samples.X)
        return self.instance(X, samples, find_patterns(self.model, X, self.outputs(samples)))

    def outputs(self, samples: Samples) -> int:
        """The number of the network's outputs."""
        return int(samples.y.shape[1]) if self.form.several else 1

    def instance(self, X: np.ndarray, samples: Samples, found: Patterns) -> Instance:
        """The program's arrays for samples X (n, d), bias included, and these patterns."""
        arrays = {"X": X, self.form.y.name: samples.y, **self.blocks_of(found.masks, self.outputs(samples))}
        if samples.weights is not None:
            arrays["omega"] = samples.weights
        exact = all(part.penalty.exact for part in self.model.regularizers)
        complete = found.complete and exact and not self.model.activation.gated
        return Instance(arrays, found.directions, found.counts, found.decisions, complete, found.origin)

    def blocks_of(self, masks: np.ndarray, outputs: int) -> dict[str, np.ndarray]:
        """The arrays of a program that hold its patterns (n, P)."""
        import numpy as np

        if not self.form.several:
            return {"D": masks}
        return {"D": np.tile(masks, outputs), "S": np.kron(np.eye(outputs), np.ones((masks.shape[1], 1)))}

    @property
    def prunes(self) -> bool:
        """Whether neurons are merged as far as the predictions on the samples and the penalty allow it."""
        penalty = self.form.penalty
        return not (self.model.activation.gated or penalty.total.l2 or penalty.mixed)

    def objective(self, network: Network, samples: Samples) -> float:
        return network.objective_on(samples)

    def recover(self, point: Mapping[str, np.ndarray], instance: Instance, encoding: Encoding) -> Recovered:
        import numpy as np

        from reludsl.lowering.neurons import balanced_neurons, effective_neurons
        from reludsl.lowering.pruning import prune_neurons
        from reludsl.network import Network

        form, penalty, activation = self.form, self.form.penalty, self.model.activation
        blocks = np.concatenate([point[block.name] for block in form.blocks], axis=1)
        outputs, free = encoding.outputs, int(penalty.free_biases)
        columns, signs, owners, patterns = effective_neurons(blocks, outputs, not activation.gated)
        neurons, gates = columns.shape[1], None
        if activation.gated:
            assert instance.directions is not None
            gates = instance.directions[:, patterns]
        elif self.prunes:
            X, total = instance.arrays["X"], penalty.total
            columns, signs, owners = prune_neurons(
                X, columns, signs, owners, activation.slope, total.group, total.l1, free
            )
        hidden, weights = balanced_neurons(columns, signs, owners, outputs, unbalanced_entries(self.model))
        offset = point[form.c0.name] if form.c0 is not None else np.zeros(outputs)
        network = Network.of(self.model, training_problem(self.model), hidden, weights, offset, encoding, gates)
        return Recovered(network, neurons, len(np.unique(patterns)))

    @property
    def code(self) -> Code:
        from reludsl.lowering.neurons import balanced_neurons, effective_neurons
        from reludsl.lowering.pruning import prune_neurons

        form, model = self.form, self.model
        functions, arrays = self.arrays_text
        outputs = self.outputs_text
        free, total = int(form.penalty.free_biases), form.penalty.total
        blocks = "U" if model.activation.gated else "np.concatenate([V, W], axis=1)"
        recover = f"blocks = {blocks}\n"
        recover += (
            f"neurons, signs, owners, patterns = effective_neurons(blocks, {outputs}, {not model.activation.gated})\n"
        )
        if model.activation.gated:
            recover += "gates = directions[:, patterns]\n"
        elif self.prunes:
            arguments = f"{model.activation.slope!r}, {total.group!r}, {total.l1!r}, {free}"
            recover += f"neurons, signs, owners = prune_neurons(X, neurons, signs, owners, {arguments})\n"
        unbalanced = unbalanced_entries(model)
        recover += (
            f"hidden_weights, output_weights = balanced_neurons(neurons, signs, owners, {outputs}, {unbalanced})\n"
        )
        recover += split_bias_text(model)
        used = (*functions, effective_neurons, *([prune_neurons] if self.prunes else []), balanced_neurons)
        return Code(used, arrays, recover)

    @property
    def outputs_text(self) -> str:
        """The number of outputs in a script."""
        return f"{self.form.y.name}.shape[1]" if self.form.several else "1"

    @property
    def arrays_text(self) -> tuple[Functions, str]:
        """The functions and the statements that make the program's arrays."""
        functions, arrays = patterns_text(self.model)
        return functions, augment_text(self.model) + arrays + self.blocks_text

    @property
    def blocks_text(self) -> str:
        """The statements that repeat the patterns for each of several outputs."""
        if not self.form.several:
            return ""
        outputs = self.outputs_text
        return f"S = np.kron(np.eye({outputs}), np.ones((D.shape[1], 1)))\nD = np.tile(D, {outputs})\n"


def unbalanced_entries(model: Model) -> int:
    """How many last entries of a neuron the balance leaves out: biases that weight decay does not count.

    No other penalty changes when hidden weights are multiplied and output weights divided by the same number.
    """
    decays = [part.penalty for part in model.regularizers if part.name == "weight_decay"]
    return int(model.architecture.hidden_bias and any(not penalty.biases for penalty in decays))


def augmented(model: Model, X: np.ndarray) -> np.ndarray:
    """The samples with a column of ones where neurons have a bias."""
    import numpy as np

    return np.column_stack([X, np.ones(len(X))]) if model.architecture.hidden_bias else X

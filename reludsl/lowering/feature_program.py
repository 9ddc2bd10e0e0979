"""Programs over fixed hidden neurons: random ones, and the steps of all patterns. Only output weights are sought.

The sampled convex program (Bai, Gautam, Sojoudi 2022, section 4) draws neurons on the unit sphere; each is scaled so
that its penalty is 1, which makes the penalty of the network the l1 norm of the output weights. A threshold network is
constant on a pattern, so its patterns are its features (Ergen, Gulluk, Lacotte, Pilanci 2023).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from reludsl.ir import BlockPenalty, FeatureForm, Program
from reludsl.lowering.base import Code, Instance, Meaning, Recovered
from reludsl.lowering.pattern_program import augmented, unbalanced_entries
from reludsl.lowering.scripts import augment_text, features_text, patterns_text, split_bias_text
from reludsl.model.model import Exact, Guarantee, Model, RandomFeatures
from reludsl.model.problem import stated, training_problem
from reludsl.model.values import Decision

if TYPE_CHECKING:
    import numpy as np

    from reludsl.data.encoding import Encoding, Samples
    from reludsl.network import Network


@dataclass(frozen=True)
class FeatureProgram:
    """The program of a model over fixed hidden neurons."""

    model: Model

    @cached_property
    def form(self) -> FeatureForm:
        model, architecture = self.model, self.model.architecture
        of_network = BlockPenalty.of([part.penalty for part in model.regularizers], False, architecture.output_bias)
        return FeatureForm(
            model.loss.function,
            BlockPenalty(
                l1=of_network.group + of_network.l1,
                offset_l1=of_network.offset_l1,
                offset_l2=of_network.offset_l2,
            ),
            **stated(model),
            several=model.target.several,
        )

    @property
    def random(self) -> bool:
        """Whether the neurons are random ones; otherwise they are the steps of patterns."""
        return isinstance(self.model.formulation, RandomFeatures)

    @cached_property
    def program(self) -> Program:
        return self.form.program()

    @cached_property
    def meaning(self) -> Meaning:
        if isinstance(self.model.formulation, Exact):
            return Meaning(
                "equal",
                "Every activation pattern takes part, so the optimum equals that of the non-convex training problem, "
                "for every sufficiently large width.",
                "global",
            )
        which = "Random hidden neurons take part" if self.random else "Some activation patterns take part"
        return Meaning(
            "upper bound",
            f"{which}, so the optimum is an upper bound on that of the non-convex training problem; the network that "
            "is returned attains it.",
        )

    def bind(self, samples: Samples, encoding: Encoding) -> Instance:
        from reludsl.lowering.directions import find_patterns, number_to_draw
        from reludsl.lowering.features import penalty_norms
        from reludsl.lowering.patterns import random_directions

        X = augmented(self.model, samples.X)
        outputs = samples.y.shape[1] if self.form.several else 1
        complete, decisions = False, tuple[Decision, ...]()
        if isinstance(self.model.formulation, RandomFeatures):
            draw = self.model.formulation.draw
            count = number_to_draw(draw, self.model, len(X), outputs)
            directions = random_directions(X.shape[1], count, draw.seed)
            directions = directions / penalty_norms(directions, *self.strengths)
            Z = self.values(X, directions)
            counts, origin = {"drawn": count, "kept": count}, f"{count} random neurons"
            if isinstance(draw.count, Guarantee):
                decisions = (Decision("formulation.neurons", str(count), "as the guarantee needs"),)
        else:
            found = find_patterns(self.model, X, outputs)
            Z, directions, complete = found.masks.astype(float), found.directions, found.complete
            counts = {"drawn": found.drawn, "kept": Z.shape[1]}
            decisions, origin = found.decisions, found.origin
        arrays = {"Z": Z, self.form.y.name: samples.y}
        if samples.weights is not None:
            arrays["omega"] = samples.weights
        return Instance(arrays, directions, counts, decisions, complete, origin)

    @property
    def strengths(self) -> tuple[float, float, float, float]:
        """How the penalties weigh the Euclidean and the l1 norm of a neuron, and those of one without its bias."""
        penalties = [part.penalty for part in self.model.regularizers]
        total = BlockPenalty.of(penalties, self.model.architecture.hidden_bias, False)
        return total.group, total.l1, total.group_without_biases, total.l1_without_biases

    def values(self, X: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """The hidden neurons (n, N) on samples (n, d)."""
        from reludsl.lowering.features import feature_values

        return feature_values(X, directions, self.model.activation.slope, self.model.activation.stepwise)

    def objective(self, network: Network, samples: Samples) -> float:
        return network.objective_on(samples)

    def recover(self, point: Mapping[str, np.ndarray], instance: Instance, encoding: Encoding) -> Recovered:
        import numpy as np

        from reludsl.lowering.features import used_neurons
        from reludsl.lowering.neurons import balanced_neurons
        from reludsl.network import Network

        assert instance.directions is not None
        columns, signs, owners = used_neurons(instance.directions, point["a"], self.model.activation.stepwise)
        free = unbalanced_entries(self.model)
        hidden, weights = balanced_neurons(columns, signs, owners, encoding.outputs, free)
        offset = point["c0"] if self.form.c0 is not None else np.zeros(encoding.outputs)
        network = Network.of(self.model, training_problem(self.model), hidden, weights, offset, encoding, None)
        return Recovered(network, columns.shape[1], columns.shape[1])

    @property
    def code(self) -> Code:
        from reludsl.lowering.features import used_neurons
        from reludsl.lowering.neurons import balanced_neurons

        model, stepwise = self.model, self.model.activation.stepwise
        outputs = f"{self.form.y.name}.shape[1]" if self.form.several else "1"
        if self.random:
            functions, arrays = features_text(model, self.strengths)
        else:
            functions, arrays = patterns_text(model)
            arrays += "Z = D.astype(float)\n"
        free = unbalanced_entries(model)
        recover = f"neurons, signs, owners = used_neurons(directions, a, {stepwise})\n"
        recover += f"hidden_weights, output_weights = balanced_neurons(neurons, signs, owners, {outputs}, {free})\n"
        recover += split_bias_text(model)
        return Code((*functions, used_neurons, balanced_neurons), augment_text(model) + arrays, recover)

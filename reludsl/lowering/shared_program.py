"""Neurons that outputs share and that are searched for: a group lasso over the directions held.

See `ir/feature_form.py` for the program and `adaptive/shared.py` for the search.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from reludsl.ir import FeatureForm, Program
from reludsl.lowering.base import Code, Instance, Meaning, Recovered
from reludsl.lowering.cell_program import MOST_DIMENSIONS
from reludsl.lowering.pattern_program import augmented
from reludsl.lowering.scripts import augment_text, split_bias_text
from reludsl.model.model import Adaptive, Model
from reludsl.model.problem import block_penalty, stated, training_problem

if TYPE_CHECKING:
    import numpy as np

    from reludsl.data.encoding import Encoding, Samples
    from reludsl.network import Network

MOST_CELLS = 2000
"""Samples with more cells than this are not enumerated for the bound."""


@dataclass(frozen=True)
class SharedProgram:
    """The program of a model with shared outputs over directions that a search finds.

    `search` is how a script searches: functions, and statements that redefine `directions`.
    """

    model: Model
    search: Code | None = field(default=None, compare=False, repr=False)

    @property
    def formulation(self) -> Adaptive:
        formulation = self.model.formulation
        assert isinstance(formulation, Adaptive)
        return formulation

    @cached_property
    def form(self) -> FeatureForm:
        model = self.model
        return FeatureForm(
            model.loss.function,
            block_penalty(model),
            **stated(model),
            several=True,
            shared=True,
        )

    @cached_property
    def program(self) -> Program:
        return self.form.program("shared_program")

    @property
    def meaning(self) -> Meaning:
        return Meaning(
            "upper bound",
            "The directions of hidden neurons are searched for until none is found that brings more than it costs, so "
            "the optimum is an upper bound on that of the non-convex training problem; the network that is returned "
            "attains it.",
        )

    def bind(self, samples: Samples, encoding: Encoding) -> Instance:
        """The program over the random directions where the search begins."""
        from reludsl.lowering.patterns import random_directions

        X = augmented(self.model, samples.X)
        arrays = {"X": X, self.form.y.name: samples.y}
        if samples.weights is not None:
            arrays["omega"] = samples.weights
        initial = self.initial
        directions = random_directions(X.shape[1], initial, self.formulation.draw.seed)
        origin = f"the search begins with {initial} random directions"
        if self.formulation.descends:
            origin = f"the search begins with {initial} neurons that descend from random weights"
        instance = self._with_cells(Instance(arrays, counts={"drawn": initial}, origin=origin))
        return self.over(instance, directions)

    @property
    def initial(self) -> int:
        """How many neurons the search begins with."""
        count = self.formulation.draw.count
        assert isinstance(count, int), "no guarantee is known for a search"
        return count

    def over(self, instance: Instance, directions: np.ndarray) -> Instance:
        """The program over unit directions (d, m) of the same samples."""
        from reludsl.lowering.features import feature_values

        Z = feature_values(instance.arrays["X"], directions, self.model.activation.slope, False)
        counts = {**instance.counts, "kept": directions.shape[1]}
        return replace(instance, arrays={**instance.arrays, "Z": Z}, directions=directions, counts=counts)

    def _with_cells(self, instance: Instance) -> Instance:
        """With all cells of the samples, over which neurons can be priced exactly, where these are few."""
        from reludsl.cells import Incomplete, enumerate_cells, sample_rank
        from reludsl.lowering.patterns import count_patterns

        X = instance.arrays["X"]
        if not 1 <= sample_rank(X) <= MOST_DIMENSIONS or count_patterns(X) > MOST_CELLS:
            return instance
        try:
            cells = enumerate_cells(X)
        except Incomplete:
            return instance
        arrays = {
            "basis": cells.basis,
            "generators": cells.generators,
            "deviation": cells.deviation,
            "gates": self.model.activation.gate_values(cells.masks),
        }
        origin = f"{instance.origin}; {cells.count} cells, all there are, for the bound"
        return replace(instance, arrays={**instance.arrays, **arrays}, complete=True, origin=origin)

    def objective(self, network: Network, samples: Samples) -> float:
        return network.objective_on(samples)

    def recover(self, point: Mapping[str, np.ndarray], instance: Instance, encoding: Encoding) -> Recovered:
        import numpy as np

        from reludsl.lowering.cell_neurons import shared_neurons
        from reludsl.network import Network

        assert instance.directions is not None
        form, slope = self.form, self.model.activation.slope
        alpha = np.asarray(point[form.a.name], dtype=float)
        used = np.flatnonzero(alpha.any(axis=1))
        hidden, weights = shared_neurons(instance.arrays["X"], instance.directions[:, used], alpha[used], slope)
        offset = point[form.c0.name] if form.c0 is not None else np.zeros(encoding.outputs)
        network = Network.of(self.model, training_problem(self.model), hidden, weights, offset, encoding, None)
        return Recovered(network, len(used))

    @property
    def code(self) -> Code:
        from reludsl.lowering.cell_neurons import shared_neurons
        from reludsl.lowering.features import feature_values
        from reludsl.lowering.patterns import random_directions

        slope = self.model.activation.slope
        arrays = augment_text(self.model) + (
            f"directions = random_directions(X.shape[1], {self.initial}, {self.formulation.draw.seed})\n"
            f"{self.search.arrays if self.search else ''}"
            f"Z = feature_values(X, directions, {slope!r}, False)\n"
        )
        recover = f"hidden_weights, output_weights = shared_neurons(X, directions, a, {slope!r})\n"
        recover += split_bias_text(self.model)
        functions = self.search.functions if self.search else ()
        return Code((random_directions, *functions, feature_values, shared_neurons), arrays, recover)

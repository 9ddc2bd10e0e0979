"""The training problem as it is, for backends that descend on the network itself: nothing is reformulated.

Under a perturbation it is the robust one, whose worst changes are left to the backend (`ir/training_form.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from reludsl.ir import Changes, Movement, Program, TrainingForm
from reludsl.literals import literal
from reludsl.lowering.base import Code, Instance, Meaning, Recovered
from reludsl.lowering.pattern_program import augmented
from reludsl.lowering.robust_program import LIMITS, dual_order, require_fitting, sets_of
from reludsl.lowering.scripts import Functions, augment_text, patterns_text
from reludsl.model.model import Model, Perturbation, Wasserstein
from reludsl.model.problem import training_problem

if TYPE_CHECKING:
    import numpy as np

    from reludsl.data.encoding import Encoding, Samples
    from reludsl.network import Network


@dataclass(frozen=True)
class TrainingProgram:
    """The non-convex problem over the weights of a network. Gates of gated neurons are drawn and stay."""

    model: Model

    @cached_property
    def form(self) -> TrainingForm:
        """The training problem of the model's networks, with its perturbation where that changes anything."""
        form, perturbation = training_problem(self.model), self.model.perturbation
        if perturbation is None or perturbation.changes_nothing:
            return form
        if isinstance(perturbation, Wasserstein):
            movement = Movement(perturbation.radius, dual_order(perturbation), perturbation.span)
            return replace(form, perturbed=movement)
        match perturbation.norm:
            case "l1" | "l2":
                return replace(form, perturbed=Changes(1 if perturbation.norm == "l1" else 2, perturbation.limited))
        return replace(form, perturbed=Changes(None, True))

    @cached_property
    def program(self) -> Program:
        return self.form.program()

    @property
    def meaning(self) -> Meaning:
        exact = self.form.activation.gated and not self.form.several
        if isinstance(self.form.perturbed, Changes) and not exact:
            return Meaning(
                "attacked",
                "Descent on the non-convex robust training problem ends in a local optimum at best. Its worst losses "
                "are the greatest that attacks found, so the true ones may be higher, and the objective is no bound on "
                "the global optimum.",
                None,
            )
        if isinstance(self.form.perturbed, Movement):
            return Meaning(
                "local",
                "Descent on the non-convex training problem ends in a local optimum at best. The network's Lipschitz "
                "constant is bounded by the sum of its neurons' own, so what it finds is an upper bound on the global "
                "optimum of distributionally robust training.",
                None,
            )
        return Meaning(
            "local",
            "Descent on the non-convex training problem ends in a local optimum at best: what it finds is an upper "
            "bound on the global one.",
            None,
        )

    def bind(self, samples: Samples, encoding: Encoding) -> Instance:
        form = self.form
        arrays: dict[str, np.ndarray] = {"X": samples.X, form.y.name: samples.y, **self._sets(samples, encoding)}
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

    def _sets(self, samples: Samples, encoding: Encoding) -> dict[str, np.ndarray]:
        """The data of the perturbation. Raises Mistakes (D324, D341)."""
        match self.form.perturbed, self.model.perturbation:
            case Changes() as changes, Perturbation() as perturbation:
                require_fitting(perturbation, samples.X * encoding.divisor + encoding.offset)
                sets = sets_of(perturbation, samples.X, encoding)
                lower, upper = sets.limits
                arrays = {"lower": lower, "upper": upper, "radius": sets.radius}
                return {name: array for name in changes.names if (array := arrays[name]) is not None}
            case Movement(), _:
                from reludsl.lowering.perturbed import slopes_of_scaling

                return {"r": slopes_of_scaling(encoding.divisor, False)}
        return {}

    def objective(self, network: Network, samples: Samples) -> float:
        """Under a perturbation with the worst losses that attacks find, or the price of the network's slopes."""
        from reludsl import robustness

        match self.form.perturbed, self.model.perturbation:
            case Changes(), Perturbation() as perturbation:
                sets = sets_of(perturbation, samples.X, network.encoding)
                return robustness.attacked_objective(network, samples, sets)
            case Movement(radius, order), _:
                return robustness.wasserstein_objective(network, samples, radius, float(order))
        return network.objective_on(samples)

    def recover(self, point: Mapping[str, np.ndarray], instance: Instance, encoding: Encoding) -> Recovered:
        import numpy as np

        from reludsl.network import Network

        form = training_problem(self.model)  # of the network itself, without a perturbation
        hidden = np.vstack([point["U"], point["b"]]) if form.hidden_bias else point["U"]
        weights = point["alpha"] if form.several else point["alpha"][:, None]
        offset = point["c0"] if form.output_bias else np.zeros(encoding.outputs)
        network = Network.of(self.model, form, hidden, weights, offset, encoding, instance.directions)
        return Recovered(network, hidden.shape[1])

    @property
    def _sets_text(self) -> tuple[Functions, str]:
        """The functions and statements that define the data of the perturbation."""
        match self.form.perturbed, self.model.perturbation:
            case Changes() as changes, Perturbation() as p:
                from reludsl.perturbation_sets import perturbation_set

                given = {name: value for name in LIMITS if (value := getattr(p, name)) is not None}
                limits = ", ".join([literal(p.norm), *(f"{name}={literal(value)}" for name, value in given.items())])
                text = f"sets = perturbation_set(raw, {limits}).scaled(input_divisor)\n"
                text += "radius = sets.radius\n" if changes.ball else ""
                return (perturbation_set,), text + ("lower, upper = sets.limits\n" if changes.box else "")
            case Movement(), _:
                from reludsl.lowering.perturbed import slopes_of_scaling

                return (slopes_of_scaling,), "r = slopes_of_scaling(input_divisor, False)\n"
        return (), ""

    @property
    def code(self) -> Code:
        model = self.model
        bias = model.architecture.hidden_bias
        functions, arrays = self._sets_text
        if model.activation.gated:
            finding, found = patterns_text(model)
            functions += finding
            arrays += "samples = X\n" + augment_text(model) + found
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

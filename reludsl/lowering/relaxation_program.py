"""The semidefinite relaxation: a lower bound on training with shared neurons in any dimension, and a network beside it.

See `ir/relaxation_form.py` for the program, `relaxation/` for its coordinates and `rounding.py` for the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from reludsl.diagnostics import Diagnostic, Label
from reludsl.ir import Program, RelaxationForm
from reludsl.ir.scalar_source import standalone_classes
from reludsl.literals import literal
from reludsl.lowering.base import Code, Instance, Meaning, Recovered
from reludsl.lowering.pattern_program import augmented
from reludsl.lowering.scripts import augment_text, split_bias_text
from reludsl.mistakes import Mistakes
from reludsl.model.model import Model, SdpRelaxation
from reludsl.model.problem import block_penalty, stated, training_problem

if TYPE_CHECKING:
    import numpy as np

    from reludsl.data.encoding import Encoding, Samples
    from reludsl.network import Network


@dataclass(frozen=True)
class RelaxationProgram:
    """The relaxation of a model whose outputs share the neurons, or that has one."""

    model: Model

    @property
    def formulation(self) -> SdpRelaxation:
        formulation = self.model.formulation
        assert isinstance(formulation, SdpRelaxation)
        return formulation

    @cached_property
    def form(self) -> RelaxationForm:
        model, said = self.model, stated(self.model)
        said["y"] = replace(said["y"], name="Y", shape=RelaxationForm.y.shape)
        return RelaxationForm(
            model.loss.function,
            block_penalty(model),
            model.activation,
            **said,
            split=self.formulation.split,
            formulation_span=model.formulation.span,
        )

    @cached_property
    def program(self) -> Program:
        return self.form.program()

    @property
    def meaning(self) -> Meaning:
        return Meaning(
            "lower bound",
            "The second moments of the neurons of any network satisfy the constraints, so the optimum is at most that "
            "of the non-convex training problem, for every width. Its moments need not be those of neurons: the "
            "network is drawn from them and improved by descent, an upper bound.",
            "global",
        )

    def bind(self, samples: Samples, encoding: Encoding) -> Instance:
        from reludsl.relaxation import coordinates, relaxation_arrays

        X, Y, split = augmented(self.model, samples.X), samples.y.reshape(len(samples.X), -1), self.formulation.split
        try:
            at = coordinates(X, self.model.activation.slope, split)
        except ValueError as error:
            labels = (Label(self.formulation.span, "splits them"),) if self.formulation.span else ()
            rows = isinstance(split, tuple)
            message = (
                "these rows cannot be split" if rows else f"`split = {split}` needs more samples in other directions"
            )
            remedy = "name rows that are not zero, each on another line" if rows else "split fewer rows"
            raise Mistakes([Diagnostic("D328", message, labels, (str(error),), remedy)]) from None
        arrays = {"X": X, "Y": Y, **relaxation_arrays(at, Y.shape[1])}
        if samples.weights is not None:
            arrays["omega"] = samples.weights
        count = self.form.splits
        pieces = "" if not count else f", {count} of them split by signs into {2**count} pieces"
        return Instance(arrays, origin=f"{len(at.Q)} lines of samples{pieces}")

    def objective(self, network: Network, samples: Samples) -> float:
        return network.objective_on(samples)

    def recover(self, point: Mapping[str, np.ndarray], instance: Instance, encoding: Encoding) -> Recovered:
        from reludsl.ir.relaxation_problem import relaxation_problem
        from reludsl.lowering.rounding import rounded_neurons
        from reludsl.network import Network

        form, arrays, formulation = self.form, instance.arrays, self.formulation
        hidden, outputs, offset = rounded_neurons(
            arrays["X"],
            relaxation_problem(form, arrays),
            form.activation.slope,
            arrays["B"],
            [arrays[form.N(piece).name] for piece in form.pieces],
            [point[form.Z(piece).name] for piece in form.pieces],
            formulation.rounding,
            formulation.neurons,
            formulation.seed,
        )
        network = Network.of(self.model, training_problem(self.model), hidden, outputs, offset, encoding, None)
        return Recovered(network, len(outputs))

    @property
    def code(self) -> Code:
        from reludsl.ir.pattern_problem import PatternProblem
        from reludsl.ir.relaxation_problem import relaxation_problem_lines
        from reludsl.lowering import rounding
        from reludsl.relaxation import coordinates, relaxation_arrays

        form, formulation, slope = self.form, self.formulation, self.model.activation.slope
        names = ["B", *(form.N(piece).name for piece in form.pieces)]
        column = "" if self.model.target.several else "Y = y[:, None]\n"
        arrays = (
            column
            + augment_text(self.model)
            + (
                f"relaxed = relaxation_arrays(coordinates(X, {slope!r}, {formulation.split}), Y.shape[1])\n"
                f"{', '.join(names)} = (relaxed[name] for name in {literal(names)})\n"
            )
        )
        sizes = ", ".join(form.N(piece).name for piece in form.pieces)
        moments = ", ".join(form.Z(piece).name for piece in form.pieces)
        recover = "\n".join(relaxation_problem_lines(form)) + (
            f"\nsizes, moments = [{sizes}], [{moments}]\n"
            "hidden_weights, output_weights, c0 = rounded_neurons(\n"
            f'    X, problem, {slope!r}, B, sizes, moments, "{formulation.rounding}", '
            f"{formulation.neurons}, {formulation.seed}\n)\n"
        )
        if not self.model.target.several:
            recover += "c0 = c0[0]\n"
        functions = (*standalone_classes(form.loss), PatternProblem, coordinates, relaxation_arrays)
        return Code((*functions, rounding.rounded_neurons), arrays, recover + split_bias_text(self.model))

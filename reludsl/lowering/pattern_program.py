"""The pattern program: two-layer ReLU training over a set of activation patterns (`formulations.md`, section 2).

With all patterns its optimal value is that of the non-convex problem; with some of them it is an upper bound,
attained by the network that `recover` builds (Pilanci, Ergen 2020).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from reludsl.diagnostics import Diagnostic, Label
from reludsl.ir import Program
from reludsl.ir.pattern_form import PatternForm
from reludsl.lowering.base import Code, Instance, Meaning
from reludsl.mistakes import Mistakes
from reludsl.model.model import Exact, Model
from reludsl.model.problem import targets, training_problem
from reludsl.model.values import Decision

if TYPE_CHECKING:  # the program of a spec is there without NumPy: `check` asks the backends for it
    import numpy as np

    from reludsl.data.encoding import Encoding, Samples
    from reludsl.network import Network


@dataclass(frozen=True)
class PatternProgram:
    """The pattern program of a model."""

    model: Model

    @cached_property
    def program(self) -> Program:
        model = self.model
        penalizing = next((part.span for part in model.regularizers), None)
        form = PatternForm(
            model.loss.function,
            model.loss.structure,
            model.loss.reduction == "mean",
            model.strength,
            y=targets(model),
            loss_span=model.loss.span,
            regularizer_span=penalizing,
            formulation_span=model.formulation.span,
        )
        return form.program("pattern_program")

    @cached_property
    def meaning(self) -> Meaning:
        if isinstance(self.model.formulation, Exact):
            return Meaning(
                "equal",
                "Every activation pattern takes part, so the optimum equals that of the non-convex training problem, "
                "for every sufficiently large width.",
            )
        return Meaning(
            "upper bound",
            "Some activation patterns take part, so the optimum is an upper bound on that of the non-convex training "
            "problem; the network that is returned attains it.",
        )

    def bind(self, samples: Samples) -> Instance:
        from reludsl.lowering.patterns import sample_patterns

        X = self.augmented(samples.X)
        formulation = self.model.formulation
        if isinstance(formulation, Exact):
            masks, complete = self._all_patterns(X, formulation)
            counts = {"drawn": masks.shape[1], "kept": masks.shape[1]}
            decisions: tuple[Decision, ...] = ()
            origin = f"{masks.shape[1]} patterns: " + ("all there are" if complete else "all that were found")
        else:
            complete = False
            masks, drawn = sample_patterns(X, formulation.patterns, formulation.seed)
            origin = f"{masks.shape[1]} distinct patterns from {drawn} directions"
            counts = {"drawn": drawn, "kept": masks.shape[1]}
            missing = masks.shape[1] < formulation.patterns
            reason = f"{formulation.patterns} asked for, {drawn} directions brought no more"
            decisions = (Decision("formulation.patterns", str(masks.shape[1]), reason),) if missing else ()
        return Instance({"X": X, "y": samples.y, "D": masks}, counts, decisions, complete, origin)

    def augmented(self, X: np.ndarray) -> np.ndarray:
        """The samples with a column of ones where neurons have a bias."""
        import numpy as np

        return np.column_stack([X, np.ones(len(X))]) if self.model.architecture.hidden_bias else X

    def _all_patterns(self, X: np.ndarray, formulation: Exact) -> tuple[np.ndarray, bool]:
        from reludsl.lowering.patterns import count_patterns, enumerate_patterns

        count = count_patterns(X)
        if count > formulation.limit:
            raised = f", or raise the limit: `formulation exact {{ limit = {count} }}`" if count <= 1_000_000 else ""
            labels = (Label(formulation.span, f"the limit is {formulation.limit}"),) if formulation.span else ()
            raise Mistakes(
                [
                    Diagnostic(
                        "D316",
                        f"{len(X)} samples in {X.shape[1]} dimensions have up to {count} activation patterns",
                        labels,
                        ("a hidden bias counts as a dimension",) if self.model.architecture.hidden_bias else (),
                        f"use `formulation sampled`, or fewer samples or columns{raised}",
                    )
                ]
            )
        return enumerate_patterns(X)

    def recover(self, point: Mapping[str, np.ndarray], encoding: Encoding) -> Network:
        import numpy as np

        from reludsl.lowering.patterns import recover_neurons
        from reludsl.network import Network

        hidden, output = recover_neurons(point["V"], point["W"])
        bias = np.zeros(len(output))
        if self.model.architecture.hidden_bias:
            hidden, bias = hidden[:-1], hidden[-1]
        return Network(hidden, bias, output, encoding, training_problem(self.model))

    @property
    def code(self) -> Code:
        from reludsl.lowering import patterns

        formulation = self.model.formulation
        with_bias = self.model.architecture.hidden_bias
        arrays = "X = np.column_stack([X, np.ones(len(X))])  # a bias is a column of ones\n" if with_bias else ""
        if isinstance(formulation, Exact):
            functions: tuple[object, ...] = (
                patterns.cover_count,
                patterns.count_patterns,
                patterns.enumerate_patterns,
                patterns.hyperplane_normals,
                patterns.arrangement_cells,
            )
            arrays += (
                f"if count_patterns(X) > {formulation.limit}:\n"
                f'    sys.exit(f"up to {{count_patterns(X)}} activation patterns: the limit is {formulation.limit}")\n'
                "D, complete = enumerate_patterns(X)\n"
            )
        else:
            functions = (patterns.sample_patterns,)
            arrays += f"D, drawn = sample_patterns(X, count={formulation.patterns}, seed={formulation.seed})\n"
        recover = "hidden_weights, output_weights = recover_neurons(V, W)\n"
        if with_bias:
            recover += "hidden_weights, hidden_bias = hidden_weights[:-1], hidden_weights[-1]\n"
        else:
            recover += "hidden_bias = np.zeros(len(output_weights))\n"
        return Code((*functions, patterns.recover_neurons), arrays, recover)

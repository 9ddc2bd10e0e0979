"""The cell program: hidden neurons that several outputs share, to the global optimum in up to four dimensions.

See `ir/cell_form.py` for the program and `cells/` for what it is made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from reludsl.diagnostics import Diagnostic, Label
from reludsl.ir import CellForm, Program
from reludsl.lowering.base import Code, Instance, Meaning, Recovered
from reludsl.lowering.directions import refuse_too_many
from reludsl.lowering.pattern_program import augmented
from reludsl.lowering.scripts import augment_text, split_bias_text
from reludsl.mistakes import Mistakes
from reludsl.model.model import Exact, Model
from reludsl.model.problem import block_penalty, stated, training_problem

if TYPE_CHECKING:
    import numpy as np

    from reludsl.cells import Cells
    from reludsl.data.encoding import Encoding, Samples
    from reludsl.network import Network

MOST_DIMENSIONS = 4
"""Of the cells: moments of neurons are known up to here."""


@dataclass(frozen=True)
class CellProgram:
    """The cell program of a model with shared outputs."""

    model: Model

    @cached_property
    def form(self) -> CellForm:
        model = self.model
        return CellForm(
            model.loss.function,
            block_penalty(model),
            model.activation,
            **stated(model),
            formulation_span=model.formulation.span,
        )

    @cached_property
    def program(self) -> Program:
        return self.form.program()

    @property
    def meaning(self) -> Meaning:
        return Meaning(
            "equal",
            "Every cell of the samples takes part, and the moments of the neurons in a cell of up to four dimensions "
            "are what the constraints say, so the optimum equals that of the non-convex training problem, for every "
            "sufficiently large width.",
            "global",
        )

    def bind(self, samples: Samples, encoding: Encoding) -> Instance:
        from reludsl.cells.coordinates import cell_arrays

        X = augmented(self.model, samples.X)
        cells = self.cells(X)
        arrays = cell_arrays(X, samples.y, cells.basis, cells.generators, cells.masks)
        arrays |= {"X": X, self.form.y.name: samples.y}
        arrays |= {"basis": cells.basis, "generators": cells.generators, "deviation": cells.deviation}
        if samples.weights is not None:
            arrays["omega"] = samples.weights
        cones = len(cells.generators)
        origin = f"{cells.count} cells, all there are" + (f", in {cones} cones" if cones > cells.count else "")
        counts = {"drawn": cells.count, "kept": cells.count}
        return Instance(arrays, counts=counts, complete=True, origin=origin)

    def cells(self, X: np.ndarray) -> Cells:
        """All cells of samples X (n, d), bias included. Raises Mistakes (D316, D326, D327)."""
        from reludsl.cells import Incomplete, enumerate_cells, sample_rank

        formulation, rank = self.model.formulation, sample_rank(X)
        assert isinstance(formulation, Exact)
        labels = (Label(formulation.span, "enumerates their cells"),) if formulation.span else ()
        if not 1 <= rank <= MOST_DIMENSIONS:
            bias = ("a hidden bias counts as a dimension",) if self.model.architecture.hidden_bias else ()
            message = f"shared hidden neurons need samples of 1 to {MOST_DIMENSIONS} dimensions, these have {rank}"
            remedy = "take fewer input columns, or write `formulation adaptive` or `outputs = separate`"
            raise Mistakes([Diagnostic("D326", message, labels, bias, remedy)])
        refuse_too_many(self.model, X, formulation, "fewer samples or columns")
        try:
            return enumerate_cells(X)
        except Incomplete as error:
            message = "rounding leaves open whether all cells of the samples were found"
            remedy = "take samples out that are nearly alike in direction, or write `outputs = separate`"
            raise Mistakes([Diagnostic("D327", message, labels, (str(error),), remedy)]) from None

    def objective(self, network: Network, samples: Samples) -> float:
        return network.objective_on(samples)

    def recover(self, point: Mapping[str, np.ndarray], instance: Instance, encoding: Encoding) -> Recovered:
        import numpy as np

        from reludsl.cells.moments import loud_blocks
        from reludsl.lowering.cell_neurons import moment_neurons, shared_neurons
        from reludsl.network import Network

        form, arrays, W = self.form, instance.arrays, point[self.form.W.name]
        U, alpha = moment_neurons(W, arrays["B"], arrays["generators"])
        hidden, weights = shared_neurons(arrays["X"], U, alpha, self.model.activation.slope)
        offset = point[form.c0.name] if form.c0 is not None else np.zeros(encoding.outputs)
        network = Network.of(self.model, training_problem(self.model), hidden, weights, offset, encoding, None)
        order = W.shape[1]
        active = arrays["D"][:, ::order][:, loud_blocks(W.reshape(-1, order, order), 0.0)]
        return Recovered(network, len(alpha), len(np.unique(active, axis=1).T))

    @property
    def code(self) -> Code:
        from reludsl.cells import arrangement, coordinates
        from reludsl.lowering import cell_neurons, patterns

        formulation = self.model.formulation
        assert isinstance(formulation, Exact)
        arrays = augment_text(self.model) + (
            f"if not 1 <= sample_rank(X) <= {MOST_DIMENSIONS}:\n"
            f'    sys.exit("shared hidden neurons need samples of 1 to {MOST_DIMENSIONS} dimensions")\n'
            f"if count_patterns(X) > {formulation.limit}:\n"
            f'    sys.exit(f"up to {{count_patterns(X)}} cells: the limit is {formulation.limit}")\n'
            "try:\n    cells = enumerate_cells(X)\nexcept Incomplete as error:\n    sys.exit(str(error))\n"
            "cell_data = cell_arrays(X, Y, cells.basis, cells.generators, cells.masks)\n"
            'B, D, H, L, M = (cell_data[name] for name in "BDHLM")\n'
        )
        recover = (
            "U, alpha = moment_neurons(W, B, cells.generators, share=1e-7)\n"
            f"hidden_weights, output_weights = shared_neurons(X, U, alpha, {self.model.activation.slope!r})\n"
        ) + split_bias_text(self.model)
        functions = (
            patterns.count_patterns,
            arrangement.sample_rank,
            arrangement.enumerate_cells,
            arrangement.Incomplete,
            coordinates.cell_arrays,
            cell_neurons.moment_neurons,
            cell_neurons.shared_neurons,
        )
        return Code(functions, arrays, recover)

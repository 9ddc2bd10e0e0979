"""What the data taught: columns, scaling and labels. It travels with the network.

New data is treated exactly as the training data was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reludsl.data.columns import LabelValue, times
from reludsl.data.labels import LabelReader
from reludsl.data.tables import Table, read_table
from reludsl.diagnostics import Diagnostic
from reludsl.mistakes import Mistakes


@dataclass(frozen=True, eq=False)
class Samples:
    """Scaled inputs X (n, d), encoded targets y (n,) or (n, c), and the weights (n,) of the samples if they have any.

    Two labels are -1 and +1; of k classes there is a column each, see `Encoding.encode`.
    """

    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Encoding:
    """How raw data becomes what the network sees, and predictions become what the user reads.

    Inputs are (raw - offset) / divisor; real-valued targets likewise, with `target_offset` and `target_divisor` of the
    shape () for one output and (c,) for a target of c columns or classes. Scalings are learnt without the samples'
    weights. `columns` are the input's column names, None for an input that is one matrix; `target_columns` are those
    of a target of several columns. `labels` are None for a real-valued target, the labels of -1 and +1 for a binary
    one, and the classes in order for a categorical one; `one_hot` says that classes are rows of 0 and 1, not of -1 and
    +1. `weight` is the name of the samples' weights.
    """

    input: str
    columns: tuple[str, ...] | None
    offset: np.ndarray
    divisor: np.ndarray
    target: str
    labels: tuple[LabelValue, ...] | None
    target_offset: np.ndarray = field(default_factory=lambda: np.zeros(()))
    target_divisor: np.ndarray = field(default_factory=lambda: np.ones(()))
    one_hot: bool = False
    target_columns: tuple[str, ...] | None = None
    weight: str | None = None

    @property
    def several(self) -> bool:
        """Whether targets and predictions are matrices (n, c)."""
        return self.target_offset.ndim == 1

    @property
    def categorical(self) -> bool:
        """Whether there is an output for each class."""
        return self.labels is not None and self.several

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return self.target_offset.size

    # -- what the network sees, and what the user reads ----------------------------------------------------------

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Targets as the network is trained on them: numbers (n,) or (n, c), or the places of labels (n,) as integers.

        Numbers are scaled. Two labels are -1 and +1. A class is a row (k,), 1 in its place and 0 or -1 elsewhere.
        """
        if self.labels is None:
            scaled: np.ndarray = (values - self.target_offset) / self.target_divisor
            return scaled
        if not self.categorical:
            return np.where(values == 1, 1.0, -1.0)
        return np.where(values[:, None] == np.arange(self.outputs), 1.0, 0.0 if self.one_hot else -1.0)

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Predictions as the user reads them, for the network's outputs (n,) or (n, c).

        A label (n,) by the sign for a binary target, where 0 counts as positive; the label of the greatest output, the
        first of equal ones, for a categorical target; otherwise numbers in the target's own units, of the same shape.
        """
        if self.labels is None:
            unscaled: np.ndarray = outputs * self.target_divisor + self.target_offset
            return unscaled
        places = outputs.argmax(axis=1) if self.categorical else (outputs >= 0).astype(int)
        kind = object if any(isinstance(label, str) for label in self.labels) else float
        decoded: np.ndarray = np.array(self.labels, dtype=kind)[places]
        return decoded

    # -- new data ------------------------------------------------------------------------------------------------

    def scaled(self, raw: np.ndarray) -> np.ndarray:
        """Raw inputs (n, d) as the network sees them."""
        scaled: np.ndarray = (raw - self.offset) / self.divisor
        return scaled

    def inputs(self, table: Table) -> np.ndarray:
        """The scaled inputs (n, d) of new data. Raises Mistakes (D304 to D308, D312)."""
        return self.scaled(self.raw_inputs(table))

    def raw_inputs(self, table: Table) -> np.ndarray:
        """The inputs (n, d) of new data in their own units. Raises Mistakes (D304 to D308, D312)."""
        reader = LabelReader(table)
        raw = reader.inputs(self.input, self.columns, {}, None)[0]
        if raw is not None and raw.shape[1] != len(self.offset):
            reader.report(
                "D308",
                f"the network was trained on {len(self.offset)} input columns, the data has {raw.shape[1]}",
                "give the same columns, in the same order",
                column=self.input,
            )
        reader.finish()
        assert raw is not None
        return raw

    def as_table(self, X: Any, y: Any = None, weights: Any = None) -> Table:
        """Plain arrays under the names that this encoding looks for. Raises Mistakes (D308)."""
        arrays = _by_columns("input", self.input, self.columns, X)
        if y is not None:
            arrays |= _by_columns("target", self.target, self.target_columns, y)
        if weights is not None and self.weight is not None:
            arrays[self.weight] = weights
        return read_table(arrays)

    def has_target(self, table: Table) -> bool:
        return all(name in table.arrays for name in self.target_columns or [self.target])

    def targets(self, table: Table) -> np.ndarray:
        """The encoded targets (n,) or (n, c) of new data. Raises Mistakes (D304 to D308, D310)."""
        reader = LabelReader(table)
        if self.labels is not None:
            raw = reader.labelled(self.target, self.labels)
        elif self.several:
            raw = reader.target_matrix(self.target, self.target_columns, None)
        else:
            raw = reader.numbers(self.target, None, role="target")
        if raw is not None and raw.ndim == 2 and raw.shape[1] != self.outputs:
            reader.report(
                "D308",
                f"the network has {self.outputs} output{'s' if self.outputs > 1 else ''}, `{self.target}` has "
                f"{raw.shape[1]} column{'s' if raw.shape[1] != 1 else ''}",
                "give the same columns, in the same order",
                column=self.target,
            )
        reader.finish()
        assert raw is not None
        return self.encode(raw)

    def weights(self, table: Table) -> np.ndarray | None:
        """The weights (n,) of new samples, None where the data has none. Raises Mistakes (D305 to D308, D319)."""
        if self.weight is None or self.weight not in table.arrays:
            return None
        reader = LabelReader(table)
        weights = reader.weights(self.weight, None)
        if weights is not None:
            reader.some_weight(self.weight, weights, "the data", None)
        reader.finish()
        return weights

    def samples(self, table: Table) -> Samples:
        """New data with its target, and with its weights if it has some. Raises Mistakes (D304 to D313, D319)."""
        samples = Samples(self.inputs(table), self.targets(table), self.weights(table))
        rows = len(samples.X)
        for name, array in ((self.target, samples.y), (self.weight, samples.weights)):
            if array is not None and len(array) != rows:
                message = f"`{self.input}` has {rows} rows, `{name}` has {len(array)}"
                raise Mistakes([Diagnostic("D313", message, help="give a value for every sample")])
        return samples


def _by_columns(what: str, name: str, columns: tuple[str, ...] | None, array: Any) -> dict[str, Any]:
    """An array under its name, or one column a name."""
    if columns is None:
        return {name: array}
    array = np.asarray(array)
    if array.ndim != 2 or array.shape[1] != len(columns):
        message = f"the network needs {len(columns)} {what} columns, the array has the shape {times(array.shape)}"
        raise Mistakes([Diagnostic("D308", message, help="give one row a sample, in the order of training")])
    return dict(zip(columns, array.T, strict=True))

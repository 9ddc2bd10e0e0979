"""What the data taught: columns, scaling and labels. It travels with the network.

New data is treated exactly as the training data was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from reludsl.data.columns import LabelValue, times
from reludsl.data.labels import LabelReader
from reludsl.data.tables import Table, read_table
from reludsl.diagnostics import Diagnostic
from reludsl.mistakes import Mistakes


@dataclass(frozen=True, eq=False)
class Samples:
    """Scaled inputs X (n, d) and encoded targets y (n,): labels are -1 and +1."""

    X: np.ndarray
    y: np.ndarray


@dataclass(frozen=True, eq=False)
class Encoding:
    """How raw data becomes what the network sees, and predictions become what the user reads.

    Inputs are (raw - offset) / divisor; targets likewise. `columns` are the input's column names, None for an input
    that is one matrix. `labels` are those of -1 and +1, None for a real-valued target.
    """

    input: str
    columns: tuple[str, ...] | None
    offset: np.ndarray
    divisor: np.ndarray
    target: str
    labels: tuple[LabelValue, LabelValue] | None
    target_offset: float = 0.0
    target_divisor: float = 1.0

    def inputs(self, table: Table) -> np.ndarray:
        """The scaled inputs (n, d) of new data. Raises Mistakes (D304 to D308, D312)."""
        reader = LabelReader(table)
        raw = reader.inputs(self.input, self.columns, None, frozenset(), None)[0]
        if raw is not None and raw.shape[1] != len(self.offset):
            reader.report(
                "D308",
                f"the network was trained on {len(self.offset)} input columns, the data has {raw.shape[1]}",
                "give the same columns, in the same order",
                column=self.input,
            )
        reader.finish()
        assert raw is not None
        scaled: np.ndarray = (raw - self.offset) / self.divisor
        return scaled

    def as_table(self, X: Any, y: Any = None) -> Table:
        """Plain arrays under the names that this encoding looks for. Raises Mistakes (D308)."""
        arrays = {self.input: X}
        if self.columns is not None:
            X = np.asarray(X)
            if X.ndim != 2 or X.shape[1] != len(self.columns):
                message = (
                    f"the network needs {len(self.columns)} input columns, the array has the shape {times(X.shape)}"
                )
                raise Mistakes([Diagnostic("D308", message, help="give one row a sample, in the order of training")])
            arrays = dict(zip(self.columns, X.T, strict=True))
        return read_table(arrays if y is None else {**arrays, self.target: y})

    def has_target(self, table: Table) -> bool:
        return self.target in table.arrays

    def targets(self, table: Table) -> np.ndarray:
        """The encoded targets (n,) of new data. Raises Mistakes (D304 to D308, D310)."""
        reader = LabelReader(table)
        if self.labels is None:
            raw = reader.numbers(self.target, None, is_target=True)
        else:
            raw = reader.labelled(self.target, self.labels)
        reader.finish()
        assert raw is not None
        return (raw - self.target_offset) / self.target_divisor

    def samples(self, table: Table) -> Samples:
        return Samples(self.inputs(table), self.targets(table))

"""Gates of the user's own: a table of directions in place of random ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from reludsl.data.columns import ColumnReader, is_number, times
from reludsl.data.tables import Table, read_table
from reludsl.diagnostics import Label
from reludsl.mistakes import Mistakes
from reludsl.source import Span


def read_gates(path: str, folder: Path, inputs: int, span: Span | None) -> np.ndarray:
    """The directions (inputs, P) in a `.csv`, `.parquet` or `.npz` file that holds one of them a row.

    `inputs` counts the bias where there is one. A relative path starts at `folder`, that of the spec. An `.npz` file
    holds one matrix (P, inputs), or its columns. Raises Mistakes (D301 to D308, D312 to D314, D318) at `span`, the
    place where the file is named.
    """
    try:
        return _directions(read_table(folder / path), inputs).T
    except Mistakes as mistakes:
        labels = () if span is None else (Label(span, "named here"),)
        raise Mistakes(replace(diagnostic, labels=labels) for diagnostic in mistakes.diagnostics) from None


def _directions(table: Table, inputs: int) -> np.ndarray:
    """The rows (P, inputs) of a table of directions."""
    reader = ColumnReader(table)
    if table.rows == 0:
        reader.report("D312", "the file of gates has no rows", "give one direction a row")
    elif table.columnar and all(is_number(name) for name in table.arrays):
        reader.report("D318", "the first line holds numbers, not names", "add a line with the names of the columns")
    reader.finish()
    parts = [_columns(reader, name) for name in table.arrays]
    reader.finish()
    columns = [part for part in parts if part is not None]
    if len({len(part) for part in columns}) > 1:
        reader.report("D313", "the columns have different lengths", "give every direction all of its numbers")
        reader.finish()
    rows = np.column_stack(columns)
    if rows.shape[1] != inputs:
        reader.report(
            "D308",
            f"a direction has {inputs} number{'s' if inputs != 1 else ''} here, the file has {rows.shape[1]} "
            f"column{'s' if rows.shape[1] != 1 else ''}",
            "give a column for each input, in their order, and a last one for the hidden bias if there is one",
        )
    empty = np.flatnonzero(~rows.any(axis=1))
    if len(empty):
        reader.report("D318", "a direction is 0", "remove the row", row=int(empty[0]) + 1)
    reader.finish()
    return rows


def _columns(reader: ColumnReader, name: str) -> np.ndarray | None:
    """An array of the table as columns (P, ...) of finite numbers."""
    array = reader.table.arrays[name]
    if array.ndim not in (1, 2):
        reader.report("D308", f"`{name}` is {times(array.shape)}, not a matrix", "give one direction a row")
        return None
    return reader.finite(name, array[:, None] if array.ndim == 1 else array, role="gates")

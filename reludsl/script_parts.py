"""What a generated script does around the solver: reading data, encoding labels.

Plain NumPy, embedded word for word.
"""

from __future__ import annotations

import csv
import sys

import numpy as np


def read_data(path: str) -> dict[str, np.ndarray]:
    """The columns of a .csv file (as text), or the arrays of a .npz file, by name."""
    if path.endswith(".npz"):
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    if not path.endswith(".csv"):
        sys.exit(f"{path}: give a .csv or .npz file")
    with open(path, newline="", encoding="utf-8-sig") as file:
        header, *rows = [row for row in csv.reader(file) if row]
    return {name: np.array([row[i].strip() for row in rows]) for i, name in enumerate(header)}


def numbers(data: dict[str, np.ndarray], name: str) -> np.ndarray:
    """The array or column of this name as finite numbers."""
    if name not in data:
        sys.exit(f"the data has no column {name!r}; it has {', '.join(data)}")
    try:
        values = np.asarray(data[name]).astype(float)
    except ValueError as error:
        sys.exit(f"column {name!r} holds something other than numbers: {error}")
    if not np.isfinite(values).all():
        sys.exit(f"column {name!r} holds missing or infinite values")
    return values


def input_matrix(
    data: dict[str, np.ndarray], name: str, columns: list[str] | None, target: str
) -> tuple[np.ndarray, list[str] | None]:
    """The raw inputs (n, d) and the names of their columns (None for an array of its own)."""
    if columns is None and name in data:
        return numbers(data, name), None
    columns = [column for column in data if column != target] if columns is None else columns
    return np.column_stack([numbers(data, column) for column in columns]), columns


def encode_labels(
    data: dict[str, np.ndarray], name: str, positive: str | float | None
) -> tuple[np.ndarray, list[str | float]]:
    """A binary target as -1 and +1, and the two labels in that order."""
    if name not in data:
        sys.exit(f"the data has no column {name!r}; it has {', '.join(data)}")
    values = np.asarray(data[name])
    try:
        values = values.astype(float)
        positive = 1.0 if positive is None else float(positive)
    except ValueError:
        positive = str(positive)
    found = np.unique(values).tolist()
    if len(found) != 2 or positive not in found:
        sys.exit(f"column {name!r} needs two labels, one of them {positive!r}; it has {found[:5]}")
    negative = found[0] if found[1] == positive else found[1]
    return np.where(values == positive, 1.0, -1.0), [negative, positive]

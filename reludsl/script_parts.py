"""What a generated script does around the solver: reading data, encoding labels and classes.

Plain NumPy, embedded word for word.
"""

from __future__ import annotations

import csv
import sys

import numpy as np

from reludsl.data.columns import is_number


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
    data: dict[str, np.ndarray], name: str, columns: list[str] | None, others: list[str]
) -> tuple[np.ndarray, list[str] | None]:
    """The raw inputs (n, d), all columns but `others`, and their names (None for an array of its own)."""
    if columns is None and name in data:
        return numbers(data, name), None
    columns = [column for column in data if column not in others] if columns is None else columns
    return np.column_stack([numbers(data, column) for column in columns]), columns


def target_matrix(data: dict[str, np.ndarray], name: str, columns: list[str] | None) -> np.ndarray:
    """A target (n, c) of real numbers: these columns, or an array of its own."""
    if columns is not None:
        return np.column_stack([numbers(data, column) for column in columns])
    values = numbers(data, name)
    if values.ndim != 2:
        sys.exit(f"{name!r} has the shape {values.shape}; a target of several columns is a matrix")
    return values


def sample_weights(data: dict[str, np.ndarray], name: str) -> np.ndarray:
    """The weights (n,) of the samples: not negative, and not all 0."""
    values = numbers(data, name).reshape(-1)
    if (values < 0).any():
        sys.exit(f"column {name!r} holds a negative weight in row {np.flatnonzero(values < 0)[0] + 1}")
    if not values.any():
        sys.exit(f"every weight in column {name!r} is 0")
    return values


def gate_directions(path: str, inputs: int) -> np.ndarray:
    """Directions (inputs, P) from a .csv or .npz file with one of them a row."""
    data = read_data(path)
    if all(is_number(name) for name in data):
        sys.exit(f"{path}: the first line holds numbers; give it the names of the columns")
    rows = np.column_stack([numbers(data, name) for name in data])
    if rows.shape[1] != inputs:
        sys.exit(f"{path}: a direction has {inputs} numbers, the file has {rows.shape[1]} columns")
    if not rows.any(axis=1).all():
        sys.exit(f"{path}: row {np.flatnonzero(~rows.any(axis=1))[0] + 1} is 0, which is no direction")
    return rows.T


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


def encode_classes(data: dict[str, np.ndarray], name: str, one_hot: bool) -> tuple[np.ndarray, list[str | float]]:
    """A categorical target as rows (n, k) with 1 in the place of the sample's class, 0 or -1 elsewhere; the classes."""
    if name not in data:
        sys.exit(f"the data has no column {name!r}; it has {', '.join(data)}")
    values = np.asarray(data[name]).reshape(-1)
    try:
        values = values.astype(float)
    except ValueError:
        values = values.astype(str)
    if (np.isnan(values) if values.dtype == float else values == "").any():
        sys.exit(f"column {name!r} lacks a label")
    found = np.unique(values).tolist()
    if len(found) < 2:
        sys.exit(f"column {name!r} has one label, {found}, so there is nothing to learn")
    return np.where(values[:, None] == np.array(found), 1.0, 0.0 if one_hot else -1.0), found

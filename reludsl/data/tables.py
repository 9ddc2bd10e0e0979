"""Reading data: files, frames and arrays become one `Table` of named arrays. Loading never runs code (no pickles).

Numbers become float64 with NaN where a value is missing; a column that holds any other text stays text, an object array
of `str` with None where a value is missing, so that binding can point at the first offending row.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reludsl.diagnostics import DataPlace, Diagnostic
from reludsl.files import why_unreadable
from reludsl.mistakes import Mistakes
from reludsl.npz import Unreadable, read_arrays

SUFFIXES = (".npz", ".csv", ".parquet")


@dataclass(frozen=True, eq=False)
class Table:
    """Named arrays under the name by which the user knows their container.

    `columnar` says that every array is a column of one table, so that "all other columns" has a meaning.
    """

    name: str
    arrays: Mapping[str, np.ndarray]
    columnar: bool

    @property
    def rows(self) -> int:
        return max((len(array) for array in self.arrays.values() if array.ndim), default=0)

    def take(self, rows: np.ndarray) -> Table:
        """The table of these rows; every array must have the same number of rows."""
        return Table(self.name, {name: array[rows] for name, array in self.arrays.items()}, self.columnar)


def read_table(data: Any, names: tuple[str, ...] = ()) -> Table:
    """A table from a path (`.npz`, `.csv`, `.parquet`), a mapping of arrays, a pandas or polars frame, or a tuple.

    The arrays of a tuple, (X, y) or (X, y, weights), get `names` in turn. Raises Mistakes (D301 to D303, D308, D314)
    when the data cannot be read.
    """
    if isinstance(data, Table):
        return data
    if isinstance(data, (str, os.PathLike)):
        return _read_file(Path(data))
    if isinstance(data, Mapping):
        return _of_mapping(data)
    if isinstance(data, tuple) and 2 <= len(data) <= len(names):
        return Table("data", {name: _array(value) for name, value in zip(names, data, strict=False)}, columnar=False)
    if hasattr(data, "columns") and hasattr(data, "__getitem__"):
        return _of_frame(data)
    raise _mistake(
        "D302",
        f"data of type `{type(data).__name__}` cannot be read",
        None,
        "give a path, a mapping of arrays, a pandas or polars DataFrame, or a tuple (X, y)"
        + (" or (X, y, weights)" if len(names) > 2 else ""),
    )


def _mistake(code: str, message: str, place: DataPlace | None, remedy: str, *notes: str) -> Mistakes:
    return Mistakes([Diagnostic(code, message, place=place, help=remedy, notes=notes)])


# -- files -------------------------------------------------------------------------------------------------------


def _read_file(path: Path) -> Table:
    place = DataPlace(str(path))
    if (unreadable := why_unreadable(path)) is not None:
        raise _mistake("D301", unreadable[0], None, unreadable[1])
    reader = {".npz": _read_npz, ".csv": _read_csv, ".parquet": _read_parquet}.get(path.suffix.lower())
    if reader is None:
        message = f"files ending in `{path.suffix}` cannot be read" if path.suffix else "the file's name has no ending"
        raise _mistake("D302", message, place, "use `.csv`, `.parquet` or `.npz`: the ending tells the format")
    try:
        return reader(path)
    except PermissionError:
        raise _mistake("D301", f"`{path}` may not be read", None, "change its permissions") from None


def _read_npz(path: Path) -> Table:
    try:
        return Table(str(path), {name: _array(array) for name, array in read_arrays(path).items()}, columnar=False)
    except Unreadable as error:
        remedy = "write it again with numpy.savez(path, X=..., y=...), arrays of numbers or text only"
        raise _mistake("D303", "the file is not a readable `.npz`", DataPlace(str(path)), remedy, str(error)) from None


def _read_csv(path: Path) -> Table:
    import polars

    try:
        frame = polars.read_csv(path, infer_schema=False, raise_if_empty=True)
        _refuse_repeated(path)
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException, UnicodeDecodeError, csv.Error) as error:
        raise _mistake(
            "D303",
            "the file is not a readable CSV table",
            DataPlace(str(path)),
            "a table has a header line with column names, UTF-8 text, and the same number of commas in every line",
            _csv_trouble(path) or _one_line(error),
        ) from None
    return _of_polars(str(path), frame)


def _csv_trouble(path: Path) -> str | None:
    """What is wrong with a CSV file, if it is one of the usual things."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return f"byte {error.start + 1} is not UTF-8 text"
    if not text.strip():
        return "the file is empty"
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        header = next(rows)
        uneven = next((row for row in rows if row and len(row) != len(header)), None)
    except csv.Error as error:
        return str(error)
    fields = None if uneven is None else f"{len(uneven)} field{'s' if len(uneven) != 1 else ''}"
    return fields and f"line {rows.line_num} has {fields}, the header has {len(header)}"


def _refuse_repeated(path: Path) -> None:
    """polars renames a repeated header silently; the user should hear of it."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        header = next(csv.reader(file), [])
    repeated = next((name for i, name in enumerate(header) if name in header[:i]), None)
    if repeated is not None:
        raise _mistake(
            "D314",
            f"two columns are called `{repeated}`",
            DataPlace(str(path), repeated),
            "rename one of them: columns are found by name",
        )


def _read_parquet(path: Path) -> Table:
    import polars

    try:
        frame = polars.read_parquet(path)
    except PermissionError:
        raise
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException, OSError) as error:
        panic = isinstance(error, polars.exceptions.PanicException)
        raise _mistake(
            "D303",
            "the file is not a readable Parquet table",
            DataPlace(str(path)),
            "write it again, for example with DataFrame.to_parquet",
            "its parts do not fit together" if panic else _one_line(error),
        ) from None
    return _of_polars(str(path), frame)


def _of_polars(name: str, frame: Any) -> Table:
    import polars

    arrays: dict[str, np.ndarray] = {}
    for column in frame.iter_columns():
        if column.dtype == polars.String:
            column = column.str.strip_chars()
            column = column.set(column == "", None)
            numbers = column.cast(polars.Float64, strict=False)
            if numbers.null_count() == column.null_count():
                arrays[column.name] = numbers.to_numpy().astype(float)
            else:
                arrays[column.name] = np.array(column.to_list(), dtype=object)
        elif column.dtype.is_numeric() or column.dtype == polars.Boolean:
            arrays[column.name] = column.cast(polars.Float64).to_numpy().astype(float)
        else:
            arrays[column.name] = _array(np.array(column.to_list(), dtype=object))
    return Table(name, arrays, columnar=True)


# -- objects -----------------------------------------------------------------------------------------------------


def _of_mapping(data: Mapping[Any, Any]) -> Table:
    arrays = {str(name): _array(value) for name, value in data.items()}
    return Table("data", arrays, columnar=all(array.ndim == 1 for array in arrays.values()))


def _of_frame(frame: Any) -> Table:
    """pandas and polars frames, and whatever else has `columns` and gives each by name."""
    arrays: dict[str, np.ndarray] = {}
    for name in frame.columns:
        column = frame[name]
        if getattr(column, "ndim", 1) != 1 or str(name) in arrays:
            raise _mistake(
                "D314",
                f"two columns are called `{name}`",
                DataPlace("DataFrame", str(name)),
                "rename one of them: columns are found by name",
            )
        arrays[str(name)] = _array(column.to_numpy() if hasattr(column, "to_numpy") else column)
    return Table("DataFrame", arrays, columnar=True)


def _array(value: Any) -> np.ndarray:
    """float64 where every entry is a number or missing; otherwise an object array of texts and None."""
    try:
        array = np.asarray(value)
    except ValueError:
        raise _mistake("D308", "an array is ragged", DataPlace("data"), "give rows of the same length") from None
    if array.dtype.kind in "fiub":
        return array.astype(float)
    texts = np.empty(array.shape, dtype=object)
    numbers = np.empty(array.shape)
    numeric = True
    for index, entry in np.ndenumerate(array):
        missing = entry is None or entry != entry or str(entry) in ("<NA>", "NaT", "")
        texts[index] = None if missing else str(entry)
        if (not isinstance(entry, (int, float, np.number, np.bool_)) and not missing) or isinstance(entry, complex):
            numeric = False
        elif numeric:
            numbers[index] = np.nan if missing else float(entry)
    return numbers if numeric and array.size else texts


def _one_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

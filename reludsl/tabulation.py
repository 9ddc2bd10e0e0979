"""Tables of results: as text for people, and as files that other programs read."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from reludsl.diagnostics import DataPlace, Diagnostic
from reludsl.mistakes import Mistakes, refuse_ending, refuse_unwritable, write_output

if TYPE_CHECKING:
    import numpy as np
    import polars

SUFFIXES = (".csv", ".parquet", ".json")


def refuse_table(path: str | os.PathLike[str]) -> None:
    """Raises Mistakes (D302, D330) for a path at which no table can be written; asked before the work."""
    refuse_ending(path, "table", SUFFIXES)
    refuse_unwritable(path)


def write_table(path: str | os.PathLike[str], frame: polars.DataFrame) -> None:
    """Writes a table in the format of its ending, whole or not at all; JSON is a list with an object for every row.

    Raises Mistakes (D302, D330).
    """
    refuse_ending(path, "table", SUFFIXES)

    def write(file: BinaryIO) -> None:
        match Path(path).suffix.lower():
            case ".csv":
                frame.write_csv(file)
            case ".parquet":
                frame.write_parquet(file)
            case _:
                file.write(frame.write_json().encode())

    write_output(path, write)


def refuse_data(path: str | os.PathLike[str], *, columnar: bool) -> None:
    """Raises Mistakes (D302, D330) for a path at which no data can be written; matrices need `.npz`."""
    refuse_ending(path, "data", (".csv", ".parquet", ".npz"))
    if not columnar and not str(path).lower().endswith(".npz"):
        message = "inputs that are one matrix have no columns with names, so they fit into no table"
        raise Mistakes([Diagnostic("D302", message, place=DataPlace(os.fspath(path)), help="use `.npz`")])
    refuse_unwritable(path)


def write_data(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Writes named arrays so that they can be read as data again, whole or not at all. Raises Mistakes (D330)."""
    import polars

    if Path(path).suffix.lower() == ".npz":
        plain = {name: array.astype(str) if array.dtype == object else array for name, array in arrays.items()}
        write_output(path, lambda file: _write_npz(file, plain))
    else:
        write_table(path, polars.DataFrame({name: array.tolist() for name, array in arrays.items()}))


def _write_npz(file: BinaryIO, arrays: Mapping[str, np.ndarray]) -> None:
    """As `numpy.savez`, whose own arguments some names of arrays would meet."""
    import zipfile

    from numpy.lib.format import write_array

    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                write_array(entry, array, allow_pickle=False)


def frame_of(rows: Sequence[Mapping[str, Any]]) -> polars.DataFrame:
    """The rows as a polars DataFrame; all have the same names."""
    import polars

    return polars.DataFrame([dict(row) for row in rows], infer_schema_length=None)


def as_text(rows: Sequence[Mapping[str, Any]], marked: int | None = None) -> str:
    """The rows under their names, numbers to the right; an arrow before the marked one. None is left empty."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    names = list(rows[0]) if rows else []
    table.add_column("")
    for name in names:
        numeric = all(not isinstance(row[name], str) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", no_wrap=True)
    for place, row in enumerate(rows):
        table.add_row("→" if place == marked else "", *(_cell(name, row[name]) for name in names))
    console = Console(width=1000, color_system=None, highlight=False, markup=False)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


_FORMATS = {"objective": ".7g", "bound": ".7g", "gap": ".2g", "seconds": ".2f"}


def _cell(name: str, value: object) -> str:
    match value:
        case None:
            return ""
        case float():
            return format(value, _FORMATS.get(name, ".5g"))
    return str(value)

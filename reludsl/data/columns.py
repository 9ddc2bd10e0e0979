"""Reading columns and matrices out of a table, with everything that is wrong with them told in one run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reludsl.data.tables import Table
from reludsl.diagnostics import DataPlace, Diagnostic, Label, has_errors, suggestion
from reludsl.mistakes import Mistakes
from reludsl.source import Span

LabelValue = str | float


class ColumnReader:
    """Reads arrays out of one table and collects what is wrong with them."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.diagnostics: list[Diagnostic] = []

    def report(
        self,
        code: str,
        message: str,
        remedy: str,
        *,
        column: str | None = None,
        row: int | None = None,
        span: Span | None = None,
        label: str = "",
        notes: Sequence[str] = (),
        severity: Any = "error",
    ) -> None:
        labels = (Label(span, label),) if span is not None else ()
        place = DataPlace(self.table.name, column, row)
        self.diagnostics.append(Diagnostic(code, message, labels, tuple(notes), remedy, severity, place))

    def finish(self) -> None:
        if has_errors(self.diagnostics):
            raise Mistakes(self.diagnostics)

    # -- inputs --------------------------------------------------------------------------------------------------

    def inputs(
        self,
        name: str,
        selected: tuple[str, ...] | None,
        target: str | None,
        others: frozenset[str],
        span: Span | None,
    ) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
        """The raw input (n, d) and its column names; a matrix of its own has none."""
        if self.table.rows == 0:
            self.report("D312", "the data has no rows", "a training problem needs at least one sample")
            return None, None
        if selected is None and name in self.table.arrays:
            return self.matrix(name, span), None
        if selected is None and not self.table.columnar:
            self.missing(name, span)
            return None, None
        chosen = selected if selected is not None else tuple(self.table.arrays)
        wanted = tuple(column for column in chosen if selected is not None or column not in others)
        if target in wanted:
            self.report(
                "D304",
                f"the column `{target}` is both input and target",
                "take it out of `columns`",
                column=target,
                span=span,
                label="its `columns` list the target",
            )
            return None, None
        if not wanted:
            self.report(
                "D304",
                "no column is left for the input",
                "give data with columns beside the target",
                span=span,
                label="takes every column but the target",
            )
            return None, None
        absent = [column for column in wanted if column not in self.table.arrays]
        if len(absent) > 1:
            self.missing_columns(absent, len(wanted), span)
            return None, None
        columns = [self.numbers(column, span) for column in wanted]
        good = [column for column in columns if column is not None]
        if len(good) < len(columns) or len({len(column) for column in good}) > 1:
            if len(good) == len(columns):
                self.report("D313", "the columns have different lengths", "give every column one value a sample")
            return None, None
        return np.column_stack(good), wanted

    def matrix(self, name: str, span: Span | None) -> np.ndarray | None:
        array = self.table.arrays[name]
        if array.ndim != 2:
            one_column = f"`{name}.reshape(-1, 1)` makes a matrix of one column"
            remedy = one_column if array.ndim == 1 else "give one row a sample, one column a feature"
            self.report(
                "D308",
                f"`{name}` has {array.ndim} dimension{'s' if array.ndim != 1 else ''}, a matrix has 2",
                remedy,
                column=name,
                span=span,
                label="declared as a matrix here",
            )
            return None
        return self.finite(name, array)

    def numbers(self, name: str, span: Span | None, *, is_target: bool = False) -> np.ndarray | None:
        """A column (n,) of finite numbers."""
        array = self.column(name, span, is_target=is_target)
        return None if array is None else self.finite(name, array, is_target=is_target)

    def column(self, name: str, span: Span | None, *, is_target: bool = False) -> np.ndarray | None:
        if name not in self.table.arrays:
            self.missing(name, span, is_target)
            return None
        array = self.table.arrays[name]
        if array.ndim == 2 and 1 in array.shape:
            array = array.reshape(-1)
        if array.ndim != 1:
            self.report(
                "D308",
                f"`{name}` is {times(array.shape)}, not one value a sample",
                "give a vector with a value for every row of the input",
                column=name,
                span=span,
                label="declared here",
            )
            return None
        return array

    def missing(self, name: str, span: Span | None, is_target: bool = False) -> None:
        known = list(self.table.arrays)
        guess = suggestion(name, known)
        what = "column" if self.table.columnar else "array"
        found = (f"{what}s of the data: {some([f'`{name}`' for name in known], 12)}",) if known else ()
        if guess:
            remedy = f"did you mean `{guess}`?"
        elif span is None:
            remedy = f"rename a {what} of the data: the network was trained with this one"
        elif len(known) == 1 and any(separator in known[0] for separator in ";\t"):
            remedy = "separate the columns by commas"
        elif is_target:
            remedy = f"say which {what} is the target, as with `--target {known[-1] if known else name}`"
        else:
            remedy = f"rename {'a column' if self.table.columnar else 'an array'} of the data, or the one in the spec"
        self.report(
            "D304",
            f"the data has no {what} `{name}`",
            remedy,
            span=span,
            label="declared here",
            notes=found,
        )

    def missing_columns(self, absent: list[str], wanted: int, span: Span | None) -> None:
        known = list(self.table.arrays)
        alike = {name: guess for name in absent if (guess := suggestion(name, known)) is not None}
        if alike:
            pairs = [f"`{guess}` for `{name}`" for name, guess in alike.items()]
            remedy = f"did you mean {some(pairs, 3)}?"
        elif span is None:
            remedy = "give the columns with which the network was trained, under the same names"
        else:
            remedy = "rename the columns of the data, or those in the spec"
        self.report(
            "D304",
            f"the data lacks {len(absent)} of the {wanted} input columns: {some([f'`{name}`' for name in absent], 5)}",
            remedy,
            span=span,
            label="declared here",
            notes=(f"columns of the data: {some([f'`{name}`' for name in known], 12)}",) if known else (),
        )

    def finite(self, name: str, array: np.ndarray, *, is_target: bool = False) -> np.ndarray | None:
        """The array as numbers, or None when text, a missing value or an infinite one stands in it."""
        if array.dtype == object:
            self._text_or_missing(name, array, is_target)
            return None
        bad = ~np.isfinite(array)
        if not bad.any():
            return array
        where = np.argwhere(bad)[0]
        row = int(where[0]) + 1
        place = f"{name}[{where[1]}]" if array.ndim == 2 else name
        count = int(bad.sum())
        others = (f"{count} values of `{name}` are missing or infinite",) if count > 1 else ()
        if np.isnan(array[tuple(where)]):
            remedy = "fill it in, or remove the row"
            self.report("D306", f"a value of `{name}` is missing", remedy, column=place, row=row, notes=others)
        else:
            self.report(
                "D307",
                f"a value of `{name}` is infinite",
                "correct or remove the row",
                column=place,
                row=row,
                notes=others,
            )
        return None

    def _text_or_missing(self, name: str, array: np.ndarray, is_target: bool) -> None:
        texts = [(index, entry) for index, entry in np.ndenumerate(array) if entry is not None]
        bad = [index for index, entry in texts if not is_number(entry)] or [index for index, _ in texts]
        if not bad:  # only missing values: no text was seen
            self.report("D306", f"`{name}` holds no values", "fill it in, or leave it out", column=name)
            return
        row, shown = bad[0][0] + 1, str(array[bad[0]])
        if is_target:
            remedy = "correct the value; labels need a target that is declared as `binary[n]`"
        else:
            remedy = "correct the value, or leave the column out: `columns = [...]` lists those that are used"
        notes = (f"{len(bad)} entries of `{name}` are not numbers",) if len(bad) > 1 else ()
        self.report(
            "D305", f"`{name}` holds the text {quoted(shown)}, not a number", remedy, column=name, row=row, notes=notes
        )


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def some(words: Sequence[str], most: int) -> str:
    """A, B and C; of more than `most` words the first ones and the number of the others."""
    left = len(words) - most
    *first, last = words if left <= 1 else [*words[:most], f"{left} more"]
    return f"{', '.join(first)} and {last}" if first else last


def times(shape: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in shape) or "a single value"


def quoted(label: LabelValue) -> str:
    if isinstance(label, str):
        return f'"{label if len(label) <= 40 else label[:37] + "..."}"'
    return f"{label:g}"

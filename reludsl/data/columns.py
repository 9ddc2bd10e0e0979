"""Reading columns and matrices out of a table, with everything that is wrong with them told in one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from reludsl.data.tables import Table
from reludsl.diagnostics import DataPlace, Diagnostic, Label, has_errors, suggestion
from reludsl.mistakes import Mistakes
from reludsl.source import Span

LabelValue = str | float
DataRole = Literal["input", "target", "weight", "gates"]


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

    # -- several columns -----------------------------------------------------------------------------------------

    def inputs(
        self, name: str, selected: tuple[str, ...] | None, others: Mapping[str, DataRole], span: Span | None
    ) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
        """The raw input (n, d) and its column names; a matrix of its own has none.

        `others` are the columns that have another role, and which.
        """
        if self.table.rows == 0:
            self.report("D312", "the data has no rows", "a training problem needs at least one sample")
            return None, None
        if selected is None and name in self.table.arrays:
            return self.matrix(name, span), None
        if selected is None and not self.table.columnar:
            self.missing(name, span)
            return None, None
        unselected = tuple(column for column in self.table.arrays if column not in others)
        wanted = unselected if selected is None else selected
        if not wanted:
            self.no_column("input", span, listed=selected is not None)
            return None, None
        if self.have_one_role(wanted, "input", others, span, listed=True):
            return self.stacked(wanted, "input", span), wanted
        return None, None

    def target_matrix(self, name: str, selected: tuple[str, ...] | None, span: Span | None) -> np.ndarray | None:
        """A target (n, c) of real numbers: the selected columns, or an array of its own."""
        if selected is not None and not selected:
            self.no_column("target", span, listed=True)
            return None
        if selected is not None:
            return self.stacked(selected, "target", span)
        if name not in self.table.arrays:
            self.missing(name, span)
            return None
        return self.matrix(name, span)

    def no_column(self, role: DataRole, span: Span | None, *, listed: bool) -> None:
        self.report(
            "D304",
            f"no column is left for the {role}",
            "list some columns" if listed else "give data with columns that have no other role",
            span=span,
            label="its `columns` are empty" if listed else "takes every column that has no other role",
        )

    def have_one_role(
        self,
        columns: tuple[str, ...],
        role: DataRole,
        others: Mapping[str, DataRole],
        span: Span | None,
        *,
        listed: bool,
    ) -> bool:
        """Whether each column comes once and has no other role; otherwise the first that does not is reported.

        `listed` says that the spec's `columns` name them.
        """
        for i, column in enumerate(columns):
            if column in others:
                self.report(
                    "D304",
                    f"the column `{column}` is both {role} and {others[column]}",
                    "take it out of `columns`" if listed else "name another column",
                    column=column,
                    span=span,
                    label=f"its `columns` list the {others[column]}" if listed else "declared here",
                )
                return False
            if column in columns[:i]:
                self.report(
                    "D304",
                    f"the column `{column}` is listed twice",
                    "list every column once",
                    column=column,
                    span=span,
                    label="its `columns` say so",
                )
                return False
        return True

    def stacked(self, wanted: tuple[str, ...], role: DataRole, span: Span | None) -> np.ndarray | None:
        """These columns of numbers side by side."""
        absent = [column for column in wanted if column not in self.table.arrays]
        if len(absent) == 1:
            self.missing(absent[0], span)
        elif absent:
            self.missing_columns(absent, len(wanted), role, span)
        columns = [self.numbers(column, span, role=role) for column in wanted if column not in absent]
        good = [column for column in columns if column is not None]
        if len(good) < len(wanted):
            return None
        if len({len(column) for column in good}) > 1:
            self.report("D313", "the columns have different lengths", "give every column one value a sample")
            return None
        return np.column_stack(good)

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
        if array.shape[1] == 0:
            self.report(
                "D308", f"`{name}` has no columns", "give one at least", column=name, span=span, label="declared here"
            )
            return None
        return self.finite(name, array)

    # -- one column ----------------------------------------------------------------------------------------------

    def weights(self, name: str, span: Span | None) -> np.ndarray | None:
        """Weights of samples (n,): numbers that are not negative."""
        weights = self.numbers(name, span, role="weight")
        if weights is None or (weights >= 0).all():
            return weights
        row = int(np.flatnonzero(weights < 0)[0])
        self.report(
            "D319",
            f"a weight in `{name}` is {weights[row]:g}, below 0",
            "correct it; the weight 0 leaves a sample out",
            column=name,
            row=row + 1,
            span=span,
            label="declared here",
        )
        return None

    def some_weight(self, name: str, weights: np.ndarray, rows: str, span: Span | None) -> None:
        """Of `rows`, as messages call them, at least one has to count."""
        if len(weights) and not weights.any():
            self.report(
                "D319",
                f"every weight in `{name}` is 0 in {rows}",
                "give a positive weight to the samples that count",
                column=name,
                span=span,
                label="declared here",
            )

    def numbers(self, name: str, span: Span | None, *, role: DataRole = "input") -> np.ndarray | None:
        """A column (n,) of finite numbers."""
        array = self.column(name, span, role=role)
        return None if array is None else self.finite(name, array, role=role)

    def column(self, name: str, span: Span | None, *, role: DataRole = "input") -> np.ndarray | None:
        if name not in self.table.arrays:
            self.missing(name, span, role)
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

    def missing(self, name: str, span: Span | None, role: DataRole = "input") -> None:
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
        elif role == "target":
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

    def missing_columns(self, absent: list[str], wanted: int, role: DataRole, span: Span | None) -> None:
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
            f"the data lacks {len(absent)} of the {wanted} {role} columns: {some([f'`{name}`' for name in absent], 5)}",
            remedy,
            span=span,
            label="declared here",
            notes=(f"columns of the data: {some([f'`{name}`' for name in known], 12)}",) if known else (),
        )

    def finite(self, name: str, array: np.ndarray, *, role: DataRole = "input") -> np.ndarray | None:
        """The array as numbers, or None when text, a missing value or an infinite one stands in it."""
        if array.dtype == object:
            self._text_or_missing(name, array, role)
            return None
        bad = ~np.isfinite(array)
        if not bad.any():
            return array
        where = np.argwhere(bad)[0]
        row = int(where[0]) + 1
        place = f"{name}[{where[1]}]" if array.ndim == 2 and array.shape[1] > 1 else name
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

    def _text_or_missing(self, name: str, array: np.ndarray, role: DataRole) -> None:
        texts = [(index, entry) for index, entry in np.ndenumerate(array) if entry is not None]
        bad = [index for index, entry in texts if not is_number(entry)] or [index for index, _ in texts]
        if not bad:  # only missing values: no text was seen
            self.report("D306", f"`{name}` holds no values", "fill it in, or leave it out", column=name)
            return
        row, shown = bad[0][0] + 1, str(array[bad[0]])
        if role == "target":
            remedy = "correct the value; labels need a target that is declared as `binary[n]` or `categorical[n, k]`"
        elif role != "input":
            remedy = "correct the value"
        else:
            remedy = "correct the value, or leave the column out: `columns = [...]` lists those that are used"
        notes = (f"{len(bad)} entries of `{name}` are not numbers",) if len(bad) > 1 else ()
        self.report(
            "D305", f"`{name}` holds the text {quoted(shown)}, not a number", remedy, column=name, row=row, notes=notes
        )


def is_number(text: str) -> bool:
    """Whether a text can be read as a number."""
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

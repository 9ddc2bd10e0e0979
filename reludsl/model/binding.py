"""Binding: the arrays that a model was declared for, checked in the spec's vocabulary, scaled and encoded.

What was learnt here (columns, scaling, labels) is the network's `Encoding`: it travels with the weights, so that new
data is treated exactly as the training data was. All mistakes of a table are told in one run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reludsl.diagnostics import DataPlace, Diagnostic, Label, Mistakes, has_errors, suggestion
from reludsl.model.model import Dimension, Model, Target
from reludsl.model.scaling import learn_scaling
from reludsl.model.tables import Table, read_table
from reludsl.source import Span

LabelValue = str | float


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
        reader = _Reader(table)
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
                    f"the network needs {len(self.columns)} input columns, the array has the shape {_times(X.shape)}"
                )
                raise Mistakes([Diagnostic("D308", message, help="give one row a sample, in the order of training")])
            arrays = dict(zip(self.columns, X.T, strict=True))
        return read_table(arrays if y is None else {**arrays, self.target: y})

    def has_target(self, table: Table) -> bool:
        return self.target in table.arrays

    def targets(self, table: Table) -> np.ndarray:
        """The encoded targets (n,) of new data. Raises Mistakes (D304 to D308, D310)."""
        reader = _Reader(table)
        if self.labels is None:
            raw = reader.numbers(self.target, None, is_target=True)
        else:
            raw = reader.labelled(self.target, self.labels)
        reader.finish()
        assert raw is not None
        return (raw - self.target_offset) / self.target_divisor

    def samples(self, table: Table) -> Samples:
        return Samples(self.inputs(table), self.targets(table))


@dataclass(frozen=True, eq=False)
class Bound:
    """A model's data: training samples, held-out ones if there are any, and the encoding that was learnt."""

    train: Samples
    test: Samples | None
    encoding: Encoding
    sizes: dict[str, int]
    warnings: tuple[Diagnostic, ...] = ()


def bind(
    model: Model,
    table: Table,
    *,
    target: str | None = None,
    test: Table | None = None,
    holdout: float = 0.0,
    split_seed: int = 0,
) -> Bound:
    """Checks a table against the model's declarations, splits off held-out rows, learns the scaling on the others.

    `target` names the target's column where it is not called as declared. `holdout` in [0, 1) is the share of rows,
    drawn with `split_seed`, on which nothing is learnt; `test` is a table of such rows instead. Raises Mistakes
    (D3xx).
    """
    reader = _Reader(table)
    target_name = target or model.target.name
    if table.columnar and target_name not in table.arrays and table.rows:
        # Without the target, the columns of the input would be the wrong ones.
        reader.missing(target_name, model.target.span, is_target=True)
        reader.finish()
    raw, columns = reader.inputs(
        model.input.name, model.input.selected, target_name, frozenset({target_name}), model.input.span
    )
    labels: tuple[LabelValue, LabelValue] | None = None
    if model.target.binary:
        values, labels = reader.labels(target_name, model.target)
    else:
        values = reader.numbers(target_name, model.target.span, is_target=True)
    if raw is not None and values is not None:
        reader.rows_agree(model, raw, target_name, values)
    reader.finish()
    assert raw is not None and values is not None
    sizes = reader.sizes(model, raw)
    rows = np.arange(len(raw))
    held = np.zeros(len(raw), dtype=bool)
    if holdout:
        held[np.random.default_rng(split_seed).permutation(rows)[: round(holdout * len(raw))]] = True
    reader.training_target(target_name, values[~held], model.target)
    reader.finish()
    with np.errstate(all="ignore"):
        offset, divisor = learn_scaling(raw[~held], model.input.scale)
        target_offset, target_divisor = learn_scaling(values[~held], model.target.scale)
    encoding = Encoding(
        model.input.name,
        columns,
        offset,
        divisor,
        target_name,
        labels,
        float(target_offset),
        float(target_divisor),
    )
    with np.errstate(all="ignore"):  # an overflow is reported as a mistake
        X = (raw - offset) / divisor
        y = (values - target_offset) / target_divisor
    reader.scaled(X, y, model, target_name)
    reader.constant_columns(raw[~held], columns)
    reader.finish()
    train = Samples(X[~held], y[~held])
    held_out = Samples(X[held], y[held]) if held.any() else None
    if test is not None:
        held_out = encoding.samples(test)
    return Bound(train, held_out, encoding, sizes, tuple(reader.diagnostics))


class _Reader:
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
                f"`{name}` is {_times(array.shape)}, not one value a sample",
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
        found = (f"{what}s of the data: {_some([f'`{name}`' for name in known], 12)}",) if known else ()
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
            remedy = f"did you mean {_some(pairs, 3)}?"
        elif span is None:
            remedy = "give the columns with which the network was trained, under the same names"
        else:
            remedy = "rename the columns of the data, or those in the spec"
        self.report(
            "D304",
            f"the data lacks {len(absent)} of the {wanted} input columns: {_some([f'`{name}`' for name in absent], 5)}",
            remedy,
            span=span,
            label="declared here",
            notes=(f"columns of the data: {_some([f'`{name}`' for name in known], 12)}",) if known else (),
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
        bad = [index for index, entry in texts if not _is_number(entry)] or [index for index, _ in texts]
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
            "D305", f"`{name}` holds the text {_quoted(shown)}, not a number", remedy, column=name, row=row, notes=notes
        )

    # -- targets -------------------------------------------------------------------------------------------------

    def labels(self, name: str, target: Target) -> tuple[np.ndarray | None, tuple[LabelValue, LabelValue] | None]:
        """A binary target as -1 and +1, and the labels that these stand for."""
        array = self.column(name, target.span, is_target=True)
        if array is None or not self.no_missing_label(name, array):
            return None, None
        if len(array) == 0:
            if self.table.rows:  # otherwise the whole table has none, and that is told
                self.report("D313", f"the target `{name}` has no rows", "give one target for every sample", column=name)
            return None, None
        seen = list(dict.fromkeys(array.tolist()))
        found = sorted(seen, key=lambda label: (isinstance(label, str), label))
        if len(found) > 2:
            first = array.tolist().index(seen[2])
            numeric = not any(isinstance(label, str) for label in found)
            vector = f", or declare `target {target.name} : vector[{target.rows}]`" if numeric else ""
            self.report(
                "D310",
                f"`{name}` has {len(found)} different values, a binary target has two",
                f"keep the rows of two classes{vector}",
                column=name,
                row=first + 1,
                span=target.span,
                label="declared as binary here",
                notes=(f"found {_labels(found)}",),
            )
            return None, None
        if len(found) < 2:
            self.report_constant(name, found[0], target)
            return None, None
        positive = self._positive(name, target, found)
        if positive is None:
            return None, None
        negative = found[0] if found[1] == positive else found[1]
        return np.where(array == positive, 1.0, -1.0), (negative, positive)

    def _positive(self, name: str, target: Target, found: list[LabelValue]) -> LabelValue | None:
        if target.positive is None:
            if found in ([-1.0, 1.0], [0.0, 1.0]):
                return 1.0
            self.report(
                "D311",
                f"which label of `{name}` counts as +1 is not said",
                f"declare `target {target.name} : binary[{target.rows}] {{ positive = {_quoted(found[1])} }}`",
                column=name,
                span=target.span,
                label="declared here",
                notes=(f"the labels are {_labels(found)}",),
            )
            return None
        match = next((label for label in found if _same_label(label, target.positive)), None)
        if match is None:
            self.report(
                "D310",
                f"no row of `{name}` has the positive label {_quoted(target.positive)}",
                f"write `positive = {_quoted(found[0])}` or `positive = {_quoted(found[1])}`",
                column=name,
                span=target.span,
                label="declared here",
            )
        return match

    def labelled(self, name: str, labels: tuple[LabelValue, LabelValue]) -> np.ndarray | None:
        """New data's labels as -1 and +1 by the labels of the training data."""
        array = self.column(name, None)
        if array is None or not self.no_missing_label(name, array):
            return None
        encoded = np.zeros(len(array))
        for value, label in zip((-1.0, 1.0), labels, strict=True):
            encoded[[_same_label(entry, label) for entry in array.tolist()]] = value
        unknown = np.flatnonzero(encoded == 0)
        if len(unknown):
            row = int(unknown[0])
            self.report(
                "D310",
                f"`{name}` holds the label {_quoted(array[row])}, unknown to the network",
                f"the network was trained with the labels {_labels(labels)}: keep only their rows",
                column=name,
                row=row + 1,
            )
            return None
        return encoded

    def no_missing_label(self, name: str, array: np.ndarray) -> bool:
        missing = [i for i, entry in enumerate(array.tolist()) if entry is None or entry != entry]
        if missing:
            self.report("D306", "a label is missing", "fill it in, or remove the row", column=name, row=missing[0] + 1)
        return not missing

    def training_target(self, name: str, values: np.ndarray, target: Target) -> None:
        """A target that does not vary on the training rows cannot be learnt."""
        if len(values) == 0:
            self.report("D312", "no rows are left for training", "hold out fewer rows")
        elif values.min() == values.max():
            self.report_constant(name, float(values[0]), target)

    def report_constant(self, name: str, value: LabelValue, target: Target) -> None:
        self.report(
            "D309",
            f"the target `{name}` has the same value in every training row",
            "choose another column, or other rows: there is nothing to learn",
            column=name,
            span=target.span,
            label="declared here",
            notes=(f"the value is {_quoted(value)}",) if isinstance(value, str) or not target.binary else (),
        )

    # -- the whole -----------------------------------------------------------------------------------------------

    def rows_agree(self, model: Model, raw: np.ndarray, target_name: str, values: np.ndarray) -> None:
        if len(raw) != len(values):
            self.report(
                "D313",
                f"`{model.input.name}` has {len(raw)} rows, `{target_name}` has {len(values)}",
                "give one target for every sample",
                span=model.target.span,
                label="declared with the same number of rows",
            )
            return
        self._declared_sizes(model, raw)

    def _declared_sizes(self, model: Model, raw: np.ndarray) -> None:
        seen: dict[str, int] = {}
        axes: tuple[tuple[Dimension, int, str], ...] = (
            (model.input.rows, raw.shape[0], "rows"),
            (model.input.columns, raw.shape[1], "columns"),
        )
        for axis, actual, what in axes:
            expected = axis if isinstance(axis, int) else seen.setdefault(axis, actual)
            if expected != actual:
                self.report(
                    "D308",
                    f"`{model.input.name}` has {actual} {what}, not {expected} as declared",
                    "correct the declaration, or write a name in place of the number",
                    span=model.input.span,
                    label="declared here",
                )

    def sizes(self, model: Model, raw: np.ndarray) -> dict[str, int]:
        """The declared dimensions by name, with their sizes."""
        axes = ((model.input.rows, raw.shape[0]), (model.input.columns, raw.shape[1]))
        return {axis: size for axis, size in axes if isinstance(axis, str)}

    def scaled(self, X: np.ndarray, y: np.ndarray, model: Model, target_name: str) -> None:
        for name, array in ((model.input.name, X), (target_name, y)):
            if not np.isfinite(array).all():
                remedy = "bring the numbers into a moderate range first"
                self.report("D307", f"scaling `{name}` overflows: its values are too large", remedy, column=name)

    def constant_columns(self, raw: np.ndarray, columns: tuple[str, ...] | None) -> None:
        constant = np.flatnonzero(raw.min(axis=0) == raw.max(axis=0)) if len(raw) > 1 else np.array([], dtype=int)
        if len(constant):
            names = [f"`{columns[i] if columns else f'[{i}]'}`" for i in constant]
            self.report(
                "D315",
                f"the input column{'s' if len(names) > 1 else ''} {_some(names, 5)} "
                f"{'are' if len(names) > 1 else 'is'} constant",
                "leave constant columns out; `bias = hidden` is the way to have an intercept",
                severity="warning",
            )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _same_label(label: LabelValue, wanted: LabelValue) -> bool:
    """Labels agree as text, or as numbers where both are: the file's 1 and the spec's "1" are the same label."""
    if label == wanted:
        return True
    texts = (str(label), str(wanted))
    return all(_is_number(text) for text in texts) and float(texts[0]) == float(texts[1])


def _quoted(label: LabelValue) -> str:
    if isinstance(label, str):
        return f'"{label if len(label) <= 40 else label[:37] + "..."}"'
    return f"{label:g}"


def _labels(labels: Sequence[LabelValue]) -> str:
    return _some([_quoted(label) for label in labels], 6)


def _some(words: Sequence[str], most: int) -> str:
    """A, B and C; of more than `most` words the first ones and the number of the others."""
    left = len(words) - most
    *first, last = words if left <= 1 else [*words[:most], f"{left} more"]
    return f"{', '.join(first)} and {last}" if first else last


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in shape) or "a single value"

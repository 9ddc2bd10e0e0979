"""Binding: the arrays that a model was declared for, checked in the spec's vocabulary, scaled and encoded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reludsl.data.columns import LabelValue, some
from reludsl.data.encoding import Encoding, Samples
from reludsl.data.labels import LabelReader
from reludsl.data.scaling import learn_scaling
from reludsl.data.tables import Table
from reludsl.diagnostics import Diagnostic
from reludsl.model.model import Dimension, Model, Target


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
    reader = _TrainingReader(table)
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


class _TrainingReader(LabelReader):
    """A reader that checks what only training data has to satisfy."""

    def training_target(self, name: str, values: np.ndarray, target: Target) -> None:
        """A target that does not vary on the training rows cannot be learnt."""
        if len(values) == 0:
            self.report("D312", "no rows are left for training", "hold out fewer rows")
        elif values.min() == values.max():
            self.report_constant(name, float(values[0]), target)

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
                f"the input column{'s' if len(names) > 1 else ''} {some(names, 5)} "
                f"{'are' if len(names) > 1 else 'is'} constant",
                "leave constant columns out; `bias = hidden` is the way to have an intercept",
                severity="warning",
            )

"""Binding: the arrays that a model was declared for, checked in the spec's vocabulary, scaled and encoded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reludsl.data.columns import DataRole, LabelValue, quoted, some
from reludsl.data.encoding import Encoding, Samples
from reludsl.data.labels import LabelReader
from reludsl.data.scaling import learn_scaling
from reludsl.data.tables import Table
from reludsl.diagnostics import Diagnostic
from reludsl.model.model import Dimension, Model
from reludsl.model.problem import one_hot
from reludsl.source import Span


@dataclass(frozen=True, eq=False)
class Bound:
    """A model's data: training samples, held-out ones if there are any, and the encoding that was learnt."""

    train: Samples
    test: Samples | None
    encoding: Encoding
    sizes: dict[str, int]
    warnings: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, eq=False)
class Split:
    """Which rows of a table train, and which are held out to judge: masks (n,), together not always all rows."""

    train: np.ndarray
    held: np.ndarray

    @classmethod
    def drawn(cls, rows: int, share: float, seed: int) -> Split:
        """A share in [0, 1) of the rows held out, drawn with a seed; the others train."""
        held = np.zeros(rows, dtype=bool)
        if share:
            held[np.random.default_rng(seed).permutation(rows)[: round(share * rows)]] = True
        return cls(~held, held)


def array_names(model: Model, target: str | None = None) -> tuple[str, ...]:
    """What the arrays of a tuple are: input, target and, where the model has one, weight; see `read_table`."""
    names = (model.input.name, target or model.target.name)
    return names if model.weight is None else (*names, model.weight.name)


def bind(
    model: Model,
    table: Table,
    *,
    target: str | None = None,
    test: Table | None = None,
    holdout: float = 0.0,
    split_seed: int = 0,
    split: Split | None = None,
) -> Bound:
    """Checks a table against the model's declarations, splits off held-out rows, learns the scaling on the others.

    `target` names the target's column where it is not called as declared; a target of several columns lists them in
    the spec. `holdout` in [0, 1) is the share of rows, drawn with `split_seed`, on which no scaling is learnt; `test`
    is a table of such rows instead, and `split` says which rows are which instead of drawing them. Labels are those of
    the whole table. Every sample counts alike in a scaling, whatever its weight. Raises Mistakes (D3xx).
    """
    reader = _TrainingReader(table, model, target)
    raw = reader.read()
    if split is None:
        split = Split.drawn(len(raw.X), holdout, split_seed)
    reader.training_rows(raw, split)
    reader.finish()
    encoding = _encoding(model, reader.target, raw, split.train)
    with np.errstate(all="ignore"):  # an overflow is reported as a mistake
        samples = Samples((raw.X - encoding.offset) / encoding.divisor, encoding.encode(raw.y), raw.weights)
    reader.scaled(samples)
    reader.constant_columns(raw, split)
    reader.finish()
    held_out = _rows(samples, split.held) if split.held.any() else None
    if test is not None:
        held_out = encoding.samples(test)
    return Bound(_rows(samples, split.train), held_out, encoding, reader.sizes(raw), tuple(reader.diagnostics))


@dataclass(frozen=True, eq=False)
class _Raw:
    """What stands in the table: inputs X (n, d), targets y (n,) or (n, c), or the places of labels (n,), weights."""

    X: np.ndarray
    columns: tuple[str, ...] | None
    y: np.ndarray
    labels: tuple[LabelValue, ...] | None
    weights: np.ndarray | None


def _rows(samples: Samples, rows: np.ndarray) -> Samples:
    return Samples(samples.X[rows], samples.y[rows], None if samples.weights is None else samples.weights[rows])


def _encoding(model: Model, target: str, raw: _Raw, train: np.ndarray) -> Encoding:
    """What the training rows teach; two labels and classes are not scaled."""
    outputs = (len(raw.labels or ()),) if model.target.categorical else ()
    target_offset, target_divisor = np.zeros(outputs), np.ones(outputs)
    with np.errstate(all="ignore"):  # an overflow is reported as a mistake
        offset, divisor = learn_scaling(raw.X[train], model.input.scale)
        if raw.labels is None:
            target_offset, target_divisor = learn_scaling(raw.y[train], model.target.scale)
    return Encoding(
        model.input.name,
        raw.columns,
        offset,
        divisor,
        target,
        raw.labels,
        np.asarray(target_offset),
        np.asarray(target_divisor),
        one_hot(model),
        model.target.selected,
        None if model.weight is None else model.weight.name,
    )


class _TrainingReader(LabelReader):
    """A reader of all that a model declares, which checks what only training data has to satisfy."""

    def __init__(self, table: Table, model: Model, target: str | None) -> None:
        super().__init__(table)
        self.model = model
        self.target = target or model.target.name
        """The name of the target's column or array."""

    def read(self) -> _Raw:
        """Everything that is declared. Raises Mistakes with all that is wrong."""
        model = self.model
        self._target_is_named()
        others = self._other_roles()
        X, columns = self.inputs(model.input.name, model.input.selected, others, model.input.span)
        labels: tuple[LabelValue, ...] | None = None
        if model.target.labelled:
            y, labels = self.labels(self.target, model.target)
        elif model.target.several:
            y = self.target_matrix(self.target, model.target.selected, model.target.span)
        else:
            y = self.numbers(self.target, model.target.span, role="target")
        weights = None
        if model.weight is not None:
            weights = self.weights(model.weight.name, model.weight.span)
        if X is not None:
            if y is not None:
                self._rows_agree(X, self.target, y, "target", model.target.span)
            if weights is not None and model.weight is not None:
                self._rows_agree(X, model.weight.name, weights, "weight", model.weight.span)
            if y is not None:
                self._declared_sizes(X, y, labels)
        self.finish()
        assert X is not None and y is not None
        return _Raw(X, columns, y, labels, weights)

    # -- columns and their roles ---------------------------------------------------------------------------------

    def _target_is_named(self) -> None:
        """A matrix is found by its own name or by the columns that the spec lists."""
        target = self.model.target
        if target.type != "matrix":
            return
        listing = f'`target {target.name} : matrix[{target.rows}, {target.columns}] {{ columns = ["...", "..."] }}`'
        if self.target != target.name:
            self.report(
                "D304",
                f"`{self.target}` is one column, and the target `{target.name}` has several",
                f"list them in the spec: {listing}",
                span=target.span,
                label="declared as a matrix here",
            )
        elif self.table.columnar and target.selected is None and self.table.rows:
            self.report(
                "D304",
                f"which columns are the target `{target.name}` is not said",
                f"list them: {listing}",
                span=target.span,
                label="declared as a matrix here",
                notes=(f"columns of the data: {some([f'`{name}`' for name in self.table.arrays], 12)}",),
            )
        self.finish()

    def _other_roles(self) -> dict[str, DataRole]:
        """The columns that are not the input's, and what they are."""
        target, weight = self.model.target, self.model.weight
        others: dict[str, DataRole] = {}
        declared: list[tuple[str, DataRole, Span | None]] = []
        if target.selected is None:
            declared.append((self.target, "target", target.span))
        if weight is not None:
            declared.append((weight.name, "weight", weight.span))
            others[weight.name] = "weight"
        columns = (self.target,) if target.selected is None else target.selected
        self.have_one_role(columns, "target", others, target.span, listed=target.selected is not None)
        others |= dict.fromkeys(columns, "target")
        if self.table.columnar and self.table.rows:
            # Without these, the columns of the input would be the wrong ones.
            for name, role, span in declared:
                if name not in self.table.arrays:
                    self.missing(name, span, role)
            self.finish()
        return others

    # -- rows and sizes ------------------------------------------------------------------------------------------

    def _rows_agree(self, X: np.ndarray, name: str, values: np.ndarray, role: DataRole, span: Span | None) -> None:
        if len(X) != len(values):
            self.report(
                "D313",
                f"`{self.model.input.name}` has {len(X)} rows, `{name}` has {len(values)}",
                f"give one {role} for every sample",
                span=span,
                label="declared with the same number of rows",
            )

    def _axes(
        self, X: np.ndarray, y: np.ndarray, labels: tuple[LabelValue, ...] | None
    ) -> list[tuple[str, Dimension, int, str, Span | None]]:
        """What is declared of each dimension, and how large it is."""
        input_, target = self.model.input, self.model.target
        axes = [
            (input_.name, input_.rows, X.shape[0], "rows", input_.span),
            (input_.name, input_.columns, X.shape[1], "columns", input_.span),
        ]
        if target.columns is not None:
            size, what = (y.shape[1], "columns") if labels is None else (len(labels), "classes")
            axes.append((self.target, target.columns, size, what, target.span))
        return axes

    def _declared_sizes(self, X: np.ndarray, y: np.ndarray, labels: tuple[LabelValue, ...] | None) -> None:
        seen: dict[str, int] = {}
        for name, axis, actual, what, span in self._axes(X, y, labels):
            expected = axis if isinstance(axis, int) else seen.setdefault(axis, actual)
            if expected != actual:
                self.report(
                    "D308",
                    f"`{name}` has {actual} {what if actual != 1 else what[:-1]}, not {expected} as declared",
                    "correct the declaration, or write a name in place of the number"
                    if isinstance(axis, int)
                    else f"correct the declaration: `{axis}` is the same number wherever it stands",
                    span=span,
                    label="declared here",
                )

    def sizes(self, raw: _Raw) -> dict[str, int]:
        """The declared dimensions by name, with their sizes."""
        return {axis: size for _, axis, size, *_ in self._axes(raw.X, raw.y, raw.labels) if isinstance(axis, str)}

    # -- training rows -------------------------------------------------------------------------------------------

    def training_rows(self, raw: _Raw, split: Split) -> None:
        """There are some, with different targets and a positive weight; so have the rows that are held out."""
        if not split.train.any():
            self.report("D312", "no rows are left for training", "hold out fewer rows")
            return
        y, target = raw.y[split.train], self.model.target
        constant = np.flatnonzero(np.atleast_1d(y.min(axis=0) == y.max(axis=0)))
        for column in constant:
            value = np.atleast_1d(y[0])[column]
            label = float(value) if raw.labels is None else raw.labels[value]
            names = target.selected or [f"{self.target}[{i}]" for i in range(y.shape[-1])]
            self.report_constant(names[column] if y.ndim == 2 else self.target, label, target)
        if raw.labels is not None and not len(constant):
            self._absent_classes(y, raw.labels)
        weight = self.model.weight
        if raw.weights is not None and weight is not None:
            self.some_weight(weight.name, raw.weights[split.train], "the training rows", weight.span)
            self.some_weight(weight.name, raw.weights[split.held], "the rows that are held out", weight.span)

    def _absent_classes(self, y: np.ndarray, labels: tuple[LabelValue, ...]) -> None:
        absent = [quoted(labels[place]) for place in range(len(labels)) if not (y == place).any()]
        if absent:
            several = len(absent) > 1
            self.report(
                "D317",
                f"no training row has the label{'s' if several else ''} {some(absent, 6)} of `{self.target}`",
                "hold out other rows, or fewer",
                column=self.target,
                span=self.model.target.span,
                label="declared here",
                notes=(f"only rows that are held out have {'them' if several else 'it'}",),
                severity="warning",
            )

    def scaled(self, samples: Samples) -> None:
        """Scaling has kept the numbers finite."""
        for name, array in ((self.model.input.name, samples.X), (self.target, samples.y)):
            if not np.isfinite(array).all():
                remedy = "bring the numbers into a moderate range first"
                self.report("D307", f"scaling `{name}` overflows: its values are too large", remedy, column=name)

    def constant_columns(self, raw: _Raw, split: Split) -> None:
        X = raw.X[split.train]
        constant = np.flatnonzero(X.min(axis=0) == X.max(axis=0)) if len(X) > 1 else np.array([], dtype=int)
        if len(constant):
            names = [f"`{raw.columns[i] if raw.columns else f'[{i}]'}`" for i in constant]
            self.report(
                "D315",
                f"the input column{'s' if len(names) > 1 else ''} {some(names, 5)} "
                f"{'are' if len(names) > 1 else 'is'} constant",
                "leave constant columns out; `bias = hidden` is the way to have an intercept",
                severity="warning",
            )

"""Labels: the values of a column that stand for -1 and +1, or for classes. Inside, a label is its place among them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reludsl.data.columns import ColumnReader, LabelValue, is_number, quoted, some
from reludsl.model.model import Target


class LabelReader(ColumnReader):
    """A reader that knows binary and categorical targets too."""

    def labels(self, name: str, target: Target) -> tuple[np.ndarray | None, tuple[LabelValue, ...] | None]:
        """Which label each row has (n,), counted from 0, and the labels.

        Those of a binary target are the negative one and the positive one, classes come sorted, numbers before texts.
        """
        array = self.column(name, target.span, role="target")
        if array is None or not self.no_missing_label(name, array):
            return None, None
        if len(array) == 0:
            if self.table.rows:  # otherwise the whole table has none, and that is told
                self.report("D313", f"the target `{name}` has no rows", "give one target for every sample", column=name)
            return None, None
        found = sorted(set(array.tolist()), key=lambda label: (isinstance(label, str), label))
        if len(found) < 2:
            self.report_constant(name, found[0], target)
            return None, None
        labels = self._signs(name, target, array, found) if target.binary else self._classes(name, target, found)
        return (None, None) if labels is None else (_places(array, labels), labels)

    def _signs(
        self, name: str, target: Target, array: np.ndarray, found: list[LabelValue]
    ) -> tuple[LabelValue, ...] | None:
        """The negative and the positive label of a binary target."""
        if len(found) > 2:
            seen = list(dict.fromkeys(array.tolist()))
            numeric = not any(isinstance(label, str) for label in found)
            vector = f" or `vector[{target.rows}]`" if numeric else ""
            self.report(
                "D310",
                f"`{name}` has {len(found)} different values, a binary target has two",
                f"keep the rows of two classes, or declare `{target.name}` as `categorical[{target.rows}, k]`{vector}",
                column=name,
                row=array.tolist().index(seen[2]) + 1,
                span=target.span,
                label="declared as binary here",
                notes=(f"found {_labels(found)}",),
            )
            return None
        positive = self._positive(name, target, found)
        if positive is None:
            return None
        return (found[0] if found[1] == positive else found[1]), positive

    def _classes(self, name: str, target: Target, found: list[LabelValue]) -> tuple[LabelValue, ...] | None:
        """The classes of a categorical target; their declared number is checked."""
        if isinstance(target.columns, int) and target.columns != len(found):
            self.report(
                "D310",
                f"`{name}` has {len(found)} different values, not {target.columns} as declared",
                "correct the declaration, or write a name in place of the number",
                column=name,
                span=target.span,
                label="declared here",
                notes=(f"found {_labels(found)}",),
            )
            return None
        return tuple(found)

    def _positive(self, name: str, target: Target, found: list[LabelValue]) -> LabelValue | None:
        if target.positive is None:
            if found in ([-1.0, 1.0], [0.0, 1.0]):
                return 1.0
            self.report(
                "D311",
                f"which label of `{name}` counts as +1 is not said",
                f"declare `target {target.name} : binary[{target.rows}] {{ positive = {quoted(found[1])} }}`",
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
                f"no row of `{name}` has the positive label {quoted(target.positive)}",
                f"write `positive = {quoted(found[0])}` or `positive = {quoted(found[1])}`",
                column=name,
                span=target.span,
                label="declared here",
            )
        return match

    def labelled(self, name: str, labels: tuple[LabelValue, ...]) -> np.ndarray | None:
        """Which label of the training data each row of new data has (n,)."""
        array = self.column(name, None)
        if array is None or not self.no_missing_label(name, array):
            return None
        places = _places(array, labels)
        unknown = np.flatnonzero(places < 0)
        if len(unknown):
            row = int(unknown[0])
            self.report(
                "D310",
                f"`{name}` holds the label {quoted(array[row])}, unknown to the network",
                f"the network was trained with the labels {_labels(labels)}: keep only their rows",
                column=name,
                row=row + 1,
            )
            return None
        return places

    def no_missing_label(self, name: str, array: np.ndarray) -> bool:
        missing = [i for i, entry in enumerate(array.tolist()) if entry is None or entry != entry]
        if missing:
            self.report("D306", "a label is missing", "fill it in, or remove the row", column=name, row=missing[0] + 1)
        return not missing

    def report_constant(self, name: str, value: LabelValue, target: Target) -> None:
        self.report(
            "D309",
            f"the target `{name}` has the same value in every training row",
            "choose another column, or other rows: there is nothing to learn",
            column=name,
            span=target.span,
            label="declared here",
            notes=(f"the value is {quoted(value)}",),
        )


def _places(array: np.ndarray, labels: tuple[LabelValue, ...]) -> np.ndarray:
    """The place of each entry among the labels, -1 for one that is not among them."""
    places = {entry: _place(entry, labels) for entry in set(array.tolist())}
    return np.array([places[entry] for entry in array.tolist()], dtype=int)


def _place(entry: LabelValue, labels: tuple[LabelValue, ...]) -> int:
    if entry in labels:
        return labels.index(entry)
    return next((place for place, label in enumerate(labels) if _same_label(entry, label)), -1)


def _same_label(label: LabelValue, wanted: LabelValue) -> bool:
    """Labels agree as text, or as numbers where both are: the file's 1 and the spec's "1" are the same label."""
    if label == wanted:
        return True
    texts = (str(label), str(wanted))
    return all(is_number(text) for text in texts) and float(texts[0]) == float(texts[1])


def _labels(labels: Sequence[LabelValue]) -> str:
    return some([quoted(label) for label in labels], 6)

"""Folds for cross-validation: every training row judges once, in one fold, and trains in all others."""

from __future__ import annotations

import numpy as np

from reludsl.data.binding import Bound, Split
from reludsl.diagnostics import Diagnostic
from reludsl.mistakes import Mistakes


def folds(bound: Bound, train: np.ndarray, count: int, seed: int) -> list[Split]:
    """As many splits of the rows that `train` (n,) marks, of which `bound` has the samples; the seed shuffles them.

    The sizes of folds differ by one row at most. Where the target has labels, so do the rows of each label: shuffled
    rows are sorted by their label and dealt to the folds in turn. Raises Mistakes (D312) where a fold would be empty.
    """
    rows = np.flatnonzero(train)
    if count > len(rows):
        message = f"{count} folds need as many training rows, there are {len(rows)}"
        raise Mistakes([Diagnostic("D312", message, help="take fewer folds, or more data")])
    order = np.random.default_rng(seed).permutation(len(rows))
    order = order[np.argsort(_strata(bound)[order], kind="stable")]
    dealt = np.full(len(train), -1)
    dealt[rows[order]] = np.arange(len(rows)) % count
    return [Split(train & (dealt != fold), dealt == fold) for fold in range(count)]


def _strata(bound: Bound) -> np.ndarray:
    """What each training row (n,) shall have its share of in every fold: its label, or nothing."""
    y = bound.train.y
    if bound.encoding.labels is None:
        return np.zeros(len(y))
    return y.argmax(axis=1) if y.ndim == 2 else y

"""The kinds of `perturbation`: sets of changed inputs around every sample."""

from __future__ import annotations

from reludsl.model.registry import Kind
from reludsl.options import Settings
from reludsl.source import Span


def _none(settings: Settings, span: Span | None) -> None:
    return None


KINDS = (
    Kind(
        "none",
        "the samples as they are",
        _none,
        formula="{0}",
        details="The default, and the only kind of this version: the network is trained on the given samples alone.",
        example="perturbation none",
    ),
)

"""The vocabulary of the `data` section: roles and types."""

from __future__ import annotations

from reludsl.model.model import Dimension, Input, Target
from reludsl.model.registry import DataType, Role
from reludsl.options import Choice, ChoiceType, ListType, NumberType, Option, Settings, TextType, UnionType
from reludsl.source import Span

SCALES = (
    Choice("none", "the numbers as they are"),
    Choice("standard", "subtract the mean, divide by the standard deviation"),
    Choice("minmax", "map the smallest value to 0 and the largest to 1"),
    Choice("unit_columns", "divide by the Euclidean norm of the column"),
)

_SCALE = Option(
    "scale",
    ChoiceType(SCALES),
    "how each column is scaled; learnt on the training rows, kept in the network",
    default="none",
)


def _input(name: str, type_: str, dimensions: tuple[Dimension, ...], settings: Settings, span: Span) -> Input:
    rows, columns = dimensions
    return Input(name, rows, columns, settings["scale"], settings["columns"], span)


def _target(name: str, type_: str, dimensions: tuple[Dimension, ...], settings: Settings, span: Span) -> Target:
    return Target(name, type_, dimensions[0], settings.get("scale", "none"), settings.get("positive"), span)


ROLES = (
    Role(
        "input",
        ("matrix",),
        "`input X : matrix[n, d]`, one sample a row",
        _input,
        required=True,
        options=(
            _SCALE,
            Option(
                "columns",
                ListType(TextType()),
                "the columns that are used, by name and in this order",
                default=None,
                absent="all but the target",
            ),
        ),
    ),
    Role(
        "target",
        ("vector", "binary"),
        "`target y : vector[n]` or `target y : binary[n]`, one value a sample",
        _target,
        required=True,
    ),
)

TYPES = (
    DataType("matrix", ("n", "d"), "real numbers, n rows and d columns"),
    DataType("vector", ("n",), "a real number for each sample", (_SCALE,)),
    DataType(
        "binary",
        ("n",),
        "one of two labels for each sample; inside, they are -1 and +1",
        (
            Option(
                "positive",
                UnionType((TextType(), NumberType())),
                "the label that counts as +1",
                default=None,
                absent="the label 1",
            ),
        ),
    ),
)

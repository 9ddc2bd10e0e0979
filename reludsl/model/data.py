"""The vocabulary of the `data` section: roles and types."""

from __future__ import annotations

from reludsl.model.model import Dimension, Input, Target, Weight
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

_POSITIVE = Option(
    "positive",
    UnionType((TextType(), NumberType())),
    "the label that counts as +1",
    default=None,
    absent="the label 1",
)


def _columns(absent: str) -> Option:
    return Option(
        "columns",
        ListType(TextType()),
        "the columns that are used, by name and in this order",
        default=None,
        absent=absent,
    )


def _input(name: str, type_: str, dimensions: tuple[Dimension, ...], settings: Settings, span: Span) -> Input:
    rows, columns = dimensions
    return Input(name, rows, columns, settings["scale"], settings["columns"], span)


def _target(name: str, type_: str, dimensions: tuple[Dimension, ...], settings: Settings, span: Span) -> Target:
    return Target(
        name,
        type_,
        dimensions[0],
        dimensions[1] if len(dimensions) > 1 else None,
        settings.get("scale", "none"),
        settings.get("positive"),
        settings.get("columns"),
        span,
    )


def _weight(name: str, type_: str, dimensions: tuple[Dimension, ...], settings: Settings, span: Span) -> Weight:
    return Weight(name, dimensions[0], span)


ROLES = (
    Role(
        "input",
        {"matrix": (_SCALE, _columns("all that have no other role"))},
        "`input X : matrix[n, d]`, one sample a row",
        _input,
        required=True,
    ),
    Role(
        "target",
        {
            "vector": (_SCALE,),
            "binary": (_POSITIVE,),
            "matrix": (_SCALE, _columns("the array of this name")),
            "categorical": (),
        },
        "`target y : vector[n]`, `binary[n]` or `categorical[n, k]`, one value a sample, or `target Y : matrix[n, c]`, "
        "several",
        _target,
        required=True,
    ),
    Role(
        "weight",
        {"vector": ()},
        "`weight w : vector[n]`, how much the loss of each sample counts: not negative, and not all 0; scalings are "
        "learnt without it",
        _weight,
    ),
)

TYPES = (
    DataType("matrix", ("n", "d"), "real numbers, n rows and d columns"),
    DataType("vector", ("n",), "a real number for each sample"),
    DataType("binary", ("n",), "one of two labels for each sample; inside, they are -1 and +1"),
    DataType(
        "categorical",
        ("n", "k"),
        "one of k labels for each sample; inside, a row with a column for each label, which are sorted: 1 for the "
        "sample's own and 0 for the others under `cross_entropy`, +1 and -1 under the other losses",
    ),
)

"""The syntax tree of a spec, as written: frozen, with spans, nothing resolved.

Spans do not take part in comparison, so two trees are equal when they say the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from reludsl.source import Source, Span


def _span() -> Span:
    return field(compare=False, repr=False)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Name:
    text: str
    span: Span = _span()


@dataclass(frozen=True)
class Number:
    """A number as the user wrote it: the text is kept, so formatting never rounds."""

    text: str
    span: Span = _span()

    @property
    def value(self) -> float:
        return float(self.text)


@dataclass(frozen=True)
class Text:
    """A quoted string, for labels and column names; `value` is without quotes and escapes."""

    value: str
    span: Span = _span()


@dataclass(frozen=True)
class Negate:
    operand: Value
    span: Span = _span()


@dataclass(frozen=True)
class Binary:
    """Arithmetic; `operator` is one of `+ - * /`."""

    operator: str
    left: Value
    right: Value
    span: Span = _span()


@dataclass(frozen=True)
class Call:
    """`leaky_relu(slope = 0.1)` or `max(0, 1 - y * f)`: a choice with options, or a function of values."""

    function: Name
    arguments: tuple[Value | Setting, ...]
    span: Span = _span()


@dataclass(frozen=True)
class List:
    items: tuple[Value, ...]
    span: Span = _span()


Value = Name | Number | Text | Negate | Binary | Call | List


@dataclass(frozen=True)
class Setting:
    """`name = value`."""

    name: Name
    value: Value
    span: Span = _span()


@dataclass(frozen=True)
class Type:
    """`matrix[n, d]`."""

    name: Name
    dimensions: tuple[Name | Number, ...]
    span: Span = _span()


@dataclass(frozen=True)
class Datum:
    """`role name : type { options }`."""

    role: Name
    name: Name
    type: Type
    settings: tuple[Setting, ...]
    span: Span = _span()


@dataclass(frozen=True)
class DataSection:
    data: tuple[Datum, ...]
    keyword: Span = _span()
    span: Span = _span()


@dataclass(frozen=True)
class HyperparameterSection:
    settings: tuple[Setting, ...]
    keyword: Span = _span()
    span: Span = _span()


@dataclass(frozen=True)
class KindSection:
    """`section kind { settings }`; `keyword` is the span of the section's name."""

    section: Name
    kind: Name
    settings: tuple[Setting, ...]
    keyword: Span = _span()
    span: Span = _span()


Section = DataSection | HyperparameterSection | KindSection


@dataclass(frozen=True)
class Spec:
    """A whole file: the edition of the language and the sections in the order of the file.

    `damaged` names, by their first words, the sections that were left out because of syntax errors. While it is
    not empty, nothing may be reported as missing: it may stand in what was left out.
    """

    edition: Number
    sections: tuple[Section, ...]
    source: Source = field(compare=False, repr=False)
    span: Span = _span()
    damaged: tuple[str, ...] = field(default=(), compare=False)

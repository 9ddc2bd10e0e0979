"""What an option may hold: declarations shared by the language's registry and by the backends.

Declarations only; `model/values.py` reads a tree against them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from reludsl.source import Span


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = _Required()
"""The default of an option that the user must give."""


@dataclass(frozen=True)
class NumberType:
    """A real number, or an integer, within bounds that are inclusive unless they are said to be open."""

    minimum: float | None = None
    maximum: float | None = None
    open_minimum: bool = False
    integer: bool = False
    open_maximum: bool = False

    def __str__(self) -> str:
        if self.minimum is not None and self.minimum == self.maximum:
            return f"the number {_plain(self.minimum)}"
        noun = "an integer" if self.integer else "a number"
        low, high = (None if bound is None else _plain(bound) for bound in (self.minimum, self.maximum))
        match low, high:
            case None, None:
                return noun
            case None, _:
                return f"{noun} of at most {high}"
            case _, None:
                return f"{noun} {'above' if self.open_minimum else 'of at least'} {low}"
        if self.open_minimum and self.open_maximum:
            return f"{noun} between {low} and {high}, neither of them"
        return f"{noun} above {low}, at most {high}" if self.open_minimum else f"{noun} from {low} to {high}"

    def admits(self, value: float) -> bool:
        if self.integer and value != int(value):
            return False
        if self.minimum is not None and (value <= self.minimum if self.open_minimum else value < self.minimum):
            return False
        return self.maximum is None or (value < self.maximum if self.open_maximum else value <= self.maximum)


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:g}"


@dataclass(frozen=True)
class TextType:
    """A quoted text: a label, or the name of a column."""

    def __str__(self) -> str:
        return 'a text in double quotes, such as "M"'


@dataclass(frozen=True)
class WordType:
    """A bare word that only the reader of the option can judge, such as the name of an installed program."""

    def __str__(self) -> str:
        return "a word"


@dataclass(frozen=True)
class ExpressionType:
    """A formula in `variables` and hyperparameters, with functions that only the reader of the option knows."""

    variables: tuple[str, ...]

    def __str__(self) -> str:
        return f"an expression in {' and '.join(f'`{name}`' for name in self.variables)}"


@dataclass(frozen=True)
class Choice:
    """A word that an option may hold; with options of its own it is written `word(option = value)`."""

    name: str
    summary: str
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class ChoiceType:
    choices: tuple[Choice, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(choice.name for choice in self.choices)

    def __str__(self) -> str:
        names = [f"`{name}`" for name in self.names]
        return names[0] if len(names) == 1 else f"one of {', '.join(names[:-1])} or {names[-1]}"


@dataclass(frozen=True)
class ListType:
    item: OptionType

    def __str__(self) -> str:
        if isinstance(self.item, TextType):
            return 'a list of texts, such as ["age", "mass"]'
        return f"a list, each entry {self.item}"


@dataclass(frozen=True)
class UnionType:
    """One of several types; at most one of them a `ChoiceType`."""

    members: tuple[OptionType, ...]

    def __str__(self) -> str:
        return ", or ".join(str(member) for member in self.members)


OptionType = NumberType | TextType | WordType | ExpressionType | ChoiceType | ListType | UnionType


@dataclass(frozen=True)
class Option:
    """One `name = value` of a section: its type, meaning and default. `absent` is how a default of None reads.

    `example` is a value in a spec's words, for options whose type alone tells no sensible one.
    """

    name: str
    type: OptionType
    summary: str
    default: Any = REQUIRED
    absent: str = "none"
    example: str = ""

    @property
    def required(self) -> bool:
        return self.default is REQUIRED


@dataclass(frozen=True)
class Selected:
    """The value of a choice that has options of its own."""

    name: str
    settings: Settings


@dataclass(frozen=True)
class Settings(Mapping[str, Any]):
    """The resolved options of a section: every declared one, defaults included, and where it was written."""

    values_by_name: Mapping[str, Any] = field(default_factory=dict)
    spans: Mapping[str, Span] = field(default_factory=dict, compare=False, repr=False)

    def __getitem__(self, name: str) -> Any:
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def written(self, name: str) -> Span | None:
        """Where the user wrote this option; None for a default."""
        return self.spans.get(name)

"""The registry is the language: which sections, kinds, roles, types and options there are.

The grammar knows structure only. Checking, suggestions, `reludsl explain NAME`, `reludsl list` and the reference page
all read these entries. An entry says everything about its kind in one place; adding one is adding a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reludsl.diagnostics import Diagnostic
from reludsl.options import Option, Settings
from reludsl.source import Span

EDITION = 1


@dataclass(frozen=True)
class Refusal:
    """What `Kind.build` gives for options that describe nothing: why. No reasons where they have been told before."""

    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True)
class Kind:
    """A word that may follow a section's name, its options and what it means.

    `build` turns the resolved options and the place of the kind into the part of the model that they describe, or
    refuses them: options may each be right and mean nothing together, or hold a formula that only the kind can judge.
    `formula` is Unicode mathematics, `details` are Markdown paragraphs for the reference page, `example` is the
    section as a user would write it.
    """

    name: str
    summary: str
    build: Callable[[Settings, Span | None], Any]
    options: tuple[Option, ...] = ()
    formula: str = ""
    details: str = ""
    example: str = ""


@dataclass(frozen=True)
class Default:
    """The kind that an absent section stands for where a condition holds of the parts that other sections build."""

    kind: str
    where: str
    holds: Callable[[Mapping[str, list[Any]]], bool]


@dataclass(frozen=True)
class Section:
    """A section of a spec. An absent one stands for the first of `defaults` that holds, else for the kind `default`.

    `example` is the section as a user would write it; sections with kinds take it from their kinds.
    """

    name: str
    summary: str
    kinds: tuple[Kind, ...] = ()
    required: bool = False
    repeatable: bool = False
    default: str | None = None
    defaults: tuple[Default, ...] = ()
    plural: str = ""
    example: str = ""

    def kind(self, name: str) -> Kind | None:
        return next((kind for kind in self.kinds if kind.name == name), None)

    def default_kind(self, parts: Mapping[str, list[Any]]) -> Kind:
        """The kind that the absent section stands for beside these parts."""
        name = next((default.kind for default in self.defaults if default.holds(parts)), self.default or "")
        kind = self.kind(name)
        assert kind is not None, f"the default kind of `{self.name}` is not registered"
        return kind


@dataclass(frozen=True)
class DataType:
    """A type of the `data` section; `axes` names its dimensions."""

    name: str
    axes: tuple[str, ...]
    summary: str

    def __str__(self) -> str:
        return f"{self.name}[{', '.join(self.axes)}]"


@dataclass(frozen=True)
class Role:
    """What a datum is for, and the types that it may have, each with its options in this role.

    `build` takes the name, the type, the dimensions (names or numbers), the options and the place of the type.
    """

    name: str
    types: Mapping[str, tuple[Option, ...]]
    summary: str
    build: Callable[[str, str, tuple[str | int, ...], Settings, Span], Any]
    required: bool = False


@dataclass(frozen=True)
class Language:
    """The whole language as one value, handed to the checker."""

    sections: tuple[Section, ...]
    roles: tuple[Role, ...] = ()
    types: tuple[DataType, ...] = ()
    edition: int = EDITION
    _by_name: dict[str, Section] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {section.name: section for section in self.sections})

    def section(self, name: str) -> Section | None:
        return self._by_name.get(name)

    def role(self, name: str) -> Role | None:
        return next((role for role in self.roles if role.name == name), None)

    def type(self, name: str) -> DataType | None:
        return next((type_ for type_ in self.types if type_.name == name), None)

    def with_kinds(self, section: str, kinds: Iterable[Kind]) -> Language:
        """This language with further kinds in a section: how backends bring their `solver` entries."""
        return replace(
            self,
            sections=tuple(
                replace(entry, kinds=(*entry.kinds, *kinds)) if entry.name == section else entry
                for entry in self.sections
            ),
        )

    def entries(self, name: str) -> list[tuple[Section, Kind]]:
        """Every kind of this name, with its section."""
        return [(section, kind) for section in self.sections for kind in section.kinds if kind.name == name]

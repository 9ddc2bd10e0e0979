"""The support matrix: what every backend takes, and why it refuses the rest.

Nothing here is listed by hand. The rows come from the registry, one for every kind, for every word that an option may
hold, and for the pairs of them that depend on each other. Each row is written down as the smallest spec that has it,
and each cell is what the compiler says to that spec and backend.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement, product
from typing import Any

from reludsl.backend import Backend
from reludsl.backends import backends
from reludsl.choice import language
from reludsl.diagnostics import Diagnostic, has_errors
from reludsl.mistakes import Mistakes
from reludsl.model.registry import Kind
from reludsl.options import ChoiceType, ExpressionType, NumberType, Option, OptionType, TextType, UnionType
from reludsl.pipeline import Compilation
from reludsl.source import Source

Features = Mapping[str, str]
"""Parts of a spec by their place: a role with its type, a section with its kind, `section.option` with its value.

A section that stands twice has both kinds, `one + other`, and so may its options.
"""

_PLUS = " + "


@dataclass(frozen=True)
class Cell:
    """Whether a backend solves and emits a row's spec: the diagnostics that refuse it, none where it is taken.

    `bound` is the scope of the lower bound that its result comes with, None where there is none.
    """

    backend: str
    refusals: tuple[Diagnostic, ...] = ()
    bound: str | None = None

    @property
    def supported(self) -> bool:
        return not self.refusals

    @property
    def by_language(self) -> bool:
        """Whether the language itself refuses the spec, whatever the backend."""
        return any(refusal.code != "C230" for refusal in self.refusals)

    @property
    def explanation(self) -> str:
        """Code, reason and remedy of every refusal."""
        return " ".join(
            f"{refusal.code}: {'; '.join([refusal.message, *refusal.notes])}. Instead: {refusal.help}."
            for refusal in self.refusals
        )


@dataclass(frozen=True)
class Row:
    """Features that are asked about together, the smallest spec that has them, and a cell for each backend."""

    features: Features
    spec: str
    cells: tuple[Cell, ...]

    @property
    def bounds(self) -> str:
        """The scopes of the bounds that backends prove, nothing where none does."""
        return ", ".join(dict.fromkeys(cell.bound for cell in self.cells if cell.bound))


@dataclass(frozen=True)
class Table:
    """Rows with features of the same places."""

    title: str
    rows: tuple[Row, ...]


@cache
def support_matrix() -> tuple[Table, ...]:
    """Every feature by itself, then the pairs that matter."""
    tables = [
        ("Losses", _kinds("loss")),
        ("Regularizers", _kinds("regularizer")),
        ("Architectures", _kinds("architecture")),
        ("Formulations", _kinds("formulation")),
        ("Perturbations", _kinds("perturbation")),
        ("Losses and targets", _pairs("loss", "target")),
        ("Losses and sample weights", _pairs("loss", "weight")),
        ("Losses and formulations", _pairs("loss", "formulation")),
        ("Outputs and targets", _pairs("architecture.outputs", "target")),
        ("Activations and formulations", _pairs("architecture.activation", "formulation")),
        ("Activations and regularizers", _pairs("architecture.activation", "regularizer")),
        ("Activations and biases", _pairs("architecture.activation", "architecture.bias", "regularizer.biases")),
        ("Formulations and regularizers", _pairs("formulation", "regularizer")),
        ("Regularizers and biases", _pairs("regularizer", "architecture.bias", "regularizer.biases")),
        ("Several regularizers", _sums()),
        ("Perturbations and losses", _pairs("perturbation", "loss")),
        ("Perturbations and formulations", _pairs("perturbation", "formulation")),
        ("Perturbations and activations", _pairs("perturbation", "architecture.activation")),
    ]
    return tuple(Table(title, tuple(_row(features) for features in rows)) for title, rows in tables)


def spec_for(features: Features) -> str:
    """The smallest spec with these features: what they leave open is the first of the registry that fits best."""
    best, fewest = "", -1
    for rest in _rests(features):
        spec = _spec({**rest, **features})
        mistakes = len(_refusals(spec))
        if fewest < 0 or mistakes < fewest:
            best, fewest = spec, mistakes
        if not mistakes:
            break
    return best


def _refusals(spec: str) -> tuple[Diagnostic, ...]:
    """What the language itself says against a spec."""
    _, diagnostics = Compilation(Source("<spec>", spec)).checked
    return tuple(diagnostic for diagnostic in diagnostics if has_errors([diagnostic]))


def _rests(features: Features) -> Iterator[Features]:
    """What may stand beside features: losses, targets and numbers of outputs have to fit each other.

    So have activations and regularizers; there the first of everything else is enough.
    """
    places = {
        "loss": _names("loss"),
        "target": _types("target"),
        "architecture.outputs": _words("architecture.outputs"),
    }
    free = {place: words for place, words in places.items() if place not in features}
    for words in product(*free.values()):
        yield dict(zip(free, words, strict=True))
    if "regularizer" not in features:
        for name in _names("regularizer")[1:]:
            if all(_has({"regularizer": name}, place) for place in features):
                yield {"regularizer": name}


def _spec(features: Features) -> str:
    """The text of a spec: data, then every section that is required or asked for, or penalizes the weights."""
    required = [role.name for role in language().roles if role.required]
    data = {name: features.get(name, _types(name)[0]) for name in required}
    data |= {role.name: features[role.name] for role in language().roles if role.name in features}
    lines = ["reludsl 1", "data {"]
    lines += [f"  {role} {role[0]} : {_declared(type_, index)}" for index, (role, type_) in enumerate(data.items())]
    lines += ["}"]
    for section in language().sections:
        kind = features.get(section.name, section.kinds[0].name if section.kinds else "")
        named = section.name in features or any(place.startswith(f"{section.name}.") for place in features)
        if section.kinds and (section.required or named or section.name == "regularizer"):
            words = kind.split(_PLUS)
            lines += [_section(section.name, word, features, index) for index, word in enumerate(words)]
    return "\n".join(lines) + "\n"


def _declared(name: str, index: int) -> str:
    """A type with its dimensions: all data have one row a sample, and each its own columns."""
    type_ = language().type(name)
    assert type_ is not None, f"there is no type {name}"
    rows, *others = type_.axes
    return f"{name}[{', '.join([rows, *(f'{axis}{index + 1}' if index else axis for axis in others)])}]"


def _section(name: str, word: str, features: Features, index: int) -> str:
    """One section: the options that are asked for, of repeated ones each its own, and those that have to be given."""
    kind = _kind(name, word)
    written = {option.name: _example(option) for option in kind.options if option.required}
    asked = {
        place.partition(".")[2]: (text.split(_PLUS) * (index + 1))[index]
        for place, text in features.items()
        if place.startswith(f"{name}.")
    }
    written |= {option: text for option, text in asked.items() if option in {entry.name for entry in kind.options}}
    options = ", ".join(f"{option} = {text}" for option, text in written.items())
    return f"{name} {word}" + (f" {{ {options} }}" if options else "")


def _row(features: Features) -> Row:
    spec = spec_for(features)
    if refusals := _refusals(spec):
        return Row(features, spec, tuple(Cell(name, refusals) for name in backends()))
    compilation = Compilation(Source("<spec>", spec))
    return Row(features, spec, tuple(_cell(compilation, backend) for backend in backends().values()))


def _cell(compilation: Compilation, backend: Backend) -> Cell:
    try:
        compilation.backend(backend.name)
    except Mistakes as mistakes:
        return Cell(backend.name, mistakes.diagnostics)
    return Cell(backend.name, bound=compilation.lowered_for(backend).meaning.scope)


# -- what the registry knows ---------------------------------------------------------------------------------------


def _kind(section: str, name: str) -> Kind:
    entry = language().section(section)
    kind = None if entry is None else entry.kind(name)
    assert kind is not None, f"there is no {section} {name}"
    return kind


def _names(section: str) -> tuple[str, ...]:
    """The kinds of a section."""
    entry = language().section(section)
    return () if entry is None else tuple(kind.name for kind in entry.kinds)


def _types(role: str) -> tuple[str, ...]:
    """The types of a role."""
    entry = language().role(role)
    return () if entry is None else tuple(entry.types)


def _words(place: str) -> tuple[str, ...]:
    """What an option of a section may hold, those of all its kinds together."""
    section, _, name = place.partition(".")
    options = [option for kind in _names(section) for option in _kind(section, kind).options if option.name == name]
    return tuple(dict.fromkeys(word for option in options for word in _alternatives(option)))


def _all(place: str) -> tuple[str, ...]:
    """What may stand at a place: types of a role, kinds of a section, words of an option."""
    return _types(place) or _names(place) or _words(place)


def _kinds(section: str) -> Iterator[Features]:
    """Every kind of a section, and it with every word of every option."""
    for name in _names(section):
        yield {section: name}
        for option in _kind(section, name).options:
            for word in _alternatives(option):
                if not (option.required and word == option.example):
                    yield {section: name, f"{section}.{option.name}": word}


def _pairs(*places: str) -> Iterator[Features]:
    """Everything that may stand at one place with everything that may stand at the others.

    An option of a section goes with those of its kinds that have it.
    """
    for words in product(*(_all(place) for place in places)):
        features = dict(zip(places, words, strict=True))
        if all(_has(features, place) for place in places):
            yield features


def _has(features: Features, place: str) -> bool:
    """Whether the kind that the features name has the option of a place."""
    section, _, name = place.partition(".")
    if not name or section not in features:
        return True
    return name in {option.name for option in _kind(section, features[section]).options}


def _sums() -> Iterator[Features]:
    """Two regularizers together, which count hidden biases both, neither, or one of them."""
    names = [name for name in _names("regularizer") if _kind("regularizer", name).options]
    for pair in combinations_with_replacement(names, 2):
        for biases in combinations_with_replacement(_words("regularizer.biases"), 2):
            yield {
                "regularizer": _PLUS.join(pair),
                "architecture.bias": "hidden",
                "regularizer.biases": _PLUS.join(biases),
            }


def _alternatives(option: Option) -> tuple[str, ...]:
    """What an option may hold that is more than another number: words, and a number or a text beside them."""
    match option.type:
        case ChoiceType():
            return tuple(_called(choice.name, choice.options) for choice in option.type.choices)
        case UnionType(members):
            numbers = [_default(option, member) for member in members if isinstance(member, NumberType)]
            choices = [Option(option.name, member, "") for member in members if isinstance(member, ChoiceType)]
            return (*numbers, *(word for choice in choices for word in _alternatives(choice)))
        case TextType():
            return (f'"{option.name}.csv"',)
    return ()


def _called(word: str, options: tuple[Option, ...]) -> str:
    """A word with the options that it has to be given."""
    given = ", ".join(f"{option.name} = {_example(option)}" for option in options if option.required)
    return f"{word}({given})" if given else word


def _default(option: Option, number: NumberType) -> str:
    fits = isinstance(option.default, int | float) and number.admits(option.default)
    return str(option.default) if fits else _example(option, number)


def _example(option: Option, type_: OptionType | None = None) -> str:
    """A value for an option: of a number, the middle of its bounds, a bound that is missing being 1 away."""
    if option.example:
        return option.example
    match type_ or option.type:
        case NumberType(minimum, maximum, integer=integer):
            low = minimum if minimum is not None else 0.0 if maximum is None else maximum - 1
            high = low + 1 if maximum is None else maximum
            return str(int(low) if integer else (low + high) / 2)
        case ExpressionType(variables):
            return f"square({' - '.join(variables)})"
        case ChoiceType(choices):
            return choices[0].name
    raise NotImplementedError(f"an option that has to be given as {type_ or option.type}")


# -- for readers ---------------------------------------------------------------------------------------------------


def as_object(tables: Iterable[Table]) -> dict[str, Any]:
    """The matrix for machines."""
    return {
        "backends": list(backends()),
        "tables": [
            {
                "title": table.title,
                "rows": [
                    {
                        "features": dict(row.features),
                        "spec": row.spec,
                        "cells": {cell.backend: _cell_object(cell) for cell in row.cells},
                    }
                    for row in table.rows
                ],
            }
            for table in tables
        ],
    }


def _cell_object(cell: Cell) -> dict[str, Any]:
    if cell.supported:
        return {"supported": True, "bound": cell.bound}
    refusals = [
        {"code": refusal.code, "reason": refusal.message, "notes": list(refusal.notes), "remedy": refusal.help}
        for refusal in cell.refusals
    ]
    return {"supported": False, "refusals": refusals}


@dataclass(frozen=True)
class Grid:
    """A table as text: the names of its columns, the texts of its rows, and what the numbers in them refer to."""

    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    footnotes: tuple[str, ...]


def grid(table: Table) -> Grid:
    """A column for each place that all rows have, one for their other options, for each backend, and for bounds.

    A cell is `yes`, or has a number in brackets that leads to the reasons; it names the first code where the language
    refuses the spec, so that no other backend would help.
    """
    places = [place for place in table.rows[0].features if all(place in row.features for row in table.rows)]
    others = any(len(row.features) > len(places) for row in table.rows)
    footnotes: dict[str, int] = {}

    def shown(cell: Cell) -> str:
        if cell.supported:
            return "yes"
        number = footnotes.setdefault(cell.explanation, len(footnotes) + 1)
        word = cell.refusals[0].code if cell.by_language else "no"
        return f"{word} [{number}]"

    def named(row: Row) -> Iterator[str]:
        yield from (row.features[place] for place in places)
        if others:
            options = {place.partition(".")[2]: text for place, text in row.features.items() if place not in places}
            yield ", ".join(f"{option} = {text}" for option, text in options.items())

    rows = tuple((*named(row), *(shown(cell) for cell in row.cells), row.bounds) for row in table.rows)
    heading = (*(place.rpartition(".")[2] for place in places), *(["option"] if others else []), *backends(), "bound")
    return Grid(heading, rows, tuple(footnotes))


def matrix_text(tables: Iterable[Table], width: int = 100) -> str:
    """The matrix for a terminal: aligned columns, the reasons below each table."""
    return "\n\n".join(_table_text(table.title, grid(table), width) for table in tables)


def _table_text(title: str, shown: Grid, width: int) -> str:
    widths = [max(map(len, column)) for column in zip(shown.heading, *shown.rows, strict=True)]
    between = "  " if sum(widths) + 2 * len(widths) <= width else " "
    lines = [
        between.join(f"{text:<{size}}" for text, size in zip(texts, widths, strict=True)).rstrip()
        for texts in (shown.heading, *shown.rows)
    ]
    notes = [
        textwrap.fill(text, width, initial_indent=f"[{number}] ", subsequent_indent="    ", break_on_hyphens=False)
        for number, text in enumerate(shown.footnotes, 1)
    ]
    return "\n".join([title, "", *lines, *([""] if notes else []), *notes])


def matrix_markdown(tables: Iterable[Table]) -> str:
    """The matrix as a page's sections."""
    return "\n\n".join(_table_markdown(table.title, grid(table)) for table in tables)


def _table_markdown(title: str, shown: Grid) -> str:
    features = len(shown.heading) - len(backends()) - 1

    def line(texts: Iterable[str]) -> str:
        return f"| {' | '.join(texts)} |"

    rows = [
        line([*(f"`{text}`" if text else "" for text in row[:features]), *row[features:]]).replace("|  |", "| |")
        for row in shown.rows
    ]
    notes = [f"- [{number}] {text}" for number, text in enumerate(shown.footnotes, 1)]
    table = "\n".join([line(shown.heading), "|" + "---|" * len(shown.heading), *rows])
    return "\n\n".join([f"## {title}", table, *(["\n".join(notes)] if notes else [])])

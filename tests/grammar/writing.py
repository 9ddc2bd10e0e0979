"""Random trees, and random ways to write each of them down.

The writer takes every freedom of layout that the language gives: blanks, line ends, commas, trailing commas,
parentheses that mean nothing, comments wherever a line may end. It shares no code with the formatter.
"""

from collections.abc import Sequence
from random import Random

from hypothesis import strategies as st

from reludsl.grammar.tree import (
    Binary,
    Call,
    DataSection,
    Datum,
    HyperparameterSection,
    KindSection,
    List,
    Name,
    Negate,
    Number,
    Section,
    Setting,
    Spec,
    Text,
    Type,
    Value,
)
from reludsl.source import Source, Span

NOWHERE = Span(Source("", ""), 0, 0)

_words = st.sampled_from(
    ["beta", "y", "f", "x1", "_", "data", "reludsl", "hyperparameters", "e3", "a_rather_long_name", "loss", "Z"]
)
_section_names = st.sampled_from(["loss", "regularizer", "solver", "architecture", "formulation", "zeta", "alpha"])
names = st.builds(Name, _words, st.just(NOWHERE))
numbers = st.builds(
    Number, st.sampled_from(["0", "1", "400", "0.50", "2.", ".5", "1e-3", "8E+2", "1.5e10"]), st.just(NOWHERE)
)
texts = st.builds(Text, st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=12), st.just(NOWHERE))


def _calls(arguments: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    either = st.one_of(arguments, st.builds(Setting, names, arguments, st.just(NOWHERE)))
    return st.builds(Call, names, st.lists(either, max_size=3).map(tuple), st.just(NOWHERE))


def _lists(items: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    return st.builds(List, st.lists(items, max_size=3).map(tuple), st.just(NOWHERE))


def _arithmetic(operands: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    operands = operands.filter(lambda value: not isinstance(value, List | Text))
    return st.one_of(
        st.builds(Negate, operands, st.just(NOWHERE)),
        st.builds(Binary, st.sampled_from("+-*/"), operands, operands, st.just(NOWHERE)),
    )


values: st.SearchStrategy[Value] = st.recursive(
    st.one_of(names, numbers, texts),
    lambda inner: st.one_of(_arithmetic(inner), _calls(inner), _lists(inner)),
    max_leaves=8,
)
_settings = st.lists(st.builds(Setting, names, values, st.just(NOWHERE)), max_size=3).map(tuple)
_types = st.builds(Type, names, st.lists(st.one_of(names, numbers), max_size=3).map(tuple), st.just(NOWHERE))
_data = st.lists(st.builds(Datum, names, names, _types, _settings, st.just(NOWHERE)), max_size=3).map(tuple)
_sections = st.one_of(
    st.builds(DataSection, _data, st.just(NOWHERE), st.just(NOWHERE)),
    st.builds(HyperparameterSection, _settings, st.just(NOWHERE), st.just(NOWHERE)),
    st.builds(
        KindSection,
        st.builds(Name, _section_names, st.just(NOWHERE)),
        names,
        _settings,
        st.just(NOWHERE),
        st.just(NOWHERE),
    ),
)
specs = st.builds(
    Spec,
    st.just(Number("1", NOWHERE)),
    st.lists(_sections, max_size=4).map(tuple),
    st.just(NOWHERE.source),
    st.just(NOWHERE),
)


class Writer:
    """Writes a tree in a layout drawn from `random`; `comments` holds the comments that it strewed in."""

    def __init__(self, random: Random, restless: float) -> None:
        self._random = random
        self._restless = restless
        self.comments: list[str] = []

    def _maybe(self) -> bool:
        return self._random.random() < self._restless

    def _blank(self, smallest: str = "") -> str:
        return self._random.choice([smallest, " ", " ", "  ", "\t"])

    def _comment(self) -> str:
        if not self._maybe():
            return ""
        text = self._random.choice(["#", "# note", "#{ x = 1", '# a "quoted" word', "# 100 %, no?", "## (é) ["])
        text += f" {len(self.comments)}"
        self.comments.append(text)
        return text + self._random.choice(["", "", " "])

    def line_end(self) -> str:
        """One or more line ends, with whatever may stand on the lines that end."""
        end = self._random.choice(["\n", "\n", "\n", "\r\n"])
        text = self._blank() + self._comment() + end
        while self._maybe():
            text += self._blank() + self._comment() + end
        return text + self._blank()

    def _gap(self, depth: int) -> str:
        """Blanks; inside of parentheses, line ends as well."""
        return self.line_end() if depth and self._maybe() else self._blank()

    def spec(self, spec: Spec) -> str:
        text = self.line_end() if self._maybe() else ""
        text += f"reludsl {spec.edition.text}"
        for section in spec.sections:
            text += self.line_end() + self._section(section)
        if self._maybe():
            text += self.line_end()
        return text + self._blank() + self._comment()

    def _section(self, section: Section) -> str:
        match section:
            case DataSection(data):
                return "data" + self._blank() + self._braced([self._datum(datum) for datum in data])
            case HyperparameterSection(settings):
                return "hyperparameters" + self._blank() + self._braced(self._settings(settings))
            case KindSection(name, kind, settings):
                return name.text + self._blank(" ") + kind.text + self._options(settings)

    def _options(self, settings: Sequence[Setting]) -> str:
        if not settings and self._maybe():
            return ""
        return self._blank() + self._braced(self._settings(settings))

    def _settings(self, settings: Sequence[Setting]) -> list[str]:
        return [self._setting(setting, 0) for setting in settings]

    def _braced(self, entries: Sequence[str]) -> str:
        """Entries were written before the line ends between them, so comments are numbered out of order: no harm."""
        text = "{" + (self.line_end() if self._maybe() else self._blank())
        for position, entry in enumerate(entries):
            text += entry + self._blank()
            is_last = position == len(entries) - 1
            if self._maybe():
                text += self.line_end()
            elif not is_last or self._maybe():
                text += "," + (self.line_end() if self._maybe() else self._blank())
        return text + "}"

    def _datum(self, datum: Datum) -> str:
        text = datum.role.text + self._blank(" ") + datum.name.text + self._blank() + ":" + self._blank()
        text += datum.type.name.text
        if datum.type.dimensions:
            dimensions = [dimension.text for dimension in datum.type.dimensions]
            text += self._blank() + self._enclosed("[", dimensions, "]", 1)
        return text + self._options(datum.settings)

    def _enclosed(self, opening: str, items: Sequence[str], closing: str, depth: int) -> str:
        text = opening + self._gap(depth)
        for position, item in enumerate(items):
            text += item + self._gap(depth)
            if position < len(items) - 1 or self._maybe():
                text += "," + self._gap(depth)
        return text + closing

    def _setting(self, setting: Setting, depth: int) -> str:
        return setting.name.text + self._gap(depth) + "=" + self._gap(depth) + self.value(setting.value, depth)

    def value(self, value: Value, depth: int) -> str:
        if not isinstance(value, List | Text) and self._maybe() and self._maybe():
            inner = depth + 1
            return "(" + self._gap(inner) + self.value(value, inner) + self._gap(inner) + ")"
        match value:
            case Name(text) | Number(text):
                return text
            case Text(said):
                escaped = "".join("\\" + character if character in '"\\' else character for character in said)
                return f'"{escaped}"'
            case Negate(operand):
                return "-" + self._gap(depth) + self._operand(operand, depth)
            case Binary(operator, left, right):
                sides = self._operand(left, depth), self._operand(right, depth)
                return sides[0] + self._gap(depth) + operator + self._gap(depth) + sides[1]
            case Call(function, arguments):
                inner = depth + 1
                items = [
                    self._setting(argument, inner) if isinstance(argument, Setting) else self.value(argument, inner)
                    for argument in arguments
                ]
                return function.text + self._gap(depth) + self._enclosed("(", items, ")", inner)
            case List(items):
                inner = depth + 1
                return self._enclosed("[", [self.value(item, inner) for item in items], "]", inner)

    def _operand(self, value: Value, depth: int) -> str:
        if isinstance(value, Binary):
            return "(" + self.value(value, depth + 1) + ")"
        return self.value(value, depth)


@st.composite
def written_specs(draw: st.DrawFn) -> tuple[Spec, str, list[str]]:
    """A tree, one of its texts, and the comments in that text."""
    spec = draw(specs)
    writer = Writer(Random(draw(st.integers(0, 2**32))), draw(st.sampled_from([0.0, 0.2, 0.5])))
    text = writer.spec(spec)
    return spec, text, writer.comments

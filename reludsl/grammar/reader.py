"""Text that fits the grammar into tree nodes: Lark's parser, and what turns its trees into ours.

Mistakes leave this module as Lark's exceptions; `parser.py` catches them all.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal

from lark import Lark, Token
from lark.lark import PostLex
from lark.tree import Meta
from lark.visitors import Transformer_NonRecursive, v_args

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

Rule = Literal["spec", "lone_edition", "lone_section"]
RULES: tuple[Rule, ...] = ("spec", "lone_edition", "lone_section")


class LayoutFilter(PostLex):
    """Drops line ends inside parentheses and square brackets, where they separate nothing."""

    # The parser's state alone cannot know that a line end will be dropped, so none may be turned away early.
    always_accept = ("_NL",)

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        depth = 0
        for token in stream:
            match token.type:
                case "LPAR" | "LSQB":
                    depth += 1
                case "RPAR" | "RSQB":
                    depth -= 1
                case "LBRACE" | "RBRACE":
                    depth = 0
                case "_NL" if depth > 0:
                    continue
            yield token


def grammar_text() -> str:
    """The grammar file."""
    content = pkgutil.get_data(__package__, "spec.lark")
    if content is None:
        raise FileNotFoundError("spec.lark is missing from the installed package")
    return content.decode()


@cache
def lark_parser() -> Lark:
    """The parser, built once per process: some tens of milliseconds, too few to be worth a cache on disk."""
    return Lark(
        grammar_text(),
        parser="lalr",
        lexer="contextual",
        postlex=LayoutFilter(),
        propagate_positions=True,
        maybe_placeholders=False,
        start=list(RULES),
    )


def read_spec(source: Source, start: int) -> Spec:
    """The whole spec, from the character at `start` on. Raises `lark.UnexpectedInput`."""
    spec = _read("spec", source, start, len(source.text))
    assert isinstance(spec, Spec)
    return spec


def read_edition(source: Source, start: int, end: int) -> tuple[Number, Span]:
    """The number and the whole of an edition line in text[start:end]. Raises `lark.UnexpectedInput`."""
    number, span = _read("lone_edition", source, start, end)
    return number, span


def read_section(source: Source, start: int, end: int) -> Section:
    """The only section in text[start:end]. Raises `lark.UnexpectedInput`."""
    section = _read("lone_section", source, start, end)
    assert isinstance(section, DataSection | HyperparameterSection | KindSection)
    return section


def _read(rule: Rule, source: Source, start: int, end: int) -> Any:
    tree = lark_parser().parse(source.text[start:end], start=rule)
    return _TreeBuilder(source, start).transform(tree)


def unescaped(quoted: str) -> str:
    """What a quoted string says: without its quotes, escapes resolved."""
    return re.sub(r"\\(.)", r"\1", quoted[1:-1])


class _TreeBuilder(Transformer_NonRecursive[Token, Any]):
    """Lark's tree into ours. Each method stands for the grammar rule of its name.

    Non-recursive, so the depth of a tree is bounded by memory and not by Python's stack: trees that are too
    deep for the rest of the compiler are told apart afterwards, by `parser.py`.
    """

    def __init__(self, source: Source, offset: int) -> None:
        super().__init__()
        self._source = source
        self._offset = offset

    def _span(self, place: Meta | Token) -> Span:
        start, end = place.start_pos, place.end_pos
        assert start is not None and end is not None
        return Span(self._source, start + self._offset, end + self._offset)

    def _name(self, token: Token) -> Name:
        return Name(str(token), self._span(token))

    def _binary(self, operator: str, meta: Meta, children: list[Value]) -> Binary:
        left, right = children
        return Binary(operator, left, right, self._span(meta))

    @v_args(meta=True)
    def spec(self, meta: Meta, children: list[Any]) -> Spec:
        (number, span), *sections = children
        return Spec(number, tuple(sections), self._source, sections[-1].span.until(span) if sections else span)

    @v_args(meta=True)
    def edition(self, meta: Meta, children: list[Token]) -> tuple[Number, Span]:
        return Number(str(children[1]), self._span(children[1])), self._span(meta)

    def lone_edition(self, children: list[tuple[Number, Span]]) -> tuple[Number, Span]:
        return children[0]

    def lone_section(self, children: list[Section]) -> Section:
        return children[0]

    @v_args(meta=True)
    def data(self, meta: Meta, children: list[Any]) -> DataSection:
        keyword, *data = children
        return DataSection(tuple(data), self._span(keyword), self._span(meta))

    @v_args(meta=True)
    def hyperparameters(self, meta: Meta, children: list[Any]) -> HyperparameterSection:
        keyword, *settings = children
        return HyperparameterSection(tuple(settings), self._span(keyword), self._span(meta))

    @v_args(meta=True)
    def kind_section(self, meta: Meta, children: list[Any]) -> KindSection:
        section, kind, *settings = children
        return KindSection(
            self._name(section), self._name(kind), tuple(settings), self._span(section), self._span(meta)
        )

    @v_args(meta=True)
    def datum(self, meta: Meta, children: list[Any]) -> Datum:
        role, name, type_, *settings = children
        return Datum(self._name(role), self._name(name), type_, tuple(settings), self._span(meta))

    @v_args(meta=True)
    def datum_type(self, meta: Meta, children: list[Any]) -> Type:
        name, *dimensions = children
        return Type(self._name(name), tuple(dimensions), self._span(meta))

    @v_args(meta=True)
    def setting(self, meta: Meta, children: list[Any]) -> Setting:
        name, value = children
        return Setting(self._name(name), value, self._span(meta))

    @v_args(meta=True)
    def list_value(self, meta: Meta, children: list[Value]) -> List:
        return List(tuple(children), self._span(meta))

    @v_args(meta=True)
    def call(self, meta: Meta, children: list[Any]) -> Call:
        function, *arguments = children
        return Call(self._name(function), tuple(arguments), self._span(meta))

    @v_args(meta=True)
    def add(self, meta: Meta, children: list[Value]) -> Binary:
        return self._binary("+", meta, children)

    @v_args(meta=True)
    def subtract(self, meta: Meta, children: list[Value]) -> Binary:
        return self._binary("-", meta, children)

    @v_args(meta=True)
    def multiply(self, meta: Meta, children: list[Value]) -> Binary:
        return self._binary("*", meta, children)

    @v_args(meta=True)
    def divide(self, meta: Meta, children: list[Value]) -> Binary:
        return self._binary("/", meta, children)

    @v_args(meta=True)
    def negate(self, meta: Meta, children: list[Value]) -> Negate:
        return Negate(children[0], self._span(meta))

    def name(self, children: list[Token]) -> Name:
        return self._name(children[0])

    def number(self, children: list[Token]) -> Number:
        return Number(str(children[0]), self._span(children[0]))

    def text(self, children: list[Token]) -> Text:
        return Text(unescaped(str(children[0])), self._span(children[0]))

from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reludsl.grammar import parse
from reludsl.grammar.parser import DEEPEST_VALUE
from reludsl.grammar.tree import (
    Binary,
    Call,
    DataSection,
    HyperparameterSection,
    KindSection,
    List,
    Name,
    Negate,
    Number,
    Setting,
    Spec,
    Text,
    Value,
)
from reludsl.source import Span

from .specs import CANONICAL, GOOD, RICH, parsed, source_of, unhurried
from .writing import written_specs


def value_of(text: str) -> Value:
    (section,) = parsed(f"reludsl 1\na b {{ c = {text} }}").sections
    assert isinstance(section, KindSection)
    return section.settings[0].value


def nodes_in(node: Any) -> list[Any]:
    """A node and all below it."""
    if isinstance(node, tuple):
        return [found for item in node for found in nodes_in(item)]
    if not is_dataclass(node) or isinstance(node, Span):
        return []
    below = [nodes_in(getattr(node, field.name)) for field in fields(node) if field.name != "source"]
    return [node, *(found for group in below for found in group)]


def test_the_example_of_the_language() -> None:
    data, hyperparameters, architecture, loss, *_, solver = parsed(CANONICAL).sections
    assert isinstance(data, DataSection)
    features, target = data.data
    assert (features.role.text, features.name.text, features.type.name.text) == ("input", "X", "matrix")
    assert [dimension.text for dimension in features.type.dimensions] == ["n", "d"]
    assert [setting.name.text for setting in features.settings] == ["scale"]
    assert target.settings[0].value == Text("M", target.span)
    assert isinstance(hyperparameters, HyperparameterSection)
    epsilon = hyperparameters.settings[1].value
    assert epsilon == Binary("/", Number("8", data.span), Number("255", data.span), data.span)
    assert isinstance(architecture, KindSection)
    assert (architecture.section.text, architecture.kind.text) == ("architecture", "two_layer")
    assert isinstance(loss, KindSection)
    assert [setting.name.text for setting in loss.settings] == ["margin", "reduction"]
    assert isinstance(solver, KindSection)
    assert solver.settings == ()


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_spans_are_exact(text: str) -> None:
    spec = parsed(text)
    for node in nodes_in(spec):
        said = node.span.text
        match node:
            case Name(expected) | Number(expected):
                assert said == expected
            case Text(value):
                assert said == '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
            case Negate():
                assert said.startswith("-")
            case Call(function):
                assert said.startswith(function.text) and said.endswith(")")
            case List():
                assert said[0] == "[" and said[-1] == "]"
            case Setting(name, value):
                assert said.startswith(name.text)
                assert node.span.start <= value.span.start and value.span.end <= node.span.end
            case KindSection():
                assert node.keyword.text == node.section.text
                assert said.startswith(node.section.text)
                assert said[-1] == "}" if "{" in said else said.endswith(node.kind.text)
            case DataSection() | HyperparameterSection():
                assert said.startswith(node.keyword.text) and said[-1] == "}"
            case Spec():
                assert said.startswith("reludsl 1")


def test_spans_of_arithmetic_cover_the_parentheses_of_their_operands() -> None:
    value = value_of("(1 + 2) * (3)")
    assert isinstance(value, Binary)
    assert value.span.text == "(1 + 2) * (3)"
    assert value.left.span.text == "1 + 2"
    assert value.right.span.text == "3"


def test_spans_refer_to_the_whole_text_of_a_file_with_a_byte_order_mark() -> None:
    spec = parsed("\ufeffreludsl 1\nloss hinge")
    assert spec.edition.span.text == "1"
    assert spec.sections[0].span.text == "loss hinge"


@unhurried
@given(written_specs())
def test_what_is_written_is_read(written: tuple[Spec, str, list[str]]) -> None:
    spec, text, _ = written
    assert parsed(text) == spec


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("1 + 2 + 3", "((1+2)+3)"),
        ("1 - 2 - 3", "((1-2)-3)"),
        ("1 + 2 * 3", "(1+(2*3))"),
        ("8 / 2 / 2", "((8/2)/2)"),
        ("2 * 3 + 1", "((2*3)+1)"),
        ("-1 * 2", "((-1)*2)"),
        ("1 - -2", "(1-(-2))"),
        ("2 / -3 * 4", "((2/(-3))*4)"),
        ("-f(1) + 2", "((-f(1))+2)"),
        ("(1 + 2) * 3", "((1+2)*3)"),
    ],
)
def test_operators_group_as_in_mathematics(text: str, grouped: str) -> None:
    def show(value: Any) -> str:
        match value:
            case Binary(operator, left, right):
                return f"({show(left)}{operator}{show(right)})"
            case Negate(operand):
                return f"(-{show(operand)})"
            case _:
                return str(value.span.text)

    assert show(value_of(text)) == grouped


def test_calls_hold_settings_and_values() -> None:
    call = value_of("f(1, a = 2,\n  [b], # more\n)")
    assert isinstance(call, Call)
    assert [type(argument) for argument in call.arguments] == [Number, Setting, List]


def test_strings_resolve_their_two_escapes() -> None:
    value = value_of(r'"a \"quoted\" \\ word # no comment"')
    assert value == Text('a "quoted" \\ word # no comment', value.span)


def test_keywords_are_names_wherever_no_section_begins() -> None:
    spec = parsed("reludsl 1\ndata { data data : data[data] { data = data(data) } }\nloss data { reludsl = data }")
    assert len(spec.sections) == 2


@pytest.mark.parametrize("name", ["losses", "database", "data_", "hyperparameter", "reludsl_1"])
def test_words_that_begin_like_keywords_are_names(name: str) -> None:
    (section,) = parsed(f"reludsl 1\n{name} kind").sections
    assert isinstance(section, KindSection)
    assert section.section.text == name


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
@unhurried
@given(ends=st.sampled_from(["\n", "\r\n"]), mark=st.sampled_from(["", "\ufeff"]), last=st.sampled_from(["", "\n"]))
def test_line_ends_and_byte_order_marks_do_not_matter(text: str, ends: str, mark: str, last: str) -> None:
    assert parsed(mark + (text.rstrip("\n") + last).replace("\n", ends)) == parsed(text)


def test_sections_may_be_indented() -> None:
    assert parsed("\n".join("    " + line for line in RICH.split("\n"))) == parsed(RICH)


@pytest.mark.parametrize(
    "value",
    [
        "(" * 5000 + "1" + ")" * 5000,  # parentheses leave no trace in the tree
        "1" + " + 1" * (DEEPEST_VALUE - 1),
    ],
    ids=["parentheses", "sum"],
)
def test_deep_but_not_too_deep(value: str) -> None:
    value_of(value)


@pytest.mark.parametrize(
    "value",
    [
        "1" + " + 1" * 5000,
        "-" * 5000 + "1",
        "[" * 5000 + "]" * 5000,
        "f(" * 5000 + ")" * 5000,
        "1" + " + 1" * DEEPEST_VALUE,
    ],
    ids=["sum", "negation", "list", "call", "just"],
)
def test_values_that_are_too_deep_are_mistakes(value: str) -> None:
    spec, mistakes = parse(source_of(f"reludsl 1\na b {{ c = {value} }}\nloss hinge"))
    assert [mistake.code for mistake in mistakes] == ["P120"]
    assert spec is not None
    assert spec.damaged == ("a",)
    assert [section.span.text for section in spec.sections] == ["loss hinge"]


@pytest.mark.parametrize("opening", ["(", "[", "{", "f(", '"', "- ", "1 + "])
def test_deep_and_unfinished(opening: str) -> None:
    _, mistakes = parse(source_of("reludsl 1\na b { c = " + opening * 3000))
    assert len(mistakes) == 1

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reludsl.grammar import format_spec
from reludsl.grammar.formatter import SECTION_ORDER, WIDTH, flat
from reludsl.grammar.scan import comments
from reludsl.grammar.tree import DataSection, HyperparameterSection, KindSection, Section, Spec, Value

from .specs import CANONICAL, GOOD, RICH, parsed, source_of, unhurried
from .writing import values, written_specs


def formatted(text: str) -> str:
    result, mistakes = format_spec(source_of(text))
    assert mistakes == []
    assert result is not None
    return result


def in_canonical_order(spec: Spec) -> tuple[Section, ...]:
    def name(section: Section) -> str:
        match section:
            case DataSection():
                return "data"
            case HyperparameterSection():
                return "hyperparameters"
            case KindSection():
                return section.section.text

    known = {name: rank for rank, name in enumerate(SECTION_ORDER)}
    return tuple(sorted(spec.sections, key=lambda section: known.get(name(section), len(known))))


def comment_texts(text: str) -> Counter[str]:
    return Counter(comment.text for comment in comments(text))


def test_the_example_of_the_language_is_canonical() -> None:
    assert formatted(CANONICAL) == CANONICAL


def test_a_rich_spec() -> None:
    expected = """\
#!/usr/bin/env reludsl

# A spec with everything in it.
reludsl 1  # the edition

data {
  input  X : matrix[n, 30] {
    columns = ["mean \\"radius\\"", "a # b", "back\\\\slash"]
    scale   = unit_columns
  }
  target y : categorical[n, k]
  weight w : vector[n]
  # no more
}

hyperparameters { beta = 1 }

architecture two_layer { activation = leaky_relu(slope = 0.1), width = free }

loss custom {
  expression = max(0, 1 - y * f) + 2 * -f / (beta - (1 + beta))  # convex in f
  weights    = [
    1,
    2.,  # by class
    beta * 3,
    # none for the rest
  ]
}

regularizer weight_decay

formulation sampled {
  patterns = guarantee(violation = 0.1, confidence = 0.95)
}

# Another order than the canonical one.
solver admm { rho = 1.5e-2, tolerance = .5E-3 }

strange thing

# the end
"""
    assert formatted(RICH) == expected


@unhurried
@given(written_specs())
def test_formatting_keeps_the_tree_up_to_the_order_of_sections(written: tuple[Spec, str, list[str]]) -> None:
    spec, text, _ = written
    after = parsed(formatted(text))
    assert after.sections == in_canonical_order(spec)
    assert after.edition == spec.edition


@unhurried
@given(written_specs())
def test_formatting_twice_changes_nothing(written: tuple[Spec, str, list[str]]) -> None:
    once = formatted(written[1])
    assert formatted(once) == once


@unhurried
@given(written_specs())
def test_no_comment_is_lost_or_made_up(written: tuple[Spec, str, list[str]]) -> None:
    _, text, strewn = written
    assert comment_texts(formatted(text)) == Counter(strewn)


@unhurried
@given(written_specs())
def test_lines_are_tidy(written: tuple[Spec, str, list[str]]) -> None:
    text = formatted(written[1])
    assert text.endswith("\n") and not text.endswith("\n\n")
    assert "\n\n\n" not in text
    for line in text.split("\n"):
        assert line == line.rstrip(" \t\r")
        assert (len(line) - len(line.lstrip(" "))) % 2 == 0


@unhurried
@given(values)
def test_values_on_one_line_keep_their_structure(value: Value) -> None:
    (section,) = parsed(f"reludsl 1\na b {{ c = {flat(value)} }}").sections
    assert isinstance(section, KindSection)
    assert section.settings[0].value == value


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("((1))", "1"),
        ("(1 + 2) + 3", "1 + 2 + 3"),
        ("1 + (2 + 3)", "1 + (2 + 3)"),
        ("1 - (2 - 3)", "1 - (2 - 3)"),
        ("(1 * 2) + (3 / 4)", "1 * 2 + 3 / 4"),
        ("(1 + 2) * 3", "(1 + 2) * 3"),
        ("2 / (3 * 4)", "2 / (3 * 4)"),
        ("(2 / 3) * 4", "2 / 3 * 4"),
        ("-(1 * 2)", "-(1 * 2)"),
        ("(-1) * 2", "-1 * 2"),
        ("2 * (-1)", "2 * -1"),
        ("-(-1)", "--1"),
        ("1-1", "1 - 1"),
        ("max( (0) ,(1-y*f) )", "max(0, 1 - y * f)"),
        ("[ 1,\n 2 ,]", "[1, 2]"),
        ("f ( )", "f()"),
    ],
)
def test_values_are_written_with_as_few_parentheses_as_they_need(written: str, canonical: str) -> None:
    assert formatted(f"reludsl 1\na b {{\nc = {written}\n}}") == f"reludsl 1\n\na b {{\n  c = {canonical}\n}}\n"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        pytest.param("loss hinge {}", "loss hinge", id="empty braces mean nothing"),
        pytest.param("data {\n}", "data {}", id="but are needed here"),
        pytest.param("loss hinge { # why\n}", "loss hinge {  # why\n}", id="and hold a comment"),
        pytest.param("loss hinge {margin=1,}", "loss hinge { margin = 1 }", id="one line stays one"),
        pytest.param("loss hinge {\nmargin=1}", "loss hinge {\n  margin = 1\n}", id="several stay several"),
        pytest.param(
            "a b {\nlong_name = 1\n\n\nx = 2,y = 3 # both\n\n# own\n\n}",
            "a b {\n  long_name = 1\n\n  x         = 2\n  y         = 3  # both\n\n  # own\n}",
            id="alignment, and at most one blank line",
        ),
        pytest.param(
            "a b { c = (1 # one\n + # two\n 2) } # three",
            "a b {\n  # one\n  # two\n  c = 1 + 2\n}  # three",
            id="comments inside arithmetic move before it",
        ),
        pytest.param(
            "a b { c = 2 * f(x, # one\n y) + g([1 # two\n]) }",
            "a b {\n  c = 2 * f(\n    x,  # one\n    y,\n  ) + g(\n    [\n      1,  # two\n    ],\n  )\n}",
            id="comments inside calls and lists stay there",
        ),
        pytest.param(
            "data {\ninput long_name : m[n # n\n]\n weight w : vector[n] {scale=none}\n }",
            "data {\n  # n\n  input  long_name : m[n]\n  weight w         : vector[n] { scale = none }\n}",
            id="types are aligned only where options follow",
        ),
    ],
)
def test_layout(written: str, canonical: str) -> None:
    assert formatted("reludsl 1\n" + written) == f"reludsl 1\n\n{canonical}\n"


def test_a_line_that_is_too_long_is_broken_from_the_outside() -> None:
    columns = ", ".join(f'"column {number}"' for number in range(8))
    text = formatted(f"reludsl 1\na b {{ c = [{columns}], d = 1 }}")
    assert text.split("\n")[2:5] == ["a b {", "  c = [", '    "column 0",']
    assert max(map(len, text.split("\n"))) <= WIDTH


def test_a_comment_does_not_count_for_the_width() -> None:
    line = "loss hinge { margin = 1 }  # " + "long " * 20
    assert formatted(f"reludsl 1\n{line}") == f"reludsl 1\n\n{line.rstrip()}\n"


def test_sections_take_the_comments_before_them_along() -> None:
    text = formatted("reludsl 1\n# of the solver\n\n# too\nsolver cvxpy\n# of the loss\nloss hinge # here\n# tail")
    assert text == (
        "reludsl 1\n\n# of the loss\nloss hinge  # here\n\n# of the solver\n\n# too\nsolver cvxpy\n\n# tail\n"
    )


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
@unhurried
@given(ends=st.sampled_from(["\n", "\r\n"]), mark=st.sampled_from(["", "\ufeff"]))
def test_line_ends_and_byte_order_marks_leave_no_trace(text: str, ends: str, mark: str) -> None:
    assert formatted(mark + text.replace("\n", ends)) == formatted(text)


def test_no_text_for_a_spec_with_mistakes() -> None:
    text, mistakes = format_spec(source_of("reludsl 1\nloss hinge { margin = }\nsolver cvxpy"))
    assert text is None
    assert [mistake.code for mistake in mistakes] == ["P102"]

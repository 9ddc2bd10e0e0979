"""Whatever the text: a spec or mistakes, never an exception."""

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reludsl.grammar import format_spec, parse
from reludsl.render import render

from .specs import GOOD, source_of, unhurried

SCRAPS = [
    *"{}()[],:=+-*/#\"\\\n\t\r'@;.^%é“”\0\ufeff\u2028 ",
    *(
        "\n\n",
        "\r\n",
        "reludsl 1",
        "reludsl 2",
        "data",
        "hyperparameters",
        "loss hinge",
        "input X",
        "beta",
        "1e-3",
        "1e",
    ),
    *('"M"', "= 1", "f(", "a = 1", "# comment", "//", "**", "==", " { ", " }\n", "2x", "[[", "\nloss", "\n  data {"),
]
WORDS = re.compile(r"\w+|\s+|.", re.DOTALL)


def check_everything_that_holds_for_any_text(text: str) -> None:
    source = source_of(text)
    spec, mistakes = parse(source)
    assert spec is not None or mistakes
    for mistake in mistakes:
        assert mistake.code.startswith("P") and mistake.severity == "error"
        assert mistake.message and mistake.span is not None
        for label in mistake.labels:
            assert 0 <= label.span.start <= label.span.end <= len(text)
    assert isinstance(render(mistakes), str)
    starts = [mistake.span.start for mistake in mistakes if mistake.span]
    assert starts == sorted(starts)
    if spec is not None:
        assert bool(spec.damaged) <= bool(mistakes)
        for section in spec.sections:
            assert section.span.text.startswith(section.keyword.text)
    formatted, format_mistakes = format_spec(source)
    assert (formatted is None) == bool(mistakes)
    assert format_mistakes == mistakes
    if formatted is not None:
        assert format_spec(source_of(formatted)) == (formatted, [])


@st.composite
def edited_specs(draw: st.DrawFn) -> str:
    """A good spec after some random edits of its characters or words."""
    text = draw(st.sampled_from(list(GOOD.values())))
    random = Random(draw(st.integers(0, 2**32)))
    for _ in range(draw(st.integers(1, 4))):
        pieces = list(text) if random.random() < 0.4 else WORDS.findall(text)
        if not pieces:
            return text
        place, other = random.randrange(len(pieces)), random.randrange(len(pieces))
        match random.randrange(4):
            case 0:
                del pieces[place : place + random.choice([1, 1, 1, 2, 5])]
            case 1:
                pieces.insert(place, random.choice(SCRAPS))
            case 2:
                pieces[place], pieces[other] = pieces[other], pieces[place]
            case _:
                pieces[place] = random.choice(SCRAPS)
        text = "".join(pieces)
    return text


@unhurried
@given(edited_specs())
def test_edited_specs(text: str) -> None:
    check_everything_that_holds_for_any_text(text)


@unhurried
@given(st.lists(st.sampled_from(SCRAPS), max_size=30).map("".join))
def test_scraps(text: str) -> None:
    check_everything_that_holds_for_any_text(text)
    check_everything_that_holds_for_any_text("reludsl 1\n" + text)


@unhurried
@given(st.text())
def test_any_text(text: str) -> None:
    check_everything_that_holds_for_any_text(text)


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_every_beginning_of_a_good_spec(text: str) -> None:
    for end in range(0, len(text), 3):
        check_everything_that_holds_for_any_text(text[:end])


def test_binary_junk() -> None:
    random = Random(0)
    for length in (1, 10, 1000, 20000):
        check_everything_that_holds_for_any_text(random.randbytes(length).decode("latin-1"))
        check_everything_that_holds_for_any_text(random.randbytes(length).decode("utf-8", "surrogateescape"))

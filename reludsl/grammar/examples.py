"""The mistakes that examples teach: texts that show each, and the function that describes it.

An example is one section (or the edition line) in which the mistake stands. Where the parser's state depends on
it, the example comes in the one-line and the newline form, and once for each form that a value can have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reludsl.diagnostics import Diagnostic
from reludsl.grammar.messages import (
    OPERATORS,
    after_the_end,
    brace_on_next_line,
    comma_after_nothing,
    edition_missing,
    equals_after_section,
    kind_missing,
    name_of_unnamed_section,
    operand_missing,
    option_without_equals,
    options_outside_braces,
    role_missing,
    sign_for_equals,
    type_missing,
    value_after_value,
    value_missing,
    wrong_bracket,
)
from reludsl.grammar.situation import Situation


@dataclass(frozen=True)
class Mistake:
    """A kind of mistake: what tells it, and what to say of it. `describe` may tell finer kinds apart."""

    name: str
    examples: tuple[str, ...]
    describe: Callable[[Situation], Diagnostic]


_VALUES = ("1", "k", '"s"', "f(1)", "[1]", "(1)", "-1", "1 + k", "1 * k")
_UNFINISHED = (*(f"1 {operator}" for operator in OPERATORS), "-")
_ARITHMETIC = tuple(value for value in _VALUES if value[0] not in '"[')


def _in_entries(*entries: str) -> Iterable[str]:
    """Entries of an option block in the one-line and the newline form."""
    for entry in entries:
        yield f"a b {{ {entry} }}\n"
        yield f"a b {{\n  {entry}\n}}\n"


def _in_data(*entries: str) -> Iterable[str]:
    """Entries of the data section in the one-line and the newline form."""
    for entry in entries:
        yield f"data {{ {entry} }}\n"
        yield f"data {{\n  {entry}\n}}\n"


MISTAKES = (
    Mistake(
        "edition without a number",
        ("reludsl\n", "reludsl", "reludsl one\n", 'reludsl "1"\n', "reludsl = 1\n", "reludsl : 1\n", "reludsl {\n"),
        edition_missing,
    ),
    Mistake(
        "option without a value",
        (*_in_entries("c =", "c = , d = 2"), "a b { c = f(d = ) }\n", "a b { c = f(d = , e = 1) }\n"),
        value_missing,
    ),
    Mistake(
        "section without a kind",
        ("a\n", "a", "a {\n}\n", "a { c = 1 }\n", "a 1\n", 'a "b"\n', "data\n", "hyperparameters\n", "data"),
        kind_missing,
    ),
    Mistake(
        "another sign for `=`",
        (
            *_in_entries("c : 1", "c == 1"),
            "hyperparameters { c : 1 }\n",
            "a b { c = f(d == 1) }\n",
            "a b { c = f(d : 1) }\n",
        ),
        sign_for_equals,
    ),
    Mistake(
        "sign after a section's name",
        ("a = b\n", "a : b\n", "data = b\n", "data : b\n", "hyperparameters = 1\n", "hyperparameters : {\n}\n"),
        equals_after_section,
    ),
    Mistake(
        "two values in a row",
        (
            *_in_entries("c = 1 d = 2", "c = k d = 2", "c = 1 2"),
            *(f"a b {{ c = {value} {after} }}\n" for value in _VALUES for after in ("d = 2", "2")),
            *(f"a b {{ c = {value} (2) }}\n" for value in _VALUES if value[-1] != "k"),
            *(f"a b {{ c = {value} [2] }}\n" for value in _VALUES if value[-1] != "k"),
            *(f"a b {{ c = [{value} {after}] }}\n" for value in _VALUES for after in ("d", "2")),
            *(f"a b {{ c = f({value} {after}) }}\n" for value in _VALUES for after in ("d", "2")),
            *(f"a b {{ c = f(d = {value} {after}) }}\n" for value in _VALUES for after in ("d", "2")),
            *(f"a b {{ c = ({value} {after}) }}\n" for value in _ARITHMETIC for after in ("d", "2")),
            *_in_data("e x : m[n d]", "e x : m[n 2]", "e x : m[2 d]", "e x : m[2 2]"),
        ),
        value_after_value,
    ),
    Mistake(
        "declaration without a role",
        tuple(_in_data("x : m[n]", "x = m[n]", "x", "x, e y : m", "x[n]", "x { c = 1 }", "x(n)", "x 1", 'x "s"')),
        role_missing,
    ),
    Mistake(
        "opening brace on its own line",
        ("a b\n{\n", "a b\n{ c = 1 }\n"),
        brace_on_next_line,
    ),
    Mistake(
        "option without `=`",
        (*_in_entries("c", "c, d = 1", "c 1", "c d", "c [1]", "c (1)", "c { d = 1 }"),),
        option_without_equals,
    ),
    Mistake(
        "comma after nothing",
        (
            *_in_entries(", c = 1", "c = 1,, d = 2"),
            *_in_data(", e x : m", "e x : m,, e y : m", "e x : m[, n]", "e x : m[n,, d]"),
            *("a b { c = 1\n, d = 2 }\n", "data { e x : m\n, e y : m }\n", "a b {\n  c = 1,\n  , d = 2\n}\n"),
            *("a b { c = [, 1] }\n", "a b { c = [1,, 2] }\n", "a b { c = f(, 1) }\n", "a b { c = f(1,, 2) }\n"),
        ),
        comma_after_nothing,
    ),
    Mistake(
        "options outside braces",
        (
            *("a b c = 1\n", "a b 1\n", 'a b "s"\n', "a b = 1\n", "a b : 1\n", "a b\n  c = 1\n", "a b\n  1\n"),
            *_in_data("e x : m c = 1", "e x : m[n] c = 1", "e x : m { } e y : m"),
        ),
        options_outside_braces,
    ),
    Mistake(
        "operand missing",
        (
            *_in_entries("c = 1 +", "c = -", "c = 2 * , d = 1", "c = * 1"),
            *(
                f"a b {{ c = {before} {after} }}\n"
                for before in _UNFINISHED
                for after in ("", ",", "\n", "+", "*", "/")
            ),
            *(f"a b {{ c = ({before} {after}) }}\n" for before in _UNFINISHED for after in ("", "+", "*", "/")),
            *(f"a b {{ c = f({before} {after}) }}\n" for before in _UNFINISHED for after in ("", ",", "+", "*", "/")),
            *(f"a b {{ c = [{before} {after}] }}\n" for before in _UNFINISHED for after in ("", ",", "+", "*", "/")),
            *(
                f"a b {{ c = {before} {sign} 1 }}\n"
                for before in ("", "(", "f(", "f(1,", "[", "[1,", "f(d =")
                for sign in "+*/"
            ),
            "a b { c = () }\n",
        ),
        operand_missing,
    ),
    Mistake(
        "text after the end",
        (
            *("reludsl 1 data {\n", "reludsl 1 2\n", "reludsl 1, 2\n", "reludsl 1 {\n", "reludsl 1 = 2\n"),
            *("a b { } c d\n", "a b { } 1\n", "a b { }, c d\n", "a b { } {\n", "a b { } = 1\n"),
            *("data { } c d\n", "data { } {\n", "data { }, c d\n", "hyperparameters { } c d\n"),
            *("hyperparameters { }, c d\n", "hyperparameters { } {\n"),
        ),
        after_the_end,
    ),
    Mistake(
        "declaration without a type",
        tuple(
            _in_data(
                *("e x", "e x, e y : m", "e x m[n]", "e x = m", "e x[n]", "e x { c = 1 }", "e x(n)", "e x 1"),
                *("e x :", "e x : , e y : m", "e x : 1", 'e x : "s"', "e x : [n]", "e x : { c = 1 }"),
                *("e x : (n)", "e x : : m", "e x : = m"),
            )
        ),
        type_missing,
    ),
    Mistake(
        "name of an unnamed section",
        ("data b {\n", "hyperparameters b {\n", 'data "b"\n', "hyperparameters 1\n"),
        name_of_unnamed_section,
    ),
    Mistake(
        "wrong kind of bracket",
        (
            *("a b (c = 1)\n", "a b [c = 1]\n", "data (\n", "data [\n", "hyperparameters (\n", "hyperparameters [\n"),
            *_in_entries("c = { 1 }", "c = k { d = 1 }", "c = f(1) { d = 1 }", "c = 1 { d = 1 }", "c = k[1]"),
            *_in_data("e x : m(n)"),
            *(f"a b {{ c = ({value}, 2) }}\n" for value in _ARITHMETIC),
            *("a b { c = f(k[1]) }\n", "a b { c = (k[1]) }\n", "a b { c = [k[1]] }\n"),
        ),
        wrong_bracket,
    ),
)

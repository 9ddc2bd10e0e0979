"""What to say of the mistakes that examples teach (`examples.py`), each by one function.

A message says what went wrong, its labels where and what was expected, and its help what to write instead. A function
may tell finer kinds apart by what stands around the offender.
"""

from __future__ import annotations

from reludsl.diagnostics import Diagnostic
from reludsl.grammar.situation import Situation, quote, text_of

OPERATORS = "+-*/"


def edition_missing(situation: Situation) -> Diagnostic:
    offender = situation.offender
    if offender is None or offender.kind == "sign":
        message = "the edition of the language is not given"
    else:
        message = f"{quote(offender.text)} is not an edition of the language"
    return situation.report("P101", message, "expected its number", "write `reludsl 1`, on a line of its own")


def value_missing(situation: Situation) -> Diagnostic:
    name = text_of(situation.before(2))
    return situation.report(
        "P102",
        f"`{name}` is given no value",
        "expected a value",
        f"write a value after `=`, or take `{name}` out to leave it at its default",
        at=situation.before(),
    )


def kind_missing(situation: Situation) -> Diagnostic:
    section = situation.before()
    name = text_of(section)
    if text_of(situation.after()) == "{" and situation.offender is None:
        return brace_on_next_line(situation)
    if name in ("data", "hyperparameters"):
        help = f"write `{name} {{ ... }}`, with its entries in the braces"
        return situation.report("P103", f"`{name}` has no entries", "expected `{`", help, at=section)
    return situation.report(
        "P103",
        f"the section `{name}` does not say of which kind it is",
        "expected a kind after this",
        "write the kind after the section's name, as in `loss hinge`",
        at=section,
    )


def sign_for_equals(situation: Situation) -> Diagnostic:
    before, offender = situation.before(), situation.offender
    doubled = text_of(before) == "="
    name = text_of(situation.before(2) if doubled else before)
    following = situation.after()
    value = text_of(following) if following is not None and following.kind != "sign" else "..."
    at = situation.here
    if doubled and before is not None:
        at = situation.span(before).until(at)
    elif text_of(offender) == ":" and text_of(following) == "=" and following is not None:
        at = at.until(situation.span(following))
        value = text_of(situation.after(2))
    return situation.report(
        "P104",
        f"{quote(at.text)} does not give `{name}` a value",
        "expected `=`",
        f"write `{name} = {value}`",
        at=at,
    )


def equals_after_section(situation: Situation) -> Diagnostic:
    name, following = text_of(situation.before()), situation.after()
    if name in ("data", "hyperparameters"):
        help = f"write `{name} {{ ... }}`, with its entries in the braces"
    elif following is not None and following.kind == "word":
        help = f"write `{name} {following.text}`; an option stands in its section's braces"
    else:
        help = f"write `{name}` and its kind, as in `loss hinge`; an option stands in its section's braces"
    return situation.report(
        "P105",
        f"{situation.here_in_words} does not fit after the section name `{name}`",
        "a section takes no sign here",
        help,
    )


def value_after_value(situation: Situation) -> Diagnostic:
    offender, following = situation.offender, situation.after()
    listed = situation.innermost in ("[", "(")
    if offender is not None and offender.kind == "word" and text_of(following) == "=":
        between = "`,`" if listed else "`,` or a new line"
        return situation.report(
            "P106",
            "two options share a line without a comma",
            f"expected {between} before this",
            f"put a comma before `{offender.text}`" + ("" if listed else ", or begin a new line"),
        )
    between = "`,` or an operator" if listed else "an operator"
    before = situation.before()
    return situation.report(
        "P123",
        f"nothing stands between {quote(text_of(before))} and {situation.here_in_words}",
        f"expected {between} before this",
        "separate the items by commas" if listed else "write the operator, as in `2 * beta`; a list stands in `[ ]`",
        also=(before, "the value ends here"),
    )


def role_missing(situation: Situation) -> Diagnostic:
    name = situation.before()
    if situation.here_in_words == "`=`":
        return situation.report(
            "P108",
            "the data section holds declarations, not options",
            "expected a name, `:` and a type",
            "write a declaration as `input X : matrix[n, d]`; its options follow in braces",
        )
    return situation.report(
        "P108",
        f"`{text_of(name)}` is declared without a role",
        "expected a role before this name",
        f"write the role, the name and the type, as in `input {text_of(name, 'X')} : matrix[n, d]`",
        at=name,
    )


def brace_on_next_line(situation: Situation) -> Diagnostic:
    head = situation.before()
    brace = situation.offender or situation.after()
    return situation.report(
        "P109",
        "the opening brace stands below the head of its section",
        "expected on the line above",
        f"put the brace behind `{text_of(head)}`",
        at=brace,
        also=(head, "the section ends here"),
    )


def option_without_equals(situation: Situation) -> Diagnostic:
    name = situation.before()
    word = text_of(name)
    offender = situation.offender
    if offender is None or offender.text in (",", "}", ")"):
        return situation.report(
            "P111",
            f"`{word}` is given no value",
            "expected `=` and a value after this",
            f"write `{word} = ...`",
            at=name,
        )
    value = offender.text if offender.kind in ("word", "number", "string") else "..."
    return situation.report(
        "P111",
        f"no `=` stands between `{word}` and {situation.here_in_words}",
        "expected `=` before this",
        f"write `{word} = {value}`",
    )


def comma_after_nothing(situation: Situation) -> Diagnostic:
    before = situation.before()
    if text_of(before) == ",":
        return situation.report(
            "P116", "a comma follows a comma", "nothing to separate", "take it out", also=(before, "the first comma")
        )
    return situation.report("P116", "a comma stands before the first entry", "nothing to separate", "take it out")


def options_outside_braces(situation: Situation) -> Diagnostic:
    offender = situation.offender
    if situation.innermost == "{" and text_of(situation.after()) != "=":
        return situation.report(
            "P106",
            "two declarations share a line without a comma",
            "expected `,` or a new line before this",
            f"put a comma before {situation.here_in_words}, or begin a new line",
        )
    shown = quote(offender.text) if offender is not None and offender.kind == "word" else "an option"
    head = "`loss hinge { margin = 1 }`" if situation.innermost == "" else "`input X : matrix[n, d] { scale = none }`"
    return situation.report(
        "P124",
        f"{shown} stands outside of braces",
        "expected `{` before this",
        f"put the options into braces, as in {head}",
    )


def operand_missing(situation: Situation) -> Diagnostic:
    before, offender = situation.before(), situation.offender
    assert before is not None
    if before.text == "(" and situation.here_in_words == "`)`":
        return situation.report(
            "P125", "nothing stands in the parentheses", "expected a value", "write a value, or take them out"
        )
    if offender is not None and before.text == offender.text == "*" and before.end == offender.start:
        return situation.report(
            "P125",
            "there is no operator `**`",
            "expected one `*`",
            "write a power as a product, as `x * x`, and a power of ten as `1e-3`",
            at=situation.span(before).until(situation.here),
        )
    if before.text in OPERATORS:
        message = f"no value stands after `{before.text}`"
        return situation.report("P125", message, "expected a value after this", "write the missing value", at=before)
    help = "a number needs no `+`" if situation.here_in_words == "`+`" else "write the missing value"
    message = f"no value stands before {situation.here_in_words}"
    return situation.report("P125", message, "expected a value before this", help)


def after_the_end(situation: Situation) -> Diagnostic:
    before = situation.before()
    of_edition = situation.chunk.first_word == "reludsl"
    what = "edition line" if of_edition else "section"
    return situation.report(
        "P126",
        f"{situation.here_in_words} follows the end of the {what} on the same line",
        "expected a new line before this",
        "leave `reludsl 1` on a line of its own" if of_edition else "begin each section on a new line",
        also=(before, f"the {what} ends here"),
    )


def type_missing(situation: Situation) -> Diagnostic:
    before, offender = situation.before(), situation.offender
    has_colon = text_of(before) == ":"
    name = situation.before(2) if has_colon else before
    word = text_of(name)
    help = f"write a type after the name, as in `{word} : matrix[n, d]`"
    if offender is not None and offender.kind == "word":
        help = f"write `:` between the name and the type, as in `{word} : {offender.text}`"
    label = "expected a type" if has_colon else "expected `:` and a type"
    return situation.report("P127", f"`{word}` is declared without a type", label, help, also=(name, "declared here"))


def name_of_unnamed_section(situation: Situation) -> Diagnostic:
    section, offender = text_of(situation.before()), situation.offender
    return situation.report(
        "P128",
        f"`{section}` takes no kind and no name",
        "expected `{`",
        f"write `{section} {{ ... }}`" + ("; the data's file is given when the spec is solved" * (section == "data")),
        at=offender,
    )


def wrong_bracket(situation: Situation) -> Diagnostic:
    sign, before = text_of(situation.offender), situation.before()
    brackets = {"(": "parentheses", "[": "square brackets"}.get(sign, "braces")
    match sign, text_of(before), situation.innermost:
        case ",", _, _:
            return situation.report(
                "P130",
                "a list stands in parentheses",
                "expected `)`",
                "write lists in square brackets, as `[1, 2]`",
                also=(situation.brackets[-1], "opened here"),
            )
        case "{", "=", _:
            message = "a value stands in braces"
            label, help = "expected a value", "write lists in square brackets, as `[1, 2]`"
        case "{", _, _:
            message = "the options of a value stand in braces"
            label, help = "expected `,` or a new line", "put them into parentheses, as `leaky_relu(slope = 0.1)`"
        case _, word, "":
            first = situation.before(2)
            head = word if first is None else f"{first.text} {word}"
            message = f"the entries of `{head}` stand in {brackets}"
            label, help = "expected `{`", f"put them into braces: `{head} {{ ... }}`"
        case "(", word, _:
            message = f"the dimensions of `{word}` stand in parentheses"
            label, help = "expected `[`", f"write dimensions in square brackets, as `{word}[n, d]`"
        case _, word, _:
            message = f"the arguments of `{word}` stand in {brackets}"
            label, help = "expected an operator", f"nothing is indexed; write arguments in parentheses: `{word}(...)`"
    return situation.report("P130", message, label, help)

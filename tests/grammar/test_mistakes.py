import re

import pytest

from reludsl.codes import CODES
from reludsl.diagnostics import Diagnostic
from reludsl.grammar import parse
from reludsl.grammar.examples import MISTAKES
from reludsl.grammar.mistakes import _IN_WORDS, example_key, in_words
from reludsl.render import render

from .specs import source_of

# Each mistake in the one-line form and in the newline form.
CASES = [
    ("P100", "loss hinge { margin = 1 = 2 }", "loss hinge {\n  margin = 1 = 2\n}"),
    ("P100", "data { input X : matrix[] }", "data {\n  input X : matrix[]\n}"),
    ("P102", "formulation sampled { patterns = }", "formulation sampled {\n  patterns =\n  seed = 0\n}"),
    ("P102", "a b { c = f(d = , e = 1) }", "a b {\n  c = f(\n    d = ,\n    e = 1\n  )\n}"),
    ("P103", "loss { margin = 1 }", "loss {\n  margin = 1\n}"),
    ("P103", "data", "hyperparameters\nloss hinge"),
    ("P104", "loss hinge { margin: 1 }", "loss hinge {\n  margin: 1\n}"),
    ("P104", "loss hinge { margin == 1 }", "loss hinge {\n  margin := 1\n}"),
    ("P105", "loss = hinge", "loss: hinge\n"),
    ("P105", "data = X", "data: {\n  input X : matrix[n, d]\n}"),
    ("P106", "formulation sampled { patterns = 10 seed = 0 }", "formulation sampled {\n  patterns = 10 seed = 0\n}"),
    ("P106", "data { input X : matrix[n, d] target y : binary[n] }", "data {\n  input X : m target y : binary[n]\n}"),
    ("P106", "a b { c = f(d = 1 e = 2) }", "a b {\n  c = f(\n    d = 1\n    e = 2\n  )\n}"),
    ("P107", "loss hinge { margin = 1", "loss hinge {\n  margin = 1\n"),
    ("P107", "data { input X : matrix[n, d] { scale = none }", "data {\n  input X : matrix[n, d] {\n"),
    ("P107", "loss hinge {", "loss hinge {\n  margin"),
    ("P108", "data { X : matrix[n, d] }", "data {\n  X : matrix[n, d]\n}"),
    ("P108", "data { scale = none }", "data {\n  scale = none\n}"),
    ("P109", "loss hinge\n{ margin = 1 }", "loss hinge\n{\n  margin = 1\n}"),
    ("P109", "data\n{ input X : matrix[n, d] }", "hyperparameters\n\n{\n  beta = 1\n}"),
    ("P110", "solver admm { rho = (1 + 2 }", "solver admm {\n  rho = (1 + 2\n  tolerance = 1\n}"),
    ("P110", "solver admm { rho = (1 + 2] }", "solver admm {\n  rho = f(1,\n  tolerance = 1\n}"),
    ("P111", "hyperparameters { beta }", "hyperparameters {\n  beta\n}"),
    ("P111", "hyperparameters { beta 1 }", "hyperparameters {\n  beta 1\n}"),
    ("P113", 'a b { c = "M }', 'a b {\n  c = "M\n}'),
    ("P113", 'a b { c = ["x", "y] }', 'a b {\n  c = [\n    "x,\n    "y"\n  ]\n}'),
    ("P114", "a b { c = 'M' }", "a b {\n  c = 'M'\n}"),
    ("P115", "loss @hinge", "loss hinge {\n  margin = 1;\n}"),
    ("P115", "a b { c = “M” }", "a b {\n  c = “M”\n}"),
    ("P116", "loss hinge { margin = 1,, reduction = mean }", "loss hinge {\n  margin = 1,,\n  reduction = mean\n}"),
    ("P116", "loss hinge { , margin = 1 }", "loss hinge {\n  margin = 1\n  , reduction = mean\n}"),
    ("P116", "a b { c = [1,, 2] }", "a b {\n  c = [\n    1,\n    , 2\n  ]\n}"),
    ("P117", 'a b { c = ["x", "y" }', 'a b {\n  c = ["x",\n    "y"\n  d = 1\n}'),
    ("P117", "data { input X : matrix[n, d }", "data {\n  input X : matrix[n, d\n  target y : binary[n]\n}"),
    ("P118", "loss hinge { margin = 1 } }", "loss hinge {\n  margin = 1\n}\n}"),
    ("P118", "a b { c = 1) }", "a b {\n  c = 1]\n}"),
    ("P121", r'a b { c = "a\n" }', 'a b {\n  c = "a\\x"\n}'),
    ("P122", "solver admm { max_iterations = 10_000 }", "solver admm {\n  max_iterations = 10_000\n}"),
    ("P122", "a b { c = 2x }", "a b {\n  c = 1.2.3\n}"),
    ("P123", "regularizer l1 { strength = 2 beta }", "regularizer l1 {\n  strength = 2 beta\n}"),
    ("P123", "a b { c = [1 2] }", 'a b {\n  c = [\n    "x"\n    "y"\n  ]\n}'),
    ("P123", "data { input X : matrix[n d] }", "data {\n  input X : matrix[n d]\n}"),
    ("P124", "loss hinge margin = 1", "loss hinge\n  margin = 1"),
    ("P124", "data { input X : matrix[n, d] scale = none }", "data {\n  input X : matrix[n, d] scale = none\n}"),
    ("P125", "a b { c = 8 / }", "a b {\n  c = 8 /\n}"),
    ("P125", "a b { c = 2 ** 3 }", "a b {\n  c = 2 ** 3\n}"),
    ("P125", "a b { c = () }", "a b {\n  c = +1\n}"),
    ("P126", "loss hinge { } solver cvxpy", "loss hinge {\n} solver cvxpy"),
    ("P127", "data { input X }", "data {\n  input X\n}"),
    ("P127", "data { input X = matrix[n, d] }", "data {\n  input X :\n}"),
    ("P128", "data iris { input X : matrix[n, d] }", "hyperparameters mine {\n  beta = 1\n}"),
    ("P129", "regularizer weight-decay", "a b {\n  time-limit = 1\n}"),
    ("P130", "data { input X : matrix(n, d) }", "data {\n  input X : matrix(n, d)\n}"),
    ("P130", "loss hinge (margin = 1)", "a b {\n  c = {1, 2}\n}"),
    ("P130", "a b { c = (1, 2) }", "a b {\n  c = leaky_relu { slope = 0.1 }\n}"),
    ("P131", "loss hinge // comment", "a b {\n  c = 1 // comment\n}"),
    ("P131", "/* comment */", "a b {\n  // comment\n}"),
]

WHOLE_FILES = [
    ("P101", "data {\n}\n"),
    ("P101", "loss hinge\nreludsl 1\n"),
    ("P101", "reludsl 1\nreludsl 1\n"),
    ("P101", "reludls 1\nloss hinge\n"),
    ("P101", "reludsl\nloss hinge\n"),
    ("P101", "reludsl = 1\nloss hinge\n"),
    ("P101", 'reludsl "1"\nloss hinge\n'),
    ("P112", "reludsl 2\nloss hinge\n"),
    ("P112", "reludsl 1.5\nloss = hinge\n"),
    ("P119", ""),
    ("P119", "\ufeff \n\t# only a comment"),
    ("P122", "reludsl 1data {\n}\n"),
    ("P126", "reludsl 1 loss hinge\n"),
    ("P126", "reludsl 1, loss hinge\n"),
]


def mistakes_in(text: str) -> list[Diagnostic]:
    return parse(source_of(text))[1]


def codes_in(text: str) -> list[str]:
    return [mistake.code for mistake in mistakes_in(text)]


@pytest.mark.parametrize(("code", "one_line", "newline"), CASES)
def test_mistakes_in_both_forms(code: str, one_line: str, newline: str) -> None:
    for form in (one_line, newline):
        assert codes_in(f"reludsl 1\n{form}\n") == [code]
        assert codes_in(f"# comment\nreludsl 1\n\n{form}  # comment") == [code] or '"' in form or "'" in form
        assert codes_in(f"reludsl 1\r\n{form}\r\n".replace("\n", "\r\n")) == [code]


@pytest.mark.parametrize(("code", "text"), WHOLE_FILES)
def test_mistakes_of_whole_files(code: str, text: str) -> None:
    assert codes_in(text) == [code]


def test_every_code_has_a_case() -> None:
    provoked = {case[0] for case in [*CASES, *WHOLE_FILES]} | {"P120"}  # nested too deeply: in test_parser
    assert {code for code in CODES if code.startswith("P")} == provoked


def test_no_example_teaches_two_mistakes() -> None:
    taught: dict[object, str] = {}
    for mistake in MISTAKES:
        for example in mistake.examples:
            assert taught.setdefault(example_key(example), mistake.name) == mistake.name, example


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_examples_are_told_by_what_they_teach(mistake: object) -> None:
    for example in mistake.examples:  # type: ignore[attr-defined]
        text = example if example.startswith("reludsl") else "reludsl 1\n" + example
        (code,) = codes_in(text)
        assert code != "P100"


def everything_said() -> list[str]:
    texts = [text for _, text in WHOLE_FILES] + [f"reludsl 1\n{form}" for case in CASES for form in case[1:]]
    return texts + ["reludsl 1\n" + example for mistake in MISTAKES for example in mistake.examples]


def test_messages_are_for_people() -> None:
    terminals = re.compile(r"\b(" + "|".join(map(re.escape, _IN_WORDS)) + r"|RULE|Token)\b")
    for text in everything_said():
        for mistake in mistakes_in(text):
            said = [mistake.message, mistake.help or "", *mistake.notes, *(label.text for label in mistake.labels)]
            assert mistake.code == "P100" or mistake.help
            assert len([label for label in mistake.labels if label.primary]) == 1
            for sentence in said:
                assert not terminals.search(sentence.replace("`data`", "")), sentence
                assert not re.search(r"\b[Ww]e\b", sentence), sentence
                assert not sentence.endswith("."), sentence
                assert not sentence[:1].isupper(), sentence
            assert render([mistake])


def test_labels_stand_on_the_offender() -> None:
    def labelled(text: str) -> list[str]:
        (mistake,) = mistakes_in("reludsl 1\n" + text)
        return [label.span.text for label in mistake.labels]

    assert labelled("loss = hinge") == ["="]
    assert labelled("loss hinge { margin = (1 + 2 }") == ["}", "("]
    assert labelled("loss hinge { margin = 1\n\nsolver cvxpy") == ["{", "solver"]
    assert labelled("loss hinge { margin = 1 reduction = mean }") == ["reduction"]
    assert labelled("a b { c = 'M' }") == ["'M'"]
    assert labelled('a b { c = "M }') == ['"M }']
    assert labelled("a b { c = 1 ^ 2 }") == ["^"]
    assert labelled("regularizer weight-decay") == ["weight-decay"]
    assert labelled("loss hinge\n{\n}") == ["{", "hinge"]


@pytest.mark.parametrize(
    ("character", "remedy"),
    [
        (";", "end of their line"),
        ("β", "`beta`"),
        ("\u00a0", "plain space"),
        ("\0", "take it out"),
        ("−", "write `-`"),
        ("^", "product"),
        ("é", "a to z"),
        ("“", "double quotes"),
        ("☃", "take it out"),
    ],
)
def test_strange_characters_have_their_remedies(character: str, remedy: str) -> None:
    (mistake,) = mistakes_in(f"reludsl 1\na b {{ c = 1 {character} }}")
    assert mistake.code == "P115"
    assert mistake.help is not None and remedy in mistake.help
    assert mistake.message.isprintable()


def test_the_fallback_names_what_would_fit() -> None:
    (mistake,) = mistakes_in("reludsl 1\nloss hinge { margin = 1 = 2 }")
    assert mistake.message == "`=` does not fit here"
    assert mistake.labels[0].text == "expected an operator, `,`, `}` or a new line"


def test_terminals_in_words() -> None:
    assert in_words({"NAME"}) == "a name"
    assert in_words({"NAME", "DATA", "HYPERPARAMETERS", "_NL"}).startswith("a section")
    assert in_words({"COMMA", "RSQB"}) == "`,` or `]`"
    assert in_words(set()) == "nothing more"


def examples_on_page(page: str, heading: str) -> list[str]:
    found = re.search(rf"{heading}:\n\n((?:    .*\n|\n)+)", page + "\n")
    return [] if found is None else [re.sub(r"(?m)^    ", "", found[1])]


@pytest.mark.parametrize("code", [code for code in CODES if code.startswith("P")])
def test_pages_show_the_mistake_and_its_remedy(code: str) -> None:
    page = CODES[code].page
    whole = code in ("P101", "P112", "P119")
    wrong, right = examples_on_page(page, "Wrong"), examples_on_page(page, "Right")
    assert bool(wrong) == bool(right) == (code != "P120")
    for text in wrong:
        assert codes_in(text if whole else "reludsl 1\n" + text) == [code]
    for text in right:
        assert codes_in(text if whole else "reludsl 1\n" + text) == []

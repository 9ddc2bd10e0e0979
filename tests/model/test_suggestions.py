"""A slip of the pen is met by the word that was meant, and by no other."""

from __future__ import annotations

import pytest

from reludsl.api import check
from reludsl.choice import language
from reludsl.diagnostics import suggestion
from reludsl.options import ChoiceType
from tests.model.specs import spec


def slips(word: str) -> set[str]:
    """The word with a letter lost, doubled, swapped with the next or mistyped; without its underscore; in capitals."""
    found = {word[:i] + word[i + 1 :] for i in range(len(word))}
    found |= {word[:i] + letter + word[i:] for i, letter in enumerate(word)}
    found |= {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)}
    found |= {word[:i] + "x" + word[i + 1 :] for i in range(len(word))}
    return (found | {word.replace("_", ""), word.upper(), word + "s"}) - {word, ""}


def vocabularies() -> dict[str, list[str]]:
    """The sets of words from which one is meant, by where they stand."""
    sets = {"sections": [section.name for section in language().sections]}
    for section in language().sections:
        sets[f"kinds of {section.name}"] = [kind.name for kind in section.kinds]
        for kind in section.kinds:
            sets[f"options of {kind.name}"] = [option.name for option in kind.options]
            for option in kind.options:
                if isinstance(option.type, ChoiceType):
                    sets[f"words for {kind.name}.{option.name}"] = list(option.type.names)
    return {place: words for place, words in sets.items() if words}


@pytest.mark.parametrize(("place", "words"), vocabularies().items(), ids=lambda value: str(value)[:40])
def test_most_slips_of_the_pen_are_understood(place: str, words: list[str]) -> None:
    for word in (word for word in words if len(word) >= 4):
        answers = [suggestion(slip, words) for slip in slips(word)]
        assert answers.count(word) >= 0.95 * len(answers), (place, word)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("loss Hinge", "hinge"),
        ("loss logistics", "logistic"),
        ("loss square", "squared"),
        ("architecture twolayer", "two_layer"),
        ("formulation sample", "sampled"),
        ("regularizer weightdecay { strength = 1 }", "weight_decay"),
        ("regulariser weight_decay { strength = 1 }", "regularizer"),
        ("solvers cvxpy", "solver"),
        ("solver cvx", "cvxpy"),
        ("formulation sampled { pattern = 3 }", "patterns"),
        ("solver admm { max_iteration = 3 }", "max_iterations"),
        ("solver admm { balancing = of }", "off"),
        ("solver admm { linear_solver = exakt }", "exact"),
    ],
)
def test_slips_in_a_spec(written: str, meant: str) -> None:
    text = spec(more=written).replace("loss squared\n", "") if written.startswith("loss") else spec(more=written)
    text = text.replace("architecture two_layer\n", "") if written.startswith("architecture") else text
    (diagnostic,) = [found for found in check(text).diagnostics if found.code in ("C201", "C202", "C203", "C221")]
    assert diagnostic.help is not None and diagnostic.help.startswith(f"did you mean `{meant}`?")


@pytest.mark.parametrize("word", ["xyz", "gzip", "q", "transformer", "42"])
def test_words_of_another_world_get_no_suggestion(word: str) -> None:
    assert all(suggestion(word, words) is None for words in vocabularies().values())


def test_case_alone_is_a_slip_too() -> None:
    assert suggestion("HINGE", ["hinge", "squared"]) == "hinge"
    assert suggestion("mass", ["Mass", "Age"]) == "Mass"


def test_a_kind_without_its_section_is_recognized() -> None:
    (diagnostic,) = check(spec(more="hinge loss")).diagnostics
    assert diagnostic.help == "`hinge` is a kind of `loss`: write `loss hinge`"

"""Random edits of good specs: diagnostics, never an exception, and the same ones every time."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from reludsl.api import check
from reludsl.codes import CODES
from reludsl.render import as_objects, render

CORPUS = [
    path.read_text(encoding="utf-8")
    for path in sorted((Path(__file__).parent.parent / "corpus" / "good").glob("*.relu"))
]
WORDS = re.compile(r"\w+|\s+|.", re.DOTALL)
SCRAPS = [
    *'{}()[],:=+-*/#"\\\n@;.é\0',
    *("data", "hyperparameters", "loss", "input", "target", "matrix", "vector", "solver", "none", "beta", "reludsl 1"),
    *("relu(1)", "relu(a = 1)", "[]", "[1]", '"M"', "hinge", "cvxpy", "{ }", "\n}\n", " = "),
]
NUMBERS = ["0", "-1", "1e999", "2.5", "1e308", "99999999999999999999", "1e-320", "9" * 400, "0.1.2", "1_0"]


def edited(text: str, random: Random) -> str:
    """The text after one to five edits of its characters or words."""
    for _ in range(random.randint(1, 5)):
        pieces = list(text) if random.random() < 0.4 else WORDS.findall(text)
        if not pieces:
            break
        place, other = random.randrange(len(pieces)), random.randrange(len(pieces))
        numbers = [i for i, piece in enumerate(pieces) if piece.isdigit()]
        match random.randrange(5):
            case 0:
                del pieces[place : place + random.choice([1, 1, 2, 5])]
            case 1:
                pieces.insert(place, random.choice(SCRAPS))
            case 2:
                pieces[place], pieces[other] = pieces[other], pieces[place]
            case 3:
                pieces[place] = random.choice(SCRAPS)
            case _ if numbers:
                pieces[random.choice(numbers)] = random.choice(NUMBERS)
        text = "".join(pieces)
    return text + "\n"


edited_specs = st.builds(lambda text, seed: edited(text, Random(seed)), st.sampled_from(CORPUS), st.integers(0, 2**32))


@settings(deadline=None, max_examples=400)
@given(edited_specs)
def test_edited_specs_are_judged(text: str) -> None:
    report = check(text)
    assert (report.model is None) == (not report)
    for diagnostic in report.diagnostics:
        assert diagnostic.code in CODES and diagnostic.message and diagnostic.span is not None
        assert diagnostic.help or diagnostic.severity == "warning"
        for label in diagnostic.labels:
            assert 0 <= label.span.start <= label.span.end <= len(label.span.source.text)
    shown = render(report.diagnostics)
    assert shown.replace("\n", "").isprintable()
    assert len(as_objects(report.diagnostics)) == len(report.diagnostics)


@settings(deadline=None, max_examples=60)
@given(edited_specs)
def test_the_same_text_gets_the_same_diagnostics(text: str) -> None:
    first, second = check(text), check(text)
    assert render(first.diagnostics) == render(second.diagnostics)
    places = [diagnostic.span.start for diagnostic in first.diagnostics if diagnostic.span is not None]
    assert places == sorted(places), "they come in the order of the text"


@settings(deadline=None, max_examples=60)
@given(edited_specs, st.sampled_from(["beta", "x"]), st.text(max_size=8))
def test_overrides_are_judged_too(text: str, name: str, value: str) -> None:
    report = check(text, set={name: value})
    assert report.model is not None or report.diagnostics
    assert render(report.diagnostics).replace("\n", "").isprintable()

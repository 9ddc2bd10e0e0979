import pytest
from hypothesis import given
from hypothesis import strategies as st

from reludsl.diagnostics import Diagnostic
from reludsl.grammar import parse
from reludsl.grammar.parser import MOST_MISTAKES
from reludsl.grammar.tree import Spec

from .specs import CANONICAL, parsed, source_of, unhurried
from .writing import written_specs

GOOD_SECTIONS = (
    "data {\n  input X : matrix[n, d]\n}\n",
    "loss hinge\n",
    "\n# a comment\nregularizer weight_decay { strength = 1 }\n",
    "solver admm {\nrho = 1\n  columns = [\n data,\nhyperparameters\n]\n}\n",
)
BROKEN_SECTIONS = (
    "loss hinge { margin = }\n",
    "loss hinge {\n  margin = 1\n",
    "loss hinge { margin = (1 + 2\n",
    "loss hinge\n{\n  margin = 1\n}\n",
    "loss hinge\n  margin = 1\n",
    "loss = hinge\n",
    "loss\n",
    "loss hinge { } }\n",
    "data {\n  X : matrix[n, d]\n  y\n",
    'loss hinge { positive = "M }\n',
    "loss hinge { @ }\n",
    "} loss hinge\n",
)


def read(text: str) -> tuple[Spec | None, list[Diagnostic]]:
    return parse(source_of(text))


@pytest.mark.parametrize("position", range(len(GOOD_SECTIONS) + 1))
@pytest.mark.parametrize("broken", BROKEN_SECTIONS)
def test_a_broken_section_hides_no_other(broken: str, position: int) -> None:
    parts = [*GOOD_SECTIONS]
    parts.insert(position, broken)
    spec, mistakes = read("reludsl 1\n" + "".join(parts))
    assert len(mistakes) == 1
    assert spec is not None
    if broken.startswith("}") and position > 0:
        # The brace stands behind a section that ends without one and takes it along.
        assert len(spec.sections) >= len(GOOD_SECTIONS) - 1
    else:
        assert spec.sections == parsed("reludsl 1\n" + "".join(GOOD_SECTIONS)).sections
        assert spec.damaged == ("reludsl" if broken.startswith("}") else broken.split()[0],)


@unhurried
@given(written_specs(), st.sampled_from(BROKEN_SECTIONS[:-1]))
def test_a_broken_section_hides_no_other_in_any_layout(written: tuple[Spec, str, list[str]], broken: str) -> None:
    tree, text, _ = written
    spec, mistakes = read(f"{text}\n{broken}")
    assert spec is not None
    assert spec.sections[: len(tree.sections)] == tree.sections
    assert mistakes
    assert all(mistake.span is not None and mistake.span.start > len(text) for mistake in mistakes)


def test_all_mistakes_are_told_in_the_order_of_the_text() -> None:
    spec, mistakes = read(
        "# five of them\nreludsl one\n\ndata {\n  X : matrix[n, d]\n}\n\nloss = hinge\n\nregularizer weight-decay\n\n"
        "formulation sampled {\n  patterns: 200\n}\n\nsolver cvxpy\n"
    )
    assert [mistake.code for mistake in mistakes] == ["P101", "P108", "P105", "P129", "P104"]
    assert spec is not None
    assert [section.span.text for section in spec.sections] == ["solver cvxpy"]
    assert spec.damaged == ("data", "loss", "regularizer", "formulation")


def test_spans_in_what_was_saved_are_exact() -> None:
    spec, _ = read(CANONICAL.replace("margin = 1", "margin = "))
    assert spec is not None
    assert [section.keyword.text for section in spec.sections] == [
        "data",
        "hyperparameters",
        "architecture",
        "regularizer",
        "perturbation",
        "formulation",
        "solver",
    ]
    assert spec.span.text.startswith("reludsl 1") and spec.span.text.endswith("solver cvxpy")


def test_indented_specs_are_saved_as_well() -> None:
    text = "\n".join("    " + line for line in CANONICAL.replace("loss hinge", "loss").split("\n"))
    spec, mistakes = read(text)
    assert [mistake.code for mistake in mistakes] == ["P103"]
    assert spec is not None and len(spec.sections) == 7


def test_specs_without_indentation_inside_blocks_are_saved_as_well() -> None:
    text = "\n".join(line.strip() for line in CANONICAL.replace("loss hinge", "loss").split("\n"))
    spec, mistakes = read(text)
    assert [mistake.code for mistake in mistakes] == ["P103"]
    assert spec is not None and len(spec.sections) == 7


def test_a_good_spec_is_not_damaged() -> None:
    assert parsed(CANONICAL).damaged == ()


def test_sections_behind_a_missing_edition_line_are_read() -> None:
    spec, mistakes = read("loss hinge\n")
    assert [mistake.code for mistake in mistakes] == ["P101"]
    assert spec is not None and len(spec.sections) == 1 and spec.damaged == ()


@pytest.mark.parametrize("text", ["", "# only a comment", "reludsl 2\nloss = hinge", "\0\1\2", "1,2,3\n4,5,6\n", "{}"])
def test_nothing_is_saved_from_what_is_no_spec(text: str) -> None:
    spec, mistakes = read(text)
    assert spec is None
    assert len(mistakes) == 1


def test_mistakes_end_somewhere() -> None:
    _, mistakes = read("reludsl 1\n" + "loss\n" * 100)
    assert len(mistakes) == MOST_MISTAKES


@pytest.mark.parametrize(
    "head", ["regularizer weight-decay", "regularizer {", "regularizer l1 strength = 1", "data x {"]
)
def test_a_forgotten_brace_does_not_hide_a_broken_head(head: str) -> None:
    _, mistakes = read(f"reludsl 1\nloss hinge {{\n  margin = 1\n\n{head}\n")
    assert len(mistakes) == 2
    assert mistakes[0].code == "P107"


def test_entries_at_the_margin_do_not_begin_a_section() -> None:
    text = "reludsl 1\ndata {\n  input X : matrix[n, d]\ntarget y : binary[n] {\npositive = f(\nx,\ny)\n}\n}\nloss\n"
    spec, mistakes = read(text)
    assert [mistake.code for mistake in mistakes] == ["P103"]
    assert spec is not None and len(spec.sections) == 1

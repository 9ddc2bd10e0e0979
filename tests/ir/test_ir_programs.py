"""The programs of the papers: convex, evaluated right, printed as in the golden files."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ir_mathml import require_presentable
from ir_programs import Case, cases

from reludsl.ir import (
    NumpyVocabulary,
    Source,
    Translator,
    helper_sources,
    numpy_namespace,
    objective,
    program_latex,
    program_mathml,
    program_text,
    program_unicode,
    total,
    verify,
    violations,
)

CASES = cases()
Golden = Callable[[str, str], None]


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def test_it_is_proved_convex(case: Case) -> None:
    assert verify(case.program) == []


@pytest.mark.parametrize("seed", range(3))
def test_its_objective_is_what_numpy_says(case: Case, seed: int) -> None:
    point = case.point(seed)
    assert objective(case.program, point) == pytest.approx(case.objective(point), rel=1e-12)


def test_its_violations_are_what_numpy_says(case: Case) -> None:
    point = case.point(1)
    found = violations(case.program, point)
    assert list(found) == [constraint.name for constraint in case.program.constraints]
    for name, by_hand in case.violations.items():
        assert found[name] == pytest.approx(by_hand(point), rel=1e-9, abs=1e-12), name


def test_the_text_of_the_program(case: Case, golden: Golden) -> None:
    golden(f"{case.program.name}.ir", program_text(case.program))


def test_the_mathematics_for_a_terminal(case: Case, golden: Golden) -> None:
    golden(f"{case.program.name}.txt", program_unicode(case.program))


def test_the_mathematics_in_latex(case: Case, golden: Golden) -> None:
    text = program_latex(case.program)
    golden(f"{case.program.name}.tex", text)
    assert text.count("{") == text.count("}")
    assert text.count(r"\left") == text.count(r"\right")
    assert text.isascii()


def test_the_mathematics_for_a_page(case: Case, golden: Golden) -> None:
    rows = program_mathml(case.program)
    golden(f"{case.program.name}.mml", "".join(f"{heading}\n{formula}\n" for heading, formula in rows))
    spoken = [require_presentable(formula) for _, formula in rows]
    lines = program_unicode(case.program).splitlines()
    assert [heading for heading, _ in rows] == [line.split("  ")[0].strip() for line in lines]
    for line, alternative in zip(lines, spoken, strict=True):
        assert line.endswith(alternative)


def test_the_generated_code(case: Case, golden: Golden) -> None:
    code = numpy_code(case)
    golden(f"{case.program.name}.numpy.txt", code)
    point = case.point(2)
    names = dict(numpy_namespace()) | {name: np.asarray(value, float) for name, value in point.items()}
    names |= dict(case.sizes) | {constant.name: constant.value for constant in case.program.constants}
    exec(code, names)
    assert names["objective"] == objective(case.program, point)


def numpy_code(case: Case) -> str:
    """Assignments that compute the objective and everything in the constraints."""
    write = Translator(NumpyVocabulary(), build := Source())
    build.let("objective", write(total(case.program)))
    for constraint in case.program.constraints:
        for index, part in enumerate(constraint.expressions):
            build.let(f"{constraint.name}_{index}", write(part))
    lines = [*helper_sources(build.called), *(f"{name} = {text}" for name, text in build.statements)]
    return "\n".join(lines) + "\n"

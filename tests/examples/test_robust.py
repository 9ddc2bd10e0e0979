"""The robust example: what its spec says, and the shape of its result."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import reludsl

FOLDER = Path(__file__).parents[2] / "examples" / "robust"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(FOLDER)
    sys.modules.pop("run", None)  # another example has one, too
    yield importlib.import_module("run")
    sys.modules.pop("run", None)


def test_the_data_are_grey_levels_of_two_digits(run: ModuleType) -> None:
    training, test = run.split()
    for (pixels, digits), count in ((training, 250), (test, 107)):
        assert pixels.shape == (count, 64) and set(digits) == {3, 8}
        assert pixels.min() == 0 and pixels.max() == 16
    assert not {tuple(row) for row in training[0]} & {tuple(row) for row in test[0]}
    assert reludsl.check(FOLDER / "digits.relu", FOLDER / "digits.csv")


def test_fewer_digits_show_it_too(run: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """With 60 digits and 8 patterns: robust training keeps more of them under attack, and no level beats another."""
    (pixels, digits), test = run.split()
    few = pixels[:60], digits[:60]
    spec = (FOLDER / "digits.relu").read_text().replace("patterns = 40", "patterns = 8")
    accuracy = {}
    for epsilon in (0, 2):
        solution = reludsl.solve(spec, few, set={"epsilon": epsilon})
        assert solution.status == "solved" and solution.bound is not None and solution.bound.gap <= 1e-5
        found = reludsl.certify(solution.network, test, norm="linf", radius=1.5, minimum=0, maximum=16)
        levels = [found.scores[level] for level in ("clean", "attacked", "exact", "certified", "interval")]
        assert np.all(np.diff(levels) <= 0)
        accuracy[epsilon] = found.scores["exact"]
    assert accuracy[2] > accuracy[0] + 0.1


@pytest.mark.slow
def test_the_example_shows_what_its_page_says(run: ModuleType, tmp_path: Path) -> None:
    training, test = run.split()
    table = run.accuracies(run.trained(training, 2.0), test)
    at = {(name, radius): (fgsm, pgd, proved) for name, radius, fgsm, pgd, proved in table.iter_rows()}
    for fgsm, pgd, proved in at.values():
        assert fgsm >= pgd >= proved
    assert at["robust convex", 2.0][1] > at["standard", 2.0][1] + 0.3
    assert at["robust convex", 0.0][0] >= at["standard", 0.0][0] - 0.05
    assert at["robust convex", 2.0][2] > at["adversarial descent", 2.0][2] - 0.05

"""The convex backends agree on real data, and what they prove is tight."""

from __future__ import annotations

import runpy

import pytest

from tests.docs.transcript import ROOT


@pytest.mark.slow
def test_the_backends_agree_on_real_data() -> None:
    benchmark = runpy.run_path(str(ROOT / "benchmarks" / "agreement.py"))
    found = list(benchmark["comparisons"]())
    assert len({comparison.loss for comparison in found}) == 8
    for comparison in found:
        assert comparison.difference <= 1e-3, str(comparison)
        assert all(gap <= 1e-3 for gap in comparison.gaps.values()), str(comparison)
        assert comparison.solutions["cvxpy"].width >= 2, "a strength at which there is something to find"
        smooth = comparison.loss.split()[0] not in ("absolute", "quantile", "hinge")
        assert set(comparison.gaps) == set(comparison.solutions) - (set() if smooth else {"cvxpy"})

"""Growth goes on from what a global certificate finds missing."""

from __future__ import annotations

import numpy as np
import pytest

import reludsl
from reludsl.adaptive.growth import Growth
from reludsl.adaptive.neurons import Neurons

SPEC = """reludsl 1
data { input X : matrix[n, d], target y : vector[n] }
architecture two_layer
loss squared
regularizer weight_decay { strength = 1 }
formulation adaptive { initial = random(patterns = 2), tolerance = 0.9 }
"""


def instance() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    X = generator.standard_normal((60, 4))
    y = np.maximum(X @ generator.standard_normal((4, 5)), 0.0) @ generator.choice([-1.0, 1.0], 5)
    return X, y + 0.1 * generator.standard_normal(60)


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search of a growth finds nothing unless there are more patterns from the beginning than the spec's two."""
    search = Growth._priced

    def found(growth: Growth, starts: int) -> Neurons:
        neurons = search(growth, starts)
        return neurons if len(growth.held.masks) > 10 else neurons.of(np.zeros(0, dtype=int))

    monkeypatch.setattr(Growth, "_priced", found)


def test_what_a_certificate_finds_missing_joins(blind: None) -> None:
    alone = reludsl.solve(SPEC, instance())
    proved = reludsl.solve(SPEC, instance(), certify="global")
    assert proved.objective < 0.5 * alone.objective
    assert proved.certificate is not None and proved.certificate.bound is not None
    assert proved.certificate.bound.by == "branch_and_bound" and proved.certificate.bound.gap <= 1e-3
    assert not proved.certificate.new.directions.size
    assert proved.certificate.bound.value <= proved.objective <= alone.objective


def test_no_seconds_no_growth() -> None:
    alone = reludsl.solve(SPEC, instance())
    hurried = reludsl.solve(SPEC, instance(), certify="global", certify_seconds=1e-9)
    assert hurried.objective == alone.objective
    assert [warning.code for warning in hurried.warnings] == ["S406"]

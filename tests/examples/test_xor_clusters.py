"""The example of the XOR clusters: its data are what the paper describes, and its loop is gradient descent."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from reludsl.backends.descent import kernel
from reludsl.ir import Margin
from reludsl.model.losses.logistic import Logistic

FOLDER = Path(__file__).parents[2] / "examples" / "xor_clusters"


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ModuleType, ModuleType]]:
    monkeypatch.syspath_prepend(FOLDER)
    names = ("generate", "run")
    yield importlib.import_module(names[0]), importlib.import_module(names[1])
    for name in names:
        monkeypatch.delitem(sys.modules, name)


def test_clusters(modules: tuple[ModuleType, ModuleType]) -> None:
    generate, _ = modules
    data = generate.xor_clusters(n=400, p=50, squared_norm=600.0, flipped=0.14, n_test=4000, seed=3)
    assert data.X.shape == (400, 50) and data.X_test.shape == (4000, 50)
    assert np.sum(data.y != data.clean) == 56
    positive, negative = data.X_test[data.y_test > 0], data.X_test[data.y_test < 0]
    means = [group[group[:, axis] > 0].mean(axis=0) for axis, group in ((0, positive), (1, negative))]
    opposite = [group[group[:, axis] < 0].mean(axis=0) for axis, group in ((0, positive), (1, negative))]
    for mean, other in zip(means, opposite, strict=True):
        assert mean @ mean == pytest.approx(600.0, rel=0.03)
        assert mean @ other == pytest.approx(-600.0, rel=0.03)
    assert abs(means[0] @ means[1]) < 10
    assert np.std(data.X_test[:, 2:]) == pytest.approx(1.0, abs=0.01)
    again = generate.xor_clusters(n=400, p=50, squared_norm=600.0, flipped=0.14, n_test=4000, seed=3)
    assert np.array_equal(data.X, again.X) and np.array_equal(data.y, again.y)


def test_the_loop_takes_gradient_steps(modules: tuple[ModuleType, ModuleType]) -> None:
    """Against the exact gradient of the mean logistic loss; output weights stay ±1/√m."""
    generate, run = modules
    data = generate.xor_clusters(n=20, p=30, n_test=1)
    (before, alpha), (after, unchanged) = run.gradient_descent(data.X, data.y, 1, seed=0, neurons=40)
    assert np.array_equal(alpha, unchanged) and np.allclose(np.abs(alpha), 1 / np.sqrt(40))
    problem = kernel.problem_of(data.X, data.y, Margin(Logistic()), width=40, mean=True)
    weights = kernel.Weights(before, np.zeros(40), alpha, np.zeros(()))
    gradient = kernel.value_and_gradient(problem, weights)[1]
    assert after == pytest.approx(before - run.STEP_SIZE * gradient.U)


@pytest.mark.slow
def test_descent_overfits_at_once_and_generalizes_later(modules: tuple[ModuleType, ModuleType]) -> None:
    """Every noisy label after one step, clean ones near chance; both later: the paper's claim."""
    generate, run = modules
    data = generate.xor_clusters()
    networks = list(run.gradient_descent(data.X, data.y, 15, seed=0))
    fitted = [run.accuracy(run.network_outputs(data.X, *network), data.y) for network in networks]
    tested = [run.accuracy(run.network_outputs(data.X_test, *network), data.y_test) for network in networks]
    assert fitted[1:] == [1.0] * 15
    assert tested[1] < 0.65 and tested[15] > 0.95

"""The Adversarial Robustness Toolbox attacks the same network as well, and as badly, as reludsl does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reludsl
from reludsl.network import Network
from tests.attacks.networks import random_network, random_samples

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")
evasion = pytest.importorskip("art.attacks.evasion", reason="the extra `attacks` is not installed")
classification = pytest.importorskip("art.estimators.classification", reason="the extra `attacks` is not installed")

ORDERS = {"linf": np.inf, "l2": 2, "l1": 1}


def classifier(network: Network, d: int) -> Any:
    """The network for ART, which wants an output for each class: the cross-entropy of (0, f) is the logistic loss."""

    class TwoClasses(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            score = layers(x)
            return torch.cat([torch.zeros_like(score), score], dim=1) if score.shape[1] == 1 else score

    layers = network.to_torch().float()
    outputs = max(2, int(np.size(network.output_bias)))
    loss = torch.nn.CrossEntropyLoss()
    return classification.PyTorchClassifier(TwoClasses(), loss, (d,), outputs, clip_values=None, device_type="cpu")


CASES = [("labels", "logistic", "relu"), ("labels", "logistic", "absolute"), ("classes", "cross_entropy", "relu")]


def instance(case: tuple[str, str, str]) -> tuple[Network, np.ndarray, np.ndarray, Any, np.ndarray]:
    network = random_network(*case, inputs=10, width=40)
    X, _ = random_samples(network, 300)
    y = network.predict(X)
    assert network.encoding.labels is not None
    return network, X, y, classifier(network, 10), np.array([network.encoding.labels.index(label) for label in y])


@pytest.mark.parametrize("norm", ORDERS)
@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_fgsm_is_identical(case: tuple[str, str, str], norm: str) -> None:
    network, X, y, victim, places = instance(case)
    theirs = evasion.FastGradientMethod(victim, norm=ORDERS[norm], eps=0.3).generate(X.astype(np.float32), places)
    ours = reludsl.attack(network, (X, y), method="fgsm", norm=norm, radius=0.3).inputs
    moved = (ours != X).any(axis=1)  # the sample itself stays where the step led to a smaller loss
    assert moved.mean() > 0.9
    assert np.abs(ours - theirs)[moved].max() <= 2e-5


@pytest.mark.parametrize("norm", ORDERS)
@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_pgd_succeeds_as_often(case: tuple[str, str, str], norm: str) -> None:
    network, X, y, victim, places = instance(case)
    np.random.seed(0)  # ART draws its starts from there
    for radius in (0.3, 0.9) if norm == "l1" else (0.1, 0.3):
        attack = evasion.ProjectedGradientDescent(
            victim, ORDERS[norm], eps=radius, eps_step=2.5 * radius / 40, max_iter=40, num_random_init=2, verbose=False
        )
        theirs = attack.generate(X.astype(np.float32), places).astype(float)
        rate = np.mean(network.predict(theirs) != y)
        ours = reludsl.attack(network, (X, y), norm=norm, radius=radius, steps=40).success.mean()
        assert 0.02 < rate < 0.98
        assert ours >= rate - 0.01
        if norm != "l1":  # where ART projects by shrinking, and finds less
            assert ours <= rate + 0.01

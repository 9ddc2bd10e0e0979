"""Networks with random weights, whatever the loss and the activation, for tests of attacks."""

from __future__ import annotations

import numpy as np

from reludsl.api import compilation_of
from reludsl.data.encoding import Encoding
from reludsl.model.problem import one_hot, training_problem
from reludsl.network import Network

TARGETS = {
    "labels": "target y : binary[n]",
    "classes": "target y : categorical[n, k]",
    "values": "target y : vector[n]",
    "several values": "target y : matrix[n, c]",
}
OUTPUTS = {"labels": 1, "classes": 3, "values": 1, "several values": 2}


def random_network(
    target: str = "labels",
    loss: str = "hinge",
    activation: str = "relu",
    *,
    inputs: int = 4,
    width: int = 20,
    seed: int = 0,
) -> Network:
    """A network with scaled inputs, and with scaled targets where they are numbers."""
    several = target in ("classes", "several values")
    formulation = "gated { patterns = 5 }" if activation == "gated_relu" else "sampled { patterns = 5 }"
    spec = f"""reludsl 1
data {{ input X : matrix[n, d], {TARGETS[target]} }}
architecture two_layer {{ activation = {activation}, bias = both, outputs = {"separate" if several else "1"} }}
loss {loss}
regularizer weight_decay {{ strength = 0.1 }}
formulation {formulation}
"""
    model, diagnostics = compilation_of(spec).checked
    assert model is not None, diagnostics
    generator, count = np.random.default_rng(seed), OUTPUTS[target]
    shape = (count,) if several else ()
    labels = {"labels": (-1.0, 1.0), "classes": ("a", "b", "c")}.get(target)
    scaled = labels is None
    encoding = Encoding(
        "X",
        None,
        generator.standard_normal(inputs),
        generator.uniform(0.5, 2.0, inputs),
        "y",
        labels,
        generator.standard_normal(shape) if scaled else np.zeros(shape),
        generator.uniform(0.5, 2.0, shape) if scaled else np.ones(shape),
        one_hot(model),
    )
    gated = activation == "gated_relu"
    return Network(
        generator.standard_normal((inputs, width)),
        generator.standard_normal(width),
        generator.standard_normal((width, *shape)) / np.sqrt(width),
        generator.standard_normal(shape),
        encoding,
        training_problem(model),
        generator.standard_normal((inputs, width)) if gated else None,
        generator.standard_normal(width) if gated else None,
    )


def random_samples(network: Network, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Raw inputs (n, d), and targets that the network is right about for the greater part."""
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n, len(network.encoding.offset)))
    y = network.predict(X)
    if network.encoding.labels is not None:
        other = generator.choice(np.array(network.encoding.labels), n)
        return X, np.where(generator.random(n) < 0.8, y, other)
    return X, y + 0.3 * generator.standard_normal(y.shape)

"""Random networks of every form with samples, without training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reludsl.data.encoding import Encoding, Samples
from reludsl.grammar import parse
from reludsl.model.checker import check
from reludsl.model.language import core_language
from reludsl.model.problem import training_problem
from reludsl.network import Network
from reludsl.source import Source

ACTIVATIONS = ("relu", "leaky_relu(slope = 0.2)", "leaky_relu(slope = -0.4)", "absolute", "gated", "threshold")
TARGETS = {
    "value": "vector[n]",
    "label": "binary[n] { positive = 1 }",
    "class": "categorical[n, 3]",
    "matrix": "matrix[n, 2]",
}
LABELS = {"value": None, "label": (-1.0, 1.0), "class": ("a", "b", "c"), "matrix": None}
OUTPUTS = {"value": 1, "label": 1, "class": 3, "matrix": 2}


@dataclass(frozen=True, eq=False)
class Instance:
    """A network and scaled samples; `raw` is a table of the samples for the verbs."""

    network: Network
    samples: Samples

    @property
    def raw(self) -> dict[str, np.ndarray]:
        encoding, samples = self.network.encoding, self.samples
        X = samples.X * encoding.divisor + encoding.offset
        if encoding.categorical:
            assert encoding.labels is not None
            return {"X": X, "y": np.array(encoding.labels)[samples.y.argmax(axis=1)]}
        return {"X": X, "y": samples.y * encoding.target_divisor + encoding.target_offset}


def form_of(activation: str, target: str):
    gated = activation == "gated"
    outputs = "separate" if OUTPUTS[target] > 1 else "1"
    text = f"""reludsl 1
data {{
  input  X : matrix[n, d]
  target y : {TARGETS[target]}
}}
architecture two_layer {{ activation = {"gated_relu" if gated else activation}, bias = both, outputs = {outputs} }}
loss squared
regularizer weight_decay {{ strength = 0.1 }}
formulation sampled {{ patterns = 8 }}
"""
    parsed, diagnostics = parse(Source("<test>", text))
    assert parsed is not None, diagnostics
    model, diagnostics = check(parsed, core_language())
    assert model is not None, diagnostics
    return training_problem(model)


def instance(
    activation: str, target: str, seed: int, n: int = 12, d: int = 3, m: int = 5, scale: float = 1.0
) -> Instance:
    """Weights are normal; `scale` multiplies the hidden weights."""
    generator = np.random.default_rng(seed)
    c = OUTPUTS[target]
    several = c > 1
    target_divisor = generator.uniform(0.5, 2, c) if LABELS[target] is None else np.ones(c)
    encoding = Encoding(
        "X",
        None,
        generator.standard_normal(d),
        generator.uniform(0.5, 2, d),
        "y",
        LABELS[target],
        np.zeros(c) if several else np.zeros(()),
        target_divisor if several else target_divisor[0],
    )
    weights = generator.standard_normal((m, c))
    offset = 0.3 * generator.standard_normal(c)
    gates = {}
    if activation == "gated":
        gates = {"gates": generator.standard_normal((d, m)), "gate_bias": generator.standard_normal(m)}
    network = Network(
        scale * generator.standard_normal((d, m)),
        scale * generator.standard_normal(m),
        weights if several else weights[:, 0],
        offset if several else offset[0],
        encoding,
        form_of(activation, target),
        **gates,
    )
    X = generator.standard_normal((n, d))
    outputs = network.scores(X)
    if target == "class":
        y = encoding.encode(np.where(generator.random(n) < 0.8, outputs.argmax(axis=1), generator.integers(3, size=n)))
    elif target == "label":
        y = np.where((outputs >= 0) == (generator.random(n) < 0.8), 1.0, -1.0)
    else:
        y = outputs + 0.3 * generator.standard_normal(outputs.shape)
    return Instance(network, Samples(X, y))

"""Good specs that the tests of this folder start from."""

from hypothesis import settings

from reludsl.grammar import parse
from reludsl.grammar.tree import Spec
from reludsl.source import Source

CANONICAL = """\
# Certified against every perturbation of the inputs in an l-infinity ball.
reludsl 1

data {
  input  X : matrix[n, d] { scale = standard }
  target y : binary[n]    { positive = "M" }
}

hyperparameters {
  beta    = 1e-3
  epsilon = 8 / 255
}

architecture two_layer {
  activation = relu
  outputs    = 1
  bias       = hidden
}

loss hinge { margin = 1, reduction = mean }

regularizer weight_decay { strength = beta }

perturbation linf { radius = epsilon }

formulation sampled {
  patterns = 400
  seed     = 0
}

solver cvxpy
"""

RICH = """\
#!/usr/bin/env reludsl

# A spec with everything in it.
reludsl 1  # the edition

# Another order than the canonical one.
solver admm { rho = 1.5e-2, tolerance = .5E-3, }

loss custom {
  expression = max(0, 1 - y * f) + 2 * -f / (beta - (1 + beta))  # convex in f
  weights = [
    1, 2.,  # by class
    beta * 3,

    # none for the rest
  ]
}
data { input X : matrix[n, 30] {
    columns = ["mean \\"radius\\"", "a # b", "back\\\\slash"],
    scale = unit_columns
  }, target y : categorical[n, k]
  weight w : vector[n] { }
  # no more
}
hyperparameters { beta = 1 }
architecture two_layer { activation = leaky_relu(slope = 0.1), width = free }
formulation sampled { patterns = guarantee(
  violation = 0.1,
  confidence = 0.95) }
regularizer weight_decay { }
strange thing
# the end"""

SMALLEST = "reludsl 1"

unhurried = settings(deadline=None)
"""The first example pays for building the parser, and a busy machine for much else."""

GOOD = {"canonical": CANONICAL, "rich": RICH, "smallest": SMALLEST}


def source_of(text: str) -> Source:
    return Source("test.relu", text)


def parsed(text: str) -> Spec:
    """The spec in a text without syntax mistakes."""
    spec, mistakes = parse(source_of(text))
    assert mistakes == []
    assert spec is not None
    return spec

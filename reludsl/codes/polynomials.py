"""What the activation `polynomial` may not be asked for: the pages of C260 to C262."""

from __future__ import annotations

from reludsl.codes.page import Code

PAGES = (
    Code(
        "C260",
        "polynomial that is constant",
        """A neuron of the activation `polynomial` is a·t² + b·t + c of its weighted sum t. With a = b = 0 it does not
depend on the inputs, and there is nothing to train: an output bias is a constant too.

Wrong:

    architecture two_layer { activation = polynomial(a = 0, b = 0, c = 1) }

Right:

    architecture two_layer { activation = polynomial(a = 1, b = 0, c = 0) }
""",
    ),
    Code(
        "C261",
        "patterns for a polynomial",
        """Formulations that draw activation patterns, or random neurons, stand for networks that are linear on every
pattern. A polynomial has none. Its semidefinite program holds all networks of every width, and is what such a spec has
when it has no section `formulation` (Bartan, Pilanci 2021).

Wrong:

    architecture two_layer { activation = polynomial(a = 1, b = 0, c = 0) }
    formulation sampled { patterns = 50 }

Right:

    architecture two_layer { activation = polynomial(a = 1, b = 0, c = 0) }
    formulation exact
""",
    ),
    Code(
        "C262",
        "several outputs of polynomial neurons",
        """The semidefinite program of the activation `polynomial` is that of a network with one output. Outputs that do
not share neurons are independent of each other, so each may be trained by a spec of its own.

Wrong:

    data {
      input  X : matrix[n, d]
      target Y : matrix[n, c]
    }
    architecture two_layer { activation = polynomial(a = 1, b = 0, c = 0), outputs = separate }

Right:

    data {
      input  X : matrix[n, d]
      target y : vector[n]
    }
    architecture two_layer { activation = polynomial(a = 1, b = 0, c = 0) }
""",
    ),
)

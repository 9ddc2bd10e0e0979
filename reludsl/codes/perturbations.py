"""What a perturbation may not be: the pages of C251 to C254, D341 and D342."""

from __future__ import annotations

from reludsl.codes.page import Code

PAGES = (
    Code(
        "C251",
        "limits of different lengths",
        """Radii and limits of a perturbation are one number for all input columns, or a list with a number for each.
All lists have as many entries as there are columns.

Wrong:

    perturbation box { lower = [-0.1, -0.2], upper = [0.1, 0.2, 0.3] }

Right:

    perturbation box { lower = [-0.1, -0.2, -0.2], upper = [0.1, 0.2, 0.3] }
    perturbation box { lower = -0.1, upper = [0.1, 0.2, 0.3] }
""",
    ),
    Code(
        "C252",
        "empty range of inputs",
        """`minimum` and `maximum` are the least and the greatest value that a changed input may have.

Wrong:

    perturbation linf { radius = 0.1, minimum = 1, maximum = 0 }

Right:

    perturbation linf { radius = 0.1, minimum = 0, maximum = 1 }
""",
    ),
    Code(
        "C253",
        "loss without a worst case",
        """Training against a perturbation minimizes the worst loss over the set around each sample. That is convex for
a loss of the margin `y * f` that never grows with it (hinge, squared hinge, logistic), for a loss that grows with the
distance of `f` from `y` (squared, absolute, Huber, quantile), and for a custom loss whose formula shows one of the
two. The cross-entropy has a safe convex upper bound. A `wasserstein` perturbation takes the absolute loss.

Wrong:

    loss custom { expression = square(1 - y * f) }
    perturbation linf { radius = 0.1 }

Right:

    loss custom { expression = square(pos(1 - y * f)) }
    perturbation linf { radius = 0.1 }
""",
    ),
    Code(
        "C254",
        "neurons that do not stand a perturbation",
        """A neuron stands a perturbation where it is active, or is not, on the whole set around every sample, or at
least has slopes. Steps have none, and random features are not chosen by it. Gated neurons keep their gates on the
sets, but jump elsewhere, so they have no Lipschitz constant for `wasserstein`.

Wrong:

    architecture two_layer { activation = threshold }
    perturbation linf { radius = 0.1 }

Right:

    architecture two_layer { activation = relu }
    perturbation linf { radius = 0.1 }
""",
    ),
    Code(
        "D341",
        "sample outside of a perturbation's limits",
        """`minimum` and `maximum` say which values an input can have at all, in the units of the raw inputs, such as 0
and 1 for a pixel. A sample that is outside already cannot be changed within them.""",
    ),
    Code(
        "D342",
        "no activation pattern survives",
        """Every neuron has to keep its activation on the whole set around each sample. The larger the sets, the fewer
patterns allow that; here there is none but the one without any active neuron, so only the zero network, and a constant
where there is an output bias, would be left.

Remedies: a smaller radius, a hidden bias (a neuron that is active everywhere survives every perturbation), more
patterns, or fewer samples near each other.""",
    ),
)

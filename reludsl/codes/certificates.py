"""What a global certificate may not be asked for: the pages of C270 to C272."""

from __future__ import annotations

from reludsl.codes.page import Code

PAGES = (
    Code(
        "C270",
        "certificate for another kind of neuron",
        """`--certify global` bounds the most that any single neuron can bring, and that is known for `relu`,
`leaky_relu` and `absolute`. Gated neurons have fixed gates, so the optimum over them is another problem's; what a step
brings jumps with its weights. `formulation exact` proves the global optimum of steps and polynomials by itself.

Wrong:

    architecture two_layer { activation = threshold }
    formulation sampled

    reludsl solve spec.relu --data data.csv --certify global

Right:

    architecture two_layer { activation = threshold }
    formulation exact
""",
    ),
    Code(
        "C271",
        "certificate under another penalty",
        """`--certify global` compares what a neuron brings with what it costs, over the Euclidean unit ball: the
penalty has to be proportional to a neuron's norm, biases included, as those of `weight_decay` and `path_norm` are.
Under `l1` the ball is another one, under `l2` splitting a neuron pays, and a bias that costs nothing is in no ball.
`formulation exact` proves the global optimum under the first and the last.

Wrong:

    regularizer l1 { strength = 0.1 }

    reludsl solve spec.relu --data data.csv --certify global

Right:

    regularizer weight_decay { strength = 0.1 }
""",
    ),
    Code(
        "C272",
        "certificate of robust training",
        """Under a perturbation the loss is the worst over a set around every sample, and what a neuron brings is no
longer a sum over samples. The bound of the solve is on the robust program.

Wrong:

    perturbation linf { radius = 0.1 }

    reludsl solve spec.relu --data data.csv --certify global

Right:

    perturbation linf { radius = 0.1 }

    reludsl solve spec.relu --data data.csv
""",
    ),
)

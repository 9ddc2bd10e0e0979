"""What parts of a spec may not mean together: the pages of C222 to C229, and C234."""

from __future__ import annotations

from reludsl.codes.page import Code

PAGES = (
    Code(
        "C222",
        "target of several outputs",
        """A matrix has an output for each of its columns, a categorical target one for each class. The architecture
says what hidden neurons they have: `outputs = separate` gives each output its own, and with that the convex program
is exactly equivalent; with `outputs = shared` all outputs use the same. The number of outputs is the target's.

Wrong:

    data {
      input  X : matrix[n, d]
      target Y : matrix[n, c]
    }
    architecture two_layer

Right:

    data {
      input  X : matrix[n, d]
      target Y : matrix[n, c]
    }
    architecture two_layer { outputs = separate }
""",
    ),
    Code(
        "C223",
        "shared hidden neurons",
        """Several outputs over the same hidden neurons have an exact convex program over completely positive matrices
(Sahiner et al. 2021; Prakhya, Birdal, Yurtsever 2025), under weight decay that counts hidden biases, for the
activations `relu`, `leaky_relu` and `absolute`. `formulation exact` solves it over the cells of the samples,
`formulation adaptive` searches for the neurons.

Wrong:

    architecture two_layer { outputs = shared }
    regularizer l1 { strength = 0.1 }
    formulation sampled

Right:

    architecture two_layer { outputs = shared }
    regularizer weight_decay { strength = 0.1 }
    formulation exact
""",
    ),
    Code(
        "C224",
        "separate outputs of one",
        """A target of type `vector` or `binary` has one value a sample, and so the network has one output.

Wrong:

    data {
      input  X : matrix[n, d]
      target y : vector[n]
    }
    architecture two_layer { outputs = separate }

Right:

    data {
      input  X : matrix[n, d]
      target y : vector[n]
    }
    architecture two_layer
""",
    ),
    Code(
        "C225",
        "regularizer that an activation does not take",
        """A neuron of the activation `threshold` is a step, and the Euclidean norm of its weights and bias is its
height. The convex program knows the heights alone, so it takes the penalties that are proportional to them:
`weight_decay` and `path_norm`, biases included.

A neuron of the activation `polynomial` has weights of norm 1, its bias included, and its convex program takes the l1
norm of output weights. On such neurons that is `path_norm`, where it counts hidden biases. `weight_decay` would be half
their squares and half of the number of neurons.

Wrong:

    architecture two_layer { activation = threshold }
    regularizer l1 { strength = 1e-3 }

Right:

    architecture two_layer { activation = threshold }
    regularizer path_norm { strength = 1e-3 }
""",
    ),
    Code(
        "C226",
        "activation that cannot be gated",
        """`formulation gated` trains neurons that are linear where their gates are open and 0 elsewhere: gated ReLU.
Other activations have no such counterpart.

Wrong:

    architecture two_layer { activation = absolute }
    formulation gated

Right:

    architecture two_layer { activation = relu }
    formulation gated
""",
    ),
    Code(
        "C227",
        "gates for random features",
        """`formulation random_features` draws the weights of the hidden neurons, and these decide where a neuron is
active. The neurons of `gated_relu` have fixed gates that decide it, and weights that are trained.

Wrong:

    architecture two_layer { activation = gated_relu }
    formulation random_features

Right:

    architecture two_layer { activation = gated_relu }
    formulation gated
""",
    ),
    Code(
        "C228",
        "regularizer that random features do not take",
        """The neurons of `formulation random_features` keep the weights with which they are drawn, and a penalty
becomes one of absolute output weights. `l2` counts their squares.

Wrong:

    regularizer l2 { strength = 1e-3 }
    formulation random_features

Right:

    regularizer weight_decay { strength = 1e-3 }
    formulation random_features
""",
    ),
    Code(
        "C229",
        "weight decays that differ about biases",
        """A neuron's weight decay is least when its weights are balanced, and is then a norm of the neuron, which is
what the convex program penalizes. Of two weight decays of which one counts the hidden bias, each would balance the
neuron in another way; together they are no norm. The other regularizers do not depend on the balance: they mix freely.

Wrong:

    regularizer weight_decay { strength = 0.1 }
    regularizer weight_decay { strength = 0.1, biases = free }

Right:

    regularizer weight_decay { strength = 0.1 }
    regularizer path_norm    { strength = 0.1, biases = free }
""",
    ),
    Code(
        "C234",
        "what the relaxation is for",
        """The semidefinite relaxation is a lower bound on training with one output, or with neurons that outputs share,
under weight decay that counts hidden biases, for the activations `relu`, `leaky_relu` and `absolute`. Outputs
that share no neurons are problems of their own, if they have no weights in common: take one after the other, or write
`formulation exact` or `sampled`.

Wrong:

    architecture two_layer { outputs = separate }
    formulation sdp_relaxation

Right:

    architecture two_layer { outputs = shared }
    formulation sdp_relaxation
""",
    ),
)

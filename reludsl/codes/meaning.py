"""What a spec may not mean, part by part: pages of C2xx, and those of L5xx."""

from __future__ import annotations

from reludsl.codes.page import Code

PAGES = (
    Code(
        "C201",
        "unknown section",
        """A spec consists of the sections `data`, `hyperparameters`, `architecture`, `loss`, `regularizer`,
`perturbation`, `formulation` and `solver`. A word that is a kind, such as `hinge`, follows its section's
name.

Wrong:

    hinge { margin = 1 }

Right:

    loss hinge { margin = 1 }
""",
    ),
    Code(
        "C202",
        "unknown kind",
        """After a section's name stands a kind that the section knows. `reludsl list losses` and its likes print them.

Wrong:

    loss hinged

Right:

    loss hinge
""",
    ),
    Code(
        "C203",
        "unknown option",
        """A kind takes the options that it declares and no others, so that a slip of the pen is never silently ignored.
`reludsl explain NAME` prints a kind's options.

Wrong:

    loss hinge { margins = 1 }

Right:

    loss hinge { margin = 1 }
""",
    ),
    Code(
        "C204",
        "missing section",
        """`data`, `architecture` and `loss` state the problem and have no defaults.

Wrong:

    reludsl 1
    loss squared

Right:

    reludsl 1
    data {
      input  X : matrix[n, d]
      target y : vector[n]
    }
    architecture two_layer
    loss squared
""",
    ),
    Code(
        "C205",
        "repeated section",
        """Every section but `regularizer` may stand once. Regularizers add up.

Wrong:

    loss hinge
    loss squared

Right:

    loss hinge
""",
    ),
    Code(
        "C206",
        "given twice",
        """An option, a hyperparameter, a role or a name of the data is given once: of two values one would be ignored.

Wrong:

    formulation sampled { seed = 0, seed = 1 }

Right:

    formulation sampled { seed = 1 }
""",
    ),
    Code(
        "C207",
        "missing option",
        """Some options have no sensible default, such as the strength of a regularizer.

Wrong:

    regularizer weight_decay

Right:

    regularizer weight_decay { strength = 1e-3 }
""",
    ),
    Code(
        "C208",
        "wrong kind of value",
        """An option expects a number, a word, a quoted text or a list, and got something else.

Wrong:

    regularizer weight_decay { strength = "small" }

Right:

    regularizer weight_decay { strength = 1e-3 }
""",
    ),
    Code(
        "C209",
        "value out of range",
        """A number lies outside the range of its option, or is not whole where an integer is needed.

Wrong:

    formulation sampled { patterns = 0 }

Right:

    formulation sampled { patterns = 50 }
""",
    ),
    Code(
        "C210",
        "unknown name in a value",
        """Arithmetic may refer to hyperparameters only, and they are defined in the section `hyperparameters`.

Wrong:

    regularizer weight_decay { strength = gamma }

Right:

    hyperparameters { gamma = 1e-3 }
    regularizer weight_decay { strength = gamma }
""",
    ),
    Code(
        "C212",
        "circular hyperparameters",
        """A hyperparameter may be defined by others, but not by itself, directly or round about.

Wrong:

    hyperparameters {
      a = 2 * b
      b = a / 2
    }

Right:

    hyperparameters {
      a = 2 * b
      b = 0.5
    }
""",
    ),
    Code(
        "C213",
        "arithmetic without a value",
        """A division by zero, the logarithm of a number that is not positive, or a result too large for a
floating-point number.

Wrong:

    hyperparameters { beta = 1 / 0 }

Right:

    hyperparameters { beta = 1 / 10 }
""",
    ),
    Code(
        "C214",
        "loss and target do not fit",
        """Margin losses are defined for labels −1 and +1, so they need a target that is `binary` or `categorical`.
`cross_entropy` is defined for one of several classes. Other losses measure a distance of real numbers; `squared` does
so for labels too.

Wrong:

    data {
      input  X : matrix[n, d]
      target y : vector[n]
    }
    loss hinge

Right:

    data {
      input  X : matrix[n, d]
      target y : binary[n]
    }
    loss hinge
""",
    ),
    Code(
        "C215",
        "unknown role",
        """A declaration in `data` begins with the role of the array: `input`, `target` or `weight`.

Wrong:

    data { inputs X : matrix[n, d] }

Right:

    data { input X : matrix[n, d] }
""",
    ),
    Code(
        "C216",
        "unknown or unfit type",
        """An input is a `matrix`; a target is a `vector` or a `matrix` of real numbers, `binary`, or `categorical`;
weights of the samples are a `vector`.

Wrong:

    data { target y : text[n] }

Right:

    data { target y : vector[n] }
""",
    ),
    Code(
        "C217",
        "wrong number of dimensions",
        """A type has a fixed number of dimensions, each a name or a number.

Wrong:

    data { input X : matrix[n] }

Right:

    data { input X : matrix[n, d] }
""",
    ),
    Code(
        "C218",
        "different numbers of rows",
        """Input, target and weight have one row a sample, so their first dimension is written the same.

Wrong:

    data {
      input  X : matrix[n, d]
      target y : vector[m]
    }

Right:

    data {
      input  X : matrix[n, d]
      target y : vector[n]
    }
""",
    ),
    Code(
        "C219",
        "missing role",
        """`data` declares exactly one `input` and one `target`. A `weight` may be left out.

Wrong:

    data { input X : matrix[n, d] }

Right:

    data {
      input  X : matrix[n, d]
      target y : vector[n]
    }
""",
    ),
    Code(
        "C220",
        "override that cannot be applied",
        """`--set name=value` replaces a hyperparameter that the spec defines, by a number or arithmetic. `reludsl path`
takes a grid for at least one of them: `logspace(a, b, n)`, `linspace(a, b, n)`, `geomspace(a, b, n)` or a list.

Wrong:

    reludsl solve spec.relu --set bta=0.01

Right:

    reludsl solve spec.relu --set beta=0.01
""",
    ),
    Code(
        "C221",
        "unknown word for an option",
        """An option with a fixed set of words got another one.

Wrong:

    loss hinge { reduction = average }

Right:

    loss hinge { reduction = mean }
""",
    ),
    Code(
        "C230",
        "backend cannot take the program",
        """A backend declares what it supports, and the refusal comes before anything is solved. The message gives the
reasons and names backends that take the program.

Wrong:

    loss custom { expression = exp(abs(f - y)) }
    solver admm

Right:

    loss custom { expression = exp(abs(f - y)) }
    solver cvxpy
""",
    ),
    Code(
        "C231",
        "unknown backend",
        """`--backend` names no backend that is installed. `reludsl list backends` prints them.

Wrong:

    reludsl solve spec.relu --backend cvx

Right:

    reludsl solve spec.relu --backend cvxpy
""",
    ),
    Code(
        "C232",
        "nothing of this name to explain",
        """`reludsl explain` takes a spec file, a kind such as `hinge`, or a diagnostic code such as `C214`.

Wrong:

    reludsl explain hing

Right:

    reludsl explain hinge
""",
    ),
    Code(
        "C233",
        "backend that cannot be used this way",
        """A backend's options name something that this machine does not have, such as a solver that CVXPY does not find
installed, or do not go together, or do not suit the loss. The notes say which.

Wrong:

    solver cvxpy { method = nosuchsolver }
    solver admm { dual_step = 1.5 }

Right:

    solver cvxpy { method = clarabel }
    solver admm { dual_step = 1.5, relaxation = 1 }
""",
    ),
    Code(
        "L501",
        "unused hyperparameter",
        """A hyperparameter that no option refers to has no effect; often its name was misspelt where it should be used.

Wrong:

    hyperparameters { beta = 1e-3 }
    regularizer weight_decay { strength = 1e-3 }

Right:

    hyperparameters { beta = 1e-3 }
    regularizer weight_decay { strength = beta }
""",
    ),
    Code(
        "L502",
        "nothing penalizes the weights",
        """Without a penalty the optimal network is not unique, and no useful lower bound on the optimum exists.

Wrong:

    regularizer weight_decay { strength = 0 }

Right:

    regularizer weight_decay { strength = 1e-3 }
""",
    ),
)

"""How a solve can end: the pages of S4xx."""

from __future__ import annotations

from reludsl.codes.page import Code

PAGES = (
    Code(
        "S401",
        "stopped at a limit",
        """The solver met its limit of iterations or time before its tolerance, or ended with reduced accuracy. The
network is valid and its objective is its own, but the program's optimum may be lower; the bound says by how
much at most.
""",
    ),
    Code(
        "S402",
        "the solver failed",
        """The solver reported an error, or found the program infeasible or unbounded. A pattern program is always
feasible, so this is numerical trouble: scale the data, choose another backend, or change its tolerance.
""",
    ),
    Code(
        "S403",
        "interrupted",
        """Ctrl-C ended the solve. The best iterate so far is turned into a network; a second Ctrl-C ends the program at
once.
""",
    ),
    Code(
        "S404",
        "the network is wider than wanted",
        """`width = N` states the greatest number of hidden neurons that is wanted. The convex program decides how many
its optimum has; after solving, neurons are merged and pruned to as few as give the same predictions, and then the
number is checked. The network is returned all the same: the convex program bounds no width, and of the networks that
its patterns allow none has a smaller objective.

A stronger regularizer leaves fewer neurons. `solver descent` trains exactly N, to a local optimum.
""",
    ),
    Code(
        "S405",
        "undecided samples",
        """`reludsl certify` met its time limit before it knew the worst perturbation of every sample. An undecided
sample is neither proved right for its whole set nor shown to be wrong somewhere in it; it counts as lost at the level
`exact`, so the accuracy shown there is what is proved. Errors of undecided samples are
bounds that are proved.

Wrong:

    reludsl certify net.npz --data test.csv --radius 0.3 --time-limit 1

Right:

    reludsl certify net.npz --data test.csv --radius 0.3 --time-limit 600
""",
    ),
    Code(
        "S406",
        "unfinished certificate",
        """A global certificate ended before its way was at its end: at its time limit or by Ctrl-C. The network is what
it is without, and the bound holds; it is only further away than it would be. Branch and bound takes ten to twenty
times as long for a dimension more, and less under stronger regularizers.

Wrong:

    reludsl solve spec.relu --data data.csv --certify global --certify-seconds 1

Right:

    reludsl solve spec.relu --data data.csv --certify global --certify-seconds 600
""",
    ),
)

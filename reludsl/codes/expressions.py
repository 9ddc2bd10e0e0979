"""What the expression of `loss custom` may not be: the pages of C240 to C247."""

from __future__ import annotations

from reludsl.codes.page import Code

PAGES = (
    Code(
        "C240",
        "unknown function",
        """The expression of `loss custom` knows the functions that `reludsl explain custom` lists, and no others: what
is made of these can be proved convex. The grids of `reludsl path` are `logspace`, `linspace` and `geomspace`.

Wrong:

    loss custom { expression = relu(1 - y * f) }

Right:

    loss custom { expression = pos(1 - y * f) }
""",
    ),
    Code(
        "C241",
        "wrong arguments of a function",
        """A function takes a fixed number of arguments, or any number from a smallest one on. They are told apart by
their order and have no names.

Wrong:

    loss custom { expression = huber(f - y) }

Right:

    loss custom { expression = huber(f - y, 0.5) }
""",
    ),
    Code(
        "C242",
        "loss that is not provably convex",
        """A loss has to be convex in the prediction `f`, or the training problem has no convex form. It is proved by
the rules of disciplined convex programming, from the inside out:

- numbers, hyperparameters and `y` are constants; `f` is affine;
- a sum of convex parts is convex, and so is one times a constant that is never negative;
- `abs`, `pos`, `max`, `square`, `exp`, `logistic`, `huber` and `norm` are convex, `min` and `log` are concave;
- a convex function of an affine argument is convex. Of a convex argument it is convex where it never decreases: `pos`,
  `max`, `exp` and `logistic` never do; `abs`, `square`, `huber` and `norm` do not on arguments that are never negative.

What is underlined is the innermost part that has no such proof, though it may be convex all the same: `f * f` is not
known to be a square, as both factors could be anything.

Wrong:

    loss custom { expression = (f - y) * (f - y) }

Right:

    loss custom { expression = square(f - y) }
""",
    ),
    Code(
        "C243",
        "loss without the prediction",
        """The expression of `loss custom` does not hold `f`, so nothing could be trained by it.

Wrong:

    loss custom { expression = square(y) }

Right:

    loss custom { expression = square(f - y) }
""",
    ),
    Code(
        "C244",
        "unknown name in an expression",
        """The names in the expression of `loss custom` are `f` for the prediction, `y` for the target, whatever the
data are called, and those of hyperparameters.

Wrong:

    loss custom { expression = gamma * abs(f - y) }

Right:

    hyperparameters { gamma = 2 }
    loss custom { expression = gamma * abs(f - y) }
""",
    ),
    Code(
        "C245",
        "operand that is not a number",
        """A text or a list stands where an expression needs a number, a name or a function.

Wrong:

    loss custom { expression = norm([f - y, 1]) }

Right:

    loss custom { expression = norm(f - y, 1) }
""",
    ),
    Code(
        "C246",
        "parameter that is not a positive number",
        """The last argument of `huber` is the size from which on it grows linearly: a positive number, made of numbers
and hyperparameters, and the same for all samples.

Wrong:

    loss custom { expression = huber(f - y, y) }

Right:

    loss custom { expression = huber(f - y, 0.5) }
""",
    ),
    Code(
        "C247",
        "hyperparameter with a name that is taken",
        """In the expression of `loss custom`, `f` is the prediction and `y` the target. A hyperparameter of the same
name would be silently passed over.

Wrong:

    hyperparameters { y = 2 }
    loss custom { expression = y * abs(f) }

Right:

    hyperparameters { slope = 2 }
    loss custom { expression = slope * abs(f) }
""",
    ),
)

"""What an ADMM iteration is at a moment: the iterate that it hands on, the residuals of a check, the result."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np


@dataclass
class Residuals:
    """The state of the iteration at a check. Residuals are relative: at most 1 when the stopping rule is met.

    `objective` is that of the answer so far. `bound` is the best lower bound so far, -inf where none is computed, and
    `active` the number of columns that are not zero.
    """

    iteration: int
    objective: float
    primal: float
    dual: float
    rho: float
    seconds: float
    bound: float = -np.inf
    active: int = 0


@dataclass
class Iterate:
    """All that an iteration hands on to the next: the splittings, their scaled multipliers, and the penalty.

    v (d, columns) belongs to the penalties, and to exact cones; s (n, columns) to split cones, and has no rows without
    them; f (n, c) to the loss, p (c,) to the output biases.
    """

    v: np.ndarray
    lam: np.ndarray
    s: np.ndarray
    nu: np.ndarray
    f: np.ndarray
    mu: np.ndarray
    p: np.ndarray
    pi: np.ndarray
    rho: float

    def rescaled(self, factor: float) -> None:
        """Multiplies the penalty; the multipliers are kept, so the scaled ones are divided."""
        self.rho *= factor
        self.lam, self.mu, self.pi = (part / factor for part in (self.lam, self.mu, self.pi))
        self.nu = self.nu / factor

    def as_type(self, dtype: type) -> Iterate:
        """A copy in another precision."""
        return replace(self, **{name: part.astype(dtype) for name, part in vars(self).items() if name != "rho"})


@dataclass
class Result:
    """The columns and output biases found, why the iteration ended, its history, and how to go on.

    `dual` is a dual point (n, c), where there is one.
    """

    columns: np.ndarray
    offset: np.ndarray
    dual: np.ndarray | None
    status: str
    iterate: Iterate
    history: list[Residuals] = field(default_factory=list)


def joint_norm(*arrays: np.ndarray) -> float:
    """The Euclidean norm of all entries of the arrays together."""
    return float(np.sqrt(sum(np.vdot(array, array) for array in arrays)))

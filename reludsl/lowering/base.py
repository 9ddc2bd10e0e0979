"""What every lowering gives: a program, its data, the way back to a network, and what its optimum means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from reludsl.ir import Program
from reludsl.model.values import Decision

if TYPE_CHECKING:
    import numpy as np

    from reludsl.data.encoding import Encoding, Samples
    from reludsl.network import Network

Relation = Literal["equal", "upper bound", "lower bound", "local", "attacked"]


@dataclass(frozen=True)
class Meaning:
    """What the program's optimal value is for the non-convex training problem.

    `scope` says what the lower bound of a solve will be on, at least: the optimum of the program, or, where every
    pattern takes part, that of the training problem as well; None where nothing is proved.
    """

    relation: Relation
    sentence: str
    scope: Literal["program", "global"] | None = "program"


@dataclass(frozen=True, eq=False)
class Instance:
    """The arrays of a program, and what was found while they were made.

    `directions` (d, P) are those of patterns or random neurons, where the network needs them. `complete` says that the
    program is proved to hold every pattern, `origin` where they come from.
    """

    arrays: Mapping[str, np.ndarray]
    directions: np.ndarray | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()
    complete: bool = False
    origin: str = ""


@dataclass(frozen=True, eq=False)
class Recovered:
    """A network, how many neurons the point of the program had before they were merged and pruned, and their counts.

    `active` is the number of patterns, or random neurons, that take part; None where nothing was drawn.
    """

    network: Network
    neurons: int
    active: int | None = None


@dataclass(frozen=True)
class Code:
    """Python source for a standalone script.

    `functions` are defined once, at the top; `arrays` are statements that define the program's arrays from `X`
    (scaled samples), the targets `y` or `Y` and the sample weights `omega`; `recover` are statements that define
    `hidden_weights`, `hidden_bias`, `output_weights`, `output_bias`, and for gated neurons `gates` and `gate_bias`,
    from the program's variables and arrays.
    """

    functions: tuple[Any, ...]
    arrays: str
    recover: str


class Lowered(Protocol):
    """A training problem as a program that a backend can solve."""

    @property
    def program(self) -> Program: ...

    @property
    def meaning(self) -> Meaning: ...

    def bind(self, samples: Samples, encoding: Encoding) -> Instance:
        """The program's arrays for these samples, which were encoded so.

        Raises Mistakes where the data does not admit the formulation.
        """

    def objective(self, network: Network, samples: Samples) -> float:
        """The objective that was trained for, on the network itself and in full, for scaled samples."""

    def recover(self, point: Mapping[str, np.ndarray], instance: Instance, encoding: Encoding) -> Recovered:
        """The network that a point of the program stands for."""

    @property
    def code(self) -> Code: ...

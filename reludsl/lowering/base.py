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

Relation = Literal["equal", "upper bound", "lower bound", "local"]


@dataclass(frozen=True)
class Meaning:
    """What the program's optimal value is for the non-convex training problem."""

    relation: Relation
    sentence: str


@dataclass(frozen=True, eq=False)
class Instance:
    """The arrays of a program, and what was found while they were made.

    `complete` says that the program is proved to hold every pattern, `origin` where they come from.
    """

    arrays: Mapping[str, np.ndarray]
    counts: Mapping[str, int] = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()
    complete: bool = False
    origin: str = ""


@dataclass(frozen=True)
class Code:
    """Python source for a standalone script.

    `functions` are defined once, at the top; `arrays` are statements that define the program's arrays from `X`
    (scaled samples) and `y` (targets); `recover` are statements that define `hidden_weights`, `hidden_bias` and
    `output_weights` from the program's variables and `X`.
    """

    functions: tuple[Any, ...]
    arrays: str
    recover: str


class Lowered(Protocol):
    """A training problem as a convex program."""

    @property
    def program(self) -> Program: ...

    @property
    def meaning(self) -> Meaning: ...

    def bind(self, samples: Samples) -> Instance:
        """The program's arrays for these samples. Raises Mistakes where the data does not admit the formulation."""

    def recover(self, point: Mapping[str, np.ndarray], encoding: Encoding) -> Network:
        """The network that a point of the program stands for."""

    @property
    def code(self) -> Code: ...

"""What a backend is: what it declares, what it is given, what it hands back.

Backends know the program and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from reludsl.options import Option, Settings

if TYPE_CHECKING:
    import numpy as np

    from reludsl.ir import Program

Status = Literal["solved", "limit", "interrupted", "failed"]


@dataclass(frozen=True)
class Progress:
    """A moment of a solve. Residuals are relative to the tolerance: at most 1 when they meet it.

    `bound` is the best lower bound on the program's optimum so far, `active` the number of columns that are not zero;
    None where the method does not know them. Objective and bound are those of the program.
    """

    iteration: int
    objective: float
    primal_residual: float
    dual_residual: float
    seconds: float
    bound: float | None = None
    active: int | None = None

    @property
    def gap(self) -> float | None:
        """(objective - bound) / |objective|; below 0 where the method's own point violates its constraints."""
        if self.bound is None:
            return None
        return (self.objective - self.bound) / max(abs(self.objective), sys.float_info.min)


LIMITS: Mapping[str, str] = {
    "time limit": "reached the time limit",
    "iteration limit": "reached its limit of iterations",
}
"""The limits that end a solve, by the words of the kernels, as messages say them."""


@runtime_checkable
class Start(Protocol):
    """What a solve leaves for the next one of a program with the same data."""

    def beyond(self, earlier: object, factor: float) -> Start:
        """Where solves that went from `earlier` to this one may be expected after `factor` of that step more.

        It is this one again where nothing can be said, as when `earlier` is of another kind.
        """


@dataclass(frozen=True, eq=False)
class Guess:
    """A point of the program that is solved, its variables by name, with a dual point of its predictions (n, c).

    It is a start for whatever backend knows how to begin at a point: the patterns need not be those of any solve
    before.
    """

    point: Mapping[str, np.ndarray]
    dual: np.ndarray

    def beyond(self, earlier: object, factor: float) -> Guess:
        return self


@dataclass(frozen=True)
class Control:
    """What the caller keeps in hand: a time limit in seconds, and a monitor that ends the solve by returning True.

    `start` is what an earlier solve of a similar program left in its outcome, or a `Guess`: a backend may begin there.
    """

    time_limit: float | None = None
    monitor: Callable[[Progress], bool] = lambda progress: False
    start: Start | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """How a solve ended. `point` holds the program's variables by name, None when there is no iterate at all.

    `message` says in a sentence why a status other than "solved" came about. `compile_seconds` is the part of the
    time that went into bringing the program into the solver's own form. `dual` is a dual point of the
    predictions (n, c), for the sum of the losses, where the solver has one; of a robust program a `RobustDual`, or
    multipliers of the slopes (n, d). `start` lets the next solve of a program
    with the same data begin where this one ended, see `Control`. `supports` tells of a `dual` where its columns meet
    their cones, as `cones.Supports` of all columns: the bound is found sooner with it, and is true whatever it says.
    """

    status: Status
    point: Mapping[str, np.ndarray] | None
    iterations: int | None = None
    primal_residual: float | None = None
    dual_residual: float | None = None
    message: str = ""
    history: tuple[Progress, ...] = ()
    compile_seconds: float = 0.0
    start: Start | None = None
    dual: Any = None
    supports: Any = None

    @property
    def has_point(self) -> bool:
        """Whether there is an iterate, and all of it is finite: a solver that diverged has none."""
        return self.point is not None and all(_is_finite(array) for array in self.point.values())


def _is_finite(array: np.ndarray) -> bool:
    import numpy as np  # whoever has an array has NumPy already

    return bool(np.isfinite(array).all())


@dataclass(frozen=True)
class Emitted:
    """Source for a standalone script: functions and classes to embed (or their text), and the text of `solve`.

    `solve` takes the program's data as keyword arguments, by name, and returns a dict of its variables and a status
    text. `requires` are the libraries that the code imports.
    """

    requires: tuple[str, ...]
    functions: tuple[Any, ...]
    solve: str
    imports: tuple[str, ...] = field(default=())


class Backend(Protocol):
    """A solver, or a code generator, or both. A third party registers one under the entry points `reludsl.backends`."""

    @property
    def name(self) -> str: ...

    @property
    def summary(self) -> str:
        """What it is, in a line."""

    @property
    def details(self) -> str:
        """What a user should know of it: a paragraph of Markdown."""

    @property
    def options(self) -> tuple[Option, ...]: ...

    @property
    def local(self) -> bool:
        """Whether it solves the non-convex training problem, and is given that instead of the convex program."""

    @property
    def by_name(self) -> bool:
        """Whether comparisons leave it out unless it is named: it does what another backend does, in more time."""

    def supports(self, program: Program) -> tuple[str, ...]:
        """Why this backend cannot take the program, a sentence a reason; empty when it can."""

    def unusable(self, settings: Settings, program: Program) -> tuple[str, ...]:
        """Why these options cannot be used here, or for this program, a sentence a reason.

        Asked before anything is solved or written.
        """

    def solve(
        self, program: Program, arrays: Mapping[str, np.ndarray], settings: Settings, control: Control
    ) -> Outcome:
        """Solves the program with its data bound. A solver's failure is an outcome, not an exception."""

    def emit(self, program: Program, settings: Settings) -> Emitted:
        """Standalone code that solves the program for data that it is given when it runs."""

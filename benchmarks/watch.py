"""How solvers are timed: a watch that runs while they work and stands while their iterates are copied.

The evaluator judges the copies when the solver is done, so that neither its time nor its memory counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Moment:
    """An iterate on the way: CPU seconds, iteration, and its columns (d, columns), or the objective if that is known.

    `gap` is the relative gap that the solver itself has proved.
    """

    seconds: float
    iteration: int
    columns: np.ndarray | None = None
    objective: float | None = None
    gap: float | None = None


@dataclass(frozen=True)
class Answer:
    """What a solver hands over: columns (d, columns), or weights of a network, and why it ended.

    `own` is the objective that it reports itself, in the units of the benchmark; `dual` a dual point (n, c).
    """

    status: str
    columns: np.ndarray | None = None
    network: tuple[np.ndarray, np.ndarray] | None = None
    dual: np.ndarray | None = None
    own: float | None = None
    iterations: int | None = None


@dataclass
class Watch:
    """CPU seconds of this process since it was made, without those in which somebody looked.

    Iterates are kept ever more rarely, at iterations that grow by the factor `growth`.
    """

    limit: float = float("inf")
    growth: float = 1.15
    moments: list[Moment] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._started = time.process_time()
        self._next = 0.0

    @property
    def seconds(self) -> float:
        return time.process_time() - self._started

    @property
    def over(self) -> bool:
        return self.seconds > self.limit

    def tell(self, iteration: int, objective: float, gap: float | None = None) -> None:
        """An iterate whose objective on the cones is known."""
        self.moments.append(Moment(self.seconds, iteration, None, objective, gap))

    def show(self, iteration: int, columns: Callable[[], np.ndarray]) -> None:
        """An iterate whose columns are to be judged, if it is its turn."""
        if iteration >= self._next:
            before, seconds = time.process_time(), self.seconds
            self._next = self.growth * iteration
            self.moments.append(Moment(seconds, iteration, np.array(columns(), dtype=float)))
            self._started += time.process_time() - before

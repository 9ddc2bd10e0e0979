"""reludsl's solvers as the benchmark runs them, and the list of all solvers with their settings.

A solver is given an instance, beta, the gap to reach, a watch, and the settings of its line in `SOLVERS`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.problems import Instance
from benchmarks.watch import Answer, Watch
from reludsl.backends.admm.kernel import Residuals, solve_pattern_program
from reludsl.backends.newton.kernel import NewtonState, solve_by_newton
from reludsl.ir.pattern_problem import PatternProblem


@dataclass(frozen=True)
class Solver:
    """How a solver is called, its settings, and the modules that it needs; `summary` is for readers of the results.

    `growth` says how often it is looked at, see `Watch`: judging an answer that is far outside its cones takes long.
    """

    solve: Callable[..., Answer]
    summary: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    growth: float = 1.15

    @property
    def missing(self) -> str | None:
        """The module that is not installed, if any. Importing them is no part of what is measured."""
        for module in self.needs:
            try:
                importlib.import_module(module)
            except ImportError as error:
                return str(error.name or module)
        return None


def newton(instance: Instance, beta: float, goal: float, watch: Watch, **settings: Any) -> Answer:
    """The augmented Lagrangian with semismooth Newton steps."""

    def monitor(state: NewtonState) -> bool:
        watch.tell(state.iteration, state.objective, state.gap)
        return watch.over

    # The time limit, of the wall clock, ends a round too; the monitor sees only what is between them.
    result = solve_by_newton(
        instance.program(beta), tolerance=goal, time_limit=watch.limit, monitor=monitor, **settings
    )
    last = result.history[-1]
    return Answer(result.status, result.columns, dual=result.dual, own=last.objective, iterations=last.iteration)


def admm(instance: Instance, beta: float, goal: float, watch: Watch, **settings: Any) -> Answer:
    """The alternating direction method of multipliers. Residuals end it, or the gap of its settings."""
    seen: list[np.ndarray] = []

    class Seen(PatternProblem):
        """Keeps the columns whose penalty was asked for last: those of the iterate that a check is about."""

        def penalty_value(self, u: np.ndarray, c: np.ndarray) -> float:
            seen[:] = [u]
            return super().penalty_value(u, c)

    def monitor(state: Residuals) -> bool:
        watch.show(state.iteration, lambda: seen[0])
        return watch.over

    program = instance.program(beta)
    program = Seen(**{name: getattr(program, name) for name in program.__dataclass_fields__})
    squared = instance.problem.loss == "squared"
    result = solve_pattern_program(program, squared=squared, monitor=monitor, **settings)
    last = result.history[-1]
    return Answer(result.status, result.columns, dual=result.dual, own=last.objective, iterations=last.iteration)


SOLVERS: dict[str, Solver] = {
    "newton": Solver(newton, "reludsl, augmented Lagrangian with semismooth Newton steps"),
    "admm": Solver(admm, "reludsl, ADMM with exact cones, accelerated", {"tolerance": 1e-7, "gap": 1e-6}),
    "admm as published": Solver(
        admm,
        "reludsl, ADMM of Bai, Gautam, Sojoudi 2022, Algorithm 3.1",
        {
            "tolerance": 1e-7,
            "cones": "split",
            "acceleration": "none",
            "relaxation": 1.0,
            "balancing": False,
            "cone_scaling": False,
        },
    ),
    "cvxpy": Solver(peers.clarabel, "CVXPY with Clarabel, as it is", needs=("cvxpy", "clarabel")),
    "pyscnn al": Solver(
        peers.pyscnn,
        "pyscnn, augmented Lagrangian, as it is",
        {"dtype": "float32"},
        ("torch", "scnn.optimize"),
        growth=4.0,
    ),
    "pyscnn rfista": Solver(
        peers.pyscnn,
        "pyscnn, R-FISTA for gated networks",
        {"dtype": "float64", "tol": 1e-14},
        ("torch", "scnn.optimize"),
    ),
    "torch": Solver(
        peers.descent,
        "PyTorch, L-BFGS on the non-convex network, 200 neurons, random restarts",
        needs=("torch",),
    ),
}

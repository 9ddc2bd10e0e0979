"""Clarabel as CVXPY drives it, but watched: every iteration is reported and can be the last.

Without a callback an interrupt waits until the whole solve is over. Imported only when something is solved.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import clarabel
import cvxpy.settings as status
import scipy.sparse
from cvxpy.reductions.solvers.conic_solvers.clarabel_conif import CLARABEL, dims_to_solver_cones
from cvxpy.reductions.solvers.conic_solvers.conic_solver import ConicSolver

from reludsl.backend import Progress

_TOLERANCE = 1e-8  # Clarabel's own for residuals


class WatchedClarabel(CLARABEL):
    """A Clarabel whose iterations are shown to `monitor`; it stops, with its iterate, when `monitor` returns True."""

    def __init__(self, monitor: Callable[[Progress], bool], tolerance: float | None) -> None:
        super().__init__()
        self.STATUS_MAP = {**CLARABEL.STATUS_MAP, "CallbackTerminated": status.USER_LIMIT}
        self.monitor = monitor
        self.tolerance = tolerance or _TOLERANCE
        self.history: list[Progress] = []
        self.stopped = False

    def name(self) -> str:
        return "WATCHED_CLARABEL"  # CVXPY wants a name that is not taken

    def solve_via_data(
        self, data: Any, warm_start: bool, verbose: bool, solver_opts: Any, solver_cache: Any = None
    ) -> Any:
        linear = data[status.C]
        quadratic = data.get(status.P, scipy.sparse.csc_array((linear.size, linear.size)))
        solver = clarabel.DefaultSolver(
            scipy.sparse.triu(quadratic).tocsc(),
            linear,
            data[status.A],
            data[status.B],
            dims_to_solver_cones(data[ConicSolver.DIMS]),
            self.parse_solver_opts(verbose, solver_opts),
        )
        started = time.perf_counter()

        def watch(info: Any) -> bool:
            self.history.append(
                Progress(
                    info.iterations,
                    info.cost_primal,
                    info.res_primal / self.tolerance,
                    info.res_dual / self.tolerance,
                    time.perf_counter() - started,
                )
            )
            self.stopped = self.monitor(self.history[-1])
            return self.stopped

        solver.set_termination_callback(watch)
        return solver.solve()

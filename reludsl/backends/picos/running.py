"""How a PICOS problem is handed to a solver, and how that ended: whatever goes wrong is a word, not an exception.

The functions stand word for word in generated code.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import picos


def solver_for(method: str, semidefinite: bool, exponential: bool) -> str:
    """The solver that is meant: for `auto` the first that is installed and takes the program's cones."""
    if method != "auto":
        return method
    if exponential:
        order = ["qics"] if semidefinite else ["qics", "ecos"]
    else:
        order = ["qics", "cvxopt"] if semidefinite else ["cvxopt"]
    installed = picos.available_solvers()
    return next((name for name in order if name in installed), order[-1])


def run(
    problem: Any, solver: str, tolerance: float, max_iterations: int, time_limit: float | None = None
) -> tuple[str, str]:
    """Solves the problem. Returns "solved", "limit" or "failed", and what to say of an end other than the first.

    After "limit" the variables have the values of the last iterate. Solvers that PICOS has no time limit for go on
    until they are done.
    """
    names = ("abs_prim_fsb_tol", "rel_prim_fsb_tol", "abs_dual_fsb_tol", "rel_dual_fsb_tol")
    options: dict[str, Any] = dict.fromkeys((*names, "abs_ipm_opt_tol", "rel_ipm_opt_tol"), tolerance)
    if time_limit is not None and solver == "qics":
        options["qics_params"] = {"max_time": time_limit}
    elif time_limit is not None and solver not in ("cvxopt", "ecos", "smcp"):
        options["timelimit"] = math.ceil(time_limit)
    options |= {"max_iterations": max_iterations, "verbosity": -1, "primals": None, "duals": None}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            solution = problem.solve(solver=solver, **options)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError, picos.solvers.SolverError) as error:
        # An interior-point method that breaks down does so by whatever its linear algebra raises.
        told = (str(getattr(error, "message", error)).strip().splitlines() or [type(error).__name__])[0]
        return "failed", f"{solver} failed: {told}"
    if solution.problemStatus in ("infeasible", "unbounded"):
        return "failed", f"{solver} found the program {solution.problemStatus}"
    if any(variable.value is None for variable in problem.variables.values()):
        return "failed", f"{solver} left no point behind"
    own = solution.info.get("qics_info", {})
    if solution.primalStatus == "optimal" and not str(own.get("sol_status", "")).startswith("near"):
        return "solved", ""
    if own.get("exit_status") == "max_time":
        return "limit", f"{solver} reached the time limit"
    if (iterations(solution) or 0) >= max_iterations:
        return "limit", f"{solver} reached its limit of iterations"
    return "limit", f"{solver} ended with reduced accuracy"


def iterations(solution: Any) -> int | None:
    """How many iterations the solver took, None where it does not say."""
    told = solution.info.get("qics_info", {}).get("num_iter"), solution.info.get("cvxopt_sol", {}).get("iterations")
    return next((int(count) for count in told if count is not None), None)

"""The relaxation as it was published, in CVXPY: what `formulation sdp_relaxation` brings into other coordinates.

Order 2n + d + c, with the equalities as constraints (Prakhya, Birdal, Yurtsever 2025, their reformulation of the
completely positive program with the cone relaxed). It shares nothing with the compiler.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np


def published_value(X: np.ndarray, Y: np.ndarray, strength: float, limit: float) -> dict[str, Any]:
    """The value at which SCS, with its own tolerances, ends within so many seconds; it is no bound. CPU seconds."""
    import cvxpy as cp

    (n, d), c = X.shape, Y.shape[1]
    started = time.process_time()
    Z = cp.Variable((2 * n + d + c, 2 * n + d + c), PSD=True)
    a, b, u, v = np.split(np.arange(2 * n + d + c), np.cumsum([n, n, d]))
    projections = np.hstack([-np.eye(n), np.eye(n), X, np.zeros((n, c))])
    signs = Z[: 2 * n, : 2 * n]
    constraints = [signs >= 0, cp.diag(Z[a[0] : a[-1] + 1, b[0] : b[-1] + 1]) == 0, projections @ Z == 0]
    cost = sum(cp.trace(Z[part[0] : part[-1] + 1, part[0] : part[-1] + 1]) for part in (u, v))
    loss = cp.sum_squares(Z[a[0] : a[-1] + 1, v[0] : v[-1] + 1] - Y)
    problem = cp.Problem(cp.Minimize(0.5 * loss + 0.5 * strength * cost), constraints)
    try:
        with warnings.catch_warnings(action="ignore"):  # its status says what is inaccurate
            problem.solve(solver="SCS", time_limit_secs=limit)
    except cp.SolverError as error:
        return {"status": "failed", "message": str(error)}
    return {"status": str(problem.status), "value": float(problem.value), "seconds": time.process_time() - started}

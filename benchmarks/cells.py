"""What is measured: which solver on which problem, for how long, how often.

A cell is one solver on one problem at one share of beta_max. Every run of a cell is a process of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.problems import PROBLEMS
from benchmarks.solvers import SOLVERS


@dataclass(frozen=True)
class Cell:
    """A solver on a problem. `limit` are CPU seconds; `quick` says whether it is part of the quick selection."""

    problem: str
    share: float
    solver: str
    limit: float
    quick: bool = False

    @property
    def key(self) -> str:
        return f"{self.problem} | {self.share:g} | {self.solver}"


SIX = tuple(name for name in PROBLEMS if name.split()[:2] == ["teacher", "200"])
"""A small problem of each loss."""
REAL = tuple(name for name, problem in PROBLEMS.items() if problem.shares == (0.01,) and not problem.gated)
GATED = tuple(problem.name for problem in PROBLEMS.values() if problem.gated)
PRODUCTS = ("teacher 2000", "teacher 20000", "images", "teacher 200 classes")
"""The problems whose products are compared with a plain matrix product."""

# Where a peer is known not to finish it is still given its time on one or two large problems.
PEERS: tuple[tuple[str, tuple[str, ...], tuple[float, ...], float], ...] = (
    ("cvxpy", SIX, (0.1, 0.01), 200.0),
    ("cvxpy", REAL, (0.01,), 200.0),
    ("cvxpy", ("teacher 2000", "images"), (0.1,), 100.0),
    ("admm", (*SIX, "breast cancer", "teacher 1000"), (0.01,), 30.0),
    ("admm", ("teacher 200", "teacher 1000"), (0.1,), 30.0),
    ("admm as published", ("teacher 200", "teacher 1000"), (0.1, 0.01), 40.0),
    ("admm as published", ("breast cancer",), (0.01,), 40.0),
    ("pyscnn al", ("teacher 200",), (0.1, 0.01), 40.0),
    ("pyscnn al", ("breast cancer", "teacher 1000"), (0.01,), 40.0),
    ("pyscnn al", ("images",), (0.1,), 100.0),
    ("pyscnn rfista", GATED, (0.01,), 40.0),
    ("torch", ("teacher 200", "breast cancer", "teacher 1000"), (0.01,), 15.0),
)

QUICK_PROBLEMS = ("teacher 200", "diabetes absolute", "iris", "gated 200")
QUICK_SOLVERS = ("newton", "admm", "cvxpy", "pyscnn rfista")


def cells() -> tuple[Cell, ...]:
    """All of them; reludsl's fast solver first, since its bounds are the first to be known."""
    ours = [Cell(problem.name, share, "newton", 120.0) for problem in PROBLEMS.values() for share in problem.shares]
    theirs = [
        Cell(problem, share, solver, limit)
        for solver, problems, shares, limit in PEERS
        for problem in problems
        for share in shares
    ]
    order = list(SOLVERS)
    found = sorted((*ours, *theirs), key=lambda cell: order.index(cell.solver))
    return tuple(_marked(cell) for cell in found)


def _marked(cell: Cell) -> Cell:
    quick = cell.problem in QUICK_PROBLEMS and cell.solver in QUICK_SOLVERS and cell.share >= 0.01
    return Cell(cell.problem, cell.share, cell.solver, cell.limit, quick)


def chosen(quick: bool, problems: tuple[str, ...], solvers: tuple[str, ...], only: str) -> tuple[Cell, ...]:
    """The cells of these problems and solvers, all where none are named, whose key contains `only`."""
    return tuple(
        cell
        for cell in cells()
        if (cell.quick or not quick)
        and (not problems or cell.problem in problems)
        and (not solvers or cell.solver in solvers)
        and only in cell.key
    )

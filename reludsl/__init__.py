"""Train two-layer ReLU networks to global optimality, from a small spec file.

    import reludsl
    solution = reludsl.solve("spec.relu", "train.csv", target="diagnosis")
    print(solution)
    solution.network.save("net.npz")

The verbs are those of the command line: `check`, `explain`, `compile`, `solve`, `path`, `compare`,
`attack`, `report` for a page on a solution, and `load` for saved networks.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reludsl.api import Report, attack, certify, check, compare, compile, explain, load, path, report, solve
    from reludsl.attacks import AttackResult
    from reludsl.comparison import Comparison
    from reludsl.diagnostics import Diagnostic
    from reludsl.mistakes import Mistakes
    from reludsl.network import Network
    from reludsl.paths import PathResult
    from reludsl.pipeline import NoSolution
    from reludsl.solution import Solution
    from reludsl.verification import Certification

# Loaded at their first use: `import reludsl` alone costs nothing.
_HOMES = {
    "AttackResult": "attacks",
    "Certification": "verification",
    "Comparison": "comparison",
    "Diagnostic": "diagnostics",
    "Mistakes": "mistakes",
    "Network": "network",
    "NoSolution": "pipeline",
    "PathResult": "paths",
    "Report": "api",
    "Solution": "solution",
    "attack": "api",
    "certify": "api",
    "check": "api",
    "compare": "api",
    "compile": "api",
    "explain": "api",
    "load": "api",
    "path": "api",
    "report": "api",
    "solve": "api",
}

__all__ = [
    "AttackResult",
    "Certification",
    "Comparison",
    "Diagnostic",
    "Mistakes",
    "Network",
    "NoSolution",
    "PathResult",
    "Report",
    "Solution",
    "attack",
    "certify",
    "check",
    "compare",
    "compile",
    "explain",
    "load",
    "path",
    "report",
    "solve",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"reludsl.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

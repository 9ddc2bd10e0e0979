"""The versions that took part: recorded in networks, generated code and `--version`."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version


def versions() -> dict[str, str]:
    """The versions of reludsl, Python, and the libraries that decide the numbers."""
    return {"reludsl": own_version(), "python": platform.python_version()} | {
        name: version(name) for name in ("numpy", "scipy", "cvxpy")
    }


def own_version() -> str:
    try:
        return version("reludsl")
    except PackageNotFoundError:  # a bare source tree
        return "unknown"

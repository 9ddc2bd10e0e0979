"""The versions that took part: recorded in networks, generated code and `--version`."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version


def versions() -> dict[str, str]:
    """The versions of reludsl, Python, and the libraries that decide the numbers."""
    return {"reludsl": own_version(), "python": platform.python_version()} | {
        name: _version(name) for name in ("numpy", "scipy", "cvxpy")
    }


@cache
def _version(name: str) -> str:
    return version(name)


@cache
def own_version() -> str:
    try:
        return version("reludsl")
    except PackageNotFoundError:  # a bare source tree
        return "unknown"

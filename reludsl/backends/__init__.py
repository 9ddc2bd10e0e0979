"""The backends: built-in ones, and those that other packages register under the entry points `reludsl.backends`."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from reludsl.backend import Backend, Control, Outcome, Progress
from reludsl.backends.admm import AdmmBackend
from reludsl.backends.cvxpy import CvxpyBackend
from reludsl.backends.descent import DescentBackend
from reludsl.backends.newton import NewtonBackend
from reludsl.backends.picos import PicosBackend
from reludsl.backends.splitting import SplittingBackend

__all__ = ["Backend", "Control", "Outcome", "Progress", "backends"]


@cache
def backends() -> dict[str, Backend]:
    """All backends by name, in the order in which they are preferred. Built-in names cannot be taken over."""
    built_in: tuple[Backend, ...] = (
        NewtonBackend(),
        AdmmBackend(),
        SplittingBackend(),
        CvxpyBackend(),
        PicosBackend(),
        DescentBackend(),
    )
    found = {backend.name: backend for backend in built_in}
    for entry in entry_points(group="reludsl.backends"):
        if entry.name not in found:
            found[entry.name] = entry.load()()
    return found

"""What a person at a terminal sees of a long solve: one line that moves."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reludsl.backends import Progress

_QUIET_SECONDS = 0.5


@contextmanager
def progress_display(wanted: bool) -> Iterator[Callable[[Progress], bool]]:
    """A monitor for `Compilation.solve`.

    On a terminal it shows iteration, objective and residuals, elsewhere nothing.
    """
    with _status(wanted, "solving; Ctrl-C ends it with the best network so far") as update:

        def show(progress: Progress) -> bool:
            if progress.seconds >= _QUIET_SECONDS:
                update(_line(progress))
            return False

        yield show


@contextmanager
def progress_of_many(wanted: bool) -> Iterator[Callable[[str], Callable[[Progress], bool]]]:
    """A monitor for each of several solves, given its name; the line begins with the name."""
    with _status(wanted, "solving; Ctrl-C ends it with what has been solved so far") as update:

        def begin(name: str) -> Callable[[Progress], bool]:
            update(name)

            def show(progress: Progress) -> bool:
                if progress.seconds >= _QUIET_SECONDS:
                    update(f"{name}: {_line(progress)}")
                return False

            return show

        yield begin


def _line(progress: Progress) -> str:
    residuals = f"residuals {progress.primal_residual:.1e}, {progress.dual_residual:.1e}"
    return f"iteration {progress.iteration}  objective {progress.objective:.6g}  {residuals}"


@contextmanager
def _status(wanted: bool, first: str) -> Iterator[Callable[[str], None]]:
    """A line on standard error that can be replaced, if that is a terminal."""
    if not wanted or not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console

    with Console(stderr=True).status(first) as status:
        yield status.update

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
    if not wanted or not sys.stderr.isatty():
        yield lambda progress: False
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("solving; Ctrl-C ends it with the best network so far") as status:

        def show(progress: Progress) -> bool:
            if progress.seconds >= _QUIET_SECONDS:
                residuals = f"residuals {progress.primal_residual:.1e}, {progress.dual_residual:.1e}"
                status.update(f"iteration {progress.iteration}  objective {progress.objective:.6g}  {residuals}")
            return False

        yield show

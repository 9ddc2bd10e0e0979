"""What a person at a terminal sees of a long solve: one line that moves."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reludsl.backends import Progress

if TYPE_CHECKING:
    from reludsl.certificate import CertifyProgress

_QUIET_SECONDS = 0.5
_SPINNER = 3  # what stands before the text, and the end of the line


@contextmanager
def progress_display(wanted: bool) -> Iterator[Callable[[Progress | CertifyProgress], bool]]:
    """A monitor for `Compilation.solve`, and for the global certificate after it.

    On a terminal it shows iteration and objective, bound and gap or else residuals, and active columns; of a
    certificate the cones seen, the price of the best neuron, bound and gap; elsewhere nothing.
    """
    with _status(wanted, "solving; Ctrl-C ends it with the best network so far") as update:

        def show(progress: Progress | CertifyProgress) -> bool:
            if progress.seconds >= _QUIET_SECONDS:
                update(_line(progress) if isinstance(progress, Progress) else _certificate_line(progress))
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
    """What is known, in columns that stay where they are."""
    parts = [f"iteration {progress.iteration:<6}", f"objective {progress.objective:<12.6g}"]
    if progress.bound is not None and progress.gap is not None:
        parts += [f"bound {progress.bound:<12.6g}", f"gap {max(progress.gap, 0.0):<7.1e}"]
    else:
        parts.append(f"residuals {progress.primal_residual:<7.1e} {progress.dual_residual:<7.1e}")
    if progress.active is not None:
        parts.append(f"active columns {progress.active}")
    return "  ".join(parts)


def _certificate_line(progress: CertifyProgress) -> str:
    """What a certificate would say if it ended now."""
    parts = [f"certifying: cones {progress.nodes:<9}", f"price/cost at most {progress.price:<9.6g}"]
    if progress.bound is not None and progress.gap is not None:
        parts += [f"bound {progress.bound:<12.6g}", f"gap {progress.gap:<7.1e}"]
    return "  ".join(parts)


@contextmanager
def _status(wanted: bool, first: str) -> Iterator[Callable[[str], None]]:
    """A line on standard error that can be replaced, if that is a terminal."""
    if not wanted or not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)

    def one_line(text: str) -> Text:
        """The text as it is, cut where the line ends: a line that wraps would jump."""
        return Text(text[: max(console.width - _SPINNER, 1)])

    with console.status(one_line(first)) as status:
        yield lambda text: status.update(one_line(text))

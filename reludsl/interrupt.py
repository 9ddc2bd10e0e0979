"""Ctrl-C as a request: the first asks the solver to end with its best iterate, the second is a KeyboardInterrupt."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    """Whether the user asked to stop."""

    def __init__(self) -> None:
        self.requested = False

    def __bool__(self) -> bool:
        return self.requested

    def request(self, number: int, frame: FrameType | None) -> None:
        """The signal's handler. Raises KeyboardInterrupt when it is asked again."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Inside, SIGINT sets a flag instead of raising.

    Only in the main thread: elsewhere signals are not ours to take. A request in an inner block is one in the outer
    block too.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return

    before = signal.signal(signal.SIGINT, interruption.request)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.default_int_handler)
        outer = getattr(before, "__self__", None)
        if isinstance(outer, Interruption):
            outer.requested = outer.requested or interruption.requested

"""How many threads linear algebra takes: one, unless someone says otherwise.

The products of a solve are small, and between them threads wait for each other: on a busy machine several are many
times slower than one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""The environment's words for it, which the libraries read when they are loaded."""


def require_threads(wanted: int | None) -> None:
    """Raises ValueError for what is no number of threads."""
    if wanted is not None and (wanted < 1 or wanted != int(wanted)):
        raise ValueError(f"threads is {wanted}; a whole number of at least 1 is needed")


@contextmanager
def blas_threads(wanted: int | None = None) -> Iterator[None]:
    """Inside, BLAS takes `wanted` threads, at least 1; None is one, or what the environment says (`VARIABLES`).

    It holds for the whole process: solves in parallel threads of Python share it. Raises ValueError.
    """
    require_threads(wanted)
    if wanted is None and any(os.environ.get(name) for name in VARIABLES):
        yield
        return
    import scipy.linalg  # noqa: F401  only libraries that are loaded can be told; NumPy and SciPy have one each
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=int(wanted or 1), user_api="blas"):
        yield

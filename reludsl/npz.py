"""Reading `.npz` files that nobody vouches for: no pickles, and one error for all that can be wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np


class Unreadable(Exception):
    """A file that is not a readable `.npz`; the text is the reason in a line."""


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """All arrays of a file by name. Raises Unreadable, and OSError where the file cannot be opened."""
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as stored:
                if not isinstance(stored, np.lib.npyio.NpzFile):
                    raise Unreadable("it holds a single array")
                return {name: stored[name] for name in stored.files}
        except Unreadable:
            raise
        except Exception as error:  # zipfile, zlib, struct, numpy and the memory all have errors of their own
            raise Unreadable((str(error).strip().splitlines() or [type(error).__name__])[0]) from None

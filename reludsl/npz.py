"""Reading `.npz` files that nobody vouches for: no pickles, and one error for all that can be wrong with them."""

from __future__ import annotations

import os
import zipfile

import numpy as np


class Unreadable(Exception):
    """A file that is not a readable `.npz`; the text is the reason in a line."""


def read_arrays(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """All arrays of a file by name. Raises Unreadable, and OSError where the file cannot be opened."""
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as stored:
                if not isinstance(stored, np.lib.npyio.NpzFile):
                    raise Unreadable("it holds a single array")
                arrays = {name: stored[name] for name in stored.files}
                if foreign := [name for name, array in arrays.items() if type(array) is not np.ndarray]:
                    raise Unreadable(f"`{foreign[0]}` is not an array")
                return arrays
        except Unreadable:
            raise
        except zipfile.BadZipFile:
            raise Unreadable("it is no zip archive, or not a whole one") from None
        except Exception as error:  # zlib, struct, numpy and the memory all have errors of their own
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            if "allow_pickle" in reason:
                reason = "it holds Python objects, which are never loaded: that could run code"
            raise Unreadable(reason) from None

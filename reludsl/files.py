"""Files: writing them whole or not at all, and saying why one cannot be read or written.

`write_atomically` stands word for word in generated code, so it uses the standard library only.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def write_atomically(path: str | os.PathLike[str], write: Callable[[BinaryIO], object]) -> None:
    """Lets `write` fill a temporary file beside `path`, then puts it in its place: a reader never sees half of it.

    An error leaves what was at `path` untouched and no temporary file behind. A link stays a link, and what is no file,
    such as a terminal or a pipe, is written to as it is. Raises OSError.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            write(file)
        return
    path = path.resolve()
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def why_unreadable(path: str | os.PathLike[str]) -> tuple[str, str] | None:
    """Why there is no file to read at `path`, as a sentence, and the remedy; None for a file."""
    if os.path.isdir(path):  # these take any text for a path, however strange; those of `pathlib` raise
        return f"`{path}` is a folder, not a file", "name the file inside it"
    if os.path.exists(path):
        return None
    folder, name = os.path.split(os.fspath(path))
    siblings = os.listdir(folder or ".") if os.path.isdir(folder or ".") else []
    alike = difflib.get_close_matches(name, siblings, n=1, cutoff=0.7)
    remedy = f"did you mean `{os.path.join(folder, alike[0])}`?" if alike else "check the path"
    shown = os.fspath(path) if len(os.fspath(path)) <= 200 else os.fspath(path)[:197] + "..."
    return f"there is no file `{shown}`", remedy


def why_unwritable(path: str | os.PathLike[str], error: OSError | None = None) -> str | None:
    """Why a file cannot be written to `path`: what can be told beforehand, or else what the error says."""
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path):
        return "it is a folder"
    if not os.path.isdir(folder):
        return f"there is no folder `{folder}`"
    if not os.access(folder, os.W_OK):
        return f"the folder `{folder}` may not be written to"
    return None if error is None else (error.strerror or str(error)).lower()

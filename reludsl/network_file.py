"""The network's file: a NumPy `.npz` of arrays and one JSON text, no pickles; `docs/network-file.md` documents it.

`write_network` stands word for word in generated code. `read_network` trusts nothing that it reads.
"""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from reludsl.diagnostics import DataPlace, Diagnostic
from reludsl.files import why_unreadable, write_atomically
from reludsl.mistakes import Mistakes
from reludsl.npz import Unreadable, read_arrays

FORMAT = "reludsl network"
VERSION = 1

ARRAYS = {
    "hidden_weights": ("d", "m"),
    "hidden_bias": ("m",),
    "output_weights": ("m", "c"),
    "output_bias": ("c",),
    "input_offset": ("d",),
    "input_divisor": ("d",),
    "target_offset": ("c",),
    "target_divisor": ("c",),
}
"""The arrays of every file and their shapes: d inputs, m hidden neurons, c outputs."""

GATES = {"gates": ("d", "m"), "gate_bias": ("m",)}
"""Those of gated neurons."""


def write_network(path: str | os.PathLike[str], arrays: dict[str, np.ndarray], description: dict[str, object]) -> None:
    """Writes arrays and description (JSON-ready) as one `.npz`, atomically. Raises OSError."""
    text = json.dumps(description, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(path, lambda file: np.savez(file, allow_pickle=False, json=np.array(text), **arrays))


def read_network(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and description of a network file. Raises Mistakes (D320 to D322) for any other or damaged file."""
    place = DataPlace(str(path))
    if (unreadable := why_unreadable(path)) is not None:
        message, remedy = unreadable
        raise _mistake("D320", message, None, remedy)
    try:
        with open(path, "rb") as file:
            zipped = file.read(2) == b"PK"  # as every `.npz` begins
        if not zipped:
            raise _mistake("D320", "the file is not a network of reludsl", place, "give a file that `solve -o` wrote")
        stored = read_arrays(path)
    except Unreadable as error:
        raise _damaged(place, str(error)) from None
    except OSError:
        raise _mistake("D320", f"`{path}` may not be read", None, "change its permissions") from None
    description = _description(stored.get("json"))
    if description is None or description.get("format") != FORMAT:
        raise _mistake("D320", "the file is not a network of reludsl", place, "give a file that `solve -o` wrote")
    version = description.get("version")
    if version != VERSION:
        remedy = f"this reludsl reads version {VERSION}; use a release that knows version {version}"
        raise _mistake("D322", f"the network file has version {version}", place, remedy)
    try:
        names = {**ARRAYS, **(GATES if "gates" in stored else {})}
        arrays = {name: np.asarray(stored[name], dtype=float) for name in names}
    except KeyError as error:
        raise _damaged(place, f"it has no array `{error.args[0]}`") from None
    except ValueError as error:
        raise _damaged(place, str(error)) from None
    _check_arrays(arrays, place)
    return arrays, description


def _description(text: np.ndarray | None) -> dict[str, Any] | None:
    """The JSON object of the file, or None where there is none."""
    if text is None or text.dtype.kind != "U" or text.shape != ():
        return None
    try:
        description = json.loads(str(text))
    except ValueError:
        return None
    return description if isinstance(description, dict) else None


def _check_arrays(arrays: dict[str, np.ndarray], place: DataPlace) -> None:
    sizes: dict[str, int] = {}
    for name, axes in {**ARRAYS, **GATES}.items():
        if name not in arrays:
            continue
        array = arrays[name]
        if array.ndim != len(axes) or any(
            sizes.setdefault(axis, size) != size for axis, size in zip(axes, array.shape, strict=True)
        ):
            shape = " x ".join(map(str, array.shape)) or "of a single number"
            raise _damaged(place, f"`{name}` has the shape {shape}, which does not fit the other arrays")
        if not np.isfinite(array).all():
            raise _damaged(place, f"`{name}` holds values that are not finite")
    if (arrays["input_divisor"] == 0).any() or (arrays["target_divisor"] == 0).any():
        raise _damaged(place, "a scaling divides by zero")


_DAMAGED_REMEDY = "copy the file again, or train again with `solve -o`"


def _damaged(place: DataPlace, reason: str) -> Mistakes:
    return _mistake("D321", "the network file is damaged", place, _DAMAGED_REMEDY, reason)


def _mistake(code: str, message: str, place: DataPlace | None, remedy: str, *notes: str) -> Mistakes:
    return Mistakes([Diagnostic(code, message, place=place, help=remedy, notes=notes)])

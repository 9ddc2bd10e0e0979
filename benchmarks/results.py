"""The file of results: a record a line, in JSON. Every line is written at once, so a run can go on where one ended."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

Record = dict[str, Any]


def read(path: Path) -> list[Record]:
    """The records of a file, none where there is none. A line that was cut off is left out."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def append(path: Path, record: Record) -> None:
    """Adds a record, in one write that is on the disk when this returns."""
    cut = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
    line = ("\n" if cut else "") + json.dumps(record) + "\n"
    with open(path, "ab", buffering=0) as file:
        file.write(line.encode())
        os.fsync(file.fileno())


def runs_of(records: list[Record], problem: str, share: float, solver: str) -> list[Record]:
    """The runs of a cell."""
    return [
        record
        for record in records
        if record["what"] == "run"
        and (record["problem"], record["share"], record["solver"]) == (problem, share, solver)
    ]

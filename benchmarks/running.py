"""Runs cells, each run in a process of its own with one thread, and keeps what they give.

A crash, a time limit or a lack of memory ends only the run that it belongs to.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.cells import PRODUCTS, Cell
from benchmarks.results import Record

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 900.0
"""Seconds by the clock, beyond three times its limit, after which a run is ended from outside, its judging included."""
MEMORY = 14 * 2**30
"""Bytes of address space that a run may have."""
LIBRARIES = ("OMP", "OPENBLAS", "MKL", "RAYON", "NUMEXPR")
THREADS = {f"{library}_NUM_THREADS": "1" for library in LIBRARIES}
PACKAGES = ("numpy", "scipy", "cvxpy", "clarabel", "pyscnn", "torch", "scikit-learn")


def run(
    chosen: Iterable[Cell], path: Path, repetitions: int, enough: float, say: Callable[[str], None] = print
) -> list[Record]:
    """Runs what the file does not have yet; a cell is repeated until its runs took `enough` CPU seconds."""
    cells = tuple(chosen)
    records = results.read(path)

    def keep(record: Record) -> Record:
        results.append(path, record)
        records.append(record)
        return record

    def known(what: str, name: str | None = None) -> Record | None:
        found = (record for record in records if record["what"] == what and record.get("problem") == name)
        return next((record for record in found if "status" not in record), None)

    if not known("machine"):
        keep(machine())
    for name in dict.fromkeys(cell.problem for cell in cells):
        for what in ("problem", *(["products"] if name in PRODUCTS else [])):
            if not known(what, name):
                keep(in_a_process({"what": what, "problem": name}, PATIENCE))
    for number, cell in enumerate(cells, 1):
        done = results.runs_of(records, cell.problem, cell.share, cell.solver)
        sizes = known("problem", cell.problem)
        if sizes is None:
            say(f"{number}/{len(cells)}  {cell.key}: left out, its problem could not be made")
            continue
        while not _finished(done, repetitions, enough):
            asked = {"what": "run", **vars(cell), "greatest": sizes["greatest"]}
            record = keep(in_a_process(asked, 3 * cell.limit + PATIENCE))
            done.append(record)
            told = f"{record['seconds']:.2f} s, {record['memory']:.0f} MB" if "seconds" in record else ""
            say(f"{number}/{len(cells)}  {cell.key}: {record['status']}  {told}")
    return records


def _finished(done: list[Record], repetitions: int, enough: float) -> bool:
    if not done:
        return False
    return len(done) >= repetitions or "history" not in done[-1] or sum(run["seconds"] for run in done) >= enough


def in_a_process(asked: Record, limit: float) -> Record:
    """What `python -m benchmarks measure` finds, or a record of how it ended instead."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "record.json"
        command = [sys.executable, "-m", "benchmarks", "measure", json.dumps(asked), str(answer)]
        environment = os.environ | THREADS | {"PYTHONPATH": str(ROOT)}
        started = time.perf_counter()
        kept = {name: asked[name] for name in ("what", "problem", "share", "solver") if name in asked}
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=environment, timeout=limit, capture_output=True, preexec_fn=_limit_memory
            )
        except subprocess.TimeoutExpired:
            return kept | {"status": "stopped", "wall": time.perf_counter() - started}
        if done.returncode == 0 and answer.exists():
            return dict(json.loads(answer.read_text(encoding="utf-8")))
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        wall, message = time.perf_counter() - started, "\n".join(lines[-5:])
        return kept | {"status": _reason(done.returncode, lines), "wall": wall, "message": message}


def _reason(code: int, lines: list[str]) -> str:
    if code == -signal.SIGPROF:
        return "time limit"
    return "out of memory" if code == -signal.SIGKILL or any("MemoryError" in line for line in lines) else "crashed"


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def machine() -> dict[str, Any]:
    """What this runs on, and with what."""
    names = [line for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = [line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")]
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "what": "machine",
        "processor": names[0].split(":")[1].strip() if names else platform.processor(),
        "cores": os.cpu_count(),
        "gigabytes": round(int(memory[0]) / 2**20) if memory else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions,
        "date": time.strftime("%Y-%m-%d"),
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []

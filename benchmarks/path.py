"""How much faster a path is than solves that each start anew: `python benchmarks/path.py`.

Twenty strengths of the regularizer on the breast cancer data. A cold solve reads the spec and the file, binds, lowers
and solves; the path does the same twenty with what it can use again. Both run in this process, in turn, at the
tolerance of the spec. Prints the median of the repetitions, the iterations of each value, and what it ran on.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import scipy  # noqa: E402

import reludsl  # noqa: E402
from reludsl.backends import backends  # noqa: E402
from reludsl.solution import Solution  # noqa: E402

SPEC = ROOT / "examples" / "breast_cancer" / "breast_cancer.relu"
DATA = ROOT / "examples" / "breast_cancer" / "breast_cancer.csv"


def cold(values: list[float], backend: str) -> list[Solution]:
    """Solves that share nothing."""
    return [reludsl.solve(SPEC, DATA, set={"beta": value}, backend=backend) for value in values]


def warm(values: list[float], backend: str) -> list[Solution]:
    """A path."""
    result = reludsl.path(SPEC, DATA, set={"beta": values}, backend=backend)
    return [solution for solution in result.solutions if solution is not None]


def timed(solve: Callable[[], list[Solution]]) -> tuple[list[Solution], tuple[float, float]]:
    """The solutions, and seconds by the clock and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    solutions = solve()
    return solutions, (time.perf_counter() - clock, time.process_time() - processor)


def main() -> None:
    """Runs both and prints what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exponents", type=float, nargs=2, default=(-1.0, 2.0), metavar=("A", "B"))
    parser.add_argument("--count", type=int, default=20, help="the number of values")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--backend", choices=list(backends()), default="newton")
    asked = parser.parse_args()
    values = np.logspace(*asked.exponents, asked.count).tolist()
    _print_machine()
    times: dict[str, list[tuple[float, float]]] = {"cold": [], "path": []}
    for number in range(asked.repetitions):
        alone, cold_seconds = timed(lambda: cold(values, asked.backend))
        together, warm_seconds = timed(lambda: warm(values, asked.backend))
        times["cold"].append(cold_seconds)
        times["path"].append(warm_seconds)
        print(f"repetition {number + 1}: cold {cold_seconds[0]:.1f} s, path {warm_seconds[0]:.1f} s", flush=True)
    print(f"\n{'beta':>10} {'cold':>8} {'path':>8} {'relative difference of objectives':>36}")
    for value, first, second in zip(values, alone, together, strict=True):
        difference = abs(first.objective - second.objective) / first.objective
        print(f"{value:10.4g} {first.iterations:8} {second.iterations:8} {difference:36.1e}")
    counts = [sum(solution.iterations or 0 for solution in solutions) for solutions in (alone, together)]
    print(f"{'all':>10} {counts[0]:8} {counts[1]:8}   ratio {counts[0] / counts[1]:.2f}\n")
    for place, what in enumerate(("by the clock", "of the processor")):
        medians = {name: statistics.median(seconds[place] for seconds in found) for name, found in times.items()}
        ratio = medians["cold"] / medians["path"]
        print(f"median seconds {what}: cold {medians['cold']:.1f}, path {medians['path']:.1f}, ratio {ratio:.2f}")


def _print_machine() -> None:
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}, {platform.platform()}"
    )
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.2f}, OMP_NUM_THREADS {threads}\n", flush=True)


if __name__ == "__main__":
    main()

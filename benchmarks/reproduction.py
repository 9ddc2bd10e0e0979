"""Training with shared neurons on published instances: optima, lower bounds, networks, and the seconds of each.

The instances are those of Prakhya, Birdal, Yurtsever (2025), `data/README.md` says where they come from. Every method
gets the same objective ½‖(XU)₊Vᵀ − Y‖² + γ/2 (‖U‖² + ‖V‖²), and at most so many seconds. What its network or its bound
is worth is the compiler's report, so bounds are proved and objectives are those of networks.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import reludsl
from benchmarks.problems import Samples
from benchmarks.published import published_value
from benchmarks.results import Record, append, read
from reludsl.choice import language
from reludsl.mistakes import Mistakes
from reludsl.options import ChoiceType
from reludsl.pipeline import NoSolution
from reludsl.solution import Solution

DATA = Path(__file__).resolve().parent / "data"
STRENGTHS = (0.1, 0.01)
SPLITS = (0, 1, 2, 3)
EXACT = "formulation exact\nsolver cvxpy { tolerance = 1e-10 }"
WIDTHS = (10, 30, 100, 300)
"""Of the networks that descend, in turn."""
SOLVERS = ("cvxpy", "splitting")
"""The backends that are asked for each bound; the better bound counts."""


@dataclass(frozen=True)
class Case:
    """An instance: its samples X (n, d) and targets Y (n, c), and whether all methods run on it or the exact one."""

    name: str
    samples: Callable[[], Samples]
    bias: bool = False
    all_methods: bool = True

    def spec(self, strength: float, rest: str) -> str:
        """The spec with this formulation and whatever else there is in `rest`."""
        X, Y = self.samples()
        bias = ", bias = hidden" if self.bias else ""
        return (
            f"reludsl 1\n\ndata {{\n  input X : matrix[n, {X.shape[1]}]\n  target Y : matrix[n, {Y.shape[1]}]\n}}\n\n"
            f"architecture two_layer {{ outputs = shared{bias} }}\nloss squared\n"
            f"regularizer weight_decay {{ strength = {strength} }}\n{rest}\n"
        )


def published(name: str) -> Samples:
    """A published instance."""
    with np.load(DATA / f"{name}.npz") as arrays:
        return arrays["X"], arrays["Y"]


def tumours() -> Samples:
    """25 tumours of scikit-learn's breast cancer data: their two principal components, malignant or not."""
    from sklearn.datasets import load_breast_cancer

    X, t = load_breast_cancer(return_X_y=True)
    kept = np.random.default_rng(0).permutation(len(X))[:25]
    X = (X[kept] - X[kept].mean(axis=0)) / X[kept].std(axis=0)
    U, sizes, _ = np.linalg.svd(X, full_matrices=False)
    X = U[:, :2] * sizes[:2]
    return X / X.std(), np.eye(2)[t[kept]]


PUBLISHED = (*(f"random25_{number}" for number in range(5)), "spiral60")
CASES = (
    *(Case(name, lambda name=name: published(name)) for name in PUBLISHED),  # type: ignore[misc]
    Case("tumours, with a bias", tumours, bias=True, all_methods=False),
)


def relaxation(rows: int, rounding: str = "") -> str:
    """The relaxation with so many rows split: the one place that knows how a spec says that."""
    return f"formulation sdp_relaxation {{\n  split = {rows}\n{f'  rounding = {rounding}' if rounding else ''}\n}}"


def roundings() -> tuple[str, ...]:
    """All that the language has."""
    section = language().section("formulation")
    kind = section.kind("sdp_relaxation") if section else None
    assert kind is not None
    (choices,) = (option.type for option in kind.options if option.name == "rounding")
    assert isinstance(choices, ChoiceType)
    return choices.names


def adaptive() -> bool:
    """Whether the language has a formulation of this name."""
    section = language().section("formulation")
    return section is not None and section.kind("adaptive") is not None


def trained(case: Case, strength: float, rest: str, limit: float | None = None, backend: str | None = None) -> Record:
    """What one run gives: CPU seconds from the spec to the network, its objective, and the bound where there is one.

    The limit is one of seconds by the clock, as users have it.
    """
    X, Y = case.samples()
    started = time.process_time()
    try:
        found = reludsl.solve(case.spec(strength, rest), {"X": X, "Y": Y}, backend=backend, time_limit=limit, threads=1)
    except (Mistakes, NoSolution) as reason:
        return {"status": "refused" if isinstance(reason, Mistakes) else "failed", "message": str(reason)}
    return {"status": found.status, "backend": found.backend, "seconds": time.process_time() - started} | _worth(found)


def _worth(found: Solution) -> Record:
    bound = None if found.bound is None else float(found.bound.value)
    return {"objective": float(found.objective), "bound": bound, "width": found.width}


def descended(case: Case, strength: float, limit: float) -> Record:
    """The best network of descent from random starts, one width after the other, for so many CPU seconds in all."""
    best: Record = {}
    spent, starts = 0.0, 0
    for seed in itertools.count():
        width = WIDTHS[seed % len(WIDTHS)]
        solver = f"solver descent {{\n  width = {width}\n  restarts = 1\n  seed = {seed}\n}}"
        found = trained(case, strength, f"formulation exact\n{solver}", limit - spent)
        if "seconds" not in found:
            return found
        spent, starts = spent + found["seconds"], starts + 1
        if not best or found["objective"] < best["objective"]:
            best = found
        if spent >= limit:
            break
    return best | {"seconds": spent, "starts": starts}


def records(case: Case, strength: float, limit: float) -> Iterator[Record]:
    """One run after another of a case. Descent has as long as the slowest relaxation with a network took."""
    for repetition in range(3):
        yield {"method": "exact", "repetition": repetition} | trained(case, strength, EXACT)
    if not case.all_methods:
        return
    if adaptive():
        yield {"method": "adaptive"} | trained(case, strength, "formulation adaptive { tolerance = 1e-4 }", limit)
    bounds: dict[str, float] = {}
    for rows, backend in itertools.product(SPLITS, SOLVERS):
        found = trained(case, strength, relaxation(rows), limit, backend)
        yield {"method": "bound", "rows": rows, "asked": backend} | found
        if rows == SPLITS[0] and found.get("bound") is not None:
            bounds[backend] = found["bound"]
    longest = 0.0
    for rounding in roundings():
        found = trained(case, strength, relaxation(SPLITS[0], rounding), limit, max(bounds, key=bounds.__getitem__))
        longest = max(longest, found.get("seconds", 0.0))
        yield {"method": "rounding", "rounding": rounding} | found
    yield {"method": "descent"} | descended(case, strength, longest)
    yield {"method": "published"} | published_value(*case.samples(), strength, limit)


def run(path: Path, limit: float, only: str, told: Callable[[str], None]) -> list[Record]:
    """Runs the instances that the file of results has not to the end, and gives all records.

    `only` keeps those whose `name, strength` contains it.
    """
    from benchmarks.running import machine

    known = read(path)
    if not any(record["what"] == "machine" for record in known):
        append(path, machine() | {"limit": limit})
    done = {(record["case"], record["strength"]) for record in known if record["what"] == "end"}
    trained(CASES[0], STRENGTHS[0], EXACT)  # imports count for nobody
    for case, strength in itertools.product(CASES, STRENGTHS):
        if (case.name, strength) in done or only not in f"{case.name}, {strength}":
            continue
        own = {"case": case.name, "strength": strength}
        for record in records(case, strength, limit):
            append(path, {"what": "reproduction", **own, **record})
            told(", ".join(f"{name} {value}" for name, value in (own | record).items() if name != "message"))
        append(path, {"what": "end", **own})
    return read(path)

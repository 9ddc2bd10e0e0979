"""Every cell of the support matrix: where it says yes the optimum is found, where it says no the reason is told."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reludsl
from reludsl.backends import backends
from reludsl.lowering.guarantee import smallest_count
from reludsl.lowering.patterns import random_directions, sample_patterns
from reludsl.support import Cell, Features, Row, spec_for, support_matrix
from tests.conformance.missing import refused_for_want_of_a_solver
from tests.conformance.optimum import Charge, Training, encoded, optimum, zero_network

# What is compared is the method, not its stopping rule; of descent only a side is compared.
SETTINGS = {
    "newton": "solver newton\n",
    "admm": "solver admm { tolerance = 1e-7, max_iterations = 20000 }\n",
    "splitting": "solver splitting\n",
    "cvxpy": "solver cvxpy\n",
    "picos": "solver picos\n",
    "descent": "solver descent { restarts = 1, width = 12, max_iterations = 300 }\n",
}
STRENGTH = 0.15
NEURONS = 8
N, D, CLASSES = 5, 2, 3


def tiny(spec: str) -> str:
    """With numbers in place of the examples' that suit five samples."""
    spec = spec.replace("strength = 0.5", f"strength = {STRENGTH}").replace("neurons = 50", f"neurons = {NEURONS}")
    return spec.replace("formulation random_features\n", f"formulation random_features {{ neurons = {NEURONS} }}\n")


ROWS = [
    replace(row, spec=tiny(row.spec))
    for row in {row.spec: row for table in support_matrix() for row in table.rows}.values()
]
CELLS = [(row, cell) for row in ROWS for cell in row.cells]


def named(value: Any) -> str:
    match value:
        case Row():
            return ",".join(value.features.values()).replace(" ", "") or "default"
        case Cell():
            return value.backend
    return str(value)


def sections(row: Row) -> int:
    return len({place.partition(".")[0] for place in row.features})


def at_once(place: int, row: Row, backend: str) -> bool:
    """Whether a cell is walked without being asked for: a feature by itself with all backends, pairs of them in turn.

    PICOS is slow to put a program, so it has no turn.
    """
    others = [cell.backend for cell in row.cells if cell.supported and cell.backend != "picos"]
    return sections(row) == 1 or (bool(others) and backend == others[place % len(others)])


YES = [
    pytest.param(
        row,
        cell.backend,
        id=f"{named(row)}-{cell.backend}",
        marks=() if at_once(place, row, cell.backend) else pytest.mark.slow,
    )
    for place, row in enumerate(ROWS)
    for cell in row.cells
    if cell.supported
]
NO = [pytest.param(row, cell, id=f"{named(row)}-{cell.backend}") for row, cell in CELLS if not cell.supported]


# -- data ----------------------------------------------------------------------------------------------------------


@cache
def samples() -> np.ndarray:
    """Samples whose patterns, with a bias and without, are all likely to be drawn."""
    return 1.5 * np.random.default_rng(2007).standard_normal((N, D))


@cache
def weights() -> np.ndarray:
    return np.array([0.5, 2.0, 1.0, 0.0, 1.5])


@cache
def targets(type_: str) -> np.ndarray:
    generator = np.random.default_rng(1)
    match type_:
        case "vector":
            return 3.0 * generator.standard_normal(N)
        case "matrix":
            return 3.0 * generator.standard_normal((N, 2))
        case "binary":
            return np.array([1.0, -1.0, -1.0, 1.0, -1.0])
    return np.array(["b", "a", "c", "a", "b"])


@cache
def gates(inputs: int) -> np.ndarray:
    """Directions (inputs, 6) of the user's own."""
    return np.random.default_rng(3).standard_normal((inputs, 6))


def data_of(features: Features) -> dict[str, np.ndarray]:
    data = {"i": samples(), "t": targets(features["target"])}
    return data | ({"w": weights()} if "weight" in features else {})


def write_gates(folder: Path, training: Training) -> None:
    rows = gates(training.samples.shape[1]).T
    names = ",".join(f"g{k}" for k in range(rows.shape[1]))
    lines = [",".join(map(repr, row)) for row in rows.tolist()]
    (folder / "gates.csv").write_text("\n".join([names, *lines]) + "\n")


# -- what a spec says ----------------------------------------------------------------------------------------------


def read(spec: str) -> dict[str, str]:
    """All that a spec of the matrix says, by place; these specs are written with one section a line."""
    found: dict[str, str] = {}
    for line in spec.splitlines()[2:]:
        if line.startswith("  "):
            role, _, _, type_ = line.split(maxsplit=3)
            found[role] = type_.partition("[")[0]
        elif line != "}":
            head, _, options = line.rstrip(" }").partition(" {")
            section, kind = head.split()
            found[section] = f"{found[section]} + {kind}" if section in found else kind
            for option in filter(None, options.split(", ")):
                name, _, value = option.strip().partition(" = ")
                place = f"{section}.{name}"
                found[place] = f"{found[place]} + {value}" if place in found else value
    return found


def training_of(said: Mapping[str, str]) -> Training:
    """The training problem of a spec of the matrix, from its words."""
    target, loss = said["target"], said["loss"]
    y = targets(target)
    training = Training(
        samples(),
        encoded(y, loss == "cross_entropy") if target == "categorical" else y.reshape(N, -1),
        loss,
        mean=said.get("loss.reduction") == "mean",
        weights=weights() if "weight" in said else None,
        activation=said.get("architecture.activation", "relu"),
        bias=said.get("architecture.bias", "none"),
        charges=tuple(charges(said)),
        changes=changes(said),
        ball=float(said["perturbation.radius"]) if said.get("perturbation") == "l2" and not is_cut(said) else None,
        wasserstein=moved(said),
        shared=said.get("architecture.outputs") == "shared",
    )
    return formulated(training, said)


def changes(said: Mapping[str, str]) -> np.ndarray | None:
    """Corners of the perturbation's set (K, d); where it is round or cut, so many that the rest does not matter."""
    norm = said.get("perturbation", "none")
    limits = [float(said.get(f"perturbation.{name}", bound)) for name, bound in (("lower", "-inf"), ("upper", "inf"))]
    if norm in ("none", "wasserstein") or (norm == "l2" and not is_cut(said)):
        return None
    radius = float(said.get("perturbation.radius", "inf"))
    if norm == "l1" and not is_cut(said):
        return radius * np.vstack([np.eye(D), -np.eye(D)])
    if norm in ("linf", "box"):
        return np.array(list(product(np.clip([-radius, radius], *limits), repeat=D)))
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    return np.clip(radius * circle / np.linalg.norm(circle, 2 if norm == "l2" else 1, axis=1, keepdims=True), *limits)


def moved(said: Mapping[str, str]) -> tuple[float, float] | None:
    """The radius of a ball of distributions, and the order of the norm that slopes are measured in."""
    if said.get("perturbation") != "wasserstein":
        return None
    return float(said["perturbation.radius"]), {"l1": np.inf, "l2": 2, "linf": 1}[said.get("perturbation.norm", "l2")]


def is_cut(said: Mapping[str, str]) -> bool:
    """Whether a ball and limits meet: there the cones may ask for more than they must."""
    return said.get("perturbation") in ("l1", "l2") and "perturbation.upper" in said


def charges(said: Mapping[str, str]) -> Iterator[Charge]:
    names = said["regularizer"].split(" + ")
    biases = said.get("regularizer.biases", " + ".join(["penalized"] * len(names))).split(" + ")
    for name, counted in zip(names, biases, strict=True):
        if name != "none":
            yield Charge(name, STRENGTH, counted == "penalized")


def formulated(training: Training, said: Mapping[str, str]) -> Training:
    """With the patterns or neurons that the formulation draws; enough patterns are all of them."""
    X, formulation = training.samples, said.get("formulation", "sampled")
    if formulation == "gated":
        training = replace(training, activation="gated_relu")
    drawn = said.get("formulation.patterns", said.get("formulation.neurons", "50"))
    count = int(drawn) if drawn.isdigit() else smallest_count(training.Y.size + 1, 0.5, 0.99)
    if formulation == "random_features":
        return replace(training, neurons=random_directions(X.shape[1], count, 0))
    if "formulation.gates" in said:
        return replace(training, masks=X @ gates(X.shape[1]) >= 0)
    if not drawn.isdigit():
        slope = {"leaky_relu": training.slope, "absolute": -1.0}.get(training.activation, 0.0)
        return replace(training, masks=sample_patterns(X, count, 0, slope=slope, draws=True)[0])
    return training


@cache
def optimum_of(spec: str) -> float:
    return optimum(training_of(read(spec)))


@cache
def floor_of(spec: str) -> float:
    """What no network goes below."""
    return optimum(training_of(read(spec)).below())


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory: relative paths of a text start there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def solve(spec: str, backend: str) -> reludsl.Solution:
    said = read(spec)
    write_gates(Path(), training_of(said))
    return reludsl.solve(spec + SETTINGS.get(backend, ""), data_of(said), backend=backend)


def agrees(spec: str, backend: str) -> reludsl.Solution:
    """Solves a spec and compares with what is known of its optimum."""
    solution = solve(spec, backend)
    said = read(spec)
    if backends()[backend].local:
        assert solution.meaning.relation in ("local", "attacked") and solution.bound is None
        assert solution.objective >= floor_of(spec) * (1 - 1e-6) - 1e-6
        return solution
    if solution.meaning.relation == "lower bound":
        return relaxes(spec, solution)
    # The last digits can take ADMM very long; what it has by then must be right all the same.
    assert solution.status == "solved" or backend == "admm", solution.message
    searched = [float(taken.value) for taken in solution.decisions if taken.subject == "formulation.tolerance"]
    if is_cut(said):
        whole = optimum_of(spec.replace(f", upper = {said['perturbation.upper']}", ""))
        assert optimum_of(spec) * (1 - 1e-4) <= solution.program_objective <= whole * (1 + 1e-4)
    else:
        rel = max([1e-4, *searched])  # a search promises no more than its tolerance
        assert solution.program_objective == pytest.approx(optimum_of(spec), rel=rel, abs=1e-5)
    assert solution.objective <= solution.program_objective * (1 + 1e-6) + 1e-6
    if solution.bound is not None:
        # Over the patterns that a search holds the optimum may be above that over all of them.
        least = solution.program_objective if searched and solution.bound.scope == "program" else optimum_of(spec)
        assert solution.bound.value <= least * (1 + 1e-7) + 1e-7
        gap = solution.program_objective - solution.bound.value
        # Free biases ask exact sums of a dual point, which that of ADMM has in the limit alone where a loss has a kink.
        free = backend == "admm" and said["loss"] == "hinge" and "free" in said.get("regularizer.biases", "")
        assert said["regularizer"] == "none" or free or gap <= 1e-3 * solution.program_objective + 1e-5
    return solution


def relaxes(spec: str, solution: reludsl.Solution) -> reludsl.Solution:
    """A proved bound and a network on both sides of the optimum, and the program's own optimum at the bound."""
    assert solution.bound is not None and solution.means == "upper bound"
    assert solution.bound.value <= optimum_of(spec) * (1 + 1e-7) + 1e-7
    assert solution.objective >= optimum_of(spec) * (1 - 1e-5)  # which is found on a grid of directions
    assert solution.program_objective == pytest.approx(solution.bound.value, rel=1e-4)
    gap = (solution.objective - solution.bound.value) / solution.objective
    assert solution.bound.gap == pytest.approx(max(gap, 0.0))
    return solution


# -- cells ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("row", "backend"), YES)
def test_yes_finds_the_optimum(row: Row, backend: str) -> None:
    """And proves the bound that the cell says, or one on more than that."""
    if refused_for_want_of_a_solver(row.spec, backend):
        return
    solution = agrees(row.spec, backend)
    (cell,) = (cell for cell in row.cells if cell.backend == backend)
    scope = None if solution.bound is None else solution.bound.scope
    assert scope == cell.bound or (scope, cell.bound) == ("global", "program")


# Every feature by itself at once, all pairs of them when there is time.
SCRIPTS = [
    pytest.param(*case.values, id=case.id, marks=() if sections(case.values[0]) == 1 else pytest.mark.slow)
    for case in YES
]


@pytest.mark.parametrize(("row", "backend"), SCRIPTS)
def test_yes_writes_a_script(row: Row, backend: str) -> None:
    if not refused_for_want_of_a_solver(row.spec, backend):
        compile(reludsl.compile(row.spec, backend), "trainer.py", "exec")


@pytest.mark.parametrize(("row", "cell"), NO)
def test_no_tells_the_reason_and_an_alternative(row: Row, cell: Cell) -> None:
    said = read(row.spec)
    solver = f"solver {cell.backend}\n"
    for verb in (
        lambda: reludsl.solve(row.spec + solver, data_of(said)),
        lambda: reludsl.compile(row.spec + solver),
    ):
        with pytest.raises(reludsl.Mistakes) as refused:
            verb()
        told = [diagnostic for diagnostic in refused.value.diagnostics if diagnostic.severity == "error"]
        assert [(found.code, found.message) for found in told] == [
            (known.code, known.message) for known in cell.refusals
        ]
        for diagnostic in told:
            assert diagnostic.span is not None and diagnostic.help
            if diagnostic.code == "C230":
                others = [other.backend for other in row.cells if other.supported]
                assert any(f"`{other}`" in diagnostic.help for other in others)


@pytest.mark.slow
def test_the_data_asks_for_a_network() -> None:
    """No row is trivial: the optimum lies well below the network without neurons, and above nothing at all."""
    for row in ROWS:
        said = read(row.spec)
        costless = said["regularizer"] == "none" or "free" in said.get("regularizer.biases", "")
        if costless or row.cells[-1].by_language:
            continue
        assert 1e-3 < optimum_of(row.spec) < 0.98 * zero_network(training_of(said)), row.spec


# -- pairs ---------------------------------------------------------------------------------------------------------

FACTORS: Mapping[str, tuple[str, ...]] = {
    "loss": tuple(dict.fromkeys(row.features["loss"] for row in ROWS if "loss" in row.features)),
    "target": ("vector", "binary", "matrix", "categorical"),
    "weight": ("", "vector"),
    "loss.reduction": ("sum", "mean"),
    "architecture.activation": ("relu", "leaky_relu", "absolute", "gated_relu", "threshold", "polynomial"),
    "architecture.bias": ("none", "hidden", "output", "both"),
    "regularizer": ("weight_decay", "path_norm", "l1", "l2", "weight_decay + l1", "path_norm + l2"),
    "regularizer.biases": ("penalized", "free", "penalized + free", "free + penalized"),
    "formulation": ("sampled", "exact", "adaptive", "gated", "random_features"),
    "backend": tuple(backends()),
}


def pairs_of(chosen: Mapping[str, str]) -> set[tuple[tuple[str, str], ...]]:
    return set(combinations(sorted(chosen.items()), 2))


@cache
def covering() -> tuple[tuple[str, str], ...]:
    """Specs with their backends in which every two words stand together that can: the greedy choice among random
    ones."""
    generator = np.random.default_rng(0)
    covered: set[tuple[tuple[str, str], ...]] = set()
    found: list[tuple[str, str]] = []
    fruitless = 0
    while fruitless < 10:
        best: tuple[int, dict[str, str]] = (0, {})
        for _ in range(25):
            chosen = {place: str(generator.choice(words)) for place, words in FACTORS.items()}
            new = len(pairs_of(chosen) - covered)
            if new > best[0] and accepted(chosen):
                best = new, chosen
        fruitless = 0 if best[0] else fruitless + 1
        if best[0]:
            covered |= pairs_of(best[1])
            found.append((spec_of(best[1]), best[1]["backend"]))
    return tuple(found)


def spec_of(chosen: Mapping[str, str]) -> str:
    parts = {place: word for place, word in chosen.items() if word and place != "backend"}
    number = len(chosen["regularizer"].split(" + "))
    parts["regularizer.biases"] = " + ".join((chosen["regularizer.biases"].split(" + ") * 2)[:number])
    return tiny(spec_for(parts))


def accepted(chosen: Mapping[str, str]) -> bool:
    from reludsl.pipeline import Compilation
    from reludsl.source import Source

    compilation = Compilation(Source("<spec>", spec_of(chosen)))
    if compilation.checked[0] is None:
        return False
    backend = backends()[chosen["backend"]]
    program = compilation.lowered_for(backend).program
    return not backend.supports(program) and not backend.unusable(compilation.backend(backend.name)[1], program)


@pytest.mark.parametrize("part", [*range(4), *(pytest.param(part, marks=pytest.mark.slow) for part in range(4, 8))])
def test_pairs(part: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole specs: the optimum is found, and the script finds what the direct solve finds."""
    for spec, backend in covering()[part::8]:
        script_agrees(spec, backend, folder, monkeypatch)


def script_agrees(spec: str, backend: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    solution = agrees(spec, backend)
    (folder / "trainer.py").write_text(reludsl.compile(spec + SETTINGS[backend], backend))
    np.savez(folder / "data.npz", **data_of(read(spec)))
    run(folder / "trainer.py", ["--data", "data.npz", "-o", "net.npz"], monkeypatch)
    network = reludsl.load("net.npz")
    assert network.objective(data_of(read(spec))) == pytest.approx(solution.objective, rel=1e-4, abs=1e-6)


def run(script: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a script in this process, with reludsl out of its reach."""
    monkeypatch.setattr(sys, "argv", [str(script), *arguments])
    with monkeypatch.context() as hidden:
        for name in [name for name in sys.modules if name.split(".")[0] == "reludsl"]:
            hidden.delitem(sys.modules, name)
        hidden.setitem(sys.modules, "reludsl", None)
        with open(os.devnull, "w") as nowhere, pytest.MonkeyPatch.context() as quiet:
            quiet.setattr(sys, "stdout", nowhere)
            runpy.run_path(str(script), run_name="__main__")

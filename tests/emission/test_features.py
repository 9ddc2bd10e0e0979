"""Scripts of everything the language has beyond one ReLU output: they agree, are clean, and need no more than they say.

What a script computes is compared with the direct solve of the same spec; the library is out of the script's reach.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import reludsl
from tests.emission.test_scripts import run

INPUTS = 'input X : matrix[n, d] { columns = ["left", "right"], scale = standard }'
TARGETS = {
    "real": "target outcome : vector[n] { scale = standard }",
    "label": 'target label : binary[n] { positive = "yes" }',
    "class": "target class : categorical[n, k]",
    "number": "target number : categorical[n, 3]",
    "columns": 'target Y : matrix[n, c] { columns = ["outcome", "other"], scale = standard }',
}
WEIGHT = "weight importance : vector[n]"
DECAY = "regularizer weight_decay { strength = 0.2 }"
WEAK = "regularizer weight_decay { strength = 0.01 }"
FREE = "regularizer weight_decay { strength = 0.2, biases = free }"
NEWTON = "solver newton { tolerance = 1e-7 }"
ADMM = "solver admm { tolerance = 1e-6, max_iterations = 10000 }"
CVXPY = "solver cvxpy"
DESCENT = "solver descent { restarts = 2, width = 12, max_iterations = 200 }"
GRADIENT = "solver descent { method = gradient_descent(step_size = 0.05), restarts = 2, max_iterations = 200 }"


@dataclass(frozen=True)
class Feature:
    """A spec, the solvers that it is compiled for, and the libraries that its scripts need beside NumPy."""

    target: str
    loss: str
    architecture: str = ""
    formulation: str = "sampled { patterns = 8 }"
    regularizers: str = DECAY
    weighted: bool = False
    solvers: tuple[str, ...] = (ADMM, CVXPY)
    scipy: bool = False

    def spec(self, solver: str) -> str:
        data = "\n  ".join([INPUTS, TARGETS[self.target], *([WEIGHT] if self.weighted else [])])
        outputs = "separate" if self.target in ("class", "number", "columns") else "1"
        return f"""reludsl 1
data {{
  {data}
}}
architecture two_layer {{ outputs = {outputs}{self.architecture} }}
loss {self.loss}
{self.regularizers}
formulation {self.formulation}
{solver}
"""

    def libraries(self, solver: str) -> set[str]:
        backend = {"cvxpy"} if "cvxpy" in solver else set()
        descends = "descent" in solver and "gradient_descent" not in solver
        kernel = "newton" in solver or "solver admm" in solver or descends
        return {"numpy", *backend, *({"scipy"} if self.scipy or kernel else set())}


FEATURES = {
    # Several outputs, sample weights.
    "cross_entropy": Feature(
        "class", "cross_entropy { reduction = mean }", weighted=True, regularizers=DECAY[:-3] + "01 }"
    ),
    "classes by hinge": Feature("number", "hinge", ", bias = both"),
    "matrix": Feature(
        "columns", "huber { delta = 0.5, reduction = mean }", ", bias = hidden", regularizers=DECAY[:-3] + "02 }"
    ),
    "weights": Feature("real", "quantile { level = 0.2 }", weighted=True),
    # Activations.
    "leaky_relu": Feature("real", "squared", ", activation = leaky_relu(slope = 0.1), bias = hidden"),
    "absolute": Feature("label", "logistic", ", activation = absolute"),
    "gated_relu": Feature("class", "squared", ", activation = gated_relu, bias = hidden"),
    "threshold": Feature("label", "squared_hinge", ", activation = threshold, bias = both"),
    # Formulations.
    "guarantee": Feature(
        "real", "squared", formulation="sampled { patterns = guarantee(violation = 0.9, confidence = 0.5) }", scipy=True
    ),
    "gates from a file": Feature("label", "logistic", formulation='sampled { gates = "gates.csv" }'),
    "gated, from a file": Feature("columns", "squared", formulation='gated { gates = "gates.csv" }'),
    "exact": Feature("real", "squared", ", activation = absolute", formulation="exact"),
    "exact and gated": Feature("label", "hinge", ", activation = gated_relu", formulation="exact", scipy=True),
    "exact and threshold": Feature(
        "class", "cross_entropy", ", activation = threshold", formulation="exact", scipy=True
    ),
    "random_features": Feature("real", "absolute", ", bias = both", "random_features { neurons = 30 }", FREE),
    "random steps": Feature("class", "squared", ", activation = threshold", "random_features { neurons = 30 }"),
    # Regularizers.
    "sum of norms": Feature(
        "real", "squared", ", bias = hidden", regularizers=f"{DECAY}\nregularizer l1 {{ strength = 0.1 }}"
    ),
    "l2": Feature("columns", "squared", ", bias = both", regularizers="regularizer l2 { strength = 0.3 }"),
    "free biases": Feature(
        "class", "squared", ", bias = both", regularizers="regularizer path_norm { strength = 0.3, biases = free }"
    ),
    "biases of both kinds": Feature(
        "real",
        "squared",
        ", bias = both",
        regularizers=f"{DECAY}\nregularizer l1 {{ strength = 0.1, biases = free }}",
        solvers=(CVXPY,),
    ),
    # Losses and solvers of their own.
    "custom": Feature(
        "real", "custom { expression = max(square(f - y), abs(f)) }", weighted=True, solvers=(NEWTON, CVXPY)
    ),
    "custom, with a domain": Feature(
        "label", "custom { expression = square(f - y) - log(f + 9) + 3 }", ", bias = output", solvers=(NEWTON,)
    ),
    "custom, split": Feature("columns", "custom { expression = norm(f - y, 1) }", solvers=(ADMM,)),
    "rbcd": Feature(
        "label",
        "squared_hinge",
        formulation="sampled { patterns = 3 }",
        solvers=("solver admm { linear_solver = rbcd, tolerance = 1e-3, max_iterations = 200 }",),
    ),
    "descent": Feature("class", "cross_entropy", ", bias = both", weighted=True, solvers=(DESCENT, GRADIENT)),
    "descent of gated neurons": Feature(
        "real", "huber", ", activation = gated_relu, bias = hidden", solvers=(DESCENT,)
    ),
}
CASES = [(name, solver) for name, feature in FEATURES.items() for solver in feature.solvers]
every_case = pytest.mark.parametrize(("name", "solver"), CASES, ids=lambda text: " ".join(text.split()[:4]))


@cache
def script_of(name: str, solver: str) -> str:
    return reludsl.compile(FEATURES[name].spec(solver))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with every kind of target, and a file of gates."""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((24, 2))
    outcome = np.abs(X[:, 0]) - X[:, 1] + 0.1 * generator.standard_normal(24)
    third = np.digitize(outcome, np.quantile(outcome, [1 / 3, 2 / 3]))
    columns = {
        "left": X[:, 0],
        "right": 10 * X[:, 1] + 5,
        "outcome": outcome,
        "other": X[:, 0] * X[:, 1],
        "label": np.where(outcome > 0.5, "yes", "no"),
        "class": np.array(["few", "some", "many"])[third],
        "number": third * 2.5,
        "importance": np.where(np.arange(24) % 6 == 0, 0.0, generator.uniform(0.5, 2.0, 24)),
    }
    folder = tmp_path_factory.mktemp("features")
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
    (folder / "data.csv").write_text("\n".join(lines) + "\n")
    gates = generator.standard_normal((9, 2))
    (folder / "gates.csv").write_text("g1,g2\n" + "\n".join(f"{a!r},{b!r}" for a, b in gates.tolist()) + "\n")
    return folder


@every_case
def test_a_script_agrees_with_the_direct_solve(
    name: str, solver: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same objective and predictions, whatever the spec asks for.

    The direct solve moves the solver's point into its cones before it prunes, so it may merge neurons that the script
    keeps apart: the script's network is between the direct one and the program.
    """
    monkeypatch.chdir(folder)
    script, saved = tmp_path / "trainer.py", tmp_path / "net.npz"
    script.write_text(script_of(name, solver))
    target = ["--target", "Y"] if FEATURES[name].target == "columns" else []
    run(script, ["--data", "data.csv", *target, "-o", str(saved)], monkeypatch)
    solution, network = reludsl.solve(FEATURES[name].spec(solver), "data.csv"), reludsl.load(saved)
    best, attained = solution.objective, solution.program_objective
    assert (1 - 1e-3) * best <= network.objective("data.csv") <= (1 + 1e-3) * attained
    assert network.encoding.labels == solution.network.encoding.labels
    assert network.encoding.target_columns == solution.network.encoding.target_columns
    assert network.encoding.weight == solution.network.encoding.weight
    counted = slice(None)
    if FEATURES[name].weighted:  # nothing holds the predictions of samples that do not count
        counted = np.genfromtxt("data.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")["importance"] > 0
    direct = solution.network.decision_function("data.csv")[counted]
    assert network.decision_function("data.csv")[counted] == pytest.approx(direct, abs=5e-2 * np.abs(direct).max())


def test_scripts_are_formatted_and_clean(tmp_path: Path) -> None:
    for number, case in enumerate(CASES):
        (tmp_path / f"trainer_{number}.py").write_text(script_of(*case))
    for verb in (["format", "--check", "--diff"], ["check", "--select", "E,F,I,B,UP"]):
        command = [sys.executable, "-m", "ruff", *verb, "--isolated", "--line-length", "120", str(tmp_path)]
        finished = subprocess.run(command, capture_output=True, text=True)
        assert finished.returncode == 0, finished.stdout + finished.stderr


@every_case
def test_a_script_imports_only_what_it_needs(name: str, solver: str) -> None:
    imported = set()
    for node in ast.walk(ast.parse(script_of(name, solver))):
        match node:
            case ast.Import(names):
                imported |= {entry.name.split(".")[0] for entry in names}
            case ast.ImportFrom(module):
                imported.add(str(module).split(".")[0])
    assert imported - set(sys.stdlib_module_names) == FEATURES[name].libraries(solver)

"""Generated scripts: standalone, formatted, and in agreement with the direct solve."""

from __future__ import annotations

import ast
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import reludsl

LOSSES = (
    "squared",
    "squared { reduction = mean }",
    "absolute",
    "quantile { level = 0.3 }",
    "huber { delta = 0.5, reduction = mean }",
    "hinge { margin = 1.5 }",
    "squared_hinge",
    "logistic { reduction = mean }",
)
LABELLED = ("hinge", "squared_hinge", "logistic")
TIGHT = {
    "newton": "solver newton",
    "admm": "solver admm { tolerance = 1e-7, max_iterations = 50000 }",
    "cvxpy": "solver cvxpy",
    "picos": "solver picos",
}
ALLOWED = {
    "newton": {"numpy", "scipy"},
    "admm": {"numpy", "scipy"},
    "cvxpy": {"numpy", "cvxpy"},
    "picos": {"numpy", "picos"},
}


def spec_of(
    loss: str,
    backend: str,
    *,
    bias: str = "hidden",
    formulation: str = "sampled { patterns = 10 }",
    scale: str = "none",
) -> str:
    target = 'binary[n] { positive = "yes" }' if loss.startswith(LABELLED) else "vector[n]"
    beta = 0.02 if "mean" in loss else 0.5
    return f"""reludsl 1
data {{
  input  X : matrix[n, d] {{ scale = {scale} }}
  target outcome : {target}
}}
architecture two_layer {{ bias = {bias} }}
loss {loss}
regularizer weight_decay {{ strength = {beta} }}
formulation {formulation}
{TIGHT[backend]}
"""


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same samples with real-valued targets and with labels."""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((25, 2))
    y = np.abs(X[:, 0]) - X[:, 1] + 0.1 * generator.standard_normal(25)
    folder = tmp_path_factory.mktemp("data")
    paths = {}
    for name, column in (("vector", [repr(float(v)) for v in y]), ("binary", np.where(y > 0.5, "yes", "no"))):
        rows = [f"{a!r},{target},{b!r}" for (a, b), target in zip(X.tolist(), column, strict=True)]
        paths[name] = folder / f"{name}.csv"
        paths[name].write_text("left,outcome,right\n" + "\n".join(rows) + "\n")
    return paths


def run(script: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a script in this process, with reludsl out of its reach."""
    monkeypatch.setattr(sys, "argv", [str(script), *arguments])
    with monkeypatch.context() as hidden:
        for name in [name for name in sys.modules if name.split(".")[0] == "reludsl"]:
            hidden.delitem(sys.modules, name)
        hidden.setitem(sys.modules, "reludsl", None)
        runpy.run_path(str(script), run_name="__main__")


CASES = [
    # PICOS has no solver of its own for the exponential cones of the logistic loss.
    *((loss, backend, {}) for loss in LOSSES for backend in TIGHT if backend != "picos" or "logistic" not in loss),
    ("squared", "admm", {"bias": "none", "scale": "standard"}),
    ("squared", "cvxpy", {"scale": "unit_columns"}),
    ("squared", "picos", {"bias": "both", "scale": "standard"}),
    ("logistic", "cvxpy", {"formulation": "exact", "bias": "none", "scale": "minmax"}),
    ("squared", "admm", {"formulation": "exact", "bias": "none"}),
]


@pytest.mark.parametrize(("loss", "backend", "more"), CASES)
def test_a_script_computes_what_the_direct_solve_computes(
    loss: str,
    backend: str,
    more: dict[str, str],
    tables: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = spec_of(loss, backend, **more)
    table = tables["binary" if loss.startswith(LABELLED) else "vector"]
    script, saved = tmp_path / "trainer.py", tmp_path / "net.npz"
    script.write_text(reludsl.compile(spec))
    run(script, ["--data", str(table), "-o", str(saved)], monkeypatch)
    solution, network = reludsl.solve(spec, table), reludsl.load(saved)
    # A neuron on the border of its cone may be merged with one beyond: the network is then below its program.
    best, attained = solution.objective, solution.program_objective
    assert (1 - 1e-3) * best <= network.objective(table) <= (1 + 1e-3) * attained
    assert network.encoding.labels == solution.network.encoding.labels
    assert network.encoding.columns == solution.network.encoding.columns == ("left", "right")
    direct = solution.network.decision_function(table)
    assert network.decision_function(table) == pytest.approx(direct, abs=2e-2 * np.abs(direct).max())


@pytest.mark.parametrize("loss", ["squared", "huber { delta = 0.5 }"])
@pytest.mark.parametrize("backend", ["newton", "admm"])
def test_a_script_presolves_like_the_direct_solve(
    backend: str, loss: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More inputs than samples, and every sample twice."""
    generator = np.random.default_rng(0)
    X = np.tile(generator.standard_normal((8, 12)), (2, 1))
    table, script, saved = tmp_path / "wide.npz", tmp_path / "trainer.py", tmp_path / "net.npz"
    np.savez(table, X=X, outcome=np.abs(X[:, 0]) - X[:, 1])
    spec = spec_of(loss, backend, bias="output")
    script.write_text(reludsl.compile(spec))
    run(script, ["--data", str(table), "-o", str(saved)], monkeypatch)
    solution, network = reludsl.solve(spec, table), reludsl.load(saved)
    violation, gap = {"newton": (1e-9, 1e-6), "admm": (1e-6, 1e-4)}[backend]  # the latter is in its cones in the limit
    assert solution.width > 0 and solution.violation <= violation
    assert solution.bound is not None and solution.bound.gap <= gap
    assert network.objective(table) == pytest.approx(solution.objective, rel=1e-5)


@pytest.mark.parametrize("backend", TIGHT)
def test_a_script_imports_only_what_it_declares(backend: str) -> None:
    text = reludsl.compile(spec_of("squared", backend))
    imported = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names):
                imported |= {name.name.split(".")[0] for name in names}
            case ast.ImportFrom(module):
                imported.add(str(module).split(".")[0])
    assert imported - set(sys.stdlib_module_names) == ALLOWED[backend]


@pytest.mark.parametrize("backend", TIGHT)
def test_a_script_is_formatted_and_clean(backend: str, tmp_path: Path) -> None:
    script = tmp_path / "trainer.py"
    script.write_text(reludsl.compile(spec_of("squared { reduction = mean }", backend, formulation="exact")))
    for verb in (["format", "--check"], ["check", "--select", "E,F,I,B,UP"]):
        command = [sys.executable, "-m", "ruff", *verb, "--isolated", "--line-length", "120", str(script)]
        finished = subprocess.run(command, capture_output=True, text=True)
        assert finished.returncode == 0, finished.stdout + finished.stderr


def test_the_header_tells_origin_and_decisions() -> None:
    text = reludsl.compile(spec_of("squared", "admm"), set={})
    head = ast.get_docstring(ast.parse(text)) or ""
    for part in ("Spec digest", "sha256:", "numpy", "Seed", "loss.reduction = sum (default)", "subject to"):
        assert part in head


def test_the_npz_form_of_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of("squared", "admm")
    generator = np.random.default_rng(1)
    X, y = generator.standard_normal((20, 3)), generator.standard_normal(20)
    np.savez(tmp_path / "data.npz", X=X, outcome=y)
    (tmp_path / "trainer.py").write_text(reludsl.compile(spec))
    saved = tmp_path / "net.npz"
    run(tmp_path / "trainer.py", ["--data", str(tmp_path / "data.npz"), "-o", str(saved)], monkeypatch)
    assert reludsl.load(saved).objective(X, y) == pytest.approx(reludsl.solve(spec, (X, y)).objective, rel=1e-3)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("left,right\n1,2\n", "no column 'outcome'"),
        ("left,outcome,right\n1,2,x\n", "something other than numbers"),
        ("left,outcome,right\n1,nan,2\n", "missing or infinite"),
    ],
)
def test_a_script_refuses_bad_data_in_a_sentence(
    content: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trainer.py").write_text(reludsl.compile(spec_of("squared", "admm")))
    (tmp_path / "data.csv").write_text(content)
    with pytest.raises(SystemExit) as ended:
        run(tmp_path / "trainer.py", ["--data", str(tmp_path / "data.csv")], monkeypatch)
    assert told in str(ended.value)


def test_quotes_in_names_and_labels_survive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = """reludsl 1
data {
  input  X : matrix[n, d] { columns = ["it's", "a \\"b\\""] }
  target y : binary[n]    { positive = "\\"yes'" }
}
architecture two_layer
loss squared
regularizer weight_decay { strength = 0.1 }
formulation sampled { patterns = 5 }
"""
    (tmp_path / "data.csv").write_text(
        'it\'s,"a ""b""",y\n1,2,"""yes\'"\n2,1,no\n-1,0.5,no\n0.3,-2,"""yes\'"\n', encoding="utf-8"
    )
    (tmp_path / "trainer.py").write_text(reludsl.compile(spec, "admm"))
    saved = tmp_path / "net.npz"
    run(tmp_path / "trainer.py", ["--data", str(tmp_path / "data.csv"), "-o", str(saved)], monkeypatch)
    assert reludsl.load(saved).encoding.labels == ("no", "\"yes'")

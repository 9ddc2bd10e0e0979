"""The page of a solution: what it holds in which case, that it is one file, and that no name can break it."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import reludsl
from reludsl.certificate import Bound
from reludsl.reports.certificate import PROVED, Verdict
from tests.cli.running import environment, run
from tests.reports.reading import Page

pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")

SPEC = """\
reludsl 1

data {
  input  X : matrix[n, d]
  target y : vector[n]
}

architecture two_layer { bias = hidden }

loss squared

regularizer weight_decay { strength = 0.1 }

formulation sampled { patterns = 12 }

solver newton
"""

PERTURBATION = "\nperturbation linf { radius = 0.05 }\n"

ALWAYS = [
    "Result",
    "Certificate",
    "Training and held-out rows",
    "Active neurons and their patterns",
    "Convergence",
    "The problem",
    "What its optimum means",
    "Decisions taken",
    "Origin",
    "The spec",
]


def data(columns: int, seed: int = 0, rows: int = 24) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((rows, columns))
    return X, np.maximum(X @ np.arange(1.0, columns + 1), 0) - 0.5 * X[:, 0]


def solved(text: str = SPEC, columns: int = 3, **options: Any) -> reludsl.Solution:
    return reludsl.solve(text, data(columns), **options)


def labelled(kind: str = "binary[n]") -> tuple[str, tuple[np.ndarray, np.ndarray]]:
    """A spec with labels and its data in the plane."""
    X, y = data(2)
    labels = np.where(y > 1, "high", "low") if kind == "binary[n]" else np.digitize(y, [0.5, 2]).astype(float)
    positive = ' { positive = "high" }' if kind == "binary[n]" else ""
    text = SPEC.replace("vector[n]", f"{kind}{positive}")
    if kind == "binary[n]":
        return text.replace("loss squared", "loss logistic"), (X, labels)
    text = text.replace("bias = hidden", "bias = hidden, outputs = separate").replace("solver newton\n", "")
    return text.replace("loss squared", "loss cross_entropy"), (X, labels)


# -- what it holds -----------------------------------------------------------------------------------------------


def test_sections() -> None:
    solution = solved(holdout=0.25)
    page = Page.of(reludsl.report(solution))
    assert [heading for heading in page.headings if heading in ALWAYS] == ALWAYS
    assert page.headings[0] == "<text>" and "What the network does" not in page.headings
    assert not {"Robustness", "Warnings", "The perturbation"} & set(page.headings)
    for text in (f"{solution.objective:.8g}", f"{solution.metrics['test']['rmse']:.4g}", "architecture.activation"):
        assert text in page.text
    assert SPEC in page.text and str(solution.network.description["digest"]) in page.text
    assert reludsl.Solution is type(solution) and page.text.count("minimize") >= 2


@pytest.mark.parametrize(("columns", "words"), [(1, "The prediction over the input"), (2, "level sets")])
def test_few_inputs_are_drawn(columns: int, words: str) -> None:
    page = Page.of(reludsl.report(solved(columns=columns, test=data(columns, seed=1))))
    assert "What the network does" in page.headings and words in page.text


def test_a_bar_for_every_run() -> None:
    from reludsl.reports.pictures import _bars

    def runs(*pattern: int) -> list[tuple[float, float]]:
        return [(bar[0, 0], bar[1, 0]) for bar in _bars(0, np.array(pattern, dtype=bool))]

    assert runs(1, 1, 0, 1) == [(0, 2), (3, 4)] and runs(0, 0) == [] and runs(0, 1, 1) == [(1, 3)]


def test_many_samples_make_no_large_page() -> None:
    text = SPEC.replace("solver newton", "solver newton { max_iterations = 3 }")
    page = reludsl.report(reludsl.solve(text, data(2, rows=4000)))
    assert len(page) < 600_000 and "300 of the 4000 samples" in page and "Drawn are the first 500 samples" in page


@pytest.mark.parametrize("kind", ["binary[n]", "categorical[n, k]"])
def test_regions_of_labels(kind: str) -> None:
    text, table = labelled(kind)
    page = Page.of(reludsl.report(reludsl.solve(text, table, holdout=0.25)))
    assert "regions in which each label is predicted" in page.text
    for label in dict.fromkeys(table[1].tolist()):
        assert f"{str(label).removesuffix('.0')}, training" in page.text


def test_local_training_has_no_convex_program() -> None:
    text = SPEC.replace("solver newton", "solver descent { restarts = 1, width = 5, max_iterations = 100 }")
    page = Page.of(reludsl.report(solved(text)))
    assert "The convex program" not in page.headings and "Nothing is proved from below" in page.text
    assert "trains the network itself" in page.text


def test_a_network_without_neurons() -> None:
    page = Page.of(reludsl.report(solved(SPEC.replace("strength = 0.1", "strength = 1e6"), columns=2)))
    assert "The network has no hidden neurons" in page.text


@pytest.mark.parametrize("activation", ["gated_relu", "threshold", "polynomial(a = 0.1, b = 0.5, c = 0.2)"])
def test_other_neurons(activation: str) -> None:
    text = SPEC.replace("{ bias = hidden }", f"{{ activation = {activation} }}").replace("solver newton\n", "")
    if activation.startswith("polynomial"):
        text = text.replace("formulation sampled { patterns = 12 }\n", "").replace("weight_decay", "path_norm")
    page = Page.of(reludsl.report(solved(text, columns=2)))
    drawn = any(names.get("id") == "patterns" for _, names in page.elements)
    assert drawn == (not activation.startswith("polynomial"))


def test_warnings_and_their_codes() -> None:
    solution = solved(SPEC.replace("solver newton", "solver newton { max_iterations = 1, tolerance = 1e-12 }"))
    page = Page.of(reludsl.report(solution))
    assert solution.status == "limit" and "Warnings" in page.headings
    assert "S401" in page.text and "The solve stopped at a limit" in page.text


# -- robustness --------------------------------------------------------------------------------------------------


def test_robustness_is_told_where_the_spec_asks_for_it() -> None:
    text, table = labelled()
    solution = reludsl.solve(text.replace("solver newton\n", "") + PERTURBATION, table, time_limit=5)
    page = Page.of(reludsl.report(solution))
    assert {"Robustness", "The perturbation"} <= set(page.headings)
    assert "On training rows" in page.text and "accuracy, certified" in page.text


def test_the_curve() -> None:
    """Without a perturbation it is the metric itself; what is certified is never more than what withstands."""
    from reludsl.model.model import Perturbation
    from reludsl.reports.robustness import FACTORS, robustness_curve

    text, table = labelled()
    solution = reludsl.solve(text, table)
    samples = solution.network.encoding.samples(solution.network.on(table)[1])
    curve = robustness_curve(solution.network, samples, Perturbation("linf", radius=0.3))
    assert curve is not None and curve.attacked is not None and curve.radii is not None
    assert curve.radii == pytest.approx(np.multiply(FACTORS, 0.3)) and curve.samples == 24
    assert curve.attacked[0] == curve.certified[0] == solution.metrics["train"]["accuracy"]
    assert np.all(np.subtract(curve.certified, curve.attacked) <= 0)
    assert np.all(np.diff(curve.certified) <= 0) and curve.certified[-1] < curve.certified[0]
    for radius, attacked, certified in zip(curve.radii, curve.attacked, curve.certified, strict=True):
        exact = reludsl.certify(solution.network, table, radius=radius).scores["exact"]
        assert certified <= exact <= attacked
    box = Perturbation("box", lower=(-0.1, 0.0), upper=(0.2, 0.0))
    boxed = robustness_curve(solution.network, samples, box)
    assert boxed is not None and boxed.radii is None and boxed.certified[0] == curve.certified[0]
    assert robustness_curve(solution.network, samples, Perturbation("linf", radius=0.0)) is None
    assert robustness_curve(solution.network, samples, Perturbation("box", lower=-0.1)) is None


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_the_curve_of_distributions(norm: str) -> None:
    """The worst distribution that is known lies under the proved bound, also one that moves a single sample far."""
    from reludsl.reports.robustness import robustness_curve

    generator = np.random.default_rng(3)
    table = pl.DataFrame({"a": generator.standard_normal(20), "b": 5.0 * generator.standard_normal(20)})
    table = table.with_columns(y=3.0 + (pl.col("a") - pl.col("b") / 5).abs())
    spec = (
        "reludsl 1\ndata { input X : matrix[n, d] { scale = standard }, target y : vector[n] { scale = standard } }\n"
        "architecture two_layer { bias = both }\nloss absolute\nregularizer weight_decay { strength = 0.02 }\n"
        f"perturbation wasserstein {{ radius = 0.1, norm = {norm} }}\n"
    )
    solution = reludsl.solve(spec, table)
    network, perturbation = solution.network, reludsl.check(spec).model.perturbation
    X, y = table.select("a", "b").to_numpy(), table["y"].to_numpy()
    curve = robustness_curve(network, network.encoding.samples(network.on(table)[1]), perturbation)
    assert curve is not None and curve.attacked is not None and curve.radii is not None
    clean = np.abs(network.decision_function(X) - y).mean()
    assert curve.attacked[0] == pytest.approx(clean) and curve.certified[0] == pytest.approx(clean)
    assert clean < curve.attacked[-1] <= curve.certified[-1]
    assert np.all(np.subtract(curve.certified, curve.attacked) >= -1e-12) and np.all(np.diff(curve.attacked) >= 0)
    order = {"linf": np.inf, "l2": 2, "l1": 1}[norm]
    for _ in range(200):
        moved, k = X.copy(), generator.integers(20)
        change = generator.standard_normal(2)
        moved[k] += 20 * curve.radii[-1] * change / np.linalg.norm(change, order)  # all that the average allows
        assert np.abs(network.decision_function(moved) - y).mean() <= curve.certified[-1] + 1e-12
    assert {"Robustness"} <= set(Page.of(reludsl.report(solution)).headings)


# -- the certificate ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bound", "kind", "words"),
    [
        (None, "none", "Nothing is proved from below. Because of the loss"),
        (Bound(-np.inf, np.inf, "global", "relaxation"), "none", "gives no finite bound"),
        (Bound(0.5, 0.5, "program", "duality"), "program", "networks with other patterns: they may be better"),
        (Bound(1 - PROVED, PROVED, "global", "branch_and_bound"), "proved", "No network of any width"),
        (Bound(0.9, 0.1, "global", "relaxation"), "gap", "lies between 0.9 and 1; either may be far"),
    ],
)
def test_verdicts(bound: Bound | None, kind: str, words: str) -> None:
    solution = replace(solved(), objective=1.0, bound=bound)
    verdict = Verdict.of(solution, "None: because of the loss.")
    assert verdict.kind == kind and words in " ".join(verdict.sentences)
    page = Page.of(reludsl.report(solution))
    assert verdict.summary in page.text
    late = Verdict.of(replace(solution, status="limit", message="reached the time limit"), "")
    assert late.kind == kind and late.sentences[-1].endswith("tolerance: reached the time limit.")


def test_exact_training_is_proved() -> None:
    text = SPEC.replace("sampled { patterns = 12 }", "exact").replace("bias = hidden", "bias = none")
    page = Page.of(reludsl.report(solved(text, columns=2)))
    assert "global optimum, gap" in page.text and "enumeration: all activation patterns" in page.text


# -- one file that nothing breaks --------------------------------------------------------------------------------

HOSTILE = ["<script>alert(1)</script>", "$\\frac{", '"><img src=x onerror=alert(1)>', "`x`&amp;", "_x\x00\x1b]", "日本"]


def test_hostile_names() -> None:
    """Of columns and of labels, in texts, tables and pictures."""
    X, y = data(2)
    labels = np.array(HOSTILE[2:])[np.digitize(y, [0.3, 1, 2])]
    table = {HOSTILE[0]: X[:, 0], HOSTILE[1]: X[:, 1], "y": labels}
    page = reludsl.report(reludsl.solve(labelled("categorical[n, k]")[0], table))
    found = Page.of(page)
    for name in HOSTILE[:2]:
        assert found.text.count(name) >= 2, "in the table and in the picture"
    for name in HOSTILE[2:]:
        assert re.sub(r"[\x00-\x1f]", "\N{REPLACEMENT CHARACTER}", name) in found.text
    assert "<script" not in page and "<img" not in page and "\x00" not in page


def test_a_hostile_spec() -> None:
    comment = "# </code></pre><script>alert('x')</script> & <b>\n"
    page = reludsl.report(solved(comment + SPEC))
    assert comment.strip() in Page.of(page).text and "<script" not in page and "<b>" not in page


def test_nothing_is_fetched() -> None:
    page = reludsl.report(solved(columns=2))
    assert "http" not in page and "@import" not in page and "url(" not in page.split("</style>")[0]


def test_the_same_solution_makes_the_same_page() -> None:
    text, table = labelled()
    solution = reludsl.solve(text, table)
    assert reludsl.report(solution) == reludsl.report(solution)


@pytest.mark.slow
def test_another_process_makes_the_same_page() -> None:
    """But for the times."""
    code = (
        "import reludsl, sys, dataclasses; from tests.reports.test_page import labelled; text, table = labelled();"
        "found = reludsl.solve(text, table);"
        "still = tuple(dataclasses.replace(m, seconds=float(m.iteration)) for m in found.history);"
        "sys.stdout.write(reludsl.report(dataclasses.replace(found, seconds={}, history=still)))"
    )
    pages = [
        subprocess.run(
            [sys.executable, "-c", code], env=environment(PYTHONHASHSEED=seed), capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert pages[0] == pages[1] and len(pages[0]) > 10000


def test_a_solution_that_holds_no_data_is_refused() -> None:
    with pytest.raises(ValueError, match="no longer holds what it was trained on"):
        reludsl.report(replace(solved(), continuation=None))


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    solution = solved()
    monkeypatch.setattr("reludsl.plots.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"reludsl\[plot\]"):
        reludsl.report(solution, tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


# -- the command line --------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    X, y = data(2)
    lines = [f"{a},{b},{t}" for (a, b), t in zip(X.tolist(), y.tolist(), strict=True)]
    (tmp_path / "spec.relu").write_text(SPEC)
    (tmp_path / "data.csv").write_text("\n".join(["a,b,y", *lines]) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_on_the_command_line(folder: Path) -> None:
    result = run("solve", "spec.relu", "--data", "data.csv", "--report", "page.html")
    assert result.code == 0 and result.stdout.splitlines()[-1].split() == ["report", "in", "page.html"]
    page = Page.of((folder / "page.html").read_text(encoding="utf-8"))
    assert page.headings[0] == "spec.relu"
    assert not list(folder.glob(".page*")), "nothing temporary stays"


@pytest.mark.parametrize(("path", "code"), [("page.pdf", "D302"), ("nowhere/page.html", "D330")])
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_written_is_refused_before_the_work(
    path: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worked(*arguments: object) -> None:
        raise AssertionError("the solver ran")

    monkeypatch.setattr("reludsl.pipeline.Compilation.solve", worked)
    result = run("solve", "spec.relu", "--data", "data.csv", "--report", path)
    assert result.code == 1 and f"error[{code}]" in result.stderr


def test_a_page_is_written_whole_or_not_at_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "page.html").write_text("before")
    solution = solved()
    monkeypatch.setattr("os.fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(reludsl.Mistakes, match="D330"):
        reludsl.report(solution, folder / "page.html")
    assert (folder / "page.html").read_text() == "before" and not list(folder.glob(".page*"))


@pytest.mark.usefixtures("folder")
def test_the_command_line_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reludsl.plots.find_spec", lambda name: None)
    result = run("solve", "spec.relu", "--data", "data.csv", "--report", "page.html")
    assert result.code == 2 and "reludsl[plot]" in result.stderr

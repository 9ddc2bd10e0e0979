"""Generated scripts of robust programs: standalone, and in agreement with the direct solve."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

import reludsl
from tests.lowering.test_robust_program import X, spec_of, targets_of

CASES = {
    "linf": ("linf { radius = 0.02 }", "hinge", "sampled { patterns = 6 }", ""),
    "l2": ("l2 { radius = [0.02, 0.01] }", "squared", "sampled { patterns = 6 }", ""),
    "cut": ("l1 { radius = 0.03, upper = 0.02 }", "quantile", "sampled { patterns = 6 }", ""),
    "box": ("box { lower = -0.01, upper = 0.02, maximum = 99 }", "logistic", "exact", ""),
    "gated": ("linf { radius = 0.02 }", "hinge", "gated { patterns = 6 }", ""),
    "classes": ("linf { radius = 0.02 }", "cross_entropy", "sampled { patterns = 6 }", "categorical[n, k]"),
    "outputs": ("l2 { radius = 0.02 }", "squared", "sampled { patterns = 6 }", "matrix[n, c]"),
    "wasserstein": ("wasserstein { radius = 0.02 }", "absolute", "sampled { patterns = 6 }", ""),
}


NEWTON = {
    f"{case} {loss}": (perturbation, loss, formulation, "")
    for case, (perturbation, _, formulation, _) in CASES.items()
    if case in ("linf", "l2", "box", "gated")
    for loss in ("squared", "hinge")
}

BACKENDS = [("cvxpy", case) for case in CASES.values()] + [("newton", case) for case in NEWTON.values()]
NAMES = [f"cvxpy {case}" for case in CASES] + [f"newton {case}" for case in NEWTON]


@pytest.mark.parametrize(("backend", "case"), BACKENDS, ids=NAMES)
def test_a_script_finds_the_network_of_the_direct_solve(
    backend: str, case: tuple[str, str, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    perturbation, loss, formulation, target = case
    y = targets_of(loss, target)
    spec = spec_of(perturbation, loss, formulation, bias="hidden", scale="standard", target=target)
    (tmp_path / "solve.py").write_text(reludsl.compile(spec, backend=backend))
    np.savez(tmp_path / "data.npz", X=X, y=y)
    direct = reludsl.solve(spec, (X, y), backend=backend)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["solve.py", "--data", "data.npz", "-o", "net.npz"])
    monkeypatch.delitem(sys.modules, "reludsl", raising=False)
    runpy.run_path("solve.py", run_name="__main__")
    network = reludsl.load("net.npz")
    assert np.allclose(network.decision_function(X), direct.network.decision_function(X), rtol=1e-4, atol=1e-5)

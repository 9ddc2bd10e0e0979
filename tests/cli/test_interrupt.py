"""Ctrl-C and the time limit: the solve ends early, with a network.

The problems are far too long for any machine to finish first: ADMM is asked for a tolerance that it cannot reach, and
the conic solver gets tens of thousands of inequalities. Ctrl-C is pressed when the first progress is on the terminal.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

import reludsl
from tests.cli.running import environment, run, run_on_terminal

SPEC = """\
reludsl 1
data {{ input X : matrix[n, d], target y : binary[n] }}
architecture two_layer
loss {loss}
regularizer weight_decay {{ strength = 0.1 }}
formulation sampled {{ patterns = 100 }}
solver {solver}
"""
LONG = {
    "admm": SPEC.format(loss="squared", solver="admm { tolerance = 1e-15, max_iterations = 1000000000 }"),
    "cvxpy": SPEC.format(loss="hinge", solver="cvxpy { tolerance = 1e-12 }"),
}


@pytest.fixture(params=LONG)
def long_problem(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The working folder holds `long.relu` and `long.npz`; the backend's name."""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((400, 10))
    np.savez(tmp_path / "long.npz", X=X, y=np.where(generator.standard_normal(400) > 0, 1.0, -1.0))
    (tmp_path / "long.relu").write_text(LONG[request.param])
    monkeypatch.chdir(tmp_path)
    return str(request.param)


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is pressed on a pseudo-terminal")
def test_ctrl_c_ends_with_a_network(long_problem: str, tmp_path: Path) -> None:
    result = run_on_terminal(
        *("solve", "long.relu", "--data", "long.npz", "-o", "net.npz"),
        cwd=tmp_path,
        env=environment(TERM="xterm", NO_COLOR="1"),
        interrupt_at=b"iteration ",
    )
    rows = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert result.code == 0, result.stderr
    assert rows["status"] == "interrupted"
    assert "warning[S403]" in result.stderr and "Traceback" not in result.stderr
    assert "Ctrl-C" in result.stderr, "the display says how to end it"
    network = reludsl.load("net.npz")
    objective = network.objective("long.npz")
    assert float(rows["objective"].split()[0]) == pytest.approx(objective, rel=1e-6)
    without_neurons = {"admm": 200.0, "cvxpy": 400.0}[long_problem]  # 400 labels, each with a loss of 1/2 or of 1
    assert 0 < objective <= without_neurons, "a slow machine has found no neuron yet, but nothing is worse than that"


def test_the_time_limit_ends_with_a_network(long_problem: str) -> None:
    result = run("solve", "long.relu", "--data", "long.npz", "--time-limit", "0.2", "--json", "-o", "net.npz")
    assert result.code == 0
    found = json.loads(result.stdout)
    assert found["status"] == "limit" and found["network"] == "net.npz"
    assert "warning[S401]" in result.stderr and "limit" in result.stderr
    assert found["means"] == "upper bound"
    assert reludsl.load("net.npz").objective("long.npz") == pytest.approx(found["objective"], rel=1e-9)


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is pressed on a pseudo-terminal")
def test_ctrl_c_ends_a_certificate_with_what_is_proved(tmp_path: Path) -> None:
    """Branch and bound in twelve dimensions: it does not come to its end either."""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((100, 11))
    np.savez(tmp_path / "hard.npz", X=X, y=generator.standard_normal(100))
    spec = SPEC.format(loss="squared", solver="newton").replace("binary", "vector").replace("0.1", "5")
    (tmp_path / "hard.relu").write_text(spec.replace("two_layer", "two_layer { bias = both }"))
    result = run_on_terminal(
        *("solve", "hard.relu", "--data", "hard.npz", "--certify", "global", "--certify-seconds", "1000"),
        cwd=tmp_path,
        env=environment(TERM="xterm", NO_COLOR="1"),
        interrupt_at=b"certifying",
    )
    rows = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if not line.startswith("global"))
    assert result.code == 0, result.stderr
    assert rows["status"] == "solved" and "interrupted" in rows["certificate"]
    assert "global bound" in result.stdout and "warning[S406]" in result.stderr

"""A folder with a spec and data, as a user has them, for the tests of the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

SPEC = """\
reludsl 1

data {
  input  X : matrix[n, d] { scale = standard }
  target y : vector[n]
}

hyperparameters { beta = 0.1 }

architecture two_layer { bias = hidden }

loss squared

regularizer weight_decay { strength = beta }

formulation sampled { patterns = 20 }
"""

LABELS = SPEC.replace("vector[n]", 'binary[n] { positive = "M" }')


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with `spec.relu`, `labels.relu` and their data, 16 samples of 2 features."""
    generator = np.random.default_rng(5)
    X = np.round(generator.standard_normal((16, 2)), 3)
    y = np.round(np.maximum(X @ [1.0, -2.0], 0) + 0.5, 3)
    rows = [f"{a},{b}" for a, b in X.tolist()]
    labels = np.where(X[:, 0] + X[:, 1] ** 2 > 0.7, "M", "B")
    (tmp_path / "spec.relu").write_text(SPEC)
    (tmp_path / "labels.relu").write_text(LABELS)
    (tmp_path / "data.csv").write_text("a,b,y\n" + "".join(f"{row},{t}\n" for row, t in zip(rows, y, strict=True)))
    (tmp_path / "labels.csv").write_text(
        "a,b,y\n" + "".join(f"{row},{t}\n" for row, t in zip(rows, labels, strict=True))
    )
    (tmp_path / "bad.relu").write_text("reludsl 1\nloss hinge { margin: 1 }\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path

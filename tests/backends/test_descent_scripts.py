"""Generated code of descent computes what the direct solve computes, and stands alone."""

from __future__ import annotations

import ast
import inspect
import runpy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reludsl import ascent, perturbation_sets
from reludsl.backend import Emitted
from reludsl.backends.descent import kernel, perturbed, torch_methods
from reludsl.ir import Activation, TrainingForm
from tests.backends.test_descent import DESCENT, LOSSES, PENALTIES, arrays_for, form_of, run, settings

SCRIPTS: tuple[tuple[TrainingForm, Any], ...] = (
    (form_of(LOSSES["squared"], PENALTIES[0]), "lbfgs"),
    (form_of(LOSSES["hinge"], PENALTIES[1], hidden_bias=True, mean=True), ("gradient_descent", {"step_size": 0.2})),
    (form_of(LOSSES["cross_entropy"], PENALTIES[0], several=True, output_bias=True, weighted=True), "lbfgs"),
    (form_of(LOSSES["huber { delta = 0.5 }"], activation=Activation("gated_relu"), hidden_bias=True), "lbfgs"),
    (form_of(LOSSES["logistic"], PENALTIES[0], activation=Activation("absolute", -1.0)), ("adam", {"epochs": 5})),
)


@pytest.mark.parametrize(("form", "method"), SCRIPTS, ids=str)
def test_the_script_computes_what_the_direct_solve_computes(form: TrainingForm, method: Any, tmp_path: Path) -> None:
    if method[0] == "adam" and find_spec("torch") is None:
        pytest.skip("the extra `torch` is not installed")
    arrays = arrays_for(form)
    limits: dict[str, Any] = {"method": method, "restarts": 2, "max_iterations": 20, "width": 6}
    outcome = run(form, arrays, **limits)
    emitted = DESCENT.emit(form.program(), settings(**limits))
    path = tmp_path / "solve.py"
    path.write_text(script(emitted), encoding="utf-8")
    solve = runpy.run_path(str(path))["solve"]
    point, _ = solve(**arrays)
    assert outcome.point is not None and set(point) == set(outcome.point)
    for name, array in outcome.point.items():
        assert np.array_equal(point[name], array)


def script(emitted: Emitted) -> str:
    """A module of the emitted functions, with the imports that the kernel's modules have."""
    standard = (
        "from __future__ import annotations",
        "import sys, time",
        "from collections.abc import Callable, Sequence",
        "from dataclasses import dataclass, field, replace",
        "from typing import Any, NamedTuple, Protocol",
        "import numpy as np",
        "from scipy.optimize import minimize",
    )
    sources = (part if isinstance(part, str) else inspect.getsource(part) for part in emitted.functions)
    return "\n\n".join([*standard, *emitted.imports, *sources, emitted.solve])


def test_the_kernel_stands_alone() -> None:
    """Its functions go into generated code: NumPy, SciPy and the standard library only; PyTorch inside functions."""
    ours = {kernel.__name__, ascent.__name__, perturbation_sets.__name__}
    for module, allowed in (
        (kernel, {"scipy.optimize"}),
        (torch_methods, {"torch.optim", kernel.__name__}),
        (perturbed, ours),
        (ascent, ours),
    ):
        tree = ast.parse(inspect.getsource(module))
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert modules <= {"__future__", "collections.abc", "dataclasses", "typing"} | allowed
        assert names <= {"numpy", "time", "torch"}
        assert not any(isinstance(node, ast.Import) and node.names[0].name == "torch" for node in tree.body)

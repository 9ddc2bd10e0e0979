"""Threads of linear algebra: one unless the caller or the environment says otherwise, and afterwards as before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg  # noqa: F401  what is not loaded has no threads
from threadpoolctl import threadpool_info, threadpool_limits

import reludsl
from reludsl.threads import VARIABLES
from tests.cli.running import run

SPEC = """\
reludsl 1
data { input X : matrix[n, d], target y : vector[n] }
hyperparameters { beta = 0.1 }
architecture two_layer
loss squared
regularizer weight_decay { strength = beta }
formulation sampled { patterns = 5 }
"""
generator = np.random.default_rng(0)
DATA = (generator.standard_normal((12, 2)), generator.standard_normal(12))


def threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says nothing of threads."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def seen_in(verb: Callable[..., Any], **options: Any) -> int:
    """The most threads that a library has inside the solves of a verb."""
    seen: list[int] = []

    def watch(progress: reludsl.backends.Progress) -> bool:
        seen.extend(threads())
        return False

    if verb is reludsl.solve:
        verb(SPEC, DATA, monitor=watch, **options)
    else:
        verb(SPEC, DATA, monitor_for=lambda name: watch, **options)
    return max(seen)


@pytest.mark.usefixtures("silent")
def test_one_unless_asked() -> None:
    with threadpool_limits(limits=2, user_api="blas"):
        before = threads()
        assert seen_in(reludsl.solve) == 1
        assert threads() == before


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize(
    ("verb", "options"),
    [(reludsl.solve, {}), (reludsl.path, {"set": {"beta": [0.1, 1]}}), (reludsl.compare, {"backends": ["newton"]})],
    ids=["solve", "path", "compare"],
)
def test_as_many_as_asked(verb: Callable[..., Any], options: dict[str, Any]) -> None:
    with threadpool_limits(limits=1, user_api="blas"):
        assert seen_in(verb, threads=2, **options) == 2
        assert set(threads()) == {1}


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("name", VARIABLES)
def test_the_environment_is_left_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "2")
    with threadpool_limits(limits=2, user_api="blas"):
        assert seen_in(reludsl.solve) == 2
        assert seen_in(reludsl.solve, threads=1) == 1, "what is asked for goes first"


@pytest.mark.parametrize("wanted", [0, -1, 1.5])
def test_what_is_no_number_of_threads(wanted: Any) -> None:
    verbs: list[Callable[[], Any]] = [
        lambda: reludsl.solve(SPEC, DATA, threads=wanted),
        lambda: reludsl.compare(SPEC, DATA, threads=wanted),
        lambda: reludsl.path(SPEC, DATA, set={"beta": [1, 2]}, threads=wanted),
    ]
    for verb in verbs:
        with pytest.raises(ValueError, match=f"threads is {wanted}"):
            verb()


@pytest.mark.parametrize("verb", ["solve", "path", "compare"])
def test_the_command_line_refuses_it_too(verb: str) -> None:
    result = run(verb, "spec.relu", "--data", "data.csv", "--threads", "0")
    assert result.code == 2 and "--threads" in result.stderr

"""Specs that say the same thing in different words have the same optimum, on random data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reludsl

LABELLED = ("hinge", "squared_hinge", "logistic")
CUSTOM = {
    "squared": "square(f - y) / 2",
    "absolute": "abs(f - y)",
    "huber { delta = 0.5 }": "huber(f - y, 0.5)",
    "quantile { level = 0.3 }": "max(0.3 * (y - f), 0.7 * (f - y))",
    "hinge": "pos(1 - y * f)",
    "squared_hinge": "square(pos(1 - y * f)) / 2",
    "logistic": "logistic(-y * f)",
}

cases = st.tuples(st.integers(0, 999), st.sampled_from(sorted(CUSTOM)))


def data(seed: int, loss: str, n: int = 7, d: int = 2) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    X, y = generator.standard_normal((n, d)), generator.standard_normal(n)
    return {"X": X, "y": np.where(y > np.median(y), 1.0, -1.0) if loss.startswith(LABELLED) else y}


def solved(
    table: dict[str, np.ndarray], loss: str, beta: float = 0.2, *, activation: str = "relu", labels: str | None = None
) -> reludsl.Solution:
    """The exact program, by CVXPY. `labels` is the loss that the data is for, where it is written in other words."""
    target = "binary" if (labels or loss).startswith(LABELLED) else "vector"
    spec = f"""reludsl 1
data {{
  input  X : matrix[n, d]
  target y : {target}[n]
  {"weight w : vector[n]" if "w" in table else ""}
}}
architecture two_layer {{ activation = {activation} }}
loss {loss}
regularizer weight_decay {{ strength = {beta!r} }}
formulation exact
solver cvxpy {{ tolerance = 1e-9 }}
"""
    return reludsl.solve(spec, table)


def mean_of(loss: str) -> str:
    return loss.replace(" }", ", reduction = mean }") if "{" in loss else f"{loss} {{ reduction = mean }}"


def same(one: reludsl.Solution, other: reludsl.Solution, factor: float = 1.0) -> None:
    assert one.objective == pytest.approx(factor * other.objective, rel=1e-5, abs=1e-7)


@settings(max_examples=8, deadline=None)
@given(cases)
def test_a_custom_loss_is_the_built_in_one(case: tuple[int, str]) -> None:
    seed, loss = case
    table = data(seed, loss)
    same(solved(table, f"custom {{ expression = {CUSTOM[loss]} }}", labels=loss), solved(table, loss))


@settings(max_examples=8, deadline=None)
@given(cases, st.integers(0, 6))
def test_a_weight_of_two_is_a_repeated_row(case: tuple[int, str], row: int) -> None:
    seed, loss = case
    table = data(seed, loss)
    repeated = {name: np.concatenate([array, array[row : row + 1]]) for name, array in table.items()}
    weights = np.where(np.arange(7) == row, 2.0, 1.0)
    same(solved(table | {"w": weights}, loss), solved(repeated, loss))


@settings(max_examples=8, deadline=None)
@given(cases, st.integers(0, 6))
def test_a_weight_of_zero_is_a_missing_row(case: tuple[int, str], row: int) -> None:
    seed, loss = case
    table = data(seed, loss)
    weights = np.where(np.arange(7) == row, 0.0, 1.0)
    same(solved(table | {"w": weights}, loss), solved({k: np.delete(a, row, axis=0) for k, a in table.items()}, loss))


@settings(max_examples=8, deadline=None)
@given(cases)
def test_the_mean_divides_by_the_sum_of_the_weights(case: tuple[int, str]) -> None:
    seed, loss = case
    table = data(seed, loss) | {"w": np.random.default_rng(seed).uniform(0, 2, 7)}
    total = float(table["w"].sum())
    same(solved(table, mean_of(loss), 0.2 / total), solved(table, loss, 0.2), 1 / total)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 999))
def test_a_leak_of_nothing_is_none(seed: int) -> None:
    table = data(seed, "squared")
    same(solved(table, "squared", activation="leaky_relu(slope = 0)"), solved(table, "squared"))


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 999))
def test_the_absolute_value_has_half_the_patterns(seed: int) -> None:
    table = data(seed, "squared")
    absolute, leaky = (solved(table, "squared", activation=name) for name in ("absolute", "leaky_relu"))
    assert 2 * absolute.patterns["kept"] == leaky.patterns["kept"]


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 999), st.floats(0.1, 10))
def test_targets_and_strength_in_other_units(seed: int, unit: float) -> None:
    table = data(seed, "squared")
    scaled = table | {"y": unit * table["y"]}
    same(solved(scaled, "squared", 0.2 * unit), solved(table, "squared", 0.2), unit**2)
    same(solved(scaled, "absolute", 0.2), solved(table, "absolute", 0.2), unit)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 999), st.floats(0.1, 10), st.sampled_from(sorted(CUSTOM)))
def test_samples_and_strength_in_other_units(seed: int, unit: float, loss: str) -> None:
    table = data(seed, loss)
    same(solved(table | {"X": unit * table["X"]}, loss, 0.2 * unit), solved(table, loss, 0.2))

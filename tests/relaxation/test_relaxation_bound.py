"""The bound of the relaxation: it may be loose, never untrue. Adversarial dual points against known optima."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest

import reludsl
from reludsl.api import compilation_of
from reludsl.backends.splitting.kernel import SplittingSettings, SplittingSolve
from reludsl.certificate.duality import bound_from, pricing_of
from reludsl.ir import Distance
from reludsl.ir.pattern_problem import PatternProblem
from reludsl.model.losses.squared import HalfSquare
from reludsl.relaxation import Coordinates, coordinates, relaxation_price


class Case(NamedTuple):
    """Samples with targets, a cost, the optimum over all widths, and a dual point that is nearly optimal."""

    at: Coordinates
    problem: PatternProblem
    X: np.ndarray
    slope: float
    optimum: float
    Lam: np.ndarray
    S: tuple[np.ndarray, ...]

    def bound(self, Lam: np.ndarray, S: tuple[np.ndarray, ...]) -> float:
        units = [2.0 * self.problem.group * block for block in S]
        return bound_from(self.problem, Lam, prices_at=lambda _, z, __: np.array([relaxation_price(self.at, z, units)]))


KINDS = ("plain", "zeros and lines", "thin", "leaky", "absolute", "split", "split twice")
LOSSES = {
    "absolute loss": ("absolute", "matrix[n, c]"),
    "huber loss": ("huber", "matrix[n, c]"),
    "cross entropy": ("cross_entropy", "categorical[n, c]"),
    "hinge loss, biases": ("hinge", "categorical[n, c]"),
    "logistic loss, one output": ("logistic", "binary[n]"),
    "quantile loss, one output, split": ("quantile { level = 0.3 }", "vector[n]"),
}


@cache
def case(kind: str) -> Case:
    everything = (*KINDS, *LOSSES)
    rng = np.random.default_rng(everything.index(kind))
    X, Y, gamma = rng.standard_normal((9, 2)), rng.standard_normal((9, 2)), 0.3
    if kind == "zeros and lines" or kind in LOSSES:
        X[[2, 5]], X[3], X[4] = 0.0, -2.0 * X[0], 0.5 * X[1]
    if kind == "thin":
        X[1:5] = X[0] + 1e-3 * rng.standard_normal((4, 2))
    slope = {"leaky": 0.2, "absolute": -1.0}.get(kind, 0.0)
    activation = {"leaky": "leaky_relu(slope = 0.2)", "absolute": "absolute"}.get(kind, "relu")
    loss, target = LOSSES.get(kind, ("squared", "matrix[n, c]"))
    y: np.ndarray = Y
    if not target.startswith("matrix"):
        y = Y[:, 0] if target.startswith("vector") else np.where(Y[:, 0] > 0, 1, -1)
        y = rng.permutation(np.arange(9) % 3) if target.startswith("categorical") else y
    split = {"split": 1, "split twice": 2, "quantile loss, one output, split": 1}.get(kind, 0)
    shared = "" if "one output" in kind else "outputs = shared, "
    spec = f"""reludsl 1
data {{
  input  X : matrix[n, d] {{ scale = none }}
  target Y : {target}
}}
architecture two_layer {{ {shared}activation = {activation}, bias = {"output" if "biases" in kind else "none"} }}
loss {loss}
regularizer weight_decay {{ strength = {gamma} }}
formulation sdp_relaxation {{ split = {split} }}
"""
    exact = spec.replace(f"sdp_relaxation {{ split = {split} }}", "exact")
    solution = reludsl.solve(exact, {"X": X, "Y": y}, backend="cvxpy")
    assert solution.bound is not None and solution.bound.gap < 1e-6
    compilation = compilation_of(spec)
    bound, lowered = compilation.bind({"X": X, "Y": y}), compilation.lowered
    arrays = lowered.bind(bound.train, bound.encoding).arrays
    at, pricing = coordinates(X, slope, split), pricing_of(lowered.program, arrays)
    assert pricing is not None and pricing.relaxed
    result = SplittingSolve(at, pricing.problem, SplittingSettings(1e-6, 4000)).run()
    return Case(at, pricing.problem, X, slope, solution.objective, result.Lam, result.S)


def duals(one: Case, count: int) -> list[tuple[np.ndarray, tuple[np.ndarray, ...]]]:
    """Random dual points, and those near the optimal one by every power of ten."""
    rng = np.random.default_rng(count)
    found = []
    for k in range(count):
        size = 10.0 ** rng.uniform(-9, 1)
        Lam, S = one.Lam, one.S
        noise = [np.abs(block).max() * size * rng.standard_normal(block.shape) for block in (Lam, *S)]
        Lam, S = Lam + noise[0], tuple(block + more for block, more in zip(S, noise[1:], strict=True))
        match k % 12:
            case 1:
                Lam = -Lam
            case 2:
                S = tuple(-block for block in S)
            case 3:
                S = tuple(1e3 * rng.standard_normal(block.shape) for block in S)
            case 4:
                Lam = 10.0 ** rng.uniform(-8, 8) * Lam
            case 5:
                Lam, S = rng.standard_normal(Lam.shape), tuple(np.zeros_like(block) for block in S)
            case 6:
                S = tuple(10.0 ** rng.uniform(-8, 8) * block for block in S)
            case 7:
                S = tuple(np.triu(block) for block in S)
            case 8:
                Lam = one.problem.Y * rng.uniform(0, 2)
            case 9:
                S = S[::-1]
            case 10:
                Lam = Lam * np.where(rng.random(Lam.shape) < 0.2, -1, 1)
            case 11:
                S = tuple(np.where(rng.random(block.shape) < 0.1, -block, block) for block in S)
        found.append((Lam, S))
    return found


LONG = ("split twice", "split")


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow if kind in LONG else ()) for kind in (*KINDS, *LOSSES)]
)
def test_no_dual_point_makes_the_bound_untrue(kind: str) -> None:
    one = case(kind)
    bounds = np.array([one.bound(*dual) for dual in duals(one, 180 if kind in KINDS else 120)])
    assert not np.isnan(bounds).any()
    assert bounds.max() <= one.optimum
    assert bounds.max() > 0.7 * one.optimum  # and it is worth something


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_neuron_brings_is_never_more_than_its_price(kind: str) -> None:
    one = case(kind)
    X = one.X
    angles = np.arctan2(X[:, 1], X[:, 0]) + np.pi / 2
    angles = np.concatenate([np.arange(20000) * (2 * np.pi / 20000), angles, angles + np.pi])
    t = X @ np.array([np.cos(angles), np.sin(angles)])
    hidden = np.where(t > 0, t, one.slope * t)
    for Lam, S in duals(one, 60):
        greatest = float(np.linalg.norm(Lam.T @ hidden, axis=0).max())
        assert relaxation_price(one.at, Lam, S) >= greatest * (1 - 1e-12)


@pytest.mark.parametrize("kind", ["plain", "zeros and lines", "split", "cross entropy", "hinge loss, biases"])
def test_numbers_that_are_none(kind: str) -> None:
    one = case(kind)
    for broken in (np.nan, np.inf, -np.inf):
        Lam, S = one.Lam.copy(), one.S[0].copy()
        Lam[0, 0], S[0, 1] = broken, broken
        assert one.bound(Lam, one.S) == -np.inf
        assert one.bound(one.Lam, (S, *one.S[1:])) <= 1e-12  # the trivial one, of no neurons and no slopes
    for size in (0.0, 1e-300, 1e300, 1e150):
        assert one.bound(size * one.Lam, one.S) <= one.optimum
        assert one.bound(one.Lam, tuple(size * block for block in one.S)) <= one.optimum
    with pytest.raises(ValueError, match="dual point"):
        one.bound(one.Lam[:-1], one.S)
    with pytest.raises(ValueError, match="multipliers"):
        one.bound(one.Lam, ())


def test_one_sample_is_solved_by_hand() -> None:
    # σ(xu)v is any number y' at the price of γ|y'|/‖x‖: soft thresholding, and the relaxation is exact.
    X, Y, gamma = np.array([[3.0, 4.0]]), np.array([[2.0, 0.0]]), 1.0
    threshold = gamma / 5
    optimum = 0.5 * threshold**2 + threshold * (2 - threshold)
    nothing = np.zeros((1, 1)), np.zeros((1, 0))
    problem = PatternProblem(*nothing, None, Distance(HalfSquare()), Y, None, group=gamma)
    result = SplittingSolve(coordinates(X), problem, SplittingSettings(1e-9)).run()
    assert result.status == "solved"
    assert optimum * (1 - 1e-8) <= result.bound <= optimum
    assert result.history[-1].objective == pytest.approx(optimum, rel=1e-8)


def test_splitting_and_lines() -> None:
    X = np.array([[1.0, 0], [0, 0], [-3, 0], [0, 1], [2, 2], [1, 1 + 1e-11]])
    at = coordinates(X, 0.25, 1)
    assert at.line.tolist() == [0, -1, 0, 1, 2, 2] and at.products == 5 and at.order == 4
    assert np.linalg.norm(at.deviation) < 1e-10
    for piece in range(2):
        P = at.basis(piece)
        np.testing.assert_allclose(P.T @ P, np.eye(4), atol=1e-14)
        q = np.random.default_rng(0).standard_normal((5, 5))
        q = q + q.T
        ss, ws, ww = at.inward(q, piece)
        np.testing.assert_allclose(np.block([[ss, ws.T], [ws, ww]]), P.T @ q @ P, atol=1e-13)
        np.testing.assert_allclose(at.outward(np.eye(4), piece), P, atol=1e-14)
        np.testing.assert_allclose(at.inward_rows(np.eye(5), piece), P.T, atol=1e-14)
    for split, wrong in ((3, "cannot be"), ((1,), "is zero"), ((0, 2), "one line"), ((6,), "6 rows")):
        with pytest.raises(ValueError, match=wrong):
            coordinates(X, split=split)
    assert coordinates(X, split=(3, 2)).split.tolist() == [0, 1]  # samples, not lines


@pytest.mark.parametrize("slope", [0.0, 0.3, -1.0])
def test_neurons_are_points_of_the_relaxation(slope: float) -> None:
    """What the coordinates say of one neuron is what it does, in the piece of its signs."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((7, 3))
    X[4], X[5] = -2 * X[1], 0.0
    at = coordinates(X, slope, 2)
    for _ in range(20):
        u, v = rng.standard_normal(3), rng.standard_normal(2)
        t = (at.Q * at.sizes) @ at.V @ u
        signs = np.where(t[at.split] > 0, 1.0, -1.0)
        piece = int(np.flatnonzero((at.signs == signs).all(axis=1))[0])
        s = np.abs(t[at.whole]) / np.sqrt(2)
        w = at.sizes * (at.V @ u) / np.sqrt(2)
        products = at.outward(np.concatenate([s, w])[:, None], piece)
        assert products.min() >= -1e-14
        found = at.predictions(at.sides(products @ v[None], piece))
        both = X @ u
        np.testing.assert_allclose(found, np.where(both > 0, both, slope * both)[:, None] * v, atol=1e-12)
        np.testing.assert_allclose(at.hidden(w[:, None])[:, 0], u, atol=1e-12)


def test_what_is_proportional_or_zero_takes_no_room() -> None:
    """Samples on one line are one, whatever their lengths; the bound does not depend on the units of the samples."""
    rng = np.random.default_rng(4)
    X, Y = rng.standard_normal((8, 3)), rng.standard_normal((8, 2))
    more = np.concatenate([X, np.zeros((2, 3)), 3.0 * X[:2], -0.5 * X[2:4]])
    assert coordinates(more).order == coordinates(X).order
    targets = np.concatenate([Y, rng.standard_normal((6, 2))])
    bounds = []
    for unit in (1.0, 1e-4, 1e5):  # σ(Xu)v with u in other units costs the same for a strength in them
        problem = PatternProblem(
            np.zeros((14, 1)), np.zeros((14, 0)), None, Distance(HalfSquare()), targets, None, group=0.2 * unit
        )
        bounds.append(SplittingSolve(coordinates(unit * more), problem, SplittingSettings(1e-6, 6000)).run().bound)
    assert bounds[1:] == pytest.approx([bounds[0]] * 2, rel=1e-5)

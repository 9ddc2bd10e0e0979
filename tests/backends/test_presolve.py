"""What is left out of a problem changes neither its optimum nor its bounds: reductions, the way back, whole solves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reludsl
from reludsl.backends.admm.kernel import solve_pattern_program
from reludsl.backends.newton.kernel import solve_by_newton
from reludsl.certificate.cones import PatternCones
from reludsl.certificate.duality import bound_from
from reludsl.ir import CrossEntropy, Margin, SampleLoss
from reludsl.ir.pattern_problem import PatternProblem
from reludsl.lowering.patterns import sample_patterns
from reludsl.presolve import Presolved, presolve, row_space
from tests.backends.test_newton import LOSSES

SLOPES = {"relu": 0.0, "leaky": 0.1, "absolute": -1.0, "gated": 0.0}


def data_of(name: str, generator: np.random.Generator) -> np.ndarray:
    """Samples (n, d) with something to leave out."""
    match name:
        case "wide":
            return generator.standard_normal((12, 20))
        case "dependent":
            return generator.standard_normal((25, 3)) @ generator.standard_normal((3, 6))
        case "zero and equal columns":
            X = generator.standard_normal((25, 3))
            return np.column_stack([X, np.zeros(25), X[:, 0], -X[:, 1]])
        case "zero and equal rows":
            X = generator.standard_normal((12, 3))
            return np.concatenate([X, X, np.zeros((4, 3)), X[:4]])
        case "integers":
            return generator.integers(-1, 2, (40, 3)).astype(float)
    return generator.standard_normal((25, 3))


DATA = ("wide", "dependent", "zero and equal columns", "zero and equal rows", "integers")


def posed(
    data: str,
    loss: str = "squared",
    activation: str = "relu",
    outputs: int = 1,
    weighted: bool = False,
    seed: int = 0,
    twice: bool = False,
    **parts: Any,
) -> PatternProblem:
    """A pattern problem with cones unless it is gated. `twice` repeats patterns, as no lowering does."""
    generator = np.random.default_rng(seed)
    X, function = data_of(data, generator), LOSSES[loss]
    slope = SLOPES[activation]
    masks = sample_patterns(X, 7, seed, slope)[0]
    if twice:
        masks = np.concatenate([masks, np.zeros((len(X), 1), dtype=bool), masks[:, ::2]], axis=1)
    Y = targets(X, function, 3 if isinstance(function, CrossEntropy) else outputs)
    return PatternProblem(
        X,
        np.where(masks, 1.0, slope),
        None if activation == "gated" else masks,
        function,
        Y,
        weights=generator.integers(0, 3, len(X)).astype(float) if weighted else None,
        signed=activation != "gated",
        **{"group": 0.3, **parts},
    )


def targets(X: np.ndarray, loss: SampleLoss, outputs: int) -> np.ndarray:
    """Targets (n, outputs) that are a function of the samples, so that equal samples may have equal targets."""
    real = np.column_stack([np.round(np.abs(X[:, 0]) - X[:, 1], 2), X[:, 2], X[:, 0] * X[:, 1]])[:, :outputs]
    if isinstance(loss, Margin):
        return np.where(real > 0.3, 1.0, -1.0)
    return np.eye(3)[real.argmax(axis=1)] if isinstance(loss, CrossEntropy) else real


def value(problem: PatternProblem, u: np.ndarray, c: np.ndarray) -> float:
    return problem.loss_value(problem.predictions(u, c)) + problem.penalty_value(u, c)


def outside(problem: PatternProblem, u: np.ndarray) -> float:
    """The violation of the cones of the problem, relative to the longest column."""
    if problem.masks is None:
        return 0.0
    return PatternCones(problem.X, problem.masks).violation(*np.split(u, u.shape[1] // problem.masks.shape[1], axis=1))


VARIANTS: dict[str, dict[str, Any]] = {
    **{data: {"data": data} for data in DATA},
    "several outputs": {"data": "integers", "outputs": 3},
    "weights": {"data": "zero and equal rows", "weighted": True},
    "leaky": {"data": "wide", "activation": "leaky"},
    "absolute value": {"data": "integers", "activation": "absolute"},
    "gated": {"data": "integers", "activation": "gated"},
    "patterns twice": {"data": "dependent", "twice": True},
    "gates twice": {"data": "zero and equal rows", "activation": "gated", "twice": True},
    "ridge": {"data": "integers", "twice": True, "l2": 0.2},
    "free output bias": {"data": "wide", "offset": True},
    "output bias": {"data": "zero and equal rows", "offset": True, "offset_l2": 0.3, "outputs": 3},
    "hinge": {"data": "integers", "loss": "hinge"},
    "absolute loss": {"data": "zero and equal rows", "loss": "absolute", "weighted": True},
    "logistic": {"data": "dependent", "loss": "logistic", "offset": True},
    "cross-entropy": {"data": "integers", "loss": "cross-entropy", "offset": True},
}


def reduced(problem: PatternProblem) -> Presolved:
    """What is presolved; something is left out."""
    presolved = presolve(problem)
    small = presolved.problem
    sizes = [(p.X.shape, p.gates.shape) for p in (problem, small)]
    assert sizes[0] != sizes[1]
    return presolved


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_presolved_and_plain_solves_agree(variant: dict[str, Any]) -> None:
    problem = posed(**variant)
    presolved = reduced(problem)
    plain = solve_by_newton(problem, tolerance=1e-8)
    small = solve_by_newton(presolved.problem, tolerance=1e-8)
    assert plain.status == small.status == "solved"
    u, optimum = presolved.columns(small.columns), value(problem, plain.columns, plain.offset)
    assert value(problem, u, small.offset) == pytest.approx(optimum, rel=1e-6)
    assert outside(problem, u) <= 1e-9
    bound = bound_from(problem, presolved.dual(small.dual))
    assert optimum * (1 - 1e-6) <= bound <= optimum * (1 + 1e-9)


@pytest.mark.parametrize(
    "penalty",
    [{"group": 0.2, "l1": 0.1}, {"free": 1}, {"group": 0.1, "l1": 0.1, "free": 1}],
    ids=["l1", "free bias", "l1 and free bias"],
)
@pytest.mark.parametrize("data", DATA)
def test_penalties_that_the_first_order_method_takes(data: str, penalty: dict[str, Any]) -> None:
    """An l1 norm keeps the axes, and biases without a penalty keep theirs."""
    problem = posed(data, **penalty)
    if problem.free:
        problem = replace(problem, X=np.column_stack([problem.X, np.ones(len(problem.X))]))
    presolved = presolve(problem)
    plain = solve_pattern_program(problem, tolerance=1e-8)
    small = solve_pattern_program(presolved.problem, tolerance=1e-8)
    assert plain.status == small.status == "solved"
    found = value(problem, presolved.columns(small.columns), small.offset)
    assert found == pytest.approx(value(problem, plain.columns, plain.offset), rel=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(DATA),
    st.sampled_from(list(SLOPES)),
    st.sampled_from([1, 3]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([{}, {"l1": 0.2}, {"l2": 0.2}, {"offset": True}, {"free": 1}]),
    st.integers(0, 999),
)
def test_the_way_back_keeps_what_counts(
    data: str, activation: str, outputs: int, weighted: bool, twice: bool, parts: dict[str, Any], seed: int
) -> None:
    """Lifted columns have the same losses, penalties and cones; lifted dual points the same prices and conjugates."""
    problem = posed(data, "squared", activation, outputs, weighted, seed, twice, **parts)
    presolved = presolve(problem)
    small, generator = presolved.problem, np.random.default_rng(seed)
    u = generator.standard_normal((small.X.shape[1], small.columns))
    c = generator.standard_normal(outputs) if problem.offset else np.zeros(outputs)
    whole = presolved.columns(u)
    F, F_small = problem.predictions(whole, c), small.predictions(u, c)
    spread = F_small if presolved.groups is None else F_small[presolved.groups]
    assert pytest.approx(spread, rel=1e-9, abs=1e-9) == F
    assert problem.loss_value(F) == pytest.approx(small.loss_value(F_small))
    assert problem.penalty_value(whole, c) == pytest.approx(small.penalty_value(u, c))
    z = -small.loss_gradient(F_small)
    back = presolved.dual(z)
    assert back == pytest.approx(-problem.loss_gradient(F), abs=1e-9)
    assert problem.conjugate_value(-back) == pytest.approx(small.conjugate_value(-z))
    assert back.sum(axis=0) == pytest.approx(z.sum(axis=0), abs=1e-9)
    if not problem.l1:  # what the smaller problem does not see of a column is orthogonal to all samples
        prices = np.linalg.norm(problem.adjoint(back)[: problem.X.shape[1] - problem.free], axis=0)
        inner = np.linalg.norm(small.adjoint(z)[: small.X.shape[1] - small.free], axis=0)
        assert set(np.round(inner, 6)) <= set(np.round(prices, 6)) | {0.0}
        assert prices.max() == pytest.approx(inner.max(), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(DATA), st.integers(0, 999))
def test_cones_stay_the_same(data: str, seed: int) -> None:
    """A column is in a cone exactly when its image is: the projections have the same lengths."""
    problem = posed(data, seed=seed)
    presolved = presolve(problem)
    small = presolved.problem
    assert problem.masks is not None and small.masks is not None
    u = np.random.default_rng(seed).standard_normal((small.X.shape[1], small.masks.shape[1]))
    inner = PatternCones(small.X, small.masks).project(u)
    whole = presolved.columns(np.concatenate([u, u], axis=1))[:, : problem.masks.shape[1]]
    outer = PatternCones(problem.X, problem.masks).project(whole)
    lifted = presolved.columns(np.concatenate([inner, inner], axis=1))[:, : problem.masks.shape[1]]
    assert outer == pytest.approx(lifted, abs=1e-8)


def test_nothing_is_done_where_nothing_is_gained() -> None:
    problem = posed("general")
    presolved = presolve(problem)
    assert presolved.problem is problem
    u, z = np.ones((3, problem.columns)), np.ones_like(problem.Y)
    assert presolved.columns(u) is u and presolved.dual(z) is z


def test_the_sizes_that_are_left() -> None:
    def sizes(problem: PatternProblem, **options: bool) -> tuple[int, int, int]:
        small = presolve(problem, **options).problem
        return (*small.X.shape, small.gates.shape[1])

    patterns = posed("dependent").gates.shape[1]
    assert sizes(posed("wide")) == (12, 12, posed("wide").gates.shape[1])
    assert sizes(posed("dependent")) == (25, 3, patterns)
    assert sizes(posed("dependent", twice=True)) == (25, 3, patterns)
    halves = -(-patterns // 2)
    assert sizes(posed("dependent", twice=True, l2=0.1)) == (25, 3, patterns + halves), "a ridge rewards repetition"
    assert sizes(posed("dependent", l1=0.1)) == (25, 6, patterns), "a norm of entries keeps the axes"
    assert sizes(posed("zero and equal columns"))[1] == 3
    assert sizes(posed("zero and equal columns", l1=0.1))[1] == 5
    assert sizes(posed("zero and equal rows"))[0] == 13
    assert sizes(posed("zero and equal rows"), merge_samples=False)[0] == 32


def test_equal_samples_with_other_targets_or_gates_stay_apart() -> None:
    problem = posed("zero and equal rows")
    Y = problem.Y.copy()
    Y[12:] += np.arange(20.0)[:, None]
    assert presolve(replace(problem, Y=Y)).groups is None
    gates = problem.gates.copy()
    gates[12, 0] = 0.5
    presolved = presolve(replace(problem, gates=gates))
    assert presolved.groups is not None
    assert presolved.groups[0] != presolved.groups[12] and presolved.groups[1] == presolved.groups[13]


def test_short_samples_count_by_their_directions() -> None:
    """A sample of the length 1e-100 has a cone like any other; noise of 1e-17 in a direction is no direction."""
    long = np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [2.0, -1.0, 1e-17]])
    assert row_space(long).shape == (3, 2)
    short = np.concatenate([long, [[0.0, 0.0, 1e-100]]])
    assert row_space(short).shape == (3, 3)
    assert row_space(np.zeros((4, 3))).shape == (3, 0)


def test_nothing_but_zeros_leaves_a_problem() -> None:
    problem = posed("general", offset=True)
    for zeros in (replace(problem, X=0 * problem.X), replace(problem, gates=0 * problem.gates)):
        presolved = presolve(zeros)
        result = solve_by_newton(presolved.problem)
        assert result.status == "solved"
        assert presolved.columns(result.columns).shape == (3, problem.columns)
        constant = np.full_like(problem.Y, problem.Y.mean())
        assert result.history[-1].objective == pytest.approx(problem.loss_value(constant), rel=1e-6)


def test_one_reduction_serves_every_strength() -> None:
    problem = posed("zero and equal rows")
    first = presolve(problem)
    other = replace(problem, group=0.1, loss=LOSSES["huber"])
    assert first.fits(other)
    again, anew = first.again(other), presolve(other)
    assert again.problem.X is first.problem.X and again.problem.group == 0.1 and again.problem.loss is other.loss
    for name in ("X", "gates", "masks", "Y", "weights"):
        assert np.array_equal(getattr(again.problem, name), getattr(anew.problem, name))
    for changed in (replace(problem, l1=0.1), replace(problem, l2=0.1), replace(problem, free=1)):
        assert not first.fits(changed)
    assert not first.fits(problem, merge_samples=False)


SPEC = """reludsl 1
data {
  input  X : matrix[n, d]
  target y : vector[n]
}
hyperparameters { beta = 1, ridge = 0 }
architecture two_layer { bias = both }
loss huber
regularizer weight_decay { strength = beta }
regularizer l2 { strength = ridge }
formulation sampled { patterns = 8 }
"""


@pytest.mark.parametrize("backend", ["newton", pytest.param("admm", marks=pytest.mark.slow)])
def test_a_path_presolves_once_and_ends_where_single_solves_end(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also over kinds of penalties, where what was left out may differ."""
    calls = []

    def counted(*arguments: Any, **keywords: Any) -> Presolved:
        calls.append(arguments)
        return presolve(*arguments, **keywords)

    monkeypatch.setattr("reludsl.presolve.presolve", counted)
    generator = np.random.default_rng(0)
    X = np.tile(generator.standard_normal((8, 12)), (2, 1))
    data = (X, np.abs(X[:, 0]) - X[:, 1])
    source = SPEC + f"solver {backend} {{ tolerance = 1e-7 }}"
    assert len(reludsl.path(source, data, set={"beta": [0.2, 0.5, 1]}).rows) == 3
    assert len(calls) == 1
    for row in reludsl.path(source, data, set={"beta": [0.2, 0.5], "ridge": [0, 0.1]}).rows:
        alone = reludsl.solve(source, data, set=dict(row.values))
        assert row.objective == pytest.approx(alone.objective, rel=1e-5)

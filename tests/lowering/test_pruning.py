"""Pruning keeps its promises: the same predictions, no more penalty, as few neurons as the rank of what they give."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linprog

from reludsl.lowering import pruning
from reludsl.lowering.pruning import independent_factors, merge_neurons, prune_neurons

SLOPES = [0.0, 0.2, -0.5, -1.0]


@dataclass(frozen=True)
class Neurons:
    """A network by its effective neurons, with what it is judged by."""

    X: np.ndarray
    B: np.ndarray
    signs: np.ndarray
    outputs: np.ndarray
    slope: float = 0.0
    group: float = 1.0
    l1: float = 0.0
    free_rows: int = 0

    @property
    def contributions(self) -> np.ndarray:
        t = self.X @ self.B
        return self.signs * np.where(t > 0, t, self.slope * t)

    @property
    def predictions(self) -> np.ndarray:
        """(n, 3), for up to three outputs."""
        return self.contributions @ (self.outputs[:, None] == np.arange(3))

    @property
    def penalty(self) -> float:
        counted = self.B[: len(self.B) - self.free_rows]
        return sum(self.group * float(np.sqrt(b @ b)) + self.l1 * float(abs(b).sum()) for b in counted.T)

    @property
    def pruned(self) -> Neurons:
        pruned = prune_neurons(
            self.X, self.B, self.signs, self.outputs, self.slope, self.group, self.l1, self.free_rows
        )
        return Neurons(self.X, *pruned, self.slope, self.group, self.l1, self.free_rows)

    def mergeable(self, i: int, j: int) -> bool:
        """Whether no sample sees the two on different sides; for the absolute value b and -b are one."""
        sides = np.sign(np.where(np.abs(self.X @ self.B) < 1e-9 * np.abs(self.X) @ np.abs(self.B), 0, self.X @ self.B))
        products = sides[:, i] * sides[:, j]
        kin = self.signs[i] == self.signs[j] and self.outputs[i] == self.outputs[j]
        return bool(kin and ((products >= 0).all() or (self.slope == -1 and (products <= 0).all())))


def rank(A: np.ndarray) -> int:
    """Of columns whatever their scales."""
    largest = np.abs(A).max(axis=0, initial=0.0)
    kept = A[:, largest > 0] / largest[largest > 0]
    return int(np.linalg.matrix_rank(kept, tol=1e-9)) if kept.size else 0


def check(before: Neurons) -> Neurons:
    """Everything that pruning promises; gives its result."""
    after = before.pruned
    largest = np.abs(before.predictions).max(axis=0, initial=0.0)
    cancelled = 1e-12 * np.abs(before.contributions).sum(axis=1).max(initial=0.0)
    assert (np.abs(after.predictions - before.predictions) <= np.maximum(1e-9 * largest, cancelled)).all()
    assert after.penalty <= before.penalty * (1 + 1e-11)
    for output in range(3):
        needed = after.contributions[:, after.outputs == output]
        assert needed.shape[1] == rank(needed) <= rank(before.contributions[:, before.outputs == output])
    assert not any(after.mergeable(i, j) for i, j in combinations(range(len(after.signs)), 2))
    again = after.pruned
    assert again.B.shape == after.B.shape and np.allclose(again.B, after.B, rtol=1e-9, atol=0)
    return after


@st.composite
def networks(draw: st.DrawFn, largest: int = 12) -> Neurons:
    """Small integers: zero margins, silent neurons, parallel and zero samples, cancellation are frequent."""
    n, d, m = draw(st.integers(1, 6)), draw(st.integers(1, 3)), draw(st.integers(0, largest))
    X = draw(arrays(np.float64, (n, d), elements=st.integers(-2, 2)))
    B = draw(arrays(np.float64, (d, m), elements=st.integers(-3, 3)))
    signs = draw(arrays(np.float64, m, elements=st.sampled_from([-1.0, 1.0])))
    outputs = draw(arrays(np.int64, m, elements=st.integers(0, 2)))
    group, l1 = draw(st.sampled_from([(1.0, 0.0), (0.5, 0.25), (0.0, 2.0), (0.0, 0.0)]))
    return Neurons(X, B, signs, outputs, draw(st.sampled_from(SLOPES)), group, l1, draw(st.integers(0, min(1, d - 1))))


def random_network(n: int, d: int, m: int, slope: float = 0.0, outputs: int = 1, seed: int = 0) -> Neurons:
    generator = np.random.default_rng(seed)
    B = generator.standard_normal((d, m)) * np.exp(generator.standard_normal(m))
    signs = generator.choice([-1.0, 1.0], m)
    return Neurons(
        generator.standard_normal((n, d)), B, signs, generator.integers(0, outputs, m), slope, group=0.7, l1=0.2
    )


@settings(max_examples=400, deadline=None)
@given(networks())
def test_promises_on_degenerate_networks(network: Neurons) -> None:
    check(network)


@settings(max_examples=100, deadline=None)
@given(networks(), st.integers(-100, 100), st.integers(-100, 100))
def test_scales_do_not_matter(network: Neurons, samples: int, weights: int) -> None:
    """Powers of two leave the arithmetic as it is."""
    pruned = network.pruned
    scaled = replace(network, X=network.X * 2.0**samples, B=network.B * 2.0**weights).pruned
    assert np.array_equal(scaled.B, pruned.B * 2.0**weights) and np.array_equal(scaled.outputs, pruned.outputs)


@settings(max_examples=200, deadline=None)
@given(networks(), st.integers(0, 1000))
def test_rounding_changes_nothing_much(network: Neurons, seed: int) -> None:
    """Margins that should be zero are not quite; what is promised of predictions and penalty holds all the same."""
    noise = 1 + 1e-15 * np.random.default_rng(seed).standard_normal(network.B.shape)
    noisy = replace(network, B=network.B * noise)
    after, largest = noisy.pruned, np.abs(noisy.predictions).max(axis=0, initial=0.0)
    cancelled = 1e-12 * np.abs(noisy.contributions).sum(axis=1).max(initial=0.0)
    assert (np.abs(after.predictions - noisy.predictions) <= np.maximum(1e-9 * largest, cancelled)).all()
    assert after.penalty <= noisy.penalty * (1 + 1e-11)
    if (largest[np.unique(noisy.outputs)] > 0.1).all():
        assert len(after.signs) <= sum(rank(network.contributions[:, network.outputs == k]) for k in range(3))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(1, 5),
    st.integers(0, 120),
    st.sampled_from(SLOPES),
    st.integers(1, 3),
    st.integers(0, 1000),
)
def test_promises_on_random_networks(n: int, d: int, m: int, slope: float, outputs: int, seed: int) -> None:
    after = check(random_network(n, d, m, slope, outputs, seed))
    assert len(after.signs) <= n * outputs


@pytest.mark.parametrize("slope", SLOPES)
def test_neurons_of_very_different_sizes(slope: float) -> None:
    network = random_network(10, 3, 40, slope)
    sizes = np.logspace(-150, 150, 40)
    check(Neurons(network.X, network.B * sizes, network.signs, network.outputs, slope))
    check(Neurons(network.X * np.logspace(-2, 2, 10)[:, None], network.B, network.signs, network.outputs, slope))


@pytest.mark.parametrize("slope", SLOPES)
def test_copies_and_multiples_merge_into_one(slope: float) -> None:
    network = random_network(12, 3, 4, slope)
    shares = np.array([0.2, 0.3, 0.5])
    split = Neurons(
        network.X,
        (network.B[:, :, None] * shares).reshape(3, -1),
        np.repeat(network.signs, 3),
        np.repeat(network.outputs, 3),
        slope,
    )
    assert np.allclose(split.pruned.B, network.B, rtol=1e-12) and np.array_equal(split.pruned.signs, network.signs)


def test_neurons_of_one_pattern_become_their_sum() -> None:
    """b and c are positive on all samples: b + c does for both, and its norm is smaller."""
    b, c = np.array([3.0, 1.0]), np.array([1.0, 2.0])
    network = Neurons(np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), np.array([b, c]).T, np.ones(2), np.zeros(2))
    assert np.array_equal(network.pruned.B, (b + c)[:, None])
    assert network.pruned.penalty == pytest.approx(5.0) and network.penalty > 5.3
    separate = Neurons(network.X, network.B, np.ones(2), np.array([0, 1]))
    assert np.array_equal(separate.pruned.B, network.B)


def test_the_absolute_value_knows_no_direction() -> None:
    X, b = np.random.default_rng(0).standard_normal((6, 3)), np.array([1.0, 2.0, -1.0])
    opposite = Neurons(X, np.array([b, -3 * b]).T, np.ones(2), np.zeros(2), slope=-1.0)
    assert np.allclose(opposite.pruned.B, 4 * b[:, None])
    relu = Neurons(X, opposite.B, np.ones(2), np.zeros(2))
    assert relu.pruned.B.shape == (3, 2)


def test_a_zero_margin_goes_with_either_side_but_not_with_both() -> None:
    """On the second sample one neuron is at 0, one above and one below: the first joins one of the others."""
    X = np.eye(2)
    B = np.array([[1.0, 1.0, 1.0], [0.0, 1.0, -1.0]])
    merged, _, _ = merge_neurons(X, B, np.ones(3), np.zeros(3), 0.0)
    assert merged.shape == (2, 2)
    network = Neurons(X, B, np.ones(3), np.zeros(3))
    assert np.array_equal(network.pruned.predictions, network.predictions)


def test_a_sum_that_rounding_spoils_is_not_taken() -> None:
    """For the large neuron the first sample lies on its hyperplane up to rounding; for the small one it counts."""
    X = np.array([[1.0, 1.0], [1.0, 0.0]])
    B = np.array([[1e14, 1e-3], [-1e14 * (1 + 2e-16), 1e-3]])
    check(Neurons(X, B, np.ones(2), np.zeros(2)))


def test_opposite_neurons_cancel() -> None:
    network = random_network(8, 3, 5)
    doubled = Neurons(network.X, np.hstack([network.B] * 2), np.repeat([1.0, -1.0], 5), np.zeros(10))
    assert doubled.pruned.B.shape == (3, 0)


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize(
    ("X", "m"), [(np.zeros((4, 2)), 3), (np.ones((1, 2)), 1), (np.ones((3, 2)), 0), (np.zeros((1, 2)), 0)]
)
def test_hardly_anything(X: np.ndarray, m: int, slope: float) -> None:
    after = check(Neurons(X, np.ones((2, m)), np.ones(m), np.zeros(m, dtype=int), slope))
    assert after.B.shape == (2, m if X.any() else 0)


def test_silent_neurons_cost_nothing_more() -> None:
    network = Neurons(np.ones((3, 1)), np.array([[2.0, -1.0]]), np.ones(2), np.zeros(2))
    assert np.array_equal(network.pruned.B, [[2.0]])
    leaky = Neurons(network.X, network.B, np.ones(2), np.zeros(2), slope=0.5)  # 2 - 0.5: one neuron with 1.5
    assert np.allclose(leaky.pruned.predictions, 1.5 * np.eye(3)[0]) and leaky.pruned.B.shape == (1, 1)


def test_free_rows_cost_nothing() -> None:
    """Only the way that costs less is open: here the bias alone makes the difference."""
    X = np.array([[1.0, 1.0], [2.0, 1.0], [3.0, 1.0]])
    B = np.array([[0.1, 1.0, 0.5, 2.0], [5.0, -1.5, -0.2, -4.5]])
    network = Neurons(X, B, np.array([1.0, 1.0, 1.0, -1.0]), np.zeros(4), free_rows=1)
    assert check(network).B.shape[1] <= 3


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 5), st.integers(1, 9), st.integers(0, 10_000))
def test_factors_against_linear_programming(n: int, m: int, seed: int) -> None:
    """min costs·t over A t = A 1, t >= 0: a vertex has as many, and where there is one way down, it is the minimum."""
    generator = np.random.default_rng(seed)
    A, costs = generator.standard_normal((n, m)), generator.uniform(0.1, 1, m)
    t = independent_factors(A, costs)
    target = A.sum(axis=1)
    least = linprog(costs, A_eq=A, b_eq=target)
    assert (t >= 0).all() and np.allclose(A @ t, target, atol=1e-11)
    assert least.fun * (1 - 1e-9) <= costs @ t <= costs.sum() * (1 + 1e-12)
    # A point of general position is no sum of fewer columns than there are rows.
    assert (t > 0).sum() <= min(n, m)
    if m == n + 1:
        assert costs @ t == pytest.approx(least.fun, rel=1e-7) and (t > 0).sum() == (least.x > 1e-9).sum()


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 8), st.integers(1, 200), st.integers(0, 10_000))
def test_an_optimal_network_keeps_its_penalty(n: int, m: int, seed: int) -> None:
    """Costs Aᵀλ, those of an optimum with the dual variable λ: all ways to the same predictions cost the same."""
    generator = np.random.default_rng(seed)
    multiplier = generator.standard_normal(n)
    A = generator.standard_normal((n, m))
    A *= np.sign(multiplier @ A)
    t = independent_factors(A, multiplier @ A)
    assert (t > 0).sum() <= n
    assert multiplier @ A @ t == pytest.approx((multiplier @ A).sum(), rel=1e-12)


def test_what_cannot_be_kept_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    network = random_network(4, 2, 20)
    assert len(network.pruned.signs) < 20
    monkeypatch.setattr(pruning, "independent_factors", lambda A, costs: np.full(len(costs), 1 + 1e-8))
    assert network.pruned.B is network.B


@pytest.mark.slow
def test_two_thousand_neurons_on_five_hundred_samples() -> None:
    network = random_network(500, 20, 2000)
    after = network.pruned
    assert len(after.signs) == 500
    assert np.allclose(after.predictions, network.predictions, atol=1e-9 * np.abs(network.predictions).max())


def test_the_functions_stand_alone() -> None:
    """They are put into generated scripts word for word, with nothing but NumPy around them."""
    functions = [value for value in vars(pruning).values() if inspect.isfunction(value)]
    script: dict[str, object] = {"np": np}
    exec("from __future__ import annotations\n" + "\n".join(map(inspect.getsource, functions)), script)
    network = random_network(5, 2, 20)
    columns, _, _ = script["prune_neurons"](network.X, network.B, network.signs, network.outputs, 0.0, 0.7, 0.2)  # type: ignore[operator]
    assert np.array_equal(columns, network.pruned.B)

"""How losses meet targets: values, gradients, conjugates and proximal operators against their definitions.

References are the program's own expression, Fenchel-Young, and the optimality condition of the prox, all of which
hold for a whole row of outputs at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from reludsl.ir import CrossEntropy, Data, Distance, Margin, SampleLoss, evaluate, sizes
from reludsl.model.losses.hinge import Hinge
from reludsl.model.losses.huber import HuberFunction
from reludsl.model.losses.logistic import Logistic
from reludsl.model.losses.quantile import Pinball
from reludsl.model.losses.squared import HalfSquare
from reludsl.model.losses.squared_hinge import SquaredHinge

LOSSES: dict[str, SampleLoss] = {
    "squared": Distance(HalfSquare()),
    "quantile": Distance(Pinball(above=0.3, below=0.7)),
    "huber": Distance(HuberFunction(0.5)),
    "hinge": Margin(Hinge()),
    "squared hinge": Margin(SquaredHinge(2.0)),
    "logistic": Margin(Logistic()),
    "cross-entropy": CrossEntropy(),
}
SHAPES = [(7,), (7, 1), (7, 4)]
CASES = [(name, shape) for name in LOSSES for shape in SHAPES if name != "cross-entropy" or len(shape) == 2]
every_case = pytest.mark.parametrize(("name", "shape"), CASES, ids=str)
seeds = st.integers(0, 10_000)
some = settings(max_examples=25, deadline=None)


def targets(name: str, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """Targets of the kind that the loss is for."""
    if name == "cross-entropy":
        return np.eye(shape[1])[generator.integers(shape[1], size=shape[0])]
    real = generator.standard_normal(shape)
    return np.where(real > 0, 1.0, -1.0) if isinstance(LOSSES[name], Margin) else real


def drawn(name: str, shape: tuple[int, ...], seed: int, scale: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return scale * generator.standard_normal(shape), targets(name, shape, generator)


def products(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """A·B, a sample each."""
    return (A * B).reshape(len(A), -1).sum(axis=1)


def steps(shape: tuple[int, ...], tau: float, varied: bool) -> Any:
    """A number, or one for each sample, (n, 1), where there is a second axis."""
    if not varied or len(shape) == 1:
        return tau
    return tau * np.geomspace(0.1, 10.0, shape[0])[:, None]


@some
@every_case
@given(seeds)
def test_the_value_is_that_of_the_expression(name: str, shape: tuple[int, ...], seed: int) -> None:
    F, Y = drawn(name, shape, seed)
    n, c = sizes("n, c")
    axes = (n, c)[: len(shape)]
    f, y = Data("f", axes), Data("y", axes)
    values = {"f": F, "y": Y}
    losses = np.asarray(evaluate(LOSSES[name].expression(f, y), values)).reshape(len(F), -1).sum(axis=1)
    assert LOSSES[name].value(F, Y) == pytest.approx(losses, rel=1e-12, abs=1e-12)
    assert float(evaluate(LOSSES[name].term(f, y), values)) == pytest.approx(float(losses.sum()))
    assert float(evaluate(LOSSES[name].term(f, y, mean=True), values)) == pytest.approx(float(losses.mean()))
    weights = np.random.default_rng(seed).uniform(0.0, 2.0, len(F))
    omega, weighted = Data("omega", (n,)), {**values, "omega": weights}
    total = float(weights @ losses)
    assert float(evaluate(LOSSES[name].term(f, y, weights=omega), weighted)) == pytest.approx(total)
    mean = LOSSES[name].term(f, y, weights=omega, mean=True)
    assert float(evaluate(mean, weighted)) == pytest.approx(total / weights.sum())


@some
@every_case
@given(seeds, st.floats(-2, 2))
def test_the_gradient_is_a_subgradient(name: str, shape: tuple[int, ...], seed: int, exponent: float) -> None:
    F, Y = drawn(name, shape, seed)
    loss = LOSSES[name]
    other = F + 10.0**exponent * np.random.default_rng(seed + 1).standard_normal(shape)
    tangent = loss.value(F, Y) + products(loss.gradient(F, Y), other - F)
    assert loss.gradient(F, Y).shape == shape
    assert (loss.value(other, Y) >= tangent - 1e-9 * (1 + np.abs(tangent))).all()


@some
@every_case
@given(seeds, seeds)
def test_fenchel_young(name: str, shape: tuple[int, ...], seed: int, other: int) -> None:
    """ℓ(F) + ℓ*(S) ≥ S·F for every S in the domain, here gradients elsewhere, with equality at the gradient."""
    F, Y = drawn(name, shape, seed)
    loss = LOSSES[name]
    S = loss.gradient(drawn(name, shape, other)[0], Y)
    assert np.isfinite(loss.conjugate(S, Y)).all()
    assert (loss.value(F, Y) + loss.conjugate(S, Y) >= products(S, F) - 1e-9).all()
    S = loss.gradient(F, Y)
    assert loss.value(F, Y) + loss.conjugate(S, Y) == pytest.approx(products(S, F), abs=1e-8)


@pytest.mark.parametrize("change", [np.eye(3)[0], -np.eye(3)[1], np.array([2.0, -1.0, -1.0])], ids=str)
def test_the_conjugate_of_cross_entropy_is_infinite_outside_the_simplex(change: np.ndarray) -> None:
    Y = np.eye(3)
    P = np.full((3, 3), 1 / 3)
    assert CrossEntropy().conjugate(P - Y, Y) == pytest.approx(np.full(3, -math.log(3.0)))
    assert (CrossEntropy().conjugate(P - Y + change, Y) == math.inf).all()
    assert CrossEntropy().conjugate(np.zeros((3, 3)), Y) == pytest.approx(np.zeros(3))  # p = y, a corner


def objective_of(name: str, F: np.ndarray, Y: np.ndarray, tau: Any) -> Callable[[np.ndarray], np.ndarray]:
    """What the prox minimizes, sample by sample."""
    tau = np.broadcast_to(tau, F.shape)
    return lambda G: LOSSES[name].value(G, Y) + ((G - F) ** 2 / (2 * tau)).reshape(len(F), -1).sum(axis=1)


@some
@every_case
@given(seeds, st.floats(-2, 2), st.booleans())
def test_the_prox_meets_its_optimality_condition(
    name: str, shape: tuple[int, ...], seed: int, exponent: float, varied: bool
) -> None:
    """Moreau: S = (F - G) / tau is a subgradient at G, so ℓ(G) + ℓ*(S) = S·G; and nothing near G is better."""
    F, Y = drawn(name, shape, seed)
    loss, tau = LOSSES[name], steps(shape, 10.0**exponent, varied)
    G = loss.prox(F, Y, tau)
    assert G.shape == shape
    S = (F - G) / tau
    if name == "cross-entropy":  # rounding may leave the simplex
        S = np.maximum(S + Y, 0.0)
        S = S / S.sum(axis=1, keepdims=True) - Y
    elif not np.isfinite(loss.conjugate(S, Y)).all():
        S = S * (1 - 1e-12)
    sizes_of = 1 + np.abs(loss.value(G, Y)) + np.abs(products(S, G))
    assert (np.abs(loss.value(G, Y) + loss.conjugate(S, Y) - products(S, G)) <= 1e-7 * sizes_of).all()
    objective = objective_of(name, F, Y, tau)
    reached = objective(G)
    for scale in (1e-4, 1e-2, 1.0):
        near = G + scale * np.random.default_rng(seed + 2).standard_normal(shape)
        assert (objective(near) >= reached - 1e-10 * (1 + np.abs(reached))).all()


@settings(deadline=None, max_examples=10)
@pytest.mark.parametrize("name", LOSSES)
@given(seeds, st.floats(-1, 1))
def test_the_prox_is_what_a_generic_optimizer_finds(name: str, seed: int, exponent: float) -> None:
    F, Y = drawn(name, (2, 3), seed)
    tau = 10.0**exponent
    objective = objective_of(name, F, Y, tau)
    found = objective(LOSSES[name].prox(F, Y, tau))
    for row in range(2):
        other = F.copy()

        def of_row(values: np.ndarray, row: int = row, other: np.ndarray = other) -> float:
            other[row] = values
            return float(objective(other)[row])

        generic = minimize(of_row, F[row], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12})
        assert found[row] <= generic.fun + 1e-9 * (1 + abs(generic.fun))


@some
@every_case
@given(seeds, seeds, st.floats(-2, 2))
def test_the_prox_is_firmly_nonexpansive(
    name: str, shape: tuple[int, ...], seed: int, other: int, exponent: float
) -> None:
    """‖G - G'‖² ≤ (G - G')·(F - F'), as every proximal operator of a convex function is."""
    F, Y = drawn(name, shape, seed)
    H = drawn(name, shape, other)[0]
    tau = 10.0**exponent
    moved = LOSSES[name].prox(F, Y, tau) - LOSSES[name].prox(H, Y, tau)
    assert (products(moved, moved) <= products(moved, F - H) + 1e-7).all()


@every_case
def test_samples_do_not_see_each_other(name: str, shape: tuple[int, ...]) -> None:
    F, Y = drawn(name, shape, 5)
    loss, tau = LOSSES[name], steps(shape, 2.0, True)
    G = loss.prox(F, Y, tau)
    for row in range(len(F)):
        alone = loss.prox(F[row : row + 1], Y[row : row + 1], tau if np.isscalar(tau) else tau[row : row + 1])
        assert G[row : row + 1] == pytest.approx(alone, abs=1e-7)


# -- far away ----------------------------------------------------------------------------------------------------------

far = st.sampled_from([1e3, 1e6])


@some
@given(seeds, far, st.booleans())
def test_cross_entropy_far_away(seed: int, scale: float, right: bool) -> None:
    """Where one class dominates, the loss is the difference of two predictions, and no gap is lost to its size."""
    F, Y = drawn("cross-entropy", (6, 3), seed)
    winner = F.argmax(axis=1)
    F[np.arange(6), winner] += 2.0  # the runner-up is far behind, once it is scaled
    F = scale * F
    Y = np.eye(3)[winner if right else (winner + 1) % 3]
    with np.errstate(all="raise", under="ignore"):
        value, gradient = CrossEntropy().value(F, Y), CrossEntropy().gradient(F, Y)
    assert value == pytest.approx(F.max(axis=1) - (Y * F).sum(axis=1), rel=1e-12, abs=1e-300)
    assert gradient == pytest.approx(np.eye(3)[winner] - Y, abs=1e-12)
    shift = 2.0**40 * np.ones((6, 1))  # the loss does not change where all predictions move alike
    small = np.round(4 * np.random.default_rng(seed).standard_normal((6, 3)))
    assert CrossEntropy().value(small + shift, Y) == pytest.approx(CrossEntropy().value(small, Y), rel=1e-12)


@settings(deadline=None, max_examples=60)
@given(seeds, st.sampled_from([0.0, 1.0, 1e3, 1e6]), st.floats(-3, 5), st.booleans())
def test_the_prox_of_cross_entropy_far_away(seed: int, scale: float, exponent: float, varied: bool) -> None:
    """Finite and accurate whatever the size of predictions and steps: Newton's next step is nothing."""
    F, Y = drawn("cross-entropy", (6, 3), seed, scale)
    tau = 10.0**exponent if not varied else np.clip(10.0**exponent * np.geomspace(0.1, 10, 6)[:, None], 1e-3, 1e5)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        G = CrossEntropy().prox(F, Y, tau)
    assert np.isfinite(G).all()
    P = np.exp(G - G.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    gradients = P - Y + (G - F) / tau
    for row, step in enumerate(np.broadcast_to(tau, (6, 1))[:, 0]):
        hessian = np.diag(P[row]) - np.outer(P[row], P[row]) + np.eye(3) / step
        assert np.abs(np.linalg.solve(hessian, gradients[row])).max() <= 1e-7 * (1 + np.abs(G[row]).max())
    assert G.sum(axis=1) == pytest.approx(F.sum(axis=1), abs=1e-7 * (1 + np.abs(G).max()))  # gradients add up to 0


@pytest.mark.parametrize(("name", "shape"), CASES, ids=str)
@pytest.mark.parametrize("scale", [1e3, 1e6])
@pytest.mark.parametrize("tau", [1e-3, 1.0, 1e5])
def test_everything_stays_finite_far_away(name: str, shape: tuple[int, ...], scale: float, tau: float) -> None:
    F, Y = drawn(name, shape, 0, scale)
    loss = LOSSES[name]
    for array in (loss.value(F, Y), loss.gradient(F, Y), loss.prox(F, Y, tau), loss.conjugate(loss.gradient(F, Y), Y)):
        assert np.isfinite(array).all()
    G, objective = loss.prox(F, Y, tau), objective_of(name, F, Y, tau)
    assert (objective(G) <= objective(F) * (1 + 1e-12) + 1e-12).all()


LEGENDRE = [case for case in CASES if LOSSES[case[0]].legendre]


@some
@pytest.mark.parametrize(("name", "shape"), LEGENDRE, ids=str)
@given(seeds, st.floats(-1, 1))
def test_the_fit_inverts_the_gradient(name: str, shape: tuple[int, ...], seed: int, exponent: float) -> None:
    loss, (F, Y) = LOSSES[name], drawn(name, shape, seed, 10.0**exponent)
    S = loss.gradient(F, Y)
    fit = loss.fit(S, Y)
    assert loss.gradient(fit, Y) == pytest.approx(S, abs=1e-12)
    assert loss.value(fit, Y) + loss.conjugate(S, Y) == pytest.approx(products(fit, S), abs=1e-9)


@some
@pytest.mark.parametrize(("name", "shape"), LEGENDRE, ids=str)
@given(seeds)
def test_the_hessian_is_the_derivative_of_the_gradient(name: str, shape: tuple[int, ...], seed: int) -> None:
    loss, (F, Y) = LOSSES[name], drawn(name, shape, seed)
    change = np.random.default_rng(seed + 1).standard_normal(shape)
    H = loss.hessian(F, Y)
    image = np.einsum("nab,nb->na", H, change) if H.ndim == 3 else H * change
    step = 1e-5
    difference = (loss.gradient(F + step * change, Y) - loss.gradient(F - step * change, Y)) / (2 * step)
    assert image == pytest.approx(difference, abs=1e-8)


@some
@pytest.mark.parametrize(("name", "shape"), LEGENDRE, ids=str)
@given(seeds)
def test_the_room_ends_at_the_border_of_the_domain(name: str, shape: tuple[int, ...], seed: int) -> None:
    loss, (F, Y) = LOSSES[name], drawn(name, shape, seed, 1.0)
    S = loss.gradient(F, Y)
    change = loss.gradient(2.0 * F[::-1], Y) - S
    room = loss.room(S, change, Y)
    if not change.any():  # a single class has no other slopes
        assert room == np.inf
        return
    assert np.isfinite(loss.conjugate(S + 0.999 * room * change, Y)).all()
    assert not np.isfinite(loss.conjugate(S + 1.001 * room * change, Y)).all()
    assert loss.room(S, 0.0 * S, Y) == np.inf


def test_losses_that_are_not_of_legendre_type_say_so() -> None:
    for name in LOSSES.keys() - {"logistic", "cross-entropy"}:
        loss, (F, Y) = LOSSES[name], drawn(name, (7,), 0)
        assert not loss.legendre
        with pytest.raises(NotImplementedError):
            loss.fit(F, Y)

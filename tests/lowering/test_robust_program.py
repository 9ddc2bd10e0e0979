"""Robust programs: against programs that list the corners of every set, and by what a worst case must satisfy."""

from __future__ import annotations

from itertools import product

import cvxpy as cp
import numpy as np
import pytest

import reludsl
from reludsl.data.encoding import Samples
from reludsl.lowering import RobustProgram
from reludsl.lowering.robust_program import sets_of
from reludsl.pipeline import Compilation
from reludsl.robustness import robust_objective, wasserstein_objective, worst_losses
from reludsl.source import Source
from reludsl.verification import exact_attack, keeps_patterns

RNG = np.random.default_rng(5)
X = RNG.standard_normal((9, 2)) * [1.0, 3.0] + [0.5, 0.0]
REAL = np.maximum(X[:, 0], 0) - 0.4 * np.abs(X[:, 1]) + 0.1 * RNG.standard_normal(9)
LABELS = np.where(X[:, 0] + 0.2 * X[:, 1] ** 2 > 1, 1.0, -1.0)
MATRIX = np.column_stack([REAL, 1.0 - REAL**2])
CLASSES = np.where(X[:, 0] < 0, 0.0, np.where(X[:, 1] < 0, 1.0, 2.0))
BETA = 0.1


def spec_of(
    perturbation: str,
    loss: str = "hinge",
    formulation: str = "exact",
    bias: str = "none",
    activation: str = "relu",
    scale: str = "none",
    reduction: str = "sum",
    target: str = "",
) -> str:
    target = target or ("binary[n]" if loss.startswith(("hinge", "squared_hinge", "logistic")) else "vector[n]")
    outputs = ", outputs = separate" if target.startswith(("matrix", "categorical")) else ""
    loss = loss if loss.startswith("custom") else f"{loss} {{ reduction = {reduction} }}"
    return f"""reludsl 1
data {{
  input  X : matrix[n, d] {{ scale = {scale} }}
  target y : {target}
}}
architecture two_layer {{ activation = {activation}, bias = {bias}{outputs} }}
loss {loss}
regularizer weight_decay {{ strength = {BETA} }}
perturbation {perturbation}
formulation {formulation}
solver cvxpy {{ tolerance = 1e-9 }}
"""


def targets_of(loss: str, target: str = "") -> np.ndarray:
    if target.startswith("categorical"):
        return CLASSES
    if target.startswith("matrix"):
        return MATRIX
    return LABELS if loss.startswith(("hinge", "squared_hinge", "logistic")) or "y * f" in loss else REAL


def bound_to(spec: str, y: np.ndarray, samples: np.ndarray = X):
    """The compilation of a spec, its data, and the arrays of its program."""
    compilation = Compilation(Source("<spec>", spec))
    bound = compilation.bind((samples, y))
    return compilation, bound, compilation.lowered.bind(bound.train, bound.encoding)


def corners(norm: str, radius: float) -> np.ndarray:
    """The corners of a ball in the plane, or 32 points of its circle."""
    if norm == "linf":
        return radius * np.array(list(product((-1.0, 1.0), repeat=2)))
    if norm == "l1":
        return radius * np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    return radius * np.column_stack([np.cos(angles), np.sin(angles)])


LOSSES = {
    "squared": lambda f, y: 0.5 * cp.square(f - y),
    "absolute": lambda f, y: cp.abs(f - y),
    "huber": lambda f, y: 0.5 * cp.huber(f - y, 1.0),
    "quantile": lambda f, y: cp.maximum(0.5 * (f - y), 0.5 * (y - f)),
    "hinge": lambda f, y: cp.pos(1 - cp.multiply(y, f)),
    "squared_hinge": lambda f, y: 0.5 * cp.square(cp.pos(1 - cp.multiply(y, f))),
    "logistic": lambda f, y: cp.logistic(-cp.multiply(y, f)),
    "custom { expression = square(pos(1 - y * f)) + pos(-2 * f * y) }": lambda f, y: (
        cp.square(cp.pos(1 - cp.multiply(y, f))) + cp.pos(-2 * cp.multiply(y, f))
    ),
    "custom { expression = exp(abs(y - f)) }": lambda f, y: cp.exp(cp.abs(f - y)),
}


def listed(loss: str, D: np.ndarray, y: np.ndarray, changes: np.ndarray, samples: np.ndarray = X) -> float:
    """The optimum of the program whose losses and cones are written down for every change by itself."""
    d, P = samples.shape[1], D.shape[1]
    V, W = cp.Variable((d, P)), cp.Variable((d, P))
    slopes = D.astype(float) @ (V - W).T
    worst, constraints = cp.Variable(len(samples)), []
    for delta in changes:
        moved = samples + delta
        constraints += [LOSSES[loss](cp.sum(cp.multiply(moved, slopes), axis=1), y) <= worst]
        constraints += [cp.multiply(2.0 * D - 1.0, moved @ block) >= 0 for block in (V, W)]
    penalty = BETA * (cp.sum(cp.norm(V, 2, axis=0)) + cp.sum(cp.norm(W, 2, axis=0)))
    return float(cp.Problem(cp.Minimize(cp.sum(worst) + penalty), constraints).solve(solver=cp.CLARABEL))


@pytest.mark.parametrize("norm", ["linf", "l1"])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_optimum_is_that_of_the_program_that_lists_all_corners(loss: str, norm: str) -> None:
    y = targets_of(loss)
    spec = spec_of(f"{norm} {{ radius = 0.02 }}", loss, target="binary[n]" if "y * f" in loss else "")
    _, _, instance = bound_to(spec, y)
    found = reludsl.solve(spec, (X, y))
    known = listed(loss, np.asarray(instance.arrays["D"]), y, corners(norm, 0.02))
    # What is reported is feasible: in thin cones that costs more than the solver's tolerance.
    assert found.program_objective == pytest.approx(known, rel=1e-5)
    assert found.objective == pytest.approx(found.program_objective, rel=1e-9)
    assert found.violation <= 1e-7


@pytest.mark.parametrize("loss", ["hinge", "squared", "quantile"])
def test_a_ball_lies_between_two_polygons(loss: str) -> None:
    """The one whose corners are on its circle, and the one whose sides touch it."""
    y = targets_of(loss)
    spec = spec_of("l2 { radius = 0.02 }", loss)
    _, _, instance = bound_to(spec, y)
    found = reludsl.solve(spec, (X, y)).program_objective
    D = np.asarray(instance.arrays["D"])
    inside, outside = (listed(loss, D, y, corners("l2", radius)) for radius in (0.02, 0.02 / np.cos(np.pi / 32)))
    assert inside * (1 - 2e-6) <= found <= outside * (1 + 2e-6)
    assert outside - inside < 1e-2 * inside


@pytest.mark.parametrize(
    "perturbation, sides",
    [
        ("box { lower = [-0.01, 0], upper = [0.03, 0.02] }", ([-0.01, 0.0], [0.03, 0.02])),
        ("linf { radius = [0.02, 0.01], upper = 0.015 }", ([-0.02, -0.01], [0.015, 0.01])),
    ],
)
@pytest.mark.parametrize("loss", ["hinge", "squared", "quantile"])
def test_boxes_need_not_be_centred_at_the_samples(
    loss: str, perturbation: str, sides: tuple[list[float], list[float]]
) -> None:
    y = targets_of(loss)
    spec = spec_of(perturbation, loss)
    _, _, instance = bound_to(spec, y)
    changes = np.array(list(product(*zip(*sides, strict=True))))
    known = listed(loss, np.asarray(instance.arrays["D"]), y, changes)
    assert reludsl.solve(spec, (X, y)).program_objective == pytest.approx(known, rel=2e-6)


def test_a_cut_ball_lies_between_its_parts() -> None:
    """Its losses are exact; its cones ask for no more than those of the ball, or of the box, alone."""
    cut = reludsl.solve(spec_of("l1 { radius = 0.03, lower = -0.02, upper = 0.02 }"), (X, LABELS)).program_objective
    ball = reludsl.solve(spec_of("l1 { radius = 0.03 }"), (X, LABELS)).program_objective
    box = reludsl.solve(spec_of("linf { radius = 0.02 }"), (X, LABELS)).program_objective
    inside = reludsl.solve(spec_of("l1 { radius = 0.02 }"), (X, LABELS)).program_objective
    assert inside <= cut + 1e-6 <= min(ball, box) + 2e-6
    wide = reludsl.solve(spec_of("l1 { radius = 0.02, lower = -9, upper = 9 }"), (X, LABELS)).program_objective
    assert wide == pytest.approx(inside, rel=1e-6)


@pytest.mark.parametrize("loss", ["squared", "hinge", "absolute"])
def test_losses_on_cut_balls_are_exact(loss: str) -> None:
    """The corners of an octagon: an l1 ball of radius 0.03 that is cut at 0.02."""
    y = targets_of(loss)
    spec = spec_of("l1 { radius = 0.03, lower = -0.02, upper = 0.02 }", loss, "gated { patterns = 10 }")
    _, _, instance = bound_to(spec, y)
    octagon = np.array([[a * 0.02, b * 0.01] for a, b in product((-1, 1), repeat=2)])
    octagon = np.concatenate([octagon, octagon[:, ::-1]])
    D = np.asarray(instance.arrays["D"], dtype=float)
    U, worst = cp.Variable((2, D.shape[1])), cp.Variable(len(X))
    slopes = D @ U.T
    constraints = [LOSSES[loss](cp.sum(cp.multiply(X + delta, slopes), axis=1), y) <= worst for delta in octagon]
    known = cp.Problem(cp.Minimize(cp.sum(worst) + BETA * cp.sum(cp.norm(U, 2, axis=0))), constraints).solve(
        solver=cp.CLARABEL
    )
    assert reludsl.solve(spec, (X, y)).program_objective == pytest.approx(known, rel=2e-6)


@pytest.mark.parametrize("activation", ["leaky_relu(slope = 0.2)", "absolute"])
def test_other_activations(activation: str) -> None:
    spec = spec_of("linf { radius = 0.02 }", "squared", activation=activation)
    found = reludsl.solve(spec, (X, REAL))
    _worst_on_the_network(found, spec, REAL)


@pytest.mark.parametrize("target, loss", [("matrix[n, c]", "squared"), ("categorical[n, k]", "hinge")])
def test_several_outputs_are_programs_of_their_own(target: str, loss: str) -> None:
    """Their losses add up, and each has its own worst change."""
    y = targets_of(loss, target)
    found = reludsl.solve(spec_of("linf { radius = 0.02 }", loss, target=target), (X, y))
    columns = y.T if target.startswith("matrix") else [np.where(y == k, 1.0, -1.0) for k in range(3)]
    parts = [reludsl.solve(spec_of("linf { radius = 0.02 }", loss), (X, column)) for column in columns]
    assert found.program_objective == pytest.approx(sum(part.program_objective for part in parts), rel=1e-6)


def test_the_bound_on_the_cross_entropy_is_exact_for_two_classes_and_safe_for_three() -> None:
    for y, exact in ((np.minimum(CLASSES, 1), True), (CLASSES, False)):
        spec = spec_of("linf { radius = 0.02 }", "cross_entropy", "gated { patterns = 8 }", target="categorical[n, k]")
        _, _, instance = bound_to(spec, y)
        k, P = int(y.max()) + 1, instance.arrays["D"].shape[1] // (int(y.max()) + 1)
        D, Y = np.asarray(instance.arrays["D"][:, :P], dtype=float), np.eye(k)[y.astype(int)]
        blocks, worst = [cp.Variable((2, P)) for _ in range(k)], cp.Variable(len(X))
        constraints = []
        for delta in corners("linf", 0.02):
            F = [cp.sum(cp.multiply(X + delta, D @ U.T), axis=1) for U in blocks]
            for row in range(len(X)):
                own = int(Y[row].argmax())
                constraints.append(cp.log_sum_exp(cp.hstack([f[row] - F[own][row] for f in F])) <= worst[row])
        penalty = BETA * sum(cp.sum(cp.norm(U, 2, axis=0)) for U in blocks)
        known = cp.Problem(cp.Minimize(cp.sum(worst) + penalty), constraints).solve(solver=cp.CLARABEL)
        found = reludsl.solve(spec, (X, y)).program_objective
        assert found >= known * (1 - 1e-6)
        assert not exact or found == pytest.approx(known, rel=5e-6)


def _worst_on_the_network(found: reludsl.Solution, spec: str, y: np.ndarray) -> None:
    """The worst losses that are reported are those of the network at random points of the sets, or more."""
    compilation, bound, _ = bound_to(spec, y)
    perturbation = compilation.model.perturbation
    sets = sets_of(perturbation, bound.train.X, bound.encoding)
    worst = worst_losses(found.network, bound.train, sets)
    generator, loss = np.random.default_rng(0), found.network.form.loss
    reached = np.full(len(worst), -np.inf)
    for _ in range(300):
        delta = sets.random_vertices(generator) * generator.choice([1.0, generator.random()])
        reached = np.maximum(reached, loss.value(found.network.scores(bound.train.X + delta), bound.train.y))
    assert np.all(reached <= worst + 1e-9 * (1 + np.abs(worst)))
    assert reached.sum() >= 0.98 * worst.sum(), "the worst case is nearly reached"


@pytest.mark.parametrize("scale", ["none", "standard", "minmax"])
@pytest.mark.parametrize("perturbation", ["linf { radius = 0.02 }", "l2 { radius = [0.02, 0.05], maximum = 9 }"])
@pytest.mark.parametrize("loss", ["hinge", "squared", "quantile", "logistic"])
def test_radii_are_in_raw_units_and_the_attacked_loss_never_exceeds_the_robust_one(
    loss: str, perturbation: str, scale: str
) -> None:
    y = targets_of(loss)
    spec = spec_of(perturbation, loss, "sampled { patterns = 8 }", "both", scale=scale, reduction="mean")
    found = reludsl.solve(spec, (X, y))
    compilation, bound, _ = bound_to(spec, y)
    raw = sets_of(compilation.model.perturbation, bound.train.X, bound.encoding)
    assert np.all(raw.limits[0] * bound.encoding.divisor >= -0.05 - 1e-12)
    _worst_on_the_network(found, spec, y)
    assert found.objective == pytest.approx(found.program_objective, rel=1e-5)


@pytest.mark.parametrize(
    "perturbation", ["linf { radius = 0 }", "box { lower = 0, upper = 0 }", "l2 { radius = [0, 0] }"]
)
def test_what_changes_nothing_is_the_clean_program(perturbation: str) -> None:
    clean = Compilation(Source("<spec>", spec_of("none"))).lowered.program
    assert Compilation(Source("<spec>", spec_of(perturbation))).lowered.program == clean


def test_the_objective_grows_with_the_radius() -> None:
    values = [
        reludsl.solve(spec_of(f"linf {{ radius = {radius} }}"), (X, LABELS)).program_objective
        for radius in (0.0, 0.003, 0.01, 0.03)
    ]
    assert np.all(np.diff(values) >= -1e-7)
    assert values[-1] > values[0] + 1e-3


@pytest.mark.parametrize("norm, order", [("l2", 2.0), ("linf", 1.0), ("l1", np.inf)])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_wasserstein_pays_the_radius_times_a_lipschitz_constant(norm: str, order: float, reduction: str) -> None:
    spec = spec_of(
        f"wasserstein {{ radius = 0.05, norm = {norm} }}",
        "absolute",
        "sampled { patterns = 10 }",
        "hidden",
        scale="standard",
        reduction=reduction,
    )
    _, bound, instance = bound_to(spec, REAL)
    D, A = np.asarray(instance.arrays["D"], dtype=float), np.asarray(instance.arrays["X"])
    V, W = cp.Variable((3, D.shape[1])), cp.Variable((3, D.shape[1]))
    divided = 1.0 / bound.encoding.divisor
    loss = cp.sum(cp.abs(cp.sum(cp.multiply(D, A @ (V - W)), axis=1) - REAL))
    slopes = sum(cp.sum(cp.norm(cp.multiply(divided[:, None], B[:2]), order, axis=0)) for B in (V, W))
    n = len(X)
    total = loss + n * 0.05 * slopes if reduction == "sum" else loss / n + 0.05 * slopes
    total += BETA * sum(cp.sum(cp.norm(B, 2, axis=0)) for B in (V, W))
    cones = [cp.multiply(2 * D - 1, A @ B) >= 0 for B in (V, W)]
    known = cp.Problem(cp.Minimize(total), cones).solve(solver=cp.CLARABEL)
    found = reludsl.solve(spec, (X, REAL))
    assert found.program_objective == pytest.approx(known, rel=1e-6)
    assert found.objective == pytest.approx(found.program_objective, rel=1e-5)
    # No distribution of inputs within the radius is worse: here samples move along the gradient of their own loss.
    network, generator = found.network, np.random.default_rng(1)
    clean = network.objective_on(bound.train)
    for _ in range(200):
        moves = generator.standard_normal((n, 2))
        dual = {"l2": 2, "linf": np.inf, "l1": 1}[norm]
        share = generator.dirichlet(np.ones(n)) * n * 0.05
        moves *= (share / np.linalg.norm(moves, dual, axis=1))[:, None]
        moved = Samples(bound.train.X + moves / bound.encoding.divisor, bound.train.y)
        assert network.objective_on(moved) <= found.objective + 1e-9
    assert wasserstein_objective(network, bound.train, 0.0, order) == pytest.approx(clean)


def test_robust_networks_are_evaluated_with_their_worst_losses() -> None:
    spec = spec_of("linf { radius = 0.02 }", "squared", "sampled { patterns = 8 }", "hidden")
    found = reludsl.solve(spec, (X, REAL))
    compilation, bound, _ = bound_to(spec, REAL)
    lowered = compilation.lowered
    assert isinstance(lowered, RobustProgram)
    sets = sets_of(lowered.perturbation, bound.train.X, bound.encoding)
    assert found.objective == robust_objective(found.network, bound.train, sets)
    assert found.objective > found.network.objective_on(bound.train)


@pytest.mark.parametrize(
    "perturbation", ["linf { radius = 0.05 }", "l2 { radius = 0.08 }", "l1 { radius = 0.1, upper = 0.04 }"]
)
@pytest.mark.parametrize("loss", ["hinge", "logistic", "squared"])
@pytest.mark.parametrize("formulation", ["sampled { patterns = 8 }", "gated { patterns = 8 }"])
def test_no_training_sample_leaves_its_patterns_or_exceeds_its_worst_loss(
    loss: str, perturbation: str, formulation: str
) -> None:
    """By the exact checker of activations, and by the exact search for the worst point."""
    y = targets_of(loss)
    spec = spec_of(perturbation, loss, formulation, "hidden", scale="standard")
    found = reludsl.solve(spec, (X, y))
    compilation, bound, _ = bound_to(spec, y)
    sets = sets_of(compilation.model.perturbation, bound.train.X, bound.encoding)
    network = found.network
    assert keeps_patterns(network, bound.train.X, sets, tolerance=1e-9).all()
    worst = worst_losses(network, bound.train, sets)
    attacked = reludsl.attack(network, (X, y), restarts=3)
    assert found.objective == pytest.approx(network.loss_of(worst, bound.train) + network.penalty())
    assert attacked.attacked_loss * len(X) <= network.loss_of(worst, bound.train) + 1e-9
    exact = exact_attack(network, bound.train, sets, None)
    reached = network.form.loss.value(network.scores(bound.train.X + exact.perturbations), bound.train.y)
    assert np.all(reached <= worst + 1e-9)
    if loss == "squared":  # with labels the search ends when their signs are known
        assert reached == pytest.approx(worst, rel=1e-5, abs=1e-6)


def test_with_labels_the_worst_margin_says_which_samples_are_safe() -> None:
    spec = spec_of("linf { radius = 0.2 }", "hinge", "sampled { patterns = 12 }", "hidden")
    network = reludsl.solve(spec, (X, LABELS)).network
    compilation, bound, _ = bound_to(spec, LABELS)
    sets = sets_of(compilation.model.perturbation, bound.train.X, bound.encoding)
    safe = worst_losses(network, bound.train, sets) < 1.0
    certified = reludsl.certify(network, (X, LABELS))
    assert certified.scores["exact"] == np.mean(safe)
    assert certified.scores["clean"] >= certified.scores["attacked"] >= certified.scores["exact"]

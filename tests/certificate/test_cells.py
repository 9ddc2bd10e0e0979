"""The bound of cell programs: it may be loose, never untrue. Adversarial dual points against known optima."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from reludsl.backend import Control
from reludsl.backends import backends
from reludsl.cells import enumerate_cells
from reludsl.cells.coordinates import cell_arrays
from reludsl.certificate.cells import price
from reludsl.certificate.duality import bound_from, dual_bound, feasible_point, pricing_of
from reludsl.ir import Activation, BlockPenalty, CellForm, CrossEntropy, Distance, Margin, violations
from reludsl.model.losses.hinge import Hinge
from reludsl.model.losses.squared import HalfSquare

LOSSES = {"squared": Distance(HalfSquare()), "hinge": Margin(Hinge()), "cross-entropy": CrossEntropy()}
STRENGTH = 0.4


@dataclass(frozen=True, eq=False)
class Case:
    """A program with its arrays, an optimal dual point, and a value that is attained by a feasible point."""

    form: CellForm
    arrays: dict[str, np.ndarray]
    point: dict[str, np.ndarray]
    dual: np.ndarray
    attained: float

    def bound(self, z: np.ndarray) -> float:
        pricing = pricing_of(self.form.program(), self.arrays)
        assert pricing is not None
        return bound_from(pricing.problem, z, prices_at=pricing.prices)


@cache
def case(loss: str, d: int, bias: bool = False, slope: float = 0.0) -> Case:
    generator = np.random.default_rng(d)
    n, c = (9, 3) if d < 3 else (6, 2)
    X, Y = generator.standard_normal((n, d)), generator.standard_normal((n, c))
    if loss == "hinge":
        Y = np.where(Y > 0, 1.0, -1.0)
    if loss == "cross-entropy":
        Y = np.eye(c)[Y.argmax(axis=1)]
    penalty = BlockPenalty(group=STRENGTH, offset_l2=0.7 * bias)
    activation = Activation("leaky_relu", slope) if slope else Activation()
    form = CellForm(LOSSES[loss], penalty, activation, output_bias=bias)
    cells = enumerate_cells(X)
    arrays = cell_arrays(X, Y, cells.basis, cells.generators, cells.masks) | {"X": X, "Y": Y}
    arrays |= {"basis": cells.basis, "generators": cells.generators, "deviation": cells.deviation}
    backend, program = backends()["cvxpy"], form.program()
    settings = {"method": "clarabel", "tolerance": None, "max_iterations": None}
    outcome = backend.solve(program, arrays, settings, Control())  # type: ignore[arg-type]
    assert outcome.status == "solved" and outcome.point is not None and outcome.dual is not None
    feasible = feasible_point(program, arrays, outcome.point)
    return Case(form, arrays, dict(outcome.point), outcome.dual, feasible.objective)


CASES = [(loss, d) for loss in LOSSES for d in (1, 2, 3)]


@pytest.mark.parametrize(("loss", "d"), CASES)
@pytest.mark.parametrize("bias", [False, True])
def test_at_the_solver_s_dual_point_the_gap_closes(loss: str, d: int, bias: bool) -> None:
    known = case(loss, d, bias)
    value = known.bound(known.dual)
    assert known.attained * (1 - 1e-6) <= value <= known.attained * (1 + 1e-12)


@pytest.mark.parametrize(("loss", "d"), CASES)
def test_feasible_points_satisfy_all_constraints(loss: str, d: int) -> None:
    known = case(loss, d)
    program = known.form.program()
    noisy = dict(known.point)
    noisy["W"] = noisy["W"] * (1 + 1e-3 * np.random.default_rng(0).standard_normal(noisy["W"].shape))
    for point in (known.point, noisy, {"W": np.random.default_rng(1).standard_normal(noisy["W"].shape)}):
        feasible = feasible_point(program, known.arrays, point)
        size = np.abs(feasible.point["W"]).max(initial=1e-300)
        assert max(violations(program, {**known.arrays, **feasible.point}).values()) <= 1e-12 * size
        assert feasible.objective >= known.bound(known.dual) * (1 - 1e-12)


@pytest.mark.parametrize("d", [2, 3])
def test_noise_of_a_solver_costs_the_feasible_point_little(d: int) -> None:
    """Blocks that have next to nothing but noise in W[y, α] are no reason for large output weights."""
    known = case("squared", d)
    W, c = known.point["W"], known.arrays["Y"].shape[1]
    largest = np.abs(W).max()
    noise = np.random.default_rng(0).standard_normal((len(W), c))
    for size in (1e-6, 1e-7, 1e-8):
        noisy = W.copy()
        blocks = noisy.reshape(-1, c + d, c + d)
        blocks[:, range(c, c + d), range(c, c + d)] += 1e-4 * size * largest
        noisy[:, :c] += size * largest * noise
        feasible = feasible_point(known.form.program(), known.arrays, {"W": noisy})
        assert feasible.objective <= known.attained * (1 + 100 * size)


def adversaries(known: Case, seed: int) -> list[np.ndarray]:
    """Dual points of every kind that a solver, or a bug, could hand over."""
    generator = np.random.default_rng(seed)
    z, shape = known.dual, known.dual.shape
    noise = generator.standard_normal(shape)
    found = [z + 10.0**k * noise for k in range(-9, 3)]
    found += [10.0**k * z for k in (-300, -30, -9, -3, -1, 1, 3, 9, 30, 99, 300)]
    found += [-z, -1e3 * z, 0 * z, np.zeros(shape), noise, -noise, 1e200 * noise, 1e-200 * noise]
    found += [z * (1 + s) for s in (-1e-6, -1e-9, 1e-12, 1e-9, 1e-6, 1e-3, 0.1)]
    found += [generator.permutation(z), z[:, ::-1], np.abs(z), -np.abs(z), np.sign(z), np.round(z, 1)]
    found += [known.arrays["Y"], -known.arrays["Y"], 5 * known.arrays["Y"], known.arrays["Y"] + 1e-8 * noise]
    found += [
        np.where(generator.uniform(size=shape) < 0.3, 0, z),
        np.where(generator.uniform(size=shape) < 0.1, 1e8, z),
    ]
    return found


@pytest.mark.parametrize(("loss", "d"), CASES)
def test_no_dual_point_proves_more_than_the_optimum(loss: str, d: int) -> None:
    known = case(loss, d)
    tried = [z for seed in range(3) for z in adversaries(known, seed)]
    assert len(tried) >= 150
    values = np.array([known.bound(z) for z in tried])
    assert not np.isnan(values).any() and (values <= known.attained * (1 + 1e-12)).all()
    assert values.max() >= known.attained * (1 - 1e-6)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_proves_nothing(broken: float) -> None:
    known = case("squared", 2)
    z = known.dual.copy()
    z[2, 1] = broken
    assert known.bound(z) == -np.inf
    point = {"W": np.full_like(known.point["W"], 0.0)}
    feasible = feasible_point(known.form.program(), known.arrays, point)
    found = dual_bound(known.form.program(), known.arrays, feasible, feasible.point, z, complete=True)
    assert found is not None and found.value <= known.attained and (found.scope, found.by) == ("global", "enumeration")


@pytest.mark.parametrize("slope", [0.0, 0.3])
@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_no_direction_brings_more_than_the_price(d: int, slope: float) -> None:
    known = case("squared", d, slope=slope)
    X, generator = known.arrays["X"], np.random.default_rng(0)
    u = generator.standard_normal((d, 200_000))
    t = X @ (u / np.linalg.norm(u, axis=0))
    active = np.where(t > 0, t, slope * t)
    for k in range(12):
        z = known.dual + (10.0 ** (k - 6)) * generator.standard_normal(known.dual.shape)
        brought = np.linalg.norm(z.T @ active, axis=0).max()
        assert brought <= price(known.form, known.arrays, z) <= brought * (1 + (1e-3 if d < 4 else 1e-2))


@pytest.mark.parametrize("apart", [1e-12, 1e-10, 9e-10])
def test_between_hyperplanes_that_were_taken_for_one_the_price_is_a_bound_too(apart: float) -> None:
    """Rows that nearly cancel bring something only between their hyperplanes, where no cell is."""
    X = np.array([[1.0, 0.0], [-1.0, apart], [1.0, 2.0]])
    cells = enumerate_cells(X)
    assert cells.count == 4
    form = CellForm(LOSSES["squared"], BlockPenalty(group=1.0))
    Y = np.zeros((3, 1))
    arrays = cell_arrays(X, Y, cells.basis, cells.generators, cells.masks) | {"X": X, "Y": Y}
    arrays |= {"basis": cells.basis, "generators": cells.generators, "deviation": cells.deviation}
    z = np.array([[1e6], [1e6], [0.0]])
    u = np.array([[0.5 * apart], [1.0]]) / np.hypot(0.5 * apart, 1.0)
    for direction in (u, -u, np.array([[0.0], [1.0]])):
        brought = float(np.linalg.norm(z.T @ np.maximum(X @ direction, 0)))
        assert brought <= price(form, arrays, z)

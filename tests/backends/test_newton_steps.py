"""The steps of the fast solver: gradients and Hessians of its subproblems, ways to solve them, and when they end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reludsl.backends.newton.kernel import NewtonResult, NewtonSolve, solve_by_newton
from reludsl.backends.newton.loss_terms import LegendreLoss, ProximalLoss
from reludsl.backends.newton.subproblem import Columns, Subproblem, solved_with_identity
from reludsl.cones import ConeProjector
from reludsl.ir import CrossEntropy, Margin, SampleLoss
from reludsl.ir.pattern_problem import PatternProblem
from reludsl.lowering.patterns import sample_patterns
from tests.backends.test_newton import LOSSES


def teacher(n: int, d: int, patterns: int, loss: SampleLoss, seed: int = 0, **parts: Any) -> PatternProblem:
    """Gaussian samples and a planted network with noise; `group` is a share of what makes the zero network optimal."""
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n, d))
    F = np.maximum(X @ generator.standard_normal((d, 6)), 0.0) @ generator.standard_normal((6, 3)) / np.sqrt(d)
    F += 0.1 * generator.standard_normal(F.shape)
    Y = np.eye(3)[F.argmax(axis=1)] if isinstance(loss, CrossEntropy) else F[:, :1]
    Y = np.where(Y > 0, 1.0, -1.0) if isinstance(loss, Margin) else Y
    masks = sample_patterns(X, patterns, seed)[0]
    share, gated = parts.pop("group", 0.01), parts.pop("gated", False)
    cones = None if gated else masks
    problem = PatternProblem(X, masks.astype(float), cones, loss, Y, signed=not gated, **parts)
    C = problem.adjoint(-problem.loss_gradient(0.0 * Y)).T
    prices = np.linalg.norm(C, axis=1)
    if cones is not None:
        projector = ConeProjector(X, masks)
        prices = projector.project(C, np.arange(len(C)) % masks.shape[1], projector.no_supports(len(C)))[1]
    return replace(problem, group=share * float(prices.max()))


def subproblem(problem: PatternProblem, seed: int = 0) -> tuple[Subproblem, np.ndarray]:
    """A subproblem around a point that is not zero, and a z at which some columns are active and some are not."""
    generator = np.random.default_rng(seed)
    columns = Columns(problem, np.arange(problem.columns))
    projector = None if problem.masks is None else ConeProjector(problem.X, problem.masks)
    solve = NewtonSolve(problem, 1e-2, 40, np.inf, None, None)
    result = solve.run()
    s = problem.predictions(result.columns, result.offset)
    legendre = problem.loss.legendre
    loss = LegendreLoss(problem) if legendre else ProximalLoss(problem, s, 2.0)
    around = Subproblem(
        columns, projector, solve._no_supports(problem.columns), result.columns.T, result.offset, 0.3, loss
    )
    z = problem.admissible(result.dual)
    inside = -problem.loss_gradient(0.0 * z)
    z = 0.5 * (z + inside) if legendre else z + 0.05 * generator.standard_normal(z.shape)
    return around, z


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "ridge": {"l2": 0.3},
    "gated": {"gated": True},
    "output bias": {"offset": True, "offset_l2": 0.5, "offset_l1": 0.01},
    "weights": {"weights": np.linspace(0.1, 2.0, 30)},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_the_gradient_is_that_of_psi(loss: SampleLoss, case: dict[str, Any]) -> None:
    around, z = subproblem(teacher(30, 4, 12, loss, **case))
    step = around.at(z)
    change = np.random.default_rng(3).standard_normal(z.shape)
    if loss.one_hot:
        change -= change.mean(axis=1, keepdims=True)  # so that probabilities stay probabilities
    length = 1e-6
    difference = (around.at(z + length * change).psi - around.at(z - length * change).psi) / (2 * length)
    assert difference == pytest.approx(float(np.vdot(step.residual, change)), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("loss", [LOSSES["squared"], LOSSES["logistic"], LOSSES["cross-entropy"]], ids=str)
def test_a_newton_direction_solves_the_linearized_equations(loss: SampleLoss) -> None:
    around, z = subproblem(teacher(30, 4, 12, loss))
    step = around.at(z)
    direction = around.direction(z, step)
    length = 1e-6
    moved = around.at(z + length * direction)
    change = (moved.residual - step.residual) / length
    if loss.one_hot:  # what is the same for all classes never changes the loss
        change, residual = (part - part.mean(axis=1, keepdims=True) for part in (change, step.residual))
    else:
        residual = step.residual
    assert np.linalg.norm(change + residual) <= 1e-2 * np.linalg.norm(residual)


@pytest.mark.parametrize("gated", [False, True], ids=["cones", "gated"])
@pytest.mark.parametrize("offset", [False, True], ids=["no bias", "output bias"])
def test_all_ways_to_a_direction_lead_the_same(gated: bool, offset: bool) -> None:
    """In the coordinates of the columns, in those of the samples, and by conjugate gradients."""
    problem = teacher(60, 5, 20, LOSSES["squared"], group=0.001, gated=gated, offset=offset)
    around, z = subproblem(problem)
    step = around.at(z)
    places = np.arange(len(step.active))
    V = np.random.default_rng(1).uniform(0.5, 1.0, len(problem.X))
    residual = step.residual[:, 0]
    B = np.concatenate([around._rows(step, places, around._ranks(step)), *around._offset_row(step, 0)])
    expected = np.linalg.solve(np.diag(1 / V) + B.T @ B, -residual)
    assert around._separate(step, places, 0, V, residual, 1e-9) == pytest.approx(expected, rel=1e-7, abs=1e-9)
    iterated = around._iterated(step, places, 0, V, residual, 1e-9)
    assert iterated == pytest.approx(expected, rel=1e-5, abs=1e-6 * np.abs(expected).max())
    if gated:
        rest = np.concatenate(around._offset_row(step, 0)) if offset else np.zeros((0, len(V)))
        found = around._gram(step, places, np.sqrt(V)) + (rest * np.sqrt(V)).T @ (rest * np.sqrt(V))
        assert found == pytest.approx((B * np.sqrt(V)).T @ (B * np.sqrt(V)), rel=1e-9, abs=1e-9)


def test_both_ways_to_a_direction_of_all_classes_lead_the_same() -> None:
    """In the coordinates of the columns, and in those of the samples, where there are fewer of them."""
    problem = teacher(40, 6, 40, LOSSES["cross-entropy"], group=1e-4)
    around, z = subproblem(problem)
    around.sigma = 20.0
    step = around.at(z)
    V = around.loss.weights(z, step.target, step.residual)
    rows = [
        around._rows(step, places, around._ranks(step)[places])
        for places in (np.flatnonzero(around.columns.outputs[step.active] == a) for a in range(3))
    ]
    assert sum(map(len, rows)) > step.residual.size  # so that the samples' way is the one taken
    B = np.zeros((sum(map(len, rows)), *step.residual.shape))
    ends = np.cumsum([0, *map(len, rows)])
    for a, part in enumerate(rows):
        B[ends[a] : ends[a + 1], :, a] = part
    BV = np.einsum("rna,nab->rnb", B, V)
    VG = np.einsum("nab,nb->na", V, step.residual)
    inner = np.linalg.solve(np.eye(len(B)) + np.einsum("rnb,snb->rs", BV, B), np.einsum("rna,na->r", B, VG))
    expected = np.einsum("r,rnb->nb", inner, BV) - VG
    assert around.direction(z, step) == pytest.approx(expected, rel=1e-6, abs=1e-9 * np.abs(expected).max())


def test_simplicial_cones_end_at_the_optimum_of_the_others() -> None:
    """As many samples as inputs: projections by pivoting and systems in the samples, against the active set."""
    for loss in (LOSSES["squared"], LOSSES["hinge"]):
        problem = teacher(70, 70, 8, loss, group=0.1)
        pivoted = solve_by_newton(problem)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ConeProjector, "least_pivoted", 1000)
            patient = solve_by_newton(problem)
        assert pivoted.status == patient.status == "solved"
        assert pivoted.history[-1].objective == pytest.approx(patient.history[-1].objective, rel=2e-6)


def test_wide_samples_take_conjugate_gradients_to_the_optimum() -> None:
    problem = teacher(60, 40, 10, LOSSES["squared"], group=0.01)
    calls = []

    class Counted(Subproblem):
        expected_products = 0

        def _iterated(self, *arguments: Any) -> np.ndarray | None:
            calls.append(1)
            return super()._iterated(*arguments[:6])  # with as many products as it may take

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reludsl.backends.newton.kernel.Subproblem", Counted)
        iterated = solve_by_newton(problem)
    assert iterated.status == "solved" and calls
    assert iterated.history[-1].gap <= 1e-6


def test_where_conjugate_gradients_fail_a_system_is_factored(monkeypatch: pytest.MonkeyPatch) -> None:
    around, z = subproblem(teacher(30, 6, 40, LOSSES["squared"], group=1e-4))
    around.sigma = 20.0
    step, places = around.at(z), np.arange(len(around.at(z).active))
    assert around._ranks(step).sum() > 30  # so that there is a choice
    V, residual = np.ones(30), step.residual[:, 0]
    expected = around._separate(step, places, 0, V, residual, 1e-9)
    assert around._iterated(step, places, 0, V, residual, 1e-9, 1) is None
    around.iterates, around.expected_products = True, 0
    monkeypatch.setattr(Subproblem, "_iterated", lambda *arguments: None)
    assert around._separate(step, places, 0, V, residual, 1e-9) == pytest.approx(expected, rel=1e-7, abs=1e-12)
    assert not around.iterates


class WithoutNearness(NewtonSolve):
    """Ends subproblems whose residual is not small against the way gone."""

    def _settled(self, stepped: bool, near: bool, consistent: bool) -> bool:
        return stepped and consistent


class WithoutConsistency(NewtonSolve):
    """Ends subproblems whose loss at the fit has nothing to do with that at s."""

    def _settled(self, stepped: bool, near: bool, consistent: bool) -> bool:
        return stepped and near


def ended(kind: type[NewtonSolve], problem: PatternProblem, steps: int) -> NewtonResult:
    return kind(problem, 1e-6, steps, np.inf, None, None).run()


def test_without_nearness_a_solve_never_ends() -> None:
    problem = teacher(60, 5, 40, LOSSES["absolute"], group=0.1)
    whole = ended(NewtonSolve, problem, 1000)
    assert whole.status == "solved"
    poor = ended(WithoutNearness, problem, 3 * whole.history[-1].iteration)
    assert poor.status == "iteration limit" and poor.history[-1].gap > 1e-2


def test_without_consistency_a_solve_takes_longer() -> None:
    steps = {}
    for kind in (NewtonSolve, WithoutConsistency):
        results = [ended(kind, teacher(60, 5, 40, LOSSES["absolute"], seed, group=0.03), 3000) for seed in range(4)]
        assert all(result.status == "solved" for result in results)
        steps[kind] = sum(result.history[-1].iteration for result in results)
    assert steps[WithoutConsistency] > 1.1 * steps[NewtonSolve]


@pytest.mark.parametrize("loss", [LOSSES["logistic"], LOSSES["cross-entropy"]], ids=["logistic", "cross-entropy"])
def test_a_start_that_is_too_bold_is_taken_back(loss: SampleLoss) -> None:
    """A large step at the start leads Newton's method out of its depth: the solve shortens it and ends all the same."""
    problem = teacher(150, 8, 60, loss, group=0.1)
    solve = NewtonSolve(problem, 1e-6, 2000, np.inf, None, None)
    solve.sigma = 1e4
    result = solve.run()
    assert result.status == "solved" and result.history[-1].gap <= 1e-6


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_the_best_point_and_true_bounds_at_every_limit(loss: SampleLoss) -> None:
    """Wherever it ends: the point is the best of the history, in its cones, and the dual point proves the bound."""
    problem = teacher(40, 4, 20, loss)
    assert problem.masks is not None
    optimum = solve_by_newton(problem, tolerance=1e-8).history[-1].objective
    projector = ConeProjector(problem.X, problem.masks)
    for steps in (1, 3, 7, 15, 31):
        result = solve_by_newton(problem, max_iterations=steps)
        objective = problem.loss_value(problem.predictions(result.columns, result.offset))
        objective += problem.penalty_value(result.columns, result.offset)
        assert objective == pytest.approx(min(state.objective for state in result.history), rel=1e-9)
        assert result.history[-1].bound <= optimum * (1 + 1e-7)
        columns = result.columns.T
        inside = (columns @ projector.unit.T) * projector.sides[np.arange(len(columns)) % problem.gates.shape[1]]
        assert (inside.min(axis=1) >= -1e-9 * np.linalg.norm(columns, axis=1)).all()


# -- units ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", [2.0**-14, 2.0**14])
@pytest.mark.parametrize("what", ["targets", "inputs"])
def test_a_solve_takes_the_same_steps_in_any_units(what: str, unit: float) -> None:
    """With the targets or the inputs in other units it is the same problem; powers of 2 change no digits."""
    posed = teacher(30, 2, 20, LOSSES["squared"], group=1e-4)
    plain = solve_by_newton(posed)
    assert plain.status == "solved"
    X, Y = (posed.X, unit * posed.Y) if what == "targets" else (unit * posed.X, posed.Y)
    solved = solve_by_newton(replace(posed, X=X, Y=Y, group=unit * posed.group))
    assert [state.iteration for state in solved.history] == [state.iteration for state in plain.history]
    np.testing.assert_array_equal(solved.columns, (unit if what == "targets" else 1.0 / unit) * plain.columns)


def test_a_system_that_rounding_leaves_indefinite_is_solved() -> None:
    generator = np.random.default_rng(0)
    vectors = np.linalg.qr(generator.standard_normal((6, 6)))[0]
    values = np.array([-1.5, 0.0, 1.0, 2.0, 3.0, 4.0])  # the first one stands for rounding in a huge system
    system, right = (vectors * values) @ vectors.T, generator.standard_normal(6)
    system = 0.5 * (system + system.T)
    wanted = (vectors / (1.0 + np.maximum(values, 0.0))) @ vectors.T @ right
    np.testing.assert_allclose(solved_with_identity(system, right), wanted, rtol=1e-12)

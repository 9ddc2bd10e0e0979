"""Patterns that keep on whole sets: survival and products against CVXPY, directions against the sets' points."""

from __future__ import annotations

import runpy
from itertools import product
from pathlib import Path

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linprog
from sklearn.datasets import load_breast_cancer

from reludsl import emission
from reludsl.lowering.patterns import sample_patterns
from reludsl.lowering.robust_cones import Reach, farthest_inside, inside, surviving
from reludsl.lowering.robust_patterns import improving_patterns, robust_patterns


def gaussian(n: int = 40, d: int = 4, bias: bool = True, seed: int = 0) -> np.ndarray:
    X = np.random.default_rng(seed).standard_normal((n, d))
    return np.column_stack([X, np.ones(n)]) if bias else X


def breast_cancer(bias: bool = True) -> np.ndarray:
    X = load_breast_cancer().data
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    return np.column_stack([X, np.ones(len(X))]) if bias else X


def reach_of(kind: str, X: np.ndarray, radius: float, bias: bool = True) -> Reach:
    """Uneven radii, a box with a half-width of its own for each entry; nothing moves the bias."""
    n, d = X.shape
    moving = np.append(np.ones(d - 1), 0.0) if bias else np.ones(d)
    uneven = radius * moving * np.linspace(0.5, 1.5, d)
    match kind:
        case "box":
            return Reach(radius * moving * np.random.default_rng(5).uniform(0.2, 1.8, (n, d)))
        case "l2":
            return Reach(radii=uneven, order=2)
        case "l1":
            return Reach(radii=uneven, order=1)
        case _:
            return Reach(np.tile(0.6 * radius * moving, (n, 1)), uneven, 2)


def supports(reach: Reach, u: cp.Variable) -> cp.Expression:
    """The support functions of boxes, or of a ball, as CVXPY writes them: for each sample, or one for all."""
    if reach.half_widths is not None:
        return reach.half_widths @ cp.abs(u)
    return cp.norm(cp.multiply(reach.radii, u), 2 if reach.order == 2 else "inf")


def largest_margin(X: np.ndarray, mask: np.ndarray, reach: Reach) -> float:
    """Of the margins e_k x_kᵀu - h_k(u), relative to ‖x_k‖ + ‖extent_k‖, the largest minimum over ‖u‖ <= 1."""
    u, margin = cp.Variable(X.shape[1]), cp.Variable()
    sizes = np.linalg.norm(X, axis=1) + np.linalg.norm(reach.extents(*X.shape), axis=1)
    sided = np.where(mask, 1.0, -1.0)[:, None] * X
    rows = sided @ u - supports(reach, u) >= sizes * margin
    return float(cp.Problem(cp.Maximize(margin), [rows, cp.norm(u) <= 1]).solve(solver=cp.CLARABEL))


KINDS = ["box", "l2", "l1"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bias", [True, False])
def test_survival_and_margins_agree_with_cvxpy(kind: str, bias: bool) -> None:
    X = gaussian(bias=bias)
    masks = sample_patterns(X, 24, 1)[0]
    decided = set()
    for radius in (0.03, 0.15):
        reach = reach_of(kind, X, radius, bias)
        alive, directions = surviving(X, masks, reach)
        sizes = np.linalg.norm(X, axis=1) + np.linalg.norm(reach.extents(*X.shape), axis=1)
        for k, mask in enumerate(masks.T):
            margin = largest_margin(X, mask, reach)
            assert alive[k] == (margin > 1e-6), (radius, k, margin)
            decided.add(bool(alive[k]))
            if alive[k]:
                sided = np.where(mask, 1.0, -1.0) * (X @ directions[:, k])
                reached = ((sided - reach.of(directions[:, [k]])[:, 0]) / sizes).min()
                assert 0.98 * margin - 1e-7 <= reached <= margin + 1e-7
                assert np.linalg.norm(directions[:, k]) == pytest.approx(1)
            else:
                assert not directions[:, k].any()
    assert decided == {True, False}


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 3)), elements=st.integers(-2, 2)),
    st.sampled_from([0.0, 0.25, 0.5, 0.6]),
    st.integers(0, 100),
)
def test_ties_and_parallel_rows_are_decided_as_a_linear_program_does(X: np.ndarray, radius: float, seed: int) -> None:
    X = X[X.any(axis=1)]
    assume(len(X))
    n, d = X.shape
    masks = X @ np.random.default_rng(seed).standard_normal((d, 6)) >= 0
    alive, directions = surviving(X, masks, Reach(np.full((n, d), radius)))
    for k, mask in enumerate(masks.T):
        sided = np.where(mask, 1.0, -1.0)[:, None] * X
        rows = np.column_stack([-(sided - radius), sided + radius, np.ones(n)])
        program = linprog(np.r_[np.zeros(2 * d), -1], rows, np.zeros(n), bounds=[(0, 1)] * (2 * d) + [(None, None)])
        assert alive[k] == (-program.fun > 1e-9)
    assert (inside(X, directions, Reach(np.full((n, d), radius))) == alive).all()


def points(reach: Reach, n: int, d: int, generator: np.random.Generator) -> np.ndarray:
    """Random points of the boundaries of the sets, vertices of boxes."""
    moves = generator.standard_normal((n, d))
    if reach.radii is not None:
        moves *= reach.radii / np.linalg.norm(moves, ord=reach.order, axis=1, keepdims=True)
        if reach.half_widths is not None:
            moves = np.clip(moves, -reach.half_widths, reach.half_widths)
        return moves
    assert reach.half_widths is not None
    return np.sign(moves) * reach.half_widths


@pytest.mark.parametrize("kind", [*KINDS, "both"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("radius", [0.02, 0.1, 0.3])
def test_directions_keep_their_pattern_on_the_whole_sets(kind: str, bias: bool, radius: float) -> None:
    X = gaussian(bias=bias)
    reach = reach_of(kind, X, radius, bias)
    masks, directions, drawn, survived = robust_patterns(X, 60, 0, reach)
    assert survived <= masks.shape[1] <= 60 <= drawn
    assert len(np.unique(masks, axis=1).T) == masks.shape[1] and masks.any(axis=0).all()
    assert np.linalg.norm(directions[:, survived:], axis=0) == pytest.approx(1)
    generator = np.random.default_rng(0)
    for _ in range(200):
        assert np.array_equal((X + points(reach, *X.shape, generator)) @ directions >= 0, masks)
    margins = np.abs(X @ directions) - reach.of(directions)
    assert (margins > 0).all()  # so the directions can be gates


@pytest.mark.parametrize("kind", KINDS)
def test_moves_attain_the_support_function(kind: str) -> None:
    X = gaussian()
    reach = reach_of(kind, X, 0.1)
    U = np.random.default_rng(2).standard_normal(X.shape)
    moves = reach.farthest(np.arange(len(X)), U)
    widths = np.broadcast_to(reach.of(U.T), (len(X), len(X)))
    assert (moves * U).sum(axis=1) == pytest.approx(np.diagonal(widths))
    generator = np.random.default_rng(3)
    for _ in range(50):
        assert ((points(reach, *X.shape, generator) * U).sum(axis=1) <= np.diagonal(widths) + 1e-12).all()


@pytest.mark.parametrize("kind", [*KINDS, "both"])
def test_gradients_of_support_functions_agree_with_differences(kind: str) -> None:
    X = gaussian()
    reach = reach_of(kind, X, 0.1)
    generator = np.random.default_rng(2)
    U, weights = generator.standard_normal((X.shape[1], 3)), generator.uniform(size=(len(X), 3))
    gradient = reach.gradient(U, weights)
    for j in range(len(U)):
        step = np.zeros_like(U)
        step[j] = 1e-6
        difference = (weights * (reach.of(U + step) - reach.of(U - step))).sum(axis=0) / 2e-6
        assert gradient[j] == pytest.approx(difference, abs=1e-6)


@pytest.mark.parametrize("slope", [0.0, 0.2, -1.0])
def test_sets_of_one_point_change_nothing(slope: float) -> None:
    for X in (gaussian(), gaussian(bias=False), np.vstack([gaussian(12), np.zeros((2, 5)), gaussian(3)])):
        for reach in (Reach(), Reach(np.zeros_like(X)), Reach(radii=np.zeros(X.shape[1]), order=1)):
            masks, directions, drawn = sample_patterns(X, 30, 7, slope)
            found = robust_patterns(X, 30, 7, reach, slope)
            assert np.array_equal(found[0], masks)
            assert np.array_equal(found[1], directions)
            assert found[2:] == (drawn, masks.shape[1])


@pytest.mark.parametrize("kind", [*KINDS, "both"])
def test_what_survives_larger_sets_survives_smaller_ones(kind: str) -> None:
    X = gaussian()
    radii = [0.3, 0.1, 0.03, 0.01]
    masks = np.hstack([robust_patterns(X, 20, 0, reach_of(kind, X, radius))[0] for radius in radii])
    alive = np.array([surviving(X, masks, reach_of(kind, X, radius))[0] for radius in radii])
    assert (alive[1:] >= alive[:-1]).all()
    assert alive[-1].all() and not alive[0].all()


def test_the_search_is_deterministic_and_other_seeds_find_others() -> None:
    X = gaussian()
    reach = reach_of("box", X, 0.1)
    first, again, other = (robust_patterns(X, 40, seed, reach) for seed in (3, 3, 4))
    assert all(np.array_equal(left, right) for left, right in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_a_bias_alone_always_survives() -> None:
    X = gaussian()
    reach = reach_of("box", X, 100.0)
    masks, directions, _, survived = robust_patterns(X, 10, 0, reach)
    assert survived == 0
    assert masks.shape == (len(X), 1) and masks.all()
    assert inside(X, directions, reach).all() and directions[-1, 0] > 0.99


@pytest.mark.parametrize("kind", [*KINDS, "both"])
def test_no_survivors_are_empty_arrays(kind: str) -> None:
    X = gaussian(bias=False)
    masks, directions, drawn, survived = robust_patterns(X, 10, 0, reach_of(kind, X, 100.0, bias=False))
    assert masks.shape == (40, 0) and directions.shape == (4, 0)
    assert drawn >= 10 and survived == 0
    found = improving_patterns(X, X, reach_of(kind, X, 100.0, bias=False), 0.0, 5)
    assert [part.shape for part in found] == [(40, 0), (4, 0), (0,)]


def test_zero_samples_close_the_features_in_which_they_move() -> None:
    X = np.array([[0.0, 0.0], [1.0, 2.0], [-1.0, 1.0]])
    masks = np.array([[True, True, True], [True, True, False]]).T
    everywhere, first = np.full((3, 2), 0.1), np.array([[0.1, 0.0]] * 3)
    assert not surviving(X, masks, Reach(everywhere))[0].any()
    alive, directions = surviving(X, masks, Reach(first))
    assert alive.tolist() == [True, False]  # along the second feature the others are on one side
    assert directions[:, 0] == pytest.approx([0.0, 1.0])
    assert inside(X, directions[:, :1], Reach(first)).all()
    assert robust_patterns(X, 5, 0, Reach(everywhere))[0].shape == (3, 0)
    assert robust_patterns(X, 5, 0, Reach(first))[0].T.tolist() == [[True, True, True], [True, False, False]]


def test_zero_samples_alone() -> None:
    X = np.zeros((3, 2))
    masks = np.ones((3, 1), dtype=bool)
    assert surviving(X, masks, Reach())[0].all()
    assert not surviving(X, masks, Reach(radii=np.ones(2)))[0].any()
    assert robust_patterns(X, 5, 0, Reach())[0].shape == (3, 1)
    assert robust_patterns(X, 5, 0, Reach(radii=np.ones(2)))[0].shape == (3, 0)


def test_an_intersection_has_the_patterns_of_its_box_and_of_its_ball() -> None:
    X = gaussian()
    both = reach_of("both", X, 0.1)
    masks = sample_patterns(X, 60, 2)[0]
    alive, directions = surviving(X, masks, both)
    box, ball = (surviving(X, masks, part)[0] for part in both.parts())
    assert np.array_equal(alive, box | ball)
    assert inside(X, directions[:, alive], both).all()


def test_the_search_finds_all_patterns_of_a_line() -> None:
    """Samples on a line, with a bias: a pattern survives exactly where two neighbours are farther apart than 2ε."""
    positions = np.array([0.0, 0.1, 0.5, 0.6, 1.5, 1.55, 1.9])
    X = np.column_stack([positions, np.ones(7)])
    masks = robust_patterns(X, 100, 0, Reach(np.array([[0.1, 0.0]])))[0]
    cuts = (0.3, 1.0, 1.7)
    wanted = {tuple((side * (positions - cut) > 0).tolist()) for cut in cuts for side in (1, -1)} | {(True,) * 7}
    assert {tuple(mask.tolist()) for mask in masks.T} == wanted


@pytest.mark.parametrize(("bias", "radius", "most"), [(True, 0.03, 5), (False, 0.03, 5), (True, 0.1, 0)])
def test_far_more_are_found_than_random_directions_have(bias: bool, radius: float, most: int) -> None:
    X = breast_cancer(bias)
    half_widths = np.full((1, X.shape[1]), radius)
    half_widths[0, 30:] = 0.0
    masks, directions, _, survived = robust_patterns(X, 100, 0, Reach(half_widths))
    assert survived <= most and masks.shape[1] == 100
    assert inside(X, directions, Reach(half_widths)).all()


def test_draws_are_only_filtered() -> None:
    X = gaussian()
    reach = reach_of("box", X, 0.05)
    drawn_masks = sample_patterns(X, 50, 0, draws=True)[0]
    masks, _, drawn, survived = robust_patterns(X, 50, 0, reach, draws=True)
    assert drawn == 50 and survived == masks.shape[1]
    assert np.array_equal(masks, drawn_masks[:, surviving(X, drawn_masks, reach)[0]])


def test_opposite_patterns_are_one_for_the_absolute_value() -> None:
    X = gaussian(bias=False)
    masks = robust_patterns(X, 200, 0, reach_of("box", X, 0.1, False), slope=-1.0)[0]
    normal = masks ^ ~masks[0]
    assert len(np.unique(normal, axis=1).T) == masks.shape[1] > 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_farthest_direction_agrees_with_cvxpy(kind: str) -> None:
    X = gaussian()
    reach = reach_of(kind, X, 0.03)
    masks = robust_patterns(X, 12, 0, reach)[0]
    columns = np.random.default_rng(1).standard_normal((X.shape[1], masks.shape[1]))
    values, directions = farthest_inside(X, masks, reach, columns)
    signs = np.where(masks, 1.0, -1.0)
    assert (signs * (X @ directions) >= reach.of(directions) - 1e-12).all()
    assert (columns * directions).sum(axis=0) == pytest.approx(values)
    for k in range(masks.shape[1]):
        u = cp.Variable(X.shape[1])
        rows = (signs[:, [k]] * X) @ u >= supports(reach, u)
        best = cp.Problem(cp.Maximize(columns[:, k] @ u), [rows, cp.norm(u) <= 1]).solve(solver=cp.CLARABEL)
        assert 0.998 * best - 1e-5 <= values[k] <= best + 1e-5
    enough = float(np.median(values))
    some = farthest_inside(X, masks, reach, columns, enough)[0]
    assert np.array_equal(some > 0, values > enough)


@pytest.mark.parametrize("kind", [*KINDS, "both"])
def test_improving_patterns_hold_what_they_promise(kind: str) -> None:
    X = gaussian(60)
    Z = np.random.default_rng(1).standard_normal((60, 1)) * X
    reach = reach_of(kind, X, 0.05)
    known, inner = robust_patterns(X, 10, 0, reach)[:2]
    threshold = float(farthest_inside(X, known, reach, Z.T @ known)[0].max())
    masks, directions, values = improving_patterns(X, Z, reach, threshold, 15, starts=inner)
    assert 0 < len(values) <= 15 and (values > threshold).all() and (np.diff(values) <= 0).all()
    assert len(np.unique(masks, axis=1).T) == len(values)
    assert surviving(X, masks, reach)[0].all()
    signs = np.where(masks, 1.0, -1.0)
    assert (signs * (X @ directions) >= reach.of(directions) - 1e-12).all()
    assert np.linalg.norm(directions, axis=0) == pytest.approx(1)
    assert (masks * (Z @ directions)).sum(axis=0) == pytest.approx(values)
    assert not len(improving_patterns(X, Z, reach, np.linalg.norm(Z, axis=1).sum(), 15)[2])


@pytest.mark.parametrize("kind", [*KINDS, "both"])
def test_half_of_what_is_searched_for_promises_most(kind: str) -> None:
    X = gaussian(60)
    reach, pulls = reach_of(kind, X, 0.25), np.random.default_rng(2).choice([-1.0, 1.0], (60, 2))
    plain, _, _, survived = robust_patterns(X, 20, 0, reach)
    masks, directions, _, again = robust_patterns(X, 20, 0, reach, pulls=pulls)
    assert survived == again < 15 and masks.shape[1] == plain.shape[1] == 20
    assert np.array_equal(masks[:, :survived], plain[:, :survived])
    assert len(np.unique(masks, axis=1).T) == 20
    assert inside(X, directions, reach).all()

    def promises(masks: np.ndarray) -> np.ndarray:
        values = [
            farthest_inside(X, masks, reach, sign * (X * pull[:, None]).T @ masks)[0]
            for pull in pulls.T
            for sign in (1, -1)
        ]
        return np.max(values, axis=0)

    half = (20 - survived + 1) // 2
    assert promises(masks[:, survived : survived + half]).min() >= 0.99 * np.sort(promises(plain))[-half:].min()
    assert promises(masks).mean() > promises(plain).mean()


@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_improving_patterns_find_the_best_of_a_line(slope: float) -> None:
    """One feature and a bias: few patterns survive, and all of them are tried by hand."""
    positions = np.array([0.0, 0.1, 0.5, 0.6, 1.5, 1.55, 1.9])
    X = np.column_stack([positions, np.ones(7)])
    reach = Reach(np.array([[0.1, 0.0]]))
    Z = np.random.default_rng(3).standard_normal((7, 1)) * X
    every = np.array(list(product([False, True], repeat=7))).T
    every = every[:, surviving(X, every, reach)[0]]
    best = farthest_inside(X, every, reach, Z.T @ np.where(every, 1.0, slope))[0].max()
    values = improving_patterns(X, Z, reach, 0.0, 1, slope=slope)[2]
    assert values[0] == pytest.approx(best, rel=2e-3)


def test_the_functions_stand_alone_in_a_script(tmp_path: Path) -> None:
    functions = emission._with_what_they_call([robust_patterns, improving_patterns])
    header = "from __future__ import annotations\nfrom dataclasses import dataclass\nimport numpy as np"
    script = tmp_path / "script.py"
    script.write_text("\n\n\n".join([header, *(emission._source(function) for function in functions)]))
    space = runpy.run_path(str(script), run_name="__main__")
    X = gaussian()
    half_widths = reach_of("box", X, 0.1).half_widths
    there = space["robust_patterns"](X, 20, 0, space["Reach"](half_widths))
    here = robust_patterns(X, 20, 0, Reach(half_widths))
    assert all(np.array_equal(left, right) for left, right in zip(there, here, strict=True))

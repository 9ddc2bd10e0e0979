"""Cells: all of them, by Cover's formula, by Euler's, by another enumeration; their cones, maxima and neurons."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reludsl.cells import Cells, Incomplete, enumerate_cells, sample_rank
from reludsl.cells.arrangement import cell_signs, cut_cell, cut_cells, generator_weights, require_complete
from reludsl.cells.coordinates import cell_coordinates
from reludsl.cells.moments import cell_neurons, nonnegative_factor
from reludsl.cells.peaks import greatest_values
from reludsl.lowering.patterns import arrangement_cells, cover_count

GRID = np.array([row for row in product((-1.0, 0.0, 1.0), repeat=3) if row > (0, 0, 0)])


def random_samples(n: int, d: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


def directions(r: int, count: int, seed: int = 0) -> np.ndarray:
    found = np.random.default_rng(seed).standard_normal((count, r))
    return found / np.linalg.norm(found, axis=1)[:, None]


def weights_in(cells: Cells, u: np.ndarray) -> np.ndarray:
    """The coefficients (count, S, r) of vectors (count, r) in the generators of every cone."""
    return np.einsum("sgr,ur->usg", np.linalg.inv(np.swapaxes(cells.generators, 1, 2)), u)


def drawn_from(cells: Cells, count: int, seed: int = 0) -> np.ndarray:
    """Unit vectors (S, count, r) of every cone."""
    weights = np.random.default_rng(seed).exponential(size=(len(cells.generators), count, cells.generators.shape[1]))
    found = np.einsum("suk,skr->sur", weights, cells.generators)
    return np.asarray(found / np.linalg.norm(found, axis=2)[:, :, None])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n", "d"), [(2, 2), (7, 2), (40, 2), (3, 3), (12, 3), (20, 3), (4, 4), (5, 4), (10, 4)])
def test_in_general_position_there_are_as_many_as_cover_counts(n: int, d: int, seed: int) -> None:
    cells = enumerate_cells(random_samples(n, d, seed))
    assert cells.count == cover_count(n, d)
    assert len(cells.generators) == cells.count if d == 2 else len(cells.generators) >= cells.count
    assert len(np.unique(cells.masks, axis=1).T) == cells.count


def test_one_dimension_has_two_cells() -> None:
    cells = enumerate_cells(np.array([[2.0, -4.0], [0.0, 0.0], [-1.0, 2.0]]))
    assert cells.count == 2 and cells.basis.shape == (2, 1)
    assert sorted(map(tuple, cells.masks.T.tolist())) == [(False, False, True), (True, False, False)]


@pytest.mark.parametrize("rows", [range(13), range(0, 13, 2), (0, 1, 2, 3, 6, 9, 12)])
def test_where_many_hyperplanes_meet_they_agree_with_eulers_formula_and_another_enumeration(rows: range) -> None:
    normals = GRID[list(rows)] / np.linalg.norm(GRID[list(rows)], axis=1)[:, None]
    rays, tight, cells = cut_cells(normals)
    signs = cell_signs(normals, rays, cells)
    assert {tuple(row) for row in signs} == {tuple(row) for row in arrangement_cells(normals)}
    # V - E + F = 2 on the sphere, where a vertex of k great circles has 2k edges
    assert len(cells) == 2 + sum(bits.bit_count() - 1 for bits in tight)
    assert [bits.bit_count() for bits in tight] == (np.abs(rays @ normals.T) < 1e-9).sum(axis=1).tolist()
    require_complete(signs, tight, cells, 3)


@pytest.mark.parametrize("count", [6, 9, 12])
def test_where_many_hyperplanes_of_four_dimensions_meet_they_agree_with_another_enumeration(count: int) -> None:
    grid = np.array([row for row in product((-1.0, 0.0, 1.0), repeat=4) if row > (0, 0, 0, 0)])
    chosen = np.random.default_rng(count).choice(len(grid), count, replace=False)
    normals = grid[chosen] / np.linalg.norm(grid[chosen], axis=1)[:, None]
    rays, tight, cells = cut_cells(normals)
    signs = cell_signs(normals, rays, cells)
    assert {tuple(row) for row in signs} == {tuple(row) for row in arrangement_cells(normals)}
    assert [bits.bit_count() for bits in tight] == (np.abs(rays @ normals.T) < 1e-9).sum(axis=1).tolist()
    require_complete(signs, tight, cells, 4)


def test_the_reflections_of_the_24_cell_have_the_chambers_of_their_group() -> None:
    """The 24 mirrors of F4 cut its 1152 chambers, each simplicial and as large as any other."""
    pairs = [(i, j) for i in range(4) for j in range(i)]
    roots = [*np.eye(4), *(np.array(signs) for signs in product((1.0,), (1.0, -1.0), (1.0, -1.0), (1.0, -1.0)))]
    roots += [np.eye(4)[i] + side * np.eye(4)[j] for i, j in pairs for side in (1.0, -1.0)]
    cells = enumerate_cells(np.array(roots))
    assert cells.count == len(cells.generators) == 1152
    sizes = np.abs(np.linalg.det(cells.generators))
    np.testing.assert_allclose(sizes, sizes[0], rtol=1e-9)


@given(st.integers(0, 10**6), st.integers(4, 9), st.integers(2, 4), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_cells_of_small_whole_numbers_fill_the_space(seed: int, n: int, d: int, largest: int) -> None:
    X = np.random.default_rng(seed).integers(-largest, largest + 1, (n, d)).astype(float)
    if not 1 <= sample_rank(X) <= 4:
        return
    cells = enumerate_cells(X)
    u = directions(cells.basis.shape[1], 200, seed)
    inside = (weights_in(cells, u) >= -1e-9).all(axis=2)
    assert inside.any(axis=1).all(), "every direction lies in a cone"
    assert ((weights_in(cells, u) > 1e-9).all(axis=2).sum(axis=1) <= 1).all(), "and inside of one only"
    margins = np.einsum("nr,sur->nsu", X @ cells.basis, drawn_from(cells, 5))
    nonzero = X.any(axis=1)
    assert ((margins > 0) == cells.masks[:, :, None])[nonzero].all()


def test_rank_is_what_counts() -> None:
    plane = random_samples(9, 2, 0)
    X = np.hstack([plane, plane @ random_samples(2, 4, 1)])
    cells = enumerate_cells(X)
    assert sample_rank(X) == 2 and cells.count == 18
    np.testing.assert_allclose(X @ cells.basis @ cells.basis.T, X, atol=1e-12)


@pytest.mark.parametrize("d", [2, 3, 4])
@pytest.mark.parametrize("apart", [0.0, 1e-13, 1e-10, 9e-10])
def test_rows_that_are_nearly_parallel_are_one_and_what_that_may_change_is_bounded(apart: float, d: int) -> None:
    X = random_samples(8, d, 3)
    turned = np.linalg.norm(X[1]) * directions(d, 1, 5)[0]
    twins = np.vstack([X, 2 * X[0], -3 * X[1] + apart * turned, np.zeros(d)])
    cells = enumerate_cells(twins)
    assert cells.count == enumerate_cells(X).count
    wrong_at_most = (1 + generator_weights(cells.generators).max()) * apart * np.linalg.norm(X[1])
    assert cells.deviation[-1] == 0.0 and cells.deviation.max() <= 1e-12 + wrong_at_most * (1 + 1e-6)
    drawn = drawn_from(cells, 40)
    margins = np.einsum("nr,sur->nsu", twins @ cells.basis, drawn)
    wrong = (margins > 0) != cells.masks[:, :, None]
    assert (np.abs(margins) * wrong <= cells.deviation[:, None, None] + 1e-15).all()


@pytest.mark.parametrize("width", [1e-2, 1e-5, 1e-8])
def test_thin_cells_are_found_and_have_tame_coordinates(width: float) -> None:
    X = np.array([[1.0, 0.0], [1.0, width], [0.3, 1.0]])
    cells = enumerate_cells(X)
    assert cells.count == 6
    vectors, sides = cell_coordinates(cells.generators)
    inside = np.einsum("sxy,syr,sgr->sxg", sides, np.linalg.inv(vectors), cells.generators)
    off = inside * (1 - np.eye(2))
    assert np.abs(off).max() <= 1e-6 and inside[:, range(2), range(2)].min() > 0.1
    assert np.linalg.cond(sides).max() < 100


@pytest.mark.parametrize("d", [2, 3, 4])
def test_a_missing_cell_is_noticed(d: int) -> None:
    X = random_samples(6, d, 4)
    normals = X / np.linalg.norm(X, axis=1)[:, None]
    rays, tight, cells = cut_cells(normals)
    signs = cell_signs(normals, rays, cells)
    require_complete(signs, tight, cells, d)
    for gone in range(len(cells)):
        kept = [k for k in range(len(cells)) if k != gone]
        with pytest.raises(Incomplete):
            require_complete(signs[kept], tight, [cells[k] for k in kept], d)
    with pytest.raises(Incomplete):
        require_complete(signs[[0, *range(len(cells))]], tight, [cells[0], *cells], d)


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_unit_vectors_of_a_cone_need_no_more_weight_than_is_said(d: int) -> None:
    for seed in range(20):
        cells = enumerate_cells(random_samples(d + seed % 3 * (d > 1), d, seed))
        bounds = generator_weights(cells.generators)
        drawn = np.concatenate([drawn_from(cells, 50, seed), cells.generators], axis=1)
        weights = np.einsum("sgr,sur->sug", np.linalg.inv(np.swapaxes(cells.generators, 1, 2)), drawn)
        assert (weights.sum(axis=2) <= bounds[:, None] * (1 + 1e-9)).all()


def test_samples_that_nearly_lie_in_fewer_dimensions_are_refused() -> None:
    plane = np.column_stack([random_samples(6, 2, 0), np.zeros(6)])
    for width in (1e-7, 1e-9):
        with pytest.raises(Incomplete):
            enumerate_cells(plane + width * random_samples(6, 3, 1))
    assert enumerate_cells(plane + 1e-13 * random_samples(6, 3, 1)).count == 12


@given(st.integers(0, 10**6), st.floats(-11, -7))
@settings(max_examples=60, deadline=None)
def test_where_rounding_decides_cells_are_refused_or_fill_the_space(seed: int, exponent: float) -> None:
    generator = np.random.default_rng(seed)
    rows = GRID[generator.choice(13, generator.integers(4, 14), replace=False)]
    X = rows + 10.0**exponent * generator.standard_normal(rows.shape)
    try:
        cells = enumerate_cells(X)
    except Incomplete:
        return
    assert np.isfinite(cells.deviation).all()
    u = directions(cells.basis.shape[1], 300, seed)
    weights = weights_in(cells, u)
    inside = (weights >= -1e-6 * np.abs(weights).max(axis=2, keepdims=True)).all(axis=2)
    assert inside.any(axis=1).all()
    margins = np.einsum("nr,sur->nsu", X @ cells.basis, drawn_from(cells, 5))
    wrong = (margins > 0) != cells.masks[:, :, None]
    assert (np.abs(margins) * wrong <= cells.deviation[:, None, None] + 1e-14).all()


def test_cones_that_do_not_fill_a_cell_are_noticed() -> None:
    with pytest.raises(Incomplete):
        cut_cell([0, 1, 2, 3], [0b0011, 0b0001, 0b1100, 0b0100], 3)


def test_a_cube_is_cut_into_cones_that_have_its_volume() -> None:
    corners = np.array(list(product((-1.0, 1.0), repeat=3)))
    tight = [sum(1 << (i if x < 0 else i + 3) for i, x in enumerate(corner)) for corner in corners]
    cones = cut_cell(list(range(8)), tight, 4)
    volumes = [abs(np.linalg.det(np.column_stack([corners[cone], np.ones(4)]))) / 6 for cone in cones]
    assert sum(volumes) == pytest.approx(8.0) and min(volumes) > 0
    assert len(cones) == 6


# -- maxima -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 2, 4])
@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_no_vector_of_a_cone_exceeds_its_greatest_value_and_one_attains_it(d: int, rank: int) -> None:
    cells = enumerate_cells(random_samples(5, d, 7))
    factors = np.random.default_rng(rank).standard_normal((len(cells.generators), rank, d))
    forms = np.einsum("skx,sky->sxy", factors, factors)
    values = greatest_values(forms, cells.generators)
    u = [drawn_from(cells, 20_000 if d < 4 else 5_000), cells.generators]
    for size in range(2, d):  # on the faces too
        for face in combinations(range(d), size):
            weights = np.random.default_rng(size).dirichlet(np.ones(size), 2000)
            drawn = np.einsum("uk,skr->sur", weights, cells.generators[:, face])
            u.append(drawn / np.linalg.norm(drawn, axis=2)[:, :, None])
    u = np.concatenate(u, axis=1)
    reached = np.einsum("sux,sxy,suy->su", u, forms, u).max(axis=1)
    assert (reached <= values * (1 + 1e-12) + 1e-14).all()
    assert (reached >= values * (1 - (2e-3 if d < 4 else 2e-2)) - 1e-12).all()


@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4), st.floats(0, 3.1), st.floats(1e-6, 3.0))
@settings(max_examples=100, deadline=None)
def test_on_an_arc_the_greatest_value_is_that_of_a_search(entries: list[float], start: float, width: float) -> None:
    A = np.array(entries).reshape(2, 2)
    arc = start + np.linspace(0.0, width, 4001)
    u = np.stack([np.cos(arc), np.sin(arc)], axis=1)
    value = greatest_values((A.T @ A)[None], u[[0, -1]][None])[0]
    searched = np.einsum("ux,xy,uy->u", u, A.T @ A, u).max()
    assert searched <= value * (1 + 1e-9) + 1e-12
    assert value <= searched + np.linalg.norm(A) ** 2 * (width / 4000) ** 2 + 1e-9 * searched + 1e-12


# -- neurons ----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 6), st.floats(0.0, 0.9))
@settings(max_examples=200, deadline=None)
def test_moments_of_nonnegative_vectors_have_nonnegative_factors(seed: int, r: int, k: int, zeros: float) -> None:
    generator = np.random.default_rng(seed)
    R = generator.exponential(size=(r, k)) * (generator.uniform(size=(r, k)) >= zeros)
    found = nonnegative_factor(R @ R.T)
    assert (found >= 0).all() and found.shape[1] <= (r if r < 4 else 7)
    np.testing.assert_allclose(found @ found.T, R @ R.T, atol=1e-12 * (1 + np.trace(R @ R.T)))


def test_four_dimensions_have_moments_that_no_pivot_splits() -> None:
    """Vectors e1 + e2, e2 + e3, e3 + e4, e4 + e1 and a little of all: every pivot's elimination goes below 0."""
    circle = np.eye(4) + np.roll(np.eye(4), 1, axis=0)
    A = circle @ circle.T + 0.01
    for i in range(4):
        assert (A - np.outer(A[i], A[i]) / A[i, i]).min() < -0.1
    found = nonnegative_factor(A)
    assert (found >= 0).all()
    np.testing.assert_allclose(found @ found.T, A, atol=1e-13)


@given(st.integers(0, 10**6), st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_matrices_that_are_nonnegative_in_both_ways_have_factors_though_none_is_known(seed: int, rank: int) -> None:
    vectors = np.random.default_rng(seed).standard_normal((4, rank))
    A = vectors @ vectors.T
    scale = np.abs(A).max()
    A += max(0.0, -A.min()) * np.ones((4, 4))  # still positive semidefinite, and now nonnegative
    found = nonnegative_factor(A)
    assert (found >= 0).all()
    np.testing.assert_allclose(found @ found.T, A, atol=1e-11 * scale)


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_neurons_of_a_block_lie_in_its_cone_and_have_its_moments_at_no_more_cost(d: int) -> None:
    cells = enumerate_cells(random_samples(5, d, 1))
    vectors, sides = cell_coordinates(cells.generators)
    for k, (B, T) in enumerate(zip(vectors, sides, strict=True)):
        generator = np.random.default_rng(k)
        y = np.linalg.solve(T, generator.exponential(size=(d, 5))).T
        alpha = generator.standard_normal((5, 2))
        block = np.concatenate([alpha, y], axis=1).T @ np.concatenate([alpha, y], axis=1)
        found, weights = cell_neurons(block, T, 2)
        assert (np.linalg.solve(cells.generators[k].T, B @ found.T) >= -1e-9).all()
        np.testing.assert_allclose(found.T @ found, block[2:, 2:], atol=1e-9)
        np.testing.assert_allclose(weights.T @ found, block[:2, 2:], atol=1e-7)
        assert np.linalg.eigvalsh(block[:2, :2] - weights.T @ weights)[0] >= -1e-7

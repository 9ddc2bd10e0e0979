"""Every cell of a central arrangement of hyperplanes, with its extreme rays, and every cell cut into simplicial cones.

On a cell of the hyperplanes {u : x_kᵀu = 0} no sample changes its side. Cells are found by cutting: r independent
hyperplanes cut their space into 2^r simplicial cones, and each further one cuts the cells that it meets in two. A new
ray lies on an edge between rays of both sides, and all cells that share the edge share the ray, so every side is
decided once and the cells fill the space at every step. That none is missing is checked at the end all the same: a set
of cells is complete if and only if no crossing of a facet leads out of it, for the cells are connected by facets.

In one to four dimensions a cell is a ray, an arc, a polygon, a polytope. It is cut from one of its rays: this ray with
each cone of a facet that does not hold it. Plain NumPy and SciPy: the functions stand word for word in generated code.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import product
from operator import and_

import numpy as np
from scipy.linalg import qr


class Incomplete(Exception):
    """Rounding decided sides in ways that contradict each other, so that not every cell may have been found."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Simplicial cones that fill the space of the samples, each within one cell.

    `basis` (d, r) has orthonormal columns that span the rows of the samples, `generators` (S, r, r) the unit generators
    of each cone in its coordinates, one a row, and `masks` (n, S) says which samples are active inside. `deviation`
    (n,) bounds |x_kᵀu| for unit vectors u whose cone has sample k on the wrong side, which happens between hyperplanes
    that were taken for one, plus what the basis leaves of x_k. `count` is the number of cells.
    """

    basis: np.ndarray
    generators: np.ndarray
    masks: np.ndarray
    deviation: np.ndarray
    count: int


def sample_rank(X: np.ndarray) -> int:
    """The dimension of the cells of samples X (n, d): the rank of their directions, up to 1e-10 of the greatest."""
    return len(row_space(X))


def enumerate_cells(X: np.ndarray) -> Cells:
    """The cells of samples X (n, d) of rank 1 to 4. Raises Incomplete."""
    lengths = np.linalg.norm(X, axis=1)
    space = row_space(X)
    reduced = X @ space.T
    unit = np.divide(
        reduced, np.linalg.norm(reduced, axis=1)[:, None], out=np.zeros_like(reduced), where=nonzero_rows(X)
    )
    group, orientation, chosen = hyperplanes(unit)
    normals = unit[chosen]
    rays, tight, cells = cut_cells(normals)
    signs = cell_signs(normals, rays, cells)
    require_complete(signs, tight, cells, normals.shape[1])
    cut = [cut_cell(cell, tight, len(space)) for cell in cells]
    owners = np.repeat(np.arange(len(cells)), [len(cones) for cones in cut])
    generators = rays[np.array([cone for cones in cut for cone in cones])]
    sides = np.zeros((len(X), len(owners)))
    nonzero = group >= 0
    sides[nonzero] = signs[owners].T[group[nonzero]] * orientation[nonzero, None]
    apart = np.linalg.norm(unit - orientation[:, None] * normals[group], axis=1)
    outside = np.zeros(len(X))
    for part in np.array_split(np.arange(len(generators)), max(1, generators.size // 100_000)):
        reach = generator_weights(generators[part])
        wrong = np.maximum(-np.einsum("nr,sgr->nsg", unit, generators[part]) * sides[:, part, None], 0.0).max(axis=2)
        outside = np.maximum(outside, (wrong * reach).max(axis=1, initial=0.0))
    missed = np.linalg.norm(X - reduced @ space, axis=1)
    deviation = np.where(nonzero, lengths * (apart + outside) + missed, 0.0)
    return Cells(space.T, generators, sides > 0, deviation, len(cells))


def generator_weights(generators: np.ndarray) -> np.ndarray:
    """Bounds (S,) on the sums of weights with which unit vectors of cones are combined of generators (S, r, r).

    A vector w with w·g ≥ 1 for all generators g makes that sum at most ‖w‖: the mean of the generators will do where it
    lies within a right angle of each, and the normal of the plane through their ends always. Raises Incomplete for a
    cone that is flat and wider than that.
    """
    centre = generators.sum(axis=1)
    least = np.einsum("sgr,sr->sg", generators, centre).min(axis=1)
    narrow = least > 0
    bounds = np.full(len(generators), np.inf)
    bounds[narrow] = np.linalg.norm(centre[narrow], axis=1) / least[narrow]
    wide = ~narrow & (np.abs(np.linalg.det(generators)) > 1e-9)
    normals = np.linalg.solve(generators[wide], np.ones((int(wide.sum()), generators.shape[1], 1)))
    bounds[wide] = np.linalg.norm(normals[:, :, 0], axis=1)
    if not np.isfinite(bounds).all():
        raise Incomplete("a cell is nearly a half space")
    return bounds


def nonzero_rows(X: np.ndarray) -> np.ndarray:
    """Which rows are not zero, as a column."""
    return np.asarray(np.linalg.norm(X, axis=1) > 0)[:, None]


def row_space(X: np.ndarray) -> np.ndarray:
    """An orthonormal basis (r, d) of the directions of the rows, of which zeros have none."""
    lengths = np.linalg.norm(X, axis=1)
    unit = X[lengths > 0] / lengths[lengths > 0, None]
    if not len(unit):
        return np.zeros((0, X.shape[1]))
    singular_values, basis = np.linalg.svd(unit, full_matrices=False)[1:]
    found: np.ndarray = basis[singular_values > 1e-10 * singular_values[0]]
    return found


def hyperplanes(unit: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """The distinct hyperplanes of unit normals (n, r), which are zeros where a sample has none.

    For every row the hyperplane, -1 without one, and its orientation, +1 or -1; and the row that stands for each. Unit
    normals within 1e-9 share a hyperplane.
    """
    group, orientation = np.full(len(unit), -1), np.ones(len(unit))
    chosen: list[int] = []
    for k in np.flatnonzero(unit.any(axis=1)):
        for side in (1.0, -1.0):
            near = np.flatnonzero(np.linalg.norm(unit[chosen] - side * unit[k], axis=1) <= 1e-9)
            if len(near):
                group[k], orientation[k] = near[0], side
                break
        else:
            group[k] = len(chosen)
            chosen.append(int(k))
    return group, orientation, chosen


def cut_cells(normals: np.ndarray) -> tuple[np.ndarray, list[int], list[list[int]]]:
    """The cells of hyperplanes with unit normals (m, r) that span their space, no two of them parallel.

    Unit rays (R, r); for each the hyperplanes that it lies on, within 1e-9, as the bits of a number; and the rays of
    each cell. Raises Incomplete where the normals nearly lie in fewer dimensions.
    """
    r = normals.shape[1]
    triangle, order = qr(normals.T, mode="r", pivoting=True)
    if abs(triangle[r - 1, r - 1]) < 1e-6:
        raise Incomplete("the samples nearly lie in fewer dimensions")
    first = order[:r]
    axes = np.linalg.inv(normals[first]).T  # each lies on all of the first hyperplanes but one
    axes /= np.linalg.norm(axes, axis=1)[:, None]
    rays = [*axes, *-axes]
    tight = [sum(1 << int(k) for k in first if k != own) for own in (*first, *first)]
    cells = [[j if side > 0 else j + r for j, side in enumerate(sides)] for sides in product((1, -1), repeat=r)]
    for k in order[r:]:
        values = np.array(rays) @ normals[k]
        sides = np.where(np.abs(values) <= 1e-9, 0, np.sign(values)).astype(int)
        for ray in np.flatnonzero(sides == 0):
            tight[ray] |= 1 << int(k)
        starts = np.cumsum([0, *(len(cell) for cell in cells[:-1])])
        of_cells = sides[np.concatenate(cells)]
        lowest, highest = np.minimum.reduceat(of_cells, starts), np.maximum.reduceat(of_cells, starts)
        born: dict[tuple[int, int], int] = {}
        kept: list[list[int]] = []
        for cell, cut in zip(cells, (lowest < 0) & (highest > 0), strict=True):
            if not cut:
                kept.append(cell)
                continue
            above, below = [ray for ray in cell if sides[ray] > 0], [ray for ray in cell if sides[ray] < 0]
            on = [ray for ray in cell if sides[ray] == 0]
            for p, q in product(above, below):
                common = tight[p] & tight[q]
                if any(common & tight[ray] == common for ray in cell if ray not in (p, q)):
                    continue  # no edge
                if (p, q) not in born:
                    born[p, q] = len(rays)
                    ray = values[p] * rays[q] - values[q] * rays[p]
                    rays.append(ray / np.linalg.norm(ray))
                    tight.append(common | 1 << int(k))
                on.append(born[p, q])
            kept += [above + on, below + on]
        cells = kept
    return np.array(rays), tight, cells


def cell_signs(normals: np.ndarray, rays: np.ndarray, cells: list[list[int]]) -> np.ndarray:
    """The sides (cells, m), +1 or -1, on which cells lie of hyperplanes with normals (m, r)."""
    centres = np.array([rays[cell].sum(axis=0) for cell in cells])
    return np.where(centres @ normals.T > 0, 1, -1).astype(np.int8)


def require_complete(signs: np.ndarray, tight: list[int], cells: list[list[int]], rank: int) -> None:
    """Raises Incomplete unless cells differ in their signs, and those beyond all facets are there too."""
    known = {row.tobytes() for row in signs}
    if len(known) < len(cells):
        raise Incomplete("two cells have the same side of every hyperplane")
    for row, cell in zip(signs, cells, strict=True):
        facets = 0
        for k in range(signs.shape[1]):
            if sum(tight[ray] >> k & 1 for ray in cell) < rank - 1:
                continue
            facets += 1
            beyond = row.copy()
            beyond[k] = -beyond[k]
            if beyond.tobytes() not in known:
                raise Incomplete("no cell lies beyond a facet of another")
        if facets < rank or (rank < 4 and facets != len(cell)):
            raise Incomplete("a cell has not as many facets as rays")


def cut_cell(rays: list[int], tight: list[int], rank: int) -> list[list[int]]:
    """The rays of the simplicial cones of a cell with these rays.

    Raises Incomplete unless every face of a cone either lies on a hyperplane or is shared with one other cone.
    """
    cones = cut_face(rays, tight, rank)
    faces: dict[frozenset[int], int] = {}
    for cone in cones:
        for gone in cone:
            face = frozenset(cone) - {gone}
            faces[face] = faces.get(face, 0) + 1
    for face, count in faces.items():
        if face and count != (1 if reduce(and_, (tight[ray] for ray in face)) else 2):
            raise Incomplete("the cones of a cell do not fill it")
    return cones


def cut_face(rays: list[int], tight: list[int], dimension: int) -> list[list[int]]:
    """The rays of simplicial cones that fill a face of a cell, from the ray from which they are fewest.

    Hyperplanes that hold as many of its rays as its dimension less one, and not all, hold a facet of it, up to
    dimension 4: a face of dimension 2 has two rays.
    """
    if len(rays) == dimension:
        return [rays]
    hyperplanes = range(max(tight[ray] for ray in rays).bit_length())
    parts = {tuple(ray for ray in rays if tight[ray] >> k & 1) for k in hyperplanes}
    facets = sorted(part for part in parts if dimension - 1 <= len(part) < len(rays))
    first = min(rays, key=lambda ray: sum(len(facet) - dimension + 2 for facet in facets if ray not in facet))
    return [
        [first, *cone] for facet in facets if first not in facet for cone in cut_face(list(facet), tight, dimension - 1)
    ]

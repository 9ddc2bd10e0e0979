"""The Newton system of a robust pattern program, and all variables that stand around it.

Columns u with local variables t of the cones' spreads and τ of the norms, and samples with local variables T of the
spreads and e of the losses (see `robust.py`). The system is that of the net columns v − w of the patterns that are
left; everything else is eliminated by hand, in ways that lose few digits where a column is free to go in some
directions and pressed against its cone in others. Plain NumPy and SciPy: the classes stand word for word in scripts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.linalg.lapack import dtrtrs

from reludsl.backends.newton.robust_loss import DistancePart, MarginPart
from reludsl.cones.interior import Nonnegative, SecondOrder
from reludsl.cones.robust import ColumnSystem, RobustRows
from reludsl.cones.spread import BallSpread, BoxSpread


@dataclass
class Point:
    """The variables of some columns and of all samples, or forces on them, or changes."""

    u: np.ndarray
    t: np.ndarray
    tau: np.ndarray
    T: np.ndarray
    e: np.ndarray

    def plus(self, change: Point, step: float = 1.0) -> Point:
        """The point after so much of a change."""
        return Point(*(a + step * b for a, b in zip(vars(self).values(), vars(change).values(), strict=True)))


@dataclass
class Setting:
    """A problem with some of its columns: samples with weight X (n, d), their gates (n, P), spread and loss.

    The columns have `patterns` and `signs` (m,), their cones `rows` and `column_spread`; `norm` is that of the penalty,
    which costs `group`.
    """

    X: np.ndarray
    gates: np.ndarray
    spread: BoxSpread | BallSpread
    loss: MarginPart | DistancePart
    group: float
    column_spread: BoxSpread | BallSpread
    norm: BallSpread
    rows: RobustRows
    patterns: np.ndarray
    signs: np.ndarray

    @property
    def kinds(self) -> tuple[Any, ...]:
        """The classes of cones: for rows, spreads and norms of columns, spreads and losses of samples."""
        return Nonnegative, self.column_spread.cone, SecondOrder, self.spread.cone, Nonnegative

    def slopes(self, u: np.ndarray) -> np.ndarray:
        """C (n, d) of columns, or of changes of them."""
        net = np.zeros((self.gates.shape[1], u.shape[1]))
        np.add.at(net, self.patterns, self.signs[:, None] * u)
        return np.asarray(self.gates @ net)

    def predictions(self, point: Point) -> tuple[np.ndarray, np.ndarray]:
        """f and h (n,)."""
        f = np.einsum("nd,nd->n", self.X, self.slopes(point.u))
        return f, (self.spread.rows * point.T).sum(axis=1)

    def slacks(self, point: Point) -> list[np.ndarray]:
        """The slacks of all cones."""
        return [*self.changes(point)[0][:4], self.loss.slacks(*self.predictions(point), point.e)]

    def changes(self, change: Point) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """How slacks change, and f and h."""
        C = self.slopes(change.u)
        df, dh = np.einsum("nd,nd->n", self.X, C), (self.spread.rows * change.T).sum(axis=1)
        slacks = [
            self.rows.slacks(change.u, change.t),
            self.column_spread.slacks(change.u, change.t),
            self.norm.slacks(change.u, change.tau),
            self.spread.slacks(C, change.T),
            self.loss.changes(df, dh, change.e),
        ]
        return slacks, df, dh


class RobustSystem:
    """The Newton system at a point and its scaling, factored, and directions from it."""

    def __init__(self, setting: Setting, point: Point, scaled: list[Any]) -> None:
        self.setting, self.point, self.scaled = setting, point, scaled
        spread, X, gates, rows = setting.spread, setting.X, setting.gates, setting.rows
        d = X.shape[1]
        # The columns, with t and τ eliminated.
        self.system = ColumnSystem(rows, scaled[0], scaled[1])
        self.norms = setting.norm.reduced(scaled[2])
        assert self.norms.low is not None and self.norms.weight is not None
        hessians = self.system.hessians
        hessians[:, range(d), range(d)] += self.norms.diagonal
        hessians += (self.norms.weight[:, None] * self.norms.low)[:, :, None] * self.norms.low[:, None, :]
        hessians[:, range(d), range(d)] *= 1.0 + 1e-14
        self.factors = factored(hessians)
        # The samples, with e and T eliminated: S = diagonal + low rank in the slopes.
        part = spread.reduced(scaled[3])
        self.part = part
        self.f, self.h = setting.predictions(point)
        setting.loss.eliminate(self.f, self.h, point.e, scaled[4])
        ff, fh, hh, determinant = setting.loss.form
        self.kappa = (spread.rows**2 / part.stiffness).sum(axis=1)
        self.give = 1.0 + self.kappa * hh
        self.bent = spread.tilted_back(part, np.broadcast_to(spread.rows, part.stiffness.shape))  # h = bent·C + rest
        ff, fh = (ff + self.kappa * determinant) / self.give, fh / self.give
        terms = [(X + np.divide(fh, ff, out=np.zeros_like(ff), where=ff > 0)[:, None] * self.bent, ff)]
        second = np.divide(determinant / self.give, ff, out=np.zeros_like(ff), where=ff > 0)
        if second.any():
            terms.append((self.bent, second))
        if part.low is not None and part.weight is not None:
            terms.append((part.low, part.weight))
        # The patterns that are left.
        self.used, self.places = np.unique(setting.patterns, return_inverse=True)
        self.blocks = self._parallel(hessians)
        self.gates, self.signs, self.terms = gates[:, self.used], setting.signs, terms
        self.factor = cho_factor(self._matrix(terms), lower=True, overwrite_a=True, check_finite=True)

    def _parallel(self, hessians: np.ndarray) -> np.ndarray:
        """A_i = (Σ B_j⁻¹)⁻¹ of every pattern: B where it has one column, otherwise L (I + YᵀY)⁻¹ Lᵀ, B = L Lᵀ.

        With the other column's L' that is Y = L'⁻¹ L. So small eigenvalues, which belong to where a column is free to
        go, keep their digits beside large ones. L is that of the smaller B.
        """
        sizes = np.einsum("mdd->m", hessians)
        order = np.lexsort((sizes, self.places))
        self.first = order[np.unique(self.places[order], return_index=True)[1]]
        self.second = np.setdiff1d(order, self.first)
        self.pairs = self.places[self.second]
        self.sums = factored(hessians[self.first[self.pairs]] + hessians[self.second])
        blocks, L = hessians[self.first], self.factors[self.first[self.pairs]]
        self.Y, self.inner, self.roots = np.empty_like(L), np.empty_like(L), np.empty_like(L)
        for place, j in enumerate(self.second):
            Y = lower_solved(self.factors[j], L[place])
            inner = np.linalg.cholesky(np.eye(len(Y)) + Y.T @ Y)
            root = lower_solved(inner, L[place].T)
            self.Y[place], self.inner[place], self.roots[place] = Y, inner, root
            blocks[self.pairs[place]] = root.T @ root
        return blocks

    def _columns(self, net: np.ndarray, gu: np.ndarray) -> np.ndarray:
        """The columns (m, d) of net columns (patterns, d) under their own forces.

        A column alone is the net one. Two share what is not net as their own forces tell: those of samples cancel. So
        the samples see the net columns that they were solved for, to the last digit.
        """
        signed = self.signs[self.first, None] * net
        columns = np.zeros_like(gu)
        columns[self.first] = signed
        for place, pattern in enumerate(self.pairs):
            i, j = self.first[pattern], self.second[place]
            L = self.sums[place]
            pull = gu[i] + gu[j] - self.system.hessians[i] @ signed[pattern]
            columns[j] = lower_solved(L, lower_solved(L, pull), True)
            columns[i] += columns[j]
        return columns

    def _combined(self, gu: np.ndarray) -> np.ndarray:
        """A_i Σ ± B_j⁻¹ times forces (m, d), without large numbers that cancel: (patterns, d)."""
        signed = self.signs[:, None] * gu
        total = signed[self.first]
        for place, pattern in enumerate(self.pairs):
            j = self.second[place]
            mine = lower_solved(self.factors[self.first[pattern]], total[pattern])
            mine += self.Y[place].T @ lower_solved(self.factors[j], signed[j])
            total[pattern] = self.roots[place].T @ lower_solved(self.inner[place], mine)
        return np.asarray(total)

    def _matrix(self, terms: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """The system of the net columns."""
        (n, p), d = self.gates.shape, self.setting.X.shape[1]
        matrix = np.zeros((p * d, p * d))
        for vectors, weights in terms:
            scaled = np.sqrt(np.abs(weights))[:, None] * vectors
            R = (self.gates[:, :, None] * scaled[:, None, :]).reshape(n, p * d)
            if np.all(weights >= 0):
                matrix += R.T @ R
            else:
                matrix -= R.T @ R
        view = matrix.reshape(p, d, p, d)
        places = np.arange(d)
        for pattern in range(p):
            diagonals = (self.gates[:, [pattern]] * self.gates).T @ self.part.diagonal
            view[pattern, places, :, places] += diagonals.T
            view[pattern, :, pattern, :] += self.blocks[pattern]
        return matrix

    def direction(self, targets: list[np.ndarray]) -> tuple[Point, list[np.ndarray]]:
        """The change of all variables and of their slacks for the targets q of all cones.

        The elimination loses digits where columns are long in one direction and pressed against their cones in others:
        what is left of the equations is solved for once more, in the variables before the elimination.
        """
        change = before = self._solved(self._forces(targets))
        last = np.inf
        for _ in range(4):
            left = self._left(targets, change)
            size = float(np.abs(left.u).max())
            change = change if size <= last else before
            if size <= 1e-9 * self.setting.group or size > 0.5 * last:
                break
            last, before, change = size, change, change.plus(self._solved(left))
        return change, self.setting.changes(change)[0]

    def _forces(self, multipliers: list[np.ndarray]) -> Point:
        """What multipliers and the objective do to all variables."""
        setting, d = self.setting, self.setting.X.shape[1]
        back, gt = setting.column_spread.adjoint(multipliers[1], d)
        gt = gt - setting.rows.weights(multipliers[0])
        gu = setting.rows.combined(multipliers[0]) + back
        back, gtau = setting.norm.adjoint(multipliers[2], d)
        gC, gT = setting.spread.adjoint(multipliers[3], d)
        pushed, pulled = setting.loss.adjoint(multipliers[4]), setting.loss.pull(self.f, self.h, self.point.e)
        gf, gh, ge = (a + b for a, b in zip(pushed, pulled, strict=True))
        gC = gC + gf[:, None] * setting.X
        gu = gu + back + self._on_columns(gC)
        return Point(gu, gt, gtau - setting.group, gT + gh[:, None] * setting.spread.rows, ge)

    def _on_columns(self, gC: np.ndarray) -> np.ndarray:
        """What forces on the slopes of samples do to the columns."""
        return np.asarray(self.signs[:, None] * (self.gates.T @ gC)[self.places])

    def _left(self, targets: list[np.ndarray], change: Point) -> Point:
        """The forces that a change leaves."""
        setting = self.setting
        ds, df, dh = setting.changes(change)
        left = self._forces([q - part.scaled(s) for q, part, s in zip(targets, self.scaled, ds, strict=True)])
        gf, gh, ge = setting.loss.bend(df, dh, change.e)
        gu = left.u - self._on_columns(gf[:, None] * setting.X)
        return Point(gu, left.t, left.tau, left.T - gh[:, None] * setting.spread.rows, left.e - ge)

    def _solved(self, force: Point) -> Point:
        """How all variables move by forces on them: by elimination."""
        setting, spread, part = self.setting, self.setting.spread, self.part
        N = spread.rows
        gu = force.u + setting.norm.tilted_back(self.norms, force.tau)
        rf, rh = setting.loss.force(np.zeros_like(self.f), np.zeros_like(self.h), force.e)
        _, fh, hh, _ = setting.loss.form
        rest = (N * force.T / part.stiffness).sum(axis=1)
        on_f = (rf + self.kappa * (hh * rf - fh * rh) - fh * rest) / self.give
        on_h = (rh - hh * rest) / self.give
        gC = spread.tilted_back(part, force.T) + on_f[:, None] * setting.X + on_h[:, None] * self.bent
        gu = self.system.force(gu, force.t) + self._on_columns(gC)
        # The net columns, and from them everything.
        right = self._combined(gu)
        net = cho_solve(self.factor, right.ravel(), check_finite=False).reshape(right.shape)
        dC = self.gates @ net
        du = self._columns(net, gu)
        df = np.einsum("nd,nd->n", setting.X, dC)
        dh = np.einsum("nd,nd->n", self.bent, dC) + rest
        pull = (rh - fh * df - hh * dh) / self.give
        dh = dh + self.kappa * pull
        dT = spread.tilted(part, dC) + (force.T + pull[:, None] * N) / part.stiffness
        dtau = setting.norm.tilted(self.norms, du) + force.tau / self.norms.stiffness
        return Point(du, self.system.locals(du, force.t), dtau, dT, setting.loss.locals(df, dh, force.e))


def factored(matrices: np.ndarray) -> np.ndarray:
    """Cholesky factors of positive definite matrices (m, d, d).

    Those that rounding has left without one are made stiffer, in place, as little as it takes. `direction` solves for
    what that leaves once more.
    """
    factors = np.empty_like(matrices)
    for place, matrix in enumerate(matrices):
        largest = matrix.diagonal().max()
        for share in (1e-15, 1e-14, 1e-13, 1e-12, 1e-11):
            try:
                factors[place] = np.linalg.cholesky(matrix)
                break
            except LinAlgError:
                matrix[np.diag_indices_from(matrix)] += share * largest
        else:
            raise LinAlgError("there is a column whose matrix is not positive definite")
    return factors


def lower_solved(L: np.ndarray, b: np.ndarray, transposed: bool = False) -> np.ndarray:
    """L⁻¹ b for a lower triangular matrix in C order, or L⁻ᵀ b."""
    return np.asarray(dtrtrs(L.T, b, lower=0, trans=0 if transposed else 1)[0])

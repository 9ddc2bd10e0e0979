"""Douglas-Rachford splitting for the semidefinite relaxation, in coordinates that are an isometry. Plain NumPy, SciPy.

For each piece of the relaxation a symmetric q over (products, outputs) goes back and forth between two sets:

    x = P Π₊(Pᵀ q P − C/ρ) Pᵀ        matrices without negative eigenvalues in the range of P, with what they cost
    y = prox(2x − q)                  products nonnegative, those of pairs zero, predictions near the targets
    q ← q + relaxation · (y − x)

P has orthonormal columns, so each is one eigendecomposition of order lines + rank + outputs, or entrywise. What a
sample's predictions are made of is there once for each sample, a line's samples sharing its length, so that P is an
isometry still: a loss sees a sample's copies in one direction, and its proximal operator is what is needed of it.
Output biases are copies for each sample, too, which x makes equal. Both sides tell a dual point, ρ (y − (2x − q)) for
the products and minus the slope of the losses for the predictions, from which every check makes a true lower bound
(`relaxation/bound.py`). The steps are accelerated by Anderson extrapolation (type II), which is taken back when the
residual grows; ρ follows the ratio of the residuals.

The objective of an iterate is no bound: its products may be a little negative, and what that gains is large where
samples are nearly on a line. What it gains at most is known, by the multipliers: an end counts it to the gap.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, eigh

from reludsl.ir.pattern_problem import PatternProblem, best_over_shares
from reludsl.relaxation.bound import relaxation_price
from reludsl.relaxation.coordinates import Coordinates, coordinates


@dataclass(frozen=True)
class SplittingSettings:
    """When to end, and how to go there.

    `tolerance` is on the gap between objective and bound, relative to the objective, and with what violations gain at
    the prices of the multipliers; products may be negative by a tenth of it, relative to the largest. `memory` is how
    many steps the extrapolation looks back to, 0 for none.
    """

    tolerance: float = 1e-5
    max_iterations: int = 20_000
    rho: float = 100.0
    relaxation: float = 1.6
    memory: int = 15
    every: int = 50


@dataclass(frozen=True)
class SplittingState:
    """A moment of a solve, in the units of the sum of the losses."""

    iteration: int
    objective: float
    bound: float
    primal: float
    dual: float
    violation: float
    gained: float
    rank: int
    seconds: float


@dataclass(frozen=True, eq=False)
class SplittingResult:
    """`status` is "solved", "interrupted", "time limit" or "iteration limit".

    `moments` are the matrices Z of the pieces (outputs + order, outputs + order), outputs first, in the units of
    `relaxation_arrays`; `offset` (c,) are the output biases. `Lam` (n, c) and `S` are the dual point of the best bound.
    """

    status: str
    moments: tuple[np.ndarray, ...]
    offset: np.ndarray
    Lam: np.ndarray
    S: tuple[np.ndarray, ...]
    bound: float
    history: tuple[SplittingState, ...]


def target_size(coordinates: Coordinates, Y: np.ndarray) -> float:
    """κ, the norm of the targets Y (n, c) that neurons can change, 1 where that is 0."""
    kappa = float(np.linalg.norm(Y[coordinates.line >= 0]))
    return kappa if kappa > 0 else 1.0


class Pieces:
    """The flat vector of all symmetric q of K pieces, as views: products (p, p), those of samples by outputs, outputs.

    The last view are the output biases of the samples, as many as `biased`.
    """

    def __init__(self, products: int, samples: int, outputs: int, pieces: int, biased: int) -> None:
        self.shapes = [
            (pieces, products, products),
            (pieces, samples, 2, outputs),
            (pieces, outputs, outputs),
            (biased, outputs),
        ]
        self.ends = np.cumsum([0] + [int(np.prod(shape)) for shape in self.shapes]).tolist()
        self.places = [slice(*ends) for ends in zip(self.ends[:-1], self.ends[1:], strict=True)]

    def views(self, q: np.ndarray) -> list[np.ndarray]:
        return [q[place].reshape(shape) for place, shape in zip(self.places, self.shapes, strict=True)]

    def norm(self, q: np.ndarray) -> float:
        """Of the symmetric matrices: entries of products by outputs are there twice, biases once."""
        outer = q[self.ends[1] : self.ends[2]]
        return float(np.sqrt(q @ q + outer @ outer))


class Extrapolation:
    """Anderson's, type II: the combination of the last steps whose residuals nearly cancel.

    `points` and `residuals` (memory + 1, size) are written in turn, the oldest first; `place` is where the next goes.
    """

    def __init__(self, memory: int, size: int) -> None:
        self.points, self.residuals = np.empty((memory + 1, size)), np.empty((memory + 1, size))
        self.clear()

    def clear(self) -> None:
        self.count = self.place = 0

    def step(self, q: np.ndarray) -> np.ndarray:
        """The plain step from q, whose residual stands at `place`; remembers both."""
        step: np.ndarray = np.add(q, self.residuals[self.place], out=self.points[self.place])
        self.place = (self.place + 1) % len(self.points)
        self.count = min(self.count + 1, len(self.points))
        return step

    def extended(self) -> np.ndarray | None:
        """The extrapolated step, if there is one."""
        if self.count < 3:
            return None
        order = (self.place + np.arange(-self.count, 0)) % len(self.points)  # in time
        residuals = self.residuals[: self.count]
        gram = (residuals @ residuals.T)[np.ix_(order, order)]
        right = np.diff(gram[:, -1])
        gram = np.diff(np.diff(gram, axis=0), axis=1)  # of what residuals differ by
        gram += 1e-10 * np.trace(gram) * np.eye(len(gram))
        if not np.isfinite(gram).all() or not gram.any():
            return None
        weights = np.linalg.solve(gram, right)
        if not np.abs(weights).max() < 1e4:
            return None
        shares = np.empty(self.count)  # of the points themselves
        shares[order] = np.diff(np.concatenate([[0.0], weights, [1.0]]))
        return np.asarray(shares @ self.points[: self.count])


def positive_factor(M: np.ndarray, expected: int) -> np.ndarray:
    """F with FFᵀ the part of M (k, k) with positive eigenvalues, of which about as many as `expected` are there.

    Only the lower triangle of M is read. Where few are expected, they are found by themselves.
    """
    if 8 * expected < len(M):
        try:
            values, vectors = eigh(M, lower=True, check_finite=False, driver="evr", subset_by_value=(0.0, np.inf))
            return np.asarray(vectors * np.sqrt(values))
        except LinAlgError:
            pass
    values, vectors = eigh(M, lower=True, check_finite=False, overwrite_a=True, driver="evd")
    positive = values > 0
    return np.asarray(vectors[:, positive] * np.sqrt(values[positive]))


class SplittingSolve:
    """One solve. `monitor` is told of every check and ends the solve by returning True."""

    def __init__(
        self,
        coordinates: Coordinates,
        problem: PatternProblem,
        settings: SplittingSettings,
        time_limit: float = float("inf"),
        monitor: Callable[[SplittingState], bool] = lambda state: False,
    ) -> None:
        self.at, self.problem, self.settings = coordinates, problem, settings
        self.time_limit, self.monitor = time_limit, monitor
        Y, at = problem.Y, coordinates
        self.kappa, self.chi = target_size(at, Y), at.scale
        self.count, self.outputs = len(at.signs), Y.shape[1]
        self.samples = np.flatnonzero(at.line >= 0)
        self.of = at.line[self.samples]
        self.pieces = Pieces(at.products, len(self.samples), self.outputs, self.count, len(Y) if problem.offset else 0)
        self.unit = problem.group * self.kappa / self.chi  # of the objective
        sharing = np.bincount(self.of, minlength=len(at.Q))
        lifted = np.ones(len(at.Q))
        lifted[at.split] = np.sqrt(2.0)
        self.share = (1.0 / np.sqrt(np.maximum(sharing, 1)) / lifted)[self.of][:, None, None]
        self.lift = lifted[self.of][:, None, None]
        self.gains = np.zeros((len(Y), 2))  # what the copies of a sample are worth to its predictions
        self.gains[self.samples] = at.gains[self.samples] * np.sqrt(sharing[self.of])[:, None]
        self.live = [(at.sides(np.ones((at.products, 1)), piece) > 0)[self.of] for piece in range(self.count)]
        self.cost = np.concatenate([np.zeros(len(at.whole)), self.chi**2 / at.sizes**2, np.full(self.outputs, 0.5)])

    def copies(self, rows: np.ndarray, piece: int) -> np.ndarray:
        """(samples, 2, p) from the products (products, p) of a piece: an isometry."""
        return np.asarray(self.share * self.at.sides(rows, piece)[self.of])

    def of_copies(self, copies: np.ndarray, piece: int) -> np.ndarray:
        """The transpose of `copies`."""
        both = np.zeros((len(self.at.Q), 2, copies.shape[2]))
        np.add.at(both, self.of, self.share * copies)
        return self.at.products_of(both, piece)

    def made(self, q: np.ndarray) -> np.ndarray:
        """The predictions (n, c) that the copies make."""
        _, outer, _, biases = self.pieces.views(q)
        found = np.zeros(self.problem.Y.shape)
        found[self.samples] = np.einsum("ng,ngc->nc", self.gains[self.samples], self.lift * outer.sum(axis=0))
        return self.kappa * (found + biases if len(biases) else found)

    def run(self) -> SplittingResult:
        settings, started = self.settings, time.perf_counter()
        q, rho = np.zeros(int(self.pieces.ends[-1])), settings.rho
        x, y = np.empty_like(q), np.empty_like(q)
        factors: tuple[np.ndarray, ...] = ()
        extrapolation = Extrapolation(settings.memory, len(q))
        history: list[SplittingState] = []
        best, kept = -np.inf, (self.problem.Y, tuple(np.zeros((self.at.products,) * 2) for _ in range(self.count)))
        plain: np.ndarray | None = None
        before: np.ndarray | None = None
        size, changed, iteration, status = np.inf, 0, 0, ""
        while not status:
            iteration += 1
            factors = self.step(q, rho, x, y, factors)
            residual = np.subtract(y, x, out=extrapolation.residuals[extrapolation.place])
            length = self.pieces.norm(residual)
            if plain is not None and not length <= 2.0 * size:
                q, plain, before = plain, None, None
                extrapolation.clear()
                continue
            ratio = 1.0
            seconds = time.perf_counter() - started
            due = iteration % settings.every == 0 or iteration >= settings.max_iterations or seconds > self.time_limit
            if due:
                primal = length / max(self.pieces.norm(x), 1e-300)
                dual = 0.0
                if before is not None:
                    dual = self.pieces.norm(y - before) / max(self.pieces.norm(q - x), 1e-300)
                Lam, S = self.dual_point(q, x, y, rho)
                bound = self.bound(Lam, S)
                if bound > best:
                    best, kept = bound, (Lam, S)
                state = SplittingState(
                    iteration,
                    self.objective(x, factors),
                    best,
                    primal,
                    dual,
                    self.violation(x),
                    self.gained(x, S),
                    max(factor.shape[1] for factor in factors),
                    time.perf_counter() - started,
                )
                history.append(state)
                status = self.ended(state)
                if before is not None and iteration - changed >= 2 * settings.every and dual > 0:
                    quotient = primal / dual
                    if not 0.25 <= quotient <= 4.0:
                        ratio, changed = float(np.clip(np.sqrt(quotient), 0.5, 2.0)), iteration
            size = length
            if ratio != 1.0:
                q, plain, before = x + (q - x) / ratio, None, None
                rho *= ratio
                extrapolation.clear()
                continue
            before = y.copy() if (iteration + 1) % settings.every == 0 else None
            residual *= settings.relaxation
            step = extrapolation.step(q)
            moved = extrapolation.extended() if iteration % 5 == 0 and before is None else None
            q, plain = (step, None) if moved is None else (moved, step)
        order = np.roll(np.arange(self.at.order + self.outputs), self.outputs)  # outputs first
        moments = tuple(self.kappa / self.chi * (factor @ factor.T)[np.ix_(order, order)] for factor in factors)
        offset = self.kappa * self.pieces.views(x)[3][:1].sum(axis=0) if self.problem.offset else np.zeros(self.outputs)
        return SplittingResult(status, moments, offset, *kept, best, tuple(history))

    def ended(self, state: SplittingState) -> str:
        """Why the solve ends here, "" where it goes on."""
        gap = abs(state.objective - state.bound) + state.gained
        small = state.violation <= 0.1 * self.settings.tolerance
        if gap <= self.settings.tolerance * abs(state.objective) and small:
            return "solved"
        if self.monitor(state):
            return "interrupted"
        if state.seconds > self.time_limit:
            return "time limit"
        return "iteration limit" if state.iteration >= self.settings.max_iterations else ""

    def step(
        self, q: np.ndarray, rho: float, x: np.ndarray, y: np.ndarray, last_factors: tuple[np.ndarray, ...]
    ) -> tuple[np.ndarray, ...]:
        """Writes x and y; the factors of the matrices of x."""
        at, k, i = self.at, self.at.order, np.arange(len(self.at.whole))
        inner_x, outer_x, last_x, biases_x = self.pieces.views(x)
        factors = []
        products, outer, last, biases = self.pieces.views(q)
        for piece in range(self.count):
            ss, ws, ww = at.inward(products[piece], piece)
            M = np.empty((k + self.outputs, k + self.outputs))
            M[: len(i), : len(i)], M[len(i) : k, : len(i)], M[len(i) : k, len(i) : k] = ss, ws, ww
            M[k:, :k] = at.inward_rows(self.of_copies(outer[piece], piece), piece).T
            M[k:, k:] = last[piece]
            M[np.diag_indices(len(M))] -= self.cost / rho
            factor = positive_factor(M, last_factors[piece].shape[1] if last_factors else len(M))
            rows, weights = at.outward(factor[:k], piece), factor[k:]
            np.matmul(rows, rows.T, out=inner_x[piece])
            outer_x[piece], last_x[piece] = self.copies(rows @ weights.T, piece), weights @ weights.T
            factors.append(factor)
        if len(biases):
            ridge = self.problem.offset_l2 * self.kappa**2 / self.unit
            biases_x[:] = biases.mean(axis=0) * (rho * len(biases) / (rho * len(biases) + ridge))
        np.multiply(x, 2.0, out=y)
        y -= q
        inner = self.pieces.views(y)[0]
        np.maximum(inner, 0.0, out=inner)
        inner[:, i, len(i) + i] = inner[:, len(i) + i, i] = 0.0
        self.fit(y, rho)
        return tuple(factors)

    def fit(self, y: np.ndarray, rho: float) -> np.ndarray:
        """Moves the copies of predictions to where the losses are less; minus a slope of these there, (n, c)."""
        near, reach, moved = 2.0 * rho / self.count, *self.reach(rho)
        made = self.made(y)
        fitted = self.problem.loss_prox(made, moved)
        _, outer, _, biases = self.pieces.views(y)
        change = np.divide(fitted - made, self.kappa * reach, out=np.zeros_like(made), where=reach > 0)
        by_side = (self.gains[:, :, None] * change[:, None, :])[self.samples] * (self.lift / (near * self.count))
        for piece in range(self.count):
            outer[piece] += np.where(self.live[piece], by_side, 0.0)
        if len(biases):
            biases += change / rho
        return np.where(reach > 0, (fitted - made) / moved, -self.problem.loss_gradient(np.zeros_like(made)))

    def reach(self, rho: float) -> tuple[np.ndarray, np.ndarray]:
        """How far predictions move by a unit of the multiplier, (n, 1), and the step of the losses that goes with it.

        Samples that nothing moves have any step.
        """
        reach = (self.gains**2).sum(axis=1)[:, None] * (self.count / (2.0 * rho)) + bool(self.problem.offset) / rho
        step = self.kappa**2 / self.unit * reach
        return reach, np.where(step > 0, step, 1.0)

    def dual_point(
        self, q: np.ndarray, x: np.ndarray, y: np.ndarray, rho: float
    ) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """Λ, minus a slope of the losses, and the multipliers of the products, in the units of the coordinates."""
        before = 2.0 * x - q
        inner = (self.problem.group / self.chi**2 * rho) * (self.pieces.views(y - before)[0])
        return self.fit(before, rho), tuple(inner)

    def bound(self, Lam: np.ndarray, S: tuple[np.ndarray, ...]) -> float:
        """The lower bound on training that a dual point proves, -inf if none."""
        z = self.problem.admissible(Lam)
        price = relaxation_price(self.at, z, [2.0 * self.problem.group * block for block in S])
        with np.errstate(invalid="ignore", over="ignore"):
            return best_over_shares(lambda share: self.problem.dual_value(z, np.array([price]), share))

    def objective(self, x: np.ndarray, factors: tuple[np.ndarray, ...]) -> float:
        """That of the iterate whose matrices have no negative eigenvalue. It may be too low."""
        costs = sum(float(self.cost @ (factor**2).sum(axis=1)) for factor in factors)
        c0 = self.kappa * self.pieces.views(x)[3][:1]
        biases = 0.5 * self.problem.offset_l2 * float((c0**2).sum())
        return self.problem.loss_value(self.made(x)) + self.unit * costs + biases

    def violation(self, x: np.ndarray) -> float:
        """How negative products are, and how far those of pairs are from zero, relative to the largest."""
        inner, i = self.pieces.views(x)[0], np.arange(len(self.at.whole))
        largest = float(np.abs(inner).max(initial=0.0))
        pairs = float(np.abs(inner[:, i, len(i) + i]).max(initial=0.0))
        return max(-float(inner.min(initial=0.0)), pairs) / largest if largest > 0 else 0.0

    def gained(self, x: np.ndarray, S: tuple[np.ndarray, ...]) -> float:
        """By how much the violations of x may lower the objective, at the prices S."""
        i, total = np.arange(len(self.at.whole)), 0.0
        for products, prices in zip(self.pieces.views(x)[0], S, strict=True):
            off = np.maximum(-products, 0.0)
            off[i, len(i) + i] = off[len(i) + i, i] = np.abs(products[i, len(i) + i])
            total += float(np.vdot(off, np.abs(prices)))
        return self.kappa * self.chi * total


def solve_relaxation(
    X: np.ndarray, problem: PatternProblem, slope: float, split: int, tolerance: float, rho: float, max_iterations: int
) -> SplittingResult:
    """Solves the relaxation of the problem's losses for samples X (n, d), bias included, and the cost `group`."""
    settings = SplittingSettings(tolerance, max_iterations, rho)
    return SplittingSolve(coordinates(X, slope, split), problem, settings).run()

"""One outer step of the augmented Lagrangian: ψ and its derivatives on a working set of columns.

    ψ(z) = sup_s [−⟨z, s⟩ − L(s) − ‖s − s_k‖² / (2τ)] + sup_x [⟨z, F x⟩ − p(x) − ‖x − x_k‖² / (2σ)]

whose suprema are attained at s* = prox_{τL}(s_k − τz) and x* = prox_{σp}(x_k + σFᵀz), so that ∇ψ = F x* − s*. Where L
is of Legendre type the first term does without a proximal one, τ = ∞: it is L*(−z), and s* has the gradient −z. Every
column needs its projection onto its cone, whose Jacobian is the projection N onto the span that the support leaves:
with p̂ the direction of the projection and t = σ·group / its length, J_x = p̂p̂ᵀ + (1 − t)(N − p̂p̂ᵀ). Plain NumPy and
SciPy: the classes stand word for word in generated code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from reludsl.backends.newton.loss_terms import LegendreLoss, ProximalLoss, target_size
from reludsl.cones.projection import ConeProjector, Supports
from reludsl.ir.pattern_problem import PatternProblem


@dataclass
class Step:
    """What the maps give at a z: active columns, their projections and values, the offset, fits, ψ and its gradient."""

    active: np.ndarray
    projections: np.ndarray
    lengths: np.ndarray
    values: np.ndarray
    offset: np.ndarray
    offset_slopes: np.ndarray
    fit: np.ndarray
    target: np.ndarray
    residual: np.ndarray
    psi: float


class Columns:
    """Columns of a problem as rows of arrays: which pattern, output and sign each has, and products with them."""

    def __init__(self, problem: PatternProblem, chosen: np.ndarray) -> None:
        patterns, outputs = problem.gates.shape[1], problem.Y.shape[1]
        self.problem, self.chosen = problem, chosen
        self.patterns = chosen % patterns
        self.outputs = chosen // patterns % outputs
        self.signs = np.where(chosen // (patterns * outputs) == 0, 1.0, -1.0)
        self.gates = np.ascontiguousarray(problem.gates.T[self.patterns]) * self.signs[:, None]
        self.products: np.ndarray | None = None

    def adjoint(self, z: np.ndarray) -> np.ndarray:
        """F^T z, a column a row (m, d)."""
        if self.problem.shared:
            return np.asarray(self.gates @ z)
        weighted = self.gates * (z[:, 0] if z.shape[1] == 1 else z.T[self.outputs])
        return np.asarray(weighted @ self.problem.X)

    def kernel(self) -> np.ndarray:
        """The inner products X X^T (n, n) of the samples, computed once."""
        if self.products is None:
            self.products = self.problem.X @ self.problem.X.T
        return self.products

    def fit(self, active: np.ndarray, values: np.ndarray) -> np.ndarray:
        """The predictions (n, c) of some of the columns with these values."""
        if self.problem.shared:
            return np.asarray(self.gates[active].T @ values)
        parts = (values @ self.problem.X.T) * self.gates[active]
        total = np.zeros_like(self.problem.Y)
        for output in range(total.shape[1]):
            total[:, output] = parts[self.outputs[active] == output].sum(axis=0)
        return total


def solved_with_identity(system: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(I + S)^{-1} r for a symmetric S ⪰ 0 (n, n), which is overwritten: a factor takes its place, without a copy."""
    system.flat[:: len(system) + 1] += 1.0
    diagonal = system.diagonal().copy()
    try:
        factor = cho_factor(system.T, lower=True, overwrite_a=True, check_finite=False)
        return np.asarray(cho_solve(factor, right, check_finite=False))
    except LinAlgError:  # rounding: no eigenvalue is below 1; the other triangle is still there
        system.flat[:: len(system) + 1] = diagonal
        values, vectors = np.linalg.eigh(system, UPLO="L")
        return np.asarray(vectors @ ((vectors.T @ right) / np.maximum(values, 1.0)))


class Subproblem:
    """One outer step on some of the columns: ψ around the point x, c with the step σ and a loss term, its derivatives.

    `supports` are a start for the projections and hold, after every evaluation, the supports at that z.
    """

    expected_products, most_products = 100, 500  # of conjugate gradients, when it is decided whether to factor a system

    def __init__(
        self,
        columns: Columns,
        projector: ConeProjector | None,
        supports: Supports,
        x: np.ndarray,
        c: np.ndarray,
        sigma: float,
        loss: ProximalLoss | LegendreLoss,
    ) -> None:
        self.columns, self.problem, self.projector, self.supports = columns, columns.problem, projector, supports
        self.x, self.c, self.sigma, self.loss = x, c, sigma, loss
        losses = self.problem.loss_value(np.zeros_like(self.problem.Y))  # of their size are the terms that make up ψ
        self.iterates = True  # as long as conjugate gradients have not failed
        self.length = 1.0  # of the last step, as a share of its direction
        self.rounding = 1e-13 * (losses if np.isfinite(losses) else 1.0)

    def at(self, z: np.ndarray) -> Step:
        """x*, s*, and ψ at z."""
        problem, sigma = self.problem, self.sigma
        V = self.x + sigma * self.columns.adjoint(z)
        cost = sigma * problem.group
        lengths = np.linalg.norm(V, axis=1)
        long = np.flatnonzero(lengths > cost)
        U, lengths = V[long], lengths[long]
        if self.projector is not None and len(long):
            part = self.supports.of(long)
            U, lengths = self.projector.project(U, self.columns.patterns[long], part, cost)
            self.supports.put(long, part)
        kept = lengths > cost * (1 + 1e-12)
        active, U, lengths = long[kept], U[kept], lengths[kept]
        ridge = 1.0 + sigma * problem.l2
        values = (1.0 - cost / lengths)[:, None] * U / ridge
        fit = self.columns.fit(active, values)
        psi = ridge * float(np.sum(values**2)) / (2 * sigma)
        offset, slopes = self.c, np.zeros_like(self.c)
        if problem.offset:
            moved = self.c + sigma * z.sum(axis=0)
            offset = problem.offset_prox(moved, sigma)
            slopes = (np.abs(moved) > sigma * problem.offset_l1) / (1.0 + sigma * problem.offset_l2)
            fit = fit + offset
            penalties = problem.offset_l1 * np.abs(offset).sum() + 0.5 * problem.offset_l2 * np.sum(offset**2)
            psi += float(offset @ (moved - self.c) / sigma - penalties - np.sum((offset - self.c) ** 2) / (2 * sigma))
        target, value = self.loss.reached(z)
        residual = self.loss.residual(z, fit, target)
        return Step(active, U, lengths, values, offset, slopes, fit, target, residual, psi + value)

    def moved(self, step: Step) -> float:
        """How far the step leads from x, c and s, in the units of the residuals' sizes."""
        values = self.values(step)
        squares = float(np.sum((values - self.x) ** 2) + np.sum((step.offset - self.c) ** 2))
        return self.loss.moved(step.target, squares / self.sigma)

    def values(self, step: Step) -> np.ndarray:
        """The values of all columns, most of them zero."""
        values = np.zeros_like(self.x)
        values[step.active] = step.values
        return values

    def search(self, z: np.ndarray, step: Step, direction: np.ndarray) -> tuple[np.ndarray, Step] | None:
        """The next z on the way, with halved lengths (Armijo), and its step; None where no length helps.

        The first length is at most four times the last one: where the pieces of ψ are small, many in a row are short.
        """
        slope = float(np.vdot(step.residual, direction))
        length = min(self.loss.room(z, direction), 4.0 * self.length)
        for _ in range(30):
            trial = z + length * direction
            reached = self.at(trial)
            if reached.psi <= step.psi + 1e-4 * length * slope + self.rounding + 1e-13 * abs(step.psi):
                self.length = length
                return trial, reached
            length *= 0.5
        return None

    def direction(self, z: np.ndarray, step: Step) -> np.ndarray:
        """−(V^{-1} + σ F J_x F^T)^{-1} residual, V^{-1} the Hessian of the loss term and J_x the Jacobian of x*.

        The system is taken in the coordinates of the active columns where they are fewer than the samples, otherwise in
        those of the samples.
        """
        residual = step.residual
        outputs = residual.shape[1]
        V = self.loss.weights(z, step.target, residual)
        if self.problem.shared:
            return self._shared(step, V, residual)
        if V.ndim == 3:
            return self._joint(step, V, residual)
        accuracy = self.loss.size(z, step.target, residual) / target_size(self.problem)
        out = np.empty_like(residual)
        for a in range(outputs):
            places = np.flatnonzero(self.columns.outputs[step.active] == a)
            out[:, a] = self._separate(step, places, a, V[:, a], residual[:, a], accuracy)
        return out

    def _separate(
        self, step: Step, places: np.ndarray, output: int, V: np.ndarray, residual: np.ndarray, accuracy: float
    ) -> np.ndarray:
        """The direction of one output, where V is diagonal."""
        n = len(residual)
        ranks = self._ranks(step)[places]
        rows = int(ranks.sum()) + 1
        root = np.sqrt(V)
        right = root * residual
        simplicial = self.projector is not None and self.projector.gram is not None
        if rows <= n and not simplicial:
            B = np.concatenate([self._rows(step, places, ranks), *self._offset_row(step, output)]) * root
            solution = solved_with_identity(B @ B.T, B @ right)
            return np.asarray(root * (solution @ B - right))
        d = self.x.shape[1]
        if self.projector is None:  # products pass over all gates, so that they cost more than their arithmetic
            each, direct = len(places) * n * (4 * d + 20), n * n * (2 * len(places) + n // 3)
        else:
            each, direct = len(places) * 2 * (n + self.supports.rows.shape[1]) * d, rows * n * n
        if self.iterates and not simplicial and V.max() <= 10.0 * V.min() and self.expected_products * each < direct:
            # As many products as cost what factoring does: then it is factored, here and from now on.
            most = min(direct // each, self.most_products)
            found = self._iterated(step, places, output, V, residual, accuracy, most)
            if found is not None:
                return found
            self.iterates = False
        offset_rows = [row[0] * root for row in self._offset_row(step, output)]
        if self.projector is None:
            system = self._gram(step, places, root)
        elif simplicial:
            system = self._kernel(step, places)
            system *= root
            system *= root[:, None]
        else:
            B = self._rows(step, places, ranks) * root
            system = B.T @ B
        for row in offset_rows:
            system += np.outer(row, row)
        return np.asarray(-root * solved_with_identity(system, right))

    def _joint(self, step: Step, V: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """The direction where V (n, c, c) couples the outputs: V − V Bᵀ (I + B V Bᵀ)^{-1} B V, times −residual."""
        outputs = residual.shape[1]
        VG = np.einsum("nab,nb->na", V, residual)
        ranks, parts = self._ranks(step), []
        for a in range(outputs):
            places = np.flatnonzero(self.columns.outputs[step.active] == a)
            parts.append(np.concatenate([self._rows(step, places, ranks[places]), *self._offset_row(step, a)]))
        ends = np.cumsum([0, *(len(part) for part in parts)])
        if ends[-1] > residual.size:
            return self._joint_by_samples(parts, V, residual)
        system, right = np.zeros((ends[-1], ends[-1])), np.empty(ends[-1])
        for a in range(outputs):
            right[ends[a] : ends[a + 1]] = parts[a] @ VG[:, a]
            for b in range(a + 1):
                block = (parts[a] * V[:, a, b]) @ parts[b].T
                system[ends[a] : ends[a + 1], ends[b] : ends[b + 1]] += block
                if a != b:
                    system[ends[b] : ends[b + 1], ends[a] : ends[a + 1]] += block.T
        solution = solved_with_identity(system, right) if len(right) else right
        back = np.column_stack([solution[ends[a] : ends[a + 1]] @ parts[a] for a in range(outputs)])
        return np.asarray(np.einsum("nab,nb->na", V, back) - VG)

    def _joint_by_samples(self, parts: list[np.ndarray], V: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """The same with V = R Rᵀ, which may be singular: −R (I + Rᵀ Bᵀ B R)^{-1} Rᵀ times the residual."""
        n, outputs = residual.shape
        values, vectors = np.linalg.eigh(V)
        R = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
        system = np.zeros((outputs, n, outputs, n))
        for e, part in enumerate(parts):
            products = part.T @ part
            for a in range(outputs):
                left = R[:, e, a, None] * products
                for b in range(a + 1):
                    system[a, :, b] += left * R[:, e, b]
        for a in range(outputs):
            for b in range(a):
                system[b, :, a] = system[a, :, b].T
        right = np.einsum("nea,ne->an", R, residual).ravel()
        solution = solved_with_identity(system.reshape(n * outputs, n * outputs), right).reshape(outputs, n)
        return np.asarray(-np.einsum("nea,an->ne", R, solution))

    def _shared(self, step: Step, V: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """The direction where a column has an entry for each output: B is γ_j ⊗ R_j, R_j (c, c) the root of σ J_x.

        Output biases are one more column, whose gates are 1.
        """
        outputs = residual.shape[1]
        directions = step.projections / step.lengths[:, None]
        roots = np.sqrt(self._shares(step))
        R = (1.0 - roots)[:, None, None] * directions[:, :, None] * directions[:, None, :]
        R[:, range(outputs), range(outputs)] += roots[:, None]
        R *= np.sqrt(self.sigma / (1.0 + self.sigma * self.problem.l2))
        G = self.columns.gates[step.active]
        if np.any(step.offset_slopes > 0):
            G = np.concatenate([G, np.ones((1, len(residual)))])
            R = np.concatenate([R, np.diag(np.sqrt(self.sigma * step.offset_slopes))[None]])
        m = len(G)
        system = np.zeros((m, outputs, m, outputs))
        if V.ndim == 2 and np.array_equal(V, np.broadcast_to(V[:, :1], V.shape)):  # one product serves all outputs
            rows = R.reshape(m * outputs, outputs)
            system = (rows @ rows.T).reshape(system.shape) * ((G * V[:, 0]) @ G.T)[:, None, :, None]
        else:
            for a in range(outputs):
                for b in [a] if V.ndim == 2 else range(outputs):
                    products = (G * (V[:, a] if V.ndim == 2 else V[:, a, b])) @ G.T
                    system += (R[:, :, a, None, None] * products[:, None, :, None]) * R[None, None, :, :, b]

        def weighed(v: np.ndarray) -> np.ndarray:
            return np.asarray(V * v if V.ndim == 2 else np.einsum("nab,nb->na", V, v))

        VG = weighed(residual)
        if not m:
            return -VG
        right = np.einsum("mra,ma->mr", R, G @ VG).ravel()
        solution = solved_with_identity(system.reshape(m * outputs, m * outputs), right).reshape(m, outputs)
        return np.asarray(weighed(G.T @ np.einsum("mra,mr->ma", R, solution)) - VG)

    def _ranks(self, step: Step) -> np.ndarray:
        """The dimension that the support leaves to each active column."""
        used = self.supports.used[step.active].sum(axis=1)
        return np.asarray(np.maximum(self.x.shape[1] - used, 1))

    def _shares(self, step: Step) -> np.ndarray:
        """1 − t of the active columns: what J_x keeps across the direction of a column."""
        return np.asarray(np.maximum(1.0 - self.sigma * self.problem.group / step.lengths, 0.0))

    def _across(self, step: Step, places: np.ndarray, Z: np.ndarray) -> np.ndarray:
        """(N − p̂p̂ᵀ) Z for stacked Z (m, d, k), of some of the active columns."""
        directions = step.projections[places] / step.lengths[places, None]
        if self.projector is not None and self.supports.used.any():
            part = self.supports.of(step.active[places])
            A, B = self.projector.rows_and_inverses(self.columns.patterns[step.active[places]], part)
            Z = Z - A.transpose(0, 2, 1) @ (B @ Z)
        return np.asarray(Z - directions[:, :, None] * (directions[:, None, :] @ Z))

    def _rows(self, step: Step, places: np.ndarray, ranks: np.ndarray) -> np.ndarray:
        """B (r, n) with B^T B = σ F J_x F^T, of some of the active columns: a row for each direction left to them."""
        sigma, X = self.sigma, self.problem.X
        shrink, shares = np.sqrt(sigma / (1.0 + sigma * self.problem.l2)), self._shares(step)
        roots = np.zeros((int(ranks.sum()), X.shape[1]))
        starts = np.cumsum(ranks) - ranks
        roots[starts] = step.projections[places] / step.lengths[places, None]
        mixed = np.random.default_rng(0).standard_normal((X.shape[1], int(ranks.max(initial=1))))
        for rank in np.unique(ranks[ranks > 1]):
            mine = np.flatnonzero(ranks == rank)
            # As many random directions as there is room for span it; twice, so that they are orthogonal to the rest.
            Z = np.broadcast_to(mixed[:, : rank - 1], (len(mine), X.shape[1], rank - 1))
            Z = np.linalg.qr(self._across(step, places[mine], Z))[0]
            Z = np.linalg.qr(self._across(step, places[mine], Z))[0]
            Z = Z * np.sqrt(shares[places[mine]])[:, None, None]
            where = starts[mine][:, None] + np.arange(1, rank)
            roots[where] = Z.transpose(0, 2, 1)
        gates = np.repeat(self.columns.gates[step.active[places]], ranks, axis=0)
        return np.asarray(shrink * (roots @ X.T) * gates)

    def _offset_row(self, step: Step, output: int) -> list[np.ndarray]:
        """The row of B that belongs to an output bias which moves."""
        if step.offset_slopes[output] <= 0:
            return []
        return [np.full((1, len(self.problem.X)), np.sqrt(self.sigma * step.offset_slopes[output]))]

    def _gram(self, step: Step, places: np.ndarray, root: np.ndarray) -> np.ndarray:
        """B^T B (n, n) without B where there are no cones, its rows and columns scaled by `root` (n,).

        It is σ ((X X^T) ∘ (G^T diag(1 − t) G) + T^T T): G are the gates of the active columns, T has the rows √t F p̂.
        """
        problem = self.problem
        gates, shares = self.columns.gates[step.active[places]], self._shares(step)[places]
        directions = step.projections[places] / step.lengths[places, None]
        scale = self.sigma / (1.0 + self.sigma * problem.l2)
        T = np.sqrt(scale * (1.0 - shares))[:, None] * (directions @ problem.X.T) * gates * root
        gates = gates * np.sqrt(scale * shares)[:, None] * root
        system = gates.T @ gates  # of one array with itself: half the products
        system *= self.columns.kernel()
        system += T.T @ T
        return np.asarray(system)

    def _kernel(self, step: Step, places: np.ndarray) -> np.ndarray:
        """B^T B (n, n) without B where cones are simplicial: σ Σ_i g_i g_iᵀ ∘ X J_i X^T, g_i the gates of a column."""
        assert self.projector is not None
        n = len(self.problem.X)
        scale, shares = self.sigma / (1.0 + self.sigma * self.problem.l2), self._shares(step)
        system, inner = np.zeros((n, n)), np.ix_(self.projector.places, self.projector.places)
        for place in places:
            column = step.active[place]
            gates = self.columns.gates[column]
            along = gates * (self.problem.X @ (step.projections[place] / step.lengths[place]))
            left = self.projector.kernel_left(self.supports.rows[column][self.supports.used[column]])
            seen = gates[self.projector.places]
            system[inner] += shares[place] * left * seen[:, None] * seen
            system += (1.0 - shares[place]) * np.outer(along, along)
        return np.asarray(scale * system)

    def _iterated(
        self,
        step: Step,
        places: np.ndarray,
        output: int,
        V: np.ndarray,
        residual: np.ndarray,
        accuracy: float,
        most: int = 500,
    ) -> np.ndarray | None:
        """The direction by conjugate gradients with a diagonal preconditioner: few products where V varies little.

        None where so many products do not reach the accuracy, unless they are the most that there may be.
        """
        problem, X = self.problem, self.problem.X
        gates, shares = self.columns.gates[step.active[places]], self._shares(step)[places]
        directions = step.projections[places] / step.lengths[places, None]
        scale = self.sigma / (1.0 + self.sigma * problem.l2)
        offset_rows = self._offset_row(step, output)
        root = np.sqrt(V)
        A = B = None
        if self.projector is not None:
            part = self.supports.of(step.active[places])
            A, B = self.projector.rows_and_inverses(self.columns.patterns[step.active[places]], part)

        def applied(v: np.ndarray) -> np.ndarray:
            H = (gates * (root * v)) @ X
            along = np.einsum("md,md->m", directions, H)
            if A is not None and B is not None:
                H = H - (np.asarray(B @ H[:, :, None]).transpose(0, 2, 1) @ A)[:, 0]
            H = shares[:, None] * H + ((1.0 - shares) * along)[:, None] * directions
            out = scale * ((H @ X.T) * gates).sum(axis=0)
            for row in offset_rows:
                out += row[0] * float(row[0] @ (root * v))
            return np.asarray(v + root * out)

        free = self._ranks(step)[places] / X.shape[1]
        diagonal = 1.0 + scale * V * np.einsum("nd,nd->n", X, X) * ((gates**2).T @ (shares * free))
        right = root * residual
        solution, remaining = np.zeros_like(right), right.copy()
        goal = max(1e-8, min(1e-2, 0.1 * accuracy)) * float(np.linalg.norm(right))
        conjugate = remaining / diagonal
        height = float(remaining @ conjugate)
        for _ in range(most):
            image = applied(conjugate)
            length = height / float(conjugate @ image)
            solution += length * conjugate
            remaining -= length * image
            if np.linalg.norm(remaining) <= goal:
                break
            preconditioned = remaining / diagonal
            height, before = float(remaining @ preconditioned), height
            conjugate = preconditioned + height / before * conjugate
        else:
            if most < self.most_products:
                return None
        return np.asarray(-root * solution)

"""What a solver need not see of a pattern problem: dependent inputs, repeated samples, patterns without a say.

    inputs    Group norms and ridges do not change when columns are rotated, and the optimal ones lie in the span of
              the samples. With X = U S Vᵀ the problem in ũ, u = V ũ, has U S (n, r) for samples. An l1 norm keeps
              the axes: there only inputs that are always zero are left out. Free biases stay as they are.
    samples   Equal samples with equal gates and targets have one prediction, so one of them takes the weights of all.
    patterns  A pattern whose gates are all zero adds nothing. Of equal patterns one is enough, but for a ridge, which
              costs less on several.

All of it depends on samples, patterns and the kinds of the penalties alone, so it serves every strength. Plain
NumPy: these functions stand word for word in generated code.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from reludsl.cones.rows import row_keys
from reludsl.ir.pattern_problem import PatternProblem


@dataclass(frozen=True, eq=False)
class Presolved:
    """A smaller problem with the same optimal value, and the way back from its points.

    `kind` says what the reduction rests on. `basis` (d, r) holds orthonormal columns, `patterns` are those that are
    kept, of `count`; `groups` (n,) tells which sample of the smaller problem each one is, `shares` (n,) its part of
    that sample's weight. None stands for what is not reduced.
    """

    problem: PatternProblem
    kind: tuple[bool, ...]
    count: int
    basis: np.ndarray | None = None
    patterns: np.ndarray | None = None
    groups: np.ndarray | None = None
    shares: np.ndarray | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing was left out."""
        return self.basis is None and self.patterns is None and self.groups is None

    def fits(self, problem: PatternProblem, merge_samples: bool = True) -> bool:
        """Whether `again` may take a problem with the same samples, targets and patterns."""
        return self.kind == reduction_kind(problem, merge_samples)

    def again(self, problem: PatternProblem) -> Presolved:
        """The same reduction of a problem that differs in loss and strengths at most."""
        small = self.problem
        X, gates, masks, Y, weights = small.X, small.gates, small.masks, small.Y, small.weights
        return replace(self, problem=replace(problem, X=X, gates=gates, masks=masks, Y=Y, weights=weights))

    def columns(self, u: np.ndarray) -> np.ndarray:
        """The columns (d, columns) of the original problem for those of the smaller one: equal in all that counts."""
        if self.basis is not None:
            u = self.basis @ u
        if self.patterns is None:
            return u
        whole = np.zeros((len(u), u.shape[1] // len(self.patterns), self.count))
        whole[:, :, self.patterns] = u.reshape(len(u), -1, len(self.patterns))
        return whole.reshape(len(u), -1)

    def columns_within(self, u: np.ndarray) -> np.ndarray:
        """The columns of the smaller problem for those (d, columns) of the original one, as far as it has them.

        Of equal patterns the columns of one are taken.
        """
        if self.basis is not None:
            u = self.basis.T @ u
        if self.patterns is None:
            return u
        return np.asarray(u.reshape(len(u), -1, self.count)[:, :, self.patterns].reshape(len(u), -1))

    def dual_within(self, z: np.ndarray) -> np.ndarray:
        """The dual point of the smaller problem for one (n, c) of the original: equal samples add up."""
        if self.groups is None:
            return z
        total = np.zeros((len(self.problem.Y), z.shape[1]))
        np.add.at(total, self.groups, z)
        return total

    def dual(self, z: np.ndarray) -> np.ndarray:
        """The dual point (n, c) of the original problem for one of the smaller: every sample has its share of it."""
        if self.groups is None or self.shares is None:
            return z
        return np.asarray(self.shares[:, None] * z[self.groups])


def presolve(problem: PatternProblem, merge_samples: bool = True) -> Presolved:
    """The problem without what can be told beforehand. `merge_samples` says whether it may become a weighted one."""
    kind, count = reduction_kind(problem, merge_samples), problem.gates.shape[1]
    groups = equal_samples(problem) if merge_samples else None
    shares = None
    if groups is not None:
        first = np.unique(groups, return_index=True)[1]
        weights = np.ones(len(groups)) if problem.weights is None else problem.weights
        totals = np.bincount(groups, weights)
        members = np.bincount(groups)[groups]
        shares = np.where(totals[groups] > 0, weights / np.where(totals > 0, totals, 1.0)[groups], 1.0 / members)
        masks = None if problem.masks is None else problem.masks[first]
        X, gates, Y = problem.X[first], problem.gates[first], problem.Y[first]
        problem = replace(problem, X=X, gates=gates, masks=masks, Y=Y, weights=totals)
    patterns = needed_patterns(problem)
    if patterns is not None:
        masks = None if problem.masks is None else np.ascontiguousarray(problem.masks[:, patterns])
        problem = replace(problem, gates=np.ascontiguousarray(problem.gates[:, patterns]), masks=masks)
    basis = input_basis(problem)
    if basis is not None:
        problem = replace(problem, X=problem.X @ basis)
    return Presolved(problem, kind, count, basis, patterns, groups, shares)


def reduction_kind(problem: PatternProblem, merge_samples: bool) -> tuple[bool, ...]:
    """What a reduction depends on, beside samples, targets and patterns."""
    return bool(problem.l1), bool(problem.l2), bool(problem.free), merge_samples


def input_basis(problem: PatternProblem) -> np.ndarray | None:
    """Orthonormal columns (d, r), r < d, in whose span there is an optimal point; None where there are d of them."""
    d = problem.X.shape[1]
    counted = d - problem.free
    A = problem.X[:, :counted]
    inner = np.eye(counted)[:, np.any(A, axis=0)] if problem.l1 else row_space(A)
    r = inner.shape[1] + problem.free
    if r in (0, d):
        return None
    basis = np.zeros((d, r))
    basis[:counted, : inner.shape[1]] = inner
    basis[counted:, inner.shape[1] :] = np.eye(problem.free)
    return basis


def row_space(A: np.ndarray) -> np.ndarray:
    """An orthonormal basis (d, r) of the span of the rows of A (n, d), by a compact singular value decomposition.

    Rows count by their directions, however short they are. All of them are in the span to 1e-12 of their lengths;
    where rounding does not allow to say so, the basis is that of the whole space.
    """
    d = A.shape[1]
    lengths = np.linalg.norm(A, axis=1)
    unit = A[lengths > 0] / lengths[lengths > 0, None]
    whole = np.eye(d)
    if not len(unit):
        return whole[:, :0]
    if len(unit) >= d:  # most often they span everything, as one product and d x d eigenvalues tell
        eigenvalues = np.linalg.eigvalsh(unit.T @ unit)
        if eigenvalues[0] > 1e-8 * eigenvalues[-1]:
            return whole
    values, directions = np.linalg.svd(unit, full_matrices=False)[1:]
    basis = directions[values > max(unit.shape) * np.finfo(float).eps * values[0]].T
    missing = unit - (unit @ basis) @ basis.T
    return basis if np.linalg.norm(missing, axis=1).max() <= 1e-12 else whole


def equal_samples(problem: PatternProblem) -> np.ndarray | None:
    """The number (n,) of the group of each sample, groups in the order of their first; None where few are equal.

    A weighted loss costs a little more than one without weights, so it has to spare a twentieth of the samples. The
    gates of a sample that is zero say nothing.
    """
    enough = 0.95 * len(problem.X)
    arrays = [problem.X, problem.Y]
    if len(np.unique(row_keys(*arrays))) > enough:
        return None
    zero = ~np.any(problem.X, axis=1)
    for part in (problem.gates, problem.masks):
        if part is not None:
            told = part.copy()
            told[zero] = 0
            arrays.append(told)
    _, first, groups = np.unique(row_keys(*arrays), return_index=True, return_inverse=True)
    if len(first) > enough:
        return None
    places = np.empty(len(first), dtype=int)
    places[np.argsort(first)] = np.arange(len(first))
    return np.asarray(places[groups.reshape(-1)])


def needed_patterns(problem: PatternProblem) -> np.ndarray | None:
    """The patterns that the others cannot replace, None for all of them."""
    kept = np.asarray(np.any(problem.gates, axis=0))
    if not problem.l2 and len(np.unique(fingerprints(problem.gates))) < len(kept):
        parts = (part.T for part in (problem.gates, problem.masks) if part is not None)
        first = np.unique(row_keys(*parts), return_index=True)[1]
        kept &= np.isin(np.arange(len(kept)), first)
    kept[:1] |= not kept.any()  # a problem has columns
    return None if kept.all() else np.flatnonzero(kept)


def fingerprints(columns: np.ndarray) -> np.ndarray:
    """A number (P,) for each column (n, P), equal for equal columns: integer arithmetic does not round."""
    factors = np.random.default_rng(0).integers(1, 2**63, len(columns), dtype=np.uint64)
    bits = columns.view(np.uint64)
    return np.asarray(np.einsum("n,np->p", factors, bits ^ (bits >> 40)))  # 1 and 0 differ in high bits only

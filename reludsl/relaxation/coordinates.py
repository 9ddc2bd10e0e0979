"""Coordinates in which the semidefinite relaxation is well conditioned and has nothing that is always zero.

A neuron (u, v) enters by a = (Xu)₊, b = (−Xu)₊ and v, and the relaxation keeps of Σ [a; b; v][a; b; v]ᵀ what is linear
or semidefinite. Since a − b = Xu, a matrix of order n + r is enough for a and b, r the rank of X: with the rows scaled
to about one length, X = H QΣVᵀ, and (ã, b̃) = (a, b)/h,

    s = (ã + b̃)/√2,   w = Qᵀ(ã − b̃)/√2,   (ã, b̃) = P (s, w),   P = [I Q; I −Q]/√2,   u = √2 VΣ⁻¹w.

P has orthonormal columns, so a projection in these coordinates is one in (ã, b̃). Samples that are zero take no part;
of samples on one line through the origin one is enough, whose a and b are those of the others up to a factor.

Where rows are split by their sign, the neurons with xᵀu ≥ 0 have a = xᵀu, b = 0, the others a = 0, b = −xᵀu; one
coordinate s less for each, and the row ±√2 (0, q) for what is not zero of a or b. In units of √2 as much, P keeps its
orthonormal columns. Every combination of signs is a piece with a matrix of its own. Plain NumPy: the functions stand
word for word in generated code.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np


@dataclass(frozen=True, eq=False)
class Coordinates:
    """What the relaxation of n samples (n, d) is made of, with m distinct lines, k of them split, and rank r.

    `slope` is the activation's below 0. `line` (n,) tells the line of each sample, -1 of zeros, `scaled` (n,) the
    multiple of the line's row that it is, and `gains` (n, 2) what ã and b̃ of the line are worth to its prediction.
    `Q` (m, r), `sizes` (r,), `V` (r, d) are the compact singular value decomposition of the scaled rows. `whole`
    (m - k,) and `split` (k,) are lines, `signs` (2^k, k) those of the pieces. `deviation` (n,) bounds how far the
    samples are from what all this says of them.
    """

    slope: float
    line: np.ndarray
    scaled: np.ndarray
    gains: np.ndarray
    Q: np.ndarray
    sizes: np.ndarray
    V: np.ndarray
    whole: np.ndarray
    split: np.ndarray
    signs: np.ndarray
    deviation: np.ndarray

    @property
    def rank(self) -> int:
        return len(self.sizes)

    @property
    def scale(self) -> float:
        """χ, the root mean square of the sizes over √2: the unit in which (s, w) are like hidden weights."""
        return float(np.sqrt((self.sizes**2).mean() / 2)) if self.rank else 1.0

    @property
    def products(self) -> int:
        """How many entries of a and b are not zero by themselves in a piece."""
        return 2 * len(self.whole) + len(self.split)

    @property
    def order(self) -> int:
        """How many coordinates a neuron has without its output weights."""
        return len(self.whole) + self.rank

    def basis(self, piece: int) -> np.ndarray:
        """P (products, order) of a piece: a and b of whole lines, then what is not zero of those of split lines."""
        i = len(self.whole)
        P = np.zeros((self.products, self.order))
        P[:i, :i] = P[i : 2 * i, :i] = np.sqrt(0.5) * np.eye(i)
        P[:, i:] = self.hidden_basis(piece)
        return P

    def hidden_basis(self, piece: int) -> np.ndarray:
        """The columns (products, rank) of P that belong to w."""
        whole = np.sqrt(0.5) * self.Q[self.whole]
        return np.concatenate([whole, -whole, self.signs[piece][:, None] * self.Q[self.split]])

    def inward(self, q: np.ndarray, piece: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The blocks ss, ws and ww of PᵀqP, for symmetric q over the products of a piece."""
        i, P = len(self.whole), self.hidden_basis(piece)
        half = q @ P
        ss = q[:i, :i] + q[i : 2 * i, i : 2 * i]
        ss += q[:i, i : 2 * i]
        ss += q[i : 2 * i, :i]
        return 0.5 * ss, np.sqrt(0.5) * (half[:i] + half[i : 2 * i]).T, P.T @ half

    def outward(self, rows: np.ndarray, piece: int) -> np.ndarray:
        """P times rows (order, p): the products of a piece."""
        i = len(self.whole)
        s, w = np.sqrt(0.5) * rows[:i], self.Q @ rows[i:]
        odd = np.sqrt(0.5) * w[self.whole]
        return np.concatenate([s + odd, s - odd, self.signs[piece][:, None] * w[self.split]])

    def inward_rows(self, rows: np.ndarray, piece: int) -> np.ndarray:
        """Pᵀ times rows (products, p)."""
        i = len(self.whole)
        a, b = np.sqrt(0.5) * rows[:i], np.sqrt(0.5) * rows[i : 2 * i]
        w = np.zeros((len(self.Q), rows.shape[1]))
        w[self.whole], w[self.split] = a - b, self.signs[piece][:, None] * rows[2 * i :]
        return np.concatenate([a + b, self.Q.T @ w])

    def sides(self, rows: np.ndarray, piece: int) -> np.ndarray:
        """(m, 2, p): a and b of every line, from the products (products, p) of a piece."""
        i = len(self.whole)
        both = np.zeros((len(self.Q), 2, rows.shape[1]))
        both[self.whole, 0], both[self.whole, 1] = rows[:i], rows[i : 2 * i]
        both[self.split, np.where(self.signs[piece] > 0, 0, 1)] = np.sqrt(2.0) * rows[2 * i :]
        return both

    def products_of(self, both: np.ndarray, piece: int) -> np.ndarray:
        """The transpose of `sides`: (products, p) from (m, 2, p)."""
        split = np.sqrt(2.0) * both[self.split, np.where(self.signs[piece] > 0, 0, 1)]
        return np.concatenate([both[self.whole, 0], both[self.whole, 1], split])

    def predictions(self, both: np.ndarray) -> np.ndarray:
        """(n, p) from the sums over all pieces of a and b of every line (m, 2, p)."""
        kept = self.line >= 0
        found = np.zeros((len(self.line), both.shape[2]))
        found[kept] = np.einsum("ng,ngp->np", self.gains[kept], both[self.line[kept]])
        return found

    def parts(self, piece: int) -> tuple[np.ndarray, np.ndarray]:
        """a and b of every sample by the products of a piece: two (n, products)."""
        lines = np.concatenate([self.sides(np.eye(self.products), piece), np.zeros((1, 2, self.products))])[self.line]
        scaled = np.where(self.line < 0, 0.0, self.scaled)[:, None]
        ahead, size = scaled > 0, np.abs(scaled)
        return size * np.where(ahead, lines[:, 0], lines[:, 1]), size * np.where(ahead, lines[:, 1], lines[:, 0])

    def gathered(self, Lam: np.ndarray) -> np.ndarray:
        """The transpose of `predictions`: (m, 2, p) from (n, p)."""
        both = np.zeros((len(self.Q), 2, Lam.shape[1]))
        kept = self.line >= 0
        np.add.at(both, self.line[kept], self.gains[kept][:, :, None] * Lam[kept][:, None, :])
        return both

    def hidden(self, w: np.ndarray) -> np.ndarray:
        """The hidden weights (d, p) of coordinates w (r, p)."""
        return np.asarray(np.sqrt(2.0) * self.V.T @ (w / self.sizes[:, None]))


def relaxation_arrays(at: Coordinates, outputs: int) -> dict[str, np.ndarray]:
    """B (d, c + r) and, for each piece, N (n, c + r), of the program in the units of `Coordinates.scale`."""
    zeros = np.zeros((len(at.line), outputs))
    w = at.scale * np.eye(at.order)[len(at.whole) :]
    arrays = {"B": np.concatenate([np.zeros((at.V.shape[1], outputs)), at.hidden(w)], axis=1)}
    for piece in range(len(at.signs)):
        a, b = at.parts(piece)
        sizes = at.scale * (a + b) @ at.basis(piece)
        arrays["N" if len(at.signs) == 1 else f"N{piece + 1}"] = np.concatenate([zeros, sizes], axis=1)
    return arrays


def coordinates(X: np.ndarray, slope: float = 0.0, split: int | tuple[int, ...] = 0) -> Coordinates:
    """The coordinates of samples X (n, d), for the activation with this `slope` below 0.

    The lines of the samples `split` are split by their signs; a number lets `spread_lines` choose as many. Raises
    ValueError where they are no rows of X, zero, or two of them on one line.
    """
    lengths = np.linalg.norm(X, axis=1)
    kept = np.flatnonzero(lengths > 1e-12 * lengths.max(initial=0.0))
    first, turned = lines(X[kept] / lengths[kept][:, None])
    chosen, of = np.unique(first, return_inverse=True)
    line, gains, multiples = np.full(len(X), -1), np.zeros((len(X), 2)), np.zeros(len(X))
    line[kept] = of
    count = split if isinstance(split, int) else len(split)
    if count and count >= len(chosen):
        raise ValueError(f"{count} of {len(chosen)} lines cannot be split")
    mean = float(np.exp(np.log(lengths[kept]).mean())) if len(kept) else 1.0
    scaled = lengths[kept] * turned / mean
    multiples[kept] = scaled
    ahead = (scaled > 0)[:, None]
    gains[kept] = np.where(ahead, np.stack([scaled, -slope * scaled]).T, np.stack([slope * scaled, -scaled]).T)
    U, sizes, V = np.linalg.svd(X[kept][chosen] / scaled[chosen][:, None], full_matrices=False)
    rank = int((sizes > 1e-10 * sizes.max(initial=0.0)).sum())
    Q, sizes, V = np.ascontiguousarray(U[:, :rank]), sizes[:rank], V[:rank]
    said = np.zeros(X.shape)
    said[kept] = scaled[:, None] * ((Q * sizes) @ V)[of]
    deviation = np.linalg.norm(X - said, axis=1) + 1e-15 * (X.shape[1] + rank) * lengths
    taken = spread_lines(Q, split) if isinstance(split, int) else lines_of(line, split)
    whole = np.setdiff1d(np.arange(len(Q)), taken)
    signs = np.array(list(product((1.0, -1.0), repeat=len(taken)))).reshape(2 ** len(taken), len(taken))
    return Coordinates(slope, line, multiples, gains, Q, sizes, V, whole, taken, signs, deviation)


def spread_lines(Q: np.ndarray, count: int) -> np.ndarray:
    """As many lines, in order, that are spread.

    Every so many in the order of their angles to the first axis in the plane of the first two columns of Q (m, r),
    which are those of the largest singular values.
    """
    angles = np.arctan2(Q[:, 1], Q[:, 0]) % np.pi if Q.shape[1] > 1 else np.arange(len(Q))
    return np.sort(np.argsort(angles, kind="stable")[(np.arange(count) * len(Q)) // max(count, 1)])


def lines_of(line: np.ndarray, rows: tuple[int, ...]) -> np.ndarray:
    """The lines of these samples, in order; `line` (n,) are those of all."""
    if any(row >= len(line) for row in rows):
        raise ValueError(f"row {max(rows)} of {len(line)} rows, which are counted from 0")
    found = line[np.array(rows, dtype=int)]
    if len(found) and found.min() < 0:
        raise ValueError(f"row {rows[int(found.argmin())]} is zero")
    if len(np.unique(found)) < len(found):
        raise ValueError("two of the rows are on one line through the origin")
    return np.sort(found)


def lines(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For unit vectors (n, d), one a row: the first on the same line, and whether they point the same way, 1 or -1.

    Directions that differ by at most 1e-9 are taken for one.
    """
    first, turned = np.arange(len(directions)), np.ones(len(directions))
    cosines = directions @ directions.T
    for k, other in np.argwhere(np.triu(np.abs(cosines) > 1 - 1e-12, 1)):
        sign = np.sign(cosines[k, other])
        near = np.linalg.norm(directions[other] - sign * directions[k]) <= 1e-9
        if near and first[k] == k and first[other] == other:
            first[other], turned[other] = k, sign
    return first, turned

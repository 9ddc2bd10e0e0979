"""What interior-point methods ask of their cones: scalings, centered targets and step lengths, in batches.

Every row of a batch has slacks s and multipliers z inside of a cone that is its own dual: half-lines (`Nonnegative`) or
{(t, v) : t ≥ ‖v‖} (`SecondOrder`). A Newton step changes them such that

    W⁻² ds + dz = q − z,   q = W⁻¹ (λ \\ (μ e − correction)),   λ = W z = W⁻¹ s

with W the scaling of Nesterov and Todd (1997): diagonal for half-lines, and a multiple of a hyperbolic reflection for
second-order cones (Vandenberghe 2010, *The CVXOPT linear and quadratic cone program solvers*, section 4). `correction`
is the term of second order of Mehrotra (1992). Plain NumPy: the classes stand word for word in generated code.
"""

from __future__ import annotations

import numpy as np


class Nonnegative:
    """Slacks s > 0 and multipliers z > 0 (b, ...), a number for each half-line."""

    def __init__(self, s: np.ndarray, z: np.ndarray) -> None:
        self.s, self.z = s, z

    @staticmethod
    def inverse(s: np.ndarray) -> np.ndarray:
        """Minus the gradient of the barrier at s: the multipliers that are centered for μ = 1."""
        return 1.0 / s

    @staticmethod
    def degree_of(s: np.ndarray) -> int:
        """How many half-lines there are in a row."""
        return int(np.prod(s.shape[1:]))

    @staticmethod
    def inside(s: np.ndarray) -> np.ndarray:
        """Which rows are inside of their cones (b,)."""
        return np.asarray((s > 0).all(axis=tuple(range(1, s.ndim))))

    def products(self) -> np.ndarray:
        """s·z of every row (b,)."""
        return np.asarray((self.s * self.z).sum(axis=tuple(range(1, self.s.ndim))))

    def scaled(self, ds: np.ndarray) -> np.ndarray:
        """W⁻² ds."""
        return np.asarray(self.z / self.s * ds)

    def target(self, mu: np.ndarray, correction: np.ndarray | None = None) -> np.ndarray:
        """q for each row's μ (b,)."""
        aim = mu.reshape(-1, *(1,) * (self.s.ndim - 1))
        return np.asarray((aim if correction is None else aim - correction) / self.s)

    def correction(self, ds: np.ndarray, dz: np.ndarray) -> np.ndarray:
        """What the change ds, dz adds to the products in second order."""
        return np.asarray(ds * dz)

    def balance(self, ds: np.ndarray, dz: np.ndarray, step: float, mu: float) -> np.ndarray:
        """What to add to the target so that products after a step come near to μ that would be far from it.

        Those are brought to within a factor of ten, see Gondzio (1996).
        """
        products = (self.s + step * ds) * (self.z + step * dz)
        return np.asarray(np.maximum(np.clip(products, 0.1 * mu, 10.0 * mu) - products, -10.0 * mu) / self.s)

    @staticmethod
    def room(s: np.ndarray, ds: np.ndarray) -> np.ndarray:
        """How many times each row may change by ds until it meets the border of its cone (b,); may be inf."""
        shares = (ds / s).reshape(len(s), s[0].size).min(axis=1, initial=0.0)
        return np.where(shares < 0, -1.0 / np.minimum(shares, -1e-300), np.inf)


class SecondOrder:
    """Slacks and multipliers (b, 1 + d) inside of {(t, v) : t ≥ ‖v‖}, a cone for each row."""

    def __init__(self, s: np.ndarray, z: np.ndarray) -> None:
        self.s, self.z = s, z
        s_size, z_size = hyperbolic(s), hyperbolic(z)
        s_unit, z_unit = s / s_size[:, None], z / z_size[:, None]
        gamma = np.sqrt(0.5 * (1.0 + np.einsum("bd,bd->b", s_unit, z_unit)))
        self.eta = np.sqrt(s_size / z_size)
        self.tail = (s_unit[:, 1:] - z_unit[:, 1:]) / (2.0 * gamma)[:, None]
        self.head = np.sqrt(1.0 + np.einsum("bd,bd->b", self.tail, self.tail))
        self.center = self._reflected(z, 1.0) * self.eta[:, None]

    @staticmethod
    def inverse(s: np.ndarray) -> np.ndarray:
        """Minus the gradient of the barrier ½ log(t² − ‖v‖²): the multipliers that are centered for μ = 1."""
        return np.asarray(np.concatenate([s[:, :1], -s[:, 1:]], axis=1) / hyperbolic(s)[:, None] ** 2)

    @staticmethod
    def degree_of(s: np.ndarray) -> int:
        """How many cones there are in a row: one."""
        return 1

    @staticmethod
    def inside(s: np.ndarray) -> np.ndarray:
        """Which rows are inside of their cones (b,)."""
        return np.asarray(s[:, 0] > np.linalg.norm(s[:, 1:], axis=1))

    def products(self) -> np.ndarray:
        """s·z of every row (b,)."""
        return np.asarray(np.einsum("bd,bd->b", self.s, self.z))

    def _reflected(self, x: np.ndarray, sign: float) -> np.ndarray:
        """W x / η, for sign = -1 the inverse."""
        along = np.einsum("bd,bd->b", self.tail, x[:, 1:])
        head = self.head * x[:, 0] + sign * along
        factor = sign * x[:, 0] + along / (1.0 + self.head)
        return np.concatenate([head[:, None], x[:, 1:] + factor[:, None] * self.tail], axis=1)

    def scaled(self, ds: np.ndarray) -> np.ndarray:
        """W⁻² ds."""
        return np.asarray(self._reflected(self._reflected(ds, -1.0), -1.0) / self.eta[:, None] ** 2)

    def target(self, mu: np.ndarray, correction: np.ndarray | None = None) -> np.ndarray:
        """q for each row's μ (b,)."""
        aim = np.zeros_like(self.s) if correction is None else -correction
        aim[:, 0] += mu
        # The x with λ ∘ x = aim, where (a ∘ b) = (a·b, a_0 b_1 + b_0 a_1).
        head, tail = self.center[:, 0], self.center[:, 1:]
        first = head * aim[:, 0] - np.einsum("bd,bd->b", tail, aim[:, 1:])
        first /= hyperbolic(self.center) ** 2
        rest = (aim[:, 1:] - first[:, None] * tail) / head[:, None]
        return np.asarray(self._reflected(np.concatenate([first[:, None], rest], axis=1), -1.0) / self.eta[:, None])

    def correction(self, ds: np.ndarray, dz: np.ndarray) -> np.ndarray:
        """What the change ds, dz adds to the products in second order."""
        a, b = self._reflected(ds, -1.0) / self.eta[:, None], self._reflected(dz, 1.0) * self.eta[:, None]
        head = np.einsum("bd,bd->b", a, b)
        return np.concatenate([head[:, None], a[:, :1] * b[:, 1:] + b[:, :1] * a[:, 1:]], axis=1)

    def balance(self, ds: np.ndarray, dz: np.ndarray, step: float, mu: float) -> np.ndarray:
        """What to add to the target so that eigenvalues of products after a step come near to μ: see `Nonnegative`."""
        a = self._reflected(self.s + step * ds, -1.0) / self.eta[:, None]
        b = self._reflected(self.z + step * dz, 1.0) * self.eta[:, None]
        head = np.einsum("bd,bd->b", a, b)
        tail = a[:, :1] * b[:, 1:] + b[:, :1] * a[:, 1:]
        length = np.linalg.norm(tail, axis=1)
        low, high = head - length, head + length
        lower, higher = (np.maximum(np.clip(each, 0.1 * mu, 10.0 * mu) - each, -10.0 * mu) for each in (low, high))
        change = np.concatenate([[0.5 * (lower + higher)], [0.5 * (higher - lower)]]).T
        unit = tail / np.maximum(length, 1e-300)[:, None]
        aim = np.concatenate([change[:, :1], change[:, 1:] * unit], axis=1)
        return self.target(np.zeros(len(aim)), -aim)

    @staticmethod
    def room(s: np.ndarray, ds: np.ndarray) -> np.ndarray:
        """How many times each row may change by ds until it meets the border of its cone (b,); may be inf."""
        # (s + a ds) / size, reflected to the center of the cone: 1 + a·head has to be no less than a·‖rest‖.
        size = hyperbolic(s)
        unit = s / size[:, None]
        along = unit[:, 0] * ds[:, 0] - np.einsum("bd,bd->b", unit[:, 1:], ds[:, 1:])
        factor = (along + ds[:, 0]) / (unit[:, 0] + 1.0)
        rest = np.linalg.norm(ds[:, 1:] - factor[:, None] * unit[:, 1:], axis=1)
        rate = (rest - along) / size
        return np.where(rate > 0, 1.0 / np.maximum(rate, 1e-300), np.inf)


def hyperbolic(s: np.ndarray) -> np.ndarray:
    """√(t² − ‖v‖²) of rows (t, v) inside of the second-order cone (b, 1 + d), without overflow of the difference."""
    length = np.linalg.norm(s[:, 1:], axis=1)
    return np.asarray(np.sqrt(np.maximum(s[:, 0] - length, 1e-300) * (s[:, 0] + length)))

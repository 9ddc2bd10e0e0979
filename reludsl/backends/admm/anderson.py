"""Safeguarded Anderson acceleration of a fixed-point iteration. Plain NumPy: it stands word for word in scripts."""

from __future__ import annotations

import numpy as np


class Anderson:
    """The next point of a nonexpansive map T from the last few, such that the residual T(z) - z never grows.

    With r_k = T(z_k) - z_k the candidate is T(z_k) - sum_j gamma_j (T(z_{j+1}) - T(z_j)), where gamma minimizes
    ||r_k - sum_j gamma_j (r_{j+1} - r_j)|| with a little regularization (Anderson 1965, type II of Fang, Saad 2009). A
    candidate whose residual turns out longer than that of the point before it is dropped for the plain step T(z_k),
    which never lengthens it, and the next candidates wait (Zhang, O'Donoghue, Boyd 2020).
    """

    def __init__(self, memory: int = 10) -> None:
        self.memory = memory
        self.restart(np.zeros(0))

    def restart(self, point: np.ndarray) -> None:
        """Forgets everything; `point` is where T is applied next."""
        self.point = self.plain = point
        self.size, self.candidate = np.inf, False
        self.wait, self.waited = 1, 0
        self._forget()

    def _forget(self) -> None:
        self.last: tuple[np.ndarray, np.ndarray] | None = None
        self.images: list[np.ndarray] = []
        self.residuals: list[np.ndarray] = []

    def step(self, image: np.ndarray) -> np.ndarray:
        """The next point, given the image of the last one."""
        residual = image - self.point
        size = float(np.linalg.norm(residual))
        if self.candidate and not size <= self.size:
            self._forget()
            self.point, self.candidate = self.plain, False
            self.wait, self.waited = min(2 * self.wait, 32), 0
            return self.point
        if self.candidate:
            self.wait = max(1, self.wait - 1)
        if self.last is not None:
            self.images = [*self.images, image - self.last[0]][-self.memory :]
            self.residuals = [*self.residuals, residual - self.last[1]][-self.memory :]
        self.last, self.plain, self.size = (image, residual), image, size
        self.waited += 1
        self.candidate = bool(self.images) and self.waited > self.wait
        self.point = self._extrapolated(image, residual) if self.candidate else image
        return self.point

    def _extrapolated(self, image: np.ndarray, residual: np.ndarray) -> np.ndarray:
        R = np.stack(self.residuals)
        gram = (R @ R.T).astype(float)
        ridge = float(np.finfo(R.dtype).eps) ** 0.6 * np.trace(gram)
        weights = np.linalg.solve(gram + max(ridge, 1e-300) * np.eye(len(R)), (R @ residual).astype(float))
        point = image.copy()
        for weight, difference in zip(weights.tolist(), self.images, strict=True):
            point -= weight * difference
        return point

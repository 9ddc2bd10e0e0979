"""Parts of the splitting for relaxations: positive parts of matrices, and the extrapolation of steps."""

from __future__ import annotations

import numpy as np
import pytest

from reludsl.backends.splitting import kernel
from reludsl.backends.splitting.kernel import Extrapolation, positive_factor


@pytest.mark.parametrize("positive", [0, 1, 3, 20, 40])
@pytest.mark.parametrize("expected", [0, 3, 40])
def test_the_positive_part_whatever_is_expected(positive: int, expected: int) -> None:
    rng = np.random.default_rng(positive)
    Q, _ = np.linalg.qr(rng.standard_normal((40, 40)))
    values = np.concatenate([rng.uniform(0.1, 1, positive), -rng.uniform(0.1, 1, 40 - positive)])
    if positive == 3:
        values[:3] = 1.0  # one eigenvalue three times
    F = positive_factor(np.tril((Q * values) @ Q.T), expected)
    assert F.shape == (40, positive)
    np.testing.assert_allclose(F @ F.T, (Q * np.maximum(values, 0)) @ Q.T, atol=1e-13)


def test_eigenvalues_that_are_not_found_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = kernel.eigh

    def failing(*given: object, driver: str, **more: object) -> object:
        if driver == "evr":
            raise np.linalg.LinAlgError("no convergence")
        return usual(*given, driver=driver, **more)

    monkeypatch.setattr(kernel, "eigh", failing)
    M = np.diag([4.0, *[-1.0] * 19])
    np.testing.assert_allclose(positive_factor(M.copy(), 1) @ positive_factor(M.copy(), 1).T, np.diag([4.0] + [0] * 19))


def test_extrapolation_ends_a_linear_iteration() -> None:
    """With as many steps as dimensions it meets the fixed point of q ↦ Aq + b, older steps forgotten."""
    rng = np.random.default_rng(0)
    Q, _ = np.linalg.qr(rng.standard_normal((4, 4)))
    A, b = (Q * [0.9, 0.6, -0.3, 0.1]) @ Q.T, rng.standard_normal(4)
    fixed = np.linalg.solve(np.eye(4) - A, b)
    extrapolation, q = Extrapolation(4, 4), 1e3 * rng.standard_normal(4)
    for k in range(8):
        np.subtract(A @ q + b, q, out=extrapolation.residuals[extrapolation.place])
        step = extrapolation.step(q)
        np.testing.assert_allclose(step, A @ q + b)
        assert (extrapolation.extended() is None) == (k < 2)
        q = step.copy()
    moved = extrapolation.extended()
    assert moved is not None
    assert np.linalg.norm(moved - fixed) < 1e-5 * np.linalg.norm(q - fixed)
    extrapolation.clear()
    assert extrapolation.extended() is None

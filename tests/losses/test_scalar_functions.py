"""Every loss's numerics against definitions: Fenchel-Young, the prox's optimality, subgradients, Moreau's identity."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from reludsl.ir import Apply, Data, ScalarFunction, evaluate, sizes
from reludsl.model.losses.hinge import Hinge
from reludsl.model.losses.huber import HuberFunction
from reludsl.model.losses.logistic import Logistic
from reludsl.model.losses.quantile import Pinball
from reludsl.model.losses.squared import HalfSquare
from reludsl.model.losses.squared_hinge import SquaredHinge

FUNCTIONS: list[ScalarFunction] = [
    HalfSquare(),
    Hinge(),
    Hinge(0.5),
    SquaredHinge(),
    SquaredHinge(2.0),
    Logistic(),
    Pinball(),
    Pinball(above=0.3, below=0.7),
    HuberFunction(),
    HuberFunction(0.2),
]
every_function = pytest.mark.parametrize("function", FUNCTIONS, ids=str)
numbers = st.floats(-30, 30)


def at(function: ScalarFunction, method: str, t: float, *more: float) -> float:
    return float(getattr(function, method)(np.array([t]), *more)[0])


@every_function
@given(numbers)
def test_value_agrees_with_the_expression(function: ScalarFunction, t: float) -> None:
    (n,) = sizes("n") if isinstance(sizes("n"), tuple) else (sizes("n"),)
    by_expression = evaluate(Apply(function, Data("t", (n,))), {"t": np.array([t])})
    assert at(function, "value", t) == pytest.approx(float(np.asarray(by_expression)[0]), abs=1e-12)


@every_function
@given(numbers, numbers)
def test_derivative_is_a_subgradient(function: ScalarFunction, t: float, other: float) -> None:
    tangent = at(function, "value", t) + at(function, "derivative", t) * (other - t)
    assert at(function, "value", other) >= tangent - 1e-9


@every_function
@given(numbers, st.floats(0, 1))
def test_fenchel_young(function: ScalarFunction, t: float, share: float) -> None:
    """φ(t) + φ*(s) ≥ s t for all s in the domain, with equality at the derivative."""
    low, high = (max(end, -50.0) if end < 0 else min(end, 50.0) for end in function.conjugate_domain)
    s = low + share * (high - low)
    assert at(function, "value", t) + at(function, "conjugate", s) >= s * t - 1e-9
    slope = at(function, "derivative", t)
    total = at(function, "value", t) + at(function, "conjugate", slope)
    assert total == pytest.approx(slope * t, abs=1e-8)


@every_function
def test_conjugate_is_infinite_outside_its_domain(function: ScalarFunction) -> None:
    for end in function.conjugate_domain:
        if math.isfinite(end):
            outside = end + math.copysign(1e-3, end if end else 1.0)
            assert at(function, "conjugate", outside) == math.inf
            assert math.isfinite(at(function, "conjugate", end))


@settings(deadline=None)
@every_function
@example(v=-2.75, tau=46.0)  # bracketed Newton steps go round in a circle here
@given(v=numbers, tau=st.floats(1e-3, 1e3))
def test_prox_minimizes(function: ScalarFunction, v: float, tau: float) -> None:
    def value(t: float) -> float:
        return at(function, "value", t) + (t - v) ** 2 / (2 * tau)

    t = at(function, "prox", v, tau)
    reach = 1 + tau * 1.01 + abs(v)
    other = minimize_scalar(value, bounds=(v - reach, v + reach), method="bounded", options={"xatol": 1e-10})
    assert value(t) <= float(other.fun) + 1e-9 * (1 + abs(float(other.fun)))


@settings(deadline=None)
@every_function
@given(numbers, st.floats(1e-3, 1e3))
def test_moreau_identity(function: ScalarFunction, v: float, tau: float) -> None:
    """(v - prox(v)) / tau is a subgradient at prox(v): φ(t) + φ*(s) = s t there."""
    t = at(function, "prox", v, tau)
    s = (v - t) / tau
    low, high = function.conjugate_domain
    assert low - 1e-9 <= s <= high + 1e-9
    total = at(function, "value", t) + at(function, "conjugate", min(max(s, low), high))
    assert total == pytest.approx(s * t, abs=1e-6)


@settings(deadline=None)
@every_function
@given(numbers, st.floats(1e-2, 1e2))
def test_prox_derivative(function: ScalarFunction, v: float, tau: float) -> None:
    """Between 0 and 1, and the slope of the prox away from its kinks."""
    slope = at(function, "prox_derivative", v, tau)
    assert -1e-12 <= slope <= 1 + 1e-12
    step = 1e-5
    left, here, right = (at(function, "prox", v + shift, tau) for shift in (-step, 0.0, step))
    if abs((right - here) - (here - left)) < 1e-9:
        assert slope == pytest.approx((right - left) / (2 * step), abs=1e-3)


@every_function
@given(numbers, numbers)
def test_declared_structure_holds(function: ScalarFunction, t: float, other: float) -> None:
    if function.nonincreasing:
        assert at(function, "value", max(t, other)) <= at(function, "value", min(t, other)) + 1e-12
    if function.symmetric:
        assert at(function, "value", t) == pytest.approx(at(function, "value", -t))


@every_function
def test_extreme_arguments_are_finite(function: ScalarFunction) -> None:
    t = np.array([-1e6, -745.0, 0.0, 745.0, 1e6])
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(function.value(t)).all() and np.isfinite(function.derivative(t)).all()

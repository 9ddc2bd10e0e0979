"""Scenario counts against exact rational arithmetic, their own definition, and the published closed forms."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from reludsl.lowering.guarantee import smallest_count, sufficient_count

decimals = st.integers(1, 99).map(lambda k: k / 100)
variables = st.integers(1, 12)


def exact_tail(variables: int, count: int, violation: Fraction) -> Fraction:
    return sum(
        (comb(count, i) * violation**i * (1 - violation) ** (count - i) for i in range(min(variables, count + 1))),
        Fraction(0),
    )


@settings(max_examples=200, deadline=None)
@given(variables, st.integers(5, 99).map(lambda k: k / 100), decimals)
def test_it_is_the_smallest_in_exact_arithmetic(variables: int, violation: float, confidence: float) -> None:
    """Decimals are meant as they are written: a tail of exactly 1/10 is enough for 0.9."""
    epsilon, delta = Fraction(str(violation)), 1 - Fraction(str(confidence))
    count = smallest_count(variables, violation, confidence)
    assert exact_tail(variables, count, epsilon) <= delta < exact_tail(variables, count - 1, epsilon)


@pytest.mark.parametrize(
    ("violation", "confidence", "count"),
    [(0.5, 0.75, 2), (0.9, 0.9, 1), (0.1, 0.1, 1), (0.9, 0.999, 3), (0.2, 0.36, 2)],
)
def test_one_variable_is_a_geometric_law(violation: float, confidence: float, count: int) -> None:
    """(1 - ε)^P <= δ, with equality in these cases."""
    assert smallest_count(1, violation, confidence) == count


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 10**6), st.floats(1e-4, 0.999), st.floats(1e-3, 1 - 1e-9))
def test_large_counts_meet_the_definition_closely(variables: int, violation: float, confidence: float) -> None:
    """Against the binomial law itself; the tail changes by less than this slack over one draw."""
    count = smallest_count(variables, violation, confidence)
    allowed = 1 - confidence
    assert variables <= count <= sufficient_count(variables, violation, confidence)
    assert binom.cdf(variables - 1, count, violation) <= allowed * (1 + 1e-6)
    assert binom.cdf(variables - 1, count - 1, violation) >= allowed * (1 - 1e-6)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 3000), decimals, decimals, st.integers(1, 100), decimals, decimals)
def test_monotone(variables: int, violation: float, confidence: float, more: int, other: float, surer: float) -> None:
    count = smallest_count(variables, violation, confidence)
    assert smallest_count(variables + more, violation, confidence) > count
    assert smallest_count(variables, min(violation, other), confidence) >= count
    assert smallest_count(variables, violation, max(confidence, surer)) >= count


def test_nothing_overflows() -> None:
    count = smallest_count(10**6 + 1, 1e-4, 1 - 1e-9)
    assert 10**10 < count < sufficient_count(10**6 + 1, 1e-4, 1 - 1e-9)
    # The count of violations is close to normal there: mean P ε, six standard deviations above the variables.
    assert count * 1e-4 == pytest.approx(10**6 + 1 + 6.0 * (10**6) ** 0.5, rel=1e-4)
    assert smallest_count(1, 1e-12, 1 - 2**-53) == pytest.approx(36.7368005697e12, rel=1e-9)

"""How many random patterns or directions a probabilistic guarantee asks for: the scenario approach.

The dual of the program has one variable for each output on each sample and one for its epigraph, n c + 1 together, and
every pattern drawn is a constraint on it. With enough independent draws, one further draw would violate the dual
optimum, and so lower the optimal value of the program, with a probability of at most `violation`; this holds with
probability `confidence` over the draws (Campi, Garatti 2008). It bounds no distance to the optimum over all patterns.
"""

from __future__ import annotations

from bisect import bisect_left
from math import ceil, log

from scipy.special import betaincc


def smallest_count(variables: int, violation: float, confidence: float) -> int:
    """The smallest P with Σ_{i < variables} C(P, i) εⁱ (1 - ε)^(P - i) <= δ, ε = `violation`, δ = 1 - `confidence`.

    `variables` is at least 1, the others lie strictly between 0 and 1 (Campi, Garatti 2008, Theorem 1). The binomial
    tail is a regularized incomplete beta function. Equality is granted up to 1e-12: in floating point 1 - 0.9 < 0.1.
    """
    allowed = (1 - confidence) * (1 + 1e-12)
    counts = range(variables, sufficient_count(variables, violation, confidence))
    return variables + bisect_left(
        counts, True, key=lambda count: bool(betaincc(variables, count - variables + 1, violation) <= allowed)
    )


def sufficient_count(variables: int, violation: float, confidence: float) -> int:
    """A closed form that is never less than `smallest_count`: min{v/(εδ) - 1, (2/ε)(v + ln(1/δ))} for v variables.

    The first is by Calafiore and Campi (2005), both as in Bai, Gautam, Sojoudi (2022).
    """
    delta = 1 - confidence
    chernoff = 2 / violation * (variables - log(delta))
    return max(variables, ceil(min(variables / violation / delta - 1, chernoff)))

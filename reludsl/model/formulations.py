"""The kinds of `formulation`: which convex program stands for the training problem, and what its optimum means."""

from __future__ import annotations

from reludsl.model.model import Exact, Sampled
from reludsl.model.registry import Kind
from reludsl.options import NumberType, Option, Settings
from reludsl.source import Span

_PROGRAM = "min over vᵢ, wᵢ of L(Σᵢ DᵢX(vᵢ − wᵢ), y) + β Σᵢ (‖vᵢ‖₂ + ‖wᵢ‖₂),  (2Dᵢ − I)Xvᵢ ≥ 0, (2Dᵢ − I)Xwᵢ ≥ 0"


def _sampled(settings: Settings, span: Span | None) -> Sampled:
    return Sampled(settings["patterns"], settings["seed"], span=span)


def _exact(settings: Settings, span: Span | None) -> Exact:
    return Exact(settings["limit"], span=span)


KINDS = (
    Kind(
        "sampled",
        "the activation patterns of random directions",
        _sampled,
        (
            Option(
                "patterns",
                NumberType(1, 1_000_000, integer=True),
                "how many different patterns to use; fewer if the data has fewer",
                default=50,
            ),
            Option("seed", NumberType(0, 2**53, integer=True), "seed of the random directions", default=0),
        ),
        formula=_PROGRAM,
        details=(
            "Each pattern Dᵢ = diag(1[Xg ≥ 0]) comes from a direction g ~ N(0, I); repeated patterns are dropped and "
            "drawing goes on until there are enough or the supply is visibly exhausted. The optimum is an upper bound "
            "on that of the non-convex problem, attained by the network that is returned: more patterns can only lower "
            "it (Pilanci, Ergen 2020; Bai, Gautam, Sojoudi 2022)."
        ),
        example="formulation sampled {\n  patterns = 50\n  seed     = 0\n}",
    ),
    Kind(
        "exact",
        "every activation pattern of the data, for few dimensions",
        _exact,
        (
            Option(
                "limit",
                NumberType(2, 1_000_000, integer=True),
                "the greatest number of patterns to enumerate",
                default=2000,
            ),
        ),
        formula=_PROGRAM,
        details=(
            "With all patterns the convex program has the same optimal value as the non-convex training problem, for "
            "every sufficiently large width (Pilanci, Ergen 2020). n samples of rank r admit up to 2 Σ_{k<r} C(n−1, k) "
            "patterns (Cover 1965); a hidden bias counts as a dimension. The spec is refused with the count where that "
            "exceeds the limit."
        ),
        example="formulation exact",
    ),
)

"""The kinds of `formulation`: which convex program stands for the training problem, and what its optimum means."""

from __future__ import annotations

from reludsl.model.model import Draw, Exact, Gated, Guarantee, RandomFeatures, Sampled
from reludsl.model.registry import Kind
from reludsl.options import Choice, ChoiceType, NumberType, Option, Selected, Settings, TextType, UnionType
from reludsl.source import Span

_PROGRAM = "min over vᵢ, wᵢ of L(Σᵢ DᵢX(vᵢ − wᵢ), y) + β Σᵢ (‖vᵢ‖₂ + ‖wᵢ‖₂),  (2Dᵢ − I)Xvᵢ ≥ 0, (2Dᵢ − I)Xwᵢ ≥ 0"

_GUARANTEE = Choice(
    "guarantee",
    "as many as make it unlikely that one more would help",
    (
        Option(
            "violation",
            NumberType(0, 1, open_minimum=True, open_maximum=True),
            "ε: the greatest probability that one further random pattern lowers the optimal value",
        ),
        Option(
            "confidence",
            NumberType(0, 1, open_minimum=True, open_maximum=True),
            "1 − δ: with which probability over the draw that holds",
            default=0.99,
        ),
    ),
)

_SEED = Option("seed", NumberType(0, 2**53, integer=True), "seed of the random directions", default=0)

_GATES = Option(
    "gates",
    TextType(),
    "a file with directions to use instead: one a row, a column for each input and a last one for the hidden bias; "
    "a relative path starts at the folder of the spec",
    default=None,
)


def _how_many(name: str, what: str) -> Option:
    return Option(
        name,
        UnionType((NumberType(1, 1_000_000, integer=True), ChoiceType((_GUARANTEE,)))),
        f"how many {what} to use",
        default=50,
    )


def _draw(settings: Settings, count: str) -> Draw:
    number = settings[count]
    if isinstance(number, Selected):
        number = Guarantee(number.settings["violation"], number.settings["confidence"])
    return Draw(number, settings["seed"], settings.get("gates"), settings.written("gates"))


def _sampled(settings: Settings, span: Span | None) -> Sampled:
    return Sampled(_draw(settings, "patterns"), span=span)


def _exact(settings: Settings, span: Span | None) -> Exact:
    return Exact(settings["limit"], span=span)


def _gated(settings: Settings, span: Span | None) -> Gated:
    return Gated(_draw(settings, "patterns"), span=span)


def _random_features(settings: Settings, span: Span | None) -> RandomFeatures:
    return RandomFeatures(_draw(settings, "neurons"), span=span)


_ABOUT_THE_GUARANTEE = (
    "With `guarantee(violation = ε, confidence = 1 − δ)` so many are drawn that, with probability 1 − δ over the draw, "
    "one further random {one} lowers the optimal value with probability at most ε (Campi, Garatti 2008). That says "
    "nothing about the distance to the global optimum."
)

KINDS = (
    Kind(
        "sampled",
        "the activation patterns of random directions",
        _sampled,
        (_how_many("patterns", "different patterns"), _SEED, _GATES),
        formula=_PROGRAM,
        details=(
            "Each pattern Dᵢ = diag(1[Xg ≥ 0]) comes from a direction g ~ N(0, I); repeated patterns are dropped and "
            "drawing goes on until there are enough or the supply is visibly exhausted. The optimum is an upper bound "
            "on that of the non-convex problem, attained by the network that is returned: more patterns can only lower "
            "it (Pilanci, Ergen 2020; Bai, Gautam, Sojoudi 2022).\n\n" + _ABOUT_THE_GUARANTEE.format(one="pattern")
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
    Kind(
        "gated",
        "gated neurons on the patterns of random directions, without cones",
        _gated,
        (_how_many("patterns", "different patterns"), _SEED, _GATES),
        formula="min over uᵢ of L(Σᵢ DᵢXuᵢ, y) + β Σᵢ ‖uᵢ‖₂",
        details=(
            "The network that is trained is gated: neuron i gives 1[xᵀgᵢ ≥ 0] · xᵀuᵢ with the direction gᵢ fixed, and "
            "for these gates the convex program is exactly equivalent (Mishkin, Sahiner, Pilanci 2022). It has no "
            "constraints, so it is much easier to solve than that of a ReLU network. With all patterns of the data its "
            "optimum is a lower bound on that of ReLU training (but not under `l2`); with some of them it bounds "
            "nothing.\n\n" + _ABOUT_THE_GUARANTEE.format(one="pattern")
        ),
        example="formulation gated { patterns = 100 }",
    ),
    Kind(
        "random_features",
        "random hidden neurons that stay as they are drawn",
        _random_features,
        (_how_many("neurons", "random neurons"), _SEED),
        formula="min over α of L(Σᵢ σ(Xuᵢ) αᵢ, y) + β ‖α‖₁",
        details=(
            "The sampled convex program of Bai, Gautam, Sojoudi (2022): directions uᵢ are drawn uniformly on the unit "
            "sphere and only output weights are trained, an l1 problem without constraints. Its optimum is an upper "
            "bound on that of the non-convex problem, attained by the network that is returned. A pattern carries a "
            "whole cone of directions and a random neuron one, so many more neurons are needed.\n\n"
            + _ABOUT_THE_GUARANTEE.format(one="neuron")
        ),
        example="formulation random_features {\n  neurons = 1000\n  seed    = 0\n}",
    ),
)

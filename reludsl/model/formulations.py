"""The kinds of `formulation`: which convex program stands for the training problem, and what its optimum means."""

from __future__ import annotations

from reludsl.model.model import (
    Adaptive,
    Architecture,
    Draw,
    Exact,
    Gated,
    Guarantee,
    RandomFeatures,
    Sampled,
    SdpRelaxation,
)
from reludsl.model.registry import Default, Kind
from reludsl.model.searching import Parts, searchable
from reludsl.options import Choice, ChoiceType, ListType, NumberType, Option, Selected, Settings, TextType, UnionType
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


_AUTO = Choice(
    "auto",
    "rows that are spread in angle",
    (Option("count", NumberType(0, 4, integer=True), "how many"),),
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


def _adaptive(settings: Settings, span: Span | None) -> Adaptive:
    initial: Selected = settings["initial"]
    descends = initial.name == "descent"
    draw = Draw(initial.settings["neurons" if descends else "patterns"], settings["seed"])
    return Adaptive(draw, descends, settings["tolerance"], settings["time_limit"], span=span)


def _gated(settings: Settings, span: Span | None) -> Gated:
    return Gated(_draw(settings, "patterns"), span=span)


def _random_features(settings: Settings, span: Span | None) -> RandomFeatures:
    return RandomFeatures(_draw(settings, "neurons"), span=span)


def _sdp_relaxation(settings: Settings, span: Span | None) -> SdpRelaxation:
    split = settings["split"]
    if isinstance(split, Selected):
        split = split.settings["count"]
    if isinstance(split, tuple):
        split = tuple(int(row) for row in split)
    return SdpRelaxation(split, settings["rounding"], settings["neurons"], settings["seed"], span=span)


def _polynomial(parts: Parts) -> bool:
    return any(part.activation.polynomial for part in parts["architecture"] if isinstance(part, Architecture))


DEFAULTS = (
    Default("exact", "for polynomial neurons", _polynomial),
    Default("adaptive", "where neurons can be searched for", searchable),
)

_DESCENT = Choice(
    "descent",
    "those of a network that descended from random weights for as long as that pays",
    (Option("neurons", NumberType(1, 10_000, integer=True), "how many neurons it has", default=300),),
)

_RANDOM = Choice(
    "random",
    "those of random directions",
    (Option("patterns", NumberType(1, 100_000, integer=True), "how many different ones", default=100),),
)

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
            "exceeds the limit.\n\n"
            "With `outputs = shared` the program is over the moments of the neurons in each cell of the samples' "
            "hyperplanes, one small semidefinite block for each: min L(Σₛ DₛXBₛWₛ, Y) + β/2 Σₛ ⟨Hₛ, Wₛ⟩, Wₛ ⪰ 0, "
            "TₛWₛTₛᵀ ≥ 0. In up to four dimensions it is exact, since there the completely positive matrices are "
            "those without negative eigenvalues and entries (Maxfield, Minc 1962). Regularizers are then "
            "`weight_decay` that counts hidden biases."
            "\n\n"
            "Neurons of the activation `polynomial` have no patterns. Their program is semidefinite, of any dimension, "
            "and `exact` is what they have when the section is left out (Bartan, Pilanci 2021): min over V, W ⪰ 0 of "
            "L(f, y) + β (v₄ + w₄), fₖ = a xₖᵀN₁xₖ + b xₖᵀn₂ + c n₄, N = V − W = [N₁ n₂; n₂ᵀ n₄], tr V₁ = v₄, tr W₁ = "
            "w₄. The limit does not matter there."
        ),
        example="formulation exact",
    ),
    Kind(
        "adaptive",
        "activation patterns, or shared neurons, that are searched for while the program is solved",
        _adaptive,
        (
            Option(
                "initial",
                ChoiceType((_DESCENT, _RANDOM)),
                "the patterns or neurons to begin with",
                default=Selected("descent", Settings({"neurons": 300})),
            ),
            Option(
                "tolerance",
                NumberType(0, 1, open_minimum=True),
                "the search ends where its own estimate of what is left is at most this share of the objective",
                default=1e-3,
            ),
            _SEED,
            Option(
                "time_limit",
                NumberType(0, open_minimum=True),
                "seconds after which the search ends anyway",
                default=None,
            ),
        ),
        formula=_PROGRAM,
        details=(
            "Rounds of three steps. The convex program is solved over the patterns held, from where the last solve "
            "ended; patterns that take no part are dropped. Neurons are searched for that bring more than they cost "
            "at its dual point z: directions u of length 1 with |zᵀσ(Xu)| above the strength, by a local search from "
            "many random starts, around the neurons in use and from these themselves, across the hyperplanes on which "
            "they lie; their patterns join. The network with the new neurons then descends on the training problem "
            "itself, where neurons move from pattern to pattern, as long as that lowers the objective. The objective "
            "never rises.\n\n"
            "The search ends where the dearest neuron that it found would leave a gap of at most `tolerance`, or a "
            "round gains less than three tenths of that, also after four times as many starts. **It proves nothing "
            "about the global optimum**: a local search can miss a neuron that helps. The bound of the result is on "
            "the program over the patterns held at the end. The optimum is an upper bound on that of the non-convex "
            "problem, attained by the network that is returned.\n\n"
            "Regularizers are `weight_decay` and `path_norm` that count biases: under these a neuron has a price for "
            "its length alone, whatever its pattern.\n\n"
            "For `outputs = shared` the neurons themselves are held, by their directions: training is then a group "
            "lasso in the output weights, min over A of L(Σᵢ σ(Xuᵢ) Aᵢ, Y) + β Σᵢ ‖Aᵢ‖₂, and a neuron is worth its "
            "cost where ‖Zᵀσ(Xu)‖ > β. Descent moves the directions. In up to four dimensions the greatest price over "
            "all cells of the samples is computed at the end, and the bound is one on the global optimum, by "
            "enumeration."
        ),
        example="formulation adaptive { tolerance = 1e-4, seed = 1 }",
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
    Kind(
        "sdp_relaxation",
        "a semidefinite lower bound on training with shared neurons, in any dimension",
        _sdp_relaxation,
        (
            Option(
                "split",
                UnionType(
                    (NumberType(0, 4, integer=True), ListType(NumberType(0, integer=True)), ChoiceType((_AUTO,)))
                ),
                "the samples that are told apart by the signs of the neurons there: a list of row numbers from 0, or "
                "how many; each doubles the program",
                default=0,
            ),
            Option(
                "rounding",
                ChoiceType(
                    (
                        Choice("gaussian", "neurons are drawn from the moments"),
                        Choice("eigenvectors", "each eigenvector of the moments becomes two neurons"),
                        Choice(
                            "three_operator",
                            "neurons are drawn from the moments, then three-operator splitting (Davis, Yin 2017) makes "
                            "their own moments near these, as published",
                        ),
                    )
                ),
                "where descent to a network starts",
                default="gaussian",
            ),
            Option(
                "neurons",
                NumberType(1, 10_000, integer=True),
                "how many neurons `gaussian` and `three_operator` draw",
                default=100,
            ),
            Option("seed", NumberType(0, 2**53, integer=True), "seed of `gaussian` and `three_operator`", default=0),
        ),
        formula=(
            "min over Z of L(AZᵥ, Y) + β/2 (tr BZBᵀ + tr Zᵥᵥ),  Z ⪰ 0, PZPᵀ ≥ 0, PZMᵀ ≥ 0, MZMᵀ ≥ 0, diag PZMᵀ = 0"
        ),
        details=(
            "For one output or `outputs = shared`. Of the second moments Z of outputs and hidden weights, positive "
            "parts P and negative parts M of the projections of the samples, the relaxation keeps what is linear or "
            "semidefinite (Sahiner, Ergen, Pauly, Pilanci 2021; Prakhya, Birdal, Yurtsever 2025). As published Z "
            "has the order 2n + d + c and no interior point; here it is the same program in n + rank + c coordinates. "
            "Its optimum is a lower bound on training, at every width. Any dual point that a solver returns is "
            "repaired into a true bound.\n\n"
            "The bound can be loose, by a few percent to a third. Splitting one to three rows often closes most of "
            "that where the strength is large. The network is drawn from the moments and improved by descent on the "
            "training objective: an upper bound, seldom better than descent from random starts. In up to four "
            "dimensions `formulation exact` solves the problem itself."
        ),
        example="formulation sdp_relaxation { split = 1 }",
    ),
)

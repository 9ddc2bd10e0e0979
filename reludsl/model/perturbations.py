"""The kinds of `perturbation`: sets of changed inputs around every sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from reludsl.diagnostics import Diagnostic, Label
from reludsl.model.model import PerFeature, Perturbation, Wasserstein
from reludsl.model.registry import Kind, Refusal
from reludsl.options import Choice, ChoiceType, ListType, NumberType, Option, Settings, UnionType
from reludsl.source import Span

_ANY = UnionType((NumberType(), ListType(NumberType())))


_UP, _DOWN = NumberType(minimum=0), NumberType(maximum=0)
_RADIUS = Option(
    "radius",
    UnionType((_UP, ListType(_UP))),
    "the radius, in the units of the raw inputs: one number, or one for each input column",
    example="0.05",
)
_LOWER = Option(
    "lower",
    UnionType((_DOWN, ListType(_DOWN))),
    "the least change of an input, at most 0: one number, or one for each input column",
    example="-0.05",
)
_UPPER = Option(
    "upper",
    UnionType((_UP, ListType(_UP))),
    "the greatest change of an input, at least 0: one number, or one for each input column",
    example="0.02",
)
_VALID = (
    Option(
        "minimum",
        _ANY,
        "the least value of a changed input, such as 0 for a pixel: one number, or one for each input column",
        default=None,
        example="-100",
    ),
    Option("maximum", _ANY, "the greatest value of a changed input", default=None, example="100"),
)
_LIMITS = (replace(_LOWER, default=None), replace(_UPPER, default=None), *_VALID)


def _none(settings: Settings, span: Span | None) -> None:
    return None


def _ball(norm: Literal["linf", "l2", "l1", "box"]) -> Callable[[Settings, Span | None], Perturbation | Refusal]:
    def build(settings: Settings, span: Span | None) -> Perturbation | Refusal:
        lengths = {
            name: (len(value), settings.written(name)) for name, value in settings.items() if isinstance(value, tuple)
        }
        first = next(iter(lengths), None)
        for name, (length, place) in lengths.items():
            assert first is not None
            other, there = lengths[first]
            assert place is not None and there is not None, "no list is a default"
            if length != other:
                message = f"`{first}` has {other} entries, `{name}` has {length}"
                places = Label(place, f"{length} entries"), Label(there, f"{other} entries", primary=False)
                return Refusal((Diagnostic("C251", message, places, help="give one number for each input column"),))
        minimum, maximum = settings["minimum"], settings["maximum"]
        for low, high in _pairs(minimum, maximum):
            place = settings.written("maximum")
            if low > high and place is not None:
                message = f"`minimum` is {low:g}, above `maximum`, which is {high:g}"
                labels = (Label(place, "no input can satisfy both"),)
                return Refusal((Diagnostic("C252", message, labels, help="let `minimum` be at most `maximum`"),))
        limits = {name: settings[name] for name in ("lower", "upper", "minimum", "maximum")}
        return Perturbation(norm, settings.get("radius"), **limits, span=span)

    return build


def _pairs(first: PerFeature | None, second: PerFeature | None) -> list[tuple[float, float]]:
    """The entries of two limits beside each other; none where one is missing."""
    if first is None or second is None:
        return []
    sizes = [len(value) for value in (first, second) if isinstance(value, tuple)]
    count = sizes[0] if sizes else 1
    lists = [value if isinstance(value, tuple) else (value,) * count for value in (first, second)]
    return list(zip(*lists, strict=True))


def _wasserstein(settings: Settings, span: Span | None) -> Wasserstein:
    return Wasserstein(settings["radius"], settings["norm"], span)


_ABOUT = (
    "The network withstands every change δ in the set: each sample's loss is its worst one over the set, and every "
    "neuron keeps its activation on all of it (Bai, Gautam, Sojoudi 2022, section 4). The optimum is an upper bound on "
    "that of the robust training problem. Changes are in the units of the raw inputs, also where the inputs are "
    "scaled; a bias is never changed. `lower` and `upper` limit the changes themselves, `minimum` and `maximum` the "
    "changed inputs; the set is what satisfies all of them. With radius 0 the program is that without a perturbation."
)

KINDS = (
    Kind(
        "none",
        "the samples as they are",
        _none,
        formula="{0}",
        details="The default: the network is trained on the given samples alone.",
        example="perturbation none",
    ),
    Kind(
        "linf",
        "every input changes by at most the radius",
        _ball("linf"),
        (_RADIUS, *_LIMITS),
        formula="{δ : |δⱼ| ≤ radiusⱼ}",
        details=_ABOUT,
        example="perturbation linf { radius = 8 / 255, minimum = 0, maximum = 1 }",
    ),
    Kind(
        "l2",
        "the Euclidean norm of the change is at most the radius",
        _ball("l2"),
        (_RADIUS, *_LIMITS),
        formula="{δ : Σⱼ (δⱼ / radiusⱼ)² ≤ 1}",
        details=_ABOUT,
        example="perturbation l2 { radius = 0.5 }",
    ),
    Kind(
        "l1",
        "the changes of all inputs add up to at most the radius",
        _ball("l1"),
        (_RADIUS, *_LIMITS),
        formula="{δ : Σⱼ |δⱼ| / radiusⱼ ≤ 1}",
        details=_ABOUT,
        example="perturbation l1 { radius = 1 }",
    ),
    Kind(
        "box",
        "every input changes within limits of its own",
        _ball("box"),
        (_LOWER, _UPPER, *_VALID),
        formula="{δ : lowerⱼ ≤ δⱼ ≤ upperⱼ}",
        details=_ABOUT,
        example="perturbation box { lower = -0.1, upper = 0.2 }",
    ),
    Kind(
        "wasserstein",
        "the distribution of the samples moves by at most the radius, on average",
        _wasserstein,
        (
            Option(
                "radius",
                NumberType(minimum=0),
                "how far the distribution may move, in units of the raw inputs",
                example="0.05",
            ),
            Option(
                "norm",
                ChoiceType(
                    (
                        Choice("l1", "the sum of the absolute changes"),
                        Choice("l2", "the Euclidean norm of the change"),
                        Choice("linf", "the greatest absolute change"),
                    )
                ),
                "how far it is from one sample to another",
                default="l2",
            ),
        ),
        formula="{distributions Q of inputs : W₁(Q, samples) ≤ radius}",
        details=(
            "Distributionally robust training with the absolute loss: the worst mean loss over all distributions of "
            "inputs within the radius in the order-1 Wasserstein distance, for which the program pays the radius times "
            "a bound on the network's Lipschitz constant (Mohajerin Esfahani, Kuhn 2018; Pallage, Lesage-Landry 2024). "
            "Distances are in the units of the raw inputs, targets stay as they are."
        ),
        example="perturbation wasserstein { radius = 0.1, norm = l2 }",
    ),
)

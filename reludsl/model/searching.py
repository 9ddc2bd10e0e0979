"""Where neurons can be searched for: what decides whether `adaptive` is what a spec without a formulation has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reludsl.diagnostics import Diagnostic, Label
from reludsl.model.model import Adaptive, Architecture, Perturbation, Regularizer, Wasserstein
from reludsl.source import Span

Parts = Mapping[str, list[Any]]
Unfit = tuple[str, Span | None, str, str]
"""What the search does not go with: its name, its place, the reason, and what to do."""


def searchable(parts: Parts) -> bool:
    """Whether neurons can be searched for, as far as the parts of a spec are known; shared ones always."""
    shared = any(part.shared for part in parts["architecture"] if isinstance(part, Architecture))
    return shared or not any(_unfit(parts))


def search_fits(context: Mapping[str, Any], parts: Parts) -> Iterator[Diagnostic]:
    """C280: patterns are searched for by the price of a neuron, which has to depend on its length alone."""
    formulation, architecture = context.get("formulation"), context.get("architecture")
    if not isinstance(formulation, Adaptive) or formulation.span is None:
        return
    if isinstance(architecture, Architecture) and architecture.shared:
        return  # C223 says what these take
    for what, place, why, remedy in _unfit(parts):
        span = place or formulation.span
        label = Label(formulation.span, "patterns are searched for here", primary=False)
        labels = (Label(span, why), *([label] if span != formulation.span else []))
        yield Diagnostic("C280", f"`formulation adaptive` does not go with {what}", labels, help=remedy)


def _unfit(parts: Parts) -> Iterator[Unfit]:
    """What the search for patterns does not go with."""
    architectures = [part for part in parts["architecture"] if isinstance(part, Architecture)]
    for architecture in architectures:
        activation = architecture.activation
        if activation.gated or activation.stepwise:
            remedy = "use `activation = relu`, `leaky_relu` or `absolute`, or `formulation sampled`"
            why = "its neurons jump, so that no small change tells where to search"
            yield f"the activation `{activation.name}`", architecture.span, why, remedy
    known = all(part is None or isinstance(part, Regularizer) for part in parts["regularizer"])
    regularizers = [part for part in parts["regularizer"] if isinstance(part, Regularizer)]
    for part in regularizers:
        if part.name not in ("weight_decay", "path_norm"):
            why = "its price of a neuron is not that of a length"
            yield f"the regularizer `{part.name}`", part.span, why, "use `weight_decay` or `path_norm`"
        elif any(architecture.hidden_bias for architecture in architectures) and not part.penalty.biases:
            yield "free hidden biases", part.span, "biases of any length cost nothing", "write `biases = penalized`"
    if known and not any(part.strength > 0 for part in regularizers):
        span = next((part.span for part in regularizers), None)
        why = "every neuron brings more than it costs"
        yield "weights that cost nothing", span, why, "give `weight_decay` a strength above 0"
    for part in parts["perturbation"]:
        if isinstance(part, (Perturbation, Wasserstein)) and not part.changes_nothing:
            why, remedy = "the search knows samples, and no sets around them", "use `formulation sampled`"
            yield f"`perturbation {part.name}`", part.span, why, remedy

"""Rules that hold across sections.

Each takes the parts found so far and gives its diagnostics; parts may be INVALID.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reludsl.diagnostics import Diagnostic, Label, listed
from reludsl.model.model import (
    Adaptive,
    Architecture,
    Gated,
    Input,
    Loss,
    Perturbation,
    RandomFeatures,
    Regularizer,
    Sampled,
    SdpRelaxation,
    Target,
    Wasserstein,
    Weight,
)
from reludsl.model.searching import Parts, search_fits
from reludsl.source import Span

Rule = Callable[[Mapping[str, Any], Parts], Iterator[Diagnostic]]


_DECLARED = {
    "vector": "as real-valued",
    "matrix": "as real-valued",
    "binary": "as binary",
    "categorical": "as classes",
}

_USUAL_LOSS = {"vector": "squared", "matrix": "squared", "binary": "logistic", "categorical": "cross_entropy"}


def loss_fits_target(context: Mapping[str, Any], parts: Parts) -> Iterator[Diagnostic]:
    """C214: a margin loss needs labels in {-1, +1}, the cross-entropy classes, most distance losses real values."""
    loss, target = context.get("loss"), context.get("target")
    if not isinstance(loss, Loss) or not isinstance(target, Target) or target.type in loss.targets:
        return
    assert loss.span is not None and target.span is not None
    if "vector" in loss.targets or "matrix" in loss.targets:
        needs, defined = "a real-valued target", "real values"
    elif "binary" in loss.targets:
        needs, defined = "a target of labels", "labels in {-1, +1}"
    else:
        needs, defined = "a target of classes", "one of several classes"
    yield Diagnostic(
        "C214",
        f"`{loss.name}` needs {needs}",
        (
            Label(loss.span, f"defined for {defined}"),
            Label(target.span, f"declared {_DECLARED[target.type]} here", primary=False),
        ),
        help=f"declare `{_declaration(loss, target)}`, or use `loss {_USUAL_LOSS[target.type]}`",
    )


def _declaration(loss: Loss, target: Target) -> str:
    """A declaration of the target that its loss takes, where possible for the columns that the target has."""
    type_ = min(loss.targets, key=lambda name: (name in ("matrix", "categorical")) != (target.type == "matrix"))
    columns = {"matrix": ", c", "categorical": ", 2" if target.binary else ", k"}.get(type_, "")
    return f"target {target.name} : {type_}[{target.rows}{columns}]"


def rows_agree(context: Mapping[str, Any], parts: Parts) -> Iterator[Diagnostic]:
    """C218: input, target and weight have one row a sample."""
    input_ = context.get("input")
    if not isinstance(input_, Input):
        return
    for other in (context.get("target"), context.get("weight")):
        if not isinstance(other, (Target, Weight)) or input_.rows == other.rows:
            continue
        assert input_.span is not None and other.span is not None
        yield Diagnostic(
            "C218",
            f"`{input_.name}` has {input_.rows} rows, `{other.name}` has {other.rows}",
            (
                Label(other.span, f"{other.rows} rows"),
                Label(input_.span, f"{input_.rows} rows", primary=False),
            ),
            help="write the same dimension in both: a row is a sample",
        )


def outputs_fit_target(context: Mapping[str, Any], parts: Parts) -> Iterator[Diagnostic]:
    """C222, C224, C262: a target of several columns or classes has separate or shared outputs, any other target one."""
    architecture, target = context.get("architecture"), context.get("target")
    if not isinstance(architecture, Architecture) or not isinstance(target, Target):
        return
    if target.several and architecture.activation.polynomial:
        yield _several_polynomials(architecture, target)
        return
    if target.several == (architecture.separate or architecture.shared) and (
        target.several or architecture.outputs == "1"
    ):
        return
    place = architecture.outputs_span or architecture.span
    assert place is not None and target.span is not None
    if target.several:
        code, message = "C222", f"`{target.name}` needs several outputs"
        several = _several(target)
        number = "one output" if architecture.outputs == "1" else "a number of outputs that the target decides"
        remedy = (
            "write `outputs = separate`: every output has neurons of its own, and that is solved exactly; or "
            "`outputs = shared`"
        )
    else:
        code, message = "C224", f"`{target.name}` has one output, not several"
        several = "one value a sample"
        number = f"{'several' if architecture.outputs.isdigit() else architecture.outputs} outputs"
        remedy = "take `outputs` out: the target has one value a sample"
    yield Diagnostic(code, message, (Label(place, number), Label(target.span, several, primary=False)), help=remedy)


def _several_polynomials(architecture: Architecture, target: Target) -> Diagnostic:
    place = architecture.outputs_span or architecture.span
    assert place is not None and target.span is not None
    return Diagnostic(
        "C262",
        f"the activation `{architecture.activation.name}` has one output",
        (Label(place, "polynomial neurons"), Label(target.span, _several(target), primary=False)),
        notes=(f"`{target.name}` needs several",),
        help="train each output by a spec of its own, or use an activation that is piecewise linear",
    )


def _several(target: Target) -> str:
    return "one output a class" if target.categorical else "one output a column"


def shared_neurons_fit(context: Mapping[str, Any], parts: Parts) -> Iterator[Diagnostic]:
    """C223: neurons that several outputs share have a program over cells, and that under weight decay alone."""
    architecture = context.get("architecture")
    if not isinstance(architecture, Architecture) or not architecture.shared:
        return
    target = context.get("target")
    if isinstance(target, Target) and not target.several:
        return  # C224 says so
    if architecture.activation.polynomial:
        return  # C262 says so
    place = architecture.outputs_span or architecture.span
    assert place is not None
    for what, span, why, remedy in _unshared(architecture, context, parts):
        yield Diagnostic(
            "C223",
            f"hidden neurons that outputs share do not go with {what}",
            (Label(span or place, why), *([Label(place, "shared here", primary=False)] if span else [])),
            help=f"{remedy}, or write `outputs = separate`",
        )


def _unshared(
    architecture: Architecture, context: Mapping[str, Any], parts: Parts
) -> Iterator[tuple[str, Span | None, str, str]]:
    """What shared neurons do not go with: its name, its place, the reason, and what to do."""
    activation, formulation = architecture.activation, context.get("formulation")
    if activation.gated or activation.stepwise:
        remedy = "use `activation = relu`, `leaky_relu` or `absolute`"
        yield f"the activation `{activation.name}`", architecture.span, "not linear on the cells", remedy
    if isinstance(formulation, (Sampled, Gated, RandomFeatures)):
        why = "a convex program of separate outputs"
        yield f"`formulation {formulation.name}`", formulation.span, why, "write `formulation exact` or `adaptive`"
    regularizers = [part for part in parts["regularizer"] if isinstance(part, Regularizer)]
    for part in regularizers:
        if part.name != "weight_decay":
            yield f"the regularizer `{part.name}`", part.span, "no function of moments", "use `weight_decay`"
        elif architecture.hidden_bias and not part.penalty.biases:
            why = "a bias without a price is no coordinate of a cell"
            yield "free hidden biases", part.span, why, "write `biases = penalized`"
    known = all(part is None or isinstance(part, Regularizer) for part in parts["regularizer"])
    if known and not any(part.strength > 0 for part in regularizers):
        span = next((part.span for part in regularizers), None)
        remedy = "give `weight_decay` a strength above 0"
        yield "weights that cost nothing", span, "their moments are not bounded", remedy
    perturbation = context.get("perturbation")
    if isinstance(perturbation, (Perturbation, Wasserstein)):
        why = "its worst cases are known for separate outputs"
        yield f"`perturbation {perturbation.name}`", perturbation.span, why, "take the perturbation out"


MOST_SPLIT = 4
"""Rows that a relaxation tells apart: each doubles the program."""


def relaxation_fits(context: Mapping[str, Any], parts: Parts) -> Iterator[Diagnostic]:
    """C234: the relaxation is for one output or shared neurons; one output like shared ones goes with weight decay."""
    formulation = context.get("formulation")
    if not isinstance(formulation, SdpRelaxation) or formulation.span is None:
        return
    architecture, target = context.get("architecture"), context.get("target")
    if not isinstance(architecture, Architecture) or not isinstance(target, Target):
        return
    found: list[tuple[str, Span | None, str, str]] = []
    if architecture.separate:
        why, remedy = "a program for each output would do", "write `outputs = shared`"
        found.append(("outputs that share no neurons", architecture.outputs_span or architecture.span, why, remedy))
    elif architecture.activation.polynomial:
        why = "a program of its own, which is exact"
        found.append(("the activation `polynomial`", architecture.span, why, "write `formulation exact`"))
    elif not target.several:  # C223 speaks of several
        found += _unshared(architecture, context, parts)
    rows = formulation.split if isinstance(formulation.split, tuple) else ()
    if len(rows) > MOST_SPLIT:
        what = f"a split of {len(rows)} rows"
        found.append((what, formulation.span, "each doubles the program", f"name at most {MOST_SPLIT}"))
    here = Label(formulation.span, "relaxed here", primary=False)
    for what, place, why, remedy in found:
        span = place or formulation.span
        yield Diagnostic(
            "C234",
            f"`formulation sdp_relaxation` does not go with {what}",
            (Label(span, why), *([] if span == formulation.span else [here])),
            help=remedy,
        )


def activation_fits_regularizers(context: Mapping[str, Any], parts: Parts) -> Iterator[Diagnostic]:
    """C225: neurons whose penalty is fixed by what they are: by the height of a step, or by weights of norm 1."""
    architecture = context.get("architecture")
    if not isinstance(architecture, Architecture):
        return
    taken: tuple[str, ...]
    if architecture.activation.stepwise:
        taken, why, what = ("weight_decay", "path_norm"), "not proportional to the height of a step", "are steps"
    elif architecture.activation.polynomial:
        taken, why, what = ("path_norm",), "not the l1 norm of output weights", "have weights of norm 1"
    else:
        return
    for regularizer in parts["regularizer"]:
        if not isinstance(regularizer, Regularizer):
            continue
        fits = regularizer.name in taken
        if fits and (regularizer.penalty.biases or not architecture.hidden_bias):
            continue
        assert regularizer.span is not None and architecture.span is not None
        wanted = f"`{regularizer.name}` with free biases" if fits else f"`{regularizer.name}`"
        yield Diagnostic(
            "C225",
            f"the activation `{architecture.activation.name}` does not take {wanted}",
            (
                Label(regularizer.span, why),
                Label(architecture.span, f"its neurons {what}", primary=False),
            ),
            help="write `biases = penalized`" if fits else f"use {listed(taken)}",
        )


def formulation_fits(context: Mapping[str, Any], parts: Parts) -> Iterator[Diagnostic]:
    """C226, C227, C261: gates are for gated ReLU, random features for what weights switch, patterns not for all."""
    formulation, architecture = context.get("formulation"), context.get("architecture")
    if not isinstance(architecture, Architecture):
        return
    if not isinstance(formulation, (Sampled, Adaptive, Gated, RandomFeatures)):
        return
    activation = architecture.activation
    if activation.polynomial:
        assert formulation.span is not None and architecture.span is not None
        yield Diagnostic(
            "C261",
            f"`{formulation.name}` does not take the activation `{activation.name}`",
            (
                Label(formulation.span, "draws activation patterns or neurons"),
                Label(architecture.span, "a polynomial has no patterns", primary=False),
            ),
            help="write `formulation exact`, or leave the section out: its semidefinite program is exact",
        )
        return
    if isinstance(formulation, (Sampled, Adaptive)):
        return
    gated = isinstance(formulation, Gated)
    if activation.gated or activation.name == "relu" if gated else not activation.gated:
        return
    assert formulation.span is not None and architecture.span is not None
    yield Diagnostic(
        "C226" if gated else "C227",
        f"`{formulation.name}` does not take the activation `{activation.name}`",
        (
            Label(formulation.span, "trains gated ReLU neurons" if gated else "draws the neurons' own weights"),
            Label(architecture.span, f"its activation is `{activation.name}`", primary=False),
        ),
        help=f"write `activation = relu`, or use {'`formulation sampled`' if gated else '`formulation gated`'}",
    )


def random_features_fit_regularizers(context: Mapping[str, Any], parts: Parts) -> Iterator[Diagnostic]:
    """C228: neurons that are drawn keep their length, and their penalty is one of output weights."""
    formulation = context.get("formulation")
    if not isinstance(formulation, RandomFeatures):
        return
    for regularizer in parts["regularizer"]:
        if not isinstance(regularizer, Regularizer) or regularizer.penalty.exact:
            continue
        assert regularizer.span is not None and formulation.span is not None
        yield Diagnostic(
            "C228",
            f"`{formulation.name}` does not take the regularizer `{regularizer.name}`",
            (
                Label(regularizer.span, "counts their squares, in an l1 problem"),
                Label(formulation.span, "trains nothing but output weights", primary=False),
            ),
            help="use `weight_decay`, `path_norm` or `l1`",
        )


def weight_decays_agree_on_biases(context: Mapping[str, Any], parts: Parts) -> Iterator[Diagnostic]:
    """C229: the least weight decay over all scalings of a neuron is a norm of it only if its sums agree on the bias."""
    architecture = context.get("architecture")
    if not isinstance(architecture, Architecture) or not architecture.hidden_bias:
        return
    decays = [part for part in parts["regularizer"] if isinstance(part, Regularizer) and part.name == "weight_decay"]
    other = next((part for part in decays if part.penalty.biases != decays[0].penalty.biases), None)
    if other is None:
        return
    first = decays[0]
    assert first.span is not None and other.span is not None
    words = {True: "penalizes biases", False: "leaves them free"}
    yield Diagnostic(
        "C229",
        "one `weight_decay` penalizes hidden biases, another leaves them free",
        (
            Label(other.span, words[other.penalty.biases]),
            Label(first.span, words[first.penalty.biases], primary=False),
        ),
        notes=("together they are no norm of a neuron, so they have no convex program of this kind",),
        help="write the same `biases` in both, or use `path_norm` in place of one",
    )


def perturbation_fits(context: Mapping[str, Any], parts: Parts) -> Iterator[Diagnostic]:
    """C253, C254: a worst case needs a loss that tells it, and neurons that keep their activation on a set."""
    perturbation, loss = context.get("perturbation"), context.get("loss")
    if not isinstance(perturbation, (Perturbation, Wasserstein)) or perturbation.span is None:
        return
    label = Label(perturbation.span, "this perturbation", primary=False)
    moved = isinstance(perturbation, Wasserstein)
    if isinstance(loss, Loss) and loss.span is not None:
        reason = loss.function.robust_obstacle
        if moved and loss.name != "absolute":
            reason = "the price of moving the distribution is known for `absolute` alone"
        if reason is not None:
            yield Diagnostic(
                "C253",
                f"the loss `{loss.name}` has no convex worst case under `{perturbation.name}`",
                (Label(loss.span, reason), label),
                help="use `loss absolute`"
                if moved
                else "write it as a function of `y * f` that never grows with it, or of `f - y` that grows with its "
                "size, or use another loss",
            )
    for what, place, why in _frail(context, moved):
        yield Diagnostic(
            "C254",
            f"`perturbation {perturbation.name}` does not take {what}",
            (Label(place, why), label),
            help="use `formulation sampled` and `activation = relu`, `leaky_relu` or `absolute`",
        )


def _frail(context: Mapping[str, Any], moved: bool) -> Iterator[tuple[str, Span, str]]:
    """What is not made for perturbations, of the samples or of their distribution: its name, its place, and why."""
    architecture, formulation = context.get("architecture"), context.get("formulation")
    jumps = "jumps where a gate opens, however small its weights are"
    if isinstance(architecture, Architecture) and architecture.span is not None:
        if architecture.activation.stepwise:
            yield f"the activation `{architecture.activation.name}`", architecture.span, "jumps, so it has no slopes"
        elif architecture.activation.polynomial:
            yield f"the activation `{architecture.activation.name}`", architecture.span, "is linear on no set of inputs"
        elif moved and architecture.activation.gated:
            yield f"the activation `{architecture.activation.name}`", architecture.span, jumps
    if isinstance(formulation, RandomFeatures) and formulation.span is not None:
        yield "`formulation random_features`", formulation.span, "cannot keep the activation of its neurons"
    if moved and isinstance(formulation, Gated) and formulation.span is not None:
        yield "`formulation gated`", formulation.span, jumps


def regularizer_is_there(context: Mapping[str, Any], parts: Parts) -> Iterator[Diagnostic]:
    """L502: without a penalty the optimal network is not unique and its weights are not bounded."""
    regularizers = parts["regularizer"]
    if not all(part is None or isinstance(part, Regularizer) for part in regularizers):
        return
    present = [part for part in regularizers if part is not None]
    if any(part.strength > 0 for part in present):
        return
    span = next((part.span for part in present if part.span is not None), None)
    loss = context.get("loss")
    if span is None and isinstance(loss, Loss):
        span = loss.span
    architecture = context.get("architecture")
    unit = isinstance(architecture, Architecture) and architecture.activation.polynomial
    usual = "path_norm" if unit else "weight_decay"
    if span is not None:
        yield Diagnostic(
            "L502",
            "nothing penalizes the weights",
            (Label(span, "strength 0" if present else "no regularizer beside this loss"),),
            notes=("the optimum is then not unique, and no useful lower bound exists",),
            help="choose a strength above 0" if present else f"add `regularizer {usual} {{ strength = 1e-3 }}`",
            severity="warning",
        )


RULES: tuple[Rule, ...] = (
    loss_fits_target,
    rows_agree,
    outputs_fit_target,
    shared_neurons_fit,
    relaxation_fits,
    search_fits,
    activation_fits_regularizers,
    formulation_fits,
    random_features_fit_regularizers,
    weight_decays_agree_on_biases,
    perturbation_fits,
    regularizer_is_there,
)

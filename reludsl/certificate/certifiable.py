"""Whether a global certificate of its own can be had for a model, and why not: told before anything is solved.

Its bound rests on the price of a single neuron: the most that one of norm 1 brings, to compare with what it costs. That
is known for networks of piecewise linear neurons that cost their Euclidean norm, biases included.
"""

from __future__ import annotations

from reludsl.certificate.everywhere import MOST_CELLS, MOST_RELAXED, Certifier
from reludsl.diagnostics import Diagnostic, Label, listed
from reludsl.ir import BlockPenalty
from reludsl.mistakes import Mistakes
from reludsl.model.model import Gated, Model
from reludsl.pricing import branch, enumeration
from reludsl.source import Span

ACTIVATIONS = ("relu", "leaky_relu", "absolute")


def why_uncertifiable(model: Model) -> tuple[Diagnostic, ...]:
    """What of a spec stands against it (C270 to C272); empty where nothing does."""
    found = []
    architecture, perturbation = model.architecture, model.perturbation
    if isinstance(model.formulation, Gated):
        found.append(
            Diagnostic(
                "C270",
                "`formulation gated` trains a gated network: a global certificate is one of networks with free gates",
                _at(model.formulation.span, "fixes the gates"),
                help="leave the certificate out: for its gates the optimum is proved by the bound of the solve",
            )
        )
    elif architecture.activation.name not in ACTIVATIONS:
        found.append(
            Diagnostic(
                "C270",
                f"no global certificate is known for neurons of the activation `{architecture.activation.name}`",
                _at(architecture.span, "has these neurons"),
                help=f"use `formulation exact`, or the activation {listed(ACTIVATIONS)}",
            )
        )
    penalties = [part.penalty for part in model.regularizers]
    total = BlockPenalty.of(penalties, architecture.hidden_bias, architecture.output_bias)
    if not total.group or BlockPenalty(total.group, offset_l1=total.offset_l1, offset_l2=total.offset_l2) != total:
        wrong = next((part for part in model.regularizers if part.name in ("l1", "l2")), model.regularizers[0])
        what = f"`{wrong.name}`" if wrong.name in ("l1", "l2") else f"`{wrong.name}` with `biases = free`"
        exact = "" if any(part.name == "l2" for part in model.regularizers) else ", or `formulation exact`"
        found.append(
            Diagnostic(
                "C271",
                f"a neuron costs more than its Euclidean norm says, or less, under {what}",
                _at(wrong.span, "this penalty"),
                help=f"use `weight_decay` or `path_norm` alone that counts all biases{exact}",
            )
        )
    if perturbation is not None and not perturbation.changes_nothing:
        found.append(
            Diagnostic(
                "C272",
                "no global certificate is known for training against perturbations",
                _at(perturbation.span, "the perturbation"),
                help="leave the perturbation out, or the certificate: the bound of the solve is on the robust program",
            )
        )
    return tuple(found)


def _at(span: Span | None, text: str) -> tuple[Label, ...]:
    return (Label(span, text),) if span else ()


def refuse_out_of_reach(certifier: Certifier, relaxes: bool) -> None:
    """Raises Mistakes (D329) where none of the ways takes the samples; `relaxes` says whether a relaxation does."""
    if certifier.cells is not None or certifier.branches or relaxes or not certifier.rank:
        return
    model, rank = certifier.model, certifier.rank
    reasons = [f"cells are enumerated in up to {enumeration.MOST_DIMENSIONS} dimensions, up to {MOST_CELLS} of them"]
    if model.architecture.shared:
        reasons.append("branch and bound knows neurons of one output")
    else:
        reasons.append(f"branch and bound goes to {branch.MOST_DIMENSIONS} dimensions, with many samples not so far")
    reasons.append(f"the relaxation takes one output or shared neurons, and up to {MOST_RELAXED} samples")
    bias = ", a hidden bias counted" if model.architecture.hidden_bias else ""
    message = f"no way to a global certificate takes these samples of {rank} dimensions{bias}"
    raise Mistakes([Diagnostic("D329", message, notes=tuple(reasons), help="take fewer input columns")])

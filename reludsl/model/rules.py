"""Rules that hold across sections.

Each takes the parts found so far and gives its diagnostics; parts may be INVALID.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reludsl.diagnostics import Diagnostic, Label
from reludsl.model.model import Input, Loss, Regularizer, Target

Parts = Mapping[str, list[Any]]
Rule = Callable[[Mapping[str, Any], Parts], Iterator[Diagnostic]]


def loss_fits_target(context: Mapping[str, Any], parts: Parts) -> Iterator[Diagnostic]:
    """C214: a margin loss needs labels in {-1, +1}, most distance losses need real values."""
    loss, target = context.get("loss"), context.get("target")
    if not isinstance(loss, Loss) or not isinstance(target, Target) or target.type in loss.targets:
        return
    assert loss.span is not None and target.span is not None
    needed = "binary" if "binary" in loss.targets else "vector"
    needs, declared = ("labels in {-1, +1}", "real-valued") if needed == "binary" else ("real values", "binary")
    yield Diagnostic(
        "C214",
        f"`{loss.name}` needs a {'binary' if needed == 'binary' else 'real-valued'} target",
        (
            Label(loss.span, f"defined for {needs}"),
            Label(target.span, f"declared as {declared} here", primary=False),
        ),
        help=f"declare `target {target.name} : {needed}[{target.rows}]`, or use `loss squared`",
    )


def rows_agree(context: Mapping[str, Any], parts: Parts) -> Iterator[Diagnostic]:
    """C218: input and target have one row a sample."""
    input_, target = context.get("input"), context.get("target")
    if not isinstance(input_, Input) or not isinstance(target, Target) or input_.rows == target.rows:
        return
    assert input_.span is not None and target.span is not None
    yield Diagnostic(
        "C218",
        f"`{input_.name}` has {input_.rows} rows, `{target.name}` has {target.rows}",
        (
            Label(target.span, f"{target.rows} rows"),
            Label(input_.span, f"{input_.rows} rows", primary=False),
        ),
        help="write the same dimension in both: a row is a sample",
    )


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
    if span is not None:
        yield Diagnostic(
            "L502",
            "nothing penalizes the weights",
            (Label(span, "strength 0" if present else "no regularizer beside this loss"),),
            notes=("the optimum is then not unique, and no useful lower bound exists",),
            help="choose a strength above 0" if present else "add `regularizer weight_decay { strength = 1e-3 }`",
            severity="warning",
        )


RULES: tuple[Rule, ...] = (loss_fits_target, rows_agree, regularizer_is_there)

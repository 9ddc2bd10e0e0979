"""The loss that the user writes down, and why an expression is refused for one: C242, C243."""

from __future__ import annotations

from reludsl.diagnostics import Diagnostic, Label
from reludsl.ir import CustomLoss, Data, Divide, Expression, Fault, Multiply, find_fault, substitute
from reludsl.ir.attributes import Curvature
from reludsl.ir.loss_structure import PREDICTION, TARGET
from reludsl.model.expressions import FUNCTIONS, read_expression
from reludsl.model.losses.kind import loss_kind
from reludsl.model.registry import Refusal
from reludsl.model.rewritings import rewriting, said
from reludsl.options import ExpressionType, Option, Settings
from reludsl.source import Span


def _custom(settings: Settings) -> CustomLoss | Refusal:
    formula = settings["expression"]
    definition, diagnostics = read_expression(formula, (PREDICTION, TARGET))
    if definition is None:
        return Refusal(tuple(diagnostics))
    problem = _problem(definition, formula.value.span)
    return CustomLoss(definition) if problem is None else Refusal((problem,))


def _problem(definition: Expression, span: Span) -> Diagnostic | None:
    """What keeps the definition from being a loss. It has to be convex in f; y is data, of either sign."""
    in_f = substitute(definition, {TARGET.name: Data(TARGET.name, ())})
    if in_f.is_constant:
        return Diagnostic(
            "C243",
            "the loss does not depend on the prediction `f`",
            (Label(span, "expected an expression in `f`"),),
            help="compare `f` with the target `y`, as `square(f - y)` does",
        )
    fault = find_fault(in_f, Curvature.CONVEX, span)
    return None if fault is None else _not_convex(fault)


def _not_convex(fault: Fault) -> Diagnostic:
    assert fault.span is not None
    label, remedy = _explained(fault)
    known = rewriting(fault)
    return Diagnostic(
        "C242",
        "the loss is not provably convex in `f`",
        (Label(fault.span, label),),
        help=remedy if known is None else str(known),
    )


def _explained(fault: Fault) -> tuple[str, str]:
    """The rule that is broken, for the label, and what to do where no rewriting is known."""
    node, argument, needed = fault.node, fault.argument, fault.wanted.value
    if node.rule.obstacle:
        if isinstance(node, Divide):
            return "the divisor depends on `f`", "divide by what does not depend on `f`"
        return "both factors depend on `f`", "multiply `f` by what does not depend on it; x² is `square(x)`"
    if argument is None or fault.monotone is None:
        found = f"{node.curvature.value} in `f`, but has to be {needed} here"
        if fault.wanted.is_affine:
            return found, "write what is affine in `f`"
        direction = "added, not subtracted" if node.curvature is Curvature.CONVEX else "subtracted, not added"
        return found, f"what is {node.curvature.value} in `f` may be {direction}"
    found = f"so `{said(argument)}` has to be {needed} in `f`, but is {argument.curvature.value}"
    if isinstance(node, Multiply | Divide):
        other = node.right if argument is node.left else node.left
        return f"`{said(other)}` may have either sign, {found}", "multiply by what is never negative"
    name = said(node).partition("(")[0].strip()
    rule = f"`{name}` is {node.rule.curvature.value} and {fault.monotone.value}"
    return f"{rule}, {found}", f"write an argument that is {needed} in `f`"


_FUNCTIONS = "\n".join(f"- `{function.usage}`: {function.meaning}" for function in FUNCTIONS.values())

KIND = loss_kind(
    "custom",
    "an expression of your own, convex in the prediction",
    _custom,
    targets=("vector", "binary", "matrix", "categorical"),
    options=(
        Option(
            "expression",
            ExpressionType((PREDICTION.name, TARGET.name)),
            "the loss of a sample with the prediction f and the target y",
        ),
    ),
    formula="ℓ(f, y), convex in f",
    details=(
        "An expression made of `f`, `y`, numbers, hyperparameters, `+`, `-`, `*`, `/` and these functions:\n\n"
        f"{_FUNCTIONS}\n\n"
        "`f` is the prediction and `y` the target, whatever the data are called; no hyperparameter in the expression "
        "may have one of these names. Labels are −1 and +1. With several outputs the losses of the outputs are "
        "added.\n\n"
        "It is accepted when the rules of disciplined convex programming prove it convex in `f` (Grant, Boyd, Ye "
        "2006); otherwise C242 points at the part that has no proof, and says how to write it. Where the expression "
        "has no finite value, as a logarithm of a negative number, the loss is infinite. Every backend takes it: the "
        "proximal operator and the conjugate, and with it the lower bound on the optimum, are searched for, entry by "
        "entry."
    ),
    example="loss custom { expression = max(0, 1 - y * f) + 0.1 * square(f - y), reduction = mean }",
)

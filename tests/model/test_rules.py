"""Rules across sections: which parts of a spec fit each other, and remedies that are ones."""

from __future__ import annotations

import re

import pytest

from reludsl.api import check
from reludsl.model.losses import KINDS as LOSSES
from reludsl.pipeline import Compilation
from reludsl.source import Source
from tests.model.specs import model_of
from tests.model.specs import separate as spec

TARGETS = {"vector": "vector[n]", "binary": "binary[n]", "matrix": "matrix[n, c]", "categorical": "categorical[n, k]"}


def with_loss(declaration: str, loss: str) -> str:
    """A spec with as many outputs as the declared target has."""
    outputs = "separate" if re.search("matrix|categorical", declaration) else "1"
    required = {"quantile": " { level = 0.5 }", "custom": " { expression = square(f - y) }"}
    return spec(declaration, loss + required.get(loss, ""), outputs=outputs)


def mistakes_of(declaration: str, loss: str) -> dict[str, str]:
    """The remedies by code."""
    return {diagnostic.code: diagnostic.help or "" for diagnostic in check(with_loss(declaration, loss)).diagnostics}


@pytest.mark.parametrize("type_", TARGETS)
@pytest.mark.parametrize("loss", [kind.name for kind in LOSSES])
def test_the_remedy_for_a_loss_that_does_not_fit_is_one(type_: str, loss: str) -> None:
    mistakes = mistakes_of(f"y : {TARGETS[type_]}", loss)
    if not mistakes:
        assert type_ in model_of(with_loss(f"y : {TARGETS[type_]}", loss)).loss.targets
        return
    assert mistakes.keys() == {"C214"}
    declaration, other = re.findall("`(?:target|loss) (.*?)`", mistakes["C214"])
    assert mistakes_of(declaration, loss) == {}, "the declaration fits the loss"
    assert mistakes_of(f"y : {TARGETS[type_]}", other) == {}, "the other loss fits the target"


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("outputs", "fits"), [("1", False), ("separate", True), ("shared", True), ("2", None)])
def test_outputs_fit_the_target(target: str, outputs: str, fits: bool | None) -> None:
    several = target in ("matrix", "categorical")
    text = spec(f"y : {TARGETS[target]}", outputs=outputs) + "formulation exact\n"
    codes = [diagnostic.code for diagnostic in check(text).diagnostics]
    assert codes == ([] if fits is several else ["C222" if several else "C224"])


PENALTIES = [(name, biases) for name in ("weight_decay", "path_norm", "l1", "l2") for biases in ("penalized", "free")]


@pytest.mark.parametrize("bias", ["none", "hidden", "output", "both"])
@pytest.mark.parametrize(("penalty", "biases"), PENALTIES)
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "absolute", "gated_relu", "threshold"])
@pytest.mark.parametrize("formulation", ["sampled", "exact", "gated", "random_features"])
def test_parts_that_fit_each_other(formulation: str, activation: str, penalty: str, biases: str, bias: str) -> None:
    text = spec("y : vector[n]", outputs=f"1, activation = {activation}, bias = {bias}")
    text = text.replace("weight_decay { strength = 1 }", f"{penalty} {{ strength = 1, biases = {biases} }}")
    expected = set()
    if activation == "threshold" and (penalty in ("l1", "l2") or (biases == "free" and bias in ("hidden", "both"))):
        expected.add("C225")
    if formulation == "gated" and activation not in ("relu", "gated_relu"):
        expected.add("C226")
    if formulation == "random_features":
        expected |= {"C227"} if activation == "gated_relu" else set()
        expected |= {"C228"} if penalty == "l2" else set()
    report = check(f"{text}formulation {formulation}\n")
    assert {diagnostic.code for diagnostic in report.diagnostics} == expected
    assert all(diagnostic.span is not None and diagnostic.help for diagnostic in report.diagnostics)


@pytest.mark.parametrize("bias", ["none", "hidden"])
@pytest.mark.parametrize(("penalty", "biases"), PENALTIES)
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "absolute", "gated_relu", "threshold", "polynomial"])
def test_neurons_are_searched_for_where_that_is_not_refused(
    activation: str, penalty: str, biases: str, bias: str
) -> None:
    """The default is `adaptive` exactly where a spec may say so, and no mistake is ever about a default."""
    text = spec("y : vector[n]", outputs=f"1, activation = {activation}, bias = {bias}")
    text = text.replace("weight_decay { strength = 1 }", f"{penalty} {{ strength = 1, biases = {biases} }}")
    taken = Compilation(Source("test.relu", text)).checked[0]
    asked = {diagnostic.code for diagnostic in check(text + "formulation adaptive\n").diagnostics}
    if activation == "polynomial":
        assert "C261" in asked and (taken is None or taken.formulation.name == "exact")
    elif taken is None:  # the activation does not take the regularizer, whatever the formulation
        assert {diagnostic.code for diagnostic in check(text).diagnostics} <= {"C225"}
    else:
        assert taken.formulation.name == ("sampled" if "C280" in asked else "adaptive")


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        ("strength = 1", "strength = 0", "sampled"),
        ("regularizer", "perturbation linf { radius = 0.1 }\nregularizer", "sampled"),
        ("regularizer", "perturbation linf { radius = 0 }\nregularizer", "adaptive"),
        ("regularizer", "regularizer l1 { strength = 1 }\nregularizer", "sampled"),
        ("y : vector[n]", "Y : matrix[n, c]", "adaptive"),
    ],
)
def test_what_a_spec_without_a_formulation_means(before: str, after: str, name: str) -> None:
    outputs = "shared" if "matrix" in after else "1"
    text = spec("y : vector[n]", outputs=outputs).replace(before, after)
    assert model_of(text).formulation.name == name


def test_a_weight_is_part_of_the_model() -> None:
    weight = model_of(spec("y : vector[n]", more="weight w : vector[n]", outputs="1")).weight
    assert weight is not None and (weight.name, weight.rows) == ("w", "n")
    assert model_of(spec("y : vector[n]", outputs="1")).weight is None

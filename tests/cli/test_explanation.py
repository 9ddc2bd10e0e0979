"""What `explain` says of each part of the language: what keeps the program exact, where each symbol comes from."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import reludsl
from reludsl.lowering.guarantee import smallest_count

CLASSES = "categorical[n, k]"


def spec(
    *,
    target: str = "vector[n]",
    loss: str = "squared",
    regularizers: str = "regularizer weight_decay { strength = 0.5 }",
    formulation: str = "sampled { patterns = 6 }",
    solver: str = "",
    weight: bool = False,
    **architecture: object,
) -> str:
    several = {"outputs": "separate"} if target == CLASSES else {}
    options = ", ".join(f"{name} = {value}" for name, value in {**several, **architecture}.items())
    return f"""reludsl 1
data {{
  input  X : matrix[n, d]
  target y : {target}
  {"weight w : vector[n]" if weight else ""}
}}
architecture two_layer {{ {options} }}
loss {loss}
{regularizers}
formulation {formulation}
{solver}
"""


def told(**parts: object) -> str:
    return reludsl.explain(spec(**parts))  # type: ignore[arg-type]


def section(text: str, title: str) -> str:
    """The lines under a heading, joined."""
    found = re.search(rf"^{re.escape(title)}.*\n\n((?:  .*\n|\n)*)", text + "\n", re.MULTILINE)
    assert found is not None, f"{title}: {text}"
    return " ".join(found[1].split())


def meaning(**parts: object) -> str:
    return section(told(**parts), "What its optimum means")


def symbols(**parts: object) -> dict[str, str]:
    """The table of symbols; a line without a symbol belongs to the one above it."""
    text = told(**parts)
    lines = text[text.index("Where the symbols") :].split("\n\n")[1].splitlines()
    table: dict[str, str] = {}
    name = ""
    for line in lines:
        head, _, rest = line.strip().partition("  ")
        name, rest = (head, rest.strip()) if line[2] != " " else (name, line.strip())
        table[name] = f"{table.get(name, '')} {rest}".strip()
    return table


def test_every_displayed_symbol_is_explained() -> None:
    """Of all parts at once: what is printed after `over`, `given` and `where` has a line, or its definition there."""
    for parts in (
        {},
        {"target": CLASSES, "loss": "cross_entropy", "weight": True, "bias": "both"},
        {"activation": "leaky_relu(slope = 0.2)", "bias": "both", "weight": True},
        {"activation": "gated_relu", "bias": "hidden"},
        {"activation": "threshold", "bias": "hidden"},
        {"formulation": "random_features { neurons = 9 }", "bias": "output"},
        {
            "regularizers": "regularizer l1 { strength = 1, biases = free }\nregularizer l2 { strength = 2 }",
            "bias": "both",
        },
        {"regularizers": "regularizer path_norm { strength = 1 }\nregularizer l1 { strength = 2 }", "bias": "both"},
    ):
        text = told(**parts)
        declared = re.findall(r"^(?:  (?:over|given|where) *|  {4,})(\S[^∈=\n]*?) (?:∈|=) ", text, re.MULTILINE)
        used = {name for names in declared for name in re.split(r", ", names)}
        plain = {re.sub(r"[ᵢⱼₖ]$", "", name) for name in used}
        assert plain >= {"U", "α", "X"}
        explained = {name for names in symbols(**parts) for name in names.split(", ")}
        assert plain - explained <= {"f", "F", "E", "β", "slope"}, plain - explained


@pytest.mark.parametrize("name", ["weight_decay", "path_norm", "l1"])
@pytest.mark.parametrize("biases", ["penalized", "free"])
def test_norms_of_neurons_keep_the_equivalence(name: str, biases: str) -> None:
    text = meaning(regularizers=f"regularizer {name} {{ strength = 1, biases = {biases} }}", bias="both")
    assert f"counts `{name}` by a norm of each neuron, which keeps the equivalence exact" in text
    assert ("penalized like weights" in text) == (biases == "penalized")
    assert (f"not penalized by `{name}`, which keeps" in text) == (biases == "free")
    assert ("without being attained" in text) == (name == "weight_decay" and biases == "free")


def test_l2_does_not_keep_the_equivalence() -> None:
    text = meaning(regularizers="regularizer l2 { strength = 1 }\nregularizer l1 { strength = 1 }", bias="output")
    assert "`l2` does not keep the equivalence exact" in text and "`l1` would by itself" in text
    assert "which keeps the equivalence" not in text


def test_without_biases_nothing_is_said_of_them() -> None:
    assert "bias" not in meaning().lower()


def test_all_patterns_of_gates_bound_relu_training_only_with_norms() -> None:
    exact = {"activation": "gated_relu", "formulation": "exact"}
    assert "lower bound" in meaning(**exact)
    assert "lower bound" not in meaning(**exact, regularizers="regularizer l2 { strength = 1 }")


def test_gated_networks_have_gates() -> None:
    assert "`formulation gated` switches each neuron by a fixed gate" in meaning(formulation="gated { patterns = 6 }")
    assert "`formulation gated`" not in meaning(activation="gated_relu")
    assert {"G, g", "D", "U"} <= set(symbols(activation="gated_relu", bias="hidden"))


def test_slopes() -> None:
    assert "−1 elsewhere" in symbols(activation="absolute")["Γ"]
    assert "0.25 elsewhere" in symbols(activation="leaky_relu(slope = 1 / 4)")["Γ"]
    assert "Γ" not in symbols(activation="relu")


def test_features() -> None:
    random = {"formulation": "random_features { neurons = 9 }"}
    assert "penalty is 1" in symbols(**random)["Z"] and "l1 norm of output weights" in meaning(**random)
    assert "equivalence" not in meaning(**random, bias="both")
    assert "steps of the height 1" in symbols(activation="threshold")["Z"]


@pytest.mark.parametrize(
    ("formulation", "one"), [("sampled { patterns", "pattern"), ("random_features { neurons", "neuron")]
)
def test_a_guarantee_is_a_probability_and_no_distance(formulation: str, one: str) -> None:
    asked = {"formulation": f"{formulation} = guarantee(violation = 0.2, confidence = 0.9) }}"}
    sentence = f"with probability 0.9 over the draw, one further random {one} lowers the optimal value with probability"
    assert f"{sentence} at most 0.2. It says nothing about the distance to the global optimum." in meaning(**asked)
    X, y = np.random.default_rng(0).standard_normal((12, 3)), np.arange(12.0)
    count = smallest_count(13, 0.2, 0.9)
    with_data = reludsl.explain(spec(**asked), (X, y))  # type: ignore[arg-type]
    assert f"formulation.{one}s = {count} (" in with_data, "no silent choice"


def test_width() -> None:
    assert section(told(), "How many neurons").startswith("As many as")
    assert "At most 7 are wanted" in section(told(width=7), "How many neurons")
    assert "merged" not in section(told(regularizers="regularizer l2 { strength = 1 }"), "How many neurons")


def test_descent_has_no_convex_program() -> None:
    text = told(solver="solver descent { width = 11 }", bias="both")
    assert "The convex program" not in text and "equivalence" not in text and "column of ones" not in text
    assert section(text, "How many neurons") == "11, by the option `width` of `descent`."
    assert "4, by the `width` of the architecture" in told(solver="solver descent", width=4)
    X, y = np.random.default_rng(0).standard_normal((12, 3)), np.arange(12.0)
    assert section(reludsl.explain(spec(solver="solver descent"), (X, y)), "Sizes") == "n = 12, d = 3"


def test_sizes_are_counted(tmp_path: Path) -> None:
    """Against the arrays of the program: blocks for each output and sign, and an inequality a sample of each."""
    generator = np.random.default_rng(0)
    data = {"X": generator.standard_normal((12, 3)), "y": np.array(list("abcabcabcabc"))}
    text = reludsl.explain(spec(target=CLASSES, loss="cross_entropy", bias="both"), data)
    patterns = int(re.search(r"(\d+) distinct patterns", text)[1])  # type: ignore[index]
    assert f"Q = {3 * patterns}" in text
    assert f"{2 * 4 * 3 * patterns + 3} unknowns" in text
    assert f"{2 * 12 * 3 * patterns} inequalities" in text
    assert "no inequalities" in reludsl.explain(spec(formulation="gated"))

"""The five levels: their order, what they mean, and the verbs that print them."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reludsl
from reludsl.attacks import AttackSettings, pgd_perturbations
from reludsl.data.encoding import Encoding, Samples
from reludsl.network import Network
from reludsl.perturbation_sets import perturbation_set
from reludsl.verification import Certification, certify_samples, exact_attack
from reludsl.verification.certification import LEVELS
from tests.cli.running import run
from tests.verification.networks import ACTIVATIONS, TARGETS, Instance, form_of, instance

PGD = partial(pgd_perturbations, settings=AttackSettings(steps=10))


def check_order(result: Certification) -> None:
    """Each level is at most as good as the one before, sample by sample."""
    assert list(result.scores) == [level for level in LEVELS if level in result.scores]
    levels = result.right if result.right else {level: -errors for level, errors in result.errors.items()}
    for better, worse in zip(list(levels.values()), list(levels.values())[1:], strict=False):
        assert (better >= worse).all()
    scores = list(result.scores.values())
    assert scores == sorted(scores, reverse=result.measure == "accuracy")


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from(ACTIVATIONS),
    st.sampled_from(sorted(TARGETS)),
    st.sampled_from(["linf", "l1", "l2"]),
    st.floats(0, 1),
    st.sampled_from([None, 1e-9]),
)
def test_levels_are_in_order(
    seed: int, activation: str, target: str, norm: str, radius: float, time_limit: float | None
) -> None:
    case = instance(activation, target, seed, n=8, m=5)
    perturbations = perturbation_set(case.samples.X, norm, radius)
    attack = None if activation == "threshold" else PGD
    result = certify_samples(case.network, case.samples, perturbations, attack, time_limit=time_limit)
    check_order(result)
    scaled = result.perturbations / case.network.encoding.divisor
    assert perturbations.contains(scaled, 1e-9).all()
    if result.right and time_limit is None:
        at_worst = case.network.metrics(Samples(case.samples.X + scaled, case.samples.y))["accuracy"]
        assert result.scores["exact"] <= at_worst, "what is proved stays right"
        if not result.undecided.any():
            both = result.right["clean"].mean() - result.scores["exact"]
            assert at_worst <= 1 - both + 1e-12, "what is lost is shown"


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_no_perturbation_is_clean(activation: str) -> None:
    for target in TARGETS:
        case = instance(activation, target, 1)
        result = certify_samples(case.network, case.samples, perturbation_set(case.samples.X, "linf", 0.0))
        clean = result.scores["clean"]
        assert result.scores == pytest.approx(dict.fromkeys(result.scores, clean), abs=1e-9)
        assert clean == pytest.approx(case.network.metrics(case.samples)[result.measure], rel=1e-12)
        assert not result.undecided.any() and (result.perturbations == 0).all()


def absolute_value() -> tuple[Network, Samples]:
    """f(x) = |x| - 1 on five samples, with divisor 2: raw inputs are twice the scaled ones."""
    encoding = Encoding("X", None, np.zeros(1), np.full(1, 2.0), "y", (-1.0, 1.0))
    network = Network(
        np.array([[1.0, -1.0]]), np.zeros(2), np.ones(2), np.array(-1.0), encoding, form_of("relu", "label")
    )
    return network, Samples(np.array([[0.0], [0.7], [1.5], [3.0], [2.0]]), np.array([-1.0, -1.0, 1.0, 1.0, -1.0]))


def test_by_hand() -> None:
    """Margins within 0.4 of x: 1 - 0.4 at 0, then 1 - 1.1, 1.1 - 1 and 2.6 - 1; the last is wrong from the start."""
    network, samples = absolute_value()
    result = certify_samples(network, samples, perturbation_set(samples.X, "l2", 0.4), PGD)
    assert result.right["clean"].tolist() == [True, True, True, True, False]
    assert result.right["attacked"].tolist() == result.right["exact"].tolist() == [True, False, True, True, False]
    assert result.margins["certified"][:4] == pytest.approx([0.6, -0.1, 0.1, 1.6])
    assert result.margins["interval"][:4] == pytest.approx([0.2, -0.1, 0.1, 1.6])
    assert result.perturbations[1] == pytest.approx([0.8]), "in raw units"


def test_ties_count_as_the_network_answers() -> None:
    """0 is the positive label, so the margin 0 is enough for it and too little for the other."""
    encoding = Encoding("X", None, np.zeros(1), np.ones(1), "y", (-1.0, 1.0))
    nothing = Network(np.zeros((1, 1)), np.zeros(1), np.zeros(1), np.array(0.0), encoding, form_of("relu", "label"))
    samples = Samples(np.ones((2, 1)), np.array([1.0, -1.0]))
    result = certify_samples(nothing, samples, perturbation_set(samples.X, "linf", 1.0), PGD)
    assert all(counts.tolist() == [True, False] for counts in result.right.values())


def test_largest_error_by_hand() -> None:
    """f(x) = |x| within 1 of x = 0.5 and a target of 1: errors go from -1 at 0 to 0.5 at 1.5; interval bounds see 2."""
    encoding = Encoding("X", None, np.zeros(1), np.ones(1), "y", None, np.array(0.0), np.array(3.0))
    network = Network(
        np.array([[1.0, -1.0]]), np.zeros(2), np.ones(2), np.array(0.0), encoding, form_of("relu", "value")
    )
    samples = Samples(np.array([[0.5]]), np.array([1.0]))
    result = certify_samples(network, samples, perturbation_set(samples.X, "linf", 1.0))
    assert result.errors["clean"] == pytest.approx([1.5])
    assert result.errors["exact"] == pytest.approx([3.0], rel=1e-6)
    assert result.errors["interval"] == pytest.approx([3.0])
    assert network.scores(samples.X + result.perturbations) == pytest.approx([0.0], abs=1e-6)


@pytest.mark.parametrize("target", TARGETS)
def test_exact_attack_is_worse_than_pgd(target: str) -> None:
    case = instance("relu", target, 5, n=10, m=8)
    X, y = case.samples.X, case.samples.y
    perturbations = perturbation_set(X, "linf", 0.5)
    worst = exact_attack(case.network, case.samples, perturbations)
    assert worst.finished.all() and (worst.lower <= worst.reached).all()
    assert worst.lower == pytest.approx(worst.reached, abs=1e-5)
    found = PGD(case.network, case.samples, perturbations)

    def least(delta: np.ndarray) -> np.ndarray:
        outputs = case.network.scores(X + delta)
        if target == "class":
            own = y.argmax(axis=1)
            others = np.where(np.arange(3) == own[:, None], -np.inf, outputs)
            return outputs[np.arange(len(X)), own] - others.max(axis=1)
        if target == "label":
            return y * outputs
        return -np.abs((outputs - y) * case.network.encoding.target_divisor).reshape(len(X), -1).max(axis=1)

    assert least(worst.perturbations) == pytest.approx(worst.reached)
    assert (worst.reached <= least(found) + 1e-6).all()


def test_undecided_samples_are_told() -> None:
    case = instance("relu", "label", 4, n=30, d=8, m=60)
    perturbations = perturbation_set(case.samples.X, "l2", 0.3)
    result = certify_samples(case.network, case.samples, perturbations, time_limit=1e-9)
    count = int(result.undecided.sum())
    assert count and result.scores["exact"] == result.scores["certified"]
    (warning,) = result.warnings
    assert warning.code == "S405" and str(count) in warning.message
    assert ("undecided", f"{count} of 30 samples") in result.rows()
    finished = certify_samples(case.network, case.samples, perturbations)
    assert not finished.undecided.any() and not finished.warnings
    assert finished.scores["exact"] >= result.scores["exact"]


# -- the verbs ---------------------------------------------------------------------------------------------------

SPEC = """reludsl 1
data {
  input  X : matrix[n, d] { scale = standard }
  target y : TARGET
}
architecture two_layer { bias = both, outputs = OUTPUTS }
loss squared
regularizer weight_decay { strength = 0.1 }
formulation sampled { patterns = 15 }
"""


def table_of(case: Instance) -> pl.DataFrame:
    raw = case.raw
    y = raw["y"].reshape(len(raw["X"]), -1).T
    columns = dict(zip("abc", raw["X"].T, strict=True))
    return pl.DataFrame(columns | ({"y": y[0]} if len(y) == 1 else {"y": y[0], "z": y[1]}))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `net.npz` and `data.csv`: three inputs, two labels."""
    folder = tmp_path_factory.mktemp("certify")
    table_of(instance("relu", "label", 0, n=40)).write_csv(folder / "data.csv")
    spec = SPEC.replace("TARGET", "binary[n] { positive = 1 }").replace("OUTPUTS", "1")
    reludsl.solve(spec, folder / "data.csv").network.save(folder / "net.npz")
    return folder


def test_certify_verb(trained: Path) -> None:
    network, data = trained / "net.npz", trained / "data.csv"
    arguments = ("certify", network, "--data", data, "--radius", "0.2")
    shown = run(*arguments, "-o", trained / "samples.csv")
    assert shown.code == 0 and not shown.stderr
    result = reludsl.certify(network, data, radius=0.2)
    check_order(result)
    assert shown.stdout.splitlines()[:-1] == [f"{name:<18} {text}" for name, text in result.rows()]
    table = pl.read_csv(trained / "samples.csv")
    assert {level: table[f"{level}_right"].mean() for level in LEVELS} == pytest.approx(result.scores)
    found = json.loads(run(*arguments, "--json", "--no-exact", "--norm", "l2", "--maximum", "1,1,1").stdout)
    expected = reludsl.certify(network, data, norm="l2", radius=0.2, maximum=[1, 1, 1], exact=False)
    assert "exact" not in found["scores"] and found["scores"] == pytest.approx(expected.scores)


def test_certify_in_raw_units(trained: Path) -> None:
    """Sets of the raw inputs are what the network sees scaled."""
    network = reludsl.load(trained / "net.npz")
    table = pl.read_csv(trained / "data.csv")
    raw = table.select("a", "b", "c").to_numpy()
    result = reludsl.certify(network, table, radius=[0.3, 0.0, 0.1])
    assert (np.abs(result.perturbations) <= np.array([0.3, 0.0, 0.1]) + 1e-12).all()
    right = network.predict(raw + result.perturbations) == table["y"].to_numpy()
    assert right.mean() == result.scores["exact"]


def test_exact_attack_verb(trained: Path) -> None:
    arguments = ("attack", trained / "net.npz", "--data", trained / "data.csv", "--radius", "0.2", "--json")
    exact, pgd = (json.loads(run(*arguments, "--method", method).stdout) for method in ("exact", "pgd"))
    certified = reludsl.certify(trained / "net.npz", trained / "data.csv", radius=0.2)
    assert exact["attacked"]["accuracy"] == certified.scores["exact"] <= pgd["attacked"]["accuracy"]


def test_threshold_networks_are_certified_but_not_climbed() -> None:
    case = instance("threshold", "label", 3, n=30)
    result = reludsl.certify(case.network, case.raw, radius=0.1)
    assert list(result.scores) == ["clean", "exact", "certified", "interval"]
    attacked = reludsl.attack(case.network, case.raw, method="exact", radius=0.1)
    assert attacked.attacked["accuracy"] == pytest.approx(result.scores["exact"])


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (("--radius", "-1"), 1, "D324"),
        (("--radius", "1,2"), 1, "D324"),
        (("--radius", "1", "--time-limit", "0"), 2, "--time-limit"),
        ((), 1, "D324"),
        (("--radius", "1", "-o", "table.txt"), 1, "D302"),
    ],
)
def test_mistakes(trained: Path, options: tuple[str, ...], code: int, text: str) -> None:
    shown = run("certify", trained / "net.npz", "--data", trained / "data.csv", *options)
    assert shown.code == code and text in shown.stderr and not shown.stdout


def test_rows_must_fit(trained: Path) -> None:
    with pytest.raises(reludsl.Mistakes, match="D3"):
        reludsl.certify(trained / "net.npz", {"a": [1.0], "b": [1.0], "c": [0.0], "y": [1.0, -1.0]}, radius=0.1)


def test_without_a_radius_the_perturbation_of_the_spec_counts(tmp_path: Path) -> None:
    """For attacks and certificates alike; a network that was trained without one needs a radius."""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((30, 2))
    y = np.where(X[:, 0] > 0.2, 1.0, -1.0)
    spec = (
        "reludsl 1\ndata { input X : matrix[n, d] { scale = standard }, target y : binary[n] }\n"
        "hyperparameters { epsilon = 0.1 }\narchitecture two_layer { bias = hidden }\nloss hinge\n"
        "regularizer weight_decay { strength = 0.1 }\nperturbation l2 { radius = epsilon, maximum = 9 }\n"
        "formulation sampled { patterns = 5 }\n"
    )
    reludsl.solve(spec, (X, y), set={"epsilon": 0.2}, backend="cvxpy").network.save(tmp_path / "net.npz")
    network = reludsl.load(tmp_path / "net.npz")
    for verb in (reludsl.attack, reludsl.certify):
        own, asked = verb(network, (X, y)), verb(network, (X, y), norm="l2", radius=0.2, maximum=9)
        assert own.to_json() == asked.to_json()
        assert own.to_json() != verb(network, (X, y), norm="l2", radius=1.0, maximum=9).to_json()

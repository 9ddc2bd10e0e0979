"""Global certificates: against exact programs, networks found by descent, and whatever else is known to be true."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

import reludsl
from reludsl import certificate
from reludsl.certificate import CertifyProgress, GlobalCertificate, everywhere, global_certificate
from reludsl.certificate.everywhere import Attempt
from reludsl.solution import Solution

TO_THE_OPTIMUM = ("exact", "adaptive { tolerance = 1e-6 }")
FORMULATIONS = (*TO_THE_OPTIMUM, "sampled { patterns = 40 }")
"""Whose networks are certified and compared with descent."""

WAYS = ("enumeration", "branch_and_bound")


def spec_of(formulation: str, **parts: str) -> str:
    several = "outputs" in parts.get("architecture", "")
    target = "target Y : matrix[n, c]" if several else f"target y : {parts.get('target', 'vector')}[n]"
    return f"""reludsl 1
data {{ input X : matrix[n, d], {target}{parts.get("weight", "")} }}
architecture two_layer {{ {parts.get("architecture", "")} }}
loss {parts.get("loss", "squared")}
regularizer {parts.get("regularizer", "weight_decay")} {{ strength = {parts.get("beta", "0.5")} }}
formulation {formulation}
{parts.get("more", "")}
"""


def problem(seed: int, n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((n, d))
    y = np.maximum(X @ generator.standard_normal((d, 3)), 0.0) @ generator.choice([-1.0, 1.0], 3)
    return X, y + 0.3 * generator.standard_normal(n)


def certified(way: str, monkeypatch: pytest.MonkeyPatch, spec: str, data: Any, gap: float = 1e-6) -> Solution:
    """The solution with a certificate by this way, whatever the solve itself proved."""
    if way == "branch_and_bound":
        monkeypatch.setattr(everywhere, "MOST_CELLS", 0)

    def alone(certifier: Any, network: Any, objective: float, duals: Any, known: Any, **more: Any) -> GlobalCertificate:
        return global_certificate(certifier, network, objective, duals, None, **more)

    monkeypatch.setattr(certificate, "global_certificate", alone)
    return reludsl.solve(spec, data, certify="global", certify_gap=gap, certify_seconds=None)


def attempt(solution: Solution, way: str) -> Attempt:
    assert solution.certificate is not None
    return next(found for found in solution.certificate.attempts if found.by == way)


# -- against exact programs and descent --------------------------------------------------------------------------------


def descended(X: np.ndarray, y: np.ndarray, beta: float, seed: int, width: int = 12) -> float:
    """The objective of a network that a restart of L-BFGS ends with: squared loss, weight decay, no biases."""
    generator, d = np.random.default_rng(seed), X.shape[1]

    def value_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
        U, alpha = point[: d * width].reshape(d, width), point[d * width :]
        hidden = np.maximum(X @ U, 0.0)
        residual = hidden @ alpha - y
        slopes = X.T @ (residual[:, None] * (hidden > 0) * alpha) + beta * U
        value = 0.5 * residual @ residual + 0.5 * beta * float(point @ point)
        return value, np.concatenate([slopes.ravel(), hidden.T @ residual + beta * alpha])

    start = 0.5 * generator.standard_normal(width * (d + 1))
    return float(minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options={"maxiter": 300}).fun)


def check_instance(seed: int, restarts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enumeration and branch and bound agree with the exact program; no bound is above any network of descent."""
    generator = np.random.default_rng(seed)
    n, d, beta = int(generator.integers(4, 31)), int(generator.integers(1, 4)), float(generator.uniform(0.05, 2.0))
    X, y = problem(seed, n, d)
    best = min(descended(X, y, beta, restart) for restart in range(restarts))
    for formulation in FORMULATIONS:
        more = "solver newton { tolerance = 1e-8 }"
        spec = spec_of(formulation, beta=repr(beta), more=more)
        for way in WAYS:
            with monkeypatch.context() as patch:
                solution = certified(way, patch, spec, (X, y), gap=1e-7)
            found = solution.certificate
            assert found is not None and found.bound is not None
            assert found.bound.value <= min(best, solution.objective) * (1 + 1e-9)
            if formulation in TO_THE_OPTIMUM and solution.width:
                assert attempt(solution, way).value == pytest.approx(solution.objective, rel=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_all_ways_agree_and_no_network_is_below(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    check_instance(seed, 5, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4, 56))
def test_all_ways_agree_and_no_network_is_below_on_many_instances(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    check_instance(seed, 100, monkeypatch)


KINDS = {
    "hidden biases": {"architecture": "bias = hidden"},
    "both biases": {"architecture": "bias = both"},
    "leaky": {"architecture": "activation = leaky_relu(slope = 0.2)"},
    "absolute": {"architecture": "activation = absolute, bias = output"},
    "path norm": {"regularizer": "path_norm", "architecture": "bias = both"},
    "huber": {"loss": "huber { delta = 0.3 }"},
    "absolute loss": {"loss": "absolute", "beta": "0.2"},
    "logistic": {"loss": "logistic", "target": "binary", "architecture": "bias = output", "beta": "0.1"},
    "hinge": {"loss": "hinge", "target": "binary"},
    "mean and weights": {"loss": "squared { reduction = mean }", "weight": ", weight w : vector[n]", "beta": "0.01"},
    "separate outputs": {"architecture": "outputs = separate"},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_bound_is_the_optimum_for_every_kind(kind: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = problem(1, 12, 2)
    data: dict[str, np.ndarray] = {"X": X, "y": np.where(y > np.median(y), 1.0, -1.0) if "target" in KINDS[kind] else y}
    if "weight" in KINDS[kind]:
        data["w"] = np.linspace(0.0, 2.0, len(X))
    if "separate" in KINDS[kind].get("architecture", ""):
        data = {"X": X, "Y": np.stack([y, np.sin(X[:, 0]), -y], axis=1)}
    solution = certified(way, monkeypatch, spec_of("exact", **KINDS[kind]), data)
    assert solution.width and solution.status == "solved"
    found = attempt(solution, way)
    assert found.finished
    assert solution.objective * (1 - 3e-5) <= found.value <= solution.objective * (1 + 1e-9)


def test_shared_outputs_have_the_bound_of_their_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = problem(2, 8, 2)
    data = {"X": X, "Y": np.stack([y, np.sin(X[:, 0])], axis=1)}
    exact = reludsl.solve(spec_of("exact", architecture="outputs = shared"), data)
    descent = spec_of("exact", architecture="outputs = shared", more="solver descent { restarts = 2 }")
    solution = certified("enumeration", monkeypatch, descent, data)
    assert exact.objective * 0.99 <= attempt(solution, "enumeration").value <= exact.objective * (1 + 1e-6)


@pytest.mark.parametrize("shared", [True, False])
def test_the_relaxation_goes_where_the_others_do_not(shared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(everywhere.branch, "MOST_DIMENSIONS", 4)
    X, y = problem(3, 10, 5)
    parts = {"architecture": "outputs = shared"} if shared else {}
    data = {"X": X, "Y": np.stack([y, np.sin(X[:, 0])], axis=1)} if shared else (X, y)
    spec = spec_of("exact", beta="2", more="solver descent { restarts = 3 }", **parts)
    solution = certified("relaxation", monkeypatch, spec, data, gap=1e-3)
    found = solution.certificate
    assert found is not None and found.bound is not None
    assert [way.by for way in found.attempts] == ["relaxation"]
    assert 0.3 * solution.objective < found.bound.value <= solution.objective


RELAXED = {
    "absolute": {"loss": "absolute"},
    "quantile": {"loss": "quantile { level = 0.3 }", "architecture": "bias = output"},
    "logistic": {"loss": "logistic", "target": "binary", "architecture": "bias = output"},
    "hinge": {"loss": "hinge", "target": "binary", "architecture": "bias = both"},
    "weights": {"loss": "huber { reduction = mean }", "beta": "0.04", "weight": ", weight w : vector[n]"},
    "leaky": {"architecture": "activation = leaky_relu(slope = 0.2), bias = output"},
}


def relaxed(monkeypatch: pytest.MonkeyPatch, spec: str, data: Any) -> float:
    """What the relaxation proves, with no other way open."""
    monkeypatch.setattr(everywhere, "MOST_CELLS", 0)
    monkeypatch.setattr(everywhere.branch, "MOST_DIMENSIONS", 0)
    solution = certified("relaxation", monkeypatch, spec, data)
    assert solution.certificate is not None
    (found,) = solution.certificate.attempts
    assert found.by == "relaxation" and found.finished
    return found.value


@pytest.mark.parametrize("name", RELAXED)
def test_the_relaxation_bounds_every_loss(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {"beta": "0.3"} | RELAXED[name]
    X, y = problem(3, 7, 5)
    data = {"X": X, "y": np.where(y > np.median(y), 1.0, -1.0) if "target" in parts else y}
    data |= {"w": np.array([0.5, 2.0, 1.0, 0.0, 1.5, 1.0, 0.7])} if "weight" in parts else {}
    best = reludsl.solve(spec_of("exact", **parts), data)
    assert best.bound is not None and best.bound.scope == "global" and best.bound.gap < 1e-5
    spec = spec_of("sampled { patterns = 20 }", **parts)
    assert 0.8 * best.objective < relaxed(monkeypatch, spec, data) <= best.objective


@pytest.mark.parametrize(
    ("loss", "target", "bias"),
    [pytest.param("absolute", "matrix", "output", marks=pytest.mark.slow), ("hinge", "categorical", "none")],
)
def test_the_relaxation_bounds_shared_neurons_with_every_loss(
    loss: str, target: str, bias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = problem(2, 8, 2)
    spec = spec_of("exact", loss=loss, architecture=f"outputs = shared, bias = {bias}", beta="0.3")
    spec = spec.replace("matrix[n, c]", f"{target}[n, c]")
    data = {"X": X, "Y": np.stack([y, np.sin(X[:, 0])], axis=1) if target == "matrix" else np.arange(8) % 3}
    best = reludsl.solve(spec, data)
    assert best.bound is not None and best.bound.gap < 1e-6
    descent = spec + "solver descent { restarts = 1, width = 8, max_iterations = 200 }\n"
    assert 0.5 * best.objective < relaxed(monkeypatch, descent, data) <= best.objective


# -- what is said ------------------------------------------------------------------------------------------------------


def test_a_program_with_few_patterns_hears_of_better_neurons() -> None:
    X, y = problem(5, 40, 4)
    solution = reludsl.solve(spec_of("sampled { patterns = 10 }"), (X, y), certify="global")
    proved = solution.certificate
    assert proved is not None and proved.finished and not solution.warnings
    assert solution.bound is not None and solution.bound.scope == "program"
    assert proved.bound is not None and proved.bound.by == "branch_and_bound"
    assert proved.bound.gap > 0.01 and proved.bound.value <= solution.objective
    new = proved.new
    assert len(new.worth) and (np.abs(new.worth) > 1.0).all() and not new.outputs.any()
    network, size = solution.network, 1e-3
    for direction, worth in zip(new.directions.T[:5], new.worth[:5], strict=True):
        hidden = np.concatenate([network.hidden_weights, size * direction[:, None]], axis=1)
        output = np.append(network.output_weights, size * np.sign(worth))
        zero = np.zeros(len(output))
        wider = type(network)(hidden, zero, output, network.output_bias, network.encoding, network.form)
        assert wider.objective({"X": X, "y": y}) < solution.objective, "a little of it lowers the objective"


def test_what_the_solve_proves_is_enough() -> None:
    X, y = problem(6, 10, 2)
    solution = reludsl.solve(spec_of("exact"), (X, y), certify="global")
    assert solution.certificate is not None and solution.bound is not None
    assert solution.certificate.bound is not None and solution.certificate.bound.value == solution.bound.value
    assert [found.message for found in solution.certificate.attempts] == ["proved by the solve itself"]


@pytest.mark.parametrize(
    "architecture, regularizer",
    [
        ("activation = threshold, bias = hidden", "weight_decay"),
        ("activation = polynomial(a = 1, b = 0, c = 0)", "path_norm"),
    ],
)
def test_other_neurons_are_certified_by_exact_programs_alone(architecture: str, regularizer: str) -> None:
    X, y = problem(6, 8, 2)
    parts = {"architecture": architecture, "regularizer": regularizer}
    solution = reludsl.solve(spec_of("exact", **parts), (X, y), certify="global")
    assert solution.certificate is not None and solution.bound is not None and solution.bound.scope == "global"
    assert solution.certificate.bound is not None and solution.certificate.bound.value == solution.bound.value


def test_an_unfinished_certificate_is_honest() -> None:
    X, y = problem(7, 60, 5)
    seen: list[CertifyProgress] = []

    def stop(progress: CertifyProgress) -> bool:
        seen.append(progress)
        return len(seen) > 3

    spec = spec_of("sampled { patterns = 30 }", architecture="bias = output")
    solution = reludsl.solve(spec, (X, y), certify="global", certify_monitor=stop)
    proved = solution.certificate
    assert proved is not None and not proved.finished and proved.bound is not None
    assert proved.bound.value <= solution.objective and solution.status == "solved"
    assert [warning.code for warning in solution.warnings] == ["S406"]
    assert "interrupted" in proved.attempts[0].message
    assert seen[-1].bound == pytest.approx(proved.bound.value, rel=0.2)
    assert seen[-1].price >= seen[-1].price >= 1 and seen[-1].nodes > seen[0].nodes
    short = reludsl.solve(spec, (X, y), certify="global", certify_seconds=1e-9)
    assert short.certificate is not None and "time limit" in short.certificate.attempts[0].message
    assert "S406" in [warning.code for warning in short.warnings]


def test_the_result_tells_it_to_people_and_machines() -> None:
    X, y = problem(8, 20, 2)
    solution = reludsl.solve(spec_of("sampled { patterns = 20 }"), (X, y), certify="global")
    proved = solution.certificate
    assert proved is not None and proved.bound is not None
    told = solution.to_json()["certificate"]
    assert list(told) == ["bound", "finished", "seconds", "attempts", "new_neurons"]
    assert told["bound"] == {"value": proved.bound.value, "gap": proved.bound.gap, "by": "enumeration"}
    assert [list(way) for way in told["attempts"]] == [["by", "value", "seconds", "finished", "message"]]
    rows = dict(solution.rows())
    assert "by enumeration" in rows["global bound"] and f"{solution.objective:.8g}]" in rows["global bound"]
    assert "cells of the samples" in rows["certificate"]
    assert "certify" in solution.seconds
    plain = reludsl.solve(spec_of("sampled { patterns = 20 }"), (X, y))
    assert plain.to_json()["certificate"] is None and "global bound" not in dict(plain.rows())


@pytest.mark.parametrize(
    "wrong", [{"certify": "all"}, {"certify": "global", "certify_gap": 0}, {"certify": "global", "certify_seconds": 0}]
)
def test_wrong_wishes_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="certify"):
        reludsl.solve(spec_of("exact"), problem(0, 5, 2), **wrong)


REFUSED = {
    "C270": {"formulation": "gated"},
    "C271": {"formulation": "sampled", "regularizer": "l1"},
    "C272": {"formulation": "sampled", "more": "perturbation linf { radius = 0.1 }"},
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_cannot_be_certified_is_refused_before_anything_is_solved(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reludsl.lowering import PatternProgram

    monkeypatch.setattr(PatternProgram, "bind", lambda *arguments: pytest.fail("it was bound"))
    with pytest.raises(reludsl.Mistakes) as told:
        reludsl.solve(spec_of(**REFUSED[code]), problem(0, 5, 2), certify="global")
    assert [diagnostic.code for diagnostic in told.value.diagnostics] == [code]
    assert told.value.diagnostics[0].labels and told.value.diagnostics[0].help


def test_samples_out_of_reach_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = problem(0, 420, 14)
    with pytest.raises(reludsl.Mistakes) as told:
        reludsl.solve(spec_of("sampled", loss="absolute"), (X, y), certify="global")
    assert [diagnostic.code for diagnostic in told.value.diagnostics] == ["D329"]


def test_nothing_to_train_is_certified() -> None:
    X, y = problem(9, 12, 4)
    solution = reludsl.solve(spec_of("sampled", beta="1e4"), (X, y), certify="global")
    assert solution.certificate is not None and solution.certificate.bound is not None and solution.width == 0
    assert solution.certificate.bound.gap <= 1e-6

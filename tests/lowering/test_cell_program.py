"""Shared hidden neurons: closed forms, the exact program of one output, descent, and the certificate of every solve."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import reludsl
from reludsl import cells
from reludsl.mistakes import Mistakes
from reludsl.network import Network
from reludsl.pipeline import Compilation
from reludsl.source import Source

RNG = np.random.default_rng(2)
X = RNG.standard_normal((11, 2)) * [1.0, 2.0]
REAL = RNG.standard_normal((11, 3)) + np.maximum(X[:, :1], 0)
CLASSES = np.array(["a", "b", "c"])[np.argmax(REAL + X @ RNG.standard_normal((2, 3)), axis=1)]
WEIGHTS = RNG.uniform(size=11) * (np.arange(11) != 4)


def spec_of(
    loss: str = "squared",
    target: str = "matrix[n, c]",
    outputs: str = "shared",
    architecture: str = "",
    strength: float = 0.3,
    biases: str = "penalized",
    more: str = "",
    scale: str = "none",
    solver: str = "",
    formulation: str = "formulation exact",
) -> str:
    return f"""reludsl 1
data {{
  input  X : matrix[n, d] {{ scale = {scale} }}
  target Y : {target}
  {more}
}}
architecture two_layer {{ outputs = {outputs}{architecture} }}
loss {loss}
regularizer weight_decay {{ strength = {strength!r}, biases = {biases} }}
{formulation}
{solver}
"""


def certified(solution: reludsl.Solution, gap: float = 1e-7) -> reludsl.Solution:
    """Solved, with a bound on the global optimum that the network itself attains."""
    assert solution.status == "solved" and solution.meaning.relation == "equal"
    assert solution.bound is not None
    assert (solution.bound.scope, solution.bound.by) == ("global", "enumeration")
    assert solution.bound.value * (1 - 1e-12) <= solution.objective
    assert solution.objective - solution.bound.value <= gap * abs(solution.bound.value)
    assert solution.objective == pytest.approx(solution.program_objective, rel=gap)
    assert solution.violation <= 1e-6
    return solution


def value(spec: str, data: dict[str, np.ndarray], gap: float = 1e-7) -> float:
    return certified(reludsl.solve(spec, data), gap).objective


DATA = {"X": X, "Y": REAL}


@pytest.mark.parametrize("loss", ["squared", "absolute", "huber", "quantile { level = 0.3 }"])
def test_real_targets_with_every_loss(loss: str) -> None:
    value(spec_of(loss), DATA, 1e-6)


@pytest.mark.parametrize("loss", ["squared", "cross_entropy", "logistic", "hinge", "squared_hinge"])
def test_classes_with_every_loss(loss: str) -> None:
    value(spec_of(loss, "categorical[n, 3]"), {"X": X, "Y": CLASSES}, 1e-6)


def test_a_custom_loss() -> None:
    custom = spec_of("custom { expression = 2 * square(f - y) }", strength=1.2)
    assert value(custom, DATA, 1e-6) == pytest.approx(4 * value(spec_of(strength=0.3), DATA), rel=1e-6)


@pytest.mark.parametrize("bias", ["none", "output", "hidden", "both"])
def test_biases_and_sample_weights(bias: str) -> None:
    few = {"X": X[:7], "Y": REAL[:7], "w": WEIGHTS[:7]}
    more = "weight w : vector[n]"
    value(spec_of(architecture=f", bias = {bias}", more=more), few)
    mean = spec_of("squared { reduction = mean }", architecture=f", bias = {bias}", more=more, strength=0.3)
    total = spec_of(architecture=f", bias = {bias}", more=more, strength=0.3 * float(WEIGHTS[:7].sum()))
    assert value(mean, few) * WEIGHTS[:7].sum() == pytest.approx(value(total, few), rel=1e-7)


def test_a_free_output_bias() -> None:
    free = value(spec_of(architecture=", bias = output", biases="free"), DATA)
    assert free <= value(spec_of(architecture=", bias = output"), DATA) <= value(spec_of(), DATA)


def test_a_hidden_bias_is_a_column_of_ones() -> None:
    ones = np.column_stack([X, np.ones(len(X))])
    with_bias = certified(reludsl.solve(spec_of(architecture=", bias = hidden"), DATA))
    assert with_bias.objective == pytest.approx(value(spec_of(), {"X": ones, "Y": REAL}), rel=1e-7)
    assert with_bias.network.hidden_bias.any()


@pytest.mark.parametrize("activation", ["leaky_relu(slope = 0.2)", "absolute"])
def test_activations_that_are_linear_on_cells(activation: str) -> None:
    value(spec_of(architecture=f", activation = {activation}"), DATA)


# -- known optima ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strength", [0.1, 2.0, 1e3])
def test_on_a_line_the_optimum_is_a_shrunk_row(strength: float) -> None:
    """For samples on one side ½‖x aᵀ − Y‖² + β‖a‖ is least at a = (1 − β/‖Yᵀx‖)₊ Yᵀx / ‖x‖²."""
    x, Y = np.array([1.0, 2.0, 0.5, 3.0]), REAL[:4]
    moved = Y.T @ x
    a = max(0.0, 1.0 - strength / float(np.linalg.norm(moved))) * moved / (x @ x)
    known = 0.5 * np.sum((np.outer(x, a) - Y) ** 2) + strength * np.linalg.norm(a)
    assert value(spec_of(strength=strength), {"X": x[:, None], "Y": Y}) == pytest.approx(known, rel=1e-7)
    both = np.concatenate([x, -x])[:, None]  # and on both sides it is two such problems
    twice = value(spec_of(strength=strength), {"X": both, "Y": np.vstack([Y, Y])})
    assert twice == pytest.approx(2 * known, rel=1e-7)


@pytest.mark.parametrize("loss", ["squared", "huber", "absolute"])
@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_with_one_output_it_has_the_optimum_of_the_pattern_program(d: int, loss: str) -> None:
    n = 8 if d < 4 else 6
    data = {"X": np.random.default_rng(d).standard_normal((n, d)), "Y": REAL[:n, :1]}
    one = value(spec_of(loss, solver="solver cvxpy { tolerance = 1e-10 }"), data, 1e-6)
    separate = reludsl.solve(spec_of(loss, outputs="separate"), data)
    assert one == pytest.approx(separate.objective, rel=2e-6)


@pytest.mark.parametrize("seed", range(4))
def test_shared_neurons_cost_no_more_than_separate_ones(seed: int) -> None:
    generator = np.random.default_rng(seed)
    data = {"X": generator.standard_normal((9, 2)), "Y": generator.standard_normal((9, 3))}
    shared = value(spec_of(), data)
    separate = reludsl.solve(spec_of(outputs="separate"), data).objective
    assert shared <= separate * (1 + 1e-7)


@pytest.mark.parametrize("d", [2, 3, 4])
def test_samples_at_right_angles_and_one_direction_of_targets(d: int) -> None:
    """Then F costs its nuclear norm at least, and no more: its singular value σ becomes σ − β."""
    generator = np.random.default_rng(d)
    turn, a = np.linalg.qr(generator.standard_normal((d, d)))[0], generator.standard_normal(3)
    Y = np.outer(generator.exponential(size=d), a)
    sigma, strength = float(np.linalg.norm(Y)), 0.3
    assert sigma > strength
    known = strength * sigma - 0.5 * strength**2
    assert value(spec_of(strength=strength), {"X": turn, "Y": Y}) == pytest.approx(known, rel=1e-7)


def test_three_dimensions_and_a_sample_that_is_alone_in_the_fourth() -> None:
    """Where that sample has no target worth a neuron it changes nothing, though it cuts every cell."""
    space = np.random.default_rng(3).standard_normal((5, 3))
    alone = value(spec_of(), {"X": space, "Y": REAL[:5]})
    four = np.vstack([np.column_stack([space, np.zeros(5)]), [0.0, 0.0, 0.0, 1.0]])
    data = {"X": four, "Y": np.vstack([REAL[:5], np.zeros(3)])}
    assert value(spec_of(), data) == pytest.approx(alone, rel=1e-7)


@pytest.mark.parametrize(("seed", "n", "d"), [(0, 9, 2), (1, 9, 2), (2, 9, 2), (3, 6, 4)])
def test_descent_never_goes_below_the_bound_and_comes_near_it(seed: int, n: int, d: int) -> None:
    generator = np.random.default_rng(seed)
    data = {"X": generator.standard_normal((n, d)), "Y": generator.standard_normal((n, 3))}
    bound = certified(reludsl.solve(spec_of(), data)).bound
    assert bound is not None
    solver = f"solver descent {{ restarts = 4, width = 40, seed = {seed} }}"
    descended = reludsl.solve(spec_of(solver=solver), data)
    assert (descended.network.output_weights != 0).sum(axis=1).max() > 1, "its neurons are shared too"
    assert bound.value <= descended.objective <= 1.05 * bound.value


# -- invariances -------------------------------------------------------------------------------------------------


def test_scaling_of_samples_and_targets_is_undone() -> None:
    """Of F = XUα a factor s of X and t of Y is one of the strength by s t, and one of the objective by t²."""
    for s, t in ((1e3, 1.0), (1.0, 1e4), (1e-3, 1e-2)):
        scaled = value(spec_of(strength=0.3 * s * t), {"X": s * X, "Y": t * REAL}, 1e-6)
        assert scaled == pytest.approx(t**2 * value(spec_of(), DATA), rel=1e-6)


def test_samples_in_a_plane_of_more_dimensions() -> None:
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0][:2]
    assert value(spec_of(), {"X": X @ turn, "Y": REAL}) == pytest.approx(value(spec_of(), DATA), rel=1e-7)


def test_zero_and_parallel_samples() -> None:
    twice = np.vstack([X, np.zeros((2, 2)), X[:2]])
    targets = np.vstack([REAL, REAL[:2], REAL[:2]])
    data = {"X": twice, "Y": targets, "w": np.concatenate([np.full(2, 0.5), np.ones(11), np.full(2, 0.5)])}
    weighted = value(spec_of(more="weight w : vector[n]"), data)
    assert weighted == pytest.approx(value(spec_of(), DATA) + 0.5 * np.sum(REAL[:2] ** 2), rel=1e-7)
    near = np.vstack([X, (1 + 1e-3) * X[:2] * (1 + 1e-11), -X[3:4] + 1e-11])
    value(spec_of(), {"X": near, "Y": np.vstack([REAL, REAL[:3]])})


def test_four_dimensions_with_samples_on_common_lines_and_planes() -> None:
    grid = np.array(
        [[1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 1, -1], [-2, 0, 0, 0]]
    )
    value(spec_of(), {"X": grid.astype(float), "Y": REAL[:7]})


@pytest.mark.slow
def test_ten_samples_in_four_dimensions() -> None:
    generator = np.random.default_rng(0)
    data = {"X": generator.standard_normal((10, 4)), "Y": generator.standard_normal((10, 3))}
    best = value(spec_of(strength=0.1), data)
    descended = reludsl.solve(spec_of(strength=0.1, solver="solver descent { restarts = 5, width = 60 }"), data)
    relaxed = reludsl.solve(spec_of(strength=0.1, formulation="formulation sdp_relaxation"), data, time_limit=10)
    assert relaxed.bound is not None
    assert relaxed.bound.value <= best <= descended.objective


def test_a_strength_from_which_on_no_neuron_is_worth_its_price() -> None:
    solution = certified(reludsl.solve(spec_of(strength=1e4), DATA))
    assert solution.network.width == 0 and solution.objective == pytest.approx(0.5 * np.sum(REAL**2))


# -- networks and scripts ----------------------------------------------------------------------------------------


def test_the_network_is_saved_loaded_and_pruned(tmp_path: Path) -> None:
    solution = certified(reludsl.solve(spec_of(architecture=", bias = hidden"), {"X": X[:7], "Y": REAL[:7]}))
    network = solution.network
    assert network.width <= REAL[:7].size, "no more neurons than predictions (Carathéodory)"
    np.testing.assert_allclose(
        np.sum(network.hidden_weights**2, axis=0) + network.hidden_bias**2, np.sum(network.output_weights**2, axis=1)
    )
    network.save(tmp_path / "net.npz")
    again = Network.load(tmp_path / "net.npz")
    assert again.objective(X[:7], REAL[:7]) == pytest.approx(solution.objective, rel=1e-12)


SOLVERS = {  # with the relative gap that each may leave
    "cvxpy": 1e-7,
    "cvxpy { method = scs, tolerance = 1e-7 }": 1e-6,
    "picos": 1e-6,
}
CASES = [
    # A hidden bias makes thousands of moments, as many as the linear systems of CVXOPT have unknowns.
    pytest.param(solver, bias, marks=pytest.mark.slow if bias == "both" and solver != "cvxpy" else ())
    for solver in SOLVERS
    for bias in ("none", "both")
]


@pytest.mark.parametrize(("solver", "bias"), CASES)
def test_a_script_agrees_with_the_direct_solve(tmp_path: Path, bias: str, solver: str) -> None:
    more, gap = f"solver {solver}", SOLVERS[solver]
    spec = spec_of("squared", "categorical[n, 3]", architecture=f", bias = {bias}", scale="standard", solver=more)
    data = {"X": X[:8], "Y": CLASSES[:8]}
    rows = [f"{a!r},{b!r},{label}" for (a, b), label in zip(X[:8].tolist(), CLASSES[:8], strict=True)]
    (tmp_path / "train.csv").write_text("\n".join(["left,right,Y", *rows]) + "\n")
    (tmp_path / "trainer.py").write_text(reludsl.compile(spec))
    command = [sys.executable, "-W", "error", "trainer.py", "--data", "train.csv", "-o", "net.npz"]
    subprocess.run(command, cwd=tmp_path, check=True, env={"PATH": "", "OMP_NUM_THREADS": "1"})
    network = Network.load(tmp_path / "net.npz")
    direct = certified(reludsl.solve(spec, data), gap)
    assert network.objective(str(tmp_path / "train.csv")) == pytest.approx(direct.objective, rel=gap)


# -- mistakes ----------------------------------------------------------------------------------------------------


def codes(spec: str) -> list[str]:
    return [diagnostic.code for diagnostic in reludsl.check(spec).diagnostics]


@pytest.mark.parametrize(
    "changes",
    [
        {"formulation": "formulation sampled"},
        {"formulation": "formulation gated"},
        {"formulation": "formulation random_features"},
        {"formulation": "formulation exact\nregularizer l1 { strength = 1 }"},
        {"formulation": "formulation exact\nperturbation linf { radius = 0.1 }"},
        {"architecture": ", activation = gated_relu"},
        {"architecture": ", activation = threshold"},
        {"architecture": ", bias = hidden", "biases": "free"},
        {"strength": 0.0},
    ],
)
def test_what_shared_neurons_do_not_go_with(changes: dict[str, str]) -> None:
    report = reludsl.check(spec_of(**changes))  # type: ignore[arg-type]
    mistakes = [diagnostic for diagnostic in report.diagnostics if diagnostic.code != "L502"]
    assert {diagnostic.code for diagnostic in mistakes} == {"C223"}
    assert all(diagnostic.span is not None and diagnostic.help for diagnostic in mistakes)


def refusal(data: dict[str, np.ndarray], spec: str = "") -> str:
    with pytest.raises(Mistakes) as raised:
        reludsl.solve(spec or spec_of(), data)
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.span is not None and diagnostic.help
    return diagnostic.code


def test_dimensions_and_counts_are_refused_before_anything_is_solved() -> None:
    five = np.random.default_rng(0).standard_normal((8, 5))
    assert refusal({"X": five, "Y": REAL[:8]}) == "D326"
    assert refusal({"X": five[:, :4], "Y": REAL[:8]}, spec_of(architecture=", bias = hidden")) == "D326"
    assert refusal({"X": np.zeros((8, 2)), "Y": REAL[:8]}) == "D326"
    assert refusal(DATA, spec_of(formulation="formulation exact { limit = 20 }")) == "D316"


def test_cells_that_may_be_missing_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def incomplete(X: np.ndarray) -> None:
        raise cells.Incomplete("no cell lies beyond a facet of another")

    monkeypatch.setattr(cells, "enumerate_cells", incomplete)
    assert refusal(DATA) == "D327"


def test_other_backends_say_why_they_do_not_take_it() -> None:
    compilation = Compilation(Source("<spec>", spec_of()))
    for name in ("newton", "admm"):
        with pytest.raises(Mistakes) as raised:
            compilation.backend(name)
        assert [diagnostic.code for diagnostic in raised.value.diagnostics] == ["C230"]
    assert compilation.backend()[0].name == "cvxpy"

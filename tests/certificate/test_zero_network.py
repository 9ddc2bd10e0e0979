"""The network without hidden neurons: its biases are the best, and it is optimal from the strength that is told on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import reludsl
from reludsl.backends.cvxpy import build_problem
from reludsl.certificate import dual_bound, feasible_point, solved_at_once, zero_strength
from reludsl.certificate.duality import block_prices
from reludsl.certificate.zero_network import greatest_price, zero_network
from reludsl.ir import BlockPenalty, Distance, Program
from reludsl.ir.pattern_problem import pattern_problem
from reludsl.model.losses.quantile import Pinball
from tests.certificate.instances import LOSSES, OFFSETS, SMOOTH, Instance

KINKED = {"absolute": Distance(Pinball()), "quantile": Distance(Pinball(0.3, 0.7)), "hinge": LOSSES["hinge"]}
ALL = {**SMOOTH, **KINKED}


@pytest.fixture(autouse=True)
def _more_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, loss in KINKED.items():
        monkeypatch.setitem(LOSSES, name, loss)


def stronger(instance: Instance, factor: float) -> Program:
    """The program with all penalties multiplied."""
    form = instance.form
    penalty = form.penalty
    strengths = ("group", "l1", "offset_l1", "offset_l2")
    multiplied = {name: factor * getattr(penalty, name) for name in strengths}
    return replace(form, penalty=replace(penalty, **multiplied)).program("p")


def instances_of(loss: str) -> list[Instance]:
    several = loss == "cross-entropy"
    varied: list[dict[str, Any]] = [
        {},
        {"offset": "free", "mean": True},
        {"offset": "squared", "activation": "leaky", "weighted": True, "mean": True},
        {"offset": "absolute", "activation": "absolute"},
        {"offset": "both", "activation": "gated", "several": True},
        {"offset": "free", "activation": "features", "weighted": True},
        {"offset": "free", "several": True},
    ]
    return [Instance(loss, n=13, **{**parts, "several": several or "several" in parts}) for parts in varied]


@pytest.mark.parametrize("loss", ALL)
def test_just_above_the_strength_zero_is_proved_optimal_and_just_below_it_is_not(loss: str) -> None:
    for instance in instances_of(loss):
        arrays = instance.arrays
        found = zero_strength(instance.program, arrays)
        assert found is not None and found.multiple > 0
        above = stronger(instance, (1 + 1e-6) * found.multiple)
        outcome = solved_at_once(above, arrays)
        assert outcome is not None and outcome.status == "solved" and outcome.point is not None
        feasible = feasible_point(above, arrays, outcome.point)
        bound = dual_bound(above, arrays, feasible, outcome.point, outcome.dual)
        assert bound is not None and bound.gap <= 1e-9
        assert feasible.objective == pytest.approx(outcome.history[-1].objective, rel=1e-12)
        assert solved_at_once(stronger(instance, (1 - 1e-4) * found.multiple), arrays) is None


@pytest.mark.parametrize(
    "instance",
    [
        Instance("squared", offset="free"),
        Instance("squared", "leaky", "squared", weighted=True),
        Instance("huber", "gated", several=True),
        Instance("logistic", offset="both"),
        Instance("cross-entropy", offset="absolute", several=True),
        Instance("absolute", offset="free", n=13),
        Instance("hinge", "absolute"),
        Instance("hinge", "features", "free"),
    ],
    ids=str,
)
def test_another_solver_agrees(instance: Instance) -> None:
    """CVXPY's optimum is that of the zero network above the strength, and below it is better."""
    found = zero_strength(instance.program, instance.arrays)
    assert found is not None
    for factor in (1.02, 0.8):
        program = stronger(instance, factor * found.multiple)
        problem, _, _ = build_problem(program, instance.arrays)
        problem.solve(solver="CLARABEL", tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
        scaled = pattern_problem(program, instance.arrays)
        assert scaled is not None
        zero = scaled.loss_value(np.broadcast_to(zero_network(scaled).offset, scaled.Y.shape))
        zero += scaled.penalty_value(np.zeros((scaled.X.shape[1], scaled.columns)), zero_network(scaled).offset)
        if factor > 1:
            assert zero / scaled.scale == pytest.approx(problem.value, rel=1e-6)
        elif found.exact:
            assert problem.value < zero / scaled.scale * (1 - 1e-6)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(list(ALL)),
    st.sampled_from(list(OFFSETS)),
    st.booleans(),
    st.booleans(),
    st.integers(0, 999),
    st.floats(-3, 2),
)
def test_the_biases_are_the_best_and_the_dual_point_belongs_to_them(
    loss: str, offset: str, several: bool, weighted: bool, seed: int, exponent: float
) -> None:
    """Primal and dual values of the problem without columns are equal, which proves both."""
    several = several or loss == "cross-entropy"
    problem = Instance(loss, "gated", offset, several, weighted, seed=seed, n=9).problem
    strength = 10.0**exponent
    problem = replace(problem, offset_l1=strength * problem.offset_l1, offset_l2=strength * problem.offset_l2)
    zero = zero_network(problem)
    value = problem.loss_value(np.broadcast_to(zero.offset, problem.Y.shape))
    value += problem.penalty_value(np.zeros((problem.X.shape[1], problem.columns)), zero.offset)
    inside = problem.admissible(zero.dual)
    assert inside == pytest.approx(zero.dual, abs=1e-9)
    dual = max(problem.dual_value(inside, np.zeros(1), share) for share in (1.0, 1.0 - 1e-12))
    assert dual == pytest.approx(value, rel=1e-9, abs=1e-9)


def test_the_biases_of_the_cross_entropy_by_a_general_method() -> None:
    problem = replace(Instance("cross-entropy", offset="squared", several=True, weighted=True).problem, offset_l2=0.7)

    def value(c: np.ndarray) -> float:
        return problem.loss_value(np.broadcast_to(c, problem.Y.shape)) + 0.35 * float(c @ c)

    best = minimize(value, np.zeros(3), tol=1e-12)
    assert zero_network(problem).offset == pytest.approx(best.x, abs=1e-5)


def test_medians_and_kinks() -> None:
    """Of an odd number of targets the median is the best, and its dual point the only one."""
    targets = np.array([3.0, -1.0, 0.25, 8.0, 0.5])[:, None]
    problem = replace(Instance(activation="gated", n=5).problem, Y=targets, loss=KINKED["absolute"], offset=True)
    zero = zero_network(problem)
    assert zero.offset == pytest.approx([0.5]) and zero.unique
    assert zero.dual[:, 0] == pytest.approx([1.0, -1.0, -1.0, 1.0, 0.0])
    at_zero = zero_network(replace(problem, Y=0 * targets, offset=False))
    assert not at_zero.unique and not at_zero.dual.any()
    majority = np.array([1.0, 1.0, 1.0, -1.0, 1.0])[:, None]
    hinge = zero_network(replace(problem, Y=majority, loss=KINKED["hinge"]))
    assert hinge.offset == pytest.approx([1.0]) and not hinge.unique
    assert hinge.dual[:, 0] == pytest.approx([0.25, 0.25, 0.25, -1.0, 0.25])
    balanced, counted = np.array([1.0, 1.0, -1.0, -1.0, 1.0])[:, None], np.array([1.0, 1.0, 1.0, 1.0, 0.0])
    even = zero_network(replace(problem, Y=balanced, weights=counted))
    assert even.dual[:, 0] == pytest.approx([1.0, 1.0, -1.0, -1.0, 0.0])


def test_the_greatest_price_is_that_of_all_columns() -> None:
    for several in (False, True):
        problem = Instance(seed=3, n=10, several=several).problem
        prices = block_prices(replace(problem, group=0.0), problem.Y)
        assert greatest_price(problem, problem.Y) == pytest.approx(prices.max(), rel=1e-12)
        assert greatest_price(problem, problem.Y, 0.5 * prices.max()) > 0.5 * prices.max()
        assert greatest_price(problem, problem.Y, 2.0 * prices.max()) <= 2.0 * prices.max()


@pytest.mark.parametrize(
    "penalty",
    [BlockPenalty(group=1e9, l1=1.0), BlockPenalty(group_without_biases=1e9), BlockPenalty(l2=1e9), BlockPenalty()],
    ids=["l1", "free hidden biases", "ridge", "none"],
)
def test_where_nothing_can_be_told(penalty: BlockPenalty) -> None:
    instance = Instance(seed=5)
    program = replace(instance.form, penalty=penalty).program("p")
    assert solved_at_once(program, instance.arrays) is None and zero_strength(program, instance.arrays) is None


SPEC = """reludsl 1
data {{
  input  X : matrix[n, d]
  target y : vector[n]
}}
architecture two_layer {{ bias = {bias} }}
loss {loss}
{regularizers}
formulation {formulation}
"""


def spec_of(
    *strengths: float, bias: str = "both", loss: str = "squared", formulation: str = "sampled { patterns = 12 }"
) -> str:
    names = ("weight_decay", "path_norm")
    parts = [f"regularizer {name} {{ strength = {value!r} }}" for name, value in zip(names, strengths, strict=False)]
    return SPEC.format(bias=bias, loss=loss, regularizers="\n".join(parts), formulation=formulation)


DATA = (np.random.default_rng(0).standard_normal((30, 3)), np.random.default_rng(1).standard_normal(30) + 0.5)


@pytest.mark.parametrize("backend", ["newton", "admm", "cvxpy"])
@pytest.mark.parametrize("formulation", ["sampled { patterns = 12 }", "random_features { neurons = 9 }"])
def test_no_backend_is_asked_where_nothing_is_to_be_done(
    backend: str, formulation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reludsl.backends import backends

    def refuse(*arguments: object, **keywords: object) -> None:
        raise AssertionError("the backend was called")

    monkeypatch.setattr(type(backends()[backend]), "solve", refuse)
    solution = reludsl.solve(spec_of(1e4, formulation=formulation), DATA, backend=backend)
    assert (solution.status, solution.width, solution.iterations, solution.backend) == ("solved", 0, 0, backend)
    assert solution.bound is not None and solution.bound.value == pytest.approx(solution.objective, rel=1e-12)
    assert solution.objective == pytest.approx(solution.program_objective, rel=1e-12)
    assert any("none brings more than it costs" in str(decision) for decision in solution.decisions)
    with pytest.raises(AssertionError, match="was called"):
        reludsl.solve(spec_of(1e-3, formulation=formulation), DATA, backend=backend)


@pytest.mark.parametrize("bias", ["none", "hidden", "output", "both"])
@pytest.mark.parametrize("loss", ["squared", "huber { reduction = mean }"])
def test_explain_tells_the_strength_in_the_units_of_the_spec(bias: str, loss: str) -> None:
    text = " ".join(reludsl.explain(spec_of(0.5, bias=bias, loss=loss), DATA).split())
    told = float(text.split("optimal from the strength ")[1].split()[0])
    widths = [reludsl.solve(spec_of(told * factor, bias=bias, loss=loss), DATA).width for factor in (1.001, 0.99)]
    assert widths[0] == 0 < widths[1]
    again = " ".join(reludsl.explain(spec_of(2 * told, bias=bias, loss=loss), DATA).split())
    assert "That is so here." in again and ("That is so here." in text) == (told <= 0.5)


def test_explain_tells_the_common_multiple_of_several_strengths() -> None:
    text = " ".join(reludsl.explain(spec_of(0.5, 0.25), DATA).split())
    sentence = text.split("optimal from the strengths ")[1]
    first, second = (float(sentence.split(f" of `{name}`")[0].split()[-1]) for name in ("weight_decay", "path_norm"))
    assert first == pytest.approx(2 * second, rel=1e-5)
    assert f"{first / 0.5:.4g} times those of the spec" in text
    widths = [reludsl.solve(spec_of(first * factor, second * factor), DATA).width for factor in (1.001, 0.99)]
    assert widths[0] == 0 < widths[1]
    assert "hidden neurons cost more" not in reludsl.explain(spec_of(), DATA)

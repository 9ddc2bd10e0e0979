from __future__ import annotations

import numpy as np
import pytest

from benchmarks.evaluator import Evaluator, loss_of
from benchmarks.problems import LOSSES, PROBLEMS, Instance, Problem
from benchmarks.watch import Watch

ONE = np.array([[1.0], [2.0]])


def small(loss: str = "squared", gated: bool = False) -> Instance:
    """Two samples on a line, 1 and 2, targets 1 and 2, and the pattern that is active on both."""
    problem = Problem("small", loss, lambda: (ONE, ONE), 1, (0.1,), gated=gated)
    return Instance(problem, ONE, ONE, np.ones((2, 1), dtype=bool), np.ones((1, 1)))


@pytest.mark.parametrize(
    ("loss", "F", "Y", "value"),
    [
        ("squared", 3.0, 1.0, 2.0),
        ("absolute", 3.0, 1.0, 2.0),
        ("huber", 3.0, 1.0, 1.5),
        ("huber", 1.5, 1.0, 0.125),
        ("hinge", 0.25, -1.0, 1.25),
        ("logistic", 0.0, 1.0, np.log(2.0)),
    ],
)
def test_losses_by_hand(loss: str, F: float, Y: float, value: float) -> None:
    assert loss_of(loss, np.array([[F]]), np.array([[Y]])) == pytest.approx(value)


def test_cross_entropy_by_hand() -> None:
    F, Y = np.array([[np.log(2.0), 0.0, 0.0]]), np.array([[1.0, 0.0, 0.0]])
    assert loss_of("cross_entropy", F, Y) == pytest.approx(np.log(2.0))
    assert loss_of("cross_entropy", np.array([[1e4, 0.0]]), np.array([[0.0, 1.0]])) == pytest.approx(1e4)


@pytest.mark.parametrize("name", [name for name in PROBLEMS if name.startswith("teacher 200") and name[-1] != "0"])
def test_losses_are_those_that_the_solvers_minimize(name: str) -> None:
    _, Y = PROBLEMS[name].samples()
    F = np.random.default_rng(0).standard_normal(Y.shape)
    loss = PROBLEMS[name].loss
    assert loss_of(loss, F, Y) == pytest.approx(float(LOSSES[loss].value(F, Y).sum()))


def test_the_network_without_neurons() -> None:
    verdict = Evaluator(small(), 100.0).judge(np.zeros((1, 2)))
    assert verdict.objective == verdict.network == 2.5
    assert verdict.violation == verdict.left == verdict.check == 0.0
    assert verdict.bound == pytest.approx(2.5, rel=1e-6)  # 100 is more than the price of a neuron, 1 + 4


def test_the_optimum_in_closed_form_is_proved() -> None:
    # 5/2 (1 - v)^2 + beta v over v >= 0 is least at v = 1 - beta / 5.
    beta = 1.0
    verdict = Evaluator(small(), beta).judge(np.array([[0.8, 0.0]]))
    assert verdict.objective == pytest.approx(2.5 * 0.04 + 0.8)
    assert verdict.network == pytest.approx(verdict.objective)
    assert verdict.bound == pytest.approx(verdict.objective, rel=1e-6)


def test_columns_outside_their_cone_are_projected_and_the_violation_told() -> None:
    verdict = Evaluator(small(), 1.0).judge(np.array([[0.8, -0.4]]))
    assert verdict.violation == pytest.approx(0.5)
    assert verdict.left == 0.0
    assert verdict.objective == pytest.approx(2.5 * 0.04 + 0.8)


def test_columns_of_gated_networks_are_free() -> None:
    verdict = Evaluator(small(gated=True), 1.0).judge(np.array([[-0.4]]))
    assert verdict.violation == 0.0
    assert verdict.objective == pytest.approx(2.5 * 1.96 + 0.4)


def test_a_network_is_judged_by_its_weight_decay() -> None:
    value = Evaluator(small(), 1.0).network_objective(np.array([[1.0, -2.0]]), np.array([[0.5], [3.0]]))
    assert value == pytest.approx(0.5 * (0.25 + 1.0) + 0.5 * (1.0 + 4.0 + 0.25 + 9.0))


def test_every_projection_of_a_random_answer_is_exact_and_in_its_cone() -> None:
    instance = PROBLEMS["teacher 200"].instance()
    u = np.random.default_rng(1).standard_normal((10, 800))
    verdict = Evaluator(instance, 1.0).judge(u)
    assert verdict.violation > 0.1
    assert verdict.left <= 1e-11
    assert verdict.check <= 1e-9
    assert verdict.network == pytest.approx(verdict.objective, rel=1e-9)
    assert verdict.bound <= verdict.objective


def test_a_watch_stands_while_an_iterate_is_copied_and_keeps_them_ever_more_rarely() -> None:
    watch = Watch()

    def slow() -> np.ndarray:
        return np.linalg.inv(np.eye(300) + np.ones((300, 300)))

    for iteration in range(1, 1001):
        watch.show(iteration, slow)
    assert len(watch.moments) < 60
    assert [moment.iteration for moment in watch.moments][:3] == [1, 2, 3]
    assert watch.moments[-1].seconds <= watch.seconds < 0.05

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.cells import cells, chosen
from benchmarks.evaluator import Evaluator
from benchmarks.problems import PROBLEMS, images, teacher
from benchmarks.solvers import SOLVERS
from benchmarks.watch import Watch

SIZES = {
    "teacher 200": (200, 10, 400),
    "teacher 200 classes": (200, 10, 100),
    "breast cancer": (569, 31, 500),
    "digits logistic": (357, 55, 100),
    "diabetes huber": (442, 11, 100),
    "iris": (150, 5, 100),
    "wine": (178, 14, 100),
    "teacher 2000": (2000, 50, 1000),
    "gated 1000": (1000, 20, 500),
}


@pytest.mark.parametrize("name", SIZES)
def test_problems_have_the_sizes_they_claim_and_are_the_same_every_time(name: str) -> None:
    first, second = PROBLEMS[name].instance(), PROBLEMS[name].instance()
    assert (*first.X.shape, first.masks.shape[1]) == SIZES[name]
    assert np.array_equal(first.masks, first.X @ first.directions >= 0)
    assert len(np.unique(first.masks, axis=1).T) == first.masks.shape[1]
    for array in ("X", "Y", "masks", "directions"):
        assert np.array_equal(getattr(first, array), getattr(second, array))


def test_targets_suit_their_losses() -> None:
    for name, problem in PROBLEMS.items():
        if "20000" in name:
            continue
        _, Y = problem.samples()
        if problem.loss in ("hinge", "logistic"):
            assert set(np.unique(Y)) == {-1.0, 1.0}
        elif problem.loss == "cross_entropy":
            assert Y.shape[1] == 3
            assert np.array_equal(Y.sum(axis=1), np.ones(len(Y)))
        else:
            assert Y.shape[1] == 1


def test_images_have_more_samples_than_rank_and_fewer_dimensions_than_pixels() -> None:
    X, Y = images()
    rank = np.linalg.matrix_rank(X)
    assert X.shape == (1000, 784)
    assert 200 < rank < 784
    assert rank < len(X)
    assert X.min() >= 0 and X.max() <= 1
    assert Y.sum() == 0


def test_at_beta_max_the_network_without_neurons_is_optimal_and_below_it_is_not() -> None:
    for name in ("teacher 200 hinge", "iris", "gated 200"):
        instance = PROBLEMS[name].instance()
        greatest = instance.greatest_strength()
        zero = np.zeros((instance.X.shape[1], instance.program(1.0).columns))
        at = Evaluator(instance, greatest * (1 + 1e-9)).judge(zero)
        assert at.bound == pytest.approx(at.objective, rel=1e-6)
        below = SOLVERS["newton"].solve(instance, 0.9 * greatest, 1e-6, Watch())
        assert Evaluator(instance, 0.9 * greatest).judge(below.columns).objective < at.objective * (1 - 1e-6)


def test_wide_samples_keep_their_products_in_the_coordinates_of_their_span() -> None:
    problem = replace(PROBLEMS["wide"], samples=lambda: teacher(20, 60), patterns=5)
    instance = problem.instance()
    assert instance.basis.shape == (20, 60)
    reduced = instance.X @ instance.basis.T
    assert np.allclose(reduced @ reduced.T, instance.X @ instance.X.T)


def test_cells_name_problems_solvers_and_shares_that_there_are() -> None:
    for cell in cells():
        assert cell.share in PROBLEMS[cell.problem].shares, cell.key
        assert cell.solver in SOLVERS
    keys = [cell.key for cell in cells()]
    assert len(set(keys)) == len(keys)
    losses = {PROBLEMS[cell.problem].loss for cell in cells() if cell.solver == "cvxpy"}
    assert losses == {problem.loss for problem in PROBLEMS.values()}


def test_cells_are_chosen_by_problem_solver_and_text() -> None:
    assert {cell.problem for cell in chosen(False, ("iris", "wine"), (), "")} == {"iris", "wine"}
    assert {cell.solver for cell in chosen(False, (), ("torch",), "")} == {"torch"}
    assert [cell.key for cell in chosen(False, (), (), "iris | 0.01 | newton")] == ["iris | 0.01 | newton"]
    assert 0 < len(chosen(True, (), (), "")) < len(cells())

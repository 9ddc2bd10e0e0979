from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from ir_programs import Hinge, HuberLoss, Logistic, Quantile, Squared

from reludsl.ir import (
    Apply,
    BindingError,
    BlockDiagonal,
    Constant,
    Data,
    Expression,
    LogSumExp,
    Named,
    Nonnegative,
    Norm,
    Program,
    ScalarFunction,
    Semidefinite,
    Size,
    Sum,
    SumSquares,
    Term,
    Variable,
    entropy,
    evaluate,
    exp,
    log,
    logistic,
    objective,
    sizes,
    violations,
)

n, d, P = sizes("n, d, P")
x = Variable("x", (n,))


@pytest.mark.parametrize(
    ("expression", "at", "value"),
    [
        (logistic(x), [1000.0, -1000.0, 0.0], [1000.0, 0.0, np.log(2)]),
        (LogSumExp(x), [1000.0, 1000.0], 1000 + np.log(2)),
        (LogSumExp(x), [-1000.0, -1000.0], -1000 + np.log(2)),
        (exp(x), [1000.0], [np.inf]),
        (entropy(x), [0.0, 1.0, -1.0], [0.0, 0.0, -np.inf]),
        (log(x), [0.0], [-np.inf]),
        (Norm(x, "inf"), [1.0, -3.0], 3.0),
        (SumSquares(x) / Size(n), [1.0, -3.0], 5.0),
        (Size(2 * n + 1) + 0 * Sum(x), [1.0, 1.0], 5.0),
    ],
)
def test_values_at_the_edges_come_without_warnings(expression: Expression, at: list[float], value: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(evaluate(expression, {"x": np.array(at)}), value, rtol=1e-15)


def test_a_scalar_is_a_float() -> None:
    assert type(evaluate(Sum(x), {"x": [1, 2]})) is float


def test_booleans_count_as_numbers() -> None:
    D, E = Data("D", (n,)), Data("E", (n,))
    found = evaluate(D - E, {"D": np.array([True, False]), "E": np.array([True, True])})
    np.testing.assert_array_equal(found, [0, -1])


def test_a_named_expression_is_computed_once() -> None:
    calls = []

    class Counted(np.ndarray):
        def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **keywords: object) -> object:
            calls.append(ufunc.__name__)
            return getattr(ufunc, method)(*(np.asarray(value) for value in inputs), **keywords)

    g = Named("g", exp(x))
    from reludsl.ir import NumpyVocabulary, Objects, Translator, numpy_namespace

    objects = Objects(numpy_namespace(), {"x": np.zeros(2).view(Counted)}, {"n": 2})
    Translator(NumpyVocabulary(), objects)(Sum(g * g) + Sum(g))
    assert calls.count("exp") == 1


X, V = Data("X", (n, d)), Variable("V", (d + 1, P))
Z = Variable("Z", (n + d, n + d))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"X": np.ones((3, 2))}, r"no value for V : \[d \+ 1, P\]"),
        ({"X": np.ones(3), "V": np.ones((3, 2))}, r"X has shape \(3,\), but is \[n, d\]"),
        ({"X": np.ones((3, 2)), "V": np.ones((5, 2))}, "V has a side of 5, which is to be d [+] 1, and d = 2 by X"),
        ({"X": np.ones((3, 2)), "V": np.ones((0, 2))}, "V has a side of 0"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(values: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(BindingError, match=message):
        evaluate(Sum(X) + Sum(V), values)


def test_sizes_are_found_through_sums() -> None:
    assert evaluate(Size(d) + Sum(X[:, 0:1]) * 0 + Sum(Z), {"X": np.ones((3, 2)), "Z": np.zeros((5, 5))}) == 2
    late = Variable("Z", (n + d, n))  # d is known only once n is
    assert evaluate(Size(d) + 0 * Sum(late), {"Z": np.zeros((5, 3))}) == 2


def test_a_size_that_no_array_tells_is_refused() -> None:
    with pytest.raises(BindingError, match="no array tells the size P"):
        evaluate(Sum(x) / Size(P), {"x": np.ones(2)})


def test_the_objective_is_the_sum_of_the_terms() -> None:
    program = Program("test", (Term("a", Sum(x)), Term("b", Constant(2, "beta") * SumSquares(x))))
    assert objective(program, {"x": np.array([1.0, 2.0])}) == 13.0
    assert objective(Program("nothing", ()), {}) == 0.0


def test_undefined_constraints_are_violated_without_bound() -> None:
    S = Variable("S", (n, n), symmetric=True)
    program = Program("test", (), (Nonnegative("log", log(x)), Semidefinite("psd", S + 1 / Sum(Data("w", (n,))) * 0)))
    found = violations(program, {"x": [-1.0, 1.0], "S": np.full((2, 2), np.nan), "w": [1.0, 1.0]})
    assert found == {"log": np.inf, "psd": np.inf}


@pytest.mark.parametrize("function", [Hinge(), Squared(), Logistic(), Quantile(), HuberLoss()], ids=lambda f: f.name)
def test_the_value_of_a_function_is_that_of_its_definition(function: ScalarFunction) -> None:
    t = np.linspace(-3, 3, 12).reshape(3, 4)
    expected = evaluate(Apply(function, Data("t", (n, d))), {"t": t})
    np.testing.assert_array_equal(function.value(t), expected)
    assert function.value(np.float64(0.25)).shape == ()


def test_functions_use_the_library_of_their_array() -> None:
    np.testing.assert_array_equal(Hinge().derivative(np.array([0.0, 2.0])), [-1.0, 0.0])


def test_a_function_prints_its_formula() -> None:
    assert Hinge().unicode("t") == "max(0, 1 − t)"
    assert Logistic().latex("f_i") == r"\log(1 + \exp(-f_{i}))"


def test_importing_the_room_does_not_import_numpy() -> None:
    code = "import sys, reludsl.ir; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("height", "width", "count"), [(1, 1, 1), (2, 3, 4), (3, 2, 1), (1, 4, 3), (4, 1, 2)])
def test_blocks_stand_on_the_diagonal(height: int, width: int, count: int) -> None:
    generator = np.random.default_rng(0)
    stack, right = generator.standard_normal((height * count, width)), generator.standard_normal((width * count, 2))
    A, B = Data("A", ("h", "w")), Data("B", ("k", "c"))
    product = evaluate(BlockDiagonal(A, B.shape[0]) @ B, {"A": stack, "B": right})
    by_hand = [block @ part for block, part in zip(np.split(stack, count), np.split(right, count), strict=True)]
    np.testing.assert_allclose(product, np.concatenate(by_hand), rtol=1e-14)


def test_blocks_that_are_not_finite_violate_their_constraint_without_end() -> None:
    W = Variable("W", (n, d), symmetric="blocks")
    program = Program("test", (), (Semidefinite("psd", BlockDiagonal(W, n)),))
    W_at = np.concatenate([np.eye(2), np.diag([1.0, -3.0])])
    assert violations(program, {"W": W_at}) == {"psd": 3.0}
    assert violations(program, {"W": np.where(W_at == -3.0, np.nan, W_at)}) == {"psd": np.inf}

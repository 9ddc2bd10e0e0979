"""Targets of several columns and of classes, weights: what is bound, what is refused, and the way back."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import LabelEncoder, MinMaxScaler, StandardScaler

from reludsl import script_parts
from reludsl.data.encoding import Samples
from reludsl.data.gates import read_gates
from reludsl.data.tables import read_table
from reludsl.mistakes import Mistakes
from tests.model.specs import bound, codes_of
from tests.model.specs import separate as spec
from tests.model.test_tables import content_of, damaged

unhurried = settings(deadline=None, max_examples=50)

CLASSES = {loss: spec("y : categorical[n, k]", loss) for loss in ("squared", "hinge", "cross_entropy")}
MATRIX = spec("Y : matrix[n, c]")
COLUMNS = spec('Y : matrix[n, c] { columns = ["p", "q", "r"] }')
WEIGHTED = spec("y : vector[n]", more="weight w : vector[n]", outputs="1")

texts = st.text(st.characters(codec="ascii", categories=["L", "P"]), min_size=1, max_size=4).filter(
    lambda text: text == text.strip() and text not in ("nan", "inf", "<NA>", "NaT") and not _is_number(text)
)
numbers = st.integers(-20, 20).map(float)
columns_of_labels: st.SearchStrategy[list[Any]] = (
    st.lists(texts, min_size=2, max_size=12) | st.lists(numbers, min_size=2, max_size=12)
).filter(lambda row: len(set(row)) > 1)
matrices = arrays(np.float64, st.tuples(st.integers(3, 8), st.just(3)), elements=numbers).filter(
    lambda Y: bool((Y.min(axis=0) < Y.max(axis=0)).all())
)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def distinct(rows: int) -> np.ndarray:
    """Inputs that tell the rows apart."""
    return np.column_stack([np.arange(float(rows)), np.arange(float(rows)) ** 2])


# -- classes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", CLASSES)
@unhurried
@given(labels=columns_of_labels)
def test_classes_are_those_of_scikit_learn_and_come_back(loss: str, labels: list[Any]) -> None:
    found = bound(CLASSES[loss], (distinct(len(labels)), labels))
    encoder = LabelEncoder().fit(labels)
    assert found.encoding.labels == tuple(encoder.classes_.tolist())
    count = len(encoder.classes_)
    lowest = 0.0 if loss == "cross_entropy" else -1.0
    expected = np.where(np.eye(count)[encoder.transform(labels)] > 0, 1.0, lowest)
    np.testing.assert_array_equal(found.train.y, expected)
    assert found.encoding.outputs == count and found.encoding.categorical and found.encoding.several
    assert found.encoding.decode(found.train.y).tolist() == labels
    assert found.sizes["k"] == count


@unhurried
@given(labels=columns_of_labels.filter(lambda row: len(set(row)) == 2), turned=st.booleans())
def test_two_labels_come_back(labels: list[Any], turned: bool) -> None:
    first, second = sorted(set(labels), reverse=turned)
    word = f'"{second}"' if isinstance(second, str) else f"{second:g}"
    if isinstance(second, str) and ('"' in second or "\\" in second):
        return  # these need escapes, which are the grammar's business
    text = spec(f"y : binary[n] {{ positive = {word} }}", outputs="1")
    encoding = (found := bound(text, (distinct(len(labels)), labels))).encoding
    assert encoding.labels == (first, second)
    assert (encoding.outputs, encoding.categorical, encoding.several) == (1, False, False)
    assert encoding.decode(found.train.y).tolist() == labels
    assert encoding.decode(np.array([0.0, -1e-300])).tolist() == [second, first], "0 counts as positive"


def test_the_greatest_output_is_the_class() -> None:
    encoding = bound(CLASSES["cross_entropy"], (distinct(3), ["low", "high", "middle"])).encoding
    outputs = np.array([[0.1, -1, 0.3], [5, 5, 1], [-3, -2, -9]])
    assert encoding.decode(outputs).tolist() == ["middle", "high", "low"]
    assert encoding.decode(outputs + 100).tolist() == encoding.decode(outputs).tolist()


def test_numbers_are_classes_in_the_order_of_numbers() -> None:
    found = bound(CLASSES["squared"], (distinct(4), [10, 9, 2, 10]))
    assert found.encoding.labels == (2.0, 9.0, 10.0)
    assert found.train.y.tolist() == [[-1, -1, 1], [-1, 1, -1], [1, -1, -1], [-1, -1, 1]]
    assert found.encoding.decode(found.train.y).dtype == float


@pytest.mark.parametrize(
    ("declared", "labels", "codes"),
    [
        ("k", ["a", "a", "a"], ["D309"]),
        ("2", ["a", "b", "c"], ["D310"]),
        ("4", ["a", "b", "c"], ["D310"]),
        ("n", ["a", "b", "b"], ["D308"]),
        ("d", ["a", "b", "c"], ["D308"]),
        ("k", ["a", None, "c"], ["D306"]),
        ("k", [1.0, np.nan, 2.0], ["D306"]),
        ("k", ["a", "b"], ["D313"]),
        ("k", [["a", "b"]] * 3, ["D308"]),
    ],
)
def test_what_is_wrong_with_classes(declared: str, labels: list[Any], codes: list[str]) -> None:
    assert codes_of(spec(f"y : categorical[n, {declared}]", "cross_entropy"), (distinct(3), labels)) == codes


def test_declared_classes_that_are_there() -> None:
    assert bound(spec("y : categorical[n, 3]", "hinge"), (distinct(3), ["a", "b", "c"])).sizes == {"n": 3, "d": 2}
    assert bound(spec("y : categorical[n, d]", "hinge"), (distinct(3), ["a", "b", "a"])).sizes == {"n": 3, "d": 2}


def test_a_class_that_is_only_held_out_is_told() -> None:
    X, labels = distinct(8), np.array(["a", "b"] * 4, dtype=object)
    plain = bound(CLASSES["squared"], (X, labels), holdout=0.25, split_seed=3)
    assert plain.warnings == () and plain.test is not None
    labels[plain.test.X[:, 0].astype(int)] = "rare"
    found = bound(CLASSES["squared"], (X, labels), holdout=0.25, split_seed=3)
    assert [warning.code for warning in found.warnings] == ["D317"]
    assert found.encoding.labels == ("a", "b", "rare")
    assert (found.train.y[:, 2] == -1).all() and found.test is not None and (found.test.y[:, 2] == 1).all()
    labels[np.delete(np.arange(8), plain.test.X[:, 0].astype(int))] = "a"
    assert codes_of(CLASSES["squared"], (X, labels), holdout=0.25, split_seed=3) == ["D309"]


def test_test_data_may_lack_a_class_but_not_bring_another() -> None:
    train = (distinct(3), ["a", "b", "c"])
    found = bound(CLASSES["hinge"], train, test=(distinct(2), ["c", "c"]))
    assert found.test is not None and found.test.y.tolist() == [[-1, -1, 1]] * 2
    assert codes_of(CLASSES["hinge"], train, test=(distinct(2), ["c", "d"])) == ["D310"]
    as_text = bound(CLASSES["hinge"], (distinct(3), [1, 2, 3]), test=(distinct(2), ["3", "1.0"]))
    assert as_text.test is not None and as_text.encoding.decode(as_text.test.y).tolist() == [3.0, 1.0]


# -- several columns ---------------------------------------------------------------------------------------------


@unhurried
@given(Y=matrices, order=st.permutations(["p", "q", "r", "a", "b"]))
def test_columns_are_found_by_name_wherever_they_stand(Y: np.ndarray, order: list[str]) -> None:
    X = distinct(len(Y))
    held = {"p": Y[:, 0], "q": Y[:, 1], "r": Y[:, 2], "a": X[:, 0], "b": X[:, 1]}
    found = bound(COLUMNS, {name: held[name] for name in order})
    np.testing.assert_array_equal(found.train.y, Y)
    assert found.encoding.columns == tuple(name for name in order if name in "ab"), "a target is no input"
    assert found.encoding.target_columns == ("p", "q", "r") and found.encoding.outputs == 3
    matrix = bound(MATRIX, (X, Y))
    np.testing.assert_array_equal(matrix.train.y, Y)
    assert matrix.sizes == {"n": len(Y), "d": 2, "c": 3} and matrix.encoding.target_columns is None


@unhurried
@given(Y=matrices, order=st.permutations([0, 1, 2]))
def test_the_order_in_the_spec_is_that_of_the_outputs(Y: np.ndarray, order: list[int]) -> None:
    names = ["p", "q", "r"]
    listed = ", ".join(f'"{names[i]}"' for i in order)
    text = spec(f"Y : matrix[n, 3] {{ columns = [{listed}], scale = standard }}")
    frame = {"a": np.arange(float(len(Y))), **dict(zip(names, Y.T, strict=True))}
    np.testing.assert_allclose(
        bound(text, frame).train.y, StandardScaler().fit_transform(Y)[:, order], rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize(("scale", "scaler"), [("standard", StandardScaler), ("minmax", MinMaxScaler)])
@unhurried
@given(Y=matrices)
def test_every_column_is_scaled_by_itself_and_comes_back(scale: str, scaler: Any, Y: np.ndarray) -> None:
    found = bound(spec(f"Y : matrix[n, c] {{ scale = {scale} }}"), (distinct(len(Y)), Y))
    np.testing.assert_allclose(found.train.y, scaler().fit_transform(Y), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.encoding.decode(found.train.y), Y, rtol=1e-9, atol=1e-9)


def test_one_column_may_be_a_matrix() -> None:
    found = bound(MATRIX, (distinct(3), [[1.0], [2.0], [4.0]]))
    assert found.train.y.shape == (3, 1) and found.encoding.outputs == 1
    assert found.encoding.decode(found.train.y).tolist() == [[1], [2], [4]]


@pytest.mark.parametrize(
    ("text", "data", "codes"),
    [
        pytest.param(MATRIX, {"a": [1, 2], "Y": [1, 2]}, ["D304"], id="a table, and no columns said"),
        pytest.param(MATRIX, {"X": np.eye(2), "Z": np.eye(2)}, ["D304"], id="an array of another name"),
        pytest.param(MATRIX, {"X": np.eye(2), "Y": [1, 2]}, ["D308"], id="one dimension"),
        pytest.param(MATRIX, {"X": np.eye(2), "Y": np.eye(3)}, ["D313"], id="rows"),
        pytest.param(MATRIX, {"X": np.eye(2), "Y": [[1, np.nan], [2, 3]]}, ["D306"], id="a missing value"),
        pytest.param(MATRIX, {"X": np.eye(2), "Y": [[1, 7], [2, 7]]}, ["D309"], id="a constant column"),
        pytest.param(COLUMNS, {"a": [1, 2], "p": [1, 2], "q": [2, 3]}, ["D304"], id="one column missing"),
        pytest.param(COLUMNS, {"a": [1, 2], "p": [1, 2]}, ["D304"], id="two columns missing"),
        pytest.param(COLUMNS, {"p": [1, 2], "q": [1, 2], "r": [1, 2]}, ["D304"], id="nothing left"),
        pytest.param(
            COLUMNS, {"a": ["x", 2], "p": [1, "y"], "q": [1, 2], "r": [1, None]}, ["D305", "D305", "D306"], id="three"
        ),
        pytest.param(
            spec('Y : matrix[n, c] { columns = ["p", "p"] }'), {"a": [1, 2], "p": [1, 2]}, ["D304"], id="listed twice"
        ),
        pytest.param(
            spec('Y : matrix[n, c] { columns = ["p", "q"] }', input_='columns = ["a", "q"]'),
            {"a": [1, 2], "p": [1, 2], "q": [3, 4]},
            ["D304"],
            id="an input too",
        ),
        pytest.param(spec("Y : matrix[n, c] { columns = [] }"), {"a": [1, 2], "p": [1, 2]}, ["D304"], id="no columns"),
        pytest.param(spec("Y : matrix[n, c]"), (np.eye(2), np.ones((2, 0))), ["D308"], id="no columns in the array"),
        pytest.param(
            spec("y : vector[n]", outputs="1", input_="columns = []"),
            {"a": [1, 2], "y": [1, 2]},
            ["D304"],
            id="no input",
        ),
        pytest.param(spec("Y : matrix[n, 3]"), {"X": np.eye(2), "Y": np.eye(2)}, ["D308"], id="declared columns"),
        pytest.param(spec("Y : matrix[n, d]"), (np.eye(3)[:, :2], np.eye(3)), ["D308"], id="d in both"),
    ],
)
def test_what_is_wrong_with_several_columns(text: str, data: Any, codes: list[str]) -> None:
    assert codes_of(text, data) == codes


def test_one_column_cannot_be_named_for_several() -> None:
    frame = {"a": [1.0, 2.0], "p": [1.0, 2.0], "q": [2.0, 3.0], "r": [5.0, 4.0]}
    assert codes_of(COLUMNS, frame, target="p") == ["D304"]
    assert bound(CLASSES["squared"], frame, target="p").encoding.target == "p"


# -- weights -----------------------------------------------------------------------------------------------------


@unhurried
@given(
    weights=st.lists(st.integers(0, 4).map(float), min_size=6, max_size=12).filter(lambda row: min(row) > 0),
    seed=st.integers(0, 999),
)
def test_weights_stay_with_their_rows_and_change_nothing_else(weights: list[float], seed: int) -> None:
    rows = len(weights)
    data = {"a": np.arange(float(rows)), "y": np.arange(float(rows)) ** 2, "w": weights}
    text = WEIGHTED.replace("y : vector[n]", "y : vector[n] { scale = standard }")
    found = bound(text, data, holdout=0.3, split_seed=seed)
    plain = bound(text, data | {"w": np.ones(rows)}, holdout=0.3, split_seed=seed)
    assert found.encoding.columns == ("a",) and found.encoding.weight == "w"
    assert found.test is not None and plain.test is not None
    for part, other in ((found.train, plain.train), (found.test, plain.test)):
        assert part.weights is not None
        assert part.weights.tolist() == [weights[int(row)] for row in part.X[:, 0]]
        np.testing.assert_array_equal(part.y, other.y)


def test_a_tuple_may_hold_weights() -> None:
    assert bound(WEIGHTED, (np.eye(3), [1, 2, 3], [1, 0, 2])).train.weights is not None
    assert codes_of(WEIGHTED, (np.eye(3), [1, 2, 3])) == ["D304"]
    assert codes_of(spec("y : vector[n]", outputs="1"), (np.eye(3), [1, 2, 3], [1, 0, 2])) == ["D302"]
    assert bound(spec("y : vector[n]", outputs="1"), (np.eye(3), [1, 2, 3])).train.weights is None


@pytest.mark.parametrize(
    ("weights", "codes"),
    [
        ([1, -1, 2], ["D319"]),
        ([0, 0, 0], ["D319"]),
        ([1, np.nan, 1], ["D306"]),
        ([1, np.inf, 1], ["D307"]),
        (["much", "more", "most"], ["D305"]),
        ([1, 2], ["D313"]),
        (np.eye(3), ["D308"]),
    ],
)
def test_what_is_wrong_with_weights(weights: Any, codes: list[str]) -> None:
    assert codes_of(WEIGHTED, (np.eye(3), [1, 2, 3], weights)) == codes


def test_some_row_of_each_part_counts() -> None:
    X, y = distinct(8), np.arange(8.0)
    plain = bound(WEIGHTED, (X, y, np.ones(8)), holdout=0.25, split_seed=1)
    assert plain.test is not None
    held = np.isin(X[:, 0], plain.test.X[:, 0])
    for weights in (held, ~held):
        assert codes_of(WEIGHTED, (X, y, weights.astype(float)), holdout=0.25, split_seed=1) == ["D319"]


def test_new_data_may_lack_weights() -> None:
    encoding = bound(WEIGHTED, {"a": [1, 2], "y": [1, 2], "w": [1, 3]}).encoding
    assert encoding.samples(read_table({"a": [1], "y": [1]})).weights is None
    weights = encoding.samples(read_table({"a": [1, 1], "y": [1, 2], "w": [0, 3]})).weights
    assert weights is not None and weights.tolist() == [0, 3]
    for wrong, code in (([0, 0], "D319"), ([1, -1], "D319"), ([1], "D313")):
        with pytest.raises(Mistakes) as told:
            encoding.samples(read_table({"a": [1, 1], "y": [1, 2], "w": wrong}))
        assert [diagnostic.code for diagnostic in told.value.diagnostics] == [code]


@pytest.mark.parametrize(
    ("text", "y"),
    [
        pytest.param(spec("y : vector[n] { scale = minmax }", more="weight w : vector[n]", outputs="1"), [1, 2, 4]),
        pytest.param(
            spec('Y : matrix[n, 2] { columns = ["p", "q"] }', more="weight w : vector[n]"), [[1, 2], [3, 4], [5, 7]]
        ),
        pytest.param(spec("Y : matrix[n, 2]", more="weight w : vector[n]"), [[1, 2], [3, 4], [5, 7]]),
        pytest.param(spec("y : categorical[n, k]", "hinge", "weight w : vector[n]"), ["a", "c", "b"]),
    ],
    ids=["vector", "columns", "matrix", "classes"],
)
def test_plain_arrays_are_encoded_as_in_training(text: str, y: list[Any]) -> None:
    target = ["p", "q"] if "columns" in text else None
    data: Any = (distinct(3), y, [1, 2, 0])
    if target:
        data = {"a": [0, 1, 2], "b": [0, 1, 4], "w": [1, 2, 0], **dict(zip(target, np.array(y).T, strict=True))}
    found = bound(text, data)
    again = found.encoding.samples(found.encoding.as_table(distinct(3), y, [1, 2, 0]))
    assert_same(again, found.train)
    assert not found.encoding.has_target(found.encoding.as_table(distinct(3)))
    assert found.encoding.has_target(found.encoding.as_table(distinct(3), y))


def assert_same(some: Samples, others: Samples) -> None:
    np.testing.assert_array_equal(some.X, others.X)
    np.testing.assert_array_equal(some.y, others.y)
    np.testing.assert_array_equal(some.weights, others.weights)


def test_new_targets_of_another_width() -> None:
    encoding = bound(MATRIX, (distinct(3), np.eye(3))).encoding
    for y in (np.ones((2, 2)), np.ones(2)):
        with pytest.raises(Mistakes) as told:
            encoding.targets(encoding.as_table(distinct(2), y))
        assert [diagnostic.code for diagnostic in told.value.diagnostics] == ["D308"]


@unhurried
@given(order=st.permutations(range(7)), loss=st.sampled_from(["hinge", "cross_entropy"]))
def test_a_permutation_of_the_rows_permutes_the_samples(order: list[int], loss: str) -> None:
    X, y, w = distinct(7), np.array(list("abacbab"), dtype=object), np.arange(7.0)
    text = spec("y : categorical[n, k]", loss, "weight w : vector[n]")
    first = bound(text, (X, y, w)).train
    assert first.weights is not None
    assert_same(bound(text, (X[order], y[order], w[order])).train, Samples(first.X[order], first.y[order], w[order]))


# -- files that nobody vouches for -------------------------------------------------------------------------------

ANY = [
    spec("Y : matrix[n, c]").replace("Y", "y"),
    spec('Y : matrix[n, c] { columns = ["y", "a"] }'),
    spec("y : categorical[n, k]", "cross_entropy", "weight a : vector[n]"),
    spec("y : vector[n] { scale = standard }", more="weight a : vector[n]", outputs="1"),
]


@pytest.mark.parametrize("ending", [".csv", ".npz"])
@settings(deadline=None, max_examples=200)
@given(seed=st.integers(0, 2**32))
def test_no_file_breaks_the_binding(ending: str, seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    random = Random(seed)
    path = tmp_path_factory.getbasetemp() / f"data{ending}"
    path.write_bytes(damaged(random, content_of(random, ending)))
    try:
        found = bound(
            random.choice(ANY), path, target=random.choice([None, None, "b"]), holdout=random.choice([0, 0.4])
        )
        assert np.isfinite(found.train.y).all() and len(found.train.y) == len(found.train.X) > 0
    except Mistakes as mistakes:
        assert all(diagnostic.help and diagnostic.code[0] == "D" for diagnostic in mistakes.diagnostics)
    try:
        assert np.isfinite(read_gates(str(path), Path(), 2, None)).all()
    except Mistakes as mistakes:
        assert all(diagnostic.help and diagnostic.code[0] == "D" for diagnostic in mistakes.diagnostics)


# -- generated scripts -------------------------------------------------------------------------------------------


def written(data: dict[str, Any], folder: Path) -> Path:
    path = folder / "data.csv"
    rows = zip(*(np.asarray(column).tolist() for column in data.values()), strict=True)
    path.write_text("\n".join([",".join(data), *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


@pytest.mark.parametrize("loss", ["hinge", "cross_entropy"])
@pytest.mark.parametrize("labels", [["b", "a", "10", "a"], [10, 9, 2.5, 9]], ids=["texts", "numbers"])
def test_a_script_encodes_classes_as_the_library_does(loss: str, labels: list[Any], tmp_path: Path) -> None:
    path = written({"a": [1, 2, 3, 4], "y": labels, "w": [1, 0, 2, 3]}, tmp_path)
    found = bound(spec("y : categorical[n, k]", loss, "weight w : vector[n]"), path)
    data = script_parts.read_data(str(path))
    Y, classes = script_parts.encode_classes(data, "y", loss == "cross_entropy")
    np.testing.assert_array_equal(Y, found.train.y)
    assert tuple(classes) == found.encoding.labels
    X, columns = script_parts.input_matrix(data, "X", None, ["y", "w"])
    np.testing.assert_array_equal(X, found.train.X)
    assert columns == ["a"]
    np.testing.assert_array_equal(script_parts.sample_weights(data, "w"), found.train.weights)


def test_a_script_reads_several_columns_as_the_library_does(tmp_path: Path) -> None:
    columns = {"p": [1, 2, 4], "a": [3, 2, 1], "r": [0, 1, 0], "q": [5, 6, 8]}
    path = written(columns, tmp_path)
    data = script_parts.read_data(str(path))
    found = bound(COLUMNS, path).train
    np.testing.assert_array_equal(script_parts.target_matrix(data, "Y", ["p", "q", "r"]), found.y)
    np.testing.assert_array_equal(script_parts.input_matrix(data, "X", None, ["p", "q", "r"])[0], found.X)
    assert script_parts.target_matrix({"Y": np.eye(3)}, "Y", None).tolist() == np.eye(3).tolist()


@pytest.mark.parametrize(
    "call",
    [
        lambda: script_parts.encode_classes({"y": np.array(["a", "a"])}, "y", True),
        lambda: script_parts.encode_classes({"y": np.array(["a", ""])}, "y", True),
        lambda: script_parts.encode_classes({"y": np.array([1, np.nan])}, "y", True),
        lambda: script_parts.encode_classes({}, "y", True),
        lambda: script_parts.sample_weights({"w": np.array([1, -1])}, "w"),
        lambda: script_parts.sample_weights({"w": np.zeros(2)}, "w"),
        lambda: script_parts.sample_weights({"w": np.array([1, np.inf])}, "w"),
        lambda: script_parts.target_matrix({"Y": np.ones(3)}, "Y", None),
        lambda: script_parts.target_matrix({"p": np.ones(3)}, "Y", ["p", "q"]),
    ],
)
def test_a_script_ends_on_bad_data(call: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        call()
    assert isinstance(ended.value.code, str)

"""Binding: scalings as scikit-learn has them, rows that are held out, and what travels with the network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import MinMaxScaler, StandardScaler, normalize

from reludsl.data.scaling import learn_scaling
from reludsl.data.tables import read_table
from reludsl.mistakes import Mistakes
from tests.model.specs import bound, spec

unhurried = settings(deadline=None)
shapes = st.tuples(st.integers(2, 8), st.integers(1, 4))
matrices = arrays(np.float64, shapes, elements=st.integers(-(10**6), 10**6).map(lambda number: number / 64))
SCALES = {
    "none": lambda X: X,
    "standard": lambda X: StandardScaler().fit_transform(X),
    "minmax": lambda X: MinMaxScaler().fit_transform(X),
    "unit_columns": lambda X: normalize(X, axis=0),
}


def samples(rows: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Samples whose first column tells them apart."""
    generator = np.random.default_rng(seed)
    X = np.column_stack([np.arange(rows), generator.standard_normal(rows) * 5 + 2])
    return X, X[:, 1] ** 2


# -- scaling -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", SCALES)
@unhurried
@given(matrices)
def test_scalings_are_those_of_scikit_learn(scale: str, X: np.ndarray) -> None:
    offset, divisor = learn_scaling(X, scale)
    expected = SCALES[scale](X)
    # Columns that are constant up to rounding may be scaled either way: neither has anything to say.
    spread = X.max(axis=0) - X.min(axis=0)
    told = (spread > 1e-9 * np.abs(X).max(axis=0)) | (scale in ("none", "unit_columns"))
    np.testing.assert_allclose(((X - offset) / divisor)[:, told], expected[:, told], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("scale", SCALES)
def test_both_ends_of_a_spec_are_scaled(scale: str) -> None:
    X, y = samples()
    train = bound(spec(f"scale = {scale}", f"vector[n] {{ scale = {scale} }}"), (X, y)).train
    np.testing.assert_allclose(train.X, SCALES[scale](X), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(train.y, SCALES[scale](y[:, None])[:, 0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("value", [0.0, 3.0, 0.1, 1e-300, -1e200])
def test_a_constant_column_stays_finite(scale: str, value: float) -> None:
    X = np.column_stack([np.full(7, value), np.arange(7.0)])
    found = bound(spec(f"scale = {scale}"), (X, np.arange(7.0)))
    assert np.isfinite(found.train.X).all() and (found.encoding.divisor > 0).all()
    if scale in ("standard", "minmax"):
        assert np.abs(found.train.X[:, 0]).max() <= 1e-12 * max(1.0, abs(value))
    assert [warning.code for warning in found.warnings] == ["D315"]


def test_predictions_return_to_the_units_of_the_target() -> None:
    X, y = samples()
    encoding = bound(spec(target="vector[n] { scale = standard }"), (X, y)).encoding
    scaled = (y - encoding.target_offset) / encoding.target_divisor
    np.testing.assert_allclose(scaled * encoding.target_divisor + encoding.target_offset, y)
    assert scaled.mean() == pytest.approx(0, abs=1e-12) and scaled.std() == pytest.approx(1)


# -- rows that are held out ----------------------------------------------------------------------------------------


@unhurried
@given(st.integers(2, 40), st.floats(0, 0.9), st.integers(0, 2**31))
def test_held_out_rows_and_training_rows_are_all_rows_once(rows: int, share: float, seed: int) -> None:
    X, _ = samples(rows)
    found = bound(
        spec(), (X, np.arange(float(rows))), holdout=share if rows - round(share * rows) > 1 else 0.0, split_seed=seed
    )
    train = found.train.X[:, 0].tolist()
    held = [] if found.test is None else found.test.X[:, 0].tolist()
    assert sorted(train + held) == list(range(rows))
    assert train == sorted(train) and held == sorted(held), "rows keep their order"
    if rows - round(share * rows) > 1:
        assert len(held) == round(share * rows)
    for part in (found.train, found.test):
        assert part is None or part.y.tolist() == part.X[:, 0].tolist(), "targets stay with their inputs"


def test_the_split_is_its_seed_and_nothing_else() -> None:
    X, y = samples()

    def held(seed: int, text: str = "") -> list[float]:
        test = bound(spec(text), (X, y), holdout=0.3, split_seed=seed).test
        assert test is not None
        return [float(value) for value in test.y]

    assert held(1) == held(1) == held(1, "scale = standard")
    assert len({tuple(held(seed)) for seed in range(10)}) == 10


@pytest.mark.parametrize("scale", ["standard", "minmax", "unit_columns"])
def test_nothing_is_learnt_on_rows_that_are_held_out(scale: str) -> None:
    X, y = samples()
    text = spec(f"scale = {scale}", f"vector[n] {{ scale = {scale} }}")
    plain = bound(spec(), (X, y), holdout=0.4, split_seed=2)
    found = bound(text, (X, y), holdout=0.4, split_seed=2)
    offset, divisor = learn_scaling(plain.train.X, scale)
    assert (found.encoding.offset == offset).all() and (found.encoding.divisor == divisor).all()
    assert plain.test is not None and found.test is not None
    np.testing.assert_array_equal(found.test.X, (plain.test.X - offset) / divisor)
    disturbed = X.copy()
    disturbed[np.isin(X[:, 0], plain.test.X[:, 0]), 1] *= 1e6
    np.testing.assert_array_equal(bound(text, (disturbed, y), holdout=0.4, split_seed=2).train.X, found.train.X)


def test_test_data_is_treated_as_the_training_data_was() -> None:
    X, _ = samples()
    labels = np.where(X[:, 1] > 2, "M", "B")
    text = spec("scale = standard", 'binary[n] { positive = "M" }')
    backwards = (X[::-1] * 3, labels[::-1])  # the other label comes first, the spread is another
    found = bound(text, (X, labels), test=backwards)
    alone = bound(text, (X, labels))
    assert found.test is not None
    np.testing.assert_array_equal(found.train.X, alone.train.X)
    np.testing.assert_array_equal(found.test.X, (X[::-1] * 3 - alone.encoding.offset) / alone.encoding.divisor)
    assert found.test.y.tolist() == np.where(labels[::-1] == "M", 1.0, -1.0).tolist()


def test_test_data_may_lack_a_label_but_not_bring_another() -> None:
    text = spec(target='binary[n] { positive = "M" }')
    train = (np.eye(3), ["M", "B", "M"])
    only = bound(text, train, test=(np.eye(3), ["B", "B", "B"])).test
    assert only is not None and only.y.tolist() == [-1, -1, -1]
    with pytest.raises(Mistakes) as told:
        bound(text, train, test=(np.eye(3), ["B", "X", "M"]))
    assert [(mistake.code, mistake.place and mistake.place.row) for mistake in told.value.diagnostics] == [("D310", 2)]


def test_test_data_of_another_width() -> None:
    with pytest.raises(Mistakes) as told:
        bound(spec(), (np.eye(3), [1, 2, 3]), test=(np.eye(4), [1, 2, 3, 4]))
    assert [mistake.code for mistake in told.value.diagnostics] == ["D308"]


# -- labels ------------------------------------------------------------------------------------------------------


@unhurried
@given(st.lists(st.booleans(), min_size=2, max_size=9).filter(lambda row: len(set(row)) == 2), st.booleans())
def test_positive_decides_the_sign(truth: list[bool], turned: bool) -> None:
    labels = ["yes" if entry else "no" for entry in truth]
    word = "no" if turned else "yes"
    found = bound(spec(target=f'binary[n] {{ positive = "{word}" }}'), (np.eye(len(truth)), labels))
    assert found.train.y.tolist() == [1 if entry != turned else -1 for entry in truth]
    assert found.encoding.labels == (("yes", "no") if turned else ("no", "yes"))


# -- several mistakes at once ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        pytest.param({"a": ["x", "1"], "b": [1, None], "y": [1, 2]}, ["D305", "D306"], id="two columns"),
        pytest.param({"a": [1, np.inf], "y": ["low", "high"]}, ["D307", "D305"], id="input and target"),
        pytest.param({"X": np.ones(3), "y": np.ones((3, 2))}, ["D308", "D308"], id="two shapes"),
        pytest.param({"a": [1, 2, 3], "b": [1, 2], "y": [1, 2, 3]}, ["D313"], id="columns of two lengths"),
    ],
)
def test_all_mistakes_of_a_table_are_told_in_one_run(data: dict[str, Any], codes: list[str]) -> None:
    with pytest.raises(Mistakes) as told:
        bound(spec(), data)
    assert [mistake.code for mistake in told.value.diagnostics] == codes


def test_declared_sizes_are_known_by_their_names() -> None:
    X, y = samples()
    assert bound(spec(), (X, y)).sizes == {"n": 40, "d": 2}


# -- new data ----------------------------------------------------------------------------------------------------


def test_new_data_needs_no_target_and_may_have_more_columns() -> None:
    frame = {"a": [1.0, 2.0, 4.0], "b": [2.0, 1.0, 0.0], "y": [1.0, 2.0, 3.0]}
    encoding = bound(spec("scale = standard"), frame).encoding
    inputs = encoding.inputs(read_table({"b": [2.0], "more": ["text"], "a": [1.0]}))
    np.testing.assert_array_equal(inputs, bound(spec("scale = standard"), frame).train.X[:1])
    assert not encoding.has_target(read_table({"b": [2.0], "a": [1.0]}))
    assert encoding.as_table(np.eye(2)).arrays.keys() == {"a", "b"}
    with pytest.raises(Mistakes) as told:
        encoding.as_table(np.eye(3))
    assert [mistake.code for mistake in told.value.diagnostics] == ["D308"]

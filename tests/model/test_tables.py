"""Whatever holds the data, the samples are the same, bit for bit; and whatever a file holds, nothing breaks."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reludsl.api import check
from reludsl.data.tables import read_table
from reludsl.mistakes import Mistakes
from reludsl.render import render
from tests.model.specs import bound, spec

NUMBERS = spec()
LABELS = spec(target='binary[n] { positive = "yes" }')
unhurried = settings(deadline=None, max_examples=40)


def containers(X: np.ndarray, y: np.ndarray, folder: Path) -> Iterator[tuple[str, Any]]:
    """The same samples in everything that holds samples."""
    columns = {"first": X[:, 0], "second": X[:, 1], "y": y}
    frame = pl.DataFrame(columns)
    yield "tuple", (X, y)
    yield "tuple of lists", (X.tolist(), y.tolist())
    yield "mapping of arrays", {"X": X, "y": y}
    yield "mapping of a frame and a series", {"X": frame.select("first", "second").to_numpy(), "y": frame["y"]}
    yield "mapping of columns", columns
    yield "polars", frame
    yield "pandas", frame.to_pandas()
    yield "pandas, with its own kinds of missing", frame.to_pandas().astype({"first": "Float64", "second": "Float64"})
    yield "Fortran order", (np.asfortranarray(X), y[:, None])
    np.savez(folder / "data.npz", X=X, y=y, note=np.array("kept beside"))
    np.savez_compressed(folder / "small.npz", X=X, y=y.reshape(1, -1))
    frame.write_parquet(folder / "data.parquet")
    rows = zip(X.tolist(), y.tolist(), strict=True)
    lines = ["first,second,y", *(f"{a!r},{b!r},{label}" for (a, b), label in rows)]
    (folder / "data.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    windows = "\r\n".join(line.replace(",", " , ") for line in lines).replace("first , second , y", "first,second,y")
    (folder / "windows.csv").write_bytes(b"\xef\xbb\xbf" + windows.encode())
    for name in ("data.npz", "small.npz", "data.parquet", "data.csv", "windows.csv"):
        yield name, folder / name
    yield "a path as text", str(folder / "data.csv")


ordinary = st.floats(-1e100, 1e100, allow_subnormal=False)


@unhurried
@given(st.lists(st.tuples(ordinary, ordinary, ordinary), min_size=2, max_size=6, unique_by=lambda row: row[2]))
def test_numbers_are_the_same_bit_for_bit(rows: list[tuple[float, float, float]]) -> None:
    table = np.array(rows)
    with tempfile.TemporaryDirectory() as folder:
        for name, data in containers(table[:, :2], table[:, 2], Path(folder)):
            train = bound(NUMBERS, data).train
            assert train.X.tobytes() == table[:, :2].tobytes(), name
            assert train.y.tobytes() == table[:, 2].tobytes(), name


def test_labels_are_the_same(tmp_path: Path) -> None:
    X, y = np.arange(8.0).reshape(4, 2), np.array(["no", "yes", "yes", "no"], dtype=object)
    for name, data in containers(X, y, tmp_path):
        if name in ("data.npz", "small.npz"):
            continue  # objects would be pickled: texts have to be an array of texts
        found = bound(LABELS, data)
        assert found.train.y.tolist() == [-1, 1, 1, -1], name
        assert found.encoding.labels == ("no", "yes"), name
    np.savez(tmp_path / "texts.npz", X=X, y=y.astype(str))
    assert bound(LABELS, tmp_path / "texts.npz").train.y.tolist() == [-1, 1, 1, -1]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([False, True, True], id="bool"),
        pytest.param(np.array([False, True, True]), id="numpy bool"),
        pytest.param(np.array([0, 1, 1], dtype=np.uint8), id="uint8"),
        pytest.param([0, 1, 1], id="int"),
        pytest.param([-1.0, 1.0, 1.0], id="float"),
        pytest.param(pd.Series([0, 1, 1], dtype="Int64"), id="pandas nullable"),
        pytest.param(pd.Series([False, True, True], dtype="boolean"), id="pandas boolean"),
        pytest.param(pl.Series([0, 1, 1], dtype=pl.Int8), id="polars"),
        pytest.param(pd.Categorical([0, 1, 1]), id="categorical of numbers"),
    ],
)
def test_labels_that_are_numbers_need_no_word_on_which_is_positive(values: Any) -> None:
    found = bound(spec(target="binary[n]"), {"X": np.eye(3), "y": values})
    assert found.train.y.tolist() == [-1, 1, 1]
    assert found.encoding.labels is not None and found.encoding.labels[1] == 1.0


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(["a", "b", "b"], id="list"),
        pytest.param(np.array(["a", "b", "b"]), id="numpy"),
        pytest.param(pd.Series(["a", "b", "b"]), id="pandas"),
        pytest.param(pd.Series(["a", "b", "b"], dtype="category"), id="pandas categorical"),
        pytest.param(pl.Series(["a", "b", "b"]), id="polars"),
        pytest.param(pl.Series(["a", "b", "b"], dtype=pl.Categorical), id="polars categorical"),
        pytest.param(pl.Series(["a", "b", "b"], dtype=pl.Enum(["b", "a"])), id="polars enumeration"),
    ],
)
def test_labels_that_are_texts(values: Any, tmp_path: Path) -> None:
    text = spec(target='binary[n] { positive = "b" }')
    assert bound(text, {"X": np.eye(3), "y": values}).train.y.tolist() == [-1, 1, 1]
    if isinstance(values, pl.Series):
        frame = pl.DataFrame({"a": [1.0, 2.0, 4.0], "y": values})
        frame.write_parquet(tmp_path / "data.parquet")
        for data in (frame, tmp_path / "data.parquet"):
            assert bound(text, data).train.y.tolist() == [-1, 1, 1]


@pytest.mark.parametrize(
    ("positive", "labels"),
    [('"2"', [1, 2, 2]), ("2", [1, 2, 2]), ("2", ["1", "2", "2"]), ('"2.0"', [1, 2, 2]), ('"02"', ["x", "2", "2"])],
)
def test_a_label_is_the_same_as_text_and_as_number(positive: str, labels: list[Any]) -> None:
    text = spec(target=f"binary[n] {{ positive = {positive} }}")
    assert bound(text, {"X": np.eye(3), "y": labels}).train.y.tolist() == [-1, 1, 1]


def test_columns_are_taken_by_name_and_in_the_order_of_the_spec() -> None:
    text = spec('columns = ["c", "a"]')
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0], "y": [0.0, 1.0], "c": [5.0, 6.0]})
    found = bound(text, frame)
    assert found.train.X.tolist() == [[5, 1], [6, 2]] and found.encoding.columns == ("c", "a")
    others = bound(spec(), frame, target="b")
    assert others.encoding.columns == ("a", "y", "c") and others.train.y.tolist() == [3, 4]


def test_missing_values_have_one_meaning(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,y\n1,2\n,3\n")
    pl.DataFrame({"a": [1, None], "y": [2, 3]}).write_parquet(tmp_path / "data.parquet")
    for data in (
        tmp_path / "data.csv",
        tmp_path / "data.parquet",
        pl.DataFrame({"a": [1, None], "y": [2, 3]}),
        pd.DataFrame({"a": [1, None], "y": [2, 3]}),
        pd.DataFrame({"a": pd.array([1, pd.NA], dtype="Int64"), "y": [2, 3]}),
        {"a": [1, None], "y": [2, 3]},
        {"a": np.array([1, np.nan]), "y": [2, 3]},
    ):
        with pytest.raises(Mistakes) as told:
            bound(spec(), data)
        (mistake,) = told.value.diagnostics
        assert (mistake.code, mistake.place and mistake.place.row) == ("D306", 2)


def test_a_table_is_read_once() -> None:
    table = read_table({"X": np.eye(2), "y": [0, 1]})
    assert read_table(table) is table
    assert table.take(np.array([1])).arrays["X"].tolist() == [[0, 1]]


@pytest.mark.parametrize(
    "data", [None, 3, np.eye(3), [1, 2], (np.eye(2),), object()], ids=lambda data: type(data).__name__
)
def test_what_is_no_data(data: Any) -> None:
    with pytest.raises(Mistakes) as told:
        bound(spec(), data)
    assert [mistake.code for mistake in told.value.diagnostics] == ["D302"]


def test_two_columns_of_one_name_in_a_frame() -> None:
    frame = pd.DataFrame([[1, 2, 3], [4, 5, 6]], columns=["a", "a", "y"])
    with pytest.raises(Mistakes) as told:
        bound(spec(), frame)
    assert [mistake.code for mistake in told.value.diagnostics] == ["D314"]


# -- files that nobody vouches for ---------------------------------------------------------------------------------

CELLS = ["1", "2.5", "-3", "", "nan", "inf", "x", '"q, r"', "1e999", "é", "\0", " 7 ", "True", "1_0", "0x1"]


def _arrays(random: Random) -> dict[str, Any]:
    rows = random.choice([0, 1, 3, 3])
    choices: list[Any] = [
        np.arange(rows * 2.0).reshape(rows, 2),
        np.arange(rows),
        np.array(["a", "b", "a"][:rows]),
        np.float64(3),
        np.array([True, False, True][:rows]),
        np.zeros((rows, 2, 1)),
        np.array([1 + 2j] * rows),
        np.array(["2020-01-01"] * rows, dtype="M8[D]"),
        np.array([(1, 2.0)] * rows, dtype=[("a", int), ("b", float)]),
        np.array([b"x", b"y", b"x"][:rows]),
    ]
    return {name: random.choice(choices) for name in random.sample(["X", "y", "a", "meta"], random.randint(0, 4))}


def content_of(random: Random, ending: str) -> bytes:
    if ending == ".csv":
        width = random.randint(0, 3)
        lines = [[random.choice(["a", "b", "y", ""]) for _ in range(width)]]
        lines += [[random.choice(CELLS) for _ in range(width)] for _ in range(random.randint(0, 4))]
        return random.choice(["\n", "\r\n"]).join(map(",".join, lines)).encode()
    file = io.BytesIO()
    if ending == ".npz":
        np.savez(file, **_arrays(random))
    else:
        pl.DataFrame({"a": [1.0, 2.0], "b": ["x", None], "y": [True, False]}).write_parquet(file, compression="snappy")
    return file.getvalue()


def damaged(random: Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(random.choice([0, 0, 1, 3])):
        place = random.randrange(len(changed) + 1)
        changed[place : place + random.choice([0, 1, 1, 20])] = random.randbytes(random.choice([0, 1]))
    return bytes(changed)


@pytest.mark.parametrize("ending", [".csv", ".npz"])
@settings(deadline=None, max_examples=150)
@given(seed=st.integers(0, 2**32))
def test_no_file_breaks_the_reader(ending: str, seed: int) -> None:
    random = Random(seed)
    text = random.choice([spec(), spec("scale = standard", "binary[n]"), spec('columns = ["a"]', LABEL)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"data{ending}"
        path.write_bytes(damaged(random, content_of(random, ending)))
        report = check(text, path, target=random.choice([None, "a"]))
    assert render(report.diagnostics) or report.model is not None
    for diagnostic in report.diagnostics:
        assert diagnostic.help and diagnostic.code[0] == "D"


LABEL = "binary[n] { positive = 1 }"


@pytest.mark.parametrize("cut", [0, 1, 4, 50, 200, -1, -4, -100])
def test_a_truncated_parquet_file_is_told(cut: int, tmp_path: Path) -> None:
    (tmp_path / "data.parquet").write_bytes(content_of(Random(0), ".parquet")[:cut])
    codes = [diagnostic.code for diagnostic in check(spec(), tmp_path / "data.parquet").diagnostics]
    assert codes == ["D303"]

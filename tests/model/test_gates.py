"""Files of gates: the same directions in every format, for the library and for generated scripts; mistakes in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reludsl import script_parts
from reludsl.data.gates import read_gates
from reludsl.mistakes import Mistakes
from reludsl.source import Source, Span

unhurried = settings(deadline=None, max_examples=50)


@unhurried
@given(G=arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 4)), elements=st.integers(-9, 9).map(float)))
def test_gates_are_the_same_in_every_file(G: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> None:
    G[:, 0] += np.where((G == 0).all(axis=1), 1.0, 0.0)
    folder = tmp_path_factory.mktemp("gates")
    frame = pl.DataFrame({f"g{i}": column for i, column in enumerate(G.T)})
    frame.write_csv(folder / "gates.csv")
    frame.write_parquet(folder / "gates.parquet")
    np.savez(folder / "gates.npz", G=G)
    np.savez(folder / "columns.npz", **{f"g{i}": column for i, column in enumerate(G.T)})
    inputs = G.shape[1]
    for name in ("gates.csv", "gates.parquet", "gates.npz", "columns.npz"):
        np.testing.assert_array_equal(read_gates(name, folder, inputs, None), G.T)
        np.testing.assert_array_equal(read_gates(str(folder / name), Path("elsewhere"), inputs, None), G.T)
        if name != "gates.parquet":
            np.testing.assert_array_equal(script_parts.gate_directions(str(folder / name), inputs), G.T)


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        pytest.param(None, ["D301"], id="no file"),
        pytest.param("", ["D303"], id="empty"),
        pytest.param("a,b\n", ["D312"], id="no rows"),
        pytest.param("a\n1\n2\n", ["D308"], id="one column too few"),
        pytest.param("a,b,c\n1,2,3\n", ["D308"], id="one column too many"),
        pytest.param("a,b\n1,x\n2,\n", ["D305"], id="text"),
        pytest.param("a,b\n1,\n,3\n", ["D306", "D306"], id="missing"),
        pytest.param("a,b\n1,inf\n", ["D307"], id="infinite"),
        pytest.param("a,b\n1,2\n0,0\n", ["D318"], id="zero"),
        pytest.param("1,2\n3,4\n", ["D318"], id="no header"),
        pytest.param("a,b,c\n0,0,0\n", ["D308", "D318"], id="two mistakes"),
    ],
)
def test_what_is_wrong_with_gates(content: str | None, codes: list[str], tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "gates.csv").write_text(content)
    source = Source("spec.relu", 'gates = "gates.csv"')
    with pytest.raises(Mistakes) as told:
        read_gates("gates.csv", tmp_path, 2, Span(source, 8, 19))
    assert [diagnostic.code for diagnostic in told.value.diagnostics] == codes
    assert all(diagnostic.span is not None and diagnostic.help for diagnostic in told.value.diagnostics)
    if content is not None and codes not in (["D303"], ["D312"]):
        with pytest.raises(SystemExit):
            script_parts.gate_directions(str(tmp_path / "gates.csv"), 2)


@pytest.mark.parametrize(
    ("held", "codes"),
    [
        ({"G": np.ones((3, 2, 2))}, ["D308"]),
        ({"G": np.float64(1)}, ["D312"]),
        ({"G": np.ones((2, 1)), "H": np.ones(0)}, ["D313"]),
        ({"G": np.ones((2, 0))}, ["D308", "D318"]),
        ({"G": np.array(["x", "y"])}, ["D305"]),
        ({}, ["D312"]),
    ],
)
def test_what_is_wrong_with_arrays_of_gates(held: dict[str, np.ndarray], codes: list[str], tmp_path: Path) -> None:
    np.savez(tmp_path / "gates.npz", **held)  # type: ignore[arg-type]
    with pytest.raises(Mistakes) as told:
        read_gates("gates.npz", tmp_path, 2, None)
    assert [diagnostic.code for diagnostic in told.value.diagnostics] == codes

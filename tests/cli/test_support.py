"""`reludsl list backends --matrix`: the support matrix on a terminal and for machines."""

from __future__ import annotations

import json

from reludsl.backends import backends
from reludsl.choice import language
from tests.cli.running import run


def test_the_matrix_for_people() -> None:
    result = run("list", "backends", "--matrix")
    assert result.code == 0 and result.stderr == ""
    assert max(map(len, result.stdout.splitlines())) <= 120
    for section in ("loss", "regularizer", "formulation"):
        entry = language().section(section)
        assert entry is not None
        assert all(f"\n{kind.name} " in result.stdout for kind in entry.kinds)
    assert "C214: `hinge` needs a target of labels. Instead: declare" in " ".join(result.stdout.split())


def test_the_matrix_for_machines() -> None:
    matrix = json.loads(run("list", "backends", "--matrix", "--json").stdout)
    assert matrix["backends"] == list(backends())
    rows = [row for table in matrix["tables"] for row in table["rows"]]
    assert len({row["spec"] for row in rows}) > 200
    for row in rows:
        assert list(row["cells"]) == matrix["backends"]
        for cell in row["cells"].values():
            assert cell["supported"] == ("refusals" not in cell) == ("bound" in cell)
            assert all(part["code"] and part["reason"] and part["remedy"] for part in cell.get("refusals", ()))


def test_every_list_for_machines() -> None:
    listed = json.loads(run("list", "losses", "--json").stdout)
    assert [entry["name"] for entry in listed][:2] == ["squared", "absolute"]


def test_only_backends_have_a_matrix() -> None:
    result = run("list", "losses", "--matrix")
    assert result.code == 2 and "reludsl list backends --matrix" in result.stderr

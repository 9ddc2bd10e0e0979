"""What the other pages show is true as well, and what they list is complete."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from reludsl.cli import cli
from reludsl.options import ChoiceType, UnionType
from tests.docs.transcript import ROOT, Shell, blocks, check_page, copy_of_examples

PAGES = (
    "README.md",
    "docs/compiler.md",
    "docs/paths.md",
    "docs/reports.md",
    "docs/robustness.md",
    "docs/solvers.md",
)


@pytest.mark.parametrize("page", PAGES)
def test_page(page: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    shell = Shell(copy_of_examples(tmp_path), tmp_path)
    check_page(ROOT / page, shell, accept=request.config.getoption("--accept"))


def test_readme_begins_with_the_two_commands() -> None:
    first = next(blocks((ROOT / "README.md").read_text(encoding="utf-8")))
    assert [line.split("#")[0].strip() for line in first.text.splitlines()] == ["make demo", "make test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(f"\n{verb}: " in makefile for verb in ("demo", "test", "test-all"))


def test_readme_shows_the_real_spec() -> None:
    spec = (ROOT / "examples" / "breast_cancer" / "breast_cancer.relu").read_text(encoding="utf-8")
    assert any(block.text == spec for block in blocks((ROOT / "README.md").read_text(encoding="utf-8")))


def test_readme_lists_every_verb() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `reludsl (\w+)", readme, re.MULTILINE)) == set(cli.commands)


def test_readme_lists_what_there_is() -> None:
    """A loss, formulation or backend that is added has to be named there."""
    from reludsl.choice import language

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    there = readme[readme.index("## What there is") : readme.index("## Installing")].lower()
    shown = {"cross_entropy": "cross-entropy", "exact": "all activation patterns"}
    for name in ("loss", "regularizer", "formulation", "solver"):
        section = language().section(name)
        assert section is not None
        for kind in section.kinds:
            assert kind.name == "none" or shown.get(kind.name, kind.name.replace("_", " ")) in there, kind.name
    architecture = language().entries("two_layer")[0][1]
    for option in architecture.options:
        types = option.type.members if isinstance(option.type, UnionType) else (option.type,)
        for name in (name for type_ in types if isinstance(type_, ChoiceType) for name in type_.names):
            assert f"`{name}`" in there, f"the README does not say `{option.name} = {name}`"


def test_every_room_is_described() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    rooms = [room for layer in layers for room in layer.split(" | ") if not room.startswith(("(", "_"))]
    page = (ROOT / "docs" / "compiler.md").read_text(encoding="utf-8")
    assert len(rooms) > 20
    assert not [room for room in rooms if f"`{room}.py`" not in page and f"`{room}/`" not in page]


def test_every_backend_has_its_column() -> None:
    from reludsl.backends import backends

    page = (ROOT / "docs" / "solvers.md").read_text(encoding="utf-8")
    header = next(line for line in page.splitlines() if line.startswith("|"))
    assert header.split("|")[2:-1] == [f" `{name}` " for name in backends()]

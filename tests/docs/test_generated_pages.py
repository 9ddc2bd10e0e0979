"""The pages that come from the code are those of this code."""

from __future__ import annotations

import pytest

from reludsl.codes import CODES
from reludsl.docs import pages
from tests.docs.transcript import ROOT


@pytest.mark.parametrize("name", sorted(pages()))
def test_page_is_current(name: str) -> None:
    path = ROOT / "docs" / name
    assert path.exists(), f"{path} is missing; write it with `make docs`"
    assert path.read_text(encoding="utf-8") == pages()[name], f"{path} is not current; write it with `make docs`"


def test_there_are_three() -> None:
    assert set(pages()) == {"language.md", "diagnostics.md", "support.md"}


def test_every_code_has_its_heading() -> None:
    assert all(f"\n## {code}: {entry.title}\n" in pages()["diagnostics.md"] for code, entry in CODES.items())

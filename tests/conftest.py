"""What all tests share: golden files, and the one command that accepts their changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="rewrite golden files with what the code gives now")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path | str, str], None]:
    """Compares a text with a file: a path, or a name in the folder `golden` beside the test.

    `pytest --accept` writes the file instead; read the difference before it is committed.
    """
    folder = request.path.parent / "golden"

    def compare(file: Path | str, text: str) -> None:
        path = folder / file if isinstance(file, str) else file
        if request.config.getoption("--accept"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path} is missing; write it with `pytest --accept`"
        assert text == path.read_text(encoding="utf-8"), f"{path} differs; if that is right: `pytest --accept`"

    return compare

"""`reludsl fmt`: the canonical layout, comments kept, nothing half done."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.cli.running import run, run_process

MESSY = "# top\nreludsl 1\nloss squared{reduction=mean} # why\n\n\n\ndata{\n input X:matrix[n,d]\n}\n"
TIDY = "# top\nreludsl 1\n\ndata {\n  input X : matrix[n, d]\n}\n\nloss squared { reduction = mean }  # why\n"


@pytest.fixture
def messy(folder: Path) -> Path:
    (folder / "messy.relu").write_text(MESSY)
    return folder / "messy.relu"


def test_a_file_is_brought_into_the_canonical_layout(messy: Path) -> None:
    result = run("fmt", "messy.relu")
    assert (result.code, result.stdout, result.stderr) == (0, "formatted messy.relu\n", "")
    assert messy.read_text() == TIDY
    again = run("fmt", "messy.relu")
    assert (again.code, again.stdout, again.stderr) == (0, "", "")


def test_check_changes_nothing(messy: Path) -> None:
    result = run("fmt", "--check", "messy.relu", "spec.relu")
    assert (result.code, result.stdout) == (1, "would change messy.relu\n")
    assert messy.read_text() == MESSY
    run("fmt", "messy.relu")
    assert run("fmt", "--check", "messy.relu").code == 0


def test_a_file_with_mistakes_is_left_alone_and_the_others_are_not(messy: Path, folder: Path) -> None:
    before = (folder / "bad.relu").read_text()
    result = run("fmt", "bad.relu", "nowhere.relu", "messy.relu")
    assert result.code == 1
    assert (folder / "bad.relu").read_text() == before
    assert "error[P104]" in result.stderr and "error[D301]" in result.stderr
    assert result.stdout == "formatted messy.relu\n" and messy.read_text() == TIDY


def test_meaning_is_not_asked_for(folder: Path) -> None:
    (folder / "odd.relu").write_text("reludsl 1\nlos  hing { marg = 1 }\n")
    assert run("fmt", "odd.relu").code == 0
    assert (folder / "odd.relu").read_text() == "reludsl 1\n\nlos hing { marg = 1 }\n"


def test_line_ends_and_byte_order_marks_become_plain(folder: Path) -> None:
    (folder / "windows.relu").write_bytes(b"\xef\xbb\xbf" + TIDY.replace("\n", "\r\n").encode())
    assert run("fmt", "windows.relu").stdout == "formatted windows.relu\n"
    assert (folder / "windows.relu").read_bytes() == TIDY.encode()


def test_a_failed_write_leaves_the_file_whole(messy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    before = sorted(messy.parent.iterdir())
    monkeypatch.setattr("os.replace", full)
    result = run("fmt", "messy.relu")
    assert result.code == 1 and "error[D330]" in result.stderr and "no space left on device" in result.stderr
    assert messy.read_text() == MESSY
    assert sorted(messy.parent.iterdir()) == before, "no temporary file stays behind"


def test_modes_and_links_are_kept(messy: Path, folder: Path) -> None:
    os.chmod(messy, 0o640)
    (folder / "link.relu").symlink_to("messy.relu")
    assert run("fmt", "link.relu").stdout == "formatted link.relu\n"
    assert (folder / "link.relu").is_symlink() and messy.read_text() == TIDY
    assert stat.S_IMODE(messy.stat().st_mode) == 0o640


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="this system has no such file")
def test_what_is_no_file_is_written_to_as_it_is(folder: Path) -> None:
    result = run_process("compile", "spec.relu", "-o", "/dev/stdout", cwd=folder)
    assert result.code == 0 and result.stdout.startswith("#!/usr/bin/env python3\n")
    assert not Path("/dev/stdout").resolve().is_file()

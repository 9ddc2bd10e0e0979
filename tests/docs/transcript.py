"""Runs what a Markdown page shows: its console blocks in a shell, its Python blocks, and compares their output.

In a block marked `console` a line that begins with `$` is a command, and what follows is its output; a command that
continues on the next line ends in a backslash. A command must succeed unless the page asks for its exit status with
`echo $?` next. In a block marked `python` stands a program; a block marked `text` right after it is its output.

A line `...` in an output stands for any lines, `...` inside a line for any text. The numbers of commands that solve,
predict or run generated code differ from machine to machine and are not compared; all others are. With `--accept`
a page that is no longer true is written anew; what it left out has to be left out again by hand.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^```(\S*)[ \t]*\n(.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE)
_VARIES = re.compile(
    r"^[ \t]*(?P<lines>\.\.\.)[ \t]*\n|(?P<text>\.\.\.)|(?<![\w.])(?P<number>-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)", re.M
)
_PATTERNS = {
    "lines": r"((?:.*\n)*?)",
    "text": r"(.*)",
    "number": r"(-?(?:\d+(?:\.\d+)?(?:e[-+]?\d+)?|inf|nan))",
}
_STABLE = ("reludsl check", "reludsl explain", "reludsl list", "reludsl fmt", "reludsl compile", "cat", "echo", "ls")


@dataclass(frozen=True)
class Block:
    """A fenced block: the word after the fence, its text, and where the text starts in the page."""

    language: str
    text: str
    start: int


@dataclass(frozen=True)
class Command:
    """A command, its place in the page, what the page shows as its output and where (None: nothing is shown)."""

    text: str
    start: int
    shown: str
    shown_at: int | None
    exact: bool  # whether its numbers count


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    for match in _FENCE.finditer(page):
        yield Block(match[1], match[2], match.start(2))


def commands(page: str) -> list[Command]:
    """Everything that a page runs, in order."""
    found: list[Command] = []
    after_program = False
    for block in blocks(page):
        if block.language == "console":
            found += _console(block)
        elif block.language == "text" and after_program:
            found[-1] = replace(found[-1], shown=block.text, shown_at=block.start)
        after_program = block.language == "python"
        if after_program:
            found.append(Command(f"python - <<'PROGRAM'\n{block.text}PROGRAM", block.start, "...\n", None, False))
    return found


def _console(block: Block) -> Iterator[Command]:
    parts = re.split(r"(?m)^(?=\$ )", block.text)
    assert parts[0] == "" and len(parts) > 1, f"a console block begins with a command:\n{block.text}"
    start = block.start
    for part in parts[1:]:
        command = re.match(r"(?:.*\\\n)*.*\n", part)
        assert command is not None
        text = command[0].removeprefix("$ ").rstrip("\n")
        shown_at = start + command.end()
        yield Command(text, start, part[command.end() :], shown_at, text.startswith(_STABLE))
        start += len(part)


def updated(shown: str, real: str, exact: bool) -> str | None:
    """The shown output with the numbers of the real one; None where they differ in more than may vary."""
    pattern, pieces, end = "", [], 0
    for match in _VARIES.finditer(shown):
        if match.lastgroup == "number" and exact:
            continue
        assert match.lastgroup is not None
        pattern += re.escape(shown[end : match.start()]) + _PATTERNS[match.lastgroup]
        pieces += [shown[end : match.start()], "" if match.lastgroup == "number" else match[0]]
        end = match.end()
    fit = re.fullmatch(pattern + re.escape(shown[end:]), real)
    if fit is None:
        return None
    values = [piece or fit[number // 2 + 1] if number % 2 else piece for number, piece in enumerate(pieces)]
    return "".join(values) + shown[end:]


@dataclass
class Shell:
    """A shell that remembers the working folder and the last exit status; `reludsl` and `python` are ours there."""

    folder: Path
    home: Path
    status: int = 0
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        programs = self.home / "programs"
        programs.mkdir(parents=True)
        for name, call in (("reludsl", "-m reludsl"), ("python", "")):
            script = programs / name
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {call} "$@"\n')
            script.chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONIOENCODING": "utf-8",
            "COLUMNS": "100",
        }

    def run(self, command: str) -> str:
        """The command's output, standard output and error together."""
        where = self.home / "where"
        script = f'(exit {self.status})\n{command}\nstatus=$?\npwd > "{where}"\nexit $status\n'
        ended = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
        )
        self.status = ended.returncode
        self.folder = Path(where.read_text().strip())
        return ended.stdout


def copy_of_examples(home: Path) -> Path:
    """A folder that holds a copy of `examples/`, as the root of the repository does."""
    ignored = shutil.ignore_patterns("*.npz", "__pycache__")
    shutil.copytree(ROOT / "examples", home / "copy" / "examples", ignore=ignored)
    return home / "copy"


def check_page(page: Path, shell: Shell, accept: bool = False) -> None:
    """Runs a page and asserts that all comes out as shown; `accept` writes what came out into the page instead."""
    text = page.read_text(encoding="utf-8")
    shown_commands = commands(text)
    failed, differing, corrected, end = [], [], "", 0
    for number, command in enumerate(shown_commands):
        real = shell.run(command.text)
        following = shown_commands[number + 1].text if number + 1 < len(shown_commands) else ""
        place = f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, command.start) + 1}: {command.text}"
        if shell.status != 0 and following != "echo $?":
            failed.append(f"{place}\nended with status {shell.status}:\n{real}")
        current = updated(command.shown, real, command.exact)
        if current is None:
            differing.append(f"{place}\nshown:\n{command.shown}\nreal:\n{real}")
        if command.shown_at is not None:
            corrected += text[end : command.shown_at] + (real if current is None else current)
            end = command.shown_at + len(command.shown)
    if accept and differing and not failed:
        page.write_text(corrected + text[end:], encoding="utf-8")
        return
    assert not failed and not differing, "\n\n".join([*failed, *differing])

"""Running the command line: in this process, which is fast, or as a process of its own, which is the real thing."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import reludsl
from reludsl.cli import main

ROOT = Path(reludsl.__file__).resolve().parent.parent
"""The folder that holds the package, so that a process of its own runs this very source."""


@dataclass(frozen=True)
class Result:
    """How a run ended and what it wrote."""

    code: int
    stdout: str
    stderr: str


def run(*arguments: str | os.PathLike[str]) -> Result:
    """The command line in this process, with standard streams that are no terminals."""
    stdout, stderr = io.StringIO(), io.StringIO()
    code: int | str | None = None
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        try:
            main([os.fspath(argument) for argument in arguments])
        except SystemExit as ended:
            code = ended.code
    assert isinstance(code, int), "`main` ends with an exit code"
    return Result(code, stdout.getvalue(), stderr.getvalue())


def environment(**more: str) -> dict[str, str]:
    """This environment with the package's source on the path, one thread, and no colour."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **{name: value for name, value in os.environ.items() if name != "FORCE_COLOR"},
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": "1",
        "PYTHONIOENCODING": "utf-8",
        **more,
    }


def run_process(
    *arguments: str | os.PathLike[str], cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Result:
    """The command line as a process of its own: `python -m reludsl ...`."""
    done = subprocess.run(
        [sys.executable, "-m", "reludsl", *arguments],
        cwd=cwd,
        env=dict(env) if env is not None else environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def run_on_terminal(
    *arguments: str | os.PathLike[str],
    cwd: Path,
    env: Mapping[str, str],
    interrupt_at: bytes | None = None,
    standard_output: bool = False,
) -> Result:
    """A process whose standard error is a terminal, and its standard output too if that is asked for.

    Ctrl-C is pressed once, when `interrupt_at` has appeared on the terminal. What the terminal showed is `stderr`.
    """
    import pty
    import signal

    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "reludsl", *arguments],
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=terminal if standard_output else subprocess.PIPE,
        stderr=terminal,
    )
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux says that nobody writes any more
        while chunk := os.read(screen, 4096):
            shown += chunk
            if interrupt_at is not None and interrupt_at in shown:
                process.send_signal(signal.SIGINT)
                interrupt_at = None
    os.close(screen)
    stdout = process.communicate(timeout=120)[0] or b""
    return Result(process.returncode, stdout.decode(), shown.decode().replace("\r\n", "\n"))

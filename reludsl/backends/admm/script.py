"""The ADMM backend's part of a standalone script: the kernel word for word, and a `solve` that calls it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reludsl.backend import Emitted
from reludsl.backends.pattern_script import pattern_script
from reludsl.ir import Program
from reludsl.literals import literal


def emitted(program: Program, settings: Mapping[str, Any], squared: bool) -> Emitted:
    """The script for a pattern or feature program, with the kernel's keyword arguments."""
    from reludsl.backends.admm.kernel import solve_pattern_program  # with NumPy

    report = (
        '"""Prints the progress now and then; never ends the iteration."""',
        "if state.iteration % 500 == 0:",
        '    residuals = f"{state.primal:.2g} primal, {state.dual:.2g} dual"',
        '    told = f"objective {state.objective / scale:.8g}, residuals {residuals}"',
        '    print(f"iteration {state.iteration}, {told}")',
        "return False",
    )
    call = (f"squared={squared}", *(f"{name}={literal(value)}" for name, value in settings.items()))
    return pattern_script(program, "ADMM", report, call, solve_pattern_program, merge_samples=not squared)

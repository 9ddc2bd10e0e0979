"""Solvers that a machine may not have: PICOS takes exponential cones with optional ones alone."""

from __future__ import annotations

import pytest

import reludsl
from reludsl.pipeline import Compilation
from reludsl.source import Source


def refused_for_want_of_a_solver(spec: str, backend: str) -> bool:
    """Whether no solver for the program is installed; then the compiler has to say so, at once and with a remedy."""
    compilation = Compilation(Source("<spec>", spec))
    chosen, settings, _ = compilation.backend(backend)
    missing = chosen.unusable(settings, compilation.lowered_for(chosen).program)
    if missing:
        assert "needs" in missing[0]
        with pytest.raises(reludsl.Mistakes) as refusal:
            reludsl.compile(spec, backend)
        (told,) = (found for found in refusal.value.diagnostics if found.severity == "error")
        assert (told.code, told.notes) == ("C233", missing) and told.help
    return bool(missing)

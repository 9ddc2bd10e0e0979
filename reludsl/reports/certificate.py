"""What a solution proves, in words: the interval in which the optimum lies, whose optimum it is, and by what proof."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from reludsl.certificate import Bound
from reludsl.solution import Solution

PROVED = 1e-3
"""A relative gap up to this counts as a proof of the optimum; what is left of it is told all the same."""

_PROOFS = {
    "duality": "duality: a dual point, scaled until no column of the program brings more than it costs",
    "enumeration": "enumeration: all activation patterns that the samples allow are counted",
    "relaxation": "relaxation: a semidefinite program that holds every network, and its dual",
    "branch_and_bound": "branch and bound: every direction of a neuron lies in a cone whose bound was proved",
}

_ENDS = {
    "limit": "The solve stopped at a limit before it met its tolerance",
    "interrupted": "The solve was interrupted",
    "failed": "The solver failed and left the point that it had",
}


@dataclass(frozen=True)
class Verdict:
    """What is proved.

    `kind` is "proved" for the global optimum up to `PROVED`, "gap" where more than that stays open, "program" for a
    bound on the optimum of the program alone, and "none" without a bound. `summary` is a phrase, `sentences` explain
    it.
    """

    kind: Literal["proved", "gap", "program", "none"]
    summary: str
    sentences: tuple[str, ...]

    @classmethod
    def of(cls, solution: Solution, reason: str) -> Verdict:
        """The verdict on a solution; `reason` says in a sentence what bound it comes with, or why with none."""
        kind, summary, sentences = _judged(solution, reason)
        return cls(kind, summary, (*sentences, *_end(solution)))


def proved(solution: Solution) -> Bound | None:
    """The bound that says most: one on the training problem where there is one."""
    if solution.certificate is not None and solution.certificate.bound is not None:
        return solution.certificate.bound
    return solution.bound


def _judged(solution: Solution, reason: str) -> tuple[Literal["proved", "gap", "program", "none"], str, list[str]]:
    bound, objective = proved(solution), f"{solution.objective:.8g}"
    upper = f"The optimum of the training problem is at most {objective}, the objective of this network."
    if solution.means == "attacked":
        upper = (
            f"The objective {objective} counts the worst changes that an attack found; the worst ones may cost more."
        )
    if bound is None:
        return "none", "no bound", [upper, f"Nothing is proved from below. {_why(reason)}"]
    if not math.isfinite(bound.value):
        return "none", "no finite bound", [upper, "Nothing is proved from below: the dual point gives no finite bound."]
    value, gap = f"{bound.value:.8g}", f"{bound.gap:.2g}"
    if bound.scope == "program":
        inside = f"The optimum of the convex program is at least {value}: the relative gap is {gap}."
        beyond = "Nothing is proved of networks with other patterns: they may be better."
        return "program", f"program gap {gap}", [inside, upper, beyond]
    if bound.gap <= PROVED:
        best = f"No network of any width has an objective below {value}."
        left = f"This one is at most {_percent(bound.gap)} above the global optimum."
        return "proved", f"global optimum, gap {gap}", [best, left]
    open_ = f"Not proved: a gap of {gap} stays open between the bound and this network."
    where = f"The global optimum lies between {value} and {objective}; either may be far from it."
    return "gap", f"not proved: gap {gap}", [open_, where]


def _why(reason: str) -> str:
    """A reason without the word that announces it."""
    told = reason.removeprefix("None: ")
    return told[0].upper() + told[1:] if told[:1].isalpha() else told


def _end(solution: Solution) -> Iterator[str]:
    if solution.status in _ENDS:
        yield _ENDS[solution.status] + (f": {solution.message}." if solution.message else ".")


def _percent(gap: float) -> str:
    return f"{100 * gap:.2g} %"


def rows(solution: Solution) -> Iterator[tuple[str, str]]:
    """The certificate as names and texts."""
    bound = proved(solution)
    yield "objective of the network", f"{solution.objective:.8g}"
    if bound is not None:
        yield "proved lower bound", f"{bound.value:.8g}"
        whose = "the training problem, networks of any width" if bound.scope == "global" else "the convex program"
        upper = solution.objective if bound.scope == "global" else solution.program_objective
        yield "interval of the optimum", f"[{bound.value:.8g}, {upper:.8g}]"
        yield "gap", f"{max(0.0, upper - bound.value):.3g}, relative {bound.gap:.2g}"
        yield "scope", f"{bound.scope}: {whose}"
        yield "proved by", _PROOFS.get(bound.by, bound.by)
    for attempt in solution.certificate.attempts if solution.certificate else ():
        yield f"tried: {attempt.by.replace('_', ' ')}", f"{attempt.message}, {attempt.seconds:.2f} s"
    phases = {"solve": "solve", "recover": "network and proof", "certify": "global proof"}
    spent = [f"{name} {solution.seconds[phase]:.2f}" for phase, name in phases.items() if phase in solution.seconds]
    yield "seconds", ", ".join(spent)

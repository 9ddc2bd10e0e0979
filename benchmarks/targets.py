"""What the solvers should reach against others, and whether the results say that they do."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

from benchmarks.summary import Outcome, Summary

LOSSES = ("squared", "hinge", "absolute", "huber", "logistic", "cross_entropy")

Row = dict[str, object]


def targets(summary: Summary) -> Iterable[Row]:
    """A row for each target that the results can speak about: what was asked, what was measured, whether it is met."""
    for loss in LOSSES:
        yield from _times(
            f"{loss} loss: to 1e-6 at least 30 times faster than Clarabel",
            30.0,
            [
                clarabel_ratio(summary, theirs)
                for theirs in summary.by("cvxpy")
                if summary.problems[theirs.problem]["loss"] == loss
            ],
        )
    yield from _times(
        "at least 100 times faster than pyscnn's augmented Lagrangian to its own objective",
        100.0,
        [pyscnn_ratio(summary, theirs) for theirs in summary.by("pyscnn al")],
    )
    yield from _times(
        "gated: to 1e-6 at least 5 times faster than pyscnn's R-FISTA",
        5.0,
        [gated_ratio(summary, theirs) for theirs in summary.by("pyscnn rfista")],
    )
    yield from _times(
        "the published ADMM's first 1e-2 in a fifth of its iterations",
        5.0,
        [admm_ratio(summary, theirs) for theirs in summary.by("admm as published")],
    )
    yield from _at_most(summary, "teacher 2000", 0.01, 1e-6, 10.0)
    yield from _at_most(summary, "teacher 20000", 0.02, 1e-4, 60.0, megabytes=3000.0)
    yield from _at_most(summary, "images", 0.1, 1e-4, 60.0)
    yield from _at_most(summary, "images", 0.01, 1e-4, 60.0)


def clarabel_ratio(summary: Summary, theirs: Outcome) -> float | None:
    """Clarabel's whole time over ours to a proved 1e-6; None where it did not get there itself."""
    ours, seconds = summary.beside(theirs, "newton"), theirs.seconds_to(1e-6)
    if ours is None or seconds is None:
        return None
    reached = ours.seconds_to(1e-6)
    return 0.0 if reached is None else seconds / reached


def pyscnn_ratio(summary: Summary, theirs: Outcome) -> float | None:
    """pyscnn's whole time over ours to the objective of its answer, on the cones or as a network, whichever is less.

    Where that is below the optimum of the program, as a network's may be, it is our time to a proved 1e-6.
    """
    ours = summary.beside(theirs, "newton")
    objective, network, seconds = (theirs.number(name) for name in ("objective", "network", "seconds"))
    if ours is None or objective is None or network is None or seconds is None:
        return None
    reached = ours.seconds_to_objective(min(objective, network))
    reached = ours.seconds_to(1e-6) if reached is None else reached
    return None if reached is None else seconds / reached


def gated_ratio(summary: Summary, theirs: Outcome) -> float | None:
    """R-FISTA's time to 1e-6 over ours; its whole time where it does not get there."""
    ours = summary.beside(theirs, "newton")
    reached = None if ours is None else ours.seconds_to(1e-6)
    seconds = theirs.seconds_to(1e-6) or theirs.number("seconds")
    return None if reached is None or seconds is None else seconds / reached


def admm_ratio(summary: Summary, published: Outcome) -> float | None:
    """The published method's iterations to 1e-2 over ours; all that it made where it does not get there."""
    ours = summary.beside(published, "admm")
    reached = None if ours is None else ours.iterations_to(1e-2)
    theirs = published.iterations_to(1e-2) or published.number("iterations")
    return None if not reached or theirs is None else theirs / reached


def descent_rows(summary: Summary) -> Iterable[Row]:
    """The networks of descent and ours; descent is not bound to the patterns, so it may be lower."""
    for theirs in summary.by("torch"):
        ours = summary.beside(theirs, "newton")
        yield {
            "problem": theirs.problem,
            "β/β_max": theirs.share,
            "network of the program": None if ours is None else ours.number("network"),
            "newton s": None if ours is None else ours.number("seconds"),
            "network of descent": theirs.number("network"),
            "torch s": theirs.number("seconds"),
            "starts": theirs.number("iterations"),
        }


def _times(what: str, asked: float, ratios: list[float | None]) -> Iterable[Row]:
    found = [ratio for ratio in ratios if ratio is not None]
    if ratios and not found:
        yield {"target": what, "measured": f"they do not get there in any of {len(ratios)} cells", "met": None}
    elif found:
        measured = f"{min(found):.3g} at least, {statistics.median(found):.3g} in the median, {len(found)} cells"
        yield {"target": what, "measured": measured, "met": min(found) >= asked}


def _at_most(
    summary: Summary, problem: str, share: float, gap: float, seconds: float, megabytes: float | None = None
) -> Iterable[Row]:
    outcome = summary.outcomes.get((problem, share, "newton"))
    if outcome is None:
        return
    sizes = summary.problems[problem]
    what = f"({sizes['n']}, {sizes['d']}, {sizes['patterns']}) at {share:g} β_max: to {gap:.0e} in {seconds:g} s"
    reached, memory = outcome.seconds_to(gap), outcome.number("memory")
    met = reached is not None and reached <= seconds
    gap_reached = outcome.gap
    measured = f"{reached:.3g} s" if reached is not None else f"not reached: {outcome.status}"
    if reached is None and gap_reached is not None:
        measured += f", gap {gap_reached:.1e}"
    if megabytes is not None:
        what += f" and {megabytes / 1000:g} GB"
        met = met and memory is not None and memory <= megabytes
        measured += "" if memory is None else f", {memory / 1000:.2f} GB"
    yield {"target": what, "measured": measured, "met": met}

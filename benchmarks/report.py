"""The tables of a run, in Markdown, and the page that holds them between markers."""

from __future__ import annotations

import math
from collections.abc import Iterable

import polars as pl

from benchmarks import adaptive, relaxation, robust
from benchmarks.results import Record
from benchmarks.solvers import SOLVERS
from benchmarks.summary import GAPS, Outcome, Summary
from benchmarks.targets import descent_rows, targets

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


def with_report(page: str, text: str) -> str:
    """The page with the text between its markers. Raises ValueError where it has none."""
    before, found, rest = page.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not (found and closed):
        raise ValueError(f"the page lacks `{BEGIN}` or `{END}`")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def report(records: list[Record]) -> str:
    """All tables of the records."""
    summary = Summary.of(records)
    sections = [
        ("The run", _machine(summary)),
        ("Targets", table(targets(summary))),
        ("Problems", table(_problems(summary))),
        ("Against CVXPY with Clarabel", table(_against(summary, "cvxpy"))),
        ("Against pyscnn, augmented Lagrangian", table(_against(summary, "pyscnn al"))),
        ("Gated networks against pyscnn, R-FISTA", table(_against(summary, "pyscnn rfista"))),
        ("Robust programs", robust.table([record for record in records if record["what"] == "robust"])),
        (
            "The relaxation: CPU seconds until the certified bound is as near to the best one known",
            relaxation.table([record for record in records if record["what"] == "relaxation"]),
        ),
        ("Searched patterns against restarts of descent", adaptive.table(records)),
        ("ADMM: iterations until the gap is met", table(_admm(summary))),
        ("Descent on the non-convex network", table(descent_rows(summary))),
        ("Products, as shares of the fastest matrix product", table(_products(summary))),
        ("Every cell: CPU seconds until the gap is met", table(_everything(summary))),
    ]
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in sections if text)


def table(rows: Iterable[dict[str, object]]) -> str:
    """Rows as a Markdown table; numbers with three digits, and a dash for what there is not."""
    found = [{name: shown(value) for name, value in row.items()} for row in rows]
    if not found:
        return ""
    frame = pl.DataFrame(found)
    with pl.Config(
        tbl_formatting="MARKDOWN",
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=-1,
        fmt_str_lengths=10_000,
    ):
        return str(frame)


def shown(value: object) -> str:
    """A number with three digits, without an exponent where it reads well; texts as they are."""
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float() if not math.isfinite(value):
            return "–"
        case float() if value == 0 or 1e-3 <= abs(value) < 1000:
            return f"{value:.3g}"
        case float() if 1000 <= abs(value) < 1e6:
            return f"{value:.0f}"
        case float():
            return f"{value:.1e}"
        case _:
            return str(value)


def machine_line(machine: Record) -> str:
    """When and on what a run was made, and with which packages."""
    packages = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{machine['date']}, {machine['processor']}, {machine['cores']} cores, {machine['gigabytes']} GB, "
        f"{machine['system']}, one thread; Python {machine['python']}, {packages}."
    )


def _machine(summary: Summary) -> str:
    if not summary.machine:
        return ""
    missing = sorted({key[2] for key, outcome in summary.outcomes.items() if outcome.status == "not installed"})
    lines = [
        machine_line(summary.machine),
        *(f"Not installed, so left out: {', '.join(missing)}." for _ in missing[:1]),
    ]
    return "\n".join(lines)


def _problems(summary: Summary) -> Iterable[dict[str, object]]:
    for name, record in summary.problems.items():
        columns = ("loss", "n", "d", "rank", "outputs", "patterns")
        yield {
            "problem": name,
            **{column: record.get(column) for column in columns},
            "cones": not record.get("gated"),
            "beta_max": record.get("greatest"),
        }


def _against(summary: Summary, peer: str) -> Iterable[dict[str, object]]:
    """Our time to a gap of 1e-6, or to the goal, and the peer's whole time."""
    for theirs in summary.by(peer):
        ours = summary.beside(theirs, "newton")
        yield {
            "problem": theirs.problem,
            "β/β_max": theirs.share,
            "newton s": None if ours is None else ours.number("seconds"),
            "its gap": None if ours is None else ours.gap,
            "its MB": None if ours is None else ours.number("memory"),
            f"{peer} s": theirs.number("seconds"),
            "their gap": theirs.gap,
            "violation": theirs.number("violation"),
            "their MB": theirs.number("memory"),
            "ended": theirs.status,
        }


def _admm(summary: Summary) -> Iterable[dict[str, object]]:
    for ours in summary.by("admm"):
        published = summary.beside(ours, "admm as published")
        row: dict[str, object] = {"problem": ours.problem, "β/β_max": ours.share}
        for name, outcome in (("admm", ours), ("as published", published)):
            for gap in GAPS:
                found = None if outcome is None else outcome.iterations_to(gap)
                row[f"{name} {gap:.0e}"] = None if found is None else int(found)
        yield row


def _products(summary: Summary) -> Iterable[dict[str, object]]:
    for name, record in summary.products.items():
        if "peak" in record:
            yield {
                "problem": name,
                "fastest GFLOP/s": record["peak"],
                "product of the same size": record["same product"],
                "predictions": record["predictions"],
                "adjoint": record["adjoint"],
            }


def _everything(summary: Summary) -> Iterable[dict[str, object]]:
    order = list(SOLVERS)
    for outcome in sorted(summary.outcomes.values(), key=lambda found: order.index(found.solver)):
        if outcome.status != "not installed":
            yield _row(outcome)


def _row(outcome: Outcome) -> dict[str, object]:
    return {
        "solver": outcome.solver,
        "problem": outcome.problem,
        "β/β_max": outcome.share,
        **{f"{gap:.0e}": outcome.seconds_to(gap) for gap in GAPS},
        "whole": outcome.number("seconds"),
        "gap": outcome.gap,
        "violation": outcome.number("violation"),
        "MB": outcome.number("memory"),
        "runs": len(outcome.runs),
        "ended": outcome.status,
    }

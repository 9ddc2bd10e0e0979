"""The tables of the published instances, from the records of `reproduction.py`, and the targets for them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.report import machine_line, table
from benchmarks.reproduction import CASES, PUBLISHED, SPLITS, STRENGTHS, Case, roundings
from benchmarks.results import Record

Row = dict[str, object]


@dataclass(frozen=True)
class Found:
    """What there is on one instance at one strength."""

    case: Case
    strength: float
    records: tuple[Record, ...]

    @property
    def optimum(self) -> float:
        """The least objective of the exact runs."""
        return min(float(record["objective"]) for record in self.by("exact"))

    @property
    def gap(self) -> float:
        """The relative gap that every exact run has proved at least."""
        return max((record["objective"] - record["bound"]) / record["objective"] for record in self.by("exact"))

    @property
    def seconds(self) -> float:
        """The median of the exact runs."""
        return median(float(record["seconds"]) for record in self.by("exact"))

    def by(self, method: str, **named: Any) -> tuple[Record, ...]:
        """The runs of a method that gave something."""
        return tuple(
            record
            for record in self.records
            if record["method"] == method
            and "seconds" in record
            and all(record.get(name) == value for name, value in named.items())
        )

    def row(self) -> Row:
        """The first columns of every table."""
        return {"instance": self.case.name, "γ": self.strength}

    def below(self, value: float) -> str:
        """How far a value is below the optimum."""
        return percent((self.optimum - value) / self.optimum)


def found(records: list[Record]) -> list[Found]:
    """The instances that were run to the end and have an optimum."""
    ended = {(record["case"], record["strength"]) for record in records if record["what"] == "end"}
    runs = [record for record in records if record["what"] == "reproduction"]
    every = [
        Found(case, strength, tuple(run for run in runs if (run["case"], run["strength"]) == (case.name, strength)))
        for case, strength in itertools.product(CASES, STRENGTHS)
        if (case.name, strength) in ended
    ]
    return [one for one in every if one.by("exact")]


def report(records: list[Record]) -> str:
    """All tables in Markdown."""
    every = found(records)
    machine = next((record for record in records if record["what"] == "machine"), None)
    sections = [
        ("The run", "" if machine is None else f"{machine_line(machine)} At most {machine['limit']:g} s a run."),
        ("Targets", table(targets(every))),
        ("The optimum", table(_optima(every))),
        ("Lower bounds: how far below the optimum", table(_bounds(every))),
        ("Networks: how far above the optimum", table(_networks(every))),
    ]
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in sections if text)


def targets(every: list[Found]) -> Iterable[Row]:
    """Gap and time of the exact program, on instances of two and of three dimensions."""
    plane = [one for one in every if one.case.name in PUBLISHED]
    space = [one for one in every if one.case.name not in PUBLISHED]
    for title, group, limit in (("published, in the plane", plane, 2.0), ("25 samples, three dimensions", space, 15.0)):
        if group:
            gap, seconds = max(one.gap for one in group), max(one.seconds for one in group)
            yield {
                "exact programs": title,
                "how many": len(group),
                "gap, wanted": "1e-7",
                "gap, largest": gap,
                "seconds, wanted": limit,
                "seconds, most": seconds,
                "met": gap <= 1e-7 and seconds <= limit,
            }


def _optima(every: list[Found]) -> Iterable[Row]:
    for one in every:
        row = one.row() | {"optimum": f"{one.optimum:.9g}", "proved gap": one.gap, "s": one.seconds}
        row["neurons"] = min(int(record["width"]) for record in one.by("exact"))
        searched = dict.fromkeys(("adaptive: above it", "its gap", "its s"), "–")
        for record in one.by("adaptive"):
            gap = _gap(record)
            searched["adaptive: above it"] = percent((record["objective"] - one.optimum) / one.optimum)
            searched["its gap"] = "–" if gap is None else f"{gap:.1e}"
            searched["its s"] = f"{record['seconds']:.3g}"
        yield row | searched


def _gap(record: Record) -> float | None:
    return None if record["bound"] is None else (record["objective"] - record["bound"]) / record["objective"]


def _bounds(every: list[Found]) -> Iterable[Row]:
    for one in every:
        if not one.case.all_methods:
            continue
        row = one.row()
        for record in one.by("published"):
            row["as published, with SCS (no bound)"] = f"{one.below(record['value'])}, {record['seconds']:.1f} s"
        for rows in SPLITS:
            bounds = [record for record in one.by("bound", rows=rows) if record["bound"] is not None]
            best = max(bounds, key=lambda record: float(record["bound"]), default=None)
            row[f"{rows} split"] = (
                None if best is None else f"{one.below(best['bound'])}, {best['seconds']:.1f} s, {best['backend']}"
            )
        yield row


def _networks(every: list[Found]) -> Iterable[Row]:
    for one in every:
        if not one.case.all_methods:
            continue
        row = one.row()
        for rounding in roundings():
            for record in one.by("rounding", rounding=rounding):
                row[rounding] = _excess(one, record)
        for record in one.by("descent"):
            row["descent from random starts"] = f"{_excess(one, record)}, {record['starts']} starts"
        yield row


def _excess(one: Found, record: Record) -> str:
    return f"{percent((record['objective'] - one.optimum) / one.optimum)}, {record['seconds']:.1f} s"


def percent(share: float) -> str:
    """Three digits for what is large, and never more than four places; what is below them is no difference."""
    return f"{100 * share:.3g} %" if abs(share) >= 1e-3 else f"{round(100 * share, 4) + 0.0:.4f} %"

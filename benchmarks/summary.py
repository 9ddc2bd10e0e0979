"""What the records of a run say about a cell: medians, times to a gap, and the best bound that anybody proved."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.results import Record

GAPS = (1e-2, 1e-4, 1e-6)


@dataclass(frozen=True)
class Outcome:
    """The runs of one solver on one problem at one share of beta_max, and the best lower bound known there."""

    problem: str
    share: float
    solver: str
    runs: tuple[Record, ...]
    bound: float

    @property
    def status(self) -> str:
        return str(self.runs[-1]["status"])

    @property
    def answered(self) -> bool:
        """Whether every run ended with columns that could be judged."""
        return all("objective" in run for run in self.runs)

    def median(self, of: Callable[[Record], float | None]) -> float | None:
        """The median over the runs, None where a run has no such number."""
        found = [of(run) for run in self.runs]
        numbers = [value for value in found if value is not None]
        return statistics.median(numbers) if numbers and len(numbers) == len(found) else None

    def number(self, name: str) -> float | None:
        """The median of a number of the records."""
        return self.median(lambda run: run.get(name))

    @property
    def gap(self) -> float | None:
        """The relative gap of the answers, on the cones, to the best bound."""
        return self.median(lambda run: self._gap(run["objective"]) if "objective" in run else None)

    def seconds_to(self, gap: float) -> float | None:
        """CPU seconds until the relative gap was met: the one the solver proved itself, otherwise that to the bound."""
        return self.median(lambda run: self._first(run, 0, gap))

    def iterations_to(self, gap: float) -> float | None:
        """Iterations until it was met, of those that were looked at."""
        return self.median(lambda run: self._first(run, 1, gap))

    def seconds_to_objective(self, objective: float) -> float | None:
        """CPU seconds until the objective on the cones was at most this."""
        return self.median(lambda run: next((row[0] for row in run.get("history", ()) if row[2] <= objective), None))

    def _gap(self, objective: float) -> float:
        return max(0.0, (objective - self.bound) / max(abs(objective), 1e-300))

    def _first(self, run: Record, place: int, gap: float) -> float | None:
        for row in run.get("history", ()):
            if (self._gap(row[2]) if row[3] is None else row[3]) <= gap:
                return float(row[place])
        if "objective" in run and self._gap(run["objective"]) <= gap:
            last = (run["seconds"], run["iterations"])[place]
            return None if last is None else float(last)
        return None


@dataclass(frozen=True)
class Summary:
    """All outcomes of a file of results, and its other records by problem."""

    machine: Record
    problems: dict[str, Record]
    products: dict[str, Record]
    outcomes: dict[tuple[str, float, str], Outcome]

    @staticmethod
    def of(records: list[Record]) -> Summary:
        bounds: dict[tuple[str, float], float] = {}
        runs: dict[tuple[str, float, str], list[Record]] = {}
        for record in records:
            if record["what"] == "run":
                place = record["problem"], record["share"]
                bounds[place] = max(bounds.get(place, float("-inf")), record.get("bound", float("-inf")))
                runs.setdefault((*place, record["solver"]), []).append(record)
        outcomes = {key: Outcome(*key, tuple(found), bounds[key[:2]]) for key, found in runs.items()}
        named = {
            what: {record["problem"]: record for record in records if record["what"] == what}
            for what in ("problem", "products")
        }
        machine = next((record for record in records if record["what"] == "machine"), {})
        return Summary(machine, named["problem"], named["products"], outcomes)

    def by(self, solver: str) -> list[Outcome]:
        """The outcomes of a solver that was installed."""
        return [
            outcome
            for outcome in self.outcomes.values()
            if outcome.solver == solver and outcome.status != "not installed"
        ]

    def beside(self, outcome: Outcome, solver: str) -> Outcome | None:
        """What another solver made of the same."""
        return self.outcomes.get((outcome.problem, outcome.share, solver))

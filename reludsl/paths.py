"""`reludsl path`: one spec along a grid of hyperparameters, every solve from where the last one ended.

A chain is a set of training rows with the solutions on it: all training rows are one, and with cross-validation those
outside each fold are one more. Along a chain everything that does not depend on the hyperparameters is made once.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reludsl.backend import Progress
from reludsl.data.binding import Bound, Split, array_names
from reludsl.data.folds import folds
from reludsl.data.tables import read_table
from reludsl.diagnostics import Diagnostic
from reludsl.grammar import tree
from reludsl.interrupt import Interruption, interruptible
from reludsl.mistakes import Mistakes
from reludsl.overrides import NEEDS_GRID, read_grid
from reludsl.pipeline import Compilation, NoSolution
from reludsl.plots import require_matplotlib
from reludsl.recovery import Continuation
from reludsl.solution import Solution, common_warnings
from reludsl.source import Source
from reludsl.tabulation import as_text, frame_of

if TYPE_CHECKING:
    import polars
    from matplotlib.axes import Axes

Monitor = Callable[[Progress], bool]
Judge = Literal["folds", "held-out rows"]


@dataclass(frozen=True)
class PathRow:
    """One value of the grid: the network of all training rows, and how networks of this value do on rows they have not
    seen.

    `values` are the hyperparameters that were set. Objective, bound and gap are those of a `Solution`, None where there
    is none; so is `width`. `train` and `validation` are the path's metric: `validation` on the held-out rows, or with
    cross-validation the mean of `folds`, the score of each. `iterations` are those of the solve on all training rows,
    `seconds` those of everything that the value took. `message` says why a status other than "solved" came about.
    """

    values: Mapping[str, float]
    status: str
    objective: float | None = None
    bound: float | None = None
    gap: float | None = None
    width: int | None = None
    train: float | None = None
    validation: float | None = None
    iterations: int | None = None
    seconds: float = 0.0
    folds: tuple[float, ...] = ()
    message: str = ""


@dataclass(frozen=True, eq=False)
class PathResult:
    """What a path found, a row for every value that was reached, in the order of the grid.

    `metric` is accuracy (for labels) or rmse. `best` is chosen on validation scores alone, by `chosen_by`: folds, or
    the held-out rows, which then no longer judge the network; without either nothing is chosen. Of equal scores the one
    with the stronger regularizers wins, then the one with fewer neurons. `test` are the metrics of the best network on
    test rows that took no part in the choice. `solutions` are those on all training rows, None where a solve failed;
    their `continuation` is gone. `status` is "complete" or "interrupted".
    """

    rows: tuple[PathRow, ...]
    best: PathRow | None
    solutions: tuple[Solution | None, ...] = field(repr=False)
    metric: str
    chosen_by: Judge | None
    test: Mapping[str, float] | None
    status: Literal["complete", "interrupted"]
    warnings: tuple[Diagnostic, ...] = field(default=(), repr=False)

    @property
    def best_solution(self) -> Solution | None:
        """The solution of the best row; its network was trained on all training rows."""
        place = self._place
        return None if place is None else self.solutions[place]

    @property
    def _place(self) -> int | None:
        return next((i for i, row in enumerate(self.rows) if row is self.best), None)

    def table(self) -> polars.DataFrame:
        """A row for every value: hyperparameters, status, objective, bound, gap, width, metrics, iterations, seconds.

        A hyperparameter that is called like a column of results gets an underscore behind its name.
        """
        return frame_of(self._lines())

    def to_json(self, network_path: str | None = None) -> dict[str, Any]:
        """The result as a JSON-ready object; `best` is the place of a row, `network_path` where its network is."""
        return {
            "status": self.status,
            "metric": self.metric,
            "chosen_by": self.chosen_by,
            "best": self._place,
            "test": None if self.test is None else dict(self.test),
            "rows": [{**vars(row), "values": dict(row.values), "folds": list(row.folds)} for row in self.rows],
            "network": network_path,
        }

    def __str__(self) -> str:
        return "\n".join([as_text(self._lines(), self._place), "", *self._remarks()])

    def _remarks(self) -> list[str]:
        """What the table does not say."""
        by = (
            "accuracy, the larger the better" if self.metric == "accuracy" else f"{self.metric}, the smaller the better"
        )
        remarks = [f"train{'' if self.chosen_by is None else ' and validation'}: {by}"]
        if self.best is not None:
            remarks.append(f"best: {_assignments(self.best.values)}, chosen by {_CHOSEN[self.chosen_by or 'folds']}")
        elif self.chosen_by is None:
            remarks.append("no best value is named: nothing but folds or held-out rows can choose one")
        else:
            remarks.append("no best value is named: no row has a validation score")
        if self.test is not None:
            remarks.append(
                "best on test rows: " + ", ".join(f"{name} {value:.4g}" for name, value in self.test.items())
            )
        if self.status == "interrupted":
            remarks.append("interrupted: the path ends here")
        return remarks

    def _lines(self) -> list[dict[str, Any]]:
        shown = [name for name in _COLUMNS if name != "validation" or self.chosen_by is not None]
        return [
            {f"{name}_" if name in _COLUMNS else name: value for name, value in row.values.items()}
            | {name: getattr(row, name) for name in shown}
            for row in self.rows
        ]

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draws the metric against the last hyperparameter that has several values, with matplotlib (extra `plot`).

        Other hyperparameters give a line for each of their values. Returns the axes.
        """
        if axes is None:
            require_matplotlib()
            import matplotlib.pyplot as plt

            axes = plt.subplots()[1]
        names = [name for name in self.rows[0].values if len({row.values[name] for row in self.rows}) > 1]
        name = names[-1] if names else next(iter(self.rows[0].values))
        lines: dict[str, list[PathRow]] = {}
        for row in self.rows:
            others = {other: value for other, value in row.values.items() if other in names and other != name}
            lines.setdefault(_assignments(others), []).append(row)
        for label, rows in lines.items():
            places = [row.values[name] for row in rows]
            for part, style in (("train", "o--"), ("validation", "o-")):
                scores = [math.nan if getattr(row, part) is None else getattr(row, part) for row in rows]
                if not np.isnan(scores).all():
                    axes.plot(places, scores, style, markersize=3, label=", ".join(filter(None, [part, label])))
        if self.best is not None:
            axes.axvline(self.best.values[name], color="gray", linewidth=0.8, label="best")
        values = [row.values[name] for row in self.rows]
        axes.set_xscale("log" if min(values) > 0 and max(values) > 10 * min(values) else "linear")
        axes.set_xlabel(name)
        axes.set_ylabel(self.metric)
        axes.legend()
        return axes


_COLUMNS = ("status", "objective", "bound", "gap", "width", "train", "validation", "iterations", "seconds")
_CHOSEN = {
    "folds": "the mean score of the folds",
    "held-out rows": "the held-out rows, which therefore no longer judge its network",
}


def solve_path(
    source: Source,
    written: Mapping[str, object],
    data: Any,
    *,
    target: str | None = None,
    backend: str | None = None,
    test: Any = None,
    holdout: float = 0.0,
    fold_count: int | None = None,
    split_seed: int = 0,
    time_limit: float | None = None,
    threads: int | None = None,
    monitor_for: Callable[[str], Monitor] = lambda name: lambda progress: False,
) -> PathResult:
    """Solves the spec for every point of the grid in turn, from strong to weak regularization.

    `written` are the hyperparameters and their grids, see `overrides.read_grid`; several make a product, whose last
    grid runs fastest. `fold_count` asks for cross-validation over the training rows. `monitor_for` is told what is
    solved next and gives the monitor for it; the rest is as in `api.solve`. Raises Mistakes before anything is solved,
    and NoSolution when no point has any.
    """
    points = grid_points(source, written, backend)
    chains, test_rows = _chains(points[0], data, target, test, holdout, fold_count, split_seed)
    judge: Judge | None = "folds" if fold_count else "held-out rows" if test_rows else None
    metric = "accuracy" if points[0].model.target.labelled else "rmse"
    walk = _Walk(chains, metric, judge, backend, time_limit, threads, monitor_for)
    order = list(range(len(points)))
    if _strength(points[0]) < _strength(points[-1]):
        order.reverse()  # few neurons grow into many: the other way round a start is hardly better than none
    with interruptible() as interruption:
        for number, place in enumerate(order, 1):
            values = {name: points[place].model.hyperparameters[name] for name in written}
            walk.visit(points[place], values, f"{number} of {len(points)}, {_assignments(values)}", interruption)
            if interruption.requested:
                break
    solved = walk.sort(order)
    status: Literal["complete", "interrupted"] = "interrupted" if interruption.requested else "complete"
    return walk.result(status, [points[place] for place in solved], bool(test_rows))


def _strength(point: Compilation) -> float:
    """How strongly all regularizers together penalize."""
    return sum(part.strength for part in point.model.regularizers)


def grid_points(source: Source, written: Mapping[str, object], backend: str | None = None) -> list[Compilation]:
    """The spec at every point of the product grid, checked. Raises Mistakes with what is wrong at any of them."""
    model = Compilation(source).checked[0]
    grids = {name: read_grid(name, value, model.hyperparameters if model else {}) for name, value in written.items()}
    if all(grid.fixed for grid in grids.values()):
        raise Mistakes([Diagnostic("C220", "no hyperparameter has a grid of values", help=NEEDS_GRID)])
    combinations: list[tuple[tree.Value, ...]] = list(itertools.product(*(grid.values for grid in grids.values())))
    points = [Compilation(source, dict(zip(grids, values, strict=True))) for values in combinations]
    found: list[Diagnostic] = []
    for point in points:
        try:
            assert point.model is not None
            point.backend(backend)
        except Mistakes as mistakes:
            found.extend(mistakes.diagnostics)
    if found:
        raise Mistakes(dict.fromkeys(found))  # each once, however many points meet it
    return points


# -- chains ------------------------------------------------------------------------------------------------------


@dataclass
class _Chain:
    """Training rows, and the last solutions on them with their values: the next solve starts from these."""

    bound: Bound
    last: list[tuple[Sequence[float], Solution]] = field(default_factory=list)

    def solve(
        self,
        point: Compilation,
        values: Sequence[float],
        backend: str | None,
        time_limit: float | None,
        monitor: Monitor,
        threads: int | None,
    ) -> Solution | NoSolution:
        after = self._start(values)
        try:
            solution = point.solve(self.bound, backend, time_limit, monitor, after=after, threads=threads)
        except NoSolution as failure:
            return failure
        self.last = [*self.last[-1:], (values, solution)]
        return solution

    def _start(self, values: Sequence[float]) -> Solution | None:
        """The last solution; where the grid goes straight on from the last but one, moved on by the same law."""
        match self.last:
            case []:
                return None
            case [(first, earlier), (second, solution)]:
                left, factor = solution.continuation, further(first, second, values)
                if factor and isinstance(left, Continuation):
                    return replace(solution, continuation=left.beyond(earlier.continuation, factor))
        return self.last[-1][1]


def further(first: Sequence[float], second: Sequence[float], third: Sequence[float]) -> float:
    """By which share of the step from the first values to the second the third lie beyond the second.

    Steps are measured by the logarithm of positive values. 0 where the three are not in line, where the direction
    turns, and where the step beyond is more than twice the one before.
    """
    points = np.array([first, second, third], dtype=float)
    positive = (points > 0).all(axis=0)
    points[:, positive] = np.log(points[:, positive])
    before, after = points[1] - points[0], points[2] - points[1]
    length = float(before @ before)
    factor = float(before @ after) / length if length else 0.0
    straight = np.allclose(after, factor * before, rtol=1e-6, atol=1e-12)
    return factor if straight and 0 < factor <= 2 else 0.0


def _chains(
    point: Compilation, data: Any, target: str | None, test: Any, holdout: float, fold_count: int | None, seed: int
) -> tuple[list[_Chain], bool]:
    """All training rows, then those outside each fold; and whether there are test rows."""
    table = read_table(data, array_names(point.model, target))
    bound = point.bind(table, target=target, test=test, holdout=holdout, split_seed=seed)
    chains = [_Chain(bound)]
    if fold_count:
        rows = len(bound.train.X) + (len(bound.test.X) if holdout and bound.test is not None else 0)
        train = Split.drawn(rows, holdout, seed).train
        splits = folds(bound, train, fold_count, seed)
        chains += [_Chain(point.bind(table, target=target, split=split)) for split in splits]
    return chains, bound.test is not None


@dataclass
class _Walk:
    """What a path has found so far."""

    chains: Sequence[_Chain]
    metric: str
    judge: Judge | None
    backend: str | None
    time_limit: float | None
    threads: int | None
    monitor_for: Callable[[str], Monitor]
    rows: list[PathRow] = field(default_factory=list)
    ends: list[Solution | NoSolution] = field(default_factory=list)

    def visit(self, point: Compilation, values: Mapping[str, float], name: str, interruption: Interruption) -> None:
        """Adds the row of a point: solves it on every chain."""
        started = time.perf_counter()
        first, *others = self.chains
        coordinates = list(values.values())
        end = first.solve(point, coordinates, self.backend, self.time_limit, self.monitor_for(name), self.threads)
        row = _row(values, end, self.metric)
        scores: list[float] = []
        for number, chain in enumerate(others, 1):
            if interruption.requested or isinstance(end, NoSolution):
                break
            monitor = self.monitor_for(f"{name}, fold {number} of {len(others)}")
            fold = chain.solve(point, coordinates, self.backend, self.time_limit, monitor, self.threads)
            if isinstance(fold, NoSolution):
                row = replace(row, message=f"fold {number}: {fold.diagnostics[0].message}")
                break
            if fold.status != "interrupted":
                scores.append(fold.metrics["test"][self.metric])
        if others:
            complete = len(scores) == len(others)
            row = replace(row, folds=tuple(scores), validation=float(np.mean(scores)) if complete else None)
        elif self.judge is not None and isinstance(end, Solution):
            row = replace(row, validation=end.metrics["test"][self.metric])
        self.rows.append(replace(row, seconds=time.perf_counter() - started))
        self.ends.append(end if isinstance(end, NoSolution) else replace(end, continuation=None))

    def sort(self, order: Sequence[int]) -> list[int]:
        """Brings the rows, solved in this order of places, into that of the grid; returns the places of the rows."""
        found = sorted(zip(order, self.rows, self.ends, strict=False), key=lambda entry: entry[0])
        self.rows, self.ends = [row for _, row, _ in found], [end for _, _, end in found]
        return [place for place, _, _ in found]

    def result(
        self, status: Literal["complete", "interrupted"], points: Sequence[Compilation], has_test_rows: bool
    ) -> PathResult:
        """All of it. Raises NoSolution where there is no solution at all."""
        solutions = [end if isinstance(end, Solution) else None for end in self.ends]
        failures = [end for end in self.ends if isinstance(end, NoSolution)]
        if len(failures) == len(self.ends):
            raise failures[0]
        judged = [i for i, row in enumerate(self.rows) if row.status != "interrupted" and row.validation is not None]
        best = min(judged, key=lambda place: self._rank(place, points[place]), default=None)
        chosen = None if best is None else solutions[best]
        warnings = common_warnings(solution for solution in solutions if solution is not None)
        return PathResult(
            tuple(self.rows),
            None if best is None else self.rows[best],
            tuple(solutions),
            self.metric,
            self.judge,
            chosen.metrics["test"] if chosen is not None and self.judge == "folds" and has_test_rows else None,
            status,
            warnings,
        )

    def _rank(self, place: int, point: Compilation) -> tuple[float, float, float]:
        """Less is better: the score, then the simpler model."""
        row = self.rows[place]
        score = math.inf if row.validation is None or math.isnan(row.validation) else row.validation
        return (-score if self.metric == "accuracy" else score, -_strength(point), row.width or 0)


def _row(values: Mapping[str, float], end: Solution | NoSolution, metric: str) -> PathRow:
    if isinstance(end, NoSolution):
        status = "interrupted" if end.outcome.status == "interrupted" else "failed"
        return PathRow(values, status, message=end.outcome.message or end.diagnostics[0].message)
    bound = end.bound
    return PathRow(
        values,
        end.status,
        end.objective,
        None if bound is None else bound.value,
        None if bound is None else bound.gap,
        end.width,
        end.metrics["train"][metric],
        None,
        end.iterations,
        message=end.message,
    )


def _assignments(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {value:.6g}" for name, value in values.items())

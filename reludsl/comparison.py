"""`reludsl compare`: the same program on every backend that takes it, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from reludsl.backend import Progress
from reludsl.backends import backends
from reludsl.choice import refuse_unusable
from reludsl.diagnostics import Diagnostic
from reludsl.grammar import tree
from reludsl.interrupt import interruptible
from reludsl.mistakes import Mistakes
from reludsl.pipeline import Compilation, NoSolution
from reludsl.solution import Solution, common_warnings
from reludsl.source import Source
from reludsl.tabulation import as_text, frame_of

if TYPE_CHECKING:
    import polars

    from reludsl.data.binding import Bound

Monitor = Callable[[Progress], bool]


@dataclass(frozen=True)
class ComparisonRow:
    """One backend: how its solve ended, or that it was refused.

    `kind` is "convex", or "local" for a backend that trains the network by descent. Objective, bound and gap are those
    of a `Solution`, None where there is none; so is `width`. `train` and `test` are the comparison's metric. `message`
    says why a status other than "solved" came about.
    """

    backend: str
    kind: Literal["convex", "local"]
    status: str
    objective: float | None = None
    bound: float | None = None
    gap: float | None = None
    width: int | None = None
    train: float | None = None
    test: float | None = None
    iterations: int | None = None
    seconds: float = 0.0
    message: str = ""


@dataclass(frozen=True, eq=False)
class Comparison:
    """A row for every backend that was asked, in the order in which backends are preferred.

    `metric` is accuracy (for labels) or rmse. `solutions` are by backend, for those that have one. `status` is
    "complete" or "interrupted".
    """

    rows: tuple[ComparisonRow, ...]
    solutions: Mapping[str, Solution] = field(repr=False)
    metric: str
    status: Literal["complete", "interrupted"]
    warnings: tuple[Diagnostic, ...] = field(default=(), repr=False)

    @property
    def difference(self) -> float | None:
        """The largest relative difference between the objectives of convex backends that solved the program.

        None with fewer than two of them.
        """
        found = [
            row.objective
            for row in self.rows
            if row.kind == "convex" and row.status == "solved" and row.objective is not None
        ]
        if len(found) < 2:
            return None
        largest = max(abs(objective) for objective in found)
        return (max(found) - min(found)) / largest if largest else 0.0

    def table(self) -> polars.DataFrame:
        """A row for every backend: its kind, status, objective, bound, gap, width, metrics, iterations, seconds."""
        return frame_of([vars(row) for row in self.rows])

    def to_json(self) -> dict[str, Any]:
        """The comparison as a JSON-ready object."""
        return {
            "status": self.status,
            "metric": self.metric,
            "difference": self.difference,
            "rows": [dict(vars(row)) for row in self.rows],
        }

    def __str__(self) -> str:
        judged = any(row.test is not None for row in self.rows)
        hidden = {"message"} if judged else {"message", "test"}
        taken = [row for row in self.rows if row.status != "refused"]
        lines = [{name: value for name, value in vars(row).items() if name not in hidden} for row in taken]
        return "\n".join([*([as_text(lines), ""] if lines else []), *self._remarks(judged)])

    def _remarks(self, judged: bool) -> list[str]:
        """What the table does not say."""
        remarks = [f"train{' and test' if judged else ''}: {self.metric}"]
        if self.difference is not None:
            remarks.append(f"largest relative difference of the convex objectives: {self.difference:.2g}")
        if any(row.kind == "local" and row.objective is not None for row in self.rows):
            remarks.append("a local backend trains the network by descent: its objective is an upper bound")
        for row in self.rows:
            if row.message:
                remarks.append(f"{row.backend} {_VERBS.get(row.status, 'ended')}: {row.message}")
        if self.status == "interrupted":
            remarks.append("interrupted: the comparison ends here")
        return remarks


_VERBS = {"refused": "does not take it", "failed": "failed", "limit": "stopped early", "interrupted": "was interrupted"}


def compared_backends() -> list[str]:
    """The backends that are compared where none is named."""
    return [name for name, backend in backends().items() if not backend.by_name]


def compare_backends(
    source: Source,
    overrides: Mapping[str, tree.Value],
    data: Any,
    *,
    names: Sequence[str] | None = None,
    time_limit: float | None = None,
    threads: int | None = None,
    monitor_for: Callable[[str], Monitor] = lambda name: lambda progress: False,
    **options: Any,
) -> Comparison:
    """Solves the spec with the backends of `names`, or `compared_backends()`, on the same arrays.

    The backend that the spec names gets the spec's settings, others their defaults. `options` are those of
    `data.binding.bind`; `monitor_for` is told which backend comes next and gives the monitor for its solve. Raises
    Mistakes (C230 where no backend takes the program, C231 for an unknown one), and NoSolution when none has any.
    """
    first = Compilation(source, overrides)
    for name in names or ():
        if name not in backends():
            first.backend(name)  # raises C231
    bound = first.bind(data, **options)
    metric = "accuracy" if first.model.target.labelled else "rmse"
    rows: list[ComparisonRow] = []
    solutions: dict[str, Solution] = {}
    stopped: list[Mistakes] = []
    with interruptible() as interruption:
        for name in dict.fromkeys(names or compared_backends()):
            started = time.perf_counter()
            end = _attempt(Compilation(source, overrides), bound, name, time_limit, monitor_for(name), threads)
            rows.append(_row(name, end, metric, time.perf_counter() - started))
            if isinstance(end, Solution):
                solutions[name] = end
            else:
                stopped.append(end)
            if interruption.requested:
                break
    if not solutions:
        raise next((end for end in stopped if isinstance(end, NoSolution)), stopped[0])
    status: Literal["complete", "interrupted"] = "interrupted" if interruption.requested else "complete"
    return Comparison(tuple(rows), solutions, metric, status, common_warnings(solutions.values()))


def _attempt(
    compilation: Compilation,
    bound: Bound,
    name: str,
    time_limit: float | None,
    monitor: Monitor,
    threads: int | None,
) -> Solution | Mistakes:
    """The solution, why there is none, or why the backend refuses the program."""
    try:
        backend, settings, _ = compilation.backend(name)
        refuse_unusable(backend, settings, compilation.lowered_for(backend).program, compilation.model.solver)
    except Mistakes as refusal:
        return refusal
    try:
        return compilation.solve(bound, name, time_limit, monitor, threads=threads)
    except NoSolution as failure:
        return failure


def _row(name: str, end: Solution | Mistakes, metric: str, seconds: float) -> ComparisonRow:
    kind: Literal["convex", "local"] = "local" if backends()[name].local else "convex"
    match end:
        case Solution():
            test = end.metrics.get("test")
            return ComparisonRow(
                name,
                kind,
                end.status,
                end.objective,
                None if end.bound is None else end.bound.value,
                None if end.bound is None else end.bound.gap,
                end.width,
                end.metrics["train"][metric],
                None if test is None else test[metric],
                end.iterations,
                seconds,
                end.message,
            )
        case NoSolution():
            return ComparisonRow(name, kind, "failed", seconds=seconds, message=end.outcome.message)
    reasons = [text for found in end.diagnostics for text in (found.notes or (found.message,))]
    return ComparisonRow(name, kind, "refused", seconds=seconds, message="; ".join(reasons))

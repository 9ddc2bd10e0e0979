"""The commands of the benchmark: `python -m benchmarks run`, and `render` for the page that shows it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import click

from benchmarks.cells import Cell, chosen
from benchmarks.problems import PROBLEMS
from benchmarks.solvers import SOLVERS

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.jsonl"
PAGE = HERE.parent / "docs" / "benchmarks.md"
REPRODUCED = HERE / "reproduction.jsonl"
REPRODUCTION_PAGE = HERE.parent / "docs" / "reproduction.md"

_results = click.option(
    "--results", "path", type=click.Path(path_type=Path), default=RESULTS, help="the file of results"
)


@click.group()
def main() -> None:
    """Measures reludsl's solvers and those of others that are installed, on fixed problems."""


class _Names(click.ParamType):
    """Names, separated by commas."""

    name = "NAME,..."

    def __init__(self, known: Mapping[str, object]) -> None:
        self.known = known

    def convert(self, value: object, parameter: object, context: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in str(value).split(",") if name.strip())
        for name in names:
            if name not in self.known:
                self.fail(f"{name!r} is none of {', '.join(self.known)}")
        return names


@main.command()
@_results
@click.option("--quick", is_flag=True, help="a few small cells: two or three minutes")
@click.option("--problems", type=_Names(PROBLEMS), default=(), help="these problems only")
@click.option("--solvers", type=_Names(SOLVERS), default=(), help="these solvers only")
@click.option("--only", default="", metavar="TEXT", help="cells whose `problem | share | solver` contains TEXT")
@click.option("--repetitions", default=3, show_default=True, help="runs of a cell, of which medians are taken")
@click.option("--enough", default=8.0, show_default=True, help="CPU seconds after which a cell is not repeated")
@click.option("--fresh", is_flag=True, help="forget the results that the file has")
@click.option("--list", "listed", is_flag=True, help="print the cells and stop")
def run(
    path: Path,
    quick: bool,
    problems: tuple[str, ...],
    solvers: tuple[str, ...],
    only: str,
    repetitions: int,
    enough: float,
    fresh: bool,
    listed: bool,
) -> None:
    """Runs the cells that the file of results does not have, and prints the tables."""
    cells = chosen(quick, problems, solvers, only)
    if listed:
        for cell in cells:
            click.echo(cell.key)
        return
    from benchmarks.report import report
    from benchmarks.running import run as run_cells

    if fresh:
        path.unlink(missing_ok=True)
    click.echo(report(run_cells(cells, path, repetitions, enough, lambda line: click.echo(line, err=True))))


@main.command()
@_results
def robust(path: Path) -> None:
    """Runs the robust programs that the file of results does not have, and prints their table."""
    from benchmarks.robust import run as run_robust
    from benchmarks.robust import table

    click.echo(table(run_robust(path, lambda line: click.echo(line, err=True))))


@main.command()
@click.option("--results", "path", type=click.Path(path_type=Path), default=REPRODUCED, help="the file of results")
@click.option(
    "--page",
    type=click.Path(path_type=Path, exists=True),
    default=REPRODUCTION_PAGE,
    help="the page with the markers",
)
@click.option("--limit", default=10.0, show_default=True, help="seconds of a run, after which it gives what it has")
@click.option("--only", default="", metavar="TEXT", help="instances whose `name, strength` contains TEXT")
@click.option("--fresh", is_flag=True, help="forget the results that the file has")
def reproduction(path: Path, page: Path, limit: float, only: str, fresh: bool) -> None:
    """Runs the published instances that the file of results does not have, and writes their tables into the page."""
    from benchmarks.report import with_report
    from benchmarks.reproduced import report
    from benchmarks.reproduction import run as run_reproduction

    if fresh:
        path.unlink(missing_ok=True)
    records = run_reproduction(path, limit, only, lambda line: click.echo(line, err=True))
    page.write_text(with_report(page.read_text(encoding="utf-8"), report(records)), encoding="utf-8")


@main.command()
@_results
@click.option("--problems", type=_Names(PROBLEMS), default=(), help="these problems only")
@click.option("--limit", default=300.0, show_default=True, help="CPU seconds after which no further restart begins")
def adaptive(path: Path, problems: tuple[str, ...], limit: float) -> None:
    """Runs the searches for patterns, and restarts of descent, that the file of results does not have."""
    from benchmarks.adaptive import run as run_adaptive
    from benchmarks.adaptive import table

    click.echo(table(run_adaptive(path, lambda line: click.echo(line, err=True), problems, limit)))


@main.command()
@_results
def relaxation(path: Path) -> None:
    """Runs the semidefinite relaxations that the file of results does not have, and prints their table."""
    from benchmarks.relaxation import run as run_relaxation
    from benchmarks.relaxation import table

    click.echo(table(run_relaxation(path, lambda line: click.echo(line, err=True))))


@main.command()
@_results
@click.option("--page", type=click.Path(path_type=Path, exists=True), default=PAGE, help="the page with the markers")
def render(path: Path, page: Path) -> None:
    """Writes the tables of a file of results into the page, between its markers."""
    from benchmarks.report import report, with_report
    from benchmarks.results import read

    page.write_text(with_report(page.read_text(encoding="utf-8"), report(read(path))), encoding="utf-8")


@main.command(hidden=True)
@click.argument("asked", type=json.loads)
@click.argument("answer", type=click.Path(path_type=Path))
def measure(asked: dict[str, object], answer: Path) -> None:
    """What one process of a run does: writes the record that is asked for into a file."""
    from benchmarks.measure import problem_record, products_record, run_record

    match asked:
        case {"what": "problem", "problem": str(name)}:
            record = problem_record(name)
        case {"what": "products", "problem": str(name)}:
            record = products_record(name)
        case {"what": "relaxation", "number": int(number), "solver": str(solver)}:
            from benchmarks.relaxation import CASES, measured

            record = measured(CASES[number], solver)
        case {"what": "run", "greatest": float(greatest), **rest}:
            rest.pop("what", None)
            record = run_record(Cell(**rest), greatest)  # type: ignore[arg-type]
        case _:
            raise click.UsageError(f"cannot measure {asked}")
    answer.write_text(json.dumps(record), encoding="utf-8")


if __name__ == "__main__":
    main()

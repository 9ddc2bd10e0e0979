"""The verbs that train: solve, path, compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from reludsl.comparison import Comparison
    from reludsl.paths import PathResult
from reludsl.cli.options import (
    Setting,
    backend_option,
    holdout_option,
    json_option,
    options,
    set_option,
    split_seed_option,
    table_option,
    target_option,
    test_option,
    threads_option,
    time_limit_option,
    training_option,
)
from reludsl.cli.output import (
    print_json,
    print_rows,
    refuse_network_path,
    refuse_page_path,
    refuse_picture_path,
    refuse_table_path,
    show,
)


@click.command("solve")
@click.argument("spec", metavar="SPEC")
@options(
    training_option,
    target_option,
    set_option,
    backend_option,
    test_option,
    holdout_option,
    split_seed_option,
    time_limit_option,
    threads_option,
)
@click.option(
    "--certify", type=click.Choice(["global"]), help="Prove a bound on the global optimum of training as well."
)
@click.option(
    "--certify-seconds",
    type=click.FloatRange(0, min_open=True),
    default=60.0,
    help="After which that ends with what it has proved.",
    show_default=True,
)
@click.option(
    "--certify-gap",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=1e-3,
    help="The relative gap at which it is content.",
    show_default=True,
)
@click.option("-o", "--output", metavar="NETWORK", help="Where to save the network (.npz).")
@click.option("--history", metavar="TABLE", help="Where to write the history of the solve (.csv, .parquet or .json).")
@click.option("--plot", metavar="PICTURE", help="Where to draw the history of the solve (.png, .pdf or .svg).")
@click.option("--report", metavar="PAGE", help="Where to write a page on the result (.html), all in one file.")
@options(json_option)
def _solve(
    spec: str,
    data: str,
    target: str | None,
    overrides: Any,
    backend: str | None,
    test: str | None,
    holdout: float,
    split_seed: int,
    time_limit: float | None,
    threads: int | None,
    certify: str | None,
    certify_seconds: float,
    certify_gap: float,
    output: str | None,
    history: str | None,
    plot: str | None,
    report: str | None,
    as_json: bool,
) -> None:
    """Train the network of a spec on data."""
    _require_one_kind_of_test(test, holdout)
    _require_a_certificate(certify)
    from reludsl.api import compilation_of
    from reludsl.certifying import Certify
    from reludsl.progress import progress_display

    refuse_network_path(output)
    refuse_table_path(history)
    refuse_picture_path(plot)
    refuse_page_path(report)
    compilation = compilation_of(Path(spec), dict(overrides))
    options = {"target": target, "test": test, "holdout": holdout, "split_seed": split_seed}
    bound = compilation.bind(data, **options)
    with progress_display(not as_json) as monitor:
        wanted = None if certify is None else Certify(certify_gap, certify_seconds, monitor)
        solution = compilation.solve(bound, backend, time_limit, monitor, threads=threads, certify=wanted)
    if output is not None:
        solution.network.save(output)
    if history is not None:
        from reludsl.tabulation import write_table

        write_table(history, solution.history_table())
    if plot is not None:
        solution.save_plot(plot)
    if report is not None:
        from reludsl.api import report as write_report

        write_report(solution, report)
    show(solution.warnings)
    if as_json:
        print_json(solution.to_json(output))
    else:
        written = {"saved to": output, "history in": history, "plot in": plot, "report in": report}
        print_rows([*solution.rows(), *((name, path) for name, path in written.items() if path is not None)])


def _require_a_certificate(certify: str | None) -> None:
    """Limits of a certificate that nobody asked for are a slip."""
    given = click.get_current_context().get_parameter_source
    for name in ("certify_seconds", "certify_gap"):
        if certify is None and given(name) is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError(f"--{name.replace('_', '-')} needs --certify global")


def _require_one_kind_of_test(test: str | None, holdout: float) -> None:
    if test is not None and holdout:
        raise click.UsageError("give --test or --holdout, not both")


@click.command("path")
@click.argument("spec", metavar="SPEC")
@options(training_option, target_option)
@click.option(
    "--set",
    "grids",
    type=Setting(),
    multiple=True,
    help="A hyperparameter and its grid: logspace(a,b,n), linspace(a,b,n), geomspace(a,b,n) or a list [x, y]; "
    "a single value stays fixed.",
)
@options(backend_option, test_option, holdout_option)
@click.option("--folds", type=click.IntRange(2), help="Choose the best value by cross-validation with so many folds.")
@options(split_seed_option, time_limit_option, threads_option, table_option)
@click.option("--save", metavar="NETWORK", help="Where to save the best network (.npz).")
@options(json_option)
def _path(
    spec: str, grids: Any, output: str | None, save: str | None, as_json: bool, holdout: float, **options: Any
) -> None:
    """Train along a grid of hyperparameters, each solve from where the last one ended."""
    _require_one_kind_of_test(options["test"], holdout)
    if save is not None and not (options["folds"] or options["test"] or holdout):
        raise click.UsageError("--save needs a best value: give --folds, --holdout or --test to choose it")
    from reludsl.api import path
    from reludsl.progress import progress_of_many

    refuse_network_path(save)
    refuse_table_path(output)
    with progress_of_many(not as_json) as monitor_for:
        result = path(Path(spec), set=dict(grids), holdout=holdout, monitor_for=monitor_for, **options)
    best = result.best_solution if save is not None else None
    if best is not None:
        best.network.save(save or "")
    _report(result, output, as_json, result.to_json(save if best is not None else None))
    if best is not None and not as_json:
        click.echo(f"saved the best network to {save}")


@click.command("compare")
@click.argument("spec", metavar="SPEC")
@options(training_option, target_option, set_option)
@click.option("--backends", metavar="NAMES", help="Only these backends, such as admm,cvxpy.")
@options(test_option, holdout_option, split_seed_option, time_limit_option, threads_option, table_option, json_option)
def _compare(
    spec: str, overrides: Any, backends: str | None, output: str | None, as_json: bool, holdout: float, **options: Any
) -> None:
    """Solve the same program on every backend that takes it."""
    _require_one_kind_of_test(options["test"], holdout)
    from reludsl.api import compare
    from reludsl.progress import progress_of_many

    refuse_table_path(output)
    names = None if backends is None else [name.strip() for name in backends.split(",")]
    with progress_of_many(not as_json) as monitor_for:
        found = compare(
            Path(spec), set=dict(overrides), backends=names, holdout=holdout, monitor_for=monitor_for, **options
        )
    _report(found, output, as_json, found.to_json())


def _report(result: PathResult | Comparison, output: str | None, as_json: bool, found: dict[str, Any]) -> None:
    """Several solves: the table's file if one is wanted, and the result for people or for machines."""
    from reludsl.tabulation import write_table

    if output is not None:
        write_table(output, result.table())
    show(result.warnings)
    if as_json:
        print_json(found)
    else:
        click.echo(str(result))
        if output is not None:
            click.echo(f"wrote {output}")


VERBS: tuple[click.Command, ...] = (
    _solve,
    _path,
    _compare,
)

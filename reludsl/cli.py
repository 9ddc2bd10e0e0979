"""The command line: one call each into the verbs. Diagnostics go to standard error, results to standard output.

Exit codes: 0 fine; 1 the spec or the data is wrong; 2 usage; 3 the solver reached no solution; 70 our bug.
"""

from __future__ import annotations

import io
import json
import math
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reludsl.diagnostics import Diagnostic
from reludsl.mistakes import Mistakes, refuse_unwritable, write_output
from reludsl.render import as_objects, render

if TYPE_CHECKING:
    from reludsl.comparison import Comparison
    from reludsl.data.encoding import Encoding
    from reludsl.paths import PathResult

_WRONG, _NO_SOLUTION, _OUR_BUG = 1, 3, 70

_F = Callable[..., Any]


class _Settings(click.ParamType):  # type: ignore[type-arg]
    """`name=value` for a hyperparameter."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, equals, text = str(value).partition("=")
        if not equals or not name.strip() or not text.strip():
            self.fail(f"{value!r} is not of the form name=value", param, ctx)
        return name.strip(), text.strip()


class _Numbers(click.ParamType):  # type: ignore[type-arg]
    """A number, or one for each input between commas."""

    name = "NUMBER[,NUMBER...]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | list[float]:
        try:
            numbers = [float(part) for part in str(value).split(",")]
        except ValueError:
            self.fail(f"{value!r} is neither a number nor a list of numbers", param, ctx)
        return numbers[0] if len(numbers) == 1 else numbers


def _options(*options: Callable[[_F], _F]) -> Callable[[_F], _F]:
    def apply(function: _F) -> _F:
        for option in reversed(options):
            function = option(function)
        return function

    return apply


_set = click.option("--set", "overrides", type=_Settings(), multiple=True, help="Replace a hyperparameter.")
_target = click.option("--target", metavar="COLUMN", help="The target's column in the data.")
_data = click.option("--data", metavar="FILE", help="A .csv, .parquet or .npz file.")
_training = click.option("--data", metavar="FILE", required=True, help="A .csv, .parquet or .npz file to train on.")
_backend = click.option("--backend", metavar="NAME", help="The backend; otherwise the spec's, or the first that can.")
_test = click.option("--test", metavar="FILE", help="Held-out data.")
_holdout = click.option(
    "--holdout", type=click.FloatRange(0, 1, max_open=True), default=0.0, help="Share of rows to hold out."
)
_split_seed = click.option(
    "--split-seed", type=click.IntRange(0), default=0, help="Seed of the held-out rows and folds.", show_default=True
)
_time_limit = click.option("--time-limit", type=click.FloatRange(0, min_open=True), help="Seconds for each solve.")
_threads = click.option(
    "--threads", type=click.IntRange(1), help="Threads of linear algebra; otherwise OMP_NUM_THREADS, or 1."
)
_PERTURBATION = (
    click.option(
        "--norm",
        type=click.Choice(["linf", "l2", "l1"]),
        help="Of the perturbation, linf unless said otherwise.",
    ),
    click.option(
        "--radius",
        type=_Numbers(),
        help="Of the ball, in raw units, or one for each input; without it, the perturbation of the network's spec.",
    ),
    click.option("--minimum", type=_Numbers(), help="Least value of changed inputs."),
    click.option("--maximum", type=_Numbers(), help="Greatest value of changed inputs."),
)
_table = click.option("-o", "--output", metavar="TABLE", help="Where to write the table (.csv, .parquet or .json).")
_json = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")


def _print_version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    from reludsl.versions import own_version

    if wanted:
        click.echo(f"reludsl {own_version()}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Train two-layer ReLU networks to global optimality, from a small spec file."""


@cli.command("check")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@_options(_data, _target, _set, _json)
def _check(specs: tuple[str, ...], data: str | None, target: str | None, overrides: Any, as_json: bool) -> None:
    """Report everything that is wrong with specs; nothing is solved."""
    from reludsl.api import check

    reports = [check(Path(spec), data, target=target, set=dict(overrides)) for spec in specs]
    diagnostics = [diagnostic for report in reports for diagnostic in report.diagnostics]
    if as_json:
        _print_json({"ok": all(reports), "diagnostics": as_objects(diagnostics)})
    else:
        _show(diagnostics)
        mistakes = sum(diagnostic.severity == "error" for diagnostic in diagnostics)
        warnings = len(diagnostics) - mistakes
        if diagnostics:
            click.echo(err=True)
        summary = _count(mistakes, "mistake") + (f", {_count(warnings, 'warning')}" if warnings else "")
        click.echo(summary, err=bool(mistakes))
    if not all(reports):
        sys.exit(_WRONG)


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


@cli.command("explain")
@click.argument("spec", metavar="SPEC|NAME")
@_options(_data, _target, _set)
@click.option("--stage", type=click.Choice(["model", "program"]), help="Only the problem, or only the program.")
@click.option("--latex", is_flag=True, help="LaTeX instead of Unicode.")
def _explain(spec: str, data: str | None, target: str | None, overrides: Any, stage: str | None, latex: bool) -> None:
    """Explain a spec, a word of the language, or a code.

    Of a spec: its mathematics, its convex program, every default that was taken.
    """
    from reludsl.api import explain

    click.echo(explain(spec, data, target=target, set=dict(overrides), stage=stage, latex=latex))


@cli.command("compile")
@click.argument("spec", metavar="SPEC")
@click.option("--backend", metavar="NAME", help="The backend to write code for.")
@click.option("-o", "--output", metavar="FILE", help="Where to write the script; otherwise standard output.")
@_options(_set)
def _compile(spec: str, backend: str | None, output: str | None, overrides: Any) -> None:
    """Write standalone solver code for a spec."""
    from reludsl.api import compile as compile_spec

    text = compile_spec(Path(spec), backend, set=dict(overrides))
    if output is None:
        click.echo(text, nl=False)
        return
    _write(output, text)
    click.echo(f"wrote {output}; run it with: python {output} --data FILE [-o net.npz]")


def _write(path: str, text: str) -> None:
    write_output(path, lambda file: file.write(text.encode()))


@cli.command("solve")
@click.argument("spec", metavar="SPEC")
@_options(_training, _target, _set, _backend, _test, _holdout, _split_seed, _time_limit, _threads)
@click.option("-o", "--output", metavar="NETWORK", help="Where to save the network (.npz).")
@click.option("--history", metavar="TABLE", help="Where to write the history of the solve (.csv, .parquet or .json).")
@click.option("--plot", metavar="PICTURE", help="Where to draw the history of the solve (.png, .pdf or .svg).")
@_options(_json)
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
    output: str | None,
    history: str | None,
    plot: str | None,
    as_json: bool,
) -> None:
    """Train the network of a spec on data."""
    _require_one_kind_of_test(test, holdout)
    from reludsl.api import compilation_of
    from reludsl.progress import progress_display

    _refuse_network(output)
    _refuse_table(history)
    _refuse_picture(plot)
    compilation = compilation_of(Path(spec), dict(overrides))
    options = {"target": target, "test": test, "holdout": holdout, "split_seed": split_seed}
    bound = compilation.bind(data, **options)
    with progress_display(not as_json) as monitor:
        solution = compilation.solve(bound, backend, time_limit, monitor, threads=threads)
    if output is not None:
        solution.network.save(output)
    if history is not None:
        from reludsl.tabulation import write_table

        write_table(history, solution.history_table())
    if plot is not None:
        solution.save_plot(plot)
    _show(solution.warnings)
    if as_json:
        _print_json(solution.to_json(output))
    else:
        written = {"saved to": output, "history in": history, "plot in": plot}
        _print_solution([*solution.rows(), *((name, path) for name, path in written.items() if path is not None)])


def _require_one_kind_of_test(test: str | None, holdout: float) -> None:
    if test is not None and holdout:
        raise click.UsageError("give --test or --holdout, not both")


def _print_solution(rows: Iterable[tuple[str, str]]) -> None:
    for name, text in rows:
        click.echo(f"{click.style(f'{name:<18}', bold=True)} {text}", color=_colors(sys.stdout))


@cli.command("path")
@click.argument("spec", metavar="SPEC")
@_options(_training, _target)
@click.option(
    "--set",
    "grids",
    type=_Settings(),
    multiple=True,
    help="A hyperparameter and its grid: logspace(a,b,n), linspace(a,b,n), geomspace(a,b,n) or a list [x, y]; "
    "a single value stays fixed.",
)
@_options(_backend, _test, _holdout)
@click.option("--folds", type=click.IntRange(2), help="Choose the best value by cross-validation with so many folds.")
@_options(_split_seed, _time_limit, _threads, _table)
@click.option("--save", metavar="NETWORK", help="Where to save the best network (.npz).")
@_options(_json)
def _path(
    spec: str, grids: Any, output: str | None, save: str | None, as_json: bool, holdout: float, **options: Any
) -> None:
    """Train along a grid of hyperparameters, each solve from where the last one ended."""
    _require_one_kind_of_test(options["test"], holdout)
    if save is not None and not (options["folds"] or options["test"] or holdout):
        raise click.UsageError("--save needs a best value: give --folds, --holdout or --test to choose it")
    from reludsl.api import path
    from reludsl.progress import progress_of_many

    _refuse_network(save)
    _refuse_table(output)
    with progress_of_many(not as_json) as monitor_for:
        result = path(Path(spec), set=dict(grids), holdout=holdout, monitor_for=monitor_for, **options)
    best = result.best_solution if save is not None else None
    if best is not None:
        best.network.save(save or "")
    _report(result, output, as_json, result.to_json(save if best is not None else None))
    if best is not None and not as_json:
        click.echo(f"saved the best network to {save}")


@cli.command("compare")
@click.argument("spec", metavar="SPEC")
@_options(_training, _target, _set)
@click.option("--backends", metavar="NAMES", help="Only these backends, such as admm,cvxpy.")
@_options(_test, _holdout, _split_seed, _time_limit, _threads, _table, _json)
def _compare(
    spec: str, overrides: Any, backends: str | None, output: str | None, as_json: bool, holdout: float, **options: Any
) -> None:
    """Solve the same program on every backend that takes it."""
    _require_one_kind_of_test(options["test"], holdout)
    from reludsl.api import compare
    from reludsl.progress import progress_of_many

    _refuse_table(output)
    names = None if backends is None else [name.strip() for name in backends.split(",")]
    with progress_of_many(not as_json) as monitor_for:
        found = compare(
            Path(spec), set=dict(overrides), backends=names, holdout=holdout, monitor_for=monitor_for, **options
        )
    _report(found, output, as_json, found.to_json())


def _refuse_network(path: str | None) -> None:
    if path is not None:
        refuse_unwritable(path)


def _refuse_picture(path: str | None) -> None:
    from reludsl.plots import refuse_picture, require_matplotlib

    if path is not None:
        refuse_picture(path)
        try:
            require_matplotlib()
        except ImportError as missing:
            raise click.UsageError(str(missing)) from None


def _refuse_table(path: str | None) -> None:
    from reludsl.tabulation import refuse_table

    if path is not None:
        refuse_table(path)


def _report(result: PathResult | Comparison, output: str | None, as_json: bool, found: dict[str, Any]) -> None:
    """Several solves: the table's file if one is wanted, and the result for people or for machines."""
    from reludsl.tabulation import write_table

    if output is not None:
        write_table(output, result.table())
    _show(result.warnings)
    if as_json:
        _print_json(found)
    else:
        click.echo(str(result))
        if output is not None:
            click.echo(f"wrote {output}")


@cli.command("predict")
@click.argument("network", metavar="NETWORK")
@click.option("--data", metavar="FILE", required=True, help="A .csv, .parquet or .npz file.")
@click.option("--scores", is_flag=True, help="The network's outputs instead of labels.")
@click.option(
    "-o", "--output", metavar="FILE", help="Where to write the predictions (.csv); otherwise standard output."
)
@_options(_json)
def _predict(network: str, data: str, scores: bool, output: str | None, as_json: bool) -> None:
    """Predict with a saved network, one line a row.

    Several outputs are a table with a header: the target's columns, or with --scores the labels of the classes. When
    the data has the target, metrics follow on standard error.
    """
    from reludsl.api import load
    from reludsl.data.tables import read_table

    trained, table = load(network), read_table(data)
    values = trained.decision_function(table) if scores else trained.predict(table)
    metrics = None
    if trained.encoding.has_target(table):
        metrics = trained.metrics(trained.encoding.samples(table))
    if as_json:
        _print_json({"predictions": values.tolist(), "metrics": metrics})
        return
    are_labels = trained.encoding.labels is not None and not scores
    rows = [[_shown(entry, are_labels) for entry in row] for row in values.reshape(len(values), -1).tolist()]
    whole = [_header(trained.encoding, scores), *rows]
    if output is not None:
        _write(output, _as_csv(whole))
    elif values.ndim == 2:
        click.echo(_as_csv(whole), nl=False)
    else:
        click.echo("".join(f"{line}\n" for (line,) in rows), nl=False)
    if metrics is not None:
        click.echo(", ".join(f"{name} {value:.4g}" for name, value in metrics.items()), err=True)


@cli.command("attack")
@click.argument("network", metavar="NETWORK")
@click.option("--data", metavar="FILE", required=True, help="A .csv, .parquet or .npz file with the target.")
@_options(_target)
@click.option(
    "--method", type=click.Choice(["fgsm", "pgd", "exact"]), default="pgd", help="How to search.", show_default=True
)
@_options(*_PERTURBATION)
@click.option("--steps", type=click.IntRange(1), default=40, help="Of pgd.", show_default=True)
@click.option(
    "--step-size", type=click.FloatRange(0, min_open=True), help="Of pgd, in radii; otherwise 2.5 by the steps."
)
@click.option(
    "--restarts", type=click.IntRange(0), default=1, help="Of pgd, from random points besides.", show_default=True
)
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the random points.", show_default=True)
@click.option("--stop-at-mistakes", is_flag=True, help="Leave a sample alone once it is classified wrongly.")
@click.option("--time-limit", type=click.FloatRange(0, min_open=True), help="Seconds, of exact.")
@click.option("-o", "--output", metavar="FILE", help="Where to write the changed data (.csv, .parquet or .npz).")
@_options(_json)
def _attack(network: str, data: str, output: str | None, as_json: bool, **options: Any) -> None:
    """Search for the worst changes of the inputs that a saved network sees."""
    from reludsl.api import attack, load
    from reludsl.tabulation import refuse_data, write_data

    trained = load(network)
    if output is not None:
        refuse_data(output, columnar=trained.encoding.columns is not None)
    result = attack(trained, data, **options)
    if output is not None:
        write_data(output, result.data)
    if as_json:
        _print_json(result.to_json(output))
    else:
        _print_solution([*result.rows(), *((("changed data in", output),) if output is not None else ())])


@cli.command("certify")
@click.argument("network", metavar="NETWORK")
@click.option("--data", metavar="FILE", required=True, help="A .csv, .parquet or .npz file with the target.")
@_options(_target, *_PERTURBATION)
@click.option("--exact/--no-exact", default=True, help="Search for what bounds and attack leave open.")
@click.option("--time-limit", type=click.FloatRange(0, min_open=True), help="Seconds for the exact search.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the attack.", show_default=True)
@click.option("-o", "--output", metavar="TABLE", help="Where to write a row for each sample (.csv, .parquet or .json).")
@_options(_json)
def _certify(network: str, data: str, output: str | None, as_json: bool, **options: Any) -> None:
    """Prove what a saved network is worth when its inputs may change.

    Five levels, each at most as good as the one before: clean, attacked, exact, certified by linear bounds, and by
    interval bounds.
    """
    from reludsl.api import certify
    from reludsl.tabulation import write_table

    _refuse_table(output)
    result = certify(network, data, **options)
    if output is not None:
        write_table(output, result.table())
    _show(result.warnings)
    if as_json:
        _print_json(result.to_json(output))
    else:
        _print_solution([*result.rows(), *((("samples in", output),) if output is not None else ())])


def _header(encoding: Encoding, scores: bool) -> list[str]:
    """The names of the columns of predictions, or of scores."""
    if not encoding.several or (encoding.categorical and not scores):
        return [encoding.target]
    if encoding.labels is not None:
        return [_shown(label, True) for label in encoding.labels]
    return list(encoding.target_columns or (f"{encoding.target}_{k + 1}" for k in range(encoding.outputs)))


def _shown(value: str | float, is_label: bool) -> str:
    """A number in full, a label without the `.0` of a whole number."""
    return str(value).removesuffix(".0") if is_label else str(value)


def _as_csv(rows: list[list[str]]) -> str:
    import csv

    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


@cli.command("fmt")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit 1 where a file would change.")
def _fmt(specs: tuple[str, ...], only_check: bool) -> None:
    """Bring specs into the canonical layout; comments stay."""
    from reludsl.api import read_source
    from reludsl.grammar import format_spec

    diagnostics: list[Diagnostic] = []
    changed: list[str] = []
    for spec in specs:
        try:
            source = read_source(Path(spec))
            text, found = format_spec(source)
            diagnostics.extend(found)
            if text is None or text == source.text:
                continue
            if not only_check:
                _write(spec, text)
        except Mistakes as mistakes:  # of this file; the others are formatted all the same
            diagnostics.extend(mistakes.diagnostics)
            continue
        changed.append(spec)
        click.echo(f"{'would change' if only_check else 'formatted'} {spec}")
    _show(diagnostics)
    if diagnostics or (only_check and changed):
        sys.exit(_WRONG)


@cli.command("list")
@click.argument("what", metavar="WHAT", type=str)
@click.option("--matrix", is_flag=True, help="Of backends: what each of them takes, and why not the rest.")
@_options(_json)
def _list(what: str, matrix: bool, as_json: bool) -> None:
    """List what the language knows.

    WHAT is architectures, losses, regularizers, perturbations, formulations or backends.
    """
    from reludsl.choice import language

    sections = {section.plural: section for section in language().sections if section.plural}
    if what not in sections:
        raise click.BadParameter(f"choose from {', '.join(sections)}", param_hint="WHAT")
    if matrix:
        if what != "backends":
            raise click.UsageError("--matrix goes with backends: reludsl list backends --matrix")
        _list_support(as_json)
        return
    if as_json:
        _print_json([{"name": kind.name, "summary": kind.summary} for kind in sections[what].kinds])
        return
    width = max(len(kind.name) for kind in sections[what].kinds)
    for kind in sections[what].kinds:
        click.echo(f"{kind.name:<{width}}  {kind.summary}")


def _list_support(as_json: bool) -> None:
    from reludsl.support import as_object, matrix_text, support_matrix

    if as_json:
        _print_json(as_object(support_matrix()))
    else:
        click.echo(matrix_text(support_matrix()))


def _show(diagnostics: Iterable[Diagnostic]) -> None:
    text = render(diagnostics, color=_colors(sys.stderr))
    if text:
        click.echo(text, err=True, color=_colors(sys.stderr))


def _colors(stream: Any) -> bool:
    """Colours for people at a terminal, unless they said otherwise (https://no-color.org)."""
    return bool(stream.isatty()) and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def _print_json(value: Any) -> None:
    click.echo(json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False, default=str))


def _finite(value: Any) -> Any:
    """The value with null for numbers that JSON does not know."""
    match value:
        case dict():
            return {name: _finite(entry) for name, entry in value.items()}
        case list() | tuple():
            return [_finite(entry) for entry in value]
        case float() if not math.isfinite(value):
            return None
    return value


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # mathematics on a terminal that has no letters for it
    try:
        cli.main(arguments, prog_name="reludsl", standalone_mode=False)
    except Mistakes as mistakes:
        _show(mistakes.diagnostics)
        sys.exit(
            _NO_SOLUTION if any(diagnostic.code.startswith("S4") for diagnostic in mistakes.diagnostics) else _WRONG
        )
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except Exception:
        import traceback

        traceback.print_exc()
        click.echo(
            "\nThis is a bug in reludsl, not a mistake of yours. Please report it with the text above.", err=True
        )
        sys.exit(_OUR_BUG)
    sys.exit(0)

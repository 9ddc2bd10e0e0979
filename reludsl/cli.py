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
from typing import Any

import click

from reludsl.diagnostics import Diagnostic
from reludsl.mistakes import Mistakes
from reludsl.render import as_objects, render

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


def _options(*options: Callable[[_F], _F]) -> Callable[[_F], _F]:
    def apply(function: _F) -> _F:
        for option in reversed(options):
            function = option(function)
        return function

    return apply


_set = click.option("--set", "overrides", type=_Settings(), multiple=True, help="Replace a hyperparameter.")
_target = click.option("--target", metavar="COLUMN", help="The target's column in the data.")
_data = click.option("--data", metavar="FILE", help="A .csv, .parquet or .npz file.")
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
    from reludsl.files import write_atomically

    _refuse_unwritable(path)
    try:
        write_atomically(path, lambda file: file.write(text.encode()))
    except OSError as error:
        _refuse_unwritable(path, error)


def _refuse_unwritable(path: str | None, error: OSError | None = None) -> None:
    """Raises Mistakes (D330) for a path that cannot be written; asked before the work whose result goes there."""
    from reludsl.files import why_unwritable

    if path is not None and (reason := why_unwritable(path, error)) is not None:
        raise Mistakes([Diagnostic("D330", f"`{path}` cannot be written: {reason}", help="choose another path")])


@cli.command("solve")
@click.argument("spec", metavar="SPEC")
@click.option("--data", metavar="FILE", required=True, help="A .csv, .parquet or .npz file with the training data.")
@_options(_target, _set)
@click.option("--backend", metavar="NAME", help="The backend; otherwise the spec's, or the first that can.")
@click.option("--test", metavar="FILE", help="Held-out data.")
@click.option("--holdout", type=click.FloatRange(0, 1, max_open=True), default=0.0, help="Share of rows to hold out.")
@click.option("--split-seed", type=click.IntRange(0), default=0, help="Seed of the held-out rows.", show_default=True)
@click.option("--time-limit", type=click.FloatRange(0, min_open=True), help="Seconds for the solver.")
@click.option("-o", "--output", metavar="NETWORK", help="Where to save the network (.npz).")
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
    output: str | None,
    as_json: bool,
) -> None:
    """Train the network of a spec on data."""
    if test is not None and holdout:
        raise click.UsageError("give --test or --holdout, not both")
    from reludsl.api import compilation_of
    from reludsl.progress import progress_display

    _refuse_unwritable(output)
    compilation = compilation_of(Path(spec), dict(overrides))
    options = {"target": target, "test": test, "holdout": holdout, "split_seed": split_seed}
    bound = compilation.bind(data, **options)
    with progress_display(not as_json) as monitor:
        solution = compilation.solve(bound, backend, time_limit, monitor)
    if output is not None:
        solution.network.save(output)
    _show(solution.warnings)
    if as_json:
        _print_json(solution.to_json(output))
    else:
        _print_solution(solution.rows(), output)


def _print_solution(rows: list[tuple[str, str]], output: str | None) -> None:
    saved = [("saved to", output)] if output is not None else []
    for name, text in [*rows, *saved]:
        click.echo(f"{click.style(f'{name:<18}', bold=True)} {text}", color=_colors(sys.stdout))


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

    When the data has the target, metrics follow on standard error.
    """
    from reludsl.api import load
    from reludsl.data.tables import read_table

    trained, table = load(network), read_table(data)
    values = (trained.decision_function(table) if scores else trained.predict(table)).tolist()
    metrics = None
    if trained.encoding.has_target(table):
        metrics = trained.metrics(trained.encoding.samples(table))
    if as_json:
        _print_json({"predictions": values, "metrics": metrics})
    else:
        are_labels = trained.encoding.labels is not None and not scores
        shown = [f"{value:g}" if are_labels and isinstance(value, float) else str(value) for value in values]
        if output is not None:
            _write(output, _as_csv([trained.encoding.target, *shown]))
        else:
            click.echo("".join(f"{line}\n" for line in shown), nl=False)
        if metrics is not None:
            click.echo(", ".join(f"{name} {value:.4g}" for name, value in metrics.items()), err=True)


def _as_csv(lines: list[str]) -> str:
    """A table of one column."""
    import csv

    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([line] for line in lines)
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
def _list(what: str) -> None:
    """List what the language knows.

    WHAT is architectures, losses, regularizers, perturbations, formulations or backends.
    """
    from reludsl.choice import language

    sections = {section.plural: section for section in language().sections if section.plural}
    if what not in sections:
        raise click.BadParameter(f"choose from {', '.join(sections)}", param_hint="WHAT")
    width = max(len(kind.name) for kind in sections[what].kinds)
    for kind in sections[what].kinds:
        click.echo(f"{kind.name:<{width}}  {kind.summary}")


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

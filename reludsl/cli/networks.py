"""The verbs on networks: predict, attack, certify."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from reludsl.data.encoding import Encoding
from reludsl.cli.options import PERTURBATION, json_option, options, target_option
from reludsl.cli.output import print_json, print_rows, refuse_table_path, show, write


@click.command("predict")
@click.argument("network", metavar="NETWORK")
@click.option("--data", metavar="FILE", required=True, help="A .csv, .parquet or .npz file.")
@click.option("--scores", is_flag=True, help="The network's outputs instead of labels.")
@click.option(
    "-o", "--output", metavar="FILE", help="Where to write the predictions (.csv); otherwise standard output."
)
@options(json_option)
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
        print_json({"predictions": values.tolist(), "metrics": metrics})
        return
    are_labels = trained.encoding.labels is not None and not scores
    rows = [[_shown(entry, are_labels) for entry in row] for row in values.reshape(len(values), -1).tolist()]
    whole = [_header(trained.encoding, scores), *rows]
    if output is not None:
        write(output, _as_csv(whole))
    elif values.ndim == 2:
        click.echo(_as_csv(whole), nl=False)
    else:
        click.echo("".join(f"{line}\n" for (line,) in rows), nl=False)
    if metrics is not None:
        click.echo(", ".join(f"{name} {value:.4g}" for name, value in metrics.items()), err=True)


@click.command("attack")
@click.argument("network", metavar="NETWORK")
@click.option("--data", metavar="FILE", required=True, help="A .csv, .parquet or .npz file with the target.")
@options(target_option)
@click.option(
    "--method", type=click.Choice(["fgsm", "pgd", "exact"]), default="pgd", help="How to search.", show_default=True
)
@options(*PERTURBATION)
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
@options(json_option)
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
        print_json(result.to_json(output))
    else:
        print_rows([*result.rows(), *((("changed data in", output),) if output is not None else ())])


@click.command("certify")
@click.argument("network", metavar="NETWORK")
@click.option("--data", metavar="FILE", required=True, help="A .csv, .parquet or .npz file with the target.")
@options(target_option, *PERTURBATION)
@click.option("--exact/--no-exact", default=True, help="Search for what bounds and attack leave open.")
@click.option("--time-limit", type=click.FloatRange(0, min_open=True), help="Seconds for the exact search.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the attack.", show_default=True)
@click.option("-o", "--output", metavar="TABLE", help="Where to write a row for each sample (.csv, .parquet or .json).")
@options(json_option)
def _certify(network: str, data: str, output: str | None, as_json: bool, **options: Any) -> None:
    """Prove what a saved network is worth when its inputs may change.

    Five levels, each at most as good as the one before: clean, attacked, exact, certified by linear bounds, and by
    interval bounds.
    """
    from reludsl.api import certify
    from reludsl.tabulation import write_table

    refuse_table_path(output)
    result = certify(network, data, **options)
    if output is not None:
        write_table(output, result.table())
    show(result.warnings)
    if as_json:
        print_json(result.to_json(output))
    else:
        print_rows([*result.rows(), *((("samples in", output),) if output is not None else ())])


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


VERBS: tuple[click.Command, ...] = (
    _predict,
    _attack,
    _certify,
)

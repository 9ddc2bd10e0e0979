"""Options that several verbs take, and the types of their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    pass


Verb = Callable[..., Any]


class Setting(click.ParamType):  # type: ignore[type-arg]
    """`name=value` for a hyperparameter."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, equals, text = str(value).partition("=")
        if not equals or not name.strip() or not text.strip():
            self.fail(f"{value!r} is not of the form name=value", param, ctx)
        return name.strip(), text.strip()


class Numbers(click.ParamType):  # type: ignore[type-arg]
    """A number, or one for each input between commas."""

    name = "NUMBER[,NUMBER...]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | list[float]:
        try:
            numbers = [float(part) for part in str(value).split(",")]
        except ValueError:
            self.fail(f"{value!r} is neither a number nor a list of numbers", param, ctx)
        return numbers[0] if len(numbers) == 1 else numbers


def options(*options: Callable[[Verb], Verb]) -> Callable[[Verb], Verb]:
    def apply(function: Verb) -> Verb:
        for option in reversed(options):
            function = option(function)
        return function

    return apply


set_option = click.option("--set", "overrides", type=Setting(), multiple=True, help="Replace a hyperparameter.")
target_option = click.option("--target", metavar="COLUMN", help="The target's column in the data.")
data_option = click.option("--data", metavar="FILE", help="A .csv, .parquet or .npz file.")
training_option = click.option(
    "--data", metavar="FILE", required=True, help="A .csv, .parquet or .npz file to train on."
)
backend_option = click.option(
    "--backend", metavar="NAME", help="The backend; otherwise the spec's, or the first that can."
)
test_option = click.option("--test", metavar="FILE", help="Held-out data.")
holdout_option = click.option(
    "--holdout", type=click.FloatRange(0, 1, max_open=True), default=0.0, help="Share of rows to hold out."
)
split_seed_option = click.option(
    "--split-seed", type=click.IntRange(0), default=0, help="Seed of the held-out rows and folds.", show_default=True
)
time_limit_option = click.option(
    "--time-limit", type=click.FloatRange(0, min_open=True), help="Seconds for each solve."
)
threads_option = click.option(
    "--threads", type=click.IntRange(1), help="Threads of linear algebra; otherwise OMP_NUM_THREADS, or 1."
)
PERTURBATION = (
    click.option(
        "--norm",
        type=click.Choice(["linf", "l2", "l1"]),
        help="Of the perturbation, linf unless said otherwise.",
    ),
    click.option(
        "--radius",
        type=Numbers(),
        help="Of the ball, in raw units, or one for each input; without it, the perturbation of the network's spec.",
    ),
    click.option("--minimum", type=Numbers(), help="Least value of changed inputs."),
    click.option("--maximum", type=Numbers(), help="Greatest value of changed inputs."),
)
table_option = click.option(
    "-o", "--output", metavar="TABLE", help="Where to write the table (.csv, .parquet or .json)."
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")

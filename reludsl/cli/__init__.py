"""The command line: one call each into the verbs. Diagnostics go to standard error, results to standard output.

Exit codes: 0 fine; 1 the spec or the data is wrong; 2 usage; 3 the solver reached no solution; 70 our bug.
"""

from __future__ import annotations

import io
import sys

import click

from reludsl.cli import networks, specs, training
from reludsl.cli.output import NO_SOLUTION, OUR_BUG, WRONG, show
from reludsl.mistakes import Mistakes

__all__ = ["cli", "main"]


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


for verb in (*specs.VERBS, *training.VERBS, *networks.VERBS):
    cli.add_command(verb)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # mathematics on a terminal that has no letters for it
    try:
        cli.main(arguments, prog_name="reludsl", standalone_mode=False)
    except Mistakes as mistakes:
        show(mistakes.diagnostics)
        sys.exit(NO_SOLUTION if any(diagnostic.code.startswith("S4") for diagnostic in mistakes.diagnostics) else WRONG)
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
        sys.exit(OUR_BUG)
    sys.exit(0)

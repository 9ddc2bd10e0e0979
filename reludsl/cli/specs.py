"""The verbs on specs and on the language: check, explain, compile, fmt, list."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reludsl.diagnostics import Diagnostic
from reludsl.mistakes import Mistakes
from reludsl.render import as_objects

if TYPE_CHECKING:
    pass
from reludsl.cli.options import data_option, json_option, options, set_option, target_option
from reludsl.cli.output import WRONG, print_json, show, write


@click.command("check")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@options(data_option, target_option, set_option, json_option)
def _check(specs: tuple[str, ...], data: str | None, target: str | None, overrides: Any, as_json: bool) -> None:
    """Report everything that is wrong with specs; nothing is solved."""
    from reludsl.api import check

    reports = [check(Path(spec), data, target=target, set=dict(overrides)) for spec in specs]
    diagnostics = [diagnostic for report in reports for diagnostic in report.diagnostics]
    if as_json:
        print_json({"ok": all(reports), "diagnostics": as_objects(diagnostics)})
    else:
        show(diagnostics)
        mistakes = sum(diagnostic.severity == "error" for diagnostic in diagnostics)
        warnings = len(diagnostics) - mistakes
        if diagnostics:
            click.echo(err=True)
        summary = _count(mistakes, "mistake") + (f", {_count(warnings, 'warning')}" if warnings else "")
        click.echo(summary, err=bool(mistakes))
    if not all(reports):
        sys.exit(WRONG)


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


@click.command("explain")
@click.argument("spec", metavar="SPEC|NAME")
@options(data_option, target_option, set_option)
@click.option("--stage", type=click.Choice(["model", "program"]), help="Only the problem, or only the program.")
@click.option("--latex", is_flag=True, help="LaTeX instead of Unicode.")
def _explain(spec: str, data: str | None, target: str | None, overrides: Any, stage: str | None, latex: bool) -> None:
    """Explain a spec, a word of the language, or a code.

    Of a spec: its mathematics, its convex program, every default that was taken.
    """
    from reludsl.api import explain

    click.echo(explain(spec, data, target=target, set=dict(overrides), stage=stage, latex=latex))


@click.command("compile")
@click.argument("spec", metavar="SPEC")
@click.option("--backend", metavar="NAME", help="The backend to write code for.")
@click.option("-o", "--output", metavar="FILE", help="Where to write the script; otherwise standard output.")
@options(set_option)
def _compile(spec: str, backend: str | None, output: str | None, overrides: Any) -> None:
    """Write standalone solver code for a spec."""
    from reludsl.api import compile as compile_spec

    text = compile_spec(Path(spec), backend, set=dict(overrides))
    if output is None:
        click.echo(text, nl=False)
        return
    write(output, text)
    click.echo(f"wrote {output}; run it with: python {output} --data FILE [-o net.npz]")


@click.command("fmt")
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
                write(spec, text)
        except Mistakes as mistakes:  # of this file; the others are formatted all the same
            diagnostics.extend(mistakes.diagnostics)
            continue
        changed.append(spec)
        click.echo(f"{'would change' if only_check else 'formatted'} {spec}")
    show(diagnostics)
    if diagnostics or (only_check and changed):
        sys.exit(WRONG)


@click.command("list")
@click.argument("what", metavar="WHAT", type=str)
@click.option("--matrix", is_flag=True, help="Of backends: what each of them takes, and why not the rest.")
@options(json_option)
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
        print_json([{"name": kind.name, "summary": kind.summary} for kind in sections[what].kinds])
        return
    width = max(len(kind.name) for kind in sections[what].kinds)
    for kind in sections[what].kinds:
        click.echo(f"{kind.name:<{width}}  {kind.summary}")


def _list_support(as_json: bool) -> None:
    from reludsl.support import as_object, matrix_text, support_matrix

    if as_json:
        print_json(as_object(support_matrix()))
    else:
        click.echo(matrix_text(support_matrix()))


VERBS: tuple[click.Command, ...] = (
    _check,
    _explain,
    _compile,
    _fmt,
    _list,
)

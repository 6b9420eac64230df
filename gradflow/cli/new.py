"""gradflow new: list the starter configs, or write one."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from gradflow.cli.options import Quiet, Replace
from gradflow.cli.output import emit, emit_page, note
from gradflow.report.page import Column, Command, Page, Table
from gradflow.starters import is_script, starter_for, starter_names, starter_purpose, starter_text
from gradflow.store import write_output

Template = Annotated[str | None, typer.Argument(metavar="TEMPLATE", help="The name of a starter config.")]
OutFile = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it to a new file.")
]


def new(
    template: Template = None, output: OutFile = None, force: Replace = False, quiet: Quiet = False
) -> None:
    """List the starter configs, or write one: to stdout, or a new file.

    \b
    Examples:
      gradflow new
      gradflow new quickstart -o quickstart.yaml
    """
    if template is None:
        emit_page(starters_page())
    elif output is None:
        emit(starter_text(template))
    else:
        write_output(output, starter_for(template, output), force=force)
        note(f"next: {next_step(template, output)}", quiet)


def next_step(template: str, output: Path) -> str:
    """What to do with a starter."""
    if is_script(template):
        return f"record norms with it, as {output} says at its top, then gradflow fit the file that it wrote"
    return shlex.join(["gradflow", "run", str(output)])


def starters_page() -> Page:
    """A line for each starter config."""
    rows = tuple((name, starter_purpose(name)) for name in starter_names())
    columns = (Column("template", False), Column("what it studies", False))
    return Page(
        "Starter configs", (Table(columns, rows), Command("gradflow new quickstart -o quickstart.yaml"))
    )

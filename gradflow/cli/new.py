"""gradflow new: list the starter configs, or write one."""

from __future__ import annotations

import shlex
from pathlib import Path

from gradflow.cli.output import emit, emit_page, note
from gradflow.report.page import Column, Command, Page, Table
from gradflow.starters import (
    is_notebook,
    is_script,
    starter_for,
    starter_names,
    starter_purpose,
    starter_text,
)
from gradflow.store import write_output


def print_starter(name: str) -> None:
    """A starter's text."""
    emit(starter_text(name))


def write_starter(name: str, output: Path, force: bool, quiet: bool) -> None:
    """A new file of a starter, and what to do with it."""
    write_output(output, starter_for(name, output), force=force)
    note(f"next: {next_step(name, output)}", quiet)


def next_step(template: str, output: Path) -> str:
    """What to do with a starter."""
    if is_notebook(template):
        return f"run it cell by cell in VS Code, or in Jupyter with jupytext; or all of it: python {output}"
    if is_script(template):
        return f"record norms with it, as {output} says at its top, then gradflow fit the file that it wrote"
    return shlex.join(["gradflow", "run", str(output)])


def print_starters() -> None:
    """A line for each starter config."""
    rows = tuple((name, starter_purpose(name)) for name in starter_names())
    columns = (Column("template", False), Column("what it studies", False))
    next = Command("gradflow new quickstart -o quickstart.yaml")
    emit_page(Page("Starter configs", (Table(columns, rows), next)))

"""gradflow new: list the starter configs, or write one; list every key."""

from __future__ import annotations

import shlex
from pathlib import Path

from gradflow.analysis.commands import operand
from gradflow.cli.output import emit, emit_page
from gradflow.cli.tables import emit_table
from gradflow.errors import refuse_unused
from gradflow.report.page import Column, Command, Page, Table
from gradflow.starters import (
    SCHEMA,
    is_notebook,
    is_script,
    starter_for,
    starter_names,
    starter_purpose,
    starter_text,
    without_schema,
)
from gradflow.store import is_written, require_output, write_output
from gradflow.telling.lines import note


def print_keys(json: bool, csv: bool, md: bool) -> None:
    """Every key of a config."""
    from gradflow.report.keys_page import keys_document, keys_page  # loads the config's models

    emit_table(keys_document, lambda room: keys_page(), json, csv, md)


def print_starter(name: str) -> None:
    """A starter's text."""
    emit(without_schema(starter_text(name)))


def write_starter(name: str, output: Path, schema: bool, force: bool, quiet: bool) -> None:
    """A new file of a starter, and what to do with it."""
    beside = output.parent / SCHEMA
    text = starter_for(name, output, schema or beside.is_file())
    require_output(output, force=force)
    if schema:
        refuse_unused(f"{name} is no config", schema=is_script(name))
        _write_schema(beside, force)
    write_output(output, text, force=force)
    note(f"next: {next_step(name, output)}", quiet)


def _write_schema(path: Path, force: bool) -> None:
    """The schema, where it is not there yet as it is."""
    from gradflow.cli.schema import schema_text  # loads the config's models

    text = schema_text()
    if not is_written(path, text):
        write_output(path, text, force=force)


def next_step(template: str, output: Path) -> str:
    """What to do with a starter."""
    if is_notebook(template):
        return f"run it cell by cell in VS Code, or in Jupyter with jupytext; or all of it: python {output}"
    if is_script(template):
        return f"record norms with it, as {output} says at its top, then gradflow fit the file that it wrote"
    return shlex.join(["gradflow", "run", operand(output)])


def print_starters() -> None:
    """A line for each starter config."""
    rows = tuple((name, starter_purpose(name)) for name in starter_names())
    columns = (Column("template", False), Column("what it studies", False))
    next = Command("gradflow new quickstart -o quickstart.yaml")
    emit_page(Page("Starter configs", (Table(columns, rows), next)))

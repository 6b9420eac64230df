"""gradflow schema: the JSON Schema of a config, for editors and other tools."""

from __future__ import annotations

from pathlib import Path

from gradflow.cli.output import document_text, emit
from gradflow.config.json_schema import config_schema
from gradflow.store import write_output

LEVELS = 4  # of what is indented: a line for each key


def schema_text() -> str:
    """The schema as it is printed and written."""
    return document_text(config_schema(), LEVELS)


def print_schema() -> None:
    """To stdout."""
    emit(schema_text())


def write_schema(output: Path, force: bool) -> None:
    """To a file."""
    write_output(output, schema_text(), force=force)

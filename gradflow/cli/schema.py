"""gradflow schema: the JSON Schema of a config, for editors and other tools."""

from __future__ import annotations

from gradflow.cli.output import document_text
from gradflow.config.json_schema import config_schema

LEVELS = 4  # of what is indented: a line for each key


def schema_text() -> str:
    """The schema as it is printed and written."""
    return document_text(config_schema(), LEVELS)

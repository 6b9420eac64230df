"""A table on stdout in the form that was asked for: a page, one JSON document, CSV or markdown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gradflow.cli.output import emit, emit_document, emit_page, look_of_stdout
from gradflow.errors import InputError
from gradflow.report.csv_text import csv_of

if TYPE_CHECKING:
    from gradflow.report.page import Page

Csv = Annotated[bool, typer.Option("--csv", help="The table as CSV, with every number in full.")]
Md = Annotated[bool, typer.Option("--md", help="The page as markdown.")]


def emit_table(
    document: Callable[[], dict[str, Any]],
    page: Callable[[int | None], Page],
    json: bool,
    csv: bool,
    md: bool,
) -> None:
    """The document, its `rows` as CSV, or the page for lines of so many characters, None without limit."""
    refuse_several(json, csv, md)
    if json:
        emit_document(document())
    elif csv:
        emit(csv_of(document()["rows"]))
    elif md:
        from gradflow.report.markdown import render  # a document does without pages

        emit(render(page(None)))
    else:
        look = look_of_stdout()
        emit_page(page(look.columns if look.wrap else None))


def refuse_several(json: bool, csv: bool, md: bool) -> None:
    """InputError if a table is asked for in several forms."""
    if json + csv + md > 1:
        raise InputError("--json, --csv and --md exclude each other: give one")

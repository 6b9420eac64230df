"""gradflow export: saved runs as tidy tables for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradflow.cli.options import RUNS, Quiet, Replace, RunsDir
from gradflow.cli.output import note
from gradflow.cli.report import References, named_runs
from gradflow.cli.tables import refuse_unused
from gradflow.errors import InputError, did_you_mean
from gradflow.report.csv_text import csv_text
from gradflow.store import Run, require_output, write_output
from gradflow.store.export import (
    Columns,
    chosen,
    evaluations_table,
    json_text,
    layers_table,
    lists,
    make_folder,
    parquet_bytes,
    runs_table,
    write_tensorboard,
)

FORMATS = ("csv", "json", "parquet", "tensorboard")
TABLES = ("runs", "layers", "evaluations")

Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="FILE|DIR", help="A folder for all tables, or a file for one of them."
    ),
]
To = Annotated[
    str | None,
    typer.Option(metavar="FORMAT", help="csv, json, parquet or tensorboard; else by the file's name."),
]
Rows = Annotated[
    str | None, typer.Option(help="Rows of the record: first,last (the default), first, last or all.")
]
OneTable = Annotated[
    str | None,
    typer.Option(
        "--table", help="The table of a csv or parquet file: layers (the default), runs or evaluations."
    ),
]


def export(
    references: References, output: Output, to: To = None, rows: Rows = None, table: OneTable = None,
    force: Replace = False, runs_dir: RunsDir = RUNS, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Export runs as tidy tables.

    There are three: runs, a line a run with its config; layers, a line for each row, seed and layer; and
    evaluations, a line for each evaluation and seed, both with the keys in which the runs differ. A file
    that is there already is replaced with --force alone.

    \b
    Examples:
      gradflow export @1 -o norms.csv
      gradflow export 'tanh-*' -o tables --to parquet --rows all
      gradflow export @1 -o events --to tensorboard
    """
    form = known("--to", to or output.suffix[1:] or "csv", FORMATS)
    which = known("--table", table or "layers", TABLES)
    if form in ("json", "tensorboard") or not output.suffix:
        refuse_unused("only a csv or parquet file holds one table", table=table)
    elif which == "runs":
        refuse_unused("the table of runs has no rows of the record", rows=rows)
    runs = named_runs(references, runs_dir)
    if form == "tensorboard":
        to_tensorboard(output, runs, rows or "all", force)
    else:
        to_tables(output, runs, rows or "first,last", form, which, force)
    note(f"wrote {output}", quiet)


def known(option: str, word: str, words: tuple[str, ...]) -> str:
    """The word. InputError if it is none of the words."""
    if word not in words:
        raise InputError(f"{option} {word}: there are {', '.join(words)}{did_you_mean(word, words)}")
    return word


def to_tensorboard(output: Path, runs: list[Run], rows: str, force: bool) -> None:
    """Event files in a folder."""
    chosen(1, rows)
    make_folder(output)
    write_tensorboard(output, runs, rows, force=force)


def to_tables(output: Path, runs: list[Run], rows: str, form: str, table: str, force: bool) -> None:
    """All tables in a folder or a JSON file, or one in a file of its own."""
    tables = {
        "runs": runs_table(runs),
        "layers": layers_table(runs, rows),
        "evaluations": evaluations_table(runs),
    }
    if form == "json":
        write_output(output, json_text(tables), force=force)
        return
    files = {output: tables[table]} if output.suffix else {}
    if not output.suffix:
        make_folder(output)
        files = {output / f"{name}.{form}": columns for name, columns in tables.items()}
    for path in files:
        require_output(path, force=force)  # all of them, before the first is written
    for path, columns in files.items():
        write_output(path, table_content(columns, form), force=force)


def table_content(columns: Columns, form: str) -> str | bytes:
    """One table as CSV or Parquet."""
    if form == "parquet":
        return parquet_bytes(columns)
    return csv_text(list(columns), zip(*lists(columns), strict=True))

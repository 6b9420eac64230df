"""gradflow export: saved runs as tidy tables for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradflow.cli.options import RUNS, Quiet, RunsDir
from gradflow.cli.output import note
from gradflow.cli.report import References, named_runs
from gradflow.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from gradflow.store import Run
    from gradflow.store.export import Columns

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
    str, typer.Option("--table", help="The table of a csv or parquet file: layers, runs or evaluations.")
]


def export(
    references: References, output: Output, to: To = None, rows: Rows = None, table: OneTable = "layers",
    runs_dir: RunsDir = RUNS, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Export runs as tidy tables.

    There are three: runs, a line a run with its config; layers, a line for each row, seed and layer; and
    evaluations, a line for each evaluation and seed, both with the keys in which the runs differ.

    \b
    Examples:
      gradflow export @1 -o norms.csv
      gradflow export 'tanh-*' -o tables --to parquet --rows all
      gradflow export @1 -o events --to tensorboard
    """
    form = known("--to", to or output.suffix[1:] or "csv", FORMATS)
    runs, which = named_runs(references, runs_dir), known("--table", table, TABLES)
    if form == "tensorboard":
        to_tensorboard(output, runs, rows or "all")
    else:
        to_tables(output, runs, rows or "first,last", form, which)
    note(f"wrote {output}", quiet)


def known(option: str, word: str, words: tuple[str, ...]) -> str:
    """The word. InputError if it is none of the words."""
    if word not in words:
        raise InputError(f"{option} {word}: there are {', '.join(words)}{did_you_mean(word, words)}")
    return word


def to_tensorboard(output: Path, runs: list[Run], rows: str) -> None:
    """Event files in a folder."""
    from gradflow.store.export import chosen, make_folder, write_tensorboard

    chosen(1, rows)
    make_folder(output)
    write_tensorboard(output, runs, rows)


def to_tables(output: Path, runs: list[Run], rows: str, form: str, table: str) -> None:
    """All tables in a folder or a JSON file, or one in a file of its own."""
    from gradflow.store import write_output
    from gradflow.store.export import evaluations_table, json_text, layers_table, make_folder, runs_table

    tables = {
        "runs": runs_table(runs),
        "layers": layers_table(runs, rows),
        "evaluations": evaluations_table(runs),
    }
    if form == "json":
        write_output(output, json_text(tables))
    elif output.suffix:
        write_table(output, tables[table], form)
    else:
        make_folder(output)
        for name, columns in tables.items():
            write_table(output / f"{name}.{form}", columns, form)


def write_table(path: Path, columns: Columns, form: str) -> None:
    """One table as CSV or Parquet."""
    from gradflow.report.csv_text import csv_text
    from gradflow.store import write_output
    from gradflow.store.export import lists, write_parquet

    if form == "parquet":
        write_parquet(path, columns)
    else:
        write_output(path, csv_text(list(columns), zip(*lists(columns), strict=True)))

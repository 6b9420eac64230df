"""gradflow export: saved runs as tidy tables for other tools."""

from __future__ import annotations

from pathlib import Path

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


def known(option: str, word: str, words: tuple[str, ...]) -> str:
    """The word. InputError if it is none of the words."""
    if word not in words:
        raise InputError(f"{option} {word}: there are {', '.join(words)}{did_you_mean(word, words)}")
    return word


def export_runs(runs: list[Run], output: Path, rows: str | None, form: str, table: str, force: bool) -> None:
    """Runs in one of FORMATS."""
    if form == "tensorboard":
        to_tensorboard(output, runs, rows or "all", force)
    else:
        to_tables(output, runs, rows or "first,last", form, table, force)


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

"""gradflow export: saved runs as tidy tables for other tools."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gradflow.errors import InputError, did_you_mean
from gradflow.report.csv_text import csv_text
from gradflow.report.several import in_order
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
    steps_table,
    write_tensorboard,
)

FORMATS = ("csv", "json", "parquet", "tensorboard")
TABLES = ("runs", "layers", "steps", "evaluations")


def known(option: str, word: str, words: tuple[str, ...]) -> str:
    """The word. InputError if it is none of the words."""
    if word not in words:
        raise InputError(f"{option} {word}: there are {', '.join(words)}{did_you_mean(word, words)}")
    return word


def export_runs(
    runs: list[Run], output: Path, rows: str | None, form: str, table: str, losses: list[float], force: bool
) -> None:
    """Runs in one of FORMATS, in the order of what differs, whichever ended first."""
    runs = in_order(runs)
    if form == "tensorboard":
        to_tensorboard(output, runs, rows or "all", force)
    else:
        tables: dict[str, Callable[[], Columns]] = {
            "runs": lambda: runs_table(runs, losses),
            "layers": lambda: layers_table(runs, rows or "first,last"),
            "steps": lambda: steps_table(runs, rows or "all"),
            "evaluations": lambda: evaluations_table(runs),
        }
        one = form != "json" and output.suffix != ""
        made = {name: make() for name, make in tables.items() if not one or name == table}
        to_tables(output, made, form, force)


def to_tensorboard(output: Path, runs: list[Run], rows: str, force: bool) -> None:
    """Event files in a folder."""
    for run in runs:
        chosen(run.recording.get("step", ()), rows)  # refused before the folder is made
    make_folder(output)
    write_tensorboard(output, runs, rows, force=force)


def to_tables(output: Path, tables: dict[str, Columns], form: str, force: bool) -> None:
    """Tables in a folder or a JSON file, or the one that there is in a file of its own."""
    if form == "json":
        write_output(output, json_text(tables), force=force)
        return
    if not output.suffix:
        make_folder(output)
    files = {
        output if output.suffix else output / f"{name}.{form}": columns for name, columns in tables.items()
    }
    for path in files:
        require_output(path, force=force)  # all of them, before the first is written
    for path, columns in files.items():
        write_output(path, table_content(columns, form), force=force)


def table_content(columns: Columns, form: str) -> str | bytes:
    """One table as CSV or Parquet."""
    if form == "parquet":
        return parquet_bytes(columns)
    return csv_text(list(columns), zip(*lists(columns), strict=True))

"""gradflow export: saved runs as tidy tables for other tools, or in trackers of experiments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gradflow.analysis.steps import row_at
from gradflow.errors import InputError, did_you_mean, refuse_unused
from gradflow.report.csv_text import csv_text
from gradflow.report.numbers import counted
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
from gradflow.store.named import named_runs
from gradflow.store.sinks import SINKS, hand_over
from gradflow.telling.lines import note, noting

TRACKERS = tuple(SINKS)
OWN_FORMATS = ("csv", "json", "parquet", "tensorboard")
FORMATS = (*OWN_FORMATS, *TRACKERS)
TABLES = ("runs", "layers", "steps", "evaluations")


@dataclass(frozen=True)
class TableForm:
    """What is written, where: one of FORMATS, and of several tables which stands in a file of its own."""

    output: Path
    name: str
    table: str

    @property
    def tables(self) -> tuple[str, ...]:
        """Those that are written; TensorBoard's curves are no table."""
        if self.name == "tensorboard":
            return ()
        return TABLES if self.name == "json" or not self.output.suffix else (self.table,)


def tables_form(
    output: Path | None,
    to: str | None,
    table: str | None,
    reach: list[float] | None,
    rows: str | None,
    step: str | None,
) -> TableForm:
    """The form that was asked for. InputError for options that are of no use in it."""
    if output is None:
        raise InputError("name a file or a folder with -o")
    form = known("--to", to or output.suffix[1:] or "csv", FORMATS if to else OWN_FORMATS)
    which = known("--table", table or "layers", TABLES)
    if form in ("json", "tensorboard") or not output.suffix:
        refuse_unused("only a csv or parquet file holds one table", table=table)
    elif which == "runs":
        refuse_unused("the table of runs has no rows of the record", rows=rows, step=step)
    elif which == "evaluations":
        refuse_unused("evaluations have steps of their own", rows=rows, step=step)
    if form == "tensorboard" or (form != "json" and output.suffix and which != "runs"):
        refuse_unused("it is a column of the table of runs", reach=reach)
    return TableForm(output, form, which)


def exported(
    references: list[str], runs_dir: Path, where: str | None, step: str | None, quiet: bool
) -> list[Run]:
    """The named runs. InputError for a `step` that is none, or that one of them has not recorded."""
    runs = named_runs(references, runs_dir, where, noting(quiet))
    for run in runs:
        if step is not None and run.recording:
            row_at(run["step"], step)  # by the option that was typed; tables call it --rows
    return runs


def tracked(runs: list[Run], to: str, output: Path | None, project: str, rows: str, force: bool) -> str:
    """Hand runs over to a tracker; where they are then."""
    require_rows(runs, rows)  # before the tracker takes away what it has of them
    sink = SINKS[to](output, project)
    hand_over(sink, runs, rows, force=force)
    return f"{counted(len(runs), 'run')} in {sink.place}, as {project}"


def known(option: str, word: str, words: tuple[str, ...]) -> str:
    """The word. InputError if it is none of the words."""
    if word not in words:
        raise InputError(f"{option} {word}: there are {', '.join(words)}{did_you_mean(word, words)}")
    return word


def export_runs(
    runs: list[Run], form: TableForm, rows: str | None, losses: list[float], force: bool, quiet: bool
) -> None:
    """Runs as tables, or as TensorBoard's events, in the order of what differs, whichever ended first."""
    runs, output = in_order(runs), form.output
    failed = without_rows(runs, form)
    if form.name == "tensorboard":
        to_tensorboard(output, runs, rows or "all", force)
    else:
        tables: dict[str, Callable[[], Columns]] = {
            "runs": lambda: runs_table(runs, losses),
            "layers": lambda: layers_table(runs, rows or "first,last"),
            "steps": lambda: steps_table(runs, rows or "all"),
            "evaluations": lambda: evaluations_table(runs),
        }
        to_tables(output, {name: tables[name]() for name in form.tables}, form.name, force)
    note(f"wrote {output}", quiet)
    if failed:
        where = "rows in the table of runs alone" if "runs" in form.tables else "no rows"
        told = f"{len(failed)} of {counted(len(runs), 'run')} failed and have {where}"
        note(f"{told}: the first is {failed[0]}", quiet)


def without_rows(runs: list[Run], form: TableForm) -> list[str]:
    """The ids of those that failed, if what is written has rows of the record.

    InputError, with the reason, if it has nothing else and all failed.
    """
    failed = [run for run in runs if run.status == "failed"]
    if "runs" not in form.tables and failed and len(failed) == len(runs):
        _ = failed[0]["step"]
    return [] if form.tables == ("runs",) else [run.id for run in failed]


def require_rows(runs: list[Run], rows: str) -> None:
    """InputError for rows that are none, or that one of the runs has not recorded."""
    for run in runs:
        if run.recording:
            chosen(run["step"], rows)


def to_tensorboard(output: Path, runs: list[Run], rows: str, force: bool) -> None:
    """Event files in a folder."""
    require_rows(runs, rows)  # before the folder is made
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

"""gradflow ls: runs and sweeps, a line each, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gradflow.cli.options import RUNS, Json, Quiet, RunsDir
from gradflow.cli.tables import Csv, Md, emit_table, warn
from gradflow.errors import InputError, Problem
from gradflow.report.listing import line_of, ls_page, unfinished_line
from gradflow.store import Entry, scan
from gradflow.store.partial import unfinished
from gradflow.store.rows import read_rows

Folder = Annotated[
    Path | None,
    typer.Argument(metavar="DIR", help="A folder of runs, or a sweep's; --runs-dir if not given."),
]


def ls(
    folder: Folder = None, runs_dir: RunsDir = RUNS, json: Json = False, csv: Csv = False, md: Md = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """List runs and sweeps, newest first.

    Above them stand those that are running or were interrupted.

    \b
    Examples:
      gradflow ls
      gradflow ls runs/depth-init-relu-0123abcd --csv
    """
    place = folder or runs_dir
    refuse_missing(place)
    lines, damaged = listed(scan(place))
    lines = [unfinished_line(place / id, running) for id, running in unfinished(place).items()] + lines
    warn(damaged, quiet)
    emit_table(
        lambda: {"rows": lines, "damaged": damaged},
        lambda room: ls_page(lines, str(place), room),
        json,
        csv,
        md,
    )


def refuse_missing(place: Path) -> None:
    """InputError for a folder that does not exist; `runs` itself comes with the first run."""
    if place != RUNS and not place.exists():
        message = "does not exist: name a folder of runs"
        raise InputError(Problem(message, source=str(place)))


def listed(entries: Sequence[Entry]) -> tuple[list[dict[str, Any]], list[str]]:
    """The lines of what is whole, and what is wrong with the rest."""
    lines, damaged = [], []
    for entry in entries:
        rows, problems = read_rows([entry])
        damaged += problems
        if rows or entry.is_sweep:
            lines.append(line_of(entry, rows))
    return lines, damaged

"""gradflow ls: runs and sweeps, a line each, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradflow.cli.options import RUNS
from gradflow.cli.tables import emit_table, warn
from gradflow.errors import InputError, Problem
from gradflow.report.listing import line_of, ls_page, unfinished_line
from gradflow.store import Entry, scan
from gradflow.store.partial import unfinished
from gradflow.store.rows import read_rows


def refuse_missing(place: Path) -> None:
    """InputError for a folder that does not exist; `runs` itself comes with the first run."""
    if place != RUNS and not place.exists():
        message = "does not exist: name a folder of runs"
        raise InputError(Problem(message, source=str(place)))


def lines_of(place: Path, quiet: bool) -> tuple[list[dict[str, Any]], list[str]]:
    """The lines of a folder, what is unfinished above, and what is wrong with what is damaged."""
    lines, damaged = listed(scan(place))
    lines = [unfinished_line(place / id, running) for id, running in unfinished(place).items()] + lines
    warn(damaged, quiet)
    return lines, damaged


def print_lines(
    place: Path, lines: list[dict[str, Any]], damaged: list[str], json: bool, csv: bool, md: bool
) -> None:
    """The lines of a folder as a table, or their document."""
    document = {"rows": lines, "damaged": damaged}
    emit_table(lambda: document, lambda room: ls_page(lines, str(place), room), json, csv, md)


def listed(entries: Sequence[Entry]) -> tuple[list[dict[str, Any]], list[str]]:
    """The lines of what is whole, and what is wrong with the rest."""
    lines, damaged = [], []
    for entry in entries:
        rows, problems = read_rows([entry])
        damaged += problems
        if rows or entry.is_sweep:
            lines.append(line_of(entry, rows))
    return lines, damaged

"""gradflow ls: runs and sweeps, a line each, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import join
from typing import Any

from gradflow.analysis.commands import operand
from gradflow.analysis.compare import Row, comparable, fulfilling, is_ranked, names_of, ranks
from gradflow.analysis.differences import full_name
from gradflow.cli.tables import emit_table
from gradflow.errors import InputError, refused
from gradflow.report.listing import line_of, ls_page, unfinished_line
from gradflow.runs_folder import RUNS, no_file
from gradflow.store import Entry, scan
from gradflow.store.names import RUN, holds
from gradflow.store.partial import unfinished
from gradflow.store.rows import read_rows
from gradflow.telling.lines import warn

Listed = tuple[Entry, list[Row]]


def refuse_other(place: Path) -> None:
    """InputError for what is no folder of runs, but for `runs` itself, which comes with the first run."""
    if holds(no_file(place), RUN) and not scan(place):
        raise refused(f"is a run: {join(['gradflow', 'show', operand(place)])} shows it", source=str(place))
    if place != RUNS and not place.exists():
        raise refused("does not exist: name a folder of runs", source=str(place))


def lines_of(
    place: Path, quiet: bool, where: str | None, sort: str | None, top: int | None
) -> tuple[list[dict[str, Any]], list[str]]:
    """The lines of a folder, what is unfinished above, and what is wrong with what is damaged.

    Of what is unfinished nothing is known: it fulfils no condition, and comes last in an order.
    """
    if top is not None and top < 1:
        raise InputError("--top takes a number from 1 on")
    found, damaged = listed(scan(place))
    lines = [line_of(entry, rows) for entry, rows in in_order(fulfilling_of(found, where), sort)]
    begun = [unfinished_line(place / id, running) for id, running in unfinished(place).items()]
    begun = begun if where is None else []
    lines = lines + begun if sort else begun + lines
    warn(damaged, quiet)
    return lines[:top], damaged


def print_lines(
    place: Path, lines: list[dict[str, Any]], damaged: list[str], json: bool, csv: bool, md: bool
) -> None:
    """The lines of a folder as a table, or their document."""
    document = {"rows": lines, "damaged": damaged}
    emit_table(lambda: document, lambda room: ls_page(lines, str(place), room), json, csv, md)


def listed(entries: Sequence[Entry]) -> tuple[list[Listed], list[str]]:
    """What is whole with its rows, and what is wrong with the rest."""
    found, damaged = [], []
    for entry in entries:
        rows, problems = read_rows([entry])
        damaged += problems
        if entry.is_sweep and entry.noted[1]:
            damaged.append(entry.noted[1])
        if rows or entry.is_sweep:
            found.append((entry, rows))
    return found, damaged


def fulfilling_of(found: list[Listed], where: str | None) -> list[Listed]:
    """The runs that fulfil a condition, and sweeps with those of their points that do."""
    if where is None:
        return found
    kept = {id(row) for row in fulfilling([row for _, rows in found for row in rows], where)}
    left = [(entry, [row for row in rows if id(row) in kept]) for entry, rows in found]
    return [(entry, rows) for entry, rows in left if rows]


def in_order(found: list[Listed], sort: str | None) -> list[Listed]:
    """By a value, which "-" turns round; a sweep has that of the point that comes first."""
    if sort is None or not found:
        return found
    down = sort.startswith("-")
    name = full_name(sort.removeprefix("-"), names_of(row for _, rows in found for row in rows))
    first = max if down else min
    told = [[row[name] for row in rows if is_ranked(row, name)] for _, rows in found]
    values = [first(of, key=comparable, default=None) for of in told]
    return [found[i] for i in ranks(values, [value is None for value in values], down)]

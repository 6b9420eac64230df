"""Runs as the rows of a comparison, read by the thousand: of summary.json only what a row needs."""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gradflow.analysis.compare import Row, row_from, row_of
from gradflow.errors import InputError, RunError
from gradflow.store.catalog import Entry, entry_at
from gradflow.store.heads import load_row
from gradflow.store.notes import NO_NOTES, Notes, notes_above, read_notes
from gradflow.store.resolve import resolve
from gradflow.store.summaries import load_brief

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gradflow.store.run import Run


def read_row(run: Run) -> Row:
    """The row of a run, with its notes and its sweep's unless those are damaged. RunError if the run is."""
    return _also_noted(read_noted(run)[0], notes_above(run.path))


def read_noted(run: Run) -> tuple[Row, str | None]:
    """As `read_row`, of its own notes alone and with what is wrong with them."""
    row = load_row(run.path, run.info, run.stamp) or _row_of_whole(run)
    notes, problem = read_notes(run.path)
    return row if notes == NO_NOTES else row.noted(*notes), problem


def _row_of_whole(run: Run) -> Row:
    brief = load_brief(run.path, run.info, run.stamp)
    return row_of(run.summary) if brief is None else row_from(brief, str(run.path))


def read_rows(entries: Iterable[Entry]) -> tuple[list[Row], list[str]]:
    """The rows of runs and of sweeps' points, each path once, and the problems of damaged ones and notes."""
    found: dict[str, tuple[Row | None, str | None]] = {}
    with _without_collector():
        for entry, of_sweep in _flat(entries):
            path = str(entry.path)
            if path not in found:
                found[path] = _row_or_problem(entry, of_sweep)
    rows = [row for row, _ in found.values() if row is not None]
    return rows, [problem for _, problem in found.values() if problem is not None]


def rows_of(references: Sequence[str], runs: Path) -> tuple[list[Row], list[str]]:
    """`read_rows` of what references name. InputError for one that names nothing.

    What a shell's `runs/*` names beside runs, such as a folder without run.json, is a problem among others.
    """
    paths, others = _resolved(references, runs)
    rows, problems = read_rows(filter(None, map(entry_at, paths)))
    return rows, [*others, *problems]


def _resolved(references: Sequence[str], runs: Path) -> tuple[list[Path], list[str]]:
    """The folders that references name, and the problems of those that are there and no runs."""
    paths: list[Path] = []
    refused: dict[str, InputError] = {}
    for reference in references:
        try:
            paths += resolve(reference, runs)
        except InputError as error:
            if len(references) == 1 or not _is_there(reference):
                raise
            refused[reference] = error
    if refused and not paths:
        raise next(iter(refused.values()))
    return paths, [_problem(Path(reference)) or str(error) for reference, error in refused.items()]


def _problem(path: Path) -> str | None:
    """What is wrong with a folder that is named like a run."""
    entry = entry_at(path)
    return entry.problem if entry else None


def _is_there(reference: str) -> bool:
    """Whether a path with a folder in it stands on the disk, whatever it is."""
    return os.sep in reference and "\0" not in reference and os.path.lexists(reference)


def _row_or_problem(entry: Entry, of_sweep: Notes) -> tuple[Row | None, str | None]:
    if entry.run is None:
        return None, entry.problem or f"{entry.path} is no run"
    try:
        row, problem = read_noted(entry.run)
    except RunError as error:
        return None, str(error)
    return _also_noted(row, of_sweep), problem


def _also_noted(row: Row, of_sweep: Notes) -> Row:
    if of_sweep == NO_NOTES:
        return row
    return row.noted(*Notes(row["note"], row["tags"]).beside(of_sweep))


def _flat(entries: Iterable[Entry]) -> Iterator[tuple[Entry, Notes]]:
    """Runs and the points of sweeps, each with what is said of its sweep."""
    for entry in entries:
        if entry.points is None:
            yield entry, notes_above(entry.path)
        else:
            yield from ((point, entry.noted[0]) for point in entry.points)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Thousands of documents make no cycles, and looking for them costs a tenth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()

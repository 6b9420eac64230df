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
from gradflow.store.notes import NO_NOTES, Notes, all_notes, notes_above, read_notes
from gradflow.store.resolve import resolve
from gradflow.store.summaries import load_brief

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from gradflow.store.run import Run

RANKS = ("completed", "diverged", "interrupted", "failed")  # a run that stands twice is the first of these


def each_once(runs: Iterable[Run]) -> list[Run]:
    """Every run once, be it in several sweeps: where it got farthest, with the others as its copies."""
    found: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        found.setdefault((run.id, run.info["digest"]), []).append(run)
    return [_farthest(same) if len(same) > 1 else same[0] for same in found.values()]


def _farthest(same: list[Run]) -> Run:
    first, *others = sorted(same, key=lambda run: RANKS.index(run.status))
    return first.beside(others)


def read_row(run: Run) -> Row:
    """The row of a run, with `all_notes` of it unless those are damaged. RunError if the run is."""
    return _also_noted(_row_of(run), all_notes(run)[0])


def row_held(run: Run) -> Row:
    """As `read_row`, of the summary that the run holds, whatever stands in its folder by now."""
    return _also_noted(row_of(run.summary), all_notes(run)[0])


def _row_of(run: Run) -> Row:
    return load_row(run.path, run.info, run.stamp) or _row_of_whole(run)


def _row_of_whole(run: Run) -> Row:
    brief = load_brief(run.path, run.info, run.stamp)
    return row_of(run.summary) if brief is None else row_from(brief, str(run.path))


def read_rows(entries: Iterable[Entry]) -> tuple[list[Row], list[str]]:
    """The rows of runs and of sweeps' points, `each_once`, and the problems of damaged ones and notes.

    Of a run whose row cannot be read a copy stands in.
    """
    found: dict[str, tuple[Row, Notes]] = {}
    runs, problems = [], []
    with _without_collector():
        met = {str(entry.path): (entry, of_sweep) for entry, of_sweep in _flat(entries)}
        for path, (entry, of_sweep) in met.items():
            try:
                run = _run_of(entry)
                row, problem = _read(run)
            except RunError as error:
                problems.append(str(error))
                continue
            found[path] = row, of_sweep
            runs.append(run)
            problems += [problem] if problem else []
    return [_noted_everywhere(run, found) for run in each_once(runs)], problems


def rows_of(
    references: Sequence[str], runs: Path, tell: Callable[[str], object] = lambda line: None
) -> tuple[list[Row], list[str]]:
    """`read_rows` of what references name. InputError for one that names nothing.

    What a shell's `runs/*` names beside runs, such as a folder without run.json, is a problem among others.
    `tell` is as of `tell_unfinished`.
    """
    paths, others = _resolved(references, runs)
    with _without_collector():
        entries = [entry for entry in map(entry_at, paths) if entry]
        rows, problems = read_rows(entries)
    tell_unfinished(entries, tell)
    return rows, [*others, *problems]


def tell_unfinished(entries: Iterable[Entry], tell: Callable[[str], object]) -> None:
    """A line, if there are sweeps among the entries that lack points, which nothing else would show."""
    found: dict[Path, str] = {}
    for entry in entries:
        if entry.part:
            found[entry.path] = entry.part
    if found:
        first, others = next(iter(found)), len(found) - 1
        lack = "sweep lacks" if others == 1 else "sweeps lack"
        more = f", and {others:,} more {lack} some" if others else ""
        tell(f"{first}: {found[first]}{more}: the same sweep goes on")


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


def _run_of(entry: Entry) -> Run:
    if entry.run is None:
        raise RunError(entry.problem or f"{entry.path} is no run")
    return entry.run


def _read(run: Run) -> tuple[Row, str | None]:
    """A row with its own notes alone, and what is wrong with these."""
    notes, problem = read_notes(run.path)
    return _also_noted(_row_of(run), notes), problem


def _noted_everywhere(run: Run, found: Mapping[str, tuple[Row, Notes]]) -> Row:
    """The row of a run with what is said of its copies and of sweeps, as in `all_notes`."""
    row, of_sweep = found[str(run.path)]
    for copy in run.copies:
        other, above = found[str(copy)]
        row = _also_noted(row, Notes(other["note"], other["tags"]).beside(above))
    return _also_noted(row, of_sweep)


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

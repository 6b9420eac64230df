"""What lies in a runs folder: every run and sweep, newest first; a run by its digest; a reference's run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from gradflow.errors import RunError
from gradflow.runs_folder import ANOTHER
from gradflow.store.info import instant
from gradflow.store.interrupted import opened
from gradflow.store.names import RUN, SWEEP, holds, is_id, is_sweep
from gradflow.store.notes import Notes, read_notes
from gradflow.store.reading import damaged, read_json
from gradflow.store.run import Run, open_run
from gradflow.store.sweeps import part_of

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """A run (`run`), a damaged one (`problem` says how), or a sweep (`points`, newest first) at `path`."""

    path: Path
    run: Run | None = None
    problem: str | None = None
    points: tuple[Entry, ...] | None = None

    @property
    def id(self) -> str:
        """The run's id; of what has none to read, the folder's name."""
        return self.run.id if self.run else self.path.name

    @property
    def is_sweep(self) -> bool:
        """Whether this is a sweep's folder."""
        return self.points is not None

    @cached_property
    def planned(self) -> int | None:
        """The points that a sweep has when it is done; None if its sweep.json does not say."""
        try:
            document = read_json(self.path / SWEEP) if self.is_sweep else None
        except RunError:
            return None
        points = document.get("points") if isinstance(document, dict) else None
        return len(points) if isinstance(points, list) else None

    @cached_property
    def part(self) -> str | None:
        """How many of its points stand in a sweep, as `part_of` tells; None if all do."""
        there = (point.id for point in self.points or () if point.run)
        return part_of(self.path, there) if self.is_sweep else None

    @cached_property
    def noted(self) -> tuple[Notes, str | None]:
        """What a user says of it, or what is wrong with that."""
        return read_notes(self.path)

    @cached_property
    def finished(self) -> datetime:
        """When the run was finished, or the last point of the sweep; the year 1 of what never was."""
        if self.run:
            return instant(self.run.info)
        return max((point.finished for point in self.points or ()), default=_NEVER)


def scan(runs: Path) -> list[Entry]:
    """Runs and sweeps of a folder, newest first by their own record; at the end those that are damaged.

    A folder that neither is nor is named like one is passed over. [] if `runs` does not exist.
    """
    return _newest_first(entry or entry_at(path) for path, entry in _folders(runs))


def latest(runs: Path) -> list[Entry]:
    """What is whole in a folder, what was made or found last first, by the times of the folders.

    What was copied with one time for all keeps the order of `scan`.
    """
    return sorted((entry for entry in scan(runs) if not entry.problem), key=_changed, reverse=True)


def _changed(entry: Entry) -> int:
    try:
        return entry.path.stat().st_mtime_ns
    except OSError:  # it was removed meanwhile
        return 0


def touch(path: Path) -> None:
    """Give the folder of a run or a sweep that was found the time of now; what it holds stays as it is."""
    with suppress(OSError):  # a folder that can only be read
        os.utime(path)


def standing(folder: Path) -> list[Path]:
    """The folders of runs and sweeps in a folder, by their names alone."""
    return [path for path, closed in _folders(folder) if is_id(path.name) or (not closed and _is_ours(path))]


def inside(folders: Iterable[Path]) -> list[Path]:
    """What stands in those folders that are sweeps; in one that cannot be read, nothing."""
    found: list[Path] = []
    for folder in folders:
        if is_sweep(folder):
            with suppress(RunError):
                found += standing(folder)
    return found


def entry_at(path: Path) -> Entry | None:
    """The entry of a folder; None if it neither is nor is named like a run or a sweep."""
    if not is_sweep(path):
        return _run_at(path)
    try:
        return Entry(path, points=tuple(scan_points(path)))
    except RunError as error:
        return Entry(path, problem=str(error))


def scan_points(sweep: Path) -> list[Entry]:
    """The runs inside a sweep's folder, newest first. RunError if it cannot be read."""
    return _newest_first(entry or _run_at(path) for path, entry in _folders(sweep))


def _newest_first(entries: Iterable[Entry | None]) -> list[Entry]:
    return sorted(filter(None, entries), key=lambda entry: (entry.finished, entry.id), reverse=True)


def _run_at(path: Path) -> Entry | None:
    if not _is_ours(path):
        return None
    try:
        return Entry(path, opened(path))
    except RunError as error:
        return Entry(path, problem=str(error))


def _is_ours(path: Path) -> bool:
    return is_id(path.name) or holds(path, RUN) or holds(path, SWEEP)


def _folders(folder: Path) -> Iterator[tuple[Path, Entry | None]]:
    """The folders in a folder, hidden ones left out; with its Entry what cannot be told to be one."""
    try:
        with os.scandir(folder) as found:
            names = [entry for entry in found if not entry.name.startswith(".")]
    except FileNotFoundError:
        return
    except OSError as error:
        raise damaged(folder, f"cannot be read: {error.strerror}", ANOTHER) from None
    for entry in names:
        path = Path(entry.path)
        try:
            if entry.is_dir():
                yield path, None
        except OSError as error:  # a link to itself, or into a folder that is closed to this user
            problem = damaged(path, f"cannot be read: {error.strerror}", "remove the link, or mend it")
            yield path, Entry(path, problem=str(problem))


class Index:
    """Where the runs of a folder stand, its sweeps' points included, by the 8 hex that end their names."""

    def __init__(self, runs: Path) -> None:
        self._paths: dict[str, list[Path]] = {}
        top = standing(runs)
        for path in (*top, *inside(top)):
            self.add(path)

    def add(self, path: Path) -> None:
        """Take note of a run directory."""
        if is_id(path.name):
            self._paths.setdefault(path.name[-8:], []).append(path)

    def find(self, digest: str) -> Run | None:
        """A finished run of this digest, whose arrays are whole; None if there is none."""
        for path in self._paths.get(digest[:8], []):
            try:
                run = open_run(path)
                if run.info["digest"] == digest and run.recording:  # {} of a failed one
                    return run
            except RunError:
                continue
        return None

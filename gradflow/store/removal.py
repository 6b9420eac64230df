"""Removing what a run, a sweep or an interrupted run has written; what a user put beside it stays."""

from __future__ import annotations

import os
from pathlib import Path

from gradflow.store import locks
from gradflow.store.carry import discard
from gradflow.store.catalog import standing
from gradflow.store.names import PARTIAL, RUN, SWEEP, has_plan
from gradflow.store.notes import remove_notes
from gradflow.store.partial import Claim, claim, is_shard, reap
from gradflow.store.sweeps import same_time
from gradflow.store.writing import disk_errors, remove, sync


def remove_entry(path: Path) -> list[Path]:
    """Remove the run, the sweep or what is left of an interrupted run at `path`; what stays of its folder.

    Of a link the link goes. A kill leaves what is whole, or a folder without its run.json, of which the
    next removal takes the rest. RunError at once if a process works on it, or the disk refuses.
    """
    if not path.parent.is_dir():  # a point has gone with its sweep, which a lock would make again
        return []
    return _remove_sweep(path) if has_plan(path) and not path.is_symlink() else _remove_run(path)


def _remove_run(path: Path) -> list[Path]:
    with same_time(path), claim(path.parent, path.name) as claimed, disk_errors(path):
        if path.is_symlink():
            path.unlink()
        elif path.is_dir():
            for point in () if os.path.lexists(path / RUN) else _cut(path):
                _remove_run(point)
            (path / RUN).unlink(missing_ok=True)  # from here on it is no run
            remove_notes(path)
            discard(path)
            sync(path.parent)
        remove(claimed.checkpoint)
        remove(claimed.rows)
        return _left(path)


def _remove_sweep(path: Path) -> list[Path]:
    claimed, name = Claim(path.parent, path.name), path.name

    def rivals(other: str) -> bool:
        return is_shard(other, name)

    with locks.hold(claimed.partial, f"{name}.lock", path, lambda: reap(path.parent), rivals):
        found = standing(path)
        points = sorted([*(each for each in found if os.path.lexists(each / RUN)), *_cut(path)])
        left = [kept for point in points for kept in _remove_run(point)]
        with disk_errors(path):
            remove(path / PARTIAL)
            (path / SWEEP).unlink()
            remove_notes(path)
            discard(path)
            sync(path.parent)
        return left or _left(path)


def _cut(folder: Path) -> list[Path]:
    """The points in a folder that a removal which was cut short has left without their run.json."""
    return [
        path
        for path in standing(folder)
        if not path.is_symlink() and not any(os.path.lexists(path / name) for name in (RUN, SWEEP))
    ]


def _left(path: Path) -> list[Path]:
    """The folder, if it still holds something."""
    return [path] if os.path.lexists(path) else []

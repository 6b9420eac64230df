"""A sweep's folder: sweep.json, which any shard may write, and one run directory a point."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gradflow.errors import RunError
from gradflow.store import locks
from gradflow.store.names import PARTIAL, RUN, SWEEP, is_point
from gradflow.store.partial import Claim, is_shard, reap, require_own_name
from gradflow.store.reading import damaged, read_json
from gradflow.store.writing import disk_errors, remove, sync, write_json

WHOLE = (1, 1)


@contextmanager
def open_sweep(
    runs: Path, id: str, document: dict[str, Any], shard: tuple[int, int] = WHOLE
) -> Iterator[Path]:
    """The folder of a sweep, made with its sweep.json, for as long as this process holds shard i of n of it.

    Its points are saved into the folder as into a runs folder. RunError at once if another process holds the
    same shard, or the whole sweep, or any of its shards when the whole is asked for.
    """
    claimed, whole = Claim(runs, id), f"{id}.lock"
    name = whole if shard == WHOLE else f"{id}.{shard[0]}-of-{shard[1]}.lock"

    def rivals(other: str) -> bool:
        return is_shard(other, id) if shard == WHOLE else other == whole

    with locks.hold(claimed.partial, name, claimed.target, lambda: reap(runs), rivals):
        require_own_name(claimed)
        with disk_errors(claimed.target):
            with locks.folder_locked(claimed.partial):
                _write(claimed, document)
            with locks.folder_locked(claimed.target / PARTIAL, make=True):
                reap(claimed.target)
        yield claimed.target


def load_sweep(folder: Path) -> dict[str, Any]:
    """The sweep.json of a sweep's folder. RunError if it is missing or damaged."""
    document = read_json(folder / SWEEP)
    if not isinstance(document, dict):
        raise damaged(folder / SWEEP, "is damaged", "run the same sweep again")
    return document


def swept_axes(folder: Path) -> dict[str, list[Any]]:
    """The axes of the sweep in a folder, and the one value of each key that was set below one of them.

    {} if there is no sweep, or it cannot be told.
    """
    document = _standing(folder) or {}
    axes, beside = document.get("axes"), document.get("beside")
    known = isinstance(axes, dict) and all(isinstance(values, list) and values for values in axes.values())
    once = {key: [value] for key, value in beside.items()} if isinstance(beside, dict) else {}
    return {**axes, **once} if known and axes else {}


def planned(folder: Path) -> list[str]:
    """The ids of the points of the sweep in a folder, in the order of its axes; [] if it cannot be told."""
    points = (_standing(folder) or {}).get("points")
    ids = [point.get("id") for point in points if isinstance(point, dict)] if isinstance(points, list) else []
    return [id for id in ids if isinstance(id, str)]


def part_of(folder: Path, ids: Iterable[str]) -> str | None:
    """What runs of these ids are of the sweep in a folder, as "102 of 210 points"; None if they are all of
    it, or it cannot be told.
    """
    points = {*planned(folder)}
    there = points.intersection(ids)
    return f"{len(there):,} of {len(points):,} points" if len(there) < len(points) else None


@contextmanager
def same_time(path: Path) -> Iterator[None]:
    """A run, and the sweep that it is a point of, keep the times of their folders: by those `@1` is told."""
    times: dict[Path, os.stat_result] = {}
    for folder in (path, path.parent) if is_point(path) else (path,):
        with suppress(OSError):
            times[folder] = folder.stat()
    try:
        yield
    finally:
        for folder, found in times.items():
            with suppress(OSError):  # it was removed, or is another user's
                os.utime(folder, ns=(found.st_atime_ns, found.st_mtime_ns))


def require_sweep(folder: Path) -> None:
    """RunError if the folder of an open sweep was removed meanwhile; another may stand in its place."""
    if not os.path.lexists(folder / SWEEP):
        raise damaged(folder, "was removed meanwhile", "run the same sweep again")


def _write(claimed: Claim, document: dict[str, Any]) -> None:
    """Make the folder, or renew a sweep.json that is not this one."""
    exists = os.path.lexists(claimed.target)
    if exists and os.path.lexists(claimed.target / RUN):
        raise damaged(claimed.target, "is a run", "give the sweep another name")
    if exists and _standing(claimed.target) == document:
        return
    write_json(claimed.stage() / SWEEP, document)
    if exists:
        os.replace(claimed.staging / SWEEP, claimed.target / SWEEP)
        sync(claimed.target)
        claimed.staging.rmdir()
    else:
        _show(claimed)


def _show(claimed: Claim) -> None:
    """Rename the new folder into its place, unless another machine has just put it there."""
    sync(claimed.staging)
    try:
        os.rename(claimed.staging, claimed.target)
    except OSError:
        if not os.path.lexists(claimed.target / SWEEP):
            raise
        remove(claimed.staging)
    sync(claimed.folder)
    sync(claimed.folder.absolute().parent)  # the folder itself may be new


def _standing(folder: Path) -> dict[str, Any] | None:
    try:
        return load_sweep(folder)
    except RunError:
        return None

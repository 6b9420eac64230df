"""`.partial`: where a run is written, under the lock of its id, until one rename shows the whole of it.

ID.lock         who works on the id; free once its process has gone (ID.I-of-N.lock: on a shard of a sweep)
ID-PID-HOST     the run being written; of the host a checksum, since two may give the same number
ID-old          the run whose place another one takes, until what a user put into it is carried over
ID-checkpoint   how far an interrupted run has come; kept until it is finished
ID-rows         the record of a training elsewhere, which grows; kept until it is published
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from gradflow.errors import RunError
from gradflow.interrupts import held_back
from gradflow.store import locks
from gradflow.store.carry import carry, discard, free, is_folder, require_movable
from gradflow.store.info import load_info
from gradflow.store.names import ID, PARTIAL, ROWS
from gradflow.store.owners import is_free
from gradflow.store.writing import remove, sync

_LEFT = re.compile(rf"({ID.pattern})-(\d+(?:-[0-9a-f]{{8}})?|old|checkpoint|rows)")
_LOCK = re.compile(rf"({ID.pattern})\.lock")
_SHARD = re.compile(rf"({ID.pattern})\.\d+-of-\d+\.lock")


@dataclass(frozen=True)
class Claim:
    """The right to write the run or sweep `id` in `folder`, which is a runs folder or a sweep's."""

    folder: Path
    id: str

    @property
    def target(self) -> Path:
        """Where it will be seen."""
        return self.folder / self.id

    @property
    def partial(self) -> Path:
        """The folder of what is not finished."""
        return self.folder / PARTIAL

    @property
    def staging(self) -> Path:
        """Where it is written."""
        return self.partial / f"{self.id}-{os.getpid()}-{crc32(os.uname().nodename.encode()):08x}"

    @property
    def checkpoint(self) -> Path:
        """The file that keeps how far the run has come."""
        return self.partial / f"{self.id}-checkpoint"

    @property
    def rows(self) -> Path:
        """The record of a training elsewhere, which grows."""
        return self.partial / f"{self.id}{ROWS}"

    def stage(self) -> Path:
        """The staging folder, new and empty."""
        remove(self.staging)
        self.staging.mkdir()
        return self.staging

    @property
    def old(self) -> Path:
        """Where the run waits whose place a new one takes, until what a user put into it is carried over."""
        return self.partial / f"{self.id}-old"

    def publish(self) -> None:
        """Show what was staged; what stood in its place goes only then, but for what is the user's.

        A file or a link that stood there stays, under the next name that is free.
        """
        sync(self.staging)
        self.recover()
        require_movable(self.target)
        with held_back():
            self._swap()
            if os.path.lexists(self.old):
                carry(self.old, self.target)
            sync(self.folder)
            sync(self.folder.absolute().parent)  # the folder itself may be new
            if os.path.lexists(self.old):
                sync(self.partial)
                discard(self.old)
            remove(self.checkpoint)
            remove(self.rows)

    def recover(self) -> None:
        """Bring back what a process that was killed has left of a run that stood here before."""
        if os.path.lexists(self.old):
            _put_back(self.old, self.target)

    def _is_there(self) -> bool:
        """Whether what was staged stands at the target, where another machine has just put it."""
        try:
            ours, theirs = load_info(self.staging), load_info(self.target)
        except RunError:
            return False
        return (ours["id"], ours["digest"], ours["arrays"]) == (
            theirs["id"],
            theirs["digest"],
            theirs["arrays"],
        )

    def _swap(self) -> None:
        if not os.path.lexists(self.target):
            try:
                os.rename(self.staging, self.target)
            except OSError:
                if not self._is_there():
                    raise
                remove(self.staging)
            return
        aside = self.old if is_folder(self.target) else free(self.target)
        os.rename(self.target, aside)
        try:
            os.rename(self.staging, self.target)
        except OSError:
            os.rename(aside, self.target)
            raise


@contextmanager
def claim(folder: Path, id: str) -> Iterator[Claim]:
    """Lock an id of a folder, made if need be, after clearing what dead processes left there.

    RunError at once if another process holds it, or if nothing can be written there.
    """
    claimed = Claim(folder, id)
    with locks.hold(claimed.partial, f"{id}.lock", claimed.target, lambda: reap(folder)):
        require_own_name(claimed)
        try:
            yield claimed
        finally:
            remove(claimed.staging)


def require_own_name(claimed: Claim) -> None:
    """RunError if what stands at the target has another name, on a disk that does not tell capitals apart."""
    if not os.path.lexists(claimed.target):
        return
    with suppress(OSError):  # a folder that can be written to and not read
        names = os.listdir(claimed.folder)
        alike = [name for name in names if name.casefold() == claimed.id.casefold()]
        if claimed.id not in names and alike:
            raise other_capitals(claimed, alike[0])


def other_capitals(claimed: Claim, name: str) -> RunError:
    """The error of an id whose place `name` has, ready to raise."""
    message = f"this disk takes it for {name}, which stands there: give it another name"
    return RunError(message, claimed.target)


def unfinished(folder: Path) -> dict[str, bool]:
    """The ids that `folder` does not show yet: True while a process works on one, else it was cut short.

    It waits for no lock.
    """
    partial = folder / PARTIAL
    try:
        names = os.listdir(partial)
    except OSError:
        return {}
    found = {left[1] for name in names if (left := _LEFT.fullmatch(name) or _LOCK.fullmatch(name))}
    missing = sorted(id for id in found if not os.path.lexists(folder / id))
    return {id: not _is_left(partial, names, id) for id in missing}


def reap(folder: Path) -> None:
    """Clear what dead processes left in a locked `.partial`, but for the checkpoints of unfinished runs.

    A run that was to be replaced comes back if its successor never came.
    """
    partial = folder / PARTIAL
    names: list[str] = []
    with suppress(FileNotFoundError):  # another machine has just found it empty
        names = os.listdir(partial)
    for name in names:
        left = _LEFT.fullmatch(name)
        if left and _is_left(partial, names, left[1]):
            _clear(partial / name, left[2], folder / left[1])
    for name in names:
        if name.endswith(".lock"):
            locks.remove_if_free(partial / name)


def _is_left(partial: Path, names: list[str], id: str) -> bool:
    """Whether nobody works on an id or, if it is a sweep's, on a shard of it."""
    held = [name for name in names if name == f"{id}.lock" or is_shard(name, id)]
    return all(is_free(partial / name) for name in held)


def is_shard(name: str, id: str) -> bool:
    """Whether a file is the lock of a shard of a sweep."""
    found = _SHARD.fullmatch(name)
    return found is not None and found[1] == id


def _clear(path: Path, kind: str, target: Path) -> None:
    if kind == "old":
        with suppress(OSError):  # it stays until its own run is written again
            _put_back(path, target)
    elif kind not in ("checkpoint", "rows") or _is_finished(target):
        remove(path)


def _put_back(old: Path, target: Path) -> None:
    """Bring a replaced run back if its successor never came, else what a user put into it."""
    if is_folder(old) and is_folder(target):
        carry(old, target)
        discard(old)
    else:
        os.rename(old, free(target))
        sync(target.parent)


def _is_finished(target: Path) -> bool:
    try:
        return load_info(target)["status"] != "failed"
    except RunError:
        return False

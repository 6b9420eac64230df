"""`.partial`: where a run is written, under the lock of its id, until one rename shows the whole of it.

ID.lock         who works on the id; free once its process has gone
ID-PID          the run being written
ID-old          the run whose place another one takes, until what a user put into it is carried over
ID-checkpoint   how far an interrupted run has come; kept until it is finished
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradflow.errors import RunError
from gradflow.interrupts import held_back
from gradflow.store import locks
from gradflow.store.carry import carry, discard, free, is_folder, require_movable
from gradflow.store.info import load_info
from gradflow.store.names import ID, PARTIAL
from gradflow.store.writing import remove, sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LEFT = re.compile(rf"({ID.pattern})-(\d+|old|checkpoint)")

_LOCK = re.compile(rf"({ID.pattern})\.lock")


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
        return self.partial / f"{self.id}-{os.getpid()}"

    @property
    def checkpoint(self) -> Path:
        """The file that keeps how far the run has come."""
        return self.partial / f"{self.id}-checkpoint"

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

    def recover(self) -> None:
        """Bring back what a process that was killed has left of a run that stood here before."""
        if os.path.lexists(self.old):
            _put_back(self.old, self.target)

    def _swap(self) -> None:
        if not os.path.lexists(self.target):
            os.rename(self.staging, self.target)
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
    with locks.hold(claimed.partial, {f"{id}.lock": False}, claimed.target, lambda: reap(folder)):
        try:
            yield claimed
        finally:
            remove(claimed.staging)


def unfinished(folder: Path) -> dict[str, bool]:
    """The ids that `folder` does not show yet: True while a process works on one, else it was cut short."""
    partial = folder / PARTIAL
    try:
        with locks.folder_locked(partial):
            names = os.listdir(partial)
            found = {left[1] for name in names if (left := _LEFT.fullmatch(name) or _LOCK.fullmatch(name))}
            missing = sorted(id for id in found if not os.path.lexists(folder / id))
            return {id: not locks.is_free(partial / f"{id}.lock") for id in missing}
    except OSError:
        return {}


def reap(folder: Path) -> None:
    """Clear what dead processes left in a locked `.partial`, but for the checkpoints of unfinished runs.

    A run that was to be replaced comes back if its successor never came.
    """
    partial = folder / PARTIAL
    names = os.listdir(partial)
    for name in names:
        left = _LEFT.fullmatch(name)
        if left and locks.is_free(partial / f"{left[1]}.lock"):
            _clear(partial / name, left[2], folder / left[1])
    for name in names:
        if name.endswith(".lock"):
            locks.remove_if_free(partial / name)


def _clear(path: Path, kind: str, target: Path) -> None:
    if kind == "old":
        with suppress(OSError):  # it stays until its own run is written again
            _put_back(path, target)
    elif kind != "checkpoint" or _is_finished(target):
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

"""`.partial`: where a run is written, under the lock of its id, until one rename shows the whole of it.

ID.lock         who works on the id; free once its process has gone
ID-PID          the run being written
ID-old          the run whose place a forced one takes
ID-checkpoint   how far an interrupted run has come; kept until it is finished
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradflow.errors import RunError
from gradflow.interrupts import raise_waiting
from gradflow.store import locks
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

    def publish(self) -> None:
        """Show what was staged; what stood in its place goes only then."""
        old = self.partial / f"{self.id}-old"
        sync(self.staging)
        if os.path.lexists(self.target):
            os.rename(self.target, old)
        try:
            os.rename(self.staging, self.target)
        except OSError:
            if os.path.lexists(old):
                os.rename(old, self.target)
            raise
        sync(self.folder)
        sync(self.folder.absolute().parent)  # the folder itself may be new
        if os.path.lexists(old):
            sync(self.partial)
            remove(old)
        remove(self.checkpoint)


@contextmanager
def claim(folder: Path, id: str) -> Iterator[Claim]:
    """Lock an id of a folder, made if need be, after clearing what dead processes left there.

    RunError at once if another process holds it, or if nothing can be written there.
    """
    claimed = Claim(folder, id)
    raise_waiting()  # nothing is written for a command that is ending
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
    if kind == "old" and not os.path.lexists(target):
        os.rename(path, target)
        sync(target.parent)
    elif kind != "checkpoint" or _is_finished(target):
        remove(path)


def _is_finished(target: Path) -> bool:
    try:
        return load_info(target)["status"] != "failed"
    except RunError:
        return False

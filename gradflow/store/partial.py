"""`.partial`: where a run is written, under the lock of its id, until one rename shows the whole of it.

ID.lock         who works on the id; free if its process has gone
ID-PID          the run being written
ID-old          the run that a forced one takes the place of
ID-checkpoint   how far an interrupted run has come; kept
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gradflow.store import locks
from gradflow.store.names import ID, PARTIAL
from gradflow.store.writing import disk_errors, remove, sync

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEFT = re.compile(rf"({ID.pattern})-(\d+|old)")


@dataclass(frozen=True)
class Claim:
    """The right to write the run `id` in `folder`, which is a runs folder or a sweep's."""

    folder: Path
    id: str

    @property
    def target(self) -> Path:
        """Where the run will be seen."""
        return self.folder / self.id

    @property
    def staging(self) -> Path:
        """Where it is written."""
        return self.folder / PARTIAL / f"{self.id}-{os.getpid()}"

    @property
    def checkpoint(self) -> Path:
        """Where it is kept how far it has come."""
        return self.folder / PARTIAL / f"{self.id}-checkpoint"

    def stage(self) -> Path:
        """The staging folder, new and empty."""
        remove(self.staging)
        self.staging.mkdir()
        return self.staging

    def publish(self) -> None:
        """Show the staged run; what stood in its place stays until it is shown."""
        old = self.folder / PARTIAL / f"{self.id}-old"
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
        sync(self.folder / PARTIAL)
        remove(old)
        remove(self.checkpoint)


@contextmanager
def claim(folder: Path, id: str) -> Iterator[Claim]:
    """Lock an id of a folder, made if need be, after clearing what dead processes left there.

    RunError at once if another process holds it, or if nothing can be written there.
    """
    partial, claimed = folder / PARTIAL, Claim(folder, id)
    lock = partial / f"{id}.lock"
    with disk_errors(folder):
        is_new = not folder.exists()
        with locks.folder_locked(partial):
            _reap(folder)
            held = locks.take(lock, str(claimed.target))
        if is_new:
            sync(folder.absolute().parent)
    try:
        yield claimed
    finally:
        remove(claimed.staging)
        with disk_errors(folder), locks.folder_locked(partial):
            locks.drop(lock, held)


def _reap(folder: Path) -> None:
    """Clear what dead processes left; a replaced run comes back if its successor never came."""
    partial = folder / PARTIAL
    names = os.listdir(partial)
    for name in names:
        left = _LEFT.fullmatch(name)
        if left and locks.is_free(partial / f"{left[1]}.lock"):
            target = folder / left[1]
            if left[2] == "old" and not os.path.lexists(target):
                os.rename(partial / name, target)
            else:
                remove(partial / name)
    for name in names:
        if name.endswith(".lock") and locks.is_free(partial / name):
            remove(partial / name)

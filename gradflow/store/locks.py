"""Locks by `flock`, which end with their process however it dies, under one lock of the folder they lie in.

Whoever takes, drops or looks at a lock holds its folder's, for a moment; so a lock file may be removed.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gradflow.errors import Problem, RunError

if TYPE_CHECKING:
    from collections.abc import Iterator

_held: set[int] = set()  # descriptors of this process


@contextmanager
def folder_locked(folder: Path) -> Iterator[None]:
    """Make the folder if need be, and keep every other process out of its locks meanwhile."""
    descriptor = _open_folder(folder)
    try:
        yield
    finally:
        with suppress(OSError):
            os.rmdir(folder)  # only if nothing is in it
        _close(descriptor)


def take(path: Path, what: str, *, shared: bool = False) -> int:
    """Lock a file in a locked folder; RunError at once, with the holder's process, if that cannot be."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_NB | (fcntl.LOCK_SH if shared else fcntl.LOCK_EX))
    except BlockingIOError:
        holder = _holder(descriptor)
        os.close(descriptor)
        raise RunError(
            str(Problem(f"{holder} is working on it: wait for it, or end it", source=what))
        ) from None
    except OSError:
        os.close(descriptor)
        raise
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()} {os.uname().nodename}\n".encode(), 0)
    _held.add(descriptor)
    return descriptor


def drop(path: Path, descriptor: int) -> None:
    """Give a lock back, in a locked folder; its file goes with its last holder."""
    _close(descriptor)
    if is_free(path):
        with suppress(OSError):
            path.unlink()


def is_free(path: Path) -> bool:
    """Whether no process holds a lock of a locked folder."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_NB | fcntl.LOCK_EX)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _open_folder(folder: Path) -> int:
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue  # removed by one who found it empty
        _held.add(descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_still(folder, descriptor):
            return descriptor
        _close(descriptor)


def _is_still(folder: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(folder), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> str:
    found = re.fullmatch(rb"(\d+) ([\w.-]+)\n", os.pread(descriptor, 400, 0))
    return f"process {found[1].decode()} on {found[2].decode()}" if found else "another process"


def _close(descriptor: int) -> None:
    _held.discard(descriptor)
    os.close(descriptor)


def _close_all() -> None:
    """In a forked child: a lock would outlive its process for as long as a child held it."""
    for descriptor in list(_held):
        _close(descriptor)


os.register_at_fork(after_in_child=_close_all)

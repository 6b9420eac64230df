"""Locks by `flock`, which end with their process however it dies.

Whoever takes or looks at a lock holds that of its folder, for a moment, so that free ones may be removed.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from gradflow.errors import Problem, RunError
from gradflow.store.writing import disk_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_held: set[int] = set()  # descriptors of this process


@contextmanager
def hold(
    folder: Path, names: Mapping[str, bool], what: Path, prepare: Callable[[], object]
) -> Iterator[None]:
    """Hold the locks `names` (shared or not) of a folder, made if need be; before, call `prepare`.

    RunError at once if another process holds one; it names that process, and `what` it works on.
    """
    taken: dict[Path, int] = {}
    try:
        with disk_errors(what), folder_locked(folder, make=True):
            prepare()
            for name, shared in names.items():
                taken[folder / name] = _take(folder / name, shared, what)
        yield
    finally:
        for descriptor in taken.values():
            _close(descriptor)
        with suppress(OSError), folder_locked(folder):
            for name in names:
                remove_if_free(folder / name)


@contextmanager
def folder_locked(folder: Path, make: bool = False) -> Iterator[None]:
    """Keep every other process from a folder's locks; afterwards it goes if it is empty."""
    descriptor = _open_folder(folder, make)
    try:
        yield
    finally:
        with suppress(OSError):
            os.rmdir(folder)
        _close(descriptor)


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


def remove_if_free(path: Path) -> None:
    """Remove a lock of a locked folder that nobody holds."""
    if is_free(path):
        with suppress(OSError):
            path.unlink()


def _take(path: Path, shared: bool, what: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    _held.add(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_NB | (fcntl.LOCK_SH if shared else fcntl.LOCK_EX))
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {os.uname().nodename}\n".encode(), 0)
    except BlockingIOError:
        message = f"{_holder(descriptor)} is working on it: wait for it, or end it"
        _close(descriptor)
        raise RunError(str(Problem(message, source=str(what)))) from None
    except OSError:
        _close(descriptor)
        raise
    return descriptor


def _open_folder(folder: Path, make: bool) -> int:
    while True:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            if make:
                continue  # removed by one who found it empty
            raise
        _held.add(descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_still(folder, descriptor):
                return descriptor
        except BaseException:  # a signal that left it locked would have this process wait for itself
            _close(descriptor)
            raise
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

"""Writing that survives a power cut: every file and folder is on the disk before its name is seen."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from gradflow.errors import RunError

_TEMPORARY = re.compile(r"\.[0-9]+-[0-9a-f]{8}\.tmp")
_NO_SYNC = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF)  # of folders, on some network disks
_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some space and run again"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "choose a folder that you may write to"),
    errno.ENOENT: "the folder was removed meanwhile: run again",
}


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Whatever the disk refuses becomes a RunError that names `path`, the reason and the remedy."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "see to the disk and run again")
        raise RunError(f"cannot be written: {error.strerror or error}: {remedy}", path) from error


def write_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Make a new file with what `write` puts into it; it is on the disk when this returns."""
    with open(path, "xb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())


def write_bytes(path: Path, content: bytes) -> None:
    """Make a new file with this content."""
    write_file(path, lambda file: file.write(content))


def write_text(path: Path, text: str) -> None:
    """Make a new file of UTF-8 text."""
    write_bytes(path, encoded(text))


def write_json(path: Path, value: Any) -> None:
    """Make a new file that holds a value as strict JSON."""
    write_bytes(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """A value as one line of strict JSON. ValueError for a number that it has not."""
    return encoded(json.dumps(value, allow_nan=False, ensure_ascii=False) + "\n")


def replace_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Make or replace a file: at any moment its old content or its new one is there, never half of it.

    Owner, mode and extended attributes of the old one are kept. PermissionError if the owner cannot be.
    """
    with _temporary(path.parent) as file:
        try:
            if os.path.lexists(path):
                _take_after(file, path)
            write(file)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(file.name)
            raise
    sync(path.parent)


def _temporary(folder: Path) -> BinaryIO:
    """A new hidden file of a folder, locked while it is open; what killed processes left is removed."""
    for name in filter(_TEMPORARY.fullmatch, os.listdir(folder)):
        with suppress(OSError):
            _remove_unlocked(folder / name)
    while True:
        file = open(folder / f".{os.getpid()}-{os.urandom(4).hex()}.tmp", "xb")  # noqa: SIM115
        with suppress(OSError):  # a disk without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.path.lexists(file.name):
            return file
        file.close()  # taken for one that was left, before it was locked


def _take_after(file: BinaryIO, path: Path) -> None:
    """Before anything is in it, so that nobody reads what they may not."""
    old, new = path.stat(), os.fstat(file.fileno())
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        os.fchown(file.fileno(), old.st_uid, old.st_gid)
    shutil.copystat(path, file.name)


def _remove_unlocked(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk.

    A folder that may not be read, or a disk that does not know how to, leaves that to the system.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC or not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def encoded(text: str) -> bytes:
    """UTF-8; a lone surrogate, which has none, as its escape."""
    return text.encode("utf-8", "backslashreplace")

"""Regular files, opened without waiting: all that read a file of the user's or of a run's do it from here."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gradflow.errors import closest

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO would keep a plain open waiting for its writer
_CHUNK = 1 << 20


class NotRegular(OSError):
    """A device, a FIFO or a socket; a folder is an IsADirectoryError."""


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """A regular file, open for reading in binary. OSError if it cannot be."""
    with os.fdopen(_opened(path)[0], "rb") as file:
        yield file


def read_regular(path: Path, most: int) -> bytes:
    """The bytes of a regular file, of a larger one the first `most` + 1. OSError if it cannot be read."""
    descriptor, size = _opened(path)
    try:  # without a file object, which takes longer to make than a small file to read
        content = os.read(descriptor, min(size, most) + 1)
        if len(content) == size:
            return content
        parts, left = [content], most + 1 - len(content)  # it is cut short, or as long as it likes
        while left > 0 and (more := os.read(descriptor, min(left, _CHUNK))):
            parts.append(more)
            left -= len(more)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def wrong_with(path: Path, error: OSError, save: str = "") -> str:
    """What is wrong with a file that could not be opened; `save` is the remedy for what is no regular one."""
    if isinstance(error, FileNotFoundError):
        return f"does not exist{_neighbour(path)}"
    if isinstance(error, NotRegular):
        return f"is not a regular file{save and f': {save}'}"
    return f"cannot be read: {error.strerror or error}"


def _neighbour(path: Path) -> str:
    """The file of a similar name beside one that does not exist, as a question; "" if there is none.

    Names are alike by their stems: those of all configs end in .yaml.
    """
    try:
        names = sorted(os.listdir(path.parent), key=lambda name: name.endswith(path.suffix))
    except (OSError, ValueError):
        return ""
    stems = {Path(name).stem: name for name in names}  # of several, that which ends as the path does
    close = closest(path.stem, stems)
    return f"; did you mean {stems[close]}?" if close else ""


def _opened(path: Path) -> tuple[int, int]:
    """The descriptor of a regular file, and its size."""
    try:
        descriptor = os.open(path, _READ)
    except ValueError as error:  # a NUL in the path
        raise OSError(errno.EINVAL, str(error), str(path)) from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        raise NotRegular(errno.EINVAL, "is not a regular file", str(path))
    return descriptor, found.st_size

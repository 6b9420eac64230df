"""Opening a data file that the user named: a regular file or a one-line refusal."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from gradflow.data.base import refused
from gradflow.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def open_regular(path: Path, key: str = "data.path") -> Iterator[BinaryIO]:
    """The file of a key open for reading in binary; a missing, unreadable or no regular file is refused."""
    try:
        file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - closed by the `with` below
    except FileNotFoundError:
        raise refused(f"{path} does not exist{_neighbour(path)}", key) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise refused(f"{path} cannot be read: {reason}", key) from None
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise refused(f"{path} is not a regular file: save the data to one", key)
        yield file


def require_unchanged(recorded: str | None, found: str, key: str = "data.sha256") -> None:
    """Refuse a file whose bytes are no longer those of the key."""
    if recorded is not None and recorded != found:
        raise refused(
            f"the file has changed, its sha256 is now {found}: remove {key} to take it as it is", key
        )


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a FIFO would keep a plain open waiting for its writer


def _neighbour(path: Path) -> str:
    try:
        return did_you_mean(path.name, os.listdir(path.parent))
    except OSError:
        return ""

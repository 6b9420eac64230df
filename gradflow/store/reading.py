"""Reading a file that may be damaged or hostile: regular, no larger than it may be, never waited for."""

from __future__ import annotations

import json
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from gradflow.errors import Problem, RunError
from gradflow.store.names import AGAIN, LARGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def damaged(path: Path, what: str, remedy: str = AGAIN) -> RunError:
    """The error of a file or folder that is not what it should be, ready to raise."""
    return RunError(str(Problem(f"{what}: {remedy}", source=str(path))))


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """A regular file, open for reading in binary. RunError if it is missing or something else."""
    try:
        file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - closed by the `with` below
    except FileNotFoundError:
        raise damaged(path, "is missing") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise damaged(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise damaged(path, "is not a regular file")
        yield file


def read_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """The bytes of a regular file of at most `largest`."""
    with open_file(path) as file:
        try:
            size = os.fstat(file.fileno()).st_size  # read() sets aside all that it may read
            content = file.read(min(size, largest) + 1)
        except OSError as error:
            raise damaged(path, f"cannot be read: {error.strerror}") from None
    if len(content) > largest:
        raise damaged(path, f"is larger than {largest // 10**6} MB")
    return content


def read_json(path: Path, prepare: Callable[[str], str] = str) -> Any:
    """The value of a strict JSON document in UTF-8, after `prepare` of its text."""
    content = read_bytes(path)
    try:
        return json.loads(prepare(content.decode("utf-8")), parse_constant=_not_strict)
    except (ValueError, RecursionError):
        raise damaged(path, "is not a JSON document") from None


def _not_strict(constant: str) -> NoReturn:
    raise ValueError(constant)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a FIFO would keep a plain open waiting for its writer

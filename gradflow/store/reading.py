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

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO would keep a plain open waiting for its writer


def damaged(path: Path, what: str, remedy: str = AGAIN) -> RunError:
    """The error of a file or folder that is not what it should be, ready to raise."""
    return RunError(str(Problem(f"{what}: {remedy}", source=str(path))))


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """A regular file, open for reading in binary. RunError if it is missing or something else."""
    with os.fdopen(_opened(path)[0], "rb") as file:
        yield file


def read_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """The bytes of a regular file of at most `largest`."""
    descriptor, size = _opened(path)
    most = min(size, largest) + 1
    try:  # without a file object, which takes longer to make than a small file to read
        content = os.read(descriptor, most)
        while len(content) < min(size, most) and (more := os.read(descriptor, most - len(content))):
            content += more
    except OSError as error:
        raise damaged(path, f"cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)
    if len(content) > largest:
        raise damaged(path, f"is larger than {largest // 10**6} MB")
    return content


def read_json(path: Path, prepare: Callable[[str], str] = str) -> Any:
    """The value of a strict JSON document in UTF-8, after `prepare` of its text."""
    return parse_json(read_bytes(path), path, prepare)


def parse_json(content: bytes, path: Path, prepare: Callable[[str], str] = str) -> Any:
    """As `read_json`, of what was read from a path."""
    try:
        return _DECODER.decode(prepare(content.decode("utf-8")))
    except (ValueError, RecursionError):
        raise damaged(path, "is not a JSON document") from None


def _opened(path: Path) -> tuple[int, int]:
    """The descriptor of a regular file, and its size."""
    try:
        descriptor = os.open(path, _READ)
    except FileNotFoundError:
        raise damaged(path, "is missing") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise damaged(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise damaged(path, "is not a regular file")
    return descriptor, found.st_size


def _not_strict(constant: str) -> NoReturn:
    raise ValueError(constant)


_DECODER = json.JSONDecoder(parse_constant=_not_strict)

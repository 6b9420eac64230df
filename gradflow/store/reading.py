"""Reading a file that may be damaged or hostile: regular, no larger than it may be, never waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from msgspec import json

from gradflow.errors import RunError
from gradflow.files.regular import NotRegular, open_regular, read_regular, wrong_with
from gradflow.store.names import LARGEST, mender_of
from gradflow.store.typed import UNREADABLE


def damaged(path: Path, what: str, remedy: str | None = None) -> RunError:
    """The error of a file or folder that is not what it should be, ready to raise: `mender_of` a run's."""
    return RunError(f"{what}: {remedy or mender_of(path)}", path)


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """A regular file, open for reading in binary. RunError if it is missing or something else."""
    with _told(path), open_regular(path) as file:
        yield file


def read_bytes(path: Path, largest: int = LARGEST, remedy: str | None = None) -> bytes:
    """The bytes of a regular file of at most `largest`; an error ends in the remedy."""
    with _told(path, remedy):
        content = read_regular(path, largest)
    if len(content) > largest:
        from gradflow.config.memory import size  # which most readers do without

        raise damaged(path, f"is larger than {size(largest)}", remedy)
    return content


def read_start(path: Path, most: int) -> bytes:
    """The first bytes of a regular file, `most` or one more."""
    with _told(path):
        return read_regular(path, most)


def read_json(path: Path) -> Any:
    """The value of a strict JSON document in UTF-8."""
    return parse_json(read_bytes(path), path)


def parse_json(content: bytes, path: Path) -> Any:
    """As `read_json`, of what was read from a path."""
    try:
        return json.decode(content)
    except UNREADABLE:
        raise damaged(path, "is not a JSON document") from None


@contextmanager
def _told(path: Path, remedy: str | None = None) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise damaged(path, "is missing", remedy) from None
    except (NotRegular, IsADirectoryError):
        raise damaged(path, "is not a regular file", remedy) from None
    except OSError as error:
        raise damaged(path, wrong_with(path, error), remedy) from None

"""Opening a data file that the user named: a regular file or a one-line refusal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from gradflow import regular
from gradflow.data.base import refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """The file open for reading in binary; what is missing, unreadable or no regular file is refused."""
    try:
        with regular.open_regular(path) as file:
            yield file
    except FileNotFoundError:
        raise refused(f"{path} does not exist{regular.neighbour(path)}", "data.path") from None
    except regular.NotRegular:
        raise refused(f"{path} is not a regular file: save the data to one", "data.path") from None
    except OSError as error:
        raise refused(f"{path} cannot be read: {regular.reason(error)}", "data.path") from None


def require_unchanged(recorded: str | None, found: str) -> None:
    """Refuse a file whose bytes are no longer those of data.sha256."""
    if recorded is not None and recorded != found:
        message = f"the file has changed, its sha256 is now {found}: remove data.sha256 to take it as it is"
        raise refused(message, "data.sha256")

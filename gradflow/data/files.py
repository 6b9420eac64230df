"""Opening a data file that the user named: a regular file or a one-line refusal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

from annotated_types import doc

from gradflow.errors import refused
from gradflow.files import regular

DataFile = Annotated[str, doc("The file; a relative path starts at the config's folder.")]
Sha256 = Annotated[str | None, doc("Of the file's bytes, in hex; the run fills it in, and holds to it.")]


@contextmanager
def open_regular(path: Path, key: str = "data.path") -> Iterator[BinaryIO]:
    """The file of a key open for reading in binary; a missing, unreadable or no regular file is refused."""
    try:
        with regular.open_regular(path) as file:
            yield file
    except OSError as error:
        raise refused(f"{path} {regular.wrong_with(path, error, 'save the data to one')}", key) from None


def require_unchanged(recorded: str | None, found: str, key: str = "data.sha256") -> None:
    """Refuse a file whose bytes are no longer those of the key."""
    if recorded is not None and recorded != found:
        raise refused(
            f"the file has changed, its sha256 is now {found}: remove {key} to take it as it is", key
        )

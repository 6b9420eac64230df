"""A record that grows while a training of somebody else's goes on: a line a row, on the disk when it is said.

It stands in `.partial` under the lock of its run until it is published; what a killed process left there is
whole up to its last line.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from msgspec.json import Decoder

from gradflow.store.names import PARTIAL, ROWS, is_id
from gradflow.store.owners import is_free
from gradflow.store.partial import claim
from gradflow.store.reading import damaged, read_bytes
from gradflow.store.typed import UNREADABLE
from gradflow.store.writing import disk_errors, remove

LARGEST = 1_000_000_000  # bytes of a record

_LINE = Decoder(dict[str, Any])


class Stream:
    """The record of run `id` in a runs folder, held by this process until it is closed.

    The first line of a new one is `head`; of one that stands there already it stays what it was.
    """

    def __init__(self, folder: Path, id: str, head: dict[str, Any]) -> None:
        with ExitStack() as opened:
            self.claimed = opened.enter_context(claim(folder, id))
            self.path = self.claimed.rows
            with disk_errors(self.claimed.target):
                _mend(self.path)
                self._file = open(self.path, "ab")  # noqa: SIM115
            opened.callback(self._close_file)
            if self._file.tell() == 0:  # at the end of what is there
                self._begin(head)
            self._stack = opened.pop_all()

    def _begin(self, head: dict[str, Any]) -> None:
        try:
            self.add(head)
        except BaseException:
            remove(self.path)  # without a head it would be of no use
            raise

    def add(self, row: dict[str, Any]) -> None:
        """Write a row, and hand it to the system: it outlives this process, however that ends."""
        with disk_errors(self.claimed.target):
            self._file.write(json.dumps(row, allow_nan=False).encode() + b"\n")
            self._file.flush()

    def close(self) -> None:
        """Let go of the run; what was not published stays in `.partial`."""
        self._stack.close()

    def _close_file(self) -> None:
        with suppress(OSError):  # of what the disk has refused before, which was told then
            self._file.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()


def left(folder: Path) -> list[str]:
    """The ids of records that no process works on any more, oldest first."""
    partial = folder / PARTIAL
    try:
        names = [name for name in os.listdir(partial) if name.endswith(ROWS)]
    except OSError:
        return []
    ids = [name.removesuffix(ROWS) for name in names]
    found = [id for id in ids if is_id(id) and is_free(partial / f"{id}.lock")]
    return sorted(found, key=lambda id: (partial / f"{id}{ROWS}").stat().st_mtime_ns)


def read_stream(folder: Path, id: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The head and the rows of a record, without a line that was cut off. RunError if it is damaged."""
    path = folder / PARTIAL / f"{id}{ROWS}"
    lines = read_bytes(path, LARGEST).split(b"\n")[:-1]
    try:
        head, *rows = map(_LINE.decode, lines)
    except UNREADABLE:
        raise damaged(path, "is no record of rows", "remove it") from None
    return head, rows


def _mend(path: Path) -> None:
    """Take away a last line that a killed process has not finished."""
    if path.exists():
        content = path.read_bytes()
        if not content.endswith(b"\n"):
            os.truncate(path, content.rfind(b"\n") + 1)

"""The seal of a summary.json: its first key holds the sha256 of the rest of it and of the run.json beside it.

A bit that was flipped in either is seen, and what is said of a run is shown with the run.json it was made of.
A head may follow, which has a sha256 of its own, so that it can be believed without the rest.
"""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import Any

from gradflow.errors import RunError
from gradflow.store.names import RUN, SUMMARY
from gradflow.store.reading import damaged, read_bytes, read_start
from gradflow.store.writing import json_bytes

_HEAD = re.compile(rb'\{"seal": \{"summary": "([0-9a-f]{64})", "run": "([0-9a-f]{64})"\}, ')
_ROW = re.compile(rb'"row": \{"sha256": "([0-9a-f]{64})", "bytes": ([0-9]{1,5}), "holds": ')
HEAD = 8192  # bytes in which the seal and a head stand; a longer one is read with the rest
TRIES = 3  # a run that is replaced meanwhile gives one file of the old and one of the new


def sealed(document: dict[str, Any], run: bytes, head: dict[str, Any] | None = None) -> bytes:
    """The content of summary.json for a run whose run.json has the content `run`."""
    body, of_run = json_bytes(document).removeprefix(b"{"), stamp_of(run).encode()
    if head is not None:
        row = json_bytes(head).rstrip()
        of_row = _digest(of_run, row).encode()
        body = b'"row": {"sha256": "%b", "bytes": %d, "holds": %b}, %b' % (of_row, len(row), row, body)
    of_body = _digest(of_run, body).encode()
    return b'{"seal": {"summary": "%b", "run": "%b"}, %b' % (of_body, of_run, body)


def stamp_of(run: bytes) -> str:
    """The sha256 (64 hex) of the content of a run.json."""
    return sha256(run).hexdigest()


def read_sealed(folder: Path, stamp: str = "") -> bytes | None:
    """The document of a run's summary.json; None if it is missing or damaged, or older than seals.

    `stamp` is that of run.json as it was read before. RunError if run.json is not the one of the seal.
    """
    for _ in range(TRIES):
        try:
            found = _opened(read_bytes(folder / SUMMARY))
        except RunError:
            found = None
        if found is None:
            return None
        if found[1] == stamp or found[1] == stamp_of(read_bytes(folder / RUN)):
            return found[0]
    raise damaged(folder / RUN, "is not the one that summary.json was sealed with")


def read_head(folder: Path, stamp: str) -> bytes | None:
    """The head of a summary.json; None if there is none that is whole, of a run.json with this stamp."""
    try:
        content = read_start(folder / SUMMARY, HEAD)
    except RunError:
        return None
    head = _HEAD.match(content)
    row = _ROW.match(content, head.end()) if head else None
    if not head or not row or head[2].decode() != stamp:
        return None
    found = content[row.end() : row.end() + int(row[2])]
    return found if _digest(head[2], found) == row[1].decode() else None


def _opened(content: bytes) -> tuple[bytes, str] | None:
    """The document, and the sha256 of run.json; None if there is no seal, or it is of another content."""
    head = _HEAD.match(content)
    if not head:
        return None
    body = memoryview(content)[head.end() :]
    return (b"{" + body, head[2].decode()) if _digest(head[2], body) == head[1].decode() else None


def _digest(of_run: bytes, body: bytes | memoryview) -> str:
    digest = sha256(of_run)
    digest.update(body)
    return digest.hexdigest()

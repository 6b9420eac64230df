"""The forms that a file of norms can have, each known by its first bytes; any of them may be gzipped."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from gradflow.errors import InputError, refused
from gradflow.files.regular import read_regular, wrong_with
from gradflow.natural import natural
from gradflow.outside.csv_norms import csv_norms
from gradflow.outside.event_norms import event_norms, is_events
from gradflow.outside.found import Finding
from gradflow.outside.json_norms import json_norms
from gradflow.outside.npz_norms import FREE, SWOLLEN, npy_norms, npz_norms
from gradflow.outside.only import ALL, Only

FormatReader = Callable[[bytes, str, Only], Iterator[Finding]]

LARGEST = 100_000_000  # bytes of a file, and of a folder's event files together
MOST_FILES = 10_000  # of a folder, of whatever kind
GZIP = b"\x1f\x8b"
EVENTS = "tfevents"  # in the name of an event file
METRICS = "metrics.csv"  # in the folder of Lightning's CSVLogger
READERS: tuple[tuple[Callable[[bytes], bool], FormatReader], ...] = (
    (lambda content: content.startswith(b"PK"), npz_norms),
    (lambda content: content.startswith(b"\x93NUMPY"), npy_norms),
    (is_events, lambda content, source, only: event_norms([("", content)], source, only)),
    (lambda content: content[:100].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["), json_norms),
    (lambda content: True, csv_norms),
)


def norms_of(path: Path, only: Only = ALL) -> Iterator[Finding]:
    """The norms of a file, or of a folder of event files. InputError if it cannot be read."""
    if os.path.isdir(path):  # which a name too long for a file is not
        return _norms_of_folder(path, only)
    content, source = unzipped(content_of(path), str(path)), str(path)
    return next(reader for knows, reader in READERS if knows(content))(content, source, only)


def content_of(path: Path, most: int = LARGEST) -> bytes:
    """The bytes of a regular file. InputError if it cannot be read, or is too large."""
    try:
        content = read_regular(path, most)
    except OSError as error:
        raise _refused(wrong_with(path, error, "save the norms to one"), path) from None
    if len(content) > most:
        raise _refused(f"is larger than {LARGEST // 10**6} MB: record fewer steps", path)
    return content


def unzipped(content: bytes, source: str) -> bytes:
    """The content of a gzipped file, or `content` itself if it is none."""
    if not content.startswith(GZIP):
        return content
    most, parts, rest = min(LARGEST, FREE + SWOLLEN * len(content)), b"", content
    try:
        while rest.startswith(GZIP):  # a file may have several members
            member = zlib.decompressobj(wbits=31)
            parts += member.decompress(rest, most + 1 - len(parts))
            if len(parts) > most:
                raise _refused("holds far more than its size tells: give it unzipped", Path(source))
            if not member.eof:
                raise zlib.error("cut short")
            rest = member.unused_data
    except zlib.error:
        raise _refused("is a damaged gzip file: zip it again", Path(source)) from None
    if parts.startswith(GZIP):
        raise _refused("is gzipped twice: unzip it once", Path(source))
    return parts


def _norms_of_folder(folder: Path, only: Only) -> Iterator[Finding]:
    """Of a folder of event files, in which each folder is a run, or of one of Lightning's CSVLogger."""
    paths = _event_files(folder)
    if not paths and (folder / METRICS).is_file():
        return norms_of(folder / METRICS, only)
    if not paths:
        raise _refused(f"is a folder without event files ({EVENTS}) or {METRICS}: name a file", folder)
    files, left = [], LARGEST
    for path in paths:
        content = content_of(path, left)
        left -= len(content)
        parent = path.parent.relative_to(folder).as_posix()
        files.append(("" if parent == "." else parent, content))
    return event_norms(files, str(folder), only)


def _event_files(folder: Path) -> list[Path]:
    found, seen = [], 0
    for place, _, names in os.walk(folder):
        seen += len(names)
        if seen > MOST_FILES:
            raise _refused("is a folder of too many files: name one, or the folder of a run", folder)
        found += [Path(place, name) for name in names if EVENTS in name]
    return sorted(found, key=lambda path: natural(str(path)))  # run_2 before run_10


def _refused(message: str, path: Path) -> InputError:
    return refused(message, source=str(path))

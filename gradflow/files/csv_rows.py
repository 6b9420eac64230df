"""From the bytes of a CSV file to its rows, read once, line by line: each row knows where it starts."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from gradflow.errors import refused

_LONGEST_LINE = 2**22  # bytes
_AFTER_RETURN = re.compile(rb"(?<=\r)(?!\n|\Z)")


def read_rows(
    file: BinaryIO, source: str, delimiter: str = ",", seen: Callable[[bytes], object] | None = None
) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every row that is not blank; a row that spans lines counts from its first.

    `seen` is given all bytes that were read. InputError, with the line, for what is no CSV file in UTF-8.
    """
    lines = _lines(file, source, seen)
    reader = csv.reader(lines, strict=True, skipinitialspace=True, delimiter=delimiter)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            message = f"not well-formed CSV ({error}): quote a whole value, and double the quotes inside it"
            raise refused(message, source=source, line=line) from None
        if row:
            yield line, row


def _lines(file: BinaryIO, source: str, seen: Callable[[bytes], object] | None) -> Iterator[str]:
    """The file's lines as text; decoded one by one, so that a bad byte is reported with its own line."""
    for number, raw in enumerate(_raw_lines(file, seen), start=1):
        if len(raw) >= _LONGEST_LINE:
            raise refused(f"the line is longer than {_LONGEST_LINE >> 20} MB", source=source, line=number)
        try:
            text = raw.decode() if number > 1 else raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise refused("not UTF-8: save the file as UTF-8 text", source=source, line=number) from None
        if "\0" in text:
            raise refused("holds a NUL byte: this is not a text file", source=source, line=number)
        yield text


def _raw_lines(file: BinaryIO, seen: Callable[[bytes], object] | None) -> Iterator[bytes]:
    r"""What ends in \n, \r\n or, as in files of old Macs, in \r; no line without end is kept."""
    rest = b""
    while raw := file.readline(_LONGEST_LINE):
        if seen:
            seen(raw)
        if not rest and raw.endswith(b"\n") and b"\r" not in raw:
            yield raw  # as nearly all are
            continue
        lines = [rest + raw]
        if raw.count(b"\r") > raw.endswith(b"\r\n"):
            lines = _AFTER_RETURN.split(lines[0])
        rest = b"" if raw.endswith(b"\n") or len(lines[-1]) >= _LONGEST_LINE else lines.pop()
        yield from lines
    if rest:
        yield rest

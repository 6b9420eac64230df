"""From the bytes of a CSV file to its rows, read once, line by line: each row knows where it starts."""

from __future__ import annotations

import csv
import re
from collections import Counter
from typing import TYPE_CHECKING, BinaryIO

from gradflow.data import cells
from gradflow.data.base import refused

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

DECIMALS = {"point": ".", "comma": ","}
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "space": " ", "pipe": "|"}

_LONGEST_LINE = 2**22  # bytes
_AFTER_RETURN = re.compile(rb"(?<=\r)(?!\n|\Z)")
_NAMED = 8  # columns of a file that an error names


def read_rows(
    file: BinaryIO, source: str, delimiter: str, seen: Callable[[bytes], None]
) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every row that is not blank; a row that spans lines counts from its first."""
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


def read_header(rows: Iterator[tuple[int, list[str]]], source: str, dropped: Collection[str]) -> list[str]:
    """The names of the columns; those that are not dropped have a name each, and no two the same."""
    line, row = next(rows, (0, []))
    names = [cell.strip() for cell in row]
    if not names:
        raise refused("the file is empty: it needs a header row and data", source=source)
    if all(cells.number(name) is not None for name in names):
        message = f"numbers where a header should name the columns: {listed(names)}"
        raise refused(message, source=source, line=line)
    kept = [name for name in names if name not in dropped]
    if "" in kept:
        message = f"column {names.index('') + 1} has no name: give it one, or leave it out by data.drop: ['']"
        raise refused(message, source=source, line=line)
    if twice := [name for name, count in Counter(kept).items() if count > 1]:
        raise refused("two columns have this name: rename one", twice[0], source, line)
    if len(names) == 1:
        raise refused(_one_column(names[0]), source=source, line=line)
    return names


def other_delimiter(text: str, wanted: str = "") -> str:
    """The name of the first delimiter that parts `text` (into parts of which one is `wanted`), or ""."""
    for name, delimiter in DELIMITERS.items():
        parts = [part.strip(" \"'") for part in text.split(delimiter)]
        if len(parts) > 1 and (not wanted or wanted in parts):
            return name
    return ""


def listed(names: list[str]) -> str:
    """The first of a file's columns."""
    return ", ".join([repr(name[:40]) for name in names[:_NAMED]] + ["..."] * (len(names) > _NAMED))


def _one_column(name: str) -> str:
    if other := other_delimiter(name):
        return f"there is one column, {name[:40]!r}: set data.delimiter: {other}"
    return "there is one column: give a feature beside the target"


def _lines(file: BinaryIO, source: str, seen: Callable[[bytes], None]) -> Iterator[str]:
    """The file's lines as text; decoded one by one, so that a bad byte is reported with its own line."""
    for number, raw in enumerate(_raw_lines(file, seen), start=1):
        if len(raw) >= _LONGEST_LINE:
            raise refused(f"the line is longer than {_LONGEST_LINE >> 20} MB", source=source, line=number)
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise refused("not UTF-8: save the file as UTF-8 text", source=source, line=number) from None
        if "\0" in text:
            raise refused("holds a NUL byte: this is not a text file", source=source, line=number)
        yield text


def _raw_lines(file: BinaryIO, seen: Callable[[bytes], None]) -> Iterator[bytes]:
    r"""What ends in \n, \r\n or, as in files of old Macs, in \r; no line without end is kept."""
    rest = b""
    while raw := file.readline(_LONGEST_LINE):
        seen(raw)
        lines = [rest + raw]
        if raw.count(b"\r") > raw.endswith(b"\r\n"):
            lines = _AFTER_RETURN.split(lines[0])
        rest = b"" if raw.endswith(b"\n") or len(lines[-1]) >= _LONGEST_LINE else lines.pop()
        yield from lines
    if rest:
        yield rest

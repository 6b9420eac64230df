"""The header of a CSV file of data: a name for each column, or what to do about it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator

from gradflow.data import cells
from gradflow.errors import refused

DECIMALS = {"point": ".", "comma": ","}
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "space": " ", "pipe": "|"}

NAMED = 8  # columns of a file that an error names


def read_header(rows: Iterator[tuple[int, list[str]]], source: str, dropped: Collection[str]) -> list[str]:
    """The names of the columns; those that are not dropped have a name each, and no two the same."""
    line, row = next(rows, (0, []))
    names = [cell.strip() for cell in row]
    if not names:
        raise refused("the file is empty: it needs a header row and data", source=source)
    if all(cells.number(name) is not None for name in names):
        message = f"numbers where a header should name the columns: {listed(names)}"
        raise refused(message, source=source, line=line)
    if _is_remark(names):
        message = f"{names[0][:40]!r} stands where a header should name the columns: remove this line"
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
    return ", ".join([repr(name[:40]) for name in names[:NAMED]] + ["..."] * (len(names) > NAMED))


def _is_remark(names: list[str]) -> bool:
    """Whether a first line is a comment, or tells a spreadsheet the delimiter (sep=;)."""
    alone = not any(names[1:])
    return alone and (names[0].startswith("#") or re.fullmatch("sep=.?", names[0], re.IGNORECASE) is not None)


def _one_column(name: str) -> str:
    if other := other_delimiter(name):
        return f"there is one column, {name[:40]!r}: set data.delimiter: {other}"
    return "there is one column: give a feature beside the target"

"""Norms in CSV text, parted by commas, or by semicolons or tabs, beside which commas may be decimal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from io import BytesIO

from gradflow.errors import InputError, refused
from gradflow.files.csv_rows import read_rows
from gradflow.outside.found import Finding
from gradflow.outside.only import ALL, Only
from gradflow.outside.table import NormsTable, TableRow

COMMA = ","
DELIMITERS = COMMA, ";", "\t"
_POINT = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?").fullmatch
_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?").fullmatch
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}").fullmatch


def csv_norms(content: bytes, source: str, only: Only = ALL) -> Iterator[Finding]:
    """The norms of a file's content. InputError names the line of what cannot be read."""
    delimiter = max(DELIMITERS, key=lambda one: _columns(content, one))
    rows = read_rows(BytesIO(content), source, delimiter)
    line, titles = next(rows, (1, []))
    titles = [title.strip() for title in titles]
    cells = _cells(rows, titles, source, delimiter != COMMA)
    return NormsTable(source, titles, cells, line, only).norms()


def _columns(content: bytes, delimiter: str) -> int:
    """How many titles a delimiter makes; 0 if it makes no CSV."""
    try:
        return len(next(read_rows(BytesIO(content), "", delimiter), (1, []))[1])
    except InputError:
        return 0


def _cells(
    rows: Iterator[tuple[int, list[str]]], titles: Sequence[str], source: str, commas: bool
) -> Iterator[TableRow]:
    """What stands under each title; with `commas`, those in numbers may be for points."""
    decimals = _Commas(source)
    for line, cells in rows:
        if len(cells) != len(titles):
            words = f"has {len(cells)} cells under {len(titles)} columns"
            raise refused(words, source=source, line=line)
        stripped = [cell.strip() for cell in cells]
        yield line, dict(zip(titles, decimals.read(stripped, line) if commas else stripped, strict=True))
    decimals.require_sure()


class _Commas:
    """Numbers where 0,5 may be a half: none then has a point, and one at least is no 1,000."""

    def __init__(self, source: str) -> None:
        self.source, self.points, self.sure, self.line = source, False, False, 0

    def read(self, cells: Sequence[str], line: int) -> list[str]:
        """The cells of a row, with decimal points."""
        with_comma = list(filter(_COMMA, cells))
        self.points = self.points or any(map(_POINT, cells))
        if with_comma:
            self.sure = self.sure or not all(map(_THOUSANDS, with_comma))
            self.line = self.line or line
        return [cell.replace(",", ".") if _COMMA(cell) else cell for cell in cells]

    def require_sure(self) -> None:
        """InputError where commas and points both stand in numbers, or all commas may part thousands."""
        if self.line and (self.points or not self.sure):
            words = "numbers have a comma that may be decimal or part thousands: write decimal points alone"
            raise refused(words, source=self.source, line=self.line)

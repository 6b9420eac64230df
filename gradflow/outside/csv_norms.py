"""Norms in CSV text, parted by commas, or by semicolons or tabs, beside which commas may be decimal."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from io import BytesIO, TextIOWrapper
from typing import TYPE_CHECKING

from gradflow.errors import InputError, Problem
from gradflow.outside.found import Found
from gradflow.outside.table import Row, Table

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

DELIMITERS = ",", ";", "\t"
_POINT = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?").fullmatch
_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?").fullmatch
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}").fullmatch


def csv_norms(content: bytes, source: str) -> Iterator[Found]:
    """The norms of a file's content. InputError names the line of what cannot be read."""
    try:
        delimiter = _delimiter(_lines(content).readline())
        reader = csv.reader(_lines(content), strict=True, delimiter=delimiter)
        titles = [title.strip() for title in next(reader, [])]
        yield from Table(source, titles, _rows(reader, titles, delimiter != ",", source), 1).norms()
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(Problem(f"is no CSV file in UTF-8: {error}", source=source)) from None


def _lines(content: bytes) -> TextIOWrapper:
    return TextIOWrapper(BytesIO(content), "utf-8-sig", newline="")


def _delimiter(header: str) -> str:
    """The delimiter that makes most titles of the first line."""
    return max(DELIMITERS, key=lambda one: len(next(csv.reader([header], delimiter=one), [])))


def _rows(reader: CsvReader, titles: Sequence[str], commas: bool, source: str) -> Iterator[Row]:
    """The rows that are not blank; with `commas`, numbers may have one for a point."""
    decimals = _Commas(source)
    for cells in reader:
        if len(cells) not in (0, len(titles)):
            words = f"has {len(cells)} cells under {len(titles)} columns"
            raise InputError(Problem(words, source=source, line=reader.line_num))
        if cells and commas:
            cells = decimals.read(cells, reader.line_num)
        if cells:
            yield reader.line_num, dict(zip(titles, map(str.strip, cells), strict=True))
    decimals.require_sure()


class _Commas:
    """Numbers where 0,5 may be a half: none then has a point, and one at least is no 1,000."""

    def __init__(self, source: str) -> None:
        self.source, self.points, self.sure, self.unsure = source, False, False, 0

    def read(self, cells: Sequence[str], line: int) -> list[str]:
        """The cells of a row, with decimal points."""
        with_comma = [bool(_COMMA(cell.strip())) for cell in cells]
        self.points = self.points or any(_POINT(cell.strip()) for cell in cells)
        if any(with_comma):
            self.sure = self.sure or not all(
                _THOUSANDS(cell.strip()) for cell, has in zip(cells, with_comma, strict=True) if has
            )
            self.unsure = self.unsure or line
        return [cell.replace(",", ".") if has else cell for cell, has in zip(cells, with_comma, strict=True)]

    def require_sure(self) -> None:
        """InputError where commas and points both stand in numbers, or all commas may part thousands."""
        if self.unsure and (self.points or not self.sure):
            words = "numbers have a comma that may be decimal or part thousands: write decimal points alone"
            raise InputError(Problem(words, source=self.source, line=self.unsure))

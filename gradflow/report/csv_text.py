"""Tables as CSV: numbers in full, what is missing empty, and no text that a spreadsheet would run."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from json import dumps
from math import isfinite
from typing import Any

from gradflow.report.numbers import inert

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A header and a line a row, with LF line ends."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_cell, columns))
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def csv_of(rows: Sequence[dict[str, Any]]) -> str:
    """The CSV of rows by column name; a column that a row lacks is empty there."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return csv_text(columns, ([row.get(name) for name in columns] for row in rows))


def _cell(value: Any) -> Any:
    """A number or a truth as it is, a list or mapping as JSON, and a text made inert."""
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return ""
    if isinstance(value, bool | int | float):
        return {True: "true", False: "false"}[value] if isinstance(value, bool) else value
    text = inert(value if isinstance(value, str) else dumps(value))
    return f"'{text}" if text.startswith(_FORMULA) else text

"""What stands in a cell of a CSV file: a number, a missing value, a number in another notation, or text."""

from __future__ import annotations

import re
import sys
import unicodedata
from math import isfinite

LONGEST = 80  # characters of a number in another notation; the patterns take quadratic time
NULLS = {
    "", "na", "n/a", "n.a.", "nan", "-nan", "nat", "null", "none", "nil", "missing", "<na>", "<null>",
    "(null)", "#n/a", "#na", "#n/a n/a", "#null!", "#value!", "#ref!", "#div/0!", "#num!", "#name?", "\\n",
    "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan",
}  # fmt: skip
_MARKS = re.compile(r"[?.\-–—_…]+")  # question marks, dots and dashes alone

_GROUPED = r"\d{1,3}(?:[,.]\d{2,3})+(?:[.,]\d+)?"
_AMOUNT = rf"[+-]?(?:{_GROUPED}|\d*[.,]?\d+|\d+[.,])(?:[eEdD][+-]?\d+)?"
_WRITTEN = re.compile(rf"{_AMOUNT}-?")
_MEASURED = re.compile(rf"({_AMOUNT})\s*[^\d\s.,+:/-][^\d\s]{{0,9}}")
_HEXADECIMAL = re.compile(r"[+-]?0[xX][0-9a-fA-F]+")
_DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}(?:[T ].*)?|\d{1,2}:\d{2}(?::\d{2}.*)?")
_GROUP_MARK = re.compile(r"(?<=\d)[ '’_](?=\d{3}(?!\d))")
_ONE_GROUP = re.compile(r"[+-]?[1-9]\d{0,2}[,.]\d{3}")  # or three decimals
_CODES = re.compile(
    r"^(?:US|usd|eur|gbp|jpy|chf|cny|inr)\s*(?=\d)|(?<=\d)\s*(?:usd|eur|gbp|jpy|chf|cny|inr)$", re.I
)
_AROUND = "<>~≈≤≥±*()"
_OTHER_MARK = {"comma": "set data.decimal: comma", "point": "leave data.decimal out"}
_SIGNS = str.maketrans({"−": "-", "٫": ".", "٬": ",", "⁄": "/"})  # minus, Arabic separators, fraction slash


def number(cell: str, decimal: str = ".") -> float | None:
    """A finite number in the digits 0 to 9, or None: Python's digit groups (2020_01) are text."""
    found = numbers([cell.strip()], decimal)
    return None if found is None else found[0]


def numbers(cells: list[str], decimal: str = ".") -> list[float] | None:
    """All cells as numbers, or None if one is not."""
    joined = "\0".join(cells)
    if "_" in joined or not joined.isascii():
        return None
    if decimal == ",":
        if "." in joined:
            return None
        cells = joined.replace(",", ".").split("\0")
    try:
        values = list(map(float, cells))
    except ValueError:
        return None
    return values if all(map(isfinite, values)) else None


def is_missing(cell: str) -> bool:
    """Whether a stripped cell is a usual mark for a missing value."""
    return cell.lower() in NULLS or _MARKS.fullmatch(cell) is not None


def notation(cell: str) -> str:
    """How a cell that is no plain number writes one, with the remedy; "" for any other text."""
    if len(cell) > LONGEST or not any(map(str.isdigit, cell)):
        return ""
    if _DATE.fullmatch(cell):
        return "a date or a time"
    if _HEXADECIMAL.fullmatch(cell):
        return "hexadecimal"
    if number(cell) is not None:
        return _decimal("point", cell)
    if number(cell, ",") is not None:
        return _decimal("comma", cell)
    bare = _bare(cell)
    if re.fullmatch(r"[+-]?[\d.]+[eE][+-]?\d+", cell, re.ASCII):
        return f"the largest float64 is {sys.float_info.max:.1e}"
    return _peculiarity(cell) if _WRITTEN.fullmatch(bare) else ""


def measured(cell: str) -> float | None:
    """The number of a number with a unit (12 kg, 4wd); None for anything else."""
    found = _MEASURED.fullmatch(_bare(cell)) if len(cell) <= LONGEST else None
    if not found:
        return None
    grouped = re.fullmatch(rf"[+-]?{_GROUPED}", found[1])
    return number(re.sub("[,.]", "", found[1]) if grouped else found[1].replace(",", "."))


def _bare(cell: str) -> str:
    """The cell in ASCII digits, without signs of currency and percent, marks of groups and what is around."""
    text = unicodedata.normalize("NFKC", cell).translate(_SIGNS)
    text = "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text)
    text = "".join(char for char in text if unicodedata.category(char) != "Sc" and char not in "%‰")
    return _CODES.sub("", _GROUP_MARK.sub("", text.strip().strip(_AROUND).strip())).strip()


def _peculiarity(cell: str) -> str:
    if any(unicodedata.category(char) == "Sc" for char in cell) or _CODES.search(cell):
        return "leave the currency out"
    if "%" in cell or "‰" in cell:
        return "leave the percent sign out"
    if any(char.isdecimal() and not char.isascii() for char in cell):
        return "write the digits 0 to 9"
    return "write digits and one decimal mark alone"


def _decimal(mark: str, text: str) -> str:
    """What to do about a mark that is not the file's decimal one, and may group digits."""
    remedy = f"for a decimal {mark} {_OTHER_MARK[mark]}"
    return f"leave the {mark} out if it groups digits; {remedy}" if _ONE_GROUP.fullmatch(text) else remedy

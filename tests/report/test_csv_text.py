"""CSV that numbers survive and formulas do not."""

import csv
from io import StringIO

import pytest

from gradflow.report.csv_text import csv_of, csv_text
from tests.report.examples import HOSTILE


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0"])
def test_a_text_that_a_spreadsheet_would_run_is_inert(text: str) -> None:
    ((cell,),) = list(csv.reader(StringIO(csv_text(["x"], [[text]]))))[1:]
    assert cell[0] not in "=+-@\t\r"


def test_numbers_stay_numbers_to_the_last_digit() -> None:
    values = [-1.5, 0.1 + 0.2, 1e-300, -7, True]
    (cells,) = list(csv.reader(StringIO(csv_text("abcde", [values]))))[1:]
    assert [float(cell) for cell in cells[:4]] == values[:4]
    assert cells[4] == "true"


def test_what_is_missing_or_not_finite_is_empty() -> None:
    assert csv_text(["a", "b", "c"], [[None, float("nan"), float("inf")]]) == "a,b,c\n,,\n"


def test_no_character_of_a_text_acts() -> None:
    text = csv_text([HOSTILE], [[HOSTILE]])
    assert not {"\x1b", "\x07", "\u202e", "\x9b", "\ud800"} & set(text)
    assert text.count("\n") == 2


def test_rows_share_all_of_their_columns() -> None:
    assert csv_of([{"a": 1}, {"b": [1, 2]}]) == 'a,b\n1,\n,"[1, 2]"\n'

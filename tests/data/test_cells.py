"""What a cell of text is, over tables of spellings."""

# ruff: noqa: E501 - rows of tables

import pytest

from gradflow.data import cells

PLAIN = {
    "1": 1,
    "-2.5": -2.5,
    "+.5": 0.5,
    "5.": 5,
    "1e3": 1000,
    "1E-3": 0.001,
    " 7 ": 7,
    "\u00a08\u00a0": 8,
    "007": 7,
}
OTHERWISE = {  # numbers in other notations
    "currency": ["$1,200", "€5", "5 €", "£3.50", "¥100", "USD 12", "12 EUR", "US$ 5", "-$3", "($3)"],
    "percent": ["12%", "12.5 %", "-3%", "5‰"],
    "digits 0 to 9": ["٣٤", "۱۲", "१२", "１２", "٣٫٥"],
    "decimal comma": ["3,5", "-0,25", "1,5e3", ",5", "3,14159"],
    "leave the comma": ["1,234", "200,000"],
    "one decimal mark": ["1,234.50", "1.234,50", "1 234", "1'234.5", "1_000", "1,23,456", "−5", "(12)", "~5", "<5", "5-", "1.5D+03", "12.5*"],
    "hexadecimal": ["0x10", "0XfF"],
    "a date": ["2020-01-31", "31.12.2020", "1/2/2020", "2020-01-31T10:00", "12:30", "12:30:59"],
    "largest float64": ["1e999"],
}  # fmt: skip
TEXT = [
    "class 1",
    "1st",
    "4wd",
    "10-19",
    "1/2",
    "a",
    "v1.2",
    "3+",
    "id17",
    "555-1234",
    "10.0.0.1",
    "yes",
    "½",
    "2020_01",
]
MISSING = ["", "NA", "na", "N/A", "n/a", "NaN", "-nan", "NULL", "null", "None", "nil", "missing", "?", "??", ".", "..", "-", "--", "—", "…", "#N/A", "#NA", "<NA>", "#DIV/0!", "\\N", "NaT"]  # fmt: skip


@pytest.mark.parametrize("cell", PLAIN)
def test_plain_numbers_are_numbers(cell: str) -> None:
    assert cells.number(cell) == PLAIN[cell]


@pytest.mark.parametrize(("why", "cell"), [(why, cell) for why, found in OTHERWISE.items() for cell in found])
def test_a_number_in_another_notation_is_told_with_what_is_odd(why: str, cell: str) -> None:
    assert cells.number(cell) is None
    assert why in cells.notation(cell)


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("1,567", "leave the comma out if it groups digits; for a decimal comma set data.decimal: comma"),
        ("-200,000", "leave the comma out if it groups digits; for a decimal comma set data.decimal: comma"),
        ("0,752", "for a decimal comma set data.decimal: comma"),
        ("1,56", "for a decimal comma set data.decimal: comma"),
        ("1234,567", "for a decimal comma set data.decimal: comma"),
        ("1.5", "for a decimal point leave data.decimal out"),
        ("1.5e3", "for a decimal point leave data.decimal out"),
        ("1.234", "leave the point out if it groups digits; for a decimal point leave data.decimal out"),
    ],
)
def test_a_mark_that_may_be_decimal_is_not_just_left_out(cell: str, told: str) -> None:
    """A point is told of where the decimal mark is a comma: elsewhere it is a plain number."""
    assert cells.notation(cell) == told


@pytest.mark.parametrize("cell", ["\u22121,5", "1 234,5", "~3,5"])
def test_a_decimal_comma_is_no_remedy_for_what_is_odd_with_it_too(cell: str) -> None:
    assert cells.number(cell, ",") is None
    assert cells.notation(cell) == "write digits and one decimal mark alone"


@pytest.mark.parametrize("cell", [*TEXT, "nan", "inf", "Infinity"])
def test_text_is_no_number_in_any_notation(cell: str) -> None:
    assert cells.number(cell) is None
    assert cells.notation(cell) == ""


@pytest.mark.parametrize("cell", MISSING)
def test_marks_of_missing_values_are_known(cell: str) -> None:
    assert cells.is_missing(cell)


@pytest.mark.parametrize("cell", [*TEXT, "0", "+", "no", "nano", "Namibia", "unknown", "-1", "N", "x."])
def test_other_texts_are_there(cell: str) -> None:
    assert not cells.is_missing(cell)


@pytest.mark.parametrize(
    ("cell", "value"),
    [("3,5", 3.5), ("-1", -1), ("1,5e3", 1500), ("3.5", None), ("1.234,5", None), ("1,2,3", None)],
)
def test_a_decimal_comma_leaves_no_room_for_points(cell: str, value: float | None) -> None:
    assert cells.number(cell, ",") == value


@pytest.mark.parametrize(
    ("cell", "value"),
    [("4wd", 4), ("12.5 kg", 12.5), ("1,200 m", 1200), ("3,5cm", 3.5), ("10-19", None), ("12", None), ("id5", None), ("1.2.3b", None)],
)  # fmt: skip
def test_a_number_with_a_unit_is_measured(cell: str, value: float | None) -> None:
    assert cells.measured(cell) == value


def test_numbers_of_a_row_are_all_or_none() -> None:
    assert cells.numbers(["1", " 2.5", "-3e1"]) == [1, 2.5, -30]
    for odd in ("x", "nan", "1_0", "٣", ""):
        assert cells.numbers(["1", odd]) is None

"""How a CSV may be written: delimiters, decimal marks, line ends, columns to drop, a second file to hold out."""

# ruff: noqa: E501 - rows of tables

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.data import Data
from gradflow.data.csv_file import Csv
from gradflow.errors import InputError

TABLE = "a,b,y\n1.5,2,u\n-3,4,v\n5,6.25,u\n"
X = [[1.5, 2], [-3, 4], [5, 6.25]]


def load(folder: Path, content: str, **keys: Any) -> Data:
    (folder / "d.csv").write_bytes(content.encode())
    settings = {"path": "d.csv", "target": "y", "standardize": False, "test_fraction": 0.0, **keys}
    return Csv(**settings).load(folder)


def refusal(folder: Path, content: str, **keys: Any) -> str:
    """The one line of the error, with the folder left out."""
    with pytest.raises(InputError) as caught:
        load(folder, content, **keys)
    assert len(caught.value.problems) == 1
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("delimiter", "mark"),
    [("comma", ","), ("semicolon", ";"), ("tab", "\t"), ("pipe", "|"), ("space", " "), (";", ";"), ("\t", "\t"), (None, ",")],
)  # fmt: skip
def test_a_delimiter_is_a_word_or_the_mark_itself(tmp_path: Path, delimiter: str | None, mark: str) -> None:
    data = load(tmp_path, TABLE.replace(",", mark), delimiter=delimiter)
    assert (data.x.tolist(), data.y[:, 0].tolist()) == (X, [1, 0, 1])


@pytest.mark.parametrize("mark", [";", "\t", "|", " "])
def test_a_file_of_another_delimiter_is_refused_with_the_key(tmp_path: Path, mark: str) -> None:
    assert "set data.delimiter: " in refusal(tmp_path, TABLE.replace(",", mark))
    commas = refusal(tmp_path, TABLE, delimiter=mark)
    assert "set data.delimiter: comma" in commas


def test_columns_may_be_padded_by_spaces(tmp_path: Path) -> None:
    content = "a    b    y\n1.5  2    u\n-3   4    v\n5    6.25 u\n"
    assert load(tmp_path, content, delimiter="space").x.tolist() == X


def test_decimal_commas_are_read_where_they_are_said(tmp_path: Path) -> None:
    content = "a;b;y\n1,5;2;0,5\n-3;4;1,25e1\n5;6,25;3\n"
    data = load(tmp_path, content, delimiter=";", decimal="comma")
    assert (data.x.tolist(), data.y[:, 0].tolist()) == (X, [0.5, 12.5, 3])
    with pytest.raises(InputError, match=r"d.csv:2: a: .* \(for a decimal comma set data.decimal: comma\)"):
        load(tmp_path, content, delimiter=";")
    with pytest.raises(InputError, match=r"d.csv:2: a: '1.5' is not a finite number"):
        load(tmp_path, TABLE, decimal=",")
    quoted = load(tmp_path, 'a,b,y\n"1,5",2,0\n-3,4,1\n5,"6,25",1\n', decimal=",")
    assert (quoted.x.tolist(), quoted.classes) == (X, True)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_lines_end_in_any_of_the_three_ways(tmp_path: Path, end: str, last: bool) -> None:
    content = TABLE.replace("\n", end)
    assert load(tmp_path, content if last else content.rstrip("\r\n")).x.tolist() == X
    bad = refusal(tmp_path, content.replace("6.25", "six"))
    assert bad.startswith("d.csv:4: b: 'six'")


def test_a_return_inside_quotes_is_part_of_the_cell(tmp_path: Path) -> None:
    data = load(tmp_path, 'a,b,y\n1.5,2,"u\rx"\n-3,4,v\n5,6.25,"u\rx"\n')
    assert (data.x.tolist(), data.y[:, 0].tolist()) == (X, [1, 0, 1])


def test_an_old_mac_file_may_be_longer_than_a_line(tmp_path: Path) -> None:
    rows = 400_000
    data = load(tmp_path, "a,b,y\r" + "1.25,2.5,0.5\r" * rows + "0,0,1")
    assert data.samples == rows + 1
    assert (data.x[:-1] == [1.25, 2.5]).all()


def test_dropped_columns_are_not_looked_at(tmp_path: Path) -> None:
    content = ",name,a,y,b,name\n0,Ann,1.5,u,2,\n1,,-3,v,4,x\n2,Bob,5,u,6.25,NA\n"
    data = load(tmp_path, content, drop=("", "name"))
    assert (data.x.tolist(), data.y[:, 0].tolist()) == (X, [1, 0, 1])


@pytest.mark.parametrize(
    ("drop", "expected"),
    [
        (("c",), "data.drop: d.csv has no column 'c': it has 'a', 'b', 'y'"),
        (("y",), "data.drop: holds the target 'y': keep it"),
        (("a", "b"), "data.drop: leaves no feature beside the target: drop fewer columns"),
    ],
)
def test_what_cannot_be_dropped_is_refused(tmp_path: Path, drop: tuple[str, ...], expected: str) -> None:
    assert refusal(tmp_path, TABLE, drop=drop) == expected


@pytest.mark.parametrize(
    "name", ["id", "ID", "index", "Unnamed: 0", "row", "Row ID", "PassengerId", "sample_id", "#", "no."]
)
@pytest.mark.parametrize(
    "rows", [[0, 1, 2, 3], [1, 2, 3, 4], [17, 3, 8, 4]], ids=["from 0", "from 1", "mixed"]
)
def test_a_column_that_numbers_the_rows_is_said(tmp_path: Path, name: str, rows: list[int]) -> None:
    content = f"{name},a,y\n" + "".join(f"{row},{row % 3}.5,{'uv'[row % 2]}\n" for row in rows)
    assert refusal(tmp_path, content) == (
        f"data.drop: the column {name!r} numbers the rows: "
        f"leave it out by data.drop: [{name!r}], or keep it by data.drop: []"
    )
    assert load(tmp_path, content, drop=(name,)).features == 1
    assert load(tmp_path, content, drop=()).features == 2


@pytest.mark.parametrize(
    "content",
    ["id,a,y\n1,1,u\n1,2,v\n2,3,u\n", "id,a,y\n1.5,1,u\n2,2,v\n3,3,u\n", "lipid,a,y\n1,1,u\n2,2,v\n3,3,u\n"],
)
def test_a_column_that_does_not_number_the_rows_is_a_feature(tmp_path: Path, content: str) -> None:
    assert load(tmp_path, content).features == 2


def test_an_index_without_name_is_said(tmp_path: Path) -> None:
    content = ",a,y\n0,1.5,u\n1,-3,v\n2,5,u\n"
    assert "column 1 has no name: give it one, or leave it out by data.drop: ['']" in refusal(
        tmp_path, content
    )
    assert load(tmp_path, content, drop=("",)).x.tolist() == [[1.5], [-3], [5]]


def held_out(folder: Path, train: str, test: str, **keys: Any) -> Data:
    (folder / "t.csv").write_bytes(test.encode())
    return load(folder, train, test_path="t.csv", **keys)


def test_a_second_file_is_held_out_whatever_the_order_of_its_columns(tmp_path: Path) -> None:
    test = "y,b,a\nv,20,10\nu,40,30\n"
    data = held_out(tmp_path, TABLE, test, test_fraction=0.5)
    assert (data.x.tolist(), data.x_test.tolist()) == (X, [[10, 20], [30, 40]])
    assert (data.y.tolist(), data.y_test.tolist()) == ([[1, 0], [0, 1], [1, 0]], [[0, 1], [1, 0]])
    digest = hashlib.sha256(test.encode()).hexdigest()
    assert data.keys["test_sha256"] == digest
    assert held_out(tmp_path, TABLE, test, test_sha256=digest).samples == 3
    with pytest.raises(InputError, match=r"data.test_sha256: the file has changed"):
        held_out(tmp_path, TABLE, test + "u,1,2\n", test_sha256=digest)


def test_the_held_out_file_is_standardised_by_the_training_samples(tmp_path: Path) -> None:
    train, test = "a,y\n1.5,10.5\n3.5,30.5\n", "a,y\n5.5,50.5\n"
    data = held_out(tmp_path, train, test, standardize=True)
    np.testing.assert_allclose(data.x, [[-1], [1]])
    np.testing.assert_allclose(data.x_test, [[3]])
    np.testing.assert_allclose(data.y_test, [[3]])


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("a,b,y\n1,2,w\n", "t.csv:2: y: 'w' is no class of d.csv"),
        ("a,b,y\n1,2,u\n\n3,4,U\n", "t.csv:4: y: 'U' is no class of d.csv"),
        ("a,b,y\n1,x,u\n", "t.csv:2: b: 'x' is not a finite number: only the target may be text"),
        ("a,b,y\n1,2,?\n", "t.csv:2: y: missing value (?): fill it in or remove the row; if it is a class, name it otherwise"),
        ("a,b,y\n1,2,-\n", "t.csv:2: y: missing value (-): fill it in or remove the row; if it is a class, name it otherwise"),
        ("a,y\n1,u\n", "t.csv:1: the column 'b' is in d.csv alone: the same columns are needed in both"),
        ("a,b,c,y\n1,2,3,u\n", "t.csv:1: the column 'c' is not in d.csv: the same columns are needed in both"),
        ("a,b,z\n1,2,u\n", "data.target: t.csv has no column 'y': it has 'a', 'b', 'z'"),
        ("a,b,y\n", "t.csv: no row of data"),
        ("a;b;y\n1;2;u\n", "t.csv:1: there is one column, 'a;b;y': set data.delimiter: semicolon"),
    ],
)  # fmt: skip
def test_a_held_out_file_that_does_not_fit_is_refused(tmp_path: Path, test: str, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        held_out(tmp_path, TABLE, test)
    assert str(caught.value).replace(f"{tmp_path}/", "") == expected


def test_a_held_out_file_that_is_missing_names_its_key(tmp_path: Path) -> None:
    assert refusal(tmp_path, TABLE, test_path="no.csv").startswith("data.test_path: no.csv does not exist")


def test_number_classes_and_values_are_those_of_the_training_file(tmp_path: Path) -> None:
    train = "a,y\n" + "".join(f"{row}.5,{row % 3}\n" for row in range(30))
    assert held_out(tmp_path, train, "a,y\n1,2.0\n2,0\n").y_test.tolist() == [[0, 0, 1], [1, 0, 0]]
    with pytest.raises(InputError, match=r"t.csv:3: y: '3' is no class of"):
        held_out(tmp_path, train, "a,y\n1,2\n2,3\n")
    values = "a,y\n1.5,0.25\n2.5,0.75\n"
    assert held_out(tmp_path, values, "a,y\n1,7\n").y_test.tolist() == [[7]]
    with pytest.raises(InputError, match=r"t.csv:2: y: 'seven' is not a number"):
        held_out(tmp_path, values, "a,y\n1,seven\n")


def rows(cells: list[Any]) -> str:
    return "a,y\n" + "".join(f'{row}.5,"{cell}"\n' for row, cell in enumerate(cells))


@pytest.mark.parametrize("cell", ["NA", "", "nan", "NULL", "?", ".", "-", "None", "missing", "#N/A"])
def test_a_class_is_never_a_mark_of_a_missing_value(tmp_path: Path, cell: str) -> None:
    for keys in ({}, {"task": "classification"}):
        told = refusal(tmp_path, rows(["yes", "no", cell, "yes", "no"]), **keys)
        assert told.startswith(f"d.csv:4: y: missing value ({cell or 'empty'}): fill it in or remove the row")


def test_a_dash_beside_a_plus_is_a_class(tmp_path: Path) -> None:
    assert load(tmp_path, rows(["+", "-", "+", "-"])).outputs == 2
    assert held_out(tmp_path, rows(["+", "-", "+", "-"]), "a,y\n1,-\n").y_test.tolist() == [[0, 1]]


@pytest.mark.parametrize(
    "cells",
    [
        ["1,234.50", "2,000.00", "999.99"],
        ["$1,200", "$950", "$1,050"],
        ["12%", "7%", "12%"],
        ["3,5", "4,25", "3,5"],
        ["٣", "٤", "٣"],
        ["1_000", "2_000", "1_000"],
        ["0x1F", "0x2A", "0x1F"],
        ["(120)", "(95)", "(120)"],
        ["−5", "−7", "−5"],
        ["2020-01-31", "2020-02-28", "2020-01-31"],
        ["900", "1,200", "950"],
        ["yes", "12%", "yes"],
    ],
)
def test_text_that_looks_numeric_is_refused_by_line_and_names_the_task(
    tmp_path: Path, cells: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, rows(cells))
    for problem in caught.value.problems:
        assert (problem.key, problem.source) == ("y", str(tmp_path / "d.csv"))
        assert problem.message.startswith(repr(cells[(problem.line or 0) - 2]))
        assert problem.message.endswith("correct it, or set data.task: classification")
    assert load(tmp_path, rows(cells), task="classification").classes


@pytest.mark.parametrize(
    "cells", [["12.5 kg", "13 kg", "12.5 kg"], ["5k", "12k", "9k", "5k"], ["1st", "2nd", "3rd", "1st"]]
)
def test_numbers_with_a_unit_name_the_task(tmp_path: Path, cells: list[str]) -> None:
    told = refusal(tmp_path, rows(cells))
    assert told.startswith(f"data.task: 'y' holds numbers with a unit, such as {cells[0]!r}")
    assert load(tmp_path, rows(cells), task="classification").classes


def test_units_of_few_whole_numbers_are_classes(tmp_path: Path) -> None:
    assert load(tmp_path, rows(["4wd", "2wd"] * 10)).outputs == 2


@pytest.mark.parametrize("cells", [[f"name {row}" for row in "abcd"], [f"id{row // 2}" for row in range(50)]])
def test_texts_that_hardly_repeat_are_no_classes(tmp_path: Path, cells: list[str]) -> None:
    assert "so they are no classes" in refusal(tmp_path, rows([*cells, "name z"]))
    assert load(tmp_path, rows(cells), task="classification").classes


def test_leading_zeros_are_codes_and_not_values(tmp_path: Path) -> None:
    codes = [f"0{2139 + 7 * row}" for row in range(30)]
    assert "data.task: 'y' has leading zeros" in refusal(tmp_path, rows(codes))
    assert not load(tmp_path, rows(codes), task="regression").classes


def test_one_number_written_in_two_ways_is_not_two_classes(tmp_path: Path) -> None:
    told = refusal(tmp_path, rows(["3", "3.0", "x", "3"]), task="classification")
    assert told == "d.csv: y: '3' and '3.0' say the same: write a class in one way"


@pytest.mark.parametrize("pair", [("Yes", "yes"), ("New York", "New  York"), ("CAT", "Cat")])
def test_one_word_written_in_two_ways_is_not_two_classes(tmp_path: Path, pair: tuple[str, str]) -> None:
    told = refusal(tmp_path, rows([*pair, "no", "no"] * 3))
    assert told.endswith("say the same: write a class in one way")


def test_a_letter_and_its_capital_are_two_classes(tmp_path: Path) -> None:
    assert load(tmp_path, rows(["a", "A", "b", "B"] * 3)).outputs == 4


def test_classes_of_more_digits_than_a_float_holds_are_refused(tmp_path: Path) -> None:
    cells = [9007199254740993, 9007199254740992] * 10
    for keys in ({}, {"task": "classification"}):
        assert "d.csv: y: numbers of that many digits" in refusal(tmp_path, rows(cells), **keys)


@pytest.mark.parametrize("cell", ["٣", "1_000", "0x10", "inf", "-Infinity", "1e999", "１２", "1,5", "5%"])
def test_odd_numbers_in_a_feature_are_one_line_each(tmp_path: Path, cell: str) -> None:
    assert refusal(tmp_path, f'a,y\n1,u\n"{cell}",v\n').startswith(
        f"d.csv:3: a: {cell!r} is not a finite number"
    )

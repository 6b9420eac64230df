# ruff: noqa: E501 - rows of tables

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradflow.data import Data, csv_table
from gradflow.data.csv_file import Csv
from gradflow.errors import InputError

EIGHT_OF_NINE = "'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', ..."
HEADERLESS = "the first line should name the columns"
REMARK = " where a header should name the columns: remove this line"
ONE_COLUMN = "FILE:1: there is one column"
NUMBER_OR_CLASS = "correct it, or set data.task: classification"


def load(folder: Path, content: str | bytes, **keys: Any) -> Data:
    (folder / "d.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    settings = {"path": "d.csv", "target": "y", "standardize": False, "test_fraction": 0.0, **keys}
    return Csv(**settings).load(folder)


def refusals(folder: Path, content: str | bytes, **keys: Any) -> list[str]:
    """The lines of the error, with the file's path as FILE."""
    with pytest.raises(InputError) as caught:
        load(folder, content, **keys)
    return [line.replace(str(folder / "d.csv"), "FILE") for line in str(caught.value).splitlines()]


def test_columns_but_the_target_are_features_in_the_order_of_the_file(tmp_path: Path) -> None:
    data = load(tmp_path, "a,y,b\n1,0.5,-2e3\n 3 ,0.25,.5\n5,1,+7\n")
    assert data.x.tolist() == [[1, -2000], [3, 0.5], [5, 7]]
    assert data.y.tolist() == [[0.5], [0.25], [1]]
    assert not data.classes


def test_the_sha256_is_of_the_bytes_of_the_file(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbfa,y\r\n1,u\r\n\r\n2,v\r\n"
    recorded = hashlib.sha256(content).hexdigest()
    assert load(tmp_path, content, sha256=recorded).sha256 == recorded
    assert "the file has changed" in refusals(tmp_path, content + b"\n", sha256=recorded)[0]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffa,y\n1,u\n2,v\n",
        "a,y\r\n1,u\r\n2,v\r\n",
        "a,y\n\n1,u\n\n2,v",
        'a, y\n"1", "u"\n"2", "v"\n',
        " a ,y \n 1 ,u \n 2 ,v \n",
    ],
    ids=["byte order mark", "CRLF", "blank lines, no last newline", "quotes after blanks", "blanks"],
)
def test_spellings_of_the_same_table_read_alike(tmp_path: Path, content: str) -> None:
    data = load(tmp_path, content)
    assert (data.x.tolist(), data.y.tolist()) == ([[1], [2]], [[1, 0], [0, 1]])


def column(cells: list[object]) -> str:
    return "a,y\n" + "".join(f"{row},{cell}\n" for row, cell in enumerate(cells))


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["u", "v", "u", "w"], 3),
        ([0, 1, 0], 2),
        ([1.0, -1.0, 1.0], 2),
        ([0, 1, 2] * 10, 3),
        (list(range(20)) * 10, 20),
        (list(range(3, 24)), None),
        ([0.5, 1.5] * 50, None),
    ],
)
def test_the_target_is_recognised(tmp_path: Path, cells: list[object], classes: int | None) -> None:
    data = load(tmp_path, column(cells))
    assert (data.outputs if data.classes else None) == classes


def test_task_overrules_the_rule(tmp_path: Path) -> None:
    assert load(tmp_path, column([0, 1, 0]), task="regression").y.tolist() == [[0], [1], [0]]
    assert load(tmp_path, column([0.5, 3, 10]), task="classification").y.tolist() == np.eye(3).tolist()
    mixed = load(tmp_path, column(["b", 10, 9]), task="classification")
    assert mixed.y.argmax(axis=1).tolist() == [2, 0, 1]


def test_number_classes_are_sorted_by_value_however_they_are_written(tmp_path: Path) -> None:
    data = load(tmp_path, column(["10", "9", "9.0", "1e1"]), task="classification")
    assert data.y.argmax(axis=1).tolist() == [1, 0, 0, 1]


def test_a_regression_target_is_standardised_with_the_features(tmp_path: Path) -> None:
    data = load(tmp_path, column([0.5, 3, 10]), standardize=True)
    np.testing.assert_allclose([data.x.std(), data.y.std()], 1)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "FILE: the file is empty: it needs a header row and data"),
        ("\n\n", "FILE: the file is empty: it needs a header row and data"),
        ("a,y\n", "FILE: fewer than two rows of data: nothing to learn from"),
        ("a,y\n1,2\n", "FILE: fewer than two rows of data: nothing to learn from"),
        ("1,2\n3,4\n", "FILE:1: numbers where a header should name the columns: '1', '2'"),
        ("# my data\na,y\n1,2\n", "FILE:1: '# my data' stands" + REMARK),
        ("sep=;\na;y\n1;2\n", "FILE:1: 'sep=;' stands" + REMARK),
        ("sep=,\na,y\n1,2\n", "FILE:1: 'sep=' stands" + REMARK),
        ("5.1,3.5,u\n1,2,v\n", "data.target: FILE has no column 'y': it has '5.1', '3.5', 'u'; " + HEADERLESS),
        (",y\n1,2\n", "FILE:1: column 1 has no name: give it one, or leave it out by data.drop: ['']"),
        ("a,b,a,y\n1,2,3,4\n", "FILE:1: a: two columns have this name: rename one"),
        ("a;y\n1;2\n", ONE_COLUMN + ", 'a;y': set data.delimiter: semicolon"),
        ("a\ty\n1\t2\n", ONE_COLUMN + ", 'a\\ty': set data.delimiter: tab"),
        ("a|y\n1|2\n", ONE_COLUMN + ", 'a|y': set data.delimiter: pipe"),
        ("a y\n1 2\n", ONE_COLUMN + ", 'a y': set data.delimiter: space"),
        ("a;b,c;y\n1;2;3\n", "data.target: FILE has no column 'y'; is data.delimiter: semicolon right?"),
        ("y\n1\n", ONE_COLUMN + ": give a feature beside the target"),
        ("a,Y\n1,2\n", "data.target: FILE has no column 'y': it has 'a', 'Y'"),
        ("i,j,k,l,m,n,o,p,q\n", "data.target: FILE has no column 'y': it has " + EIGHT_OF_NINE),
        ("a,yy\n1,2\n", "data.target: FILE has no column 'y'; did you mean yy?"),
        ("a,y\n1,u\n2,u\n", "FILE: y: there is only one class: nothing to tell apart"),
        (b"a,y\n1,\xe9\n", "FILE:2: not UTF-8: save the file as UTF-8 text"),
        ("a,y\n1,2\n".encode("utf-16"), "FILE:1: not UTF-8: save the file as UTF-8 text"),
        (b"a,y\n1,2\n3,\x004\n", "FILE:3: holds a NUL byte: this is not a text file"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_is_refused_in_one_line(
    tmp_path: Path, content: str | bytes, expected: str
) -> None:
    assert refusals(tmp_path, content) == [expected]


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ('1,"u\n2,v\n', 2),
        ('1,u\n2,"v"w\n', 3),
        (f'1,u\n2,v\n3,"{"w" * 200_000}"\n', 4),
    ],
    ids=["quote never closed", "text after a quote", "a cell of 200 kB"],
)
def test_csv_that_is_not_well_formed_is_refused_where_it_starts(tmp_path: Path, rows: str, line: int) -> None:
    (refusal,) = refusals(tmp_path, "a,y\n" + rows)
    assert refusal.startswith(f"FILE:{line}: not well-formed CSV (")


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("", "missing value (empty): fill it in or remove the row"),
        (" ", "missing value (empty): fill it in or remove the row"),
        ("NA", "missing value (NA): fill it in or remove the row"),
        ("nan", "missing value (nan): fill it in or remove the row"),
        ("-inf", "'-inf' is not a finite number: only the target may be text"),
        (
            "1e999",
            "'1e999' is not a finite number (the largest float64 is 1.8e+308): only the target may be text",
        ),
        ("0x10", "'0x10' is not a finite number (hexadecimal): only the target may be text"),
        (
            "1_000",
            "'1_000' is not a finite number (write digits and one decimal mark alone): only the target may be text",
        ),
        ("infinity", "'infinity' is not a finite number: only the target may be text"),
        ("٣٤", "'٣٤' is not a finite number (write the digits 0 to 9): only the target may be text"),
        ("１２", "'１２' is not a finite number (write the digits 0 to 9): only the target may be text"),
        (
            "−5",
            "'−5' is not a finite number (write digits and one decimal mark alone): only the target may be text",
        ),
        ("12%", "'12%' is not a finite number (leave the percent sign out): only the target may be text"),
        ("€5", "'€5' is not a finite number (leave the currency out): only the target may be text"),
        (
            "1'000",
            '"1\'000" is not a finite number (write digits and one decimal mark alone): only the target may be text',
        ),
        ("#N/A", "missing value (#N/A): fill it in or remove the row"),
        (".", "missing value (.): fill it in or remove the row"),
        ("--", "missing value (--): fill it in or remove the row"),
        ("2020_01", "'2020_01' is not a finite number: only the target may be text"),
        ("x" * 99, f"'{'x' * 40}' is not a finite number: only the target may be text"),
    ],
)
def test_a_cell_that_is_no_number_is_refused_with_its_line_and_column(
    tmp_path: Path, cell: str, message: str
) -> None:
    assert refusals(tmp_path, f"a,y,b\n1,u,2\n\n1,v,{cell}\n") == [f"FILE:4: b: {message}"]


def test_a_missing_target_is_refused(tmp_path: Path) -> None:
    missing = "missing value (empty): fill it in or remove the row"
    assert refusals(tmp_path, "a,y\n1,u\n2,\n") == [f"FILE:3: y: {missing}"]


def test_the_problems_of_a_file_are_told_together(tmp_path: Path) -> None:
    assert refusals(tmp_path, 'a,b,y\n1,z,u\n1,2\n?,?,v\n1,2,"w\n') == [
        "FILE:2: b: 'z' is not a finite number: only the target may be text",
        "FILE:3: the row has 2 values where the header has 3",
        "FILE:4: a: missing value (?): fill it in or remove the row",
        "FILE:4: b: missing value (?): fill it in or remove the row",
        "FILE:5: not well-formed CSV (unexpected end of data): "
        "quote a whole value, and double the quotes inside it",
    ]


def test_only_the_first_ten_problems_are_told(tmp_path: Path) -> None:
    assert len(refusals(tmp_path, "a,b,c,y\n" + "p,q,r,1\n" * 50)) == 10
    assert len(refusals(tmp_path, column(["u", *range(50), *"v" * 50]))) == 10


@pytest.mark.parametrize("keys", [{}, {"task": "regression"}])
def test_text_among_target_numbers_is_refused_by_line(tmp_path: Path, keys: dict[str, Any]) -> None:
    content = column([0.5, "1,5", "oops", "n/a"]).replace("1,5", '"1,5"')
    comma = "for a decimal comma set data.decimal: comma"
    assert refusals(tmp_path, content.replace("n/a", "7"), **keys) == [
        f"FILE:3: y: '1,5' is not a number ({comma}): {NUMBER_OR_CLASS}",
        f"FILE:4: y: 'oops' is not a number: {NUMBER_OR_CLASS}",
    ]
    (missing,) = refusals(tmp_path, content, **keys)
    assert missing.startswith("FILE:5: y: missing value (n/a)")


def test_a_name_in_every_row_is_too_many_classes(tmp_path: Path) -> None:
    (refusal,) = refusals(tmp_path, column([f"id{row}" for row in range(6000)]), task="classification")
    assert refusal.startswith("FILE: y: 6,000 classes of 6,000 samples would need 0.6 GB of memory")


def test_a_file_beyond_memory_is_refused_at_the_line_that_fills_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_table, "MEMORY", 100 * 200)
    (refusal,) = refusals(tmp_path, column([0.5] * 1000))
    line = int(refusal.split(":")[1])
    assert 100 < line < 120
    assert refusal.endswith("is full here: keep fewer rows or columns")


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    assert refusals(tmp_path, "a,y\n" + "1" * 2**23) == ["FILE:2: the line is longer than 4 MB"]

import io
from hashlib import sha256

import pytest

from gradflow.errors import InputError
from gradflow.files.csv_rows import read_rows

Rows = list[tuple[int, list[str]]]


def rows(content: bytes, delimiter: str = ",") -> Rows:
    return list(read_rows(io.BytesIO(content), "FILE", delimiter))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a,b\n1,2\n", [(1, ["a", "b"]), (2, ["1", "2"])]),
        (b"\xef\xbb\xbfa,b\r\n\r\n1,2", [(1, ["a", "b"]), (3, ["1", "2"])]),
        (b"a,b\r1,2\r", [(1, ["a", "b"]), (2, ["1", "2"])]),
        (b'"a\nb",c\n1,2\n', [(1, ["a\nb", "c"]), (3, ["1", "2"])]),
        (b'a, "b, c"\n', [(1, ["a", "b, c"])]),
        (b"", []),
    ],
    ids=["plain", "a mark, Windows and a blank line", "an old Mac", "lines in quotes", "blanks", "nothing"],
)
def test_rows_know_the_line_on_which_they_start(content: bytes, expected: Rows) -> None:
    assert rows(content) == expected


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a\n1\n\xff\n", "FILE:3: not UTF-8"),
        (b"a\n\x001\n", "FILE:2: holds a NUL byte"),
        (b'a\n"1', "FILE:2: not well-formed CSV"),
        (b'a\n"1"2\n', "FILE:2: not well-formed CSV"),
        (b"a\n" + b"1" * 2**22, "FILE:2: the line is longer than 4 MB"),
        (b"a\n" + b"1" * 200_000, "FILE:2: not well-formed CSV (field larger than field limit"),
    ],
    ids=["bytes", "NUL", "an open quote", "after a quote", "a long line", "a long cell"],
)
def test_what_cannot_be_read_is_told_by_its_line(content: bytes, said: str) -> None:
    with pytest.raises(InputError) as caught:
        rows(content)
    assert str(caught.value).startswith(said)


def test_every_byte_is_seen_once() -> None:
    content, digest = b"a;b\r1;2\n\n3;4", sha256()
    assert len(list(read_rows(io.BytesIO(content), "FILE", ";", digest.update))) == 3
    assert digest.digest() == sha256(content).digest()

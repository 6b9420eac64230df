"""Damaged and hostile data files through the command line: refused by line and column, nothing run."""

# ruff: noqa: E501 - rows of tables

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.archives import archive, npy
from tests.promises.calls import CPU_SECONDS, assert_refused, gradflow, in_half_a_gigabyte, tree

MODEL = "name: net\nmodel: {depth: 2, width: 4, activation: tanh, init: he_normal}\n"
OF_CSV = MODEL + "data: {name: csv, path: d.csv, target: y}\n"
OF_NPZ = MODEL + "data: {name: npz, path: d.npz}\n"
NPZ_REMEDY = "not a readable npz file: write it with numpy.savez"


class Owned:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, ("owned",)


def header(shape: str, descr: str = "'<f8'") -> bytes:
    """What stands before the bytes of an array."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


X, Y = npy(np.arange(12.0).reshape(4, 3)), npy(np.array([0, 1, 0, 1]))
GOOD = archive(x=X, y=Y)
DEFLATED = zipfile.ZIP_DEFLATED

# content, place, fragment
CSVS: dict[str, tuple[str | bytes, str, str]] = {
    "nothing": ("", "d.csv", "the file is empty"),
    "blank lines": ("\n" * 50_000, "d.csv", "the file is empty"),
    "a header alone": ("a,y\n", "d.csv", "fewer than two rows"),
    "no header": ("1,2\n3,4\n", "d.csv:1", "numbers where a header"),
    "a missing target": ("a,z\n1,2\n3,4\n", "net.yaml:3: data.target", "has no column 'y'"),
    "semicolons": ("a;y\n1;2\n3;4\n", "d.csv:1", "there is one column"),
    "tabs": ("a\ty\n1\t2\n", "d.csv:1", "there is one column"),
    "two columns alike": ("a,a,y\n1,2,3\n", "d.csv:1: a", "two columns have this name"),
    "a column without name": (",y\n1,2\n", "d.csv:1", "column 1 has no name"),
    "a short row": ("a,b,y\n1,2,3\n1,2\n", "d.csv:3", "the row has 2 values where the header has 3"),
    "a long row": ("a,y\n1,2\n1,2,3\n", "d.csv:3", "the row has 3 values"),
    "text in a feature": ("a,y\n1,2\nx,2\n", "d.csv:3: a", "'x' is not a finite number"),
    "nan": ("a,y\n1,2\nnan,2\n", "d.csv:3: a", "missing value (nan)"),
    "inf": ("a,y\n1,2\ninf,2\n", "d.csv:3: a", "'inf' is not a finite number"),
    "beyond floats": ("a,y\n1,2\n1e999,2\n", "d.csv:3: a", "'1e999' is not a finite number"),
    "an empty cell": ("a,y\n1,2\n,2\n", "d.csv:3: a", "missing value (empty)"),
    "an empty target": ("a,y\n1,2\n1,\n", "d.csv:3: y", "missing value (empty)"),
    "digit groups": ("a,y\n1,2\n1_000,2\n", "d.csv:3: a", "is not a finite number"),
    "a decimal comma": ('a,y\n1,2\n"1,5",2\n', "d.csv:3: a", "'1,5' is not a finite number"),
    "a formula": ("a,y\n1,2\n=1+1,2\n", "d.csv:3: a", "'=1+1' is not a finite number"),
    "escapes": ("a,y\n1,2\n\x1b[31m1,2\n", "d.csv:3: a", "\\x1b[31m1' is not a finite number"),
    "mixed targets": ("a,y\n" + "".join(f"{i},{i}.5\n" for i in range(9)) + "1,x\n", "d.csv:11: y", "is not a number"),
    "one class": ("a,y\n1,u\n2,u\n", "d.csv: y", "there is only one class"),
    "an open quote": ('a,y\n1,"2\n3,4\n', "d.csv:2", "not well-formed CSV"),
    "text after a quote": ('a,y\n1,"2"3\n', "d.csv:2", "not well-formed CSV"),
    "a bad value between old line ends": ("a,y\r1,2\rx,4\r", "d.csv:3: a", "'x' is not a finite number"),
    "returns alone": ("\r" * 50_000, "d.csv", "the file is empty"),
    "Arabic digits": ("a,y\n1,2\n٣,2\n", "d.csv:3: a", "write the digits 0 to 9"),
    "hexadecimal": ("a,y\n1,2\n0x10,2\n", "d.csv:3: a", "hexadecimal"),
    "null marks among labels": ("a,y\n1,u\n2,NA\n3,v\n", "d.csv:3: y", "missing value (NA)"),
    "money for classes": ('a,y\n1,"1,200"\n2,"1,300"\n', "d.csv:2: y", "leave the comma out"),
    "classes or values": ("a,y\n1,0\n2,1\n3,2\n4,0\n", "net.yaml:3: data.task", "may be classes or values"),
    "a class in each row": ("a,y\n1,u\n2,v\n3,w\n", "net.yaml:3: data.task", "hardly repeat"),
    "a name in each row": ("a,y\n" + "".join(f"1,n{i}\n" for i in range(9_000)), "net.yaml:3: data.task", "hardly repeat"),
    "an index": ("id,a,y\n1,5,u\n2,5,v\n3,6,u\n", "net.yaml:3: data.drop", "numbers the rows"),
    "digits without end": ("a,y\n1,2\n" + "1" * 90_000 + "x,2\n", "d.csv:3: a", "is not a finite number"),
    "groups without end": ('a,y\n1,2\n"' + "1,111" * 18_000 + '",2\n', "d.csv:3: a", "is not a finite number"),
    "Arabic without end": ("a,y\n1,2\n1," + "٣" * 30_000 + "x\n", "d.csv:3: y", "is not a number"),
    "units in each row": ("a,y\n" + "".join(f"1,{i}.5 kg\n" for i in range(8_000)), "net.yaml:3: data.task", "with a unit"),
    "NUL": ("a,y\n1,2\n\x00,4\n", "d.csv:3", "holds a NUL byte"),
    "UTF-16": ("a,y\n1,2\n3,4\n".encode("utf-16"), "d.csv:1", "not UTF-8"),
    "Latin-1": ("a,y\n1,é\n3,4\n".encode("latin-1"), "d.csv:2", "not UTF-8"),
    "a surrogate": (b"a,y\n1,\xed\xa0\x80\n3,4\n", "d.csv:2", "not UTF-8"),
    "a line of 4 MB": ("a,y\n" + "1" * (2**22 + 1), "d.csv:2", "longer than 4 MB"),
    "a cell of 200 kB": (f'a,y\n1,"{"x" * 200_000}"\n', "d.csv:2", "not well-formed CSV"),
    "5,000 columns of one row": ("a," * 4_999 + "y\n", "d.csv:1: a", "two columns have this name"),
    "5,000 wrong rows": ("a,y\n" + "x,1\n" * 5_000, "d.csv:2: a", "is not a finite number"),
    "an npz": (GOOD, "d.csv:1", "not UTF-8"),
}  # fmt: skip
NPZS: dict[str, tuple[bytes, str, str]] = {
    "nothing": (b"", "d.npz", NPZ_REMEDY),
    "text": (b"x,y\n1,2\n", "d.npz", NPZ_REMEDY),
    "a .npy": (X, "d.npz", NPZ_REMEDY),
    "zeros": (bytes(10_000), "d.npz", NPZ_REMEDY),
    "half": (GOOD[: len(GOOD) // 2], "d.npz", NPZ_REMEDY),
    "an empty archive": (archive(), "net.yaml:3: data.x", "holds no array 'x'"),
    "other names": (archive(X=X, Y=Y), "net.yaml:3: data.x", "holds no array 'x'"),
    "one name": (archive(x=X), "net.yaml:3: data.y", "holds no array 'y'"),
    "a pickle": (archive(x=npy(np.array([[Owned()]] * 4, dtype=object)), y=Y), "d.npz: x", "holds object values"),
    "text in place of an array": (archive(x=b"import os", y=Y), "d.npz", NPZ_REMEDY),
    "a header that runs": (archive(x=header("(__import__('os').mkdir('owned'),)"), y=Y), "d.npz", NPZ_REMEDY),
    "a header of brackets": (archive(x=header("(" * 3000 + ")" * 3000), y=Y), "d.npz", NPZ_REMEDY),
    "a negative shape": (archive(x=header("(-1, 3)"), y=Y), "d.npz: x", "must hold at least one sample"),
    "8 TB": (archive(x=header("(1000000000000, 1)"), y=header("(1000000000000,)", "'<i8'")), "d.npz", "GB"),
    "a shape beyond 64 bits": (archive(x=header(f"({10**30}, 1)"), y=header(f"({10**30},)", "'<i8'")), "d.npz", "GB"),
    "more than is there": (archive(x=header("(4, 1000)"), y=Y), "d.npz", NPZ_REMEDY),
    "a zip bomb": (archive(DEFLATED, x=header("(4, 100000000)") + bytes(100_000_000), y=Y), "d.npz", "GB"),
    "a quiet zip bomb": (archive(DEFLATED, x=header("(4, 3)") + bytes(100_000_000), y=Y), "d.npz", NPZ_REMEDY),
    "bytes after an array": (archive(x=X + b"\0", y=Y), "d.npz", NPZ_REMEDY),
    "a damaged shape": (GOOD.replace(b"(4, 3)", b"(4, 2)"), "d.npz", NPZ_REMEDY),
    "a damaged number": (GOOD.replace(np.float64(5).tobytes(), np.float64(6).tobytes()), "d.npz", NPZ_REMEDY),
    "bzip2": (archive(zipfile.ZIP_BZIP2, x=X, y=Y), "d.npz", NPZ_REMEDY),
    "lzma": (archive(zipfile.ZIP_LZMA, x=X, y=Y), "d.npz", NPZ_REMEDY),
    "complex": (archive(x=npy(np.ones((4, 3)) * 1j), y=Y), "d.npz: x", "holds complex128 values"),
    "text arrays": (archive(x=npy(np.array([["a"]] * 4)), y=Y), "d.npz: x", "holds <U1 values"),
    "dates": (archive(x=npy(np.zeros((4, 1), "M8[s]")), y=Y), "d.npz: x", "holds datetime64[s] values"),
    "records": (archive(x=npy(np.zeros(4, "f8,f8")), y=Y), "d.npz: x", "values: save numbers"),
    "nan": (archive(x=npy(np.full((4, 3), np.nan)), y=Y), "d.npz: x", "is not finite"),
    "a scalar": (archive(x=npy(np.array(1.0)), y=Y), "d.npz: x", "must hold at least one sample"),
    "no samples": (archive(x=npy(np.ones((0, 3))), y=npy(np.ones(0))), "d.npz: x", "must hold at least one sample"),
    "other lengths": (archive(x=X, y=npy(np.array([0, 1]))), "d.npz: y", "holds 2 targets for the 4 samples"),
    "one class": (archive(x=X, y=npy(np.array([1, 1, 1, 1]))), "d.npz: y", "there is only one class"),
    "a member that is a path": (archive(**{"../x": X, "y": Y}), "net.yaml:3: data.x", "holds no array 'x'"),
}  # fmt: skip


def refused(folder: Path, name: str, content: str | bytes, config: str, place: str, fragment: str) -> None:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    (folder / "net.yaml").write_text(config)
    before = tree(folder)
    place = place if place.startswith("net.yaml") else f"{folder}/{place}"
    assert_refused(
        folder, gradflow(folder, "run", "net.yaml", seconds=CPU_SECONDS), 2, place, fragment, before
    )


@pytest.mark.parametrize("title", CSVS)
def test_a_bad_csv_is_refused_by_line_and_column(tmp_path: Path, title: str) -> None:
    content, place, fragment = CSVS[title]
    refused(tmp_path, "d.csv", content, OF_CSV, place, fragment)


@pytest.mark.parametrize("title", NPZS)
def test_a_bad_npz_is_refused_and_runs_nothing(tmp_path: Path, title: str) -> None:
    content, place, fragment = NPZS[title]
    refused(tmp_path, "d.npz", content, OF_NPZ, place, fragment)


def test_the_undamaged_files_pass(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("a,y\n1,u\n2,v\n3,u\n")
    (tmp_path / "d.npz").write_bytes(GOOD)
    for text in (OF_CSV, OF_NPZ):
        (tmp_path / "net.yaml").write_text(text)
        assert gradflow(tmp_path, "run", "net.yaml", "-q", "steps=1", "test_fraction=0").code == 0


def deflated(shape: str, descr: str, rows: bytes, times: int) -> bytes:
    """A small archive of large arrays: x is zeros, as many as there are rows of y, which repeats `rows`."""
    samples = shape.strip("(").split(",")[0]
    x = header(f"({samples}, 1)", "'|u1'") + bytes(int(samples))
    return archive(DEFLATED, x=x, y=header(shape, descr) + rows * times)


LARGE = {
    "two classes of 23 million samples": (deflated("(23000000,)", "'|u1'", b"\0\1", 11_500_000), "d.npz: y", "GB"),
    "20 million columns": (deflated("(2, 20000000)", "'|u1'", b"\0" * 20_000_000 + b"\3" * 20_000_000, 1), "net.yaml:3: data.task", "of shape"),
}  # fmt: skip


@pytest.mark.parametrize("title", LARGE)
def test_a_small_file_of_large_targets_is_refused_in_time(tmp_path: Path, title: str) -> None:
    content, place, fragment = LARGE[title]
    assert len(content) < 100_000
    refused(tmp_path, "d.npz", content, OF_NPZ, place, fragment)


BOMBS = ["8 TB", "a zip bomb", "a quiet zip bomb", "a shape beyond 64 bits", "a pickle"]


def test_bombs_in_data_take_less_than_half_a_gigabyte(tmp_path: Path) -> None:
    for number, title in enumerate(BOMBS):
        (tmp_path / f"{number}.npz").write_bytes(NPZS[title][0])
        (tmp_path / f"{number}.yaml").write_text(OF_NPZ.replace("d.npz", f"{number}.npz"))
    for number, (content, _, _) in enumerate(LARGE.values(), start=len(BOMBS)):
        (tmp_path / f"{number}.npz").write_bytes(content)
        (tmp_path / f"{number}.yaml").write_text(OF_NPZ.replace("d.npz", f"{number}.npz"))
    (tmp_path / "line.csv").write_bytes(b"a,y\n" + b"1" * 2**23)
    (tmp_path / "line.yaml").write_text(OF_CSV.replace("d.csv", "line.csv"))
    ended = in_half_a_gigabyte(tmp_path, sorted(path.name for path in tmp_path.glob("*.yaml")))
    assert set(ended.values()) == {2}, ended

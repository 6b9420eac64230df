import os
import resource
from concurrent.futures import ThreadPoolExecutor
from math import inf, nan
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from gradflow.cli.output import emit_document
from gradflow.errors import InputError, RunError
from gradflow.store import write_output
from gradflow.store.writing import replace_file, write_json
from tests.store.small import names, queue, running


def test_text_is_utf_8_with_unix_line_ends_and_bytes_are_kept(tmp_path: Path) -> None:
    write_output(tmp_path / "a", "é\n\udcff")
    write_output(tmp_path / "b", b"\x00\r\n")
    assert (tmp_path / "a").read_bytes() == b"\xc3\xa9\n\\udcff"
    assert (tmp_path / "b").read_bytes() == b"\x00\r\n"
    assert names(tmp_path) == ["a", "b"]


def test_a_number_that_strict_json_has_not_is_written_nowhere(tmp_path: Path) -> None:
    for value in (nan, inf, {"c": [-inf]}):
        with pytest.raises(ValueError, match="JSON compliant"):
            write_json(tmp_path / "out", value)
        with pytest.raises(ValueError, match="JSON compliant"):
            emit_document({"c": value})
    assert names(tmp_path) == []


def test_a_file_is_replaced_through_its_links(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("old, and longer")
    (tmp_path / "link").symlink_to("there/file")
    write_output(tmp_path / "link", "new", force=True)
    assert (tmp_path / "there" / "file").read_text() == "new"
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path / "there") == ["file"]


def test_a_new_file_has_the_permissions_that_others_get(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_output(tmp_path / "out", "")
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder", "is a directory: name a file in it"),
        ("no/file", "does not exist: make it first"),
        ("file/below", "does not exist: make it first"),
        ("fifo", "is not a regular file: name another"),
        ("null", "is not a regular file: name another"),
        ("a\0b", "is no file name"),
        ("loop", "is no file name"),
        ("x" * 300, "is no file name (File name too long): give another"),
    ],
    ids=["folder", "no parent", "below a file", "fifo", "device", "nul", "loop", "long"],
)
def test_what_cannot_be_a_file_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "null").symlink_to("/dev/null")
    (tmp_path / "loop").symlink_to("loop")
    before = names(tmp_path)
    with pytest.raises(InputError) as caught:
        write_output(tmp_path / name, "x")
    assert message in str(caught.value)
    assert names(tmp_path) == before


def write_too_much(path: Path, said: Any) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        write_output(path, "x" * 2000, force=True)
    except RunError as error:
        said.put(str(error))


def test_a_disk_that_takes_no_more_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")
    said = queue()
    with running(write_too_much, tmp_path / "out", said):
        assert said.get(timeout=20).startswith(f"{tmp_path}/out: cannot be written: File too large")
    assert (tmp_path / "out").read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_what_a_killed_process_left_goes_and_nothing_else(tmp_path: Path) -> None:
    kept = [".1-0123456.tmp", ".x-01234567.tmp", "1-01234567.tmp", ".1-01234567.tmp.txt"]
    for name in (".1-01234567.tmp", ".22-89abcdef.tmp", *kept):
        (tmp_path / name).write_text("half")
    (tmp_path / ".1-00000000.tmp").mkdir()
    (tmp_path / ".1-00000001.tmp").symlink_to("kept")
    write_output(tmp_path / "out", "x")
    assert names(tmp_path) == sorted([*kept, ".1-00000000.tmp", ".1-00000001.tmp", "out"])


def write_slowly(path: Path, said: Any, go_on: Any) -> None:
    def write(file: BinaryIO) -> None:
        said.put("began")
        go_on.get(timeout=20)
        file.write(b"slow")

    replace_file(path, write)


def test_a_file_that_is_being_written_stays(tmp_path: Path) -> None:
    said, go_on = queue(), queue()
    with running(write_slowly, tmp_path / "slow", said, go_on) as process:
        assert said.get(timeout=20) == "began"
        write_output(tmp_path / "quick", "x")
        assert len(names(tmp_path)) == 2
        go_on.put("on")
        process.join(20)
    assert names(tmp_path) == ["quick", "slow"]


def test_writers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    def write(number: int) -> None:
        for _ in range(50):
            write_output(tmp_path / "out", str(number) * 100, force=True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len(set((tmp_path / "out").read_text())) == 1
    assert names(tmp_path) == ["out"]

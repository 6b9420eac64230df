"""A record that grows: its first line is its head, whatever a kill or a full disk has left of one."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gradflow.errors import RunError
from gradflow.store.stream import Stream, left, read_stream
from tests.store.small import names

ID = "net-0123abcd"
HEAD = {"name": "n" * 200}


@contextmanager
def files_of(most: int) -> Iterator[None]:
    """No file may grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def placed(folder: Path, content: bytes) -> Path:
    path = folder / ".partial" / f"{ID}-rows"
    path.parent.mkdir()
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("content", [b"", b'{"he'])
def test_a_record_without_its_head_gets_one(content: bytes, tmp_path: Path) -> None:
    placed(tmp_path, content)
    with Stream(tmp_path, ID, HEAD) as stream:
        stream.add({"step": 0})
    assert read_stream(tmp_path, ID) == (HEAD, [{"step": 0}])


def test_a_record_that_has_its_head_keeps_it(tmp_path: Path) -> None:
    placed(tmp_path, b'{"name": "first"}\n{"step": 0}\n{"st')
    with Stream(tmp_path, ID, HEAD) as stream:
        stream.add({"step": 1})
    assert read_stream(tmp_path, ID) == ({"name": "first"}, [{"step": 0}, {"step": 1}])


def test_a_disk_that_refuses_the_head_is_left_as_it_was(tmp_path: Path) -> None:
    with files_of(80), pytest.raises(RunError, match="cannot be written"):
        Stream(tmp_path, ID, HEAD)
    assert names(tmp_path) == []
    with Stream(tmp_path, ID, HEAD):
        assert left(tmp_path) == []
    assert left(tmp_path) == [ID]


def test_a_row_that_a_disk_refuses_is_told_once(tmp_path: Path) -> None:
    with Stream(tmp_path, ID, {}) as stream, files_of(80):
        stream.add({"step": 0})
        with pytest.raises(RunError, match="cannot be written"):
            stream.add(HEAD)
        stream.close()
    assert read_stream(tmp_path, ID) == ({}, [{"step": 0}])


@pytest.mark.parametrize("content", [b"", b'{"he', b"{\n", b"[1]\n{}\n", b"{}\n1\n"])
def test_what_has_no_head_or_no_rows_is_damaged(content: bytes, tmp_path: Path) -> None:
    placed(tmp_path, content)
    with pytest.raises(RunError, match="is no record of rows: remove it"):
        read_stream(tmp_path, ID)

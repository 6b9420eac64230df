"""Records that go to files while they grow: the same bits, little memory, nothing left behind."""

import os
from pathlib import Path

import numpy as np
import pytest

from gradflow.errors import RunError
from gradflow.execution.execute import execute
from gradflow.store import spool
from tests.store.small import names, small

MB = 1 << 20


def in_memory() -> int:
    """Bytes of this process's memory that belong to files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kinds = ("RssFile", "RssShmem")  # the second on a tmpfs
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith(kinds))


def test_a_spooled_record_has_the_same_bits_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = execute(small(), tmp_path / "plain")
    monkeypatch.setattr(spool, "SPOOLED", 0)
    spooled = execute(small(), tmp_path / "spooled")
    assert spooled.info["arrays"] == plain.info["arrays"]
    assert (spooled.path / "recording.npz").read_bytes() == (plain.path / "recording.npz").read_bytes()
    assert names(tmp_path / "spooled") == names(tmp_path / "plain")


def test_a_small_record_stays_in_memory(tmp_path: Path) -> None:
    assert spool.room(tmp_path, spool.SPOOLED - 1) is np.empty
    assert spool.room(tmp_path, spool.SPOOLED) is not np.empty


def test_pages_that_are_forgotten_leave_the_memory_and_come_back_when_read(tmp_path: Path) -> None:
    array = spool.room(tmp_path, spool.SPOOLED)((4, MB))
    array[...] = 7
    full = in_memory()
    spool.forget([array[:2]])  # a view is known by the file that it stands in
    assert full - in_memory() > 30 * MB
    assert (array == 7).all()


def test_arrays_in_memory_are_left_alone() -> None:
    array = np.ones(3)
    spool.forget([array, array[1:]])
    assert array.tolist() == [1, 1, 1]


def test_a_disk_without_room_is_one_line_before_anything_is_computed(tmp_path: Path) -> None:
    beyond = os.statvfs(tmp_path).f_blocks * os.statvfs(tmp_path).f_frsize // 8 + 1
    with pytest.raises(RunError, match="cannot be written: "):
        spool.room(tmp_path, spool.SPOOLED)((beyond,))
    assert names(tmp_path) == []


def test_a_disk_without_room_is_not_filled_to_find_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "posix_fallocate", lambda file, begin, size: asked.append(size))
    disk = os.statvfs(tmp_path)
    with pytest.raises(RunError, match="No space left on device"):
        spool.room(tmp_path, spool.SPOOLED)((disk.f_bavail * disk.f_frsize // 8 + MB,))
    assert asked == []

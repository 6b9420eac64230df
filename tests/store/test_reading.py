"""Files that are read whole, however the system hands them out."""

import os
from pathlib import Path

import pytest

from gradflow.errors import RunError
from gradflow.store.reading import read_bytes

CONTENT = bytes(range(256)) * 40


def test_a_file_that_comes_in_pieces_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, read = tmp_path / "file", os.read
    path.write_bytes(CONTENT)
    monkeypatch.setattr(os, "read", lambda descriptor, most: read(descriptor, min(most, 1000)))
    assert read_bytes(path) == CONTENT
    assert read_bytes(path, len(CONTENT)) == CONTENT
    with pytest.raises(RunError, match="is larger than"):
        read_bytes(path, len(CONTENT) - 1)

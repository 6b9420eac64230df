"""What completion puts into a home folder, and that nothing of a user's is lost there."""

from pathlib import Path

import pytest

from gradflow.errors import RunError
from gradflow.store.home import add_line, put
from tests.store.small import names

LINE = "source ~/x.sh"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, f"{LINE}\n"),
        (b"", f"{LINE}\n"),
        (b"alias x=y\n", f"alias x=y\n{LINE}\n"),
        (b"alias x=y", f"alias x=y\n{LINE}\n"),
        (f"{LINE}\nalias x=y\n".encode(), f"{LINE}\nalias x=y\n"),
        (f"# {LINE}\n".encode(), f"# {LINE}\n{LINE}\n"),
        (b"name=\xe9\n", f"name=\udce9\n{LINE}\n"),
    ],
)
def test_a_line_is_added_once_and_the_rest_stays(tmp_path: Path, before: bytes | None, after: str) -> None:
    file = tmp_path / ".bashrc"
    if before is not None:
        file.write_bytes(before)
    for _ in range(2):
        add_line(file, LINE)
        assert file.read_bytes() == after.encode("utf-8", "surrogateescape")


def test_a_file_that_is_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "dotfiles" / "bashrc").write_text("alias x=y\n")
    (tmp_path / ".bashrc").symlink_to("dotfiles/bashrc")
    add_line(tmp_path / ".bashrc", LINE)
    assert (tmp_path / ".bashrc").is_symlink()
    assert (tmp_path / "dotfiles" / "bashrc").read_text().endswith(f"y\n{LINE}\n")


def test_a_script_is_put_where_no_folder_is_yet_and_replaced_whole(tmp_path: Path) -> None:
    for text in ("first, and longer\n", "second\n"):
        put(tmp_path / "a" / "b" / "script", text)
        assert (tmp_path / "a" / "b" / "script").read_text() == text
    assert names(tmp_path / "a" / "b") == ["script"]


def test_what_the_disk_refuses_is_told_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(RunError, match="folder: cannot be written: Is a directory"):
        add_line(tmp_path / "folder", LINE)
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="script: cannot be written: "):
        put(tmp_path / "file" / "script", "text")

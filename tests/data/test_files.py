import os
import socket
from pathlib import Path

import pytest

from gradflow.data.files import open_regular, require_unchanged
from gradflow.errors import InputError


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught, open_regular(path):
        pass
    (problem,) = caught.value.problems
    assert (problem.key, problem.source) == ("data.path", "")
    return problem.message


def test_a_regular_file_opens(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    with open_regular(tmp_path / "a") as file:
        assert file.read() == b"abc"
    assert file.closed


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "iris.csv").touch()
    assert refusal(tmp_path / "irsi.csv") == f"{tmp_path}/irsi.csv does not exist; did you mean iris.csv?"
    assert refusal(tmp_path / "no" / "a.csv") == f"{tmp_path}/no/a.csv does not exist"


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert "not a regular file" in refusal(tmp_path / "fifo")
    assert "not a regular file" in refusal(Path("/dev/zero"))
    assert "Is a directory" in refusal(tmp_path)
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(tmp_path / "s"))
        assert "cannot be read" in refusal(tmp_path / "s")


@pytest.mark.parametrize("name", ["a\0b", "a" * 300, "loop", "file/below"])
def test_a_path_that_cannot_be_opened_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    assert "cannot be read" in refusal(tmp_path / name)


def test_a_changed_file_is_refused_only_where_a_hash_was_recorded() -> None:
    require_unchanged(None, "ab")
    require_unchanged("ab", "ab")
    with pytest.raises(InputError, match=r"^data\.sha256: the file has changed, .* now ab: remove"):
        require_unchanged("cd", "ab")

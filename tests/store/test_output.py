"""What is there already under the name of -o is replaced where it may be, and only there."""

import os
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from gradflow.errors import InputError
from gradflow.execution.execute import execute
from gradflow.store import write_output
from gradflow.store.marks import SUFFIXES, is_marked, marked
from gradflow.store.names import NOTE, OWN
from tests.programs import nobody
from tests.store.small import names, small

PNG = b"\x89PNG\r\n\x1a\n" + b"chunks" + b"\0\0\0\0IEND\xaeB`\x82"
CONTENTS = dict.fromkeys(SUFFIXES, b"content\n") | {".png": PNG}
NOBODY = 65534
REMEDY = "--force replaces it, or choose another name"


def refusal(path: Path, **how: bool) -> str:
    """Why a file is not written, which leaves everything as it was."""
    before = state(path.parent)
    with pytest.raises(InputError) as caught:
        write_output(path, "new", **how)
    assert state(path.parent) == before
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line.removeprefix(f"{path}: ")


def state(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    found = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        info = path.lstat()
        found[path.name] = info.st_ino, info.st_mode, path.read_bytes() if path.is_file() else b""
    return found


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_gradflow_wrote_is_replaced(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    for content in (CONTENTS[suffix], CONTENTS[suffix][:4] + b"more" + CONTENTS[suffix][4:]):
        write_output(path, content, mark=True)
        assert path.read_bytes() == marked(content, suffix)
        assert is_marked(path.read_bytes(), suffix)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_was_changed_by_one_byte_is_the_users(tmp_path: Path, suffix: str) -> None:
    path, whole = tmp_path / f"out{suffix}", marked(CONTENTS[suffix], suffix)
    for changed in (
        *(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(len(whole))),
        *(whole[:i] for i in (0, 1, len(whole) // 2, len(whole) - 1)),
        whole + b"\n",
        b"my own words" + whole,
        CONTENTS[suffix],
    ):
        path.write_bytes(changed)
        told = refusal(path, mark=True)
        assert told == f"is there already, and not as gradflow wrote it: {REMEDY}"


def test_a_file_of_the_user_that_quotes_the_mark_is_the_users(tmp_path: Path) -> None:
    ours = marked(b"# ours\n", ".md")
    (tmp_path / "notes.md").write_bytes(b"# mine\n" + ours[7:])
    assert "not as gradflow wrote it" in refusal(tmp_path / "notes.md", mark=True)


def test_force_replaces_what_the_user_wrote(tmp_path: Path) -> None:
    (tmp_path / "out.md").write_text("mine")
    write_output(tmp_path / "out.md", "new", mark=True, force=True)
    assert (tmp_path / "out.md").read_bytes() == marked(b"new", ".md")


@pytest.mark.parametrize("name", ["t.csv", "t.json", "t.parquet", "net.yaml"])
def test_a_table_that_is_there_asks_for_force(tmp_path: Path, name: str) -> None:
    write_output(tmp_path / name, "old")
    assert refusal(tmp_path / name) == f"is there already: {REMEDY}"
    write_output(tmp_path / name, "new", force=True)
    assert (tmp_path / name).read_text() == "new"


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("mode", [0o444, 0o400, 0o464])
def test_a_read_only_file_is_never_replaced(tmp_path: Path, mode: int, force: bool) -> None:
    write_output(tmp_path / "out.md", "old", mark=True)
    (tmp_path / "out.md").chmod(mode)
    (tmp_path / "link.md").symlink_to("out.md")
    for name in ("out.md", "link.md"):
        told = refusal(tmp_path / name, mark=True, force=force)
        assert told == "is read-only: make it writable, or choose another name"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755, 0o666])
def test_mode_owner_and_attributes_stay(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "out.md"
    path.write_text("old")
    path.chmod(mode)
    os.utime(path, (1e9, 1e9))
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY - 1)
    with suppress(OSError):  # a disk without attributes
        os.setxattr(path, "user.note", b"mine")
    before, attributes = path.stat(), os.listxattr(path)
    write_output(path, "new", force=True)
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert os.listxattr(path) == attributes
    assert time.time() - after.st_mtime < 60
    assert path.read_text() == "new"


@pytest.mark.parametrize("force", [False, True])
def test_a_file_of_another_user_is_never_replaced(open_folder: Path, force: bool) -> None:
    """Whose file would be the writer's then, though the folder is everybody's."""
    open_folder.chmod(0o777)
    (open_folder / "out.md").write_text("root's")
    (open_folder / "out.md").chmod(0o666)
    code = f"""
from pathlib import Path
from gradflow.errors import InputError
from gradflow.store import write_output
try:
    write_output(Path({str(open_folder / "out.md")!r}), "new", mark=True, force={force})
except InputError as error:
    print(error)
"""
    done = subprocess.run([*nobody(), sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{open_folder}/out.md: belongs to another user: choose another name\n"
    assert names(open_folder) == ["out.md"]
    assert (open_folder / "out.md").read_text() == "root's"


@pytest.mark.parametrize("name", [*OWN, NOTE, "RUN.JSON", "sweep.json"])
@pytest.mark.parametrize("there", [True, False], ids=["there", "gone"])
def test_a_runs_own_files_are_never_written_over(tmp_path: Path, name: str, there: bool) -> None:
    run = execute(small(), tmp_path / "runs", render=lambda run: "report").path
    if not there:
        (run / name).unlink(missing_ok=True)
    links = tmp_path / "links"
    links.mkdir()
    (links / "file.md").symlink_to(run / name)
    (links / "folder").symlink_to(run)
    (links / "chain.md").symlink_to("file.md")
    for path in (run / name, links / "file.md", links / "folder" / name, links / "chain.md",
                 run / ".." / run.name / name):  # fmt: skip
        for force in (False, True):
            assert refusal(path, mark=True, force=force) == "is a run's own file: choose another name"


def test_a_sweeps_own_file_and_unfinished_runs_are_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "sweep.json").write_text("{}")
    (tmp_path / ".partial").mkdir()
    (tmp_path / ".partial" / "net-01234567.lock").touch()
    assert "is a run's own file" in refusal(tmp_path / "sweep" / "sweep.json", force=True)
    told = refusal(tmp_path / ".partial" / "net-01234567.lock", force=True)
    assert told == "is where runs are being written: choose another folder"


def test_other_files_may_stand_in_a_runs_folder(tmp_path: Path) -> None:
    run = execute(small(), tmp_path)
    for name in ("flow.svg", "my-report.md", "run.json.csv"):
        write_output(run.path / name, "x")
    assert {"flow.svg", "my-report.md", "run.json.csv"} < {*names(run.path)}


def test_our_names_are_free_outside_of_runs(tmp_path: Path) -> None:
    for name in OWN:
        write_output(tmp_path / name, "x")
        (tmp_path / name).unlink()
    write_output(tmp_path / "report.md", "x", mark=True)


def test_a_hard_link_to_a_recording_gives_way_and_the_run_stays(tmp_path: Path) -> None:
    run = execute(small(), tmp_path / "runs").path
    before = (run / "recording.npz").read_bytes()
    os.link(run / "recording.npz", tmp_path / "out.csv")
    write_output(tmp_path / "out.csv", "new", force=True)
    assert (run / "recording.npz").read_bytes() == before


def test_a_link_to_nothing_makes_the_file_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "link.md").symlink_to("new.md")
    write_output(tmp_path / "link.md", "new", mark=True)
    assert (tmp_path / "link.md").is_symlink()
    assert is_marked((tmp_path / "new.md").read_bytes(), ".md")


@pytest.mark.parametrize("force", [False, True])
def test_devices_pipes_and_open_files_without_a_name_are_refused(tmp_path: Path, force: bool) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "null").symlink_to("/dev/null")
    (tmp_path / "zero").symlink_to("null")
    with (tmp_path / "gone").open("w") as file:
        (tmp_path / "gone").unlink()
        (tmp_path / "open").symlink_to(f"/proc/self/fd/{file.fileno()}")
        for name in ("fifo", "null", "zero", "open"):
            assert refusal(tmp_path / name, force=force) == "is not a regular file: name another"
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_link_into_a_folder_that_is_not_there_names_that_folder(tmp_path: Path) -> None:
    (tmp_path / "link.md").symlink_to("nowhere/report.md")
    with pytest.raises(InputError, match=r"the folder .*nowhere does not exist"):
        write_output(tmp_path / "link.md", "text")

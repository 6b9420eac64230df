"""What a user put into a run's folder is there after everything that writes the run anew."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gradflow.execution.execute import execute
from gradflow.store import open_run
from gradflow.store.carry import carry
from gradflow.store.names import OWN
from gradflow.store.partial import claim
from gradflow.store.run import Run
from tests.programs import nobody
from tests.store.small import names, small
from tests.store.users import found, furnish

Again = Callable[[Path], Run]
ANOTHER = ["analysis.stable_decades=2"]


def forced(runs: Path) -> Run:
    return execute(small(), runs, force=True, render=lambda run: "report")


def with_another_threshold(runs: Path) -> Run:
    return execute(small(*ANOTHER), runs)


def after_damage(runs: Path) -> Run:
    (runs / small().id / "recording.npz").write_bytes(b"half")
    return execute(small(), runs, force=True)


def after_the_loss_of_run_json(runs: Path) -> Run:
    (runs / small().id / "run.json").unlink()
    return execute(small(), runs, force=True)


WAYS = [forced, with_another_threshold, after_damage, after_the_loss_of_run_json]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def shared(open_folder: Path) -> Path:
    """A folder that everybody may write to."""
    open_folder.chmod(0o777)
    return open_folder


@pytest.mark.parametrize("again", WAYS, ids=lambda way: way.__name__)
def test_all_of_the_users_things_stay_when_a_run_is_written_anew(runs: Path, again: Again) -> None:
    run = execute(small(), runs)
    kept = furnish(run.path)
    done = again(runs)
    assert found(done.path) == kept
    assert {*names(done.path)} - {*OWN} == {*kept.top}
    assert open_run(done.path).recording.keys() == run.recording.keys()
    assert names(runs) == [run.id]


def test_only_a_file_under_a_name_of_ours_goes(runs: Path) -> None:
    """A folder there, or a link to a large disk, is the user's: it gets another name."""
    run = execute(small(), runs)
    elsewhere = runs.parent / "large.npz"
    os.rename(run.path / "recording.npz", elsewhere)
    (run.path / "recording.npz").symlink_to(elsewhere)
    (run.path / "report.md").mkdir()
    (run.path / "report.md" / "mine").write_text("mine")
    (run.path / "report.md.1").write_text("taken")
    execute(small(), runs, force=True, render=lambda run: "report")
    assert names(run.path) == sorted([*OWN, "recording.npz.1", "report.md.1", "report.md.2"])
    assert (run.path / "recording.npz.1").readlink() == elsewhere
    assert elsewhere.stat().st_size
    assert (run.path / "report.md.2" / "mine").read_text() == "mine"
    assert (run.path / "report.md").read_text() == "report"


@pytest.mark.parametrize("kind", ["file", "link", "dangling link", "fifo"])
def test_what_is_no_folder_stays_beside_the_run_whose_place_it_has(runs: Path, kind: str) -> None:
    runs.mkdir()
    place = runs / small().id
    if kind == "file":
        place.write_text("mine")
    elif kind == "fifo":
        os.mkfifo(place)
    else:
        place.symlink_to("../large" if kind == "link" else "nowhere")
    (runs.parent / "large").mkdir()
    before = place.lstat().st_ino
    execute(small(), runs, force=True)
    assert open_run(place).status == "completed"
    assert place.with_name(f"{place.name}.1").lstat().st_ino == before


def test_a_folder_without_a_run_becomes_that_of_the_run(runs: Path) -> None:
    kept = furnish(runs / small().id)
    execute(small(), runs, force=True)
    assert found(runs / small().id) == kept


def test_what_came_into_the_old_folder_meanwhile_is_carried_by_the_next_start(runs: Path) -> None:
    """By a process that stands in it."""
    run = execute(small(), runs)
    old = runs / ".partial" / f"{run.id}-old"
    old.mkdir(parents=True)
    (old / "late.txt").write_text("late")
    (old / "config.yaml").write_text("ours")
    with claim(runs, small("seed=1").id):
        assert not old.exists()
    assert (run.path / "late.txt").read_text() == "late"


def test_a_finished_run_that_is_found_gets_back_what_a_kill_left_behind(runs: Path) -> None:
    run = execute(small(), runs)
    old = runs / ".partial" / f"{run.id}-old"
    old.mkdir(parents=True)
    (old / "NOTES.md").write_text("mine")
    assert execute(small(), runs).reused
    assert (run.path / "NOTES.md").read_text() == "mine"
    assert names(runs) == [run.id]


def test_a_name_that_is_taken_meanwhile_gets_a_number(tmp_path: Path) -> None:
    for folder in ("old", "new"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "NOTES.md").write_text(folder)
    (tmp_path / "old" / "other").touch()
    carry(tmp_path / "old", tmp_path / "new")
    assert names(tmp_path / "old") == []
    assert (tmp_path / "new" / "NOTES.md").read_text() == "new"
    assert (tmp_path / "new" / "NOTES.md.1").read_text() == "old"


def as_another_user(code: str) -> str:
    done = subprocess.run(
        [*nobody(), sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout


PREAMBLE = """
import os
from pathlib import Path
from gradflow.errors import GradflowError
from gradflow.execution.execute import execute
from tests.store.small import small
runs = Path({runs!r})
"""


def test_a_read_only_folder_goes_along_and_stays_read_only(shared: Path) -> None:
    """As an ordinary user, who may not give such a folder another parent."""
    code = (
        PREAMBLE.format(runs=str(shared / "runs"))
        + """
run = execute(small(), runs)
(run.path / "paper" / "figures").mkdir(parents=True)
(run.path / "paper" / "fig.svg").write_text("x")
os.chmod(run.path / "paper" / "fig.svg", 0o444)
os.chmod(run.path / "paper" / "figures", 0o500)
os.chmod(run.path / "paper", 0o555)
os.chmod(run.path / "run.json", 0o444)
execute(small(), runs, force=True)
print(sorted(os.listdir(run.path / "paper")), oct(os.stat(run.path / "paper").st_mode)[-3:])
"""
    )
    assert as_another_user(code) == "['fig.svg', 'figures'] 555\n"


def test_a_folder_of_another_user_is_told_before_anything_is_computed(shared: Path) -> None:
    runs = shared / "runs"
    code = PREAMBLE.format(runs=str(runs))
    as_another_user(code + "execute(small(), runs)")
    run = runs / small().id
    (run / "theirs").mkdir(mode=0o755)  # root's
    before = {name: (run / name).stat().st_mtime_ns for name in names(run)}
    told = as_another_user(
        code
        + """
try:
    execute(small(), runs, force=True, progress=lambda _: print("computes"))
except GradflowError as error:
    print(error.exit_code, error)
"""
    )
    remedy = "is another user's and cannot be carried over: move it out of the run"
    assert told == f"1 {run}/theirs: {remedy}\n"
    assert {name: (run / name).stat().st_mtime_ns for name in names(run)} == before


def test_a_protected_run_stays_whole(shared: Path) -> None:
    """Its folder is read-only: that is for the user to change."""
    code = (
        PREAMBLE.format(runs=str(shared / "runs"))
        + """
run = execute(small(), runs)
(run.path / "NOTES.md").write_text("mine")
os.chmod(run.path, 0o555)
before = sorted((name, os.stat(run.path / name).st_ino) for name in os.listdir(run.path))
try:
    execute(small(), runs, force=True)
except GradflowError as error:
    print(error.exit_code, "Permission denied" in str(error))
print(before == sorted((name, os.stat(run.path / name).st_ino) for name in os.listdir(run.path)))
print(os.listdir(runs))
"""
    )
    assert as_another_user(code).splitlines() == ["1 True", "True", f"['{small().id}']"]

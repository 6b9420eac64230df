import fcntl
import os
import threading
from pathlib import Path

import pytest

from gradflow.errors import RunError
from gradflow.execution.execute import execute
from gradflow.store.partial import claim, unfinished
from tests.store.small import names, small

OTHER = "other-0123abcd"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    (tmp_path / ".partial").mkdir()
    return tmp_path


def folder(path: Path) -> Path:
    path.mkdir()
    (path / "file").touch()
    return path


def test_the_next_start_clears_what_the_dead_left(runs: Path) -> None:
    for name in (f"{OTHER}-123", f"{OTHER}-old", f"{small().id}-77"):
        folder(runs / ".partial" / name)
    folder(runs / OTHER)
    (runs / ".partial" / f"{OTHER}.lock").write_text(f"123 {os.uname().nodename}\n")
    execute(small(), runs)
    assert names(runs) == sorted([small().id, OTHER])


def test_what_is_being_written_and_what_was_cut_short_is_known(runs: Path) -> None:
    assert unfinished(runs / "none") == {}
    (runs / ".partial" / "cut-00000001-checkpoint").touch()
    (runs / ".partial" / "killed-00000002.lock").write_text(f"123 {os.uname().nodename}\n")
    (runs / ".partial" / "there-00000003-checkpoint").touch()
    folder(runs / "there-00000003")
    with claim(runs, OTHER):
        (runs / ".partial" / "killed-00000002.lock").touch()  # the claim has cleared it
        assert unfinished(runs) == {"cut-00000001": False, "killed-00000002": False, OTHER: True}
    assert unfinished(runs) == {"cut-00000001": False, "killed-00000002": False}


def test_what_a_living_process_works_on_is_left_alone(runs: Path) -> None:
    with claim(runs, OTHER) as claimed:
        folder(runs / ".partial" / f"{OTHER}-old")
        claimed.stage()
        execute(small(), runs)
        assert names(runs / ".partial") == [claimed.staging.name, f"{OTHER}-old", f"{OTHER}.lock"]
    assert names(runs / ".partial") == [f"{OTHER}-old"]


def test_a_run_whose_successor_never_came_is_moved_back(runs: Path) -> None:
    run = execute(small(), runs)
    (runs / ".partial").mkdir(exist_ok=True)
    os.rename(run.path, runs / ".partial" / f"{run.id}-old")
    folder(runs / ".partial" / f"{run.id}-77")
    again = execute(small(), runs)
    assert again.reused
    assert again.info == run.info
    assert names(runs) == [run.id]


def test_the_checkpoint_of_a_finished_run_goes_at_the_next_start(runs: Path) -> None:
    run = execute(small(), runs)
    (runs / ".partial").mkdir()
    (runs / ".partial" / f"{run.id}-checkpoint").touch()
    with claim(runs, OTHER):
        assert names(runs / ".partial") == [f"{OTHER}.lock"]


def test_checkpoints_and_what_is_not_ours_are_kept(runs: Path) -> None:
    kept = [f"{OTHER}-checkpoint", "notes", "x-1"]
    for name in kept:
        (runs / ".partial" / name).touch()
    execute(small(), runs)
    assert names(runs / ".partial") == sorted(kept)


def test_one_process_cannot_claim_an_id_twice(runs: Path) -> None:
    with claim(runs, OTHER):
        message = rf"{OTHER}: process {os.getpid()} on .* is working on it"
        with pytest.raises(RunError, match=message), claim(runs, OTHER):
            pass
        with claim(runs, small().id):
            pass
    with claim(runs, OTHER):
        pass


def test_who_waited_for_a_folder_that_was_removed_waits_for_the_new_one(runs: Path) -> None:
    def lock() -> int:
        descriptor = os.open(runs / ".partial", os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return descriptor

    def work() -> None:
        with claim(runs, OTHER):
            claimed.set()

    claimed = threading.Event()
    old = lock()
    worker = threading.Thread(target=work)
    worker.start()
    claimed.wait(0.2)
    (runs / ".partial").rmdir()
    (runs / ".partial").mkdir()
    new = lock()
    os.close(old)
    assert not claimed.wait(0.3)
    os.close(new)
    assert claimed.wait(20)
    worker.join()


@pytest.mark.parametrize("kind", ["link", "file", "fifo"])
def test_a_partial_folder_or_lock_that_is_something_else_is_refused(runs: Path, kind: str) -> None:
    elsewhere = folder(runs / "elsewhere")
    (runs / ".partial").rmdir()
    if kind == "link":
        (runs / ".partial").symlink_to(elsewhere)
    elif kind == "file":
        (runs / ".partial").touch()
    else:
        os.mkfifo(runs / ".partial")
    with pytest.raises(RunError, match="cannot be written: "), claim(runs, OTHER):
        pass
    assert names(elsewhere) == ["file"]


def test_a_lock_file_that_is_a_link_is_refused(runs: Path) -> None:
    (runs / "precious").write_text("kept")
    (runs / ".partial" / f"{OTHER}.lock").symlink_to(runs / "precious")
    with pytest.raises(RunError, match="cannot be written: "), claim(runs, OTHER):
        pass
    assert (runs / "precious").read_text() == "kept"


def test_a_file_in_the_place_of_a_run_stands_beside_a_forced_one(runs: Path) -> None:
    (runs / small().id).touch()
    with pytest.raises(RunError, match="is not a run directory"):
        execute(small(), runs)
    assert execute(small(), runs, force=True).status == "completed"
    assert names(runs) == [small().id, f"{small().id}.1"]


def test_a_failed_rename_puts_the_old_run_back(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = execute(small(), runs)
    with claim(runs, run.id) as claimed:
        claimed.stage().rmdir()
        claimed.staging.touch()  # a file can be moved too, so let the move itself fail
        rename = os.rename

        def fails(source: Path, target: Path) -> None:
            if source == claimed.staging:
                raise OSError(5, "Input/output error")
            rename(source, target)

        monkeypatch.setattr(os, "rename", fails)
        with pytest.raises(OSError, match="Input/output error"):
            claimed.publish()
    assert names(run.path) == ["config.yaml", "recording.npz", "run.json", "state.npz", "summary.json"]


@pytest.mark.parametrize("force", [False, True])
def test_everything_is_on_the_disk_before_its_name_is_seen(
    runs: Path, monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    if force:
        execute(small(), runs)
    synced: list[Path] = []
    moved: list[tuple[Path, set[Path], set[Path]]] = []
    fsync, rename = os.fsync, os.rename

    def watch_fsync(descriptor: int) -> None:
        fsync(descriptor)
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))

    def watch_rename(source: Path, target: Path) -> None:
        moved.append((target, {source, *source.iterdir()}, set(synced)))
        synced.clear()
        rename(source, target)

    monkeypatch.setattr(os, "fsync", watch_fsync)
    monkeypatch.setattr(os, "rename", watch_rename)
    run = execute(small(), runs, force=force, render=lambda run: "report")
    target, needed, done = moved[-1]
    written = moved[0][2] if force else done
    assert target == run.path
    assert len(needed) == 7
    assert needed <= written
    assert {runs, runs.parent} <= set(synced)
    assert (runs / ".partial" in synced) is force

"""Disks without locks, with locks that others do not see, that cannot sync folders, or have one case."""

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from gradflow.config import parse_config
from gradflow.errors import RunError
from gradflow.execution.execute import execute
from gradflow.store import locks
from gradflow.store.owners import LEASE
from gradflow.store.partial import claim
from gradflow.yaml_file import parse
from tests.faults.checks import tidy, told, whole
from tests.faults.commands import Warm, crowd
from tests.programs import needs_root
from tests.small import NET

RUN = ["run", "net.yaml", "--json"]
SWEEP = ["sweep", "net.yaml", "--executor", "serial", "--json", "--quiet"]
NO_LOCKS = [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP]
NOBODY = 65534
CONFIG = parse_config(parse(NET, "net.yaml"), Path())
ID = CONFIG.id


def statuses(warm: Warm, folder: Path) -> dict[str, str]:
    shown = warm(folder, "ls", "--json")
    assert shown.code == 0
    return {row["id"]: row["status"] for row in json.loads(shown.out)["rows"]}


def locked_by(folder: Path, owner: str, age: float = 0) -> Path:
    """The lock of a run, as a process has left it."""
    path = folder / "runs" / ".partial" / f"{ID}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{owner}\n")
    os.utime(path, (time.time() - age,) * 2)
    return path


@pytest.mark.parametrize("number", NO_LOCKS)
def test_a_disk_without_locks_takes_runs_and_sweeps(odd_warm: Warm, folder: Path, number: int) -> None:
    odd = {"FLOCK_ERRNO": str(number)}
    for arguments in (RUN, [*RUN, "--force"], [*RUN, "name=other"], [*SWEEP, "seed=0,1,2"]):
        done = odd_warm(folder, *arguments, environment=odd)
        assert done.code == 0, done.err
    assert len(whole(folder / "runs")) == 5
    tidy(folder / "runs")
    assert odd_warm(folder, "export", "@1", "-o", "table.csv", environment=odd).code == 0


def test_without_locks_the_list_of_processes_says_who_lives(odd_warm: Warm, folder: Path) -> None:
    odd, here = {"FLOCK_ERRNO": str(errno.ENOLCK)}, os.uname().nodename
    mine = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    locked_by(folder, f"{os.getpid()} {here} {mine}")
    done = odd_warm(folder, *RUN, environment=odd)
    assert done.code == 1
    told(done, f"{ID}: process {os.getpid()} on {here} is working on it: wait for it, or end it")
    assert statuses(odd_warm, folder) == {ID: "interrupted"}  # a disk with locks says that none is held
    for dead in (f"{os.getpid()} {here} {int(mine) + 1}", f"{2**22 + 1} {here} 7"):  # a number used again
        locked_by(folder, dead)
        assert odd_warm(folder, *RUN, "--force", environment=odd).code == 0
        tidy(folder / "runs")


def test_a_crowd_on_a_disk_without_locks_computes_a_run_once(odd: str, folder: Path, tmp_path: Path) -> None:
    order = {
        "folder": str(folder), "environment": {"FLOCK_ERRNO": str(errno.ENOLCK)},
        "arguments": [*RUN, "steps=6000", "every=1000"],
    }  # fmt: skip
    ended = crowd(tmp_path, [order] * 6, odd)
    for done in ended:
        assert done.code == 0 or (done.code == 1 and done.err.endswith("wait for it, or end it\n")), done.err
    assert sum("trained in" in done.err for done in ended) == 1
    assert len(whole(folder / "runs")) == 1
    tidy(folder / "runs")


def test_one_process_at_a_time_sees_to_the_locks_of_a_disk_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    (tmp_path / "user's").touch()
    inside = []

    def enter() -> None:
        with locks.folder_locked(tmp_path):
            inside.append("second")

    second = Thread(target=enter)
    with locks.folder_locked(tmp_path):
        second.start()
        second.join(0.2)
        inside.append("first")
    second.join()
    assert inside == ["first", "second"]


def test_a_lock_that_was_made_while_a_dead_one_was_looked_at_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = locked_by(tmp_path, f"{2**22 + 1} {os.uname().nodename} 7")

    def replaced(looked_at: Path) -> bool:
        looked_at.unlink()
        looked_at.write_text("of another\n")
        return True

    monkeypatch.setattr(locks, "is_free", replaced)
    locks.remove_if_free(path)
    assert path.read_text() == "of another\n"


@needs_root
def test_eight_shards_on_two_machines_whose_locks_do_not_meet(odd: str, folder: Path, tmp_path: Path) -> None:
    machines = ["one", "two"]
    for name in machines:
        (tmp_path / name).mkdir()
    orders = []
    for shard in range(1, 9):
        host = machines[shard % 2]
        odd_locks = {"FLOCK_FOLDER": str(tmp_path / host)}
        arguments = [*SWEEP, "seed=range(0,16)", "--shard", f"{shard}/8"]
        orders.append({"folder": str(folder), "arguments": arguments, "host": host, "environment": odd_locks})
    ended = crowd(tmp_path, orders, odd)
    assert [(done.code, done.err) for done in ended] == [(0, "")] * 8
    assert len(whole(folder / "runs")) == 16
    tidy(folder / "runs")


@needs_root
def test_a_run_of_another_machine_is_left_alone_while_its_lock_is_renewed(
    odd_warm: Warm, folder: Path
) -> None:
    lock = locked_by(folder, "12 elsewhere 345")
    left = lock.with_name(f"{ID}-12-0123abcd")
    left.mkdir()
    os.chown(lock, NOBODY, NOBODY)
    assert statuses(odd_warm, folder) == {ID: "running"}
    done = odd_warm(folder, *RUN)
    assert done.code == 1
    told(done, "process 12 on elsewhere (user nobody) is working on it")
    assert odd_warm(folder, *RUN, "seed=1").code == 0
    assert left.exists()
    os.utime(lock, (time.time() - LEASE - 1,) * 2)
    assert statuses(odd_warm, folder)[ID] == "interrupted"
    assert odd_warm(folder, *RUN).code == 0
    assert not left.exists()


def test_a_lock_is_renewed_while_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "RENEWED", 0.02)
    with claim(tmp_path, ID) as claimed:
        lock = claimed.partial / f"{ID}.lock"
        os.utime(lock, (0, 0))
        end = time.monotonic() + 20
        while lock.stat().st_mtime == 0 and time.monotonic() < end:
            time.sleep(0.01)
        assert lock.stat().st_mtime > 0


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_disk_that_cannot_sync_folders_takes_runs(odd_warm: Warm, folder: Path, number: int) -> None:
    for arguments in (RUN, [*RUN, "--force"], [*SWEEP, "seed=0,1"]):
        done = odd_warm(folder, *arguments, environment={"SYNC_ERRNO": str(number)})
        assert done.code == 0, done.err
    assert len(whole(folder / "runs")) == 3


@needs_root
def test_a_parent_that_may_be_entered_and_not_read_takes_runs(warm: Warm, open_folder: Path) -> None:
    closed = open_folder / "closed"
    (closed / "runs").mkdir(parents=True)
    os.chown(closed / "runs", NOBODY, NOBODY)
    closed.chmod(0o711)
    for arguments in (RUN, [*RUN, "--force"], [*SWEEP, "seed=0,1"]):
        done = warm(open_folder, *arguments, "--runs-dir", f"{closed}/runs", user=NOBODY)
        assert done.code == 0, done.err
    assert len(whole(closed / "runs")) == 3


@needs_root
def test_what_is_closed_to_a_user_hides_nothing(warm: Warm, open_folder: Path) -> None:
    assert warm(open_folder, *RUN).code == 0
    assert warm(open_folder, *SWEEP, "seed=0,1").code == 0
    (sweep,) = (path.parent for path in open_folder.glob("runs/*/sweep.json"))
    (open_folder / "secret").mkdir(mode=0o700)
    (open_folder / "runs" / "link").symlink_to("../secret/runs")
    sweep.chmod(0o711)
    for command in ("ls", "compare"):
        done = warm(open_folder, command, "--json", user=NOBODY)
        assert done.code == 0
        assert [row["id"] for row in json.loads(done.out)["rows"]] == [ID]
        assert f"warning: runs/{sweep.name}: cannot be read: Permission denied" in done.err
    assert warm(open_folder, "show", ID, user=NOBODY).code == 0


def test_a_listing_waits_for_nobody_and_a_run_a_minute_at_most(
    warm: Warm, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert warm(folder, *RUN).code == 0
    (folder / "runs" / ".partial").mkdir()
    descriptor = os.open(folder / "runs" / ".partial", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert statuses(warm, folder) == {ID: "completed"}
    assert warm(folder, *RUN).code == 0  # it is there
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    with pytest.raises(RunError, match=r"\.partial: another process has kept it locked for 0\.1 s"):
        execute(CONFIG, folder / "runs", force=True)
    os.close(descriptor)
    assert execute(CONFIG, folder / "runs", force=True).status == "completed"


def test_an_equal_run_that_another_machine_has_just_put_there_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, rename = execute(CONFIG, tmp_path / "elsewhere"), os.rename

    def meets(source: Path, target: Path) -> None:
        if target == tmp_path / ID:
            shutil.copytree(run.path, target)
        rename(source, target)

    monkeypatch.setattr(os, "rename", meets)
    assert execute(CONFIG, tmp_path).status == "completed"
    assert not (tmp_path / ".partial").exists()


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_capitals_replace_nothing_on_a_disk_that_does_not_tell_them(
    odd_warm: Warm, folder: Path, force: list[str]
) -> None:
    odd = {"ONE_CASE": str(folder)}
    assert odd_warm(folder, *RUN, environment=odd).code == 0
    assert odd_warm(folder, *SWEEP, "seed=0,1", environment=odd).code == 0
    before = whole(folder / "runs")
    for arguments in (RUN, [*SWEEP, "seed=0,1"]):
        done = odd_warm(folder, *arguments, "name=NET", *force, environment=odd)
        assert done.code == 1
        told(done, "runs/NET-", ": this disk takes it for net-", "give it another name")
    assert whole(folder / "runs") == before
    assert odd_warm(folder, *RUN, *force, environment=odd).code == 0
    tidy(folder / "runs")


def test_a_lock_names_its_owner_from_its_first_moment(tmp_path: Path) -> None:
    """Or another machine, whose `flock` does not reach here, would take it for one that was left."""
    code = f"""
from contextlib import suppress
from pathlib import Path
from gradflow.store.partial import claim
for _ in range(400):
    with claim(Path({str(tmp_path)!r}), {ID!r}):
        pass
"""
    lock, seen = tmp_path / ".partial" / f"{ID}.lock", set()
    with subprocess.Popen([sys.executable, "-c", code]) as taking:
        while taking.poll() is None:
            with suppress(OSError):
                seen.add(lock.read_bytes())
    assert taking.returncode == 0
    assert {content.split()[:1] == [str(taking.pid).encode()] for content in seen} == {True}

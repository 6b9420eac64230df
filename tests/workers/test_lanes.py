"""Lanes of real worker processes: what a killed one costs, what they inherit, and that none is left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from pathlib import Path

import pytest

from gradflow.workers.lanes import Lanes

HOUR = 3600.0


@pytest.fixture(scope="module")
def lanes() -> Iterator[Lanes]:
    opened = Lanes(2)
    yield opened
    opened.shutdown(wait=False, cancel_futures=True)


def pid_of(path: Path) -> int:
    """The process that wrote its id into a file, once it has."""
    while not (path.exists() and path.read_text()):
        time.sleep(0.01)
    return int(path.read_text())


def note_and_sleep(path: Path) -> None:
    path.write_text(str(os.getpid()))
    time.sleep(HOUR)


def threads_and_modules() -> tuple[str | None, bool]:
    return os.environ.get("OPENBLAS_NUM_THREADS"), "numpy" in sys.modules


def blocked_signals() -> set[int]:
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, set()))


def wait_until_gone(pid: int, seconds: float = 2.0) -> bool:
    """Whether a process is gone, or only its parent's to bury, within some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_calls_are_answered_by_other_processes_and_exceptions_come_back(lanes: Lanes) -> None:
    calls = [lanes.submit(os.getpid) for _ in range(4)]
    found = {call.result() for call in calls}
    assert len(found) == 2
    assert os.getpid() not in found
    with pytest.raises(ZeroDivisionError):
        lanes.submit(divmod, 1, 0).result()


def test_a_killed_worker_costs_its_own_call_and_its_lane_goes_on(lanes: Lanes, tmp_path: Path) -> None:
    victim, other = lanes.submit(note_and_sleep, tmp_path / "a"), lanes.submit(time.sleep, 0.5)
    os.kill(pid_of(tmp_path / "a"), signal.SIGKILL)
    with pytest.raises(BrokenExecutor):
        victim.result()
    assert other.result() is None
    assert {lanes.submit(divmod, 7, 2).result() for _ in range(3)} == {(3, 1)}


def test_a_worker_has_one_blas_thread_and_leaves_ctrl_c_to_its_parent(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads, _ = lanes.submit(threads_and_modules).result()
    assert threads == "1"
    assert signal.SIGINT in lanes.submit(blocked_signals).result()
    assert signal.SIGINT not in blocked_signals()


def test_what_this_process_has_set_itself_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    one = Lanes(1)
    try:
        assert one.submit(threads_and_modules).result()[0] == "1"
        assert os.environ["OPENBLAS_NUM_THREADS"] == "7"
        assert "MKL_NUM_THREADS" not in os.environ
    finally:
        one.shutdown()


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads take turns after each microsecond, so that what two of them share is met at any moment."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("_", range(6))
@pytest.mark.usefixtures("hurried")
def test_shutdown_without_waiting_ends_a_busy_worker_at_once(tmp_path: Path, _: int) -> None:
    one = Lanes(1)
    running, waiting = one.submit(note_and_sleep, tmp_path / "a"), one.submit(os.getpid)
    pid = pid_of(tmp_path / "a")
    one.shutdown(wait=False, cancel_futures=True)
    assert wait_until_gone(pid)
    assert isinstance(running.exception(), BrokenExecutor)
    assert waiting.cancelled() or isinstance(waiting.exception(), BrokenExecutor)


PARENT = """
import sys, time
from pathlib import Path
from gradflow.workers.lanes import Lanes
from tests.workers.test_lanes import note_and_sleep

if __name__ == "__main__":
    lanes = Lanes(2)
    for name in sys.argv[1:]:
        lanes.submit(note_and_sleep, Path(name))
    time.sleep(3600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_worker_is_left_two_seconds_after_its_parent_died(number: signal.Signals, tmp_path: Path) -> None:
    script, notes = tmp_path / "parent.py", [tmp_path / "a", tmp_path / "b"]
    script.write_text(PARENT)
    command = [sys.executable, str(script), *map(str, notes)]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.getcwd()}) as parent:
        pids = [pid_of(note) for note in notes]
        parent.send_signal(number)
        parent.wait()
    assert all(wait_until_gone(pid) for pid in pids)

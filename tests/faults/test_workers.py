"""Workers that are struck from outside: out of memory, by a segmentation fault, stopped for ever."""

import json
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from subprocess import Popen

import pytest

from gradflow.sweeps.driver import Options, run_sweep
from gradflow.sweeps.outcome import Ended
from gradflow.sweeps.points import parse_sweep
from gradflow.yaml_file import parse
from tests.faults.checks import tidy, whole
from tests.faults.commands import ROOT, WAITING, Done, finished, gradflow, group, group_ends, started
from tests.programs import program
from tests.sampling import rarely
from tests.small import NET

LONG = (
    NET + "recording: {every: 1000000}\nsweep: {training.steps: [2, 10000000, 3]}"
)  # the second takes minutes
BUSY = 2.0  # seconds of computing, after which a worker has loaded all and is at its point


def sweep(*arguments: str) -> list[str]:
    return ["sweep", "net.yaml", "--json", "--quiet", "--workers", "1", *arguments]


def worker(process: "Popen[str]", but: int = 0) -> int:
    """The worker of a sweep, another one than `but`, once it computes."""
    end = time.monotonic() + WAITING
    while time.monotonic() < end and process.poll() is None:
        for pid in group(process.pid):
            if pid != but and is_worker(pid) and seconds(pid) > BUSY:
                return pid
        time.sleep(0.05)
    raise AssertionError("no worker ever computed")


def is_worker(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def seconds(pid: int) -> float:
    """The processor time of a process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def points(done: Done) -> dict[int, tuple[str, str | None]]:
    """Status and reason of each point of a sweep by its width."""
    return {
        point["model.width"]: (point["status"], point["reason"]) for point in json.loads(done.out)["points"]
    }


def test_a_point_that_does_not_fit_into_memory_fails_and_the_others_are_done(folder: Path) -> None:
    large = ["width=8,1500,9", "depth=20", "seeds=1", "samples=4096", "batch_size=4096"]
    done = gradflow(folder, *sweep(*large), under=[program("prlimit"), f"--as={10**9}"])
    assert done.code == 1
    assert done.err == ""
    found = points(done)
    assert found[8] == found[9] == ("completed", None)
    assert found[1500][0] == "failed"
    assert str(found[1500][1]).startswith("MemoryError: ")
    assert len(whole(folder / "runs")) == 3
    tidy(folder / "runs")


SHORT = """
import os, sys
class Short:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            raise MemoryError
if "spawn_main" in " ".join(sys.orig_argv):
    number = len(os.listdir({folder!r}))
    open(f"{folder}/{{os.getpid()}}", "x").close()
    if number < {times}:
        sys.meta_path.insert(0, Short())
"""


@pytest.mark.parametrize("module", ["numpy", rarely("pydantic")])
@pytest.mark.parametrize(("times", "failed"), [(1, 0), (2, 1), (99, 3)])
def test_a_worker_without_memory_for_a_library_costs_a_try(
    folder: Path, module: str, times: int, failed: int
) -> None:
    workers = folder / "workers"
    workers.mkdir()
    (folder / "sitecustomize.py").write_text(SHORT.format(folder=str(workers), times=times, module=module))
    under = ["env", f"PYTHONPATH={folder}:{ROOT}"]
    done = gradflow(folder, *sweep("width=8,9,10"), under=under)
    assert (done.code, done.err) == (1 if failed else 0, "")
    found = list(points(done).values())
    died = "its worker died under it each time: is the memory enough?"
    assert found == [("failed", died)] * failed + [("completed", None)] * (3 - failed)
    assert len(list(workers.iterdir())) == min(times, 6) + (failed < 3)
    tidy(folder / "runs")


def test_a_point_that_crashes_its_worker_fails_after_two_tries_and_the_others_are_done(
    folder: Path,
) -> None:
    (folder / "net.yaml").write_text(LONG)
    with started(folder, *sweep()) as process:
        first = worker(process)
        os.kill(first, signal.SIGSEGV)
        os.kill(worker(process, but=first), signal.SIGSEGV)
        done = finished(process)
    assert done.code == 1
    assert done.err == ""
    found = [(point["status"], point["reason"]) for point in json.loads(done.out)["points"]]
    assert found[0] == found[2] == ("completed", None)
    assert found[1] == ("failed", "its worker died under it each time: is the memory enough?")
    assert group_ends(process.pid)
    assert len(whole(folder / "runs")) == 3
    tidy(folder / "runs")


def children() -> set[int]:
    """The workers of this process."""
    return {child.pid for child in multiprocessing.active_children() if child.pid}


def stop_the_worker(others: set[int]) -> None:
    """Stop the worker of a sweep in this process once it computes."""
    while not (busy := [pid for pid in children() - others if seconds(pid) > BUSY]):
        time.sleep(0.05)
    os.kill(busy[0], signal.SIGSTOP)


def test_a_worker_that_is_stopped_is_killed_after_the_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradflow.sweeps.executors.STARTING", 0)
    study = parse_sweep(parse(LONG, "net.yaml"), Path(), [])
    others = children()
    stopping = threading.Thread(target=stop_the_worker, args=(others,))
    stopping.start()
    ended = [
        event
        for event in run_sweep(study, tmp_path, Options(workers=1, timeout=15))
        if isinstance(event, Ended)
    ]
    stopping.join()
    found = [(event.status, event.reason) for event in ended]
    assert found[0][0] == found[2][0] == "completed"
    assert found[1] == ("failed", "it took longer than the 15 s of --timeout")
    assert children() <= others

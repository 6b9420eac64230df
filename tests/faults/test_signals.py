"""SIGINT and SIGTERM at any moment: their exit code, one line, no orphan, nothing lost, and it goes on."""

import os
import random
import re
import signal
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from subprocess import Popen

import pytest

from tests.faults.checks import tidy, whole
from tests.faults.commands import ROOT, Warm, finished, gradflow, group_ends, started
from tests.sampling import each

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
SWEEP = ["sweep", "net.yaml", "seed=range(0,8)", "steps=200", "--json", "--quiet"]
LASTING = 3.0  # seconds that the sweep takes, or less
CALLS = "write,fsync,rename,mkdir,rmdir,unlink,openat,flock,close,mmap,munmap,lseek,newfstatat,getrandom"

AT_TYPER = """
import os, signal, sys
class Striking:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            os.kill(os.getpid(), {number})
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Striking())
"""

STUCK = """
import threading
threading.Thread(target=threading.Event().wait).start()
"""

AT_START = """
import multiprocessing.util as util, os, signal, sys
from tests.sampling import each
begin, starts = util.spawnv_passfds, []
def struck(*args):
    process = begin(*args)
    starts.append(process)
    if len(starts) == {start}:
        os.kill(os.getpid(), {number})
    return process
util.spawnv_passfds = struck
signal.signal(signal.SIGINT, signal.default_int_handler)
"""


@pytest.mark.parametrize("number", CODES)
def test_a_run_that_is_interrupted_at_any_call_says_so_and_goes_on(
    warm: Warm, folder: Path, number: signal.Signals, thorough: bool
) -> None:
    chance, interrupted = random.Random(number), 0
    for seed in range(100 if thorough else 12):
        call, moment = chance.choice(CALLS.split(",")), chance.randint(1, 40)
        arguments = ["run", "net.yaml", f"seed={seed}", "--json", "--quiet"]
        inject = f"inject={call}:signal={number.name}:when={moment}"
        done = warm(folder, *arguments, strace=["-e", f"trace={call}", "-e", inject])
        if f"--- {number.name}" in done.trace:
            interrupted += 1
            ended = (done.code, done.err)
            assert ended in ((CODES[number], "error: interrupted: the same command goes on\n"), (0, "")), (
                call,
                moment,
            )
            assert ended[0] or len(whole(folder / "runs")) == seed + 1
        assert len(whole(folder / "runs")) in (seed, seed + 1)
        assert warm(folder, *arguments).code == 0
        assert len(whole(folder / "runs")) == seed + 1
    assert interrupted > seed / 4
    tidy(folder / "runs")


def until_it_listens(process: "Popen[str]") -> None:
    """Wait until a command heeds signals: before, it is Python that starts."""
    mask = 1 << (signal.SIGTERM - 1)
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        if int(status.partition("SigCgt:")[2].split()[0], 16) & mask:
            return
        time.sleep(0.001)


@pytest.mark.parametrize(("number", "whom"), each(3, product(CODES, (os.kill, os.killpg))))
def test_a_sweep_that_is_interrupted_says_so_and_goes_on(
    warm: Warm, folder: Path, number: signal.Signals, whom: Callable[[int, int], None], thorough: bool
) -> None:
    chance, kept, codes = random.Random(number), dict[str, str](), []
    for _ in range(20 if thorough else 3):
        with started(folder, *SWEEP, "--workers", "2") as process:
            until_it_listens(process)
            time.sleep(chance.uniform(0, LASTING))
            whom(process.pid, number)
            done = finished(process)
            codes.append(done.code)
            assert (done.code, done.err) in (
                (CODES[number], "error: interrupted: the same command goes on\n"),
                (0, ""),
            )
            assert group_ends(process.pid)
        now = whole(folder / "runs") if (folder / "runs").exists() else {}
        assert now.items() >= kept.items()
        kept = now
    assert CODES[number] in codes
    assert warm(folder, *SWEEP, "--executor", "serial").code == 0
    assert len(whole(folder / "runs")) == 8
    assert whole(folder / "runs").items() >= kept.items()
    tidy(folder / "runs")


@pytest.mark.parametrize("number", CODES)
def test_a_sweep_on_dask_that_is_interrupted_says_so(folder: Path, number: signal.Signals) -> None:
    long = ["steps=5000" if word == "steps=200" else word for word in SWEEP]
    arguments = [*long, "every=1000", "--executor", "dask", "--workers", "2"]
    with started(folder, *arguments) as process:
        while process.poll() is None and not list(folder.glob("runs/*/*/run.json")):
            time.sleep(0.01)
        os.killpg(process.pid, number)
        done = finished(process)
        assert (done.code, done.err) == (CODES[number], "error: interrupted: the same command goes on\n")
        assert group_ends(process.pid)
    assert 0 < len(whole(folder / "runs")) < 8


@pytest.mark.parametrize("start", [1, 2, 3], ids=["tracker", "first worker", "second worker"])
@pytest.mark.parametrize("number", CODES)
def test_a_signal_while_a_worker_starts_says_so(
    warm: Warm, folder: Path, number: signal.Signals, start: int
) -> None:
    (folder / "sitecustomize.py").write_text(AT_START.format(number=int(number), start=start))
    done = gradflow(folder, *SWEEP, "--workers", "2", under=["env", f"PYTHONPATH={folder}:{ROOT}"])
    assert (done.code, done.err) == (CODES[number], "error: interrupted: the same command goes on\n")
    assert warm(folder, *SWEEP, "--executor", "serial").code == 0
    tidy(folder / "runs")


@pytest.mark.parametrize("number", CODES)
def test_a_signal_while_the_libraries_load_says_so(folder: Path, number: signal.Signals) -> None:
    (folder / "sitecustomize.py").write_text(AT_TYPER.format(number=int(number)))
    under = ["env", f"PYTHONPATH={folder}:{ROOT}"]
    done = gradflow(folder, "run", "net.yaml", "--quiet", under=under)
    assert (done.code, done.err) == (CODES[number], "error: interrupted: the same command goes on\n")
    assert not (folder / "runs").exists()


@pytest.mark.parametrize("number", CODES)
def test_what_is_interrupted_waits_for_no_thread(folder: Path, number: signal.Signals) -> None:
    (folder / "sitecustomize.py").write_text(STUCK + AT_TYPER.format(number=int(number)))
    under = ["env", f"PYTHONPATH={folder}:{ROOT}"]
    done = gradflow(folder, "run", "net.yaml", "--quiet", under=under)
    assert (done.code, done.err) == (CODES[number], "error: interrupted: the same command goes on\n")


@pytest.mark.parametrize("number", CODES)
def test_a_run_that_is_interrupted_goes_on_from_there_to_the_same_bits(
    warm: Warm, folder: Path, number: signal.Signals
) -> None:
    arguments = ["run", "net.yaml", "steps=20000", "every=100", "--json"]
    with started(folder, *arguments) as process:
        assert process.stderr
        assert "saving about" in process.stderr.readline()
        process.send_signal(number)
        done = finished(process)
    assert (done.code, done.err) == (CODES[number], "error: interrupted: the same command goes on\n")
    again = warm(folder, *arguments)
    assert re.match(r"going on from step [1-9][0-9,]* of 20,000\nsaving about ", again.err)
    assert warm(folder, *arguments, "--runs-dir", "undisturbed").code == 0
    one, other = (path.read_bytes() for path in sorted(folder.glob("*/net-*/recording.npz")))
    assert one == other
    tidy(folder / "runs")

"""dask: a real scheduler and two real workers on loopback, one of them killed in the middle of a sweep."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest
from distributed import Client

from gradflow.errors import MissingExtra, RunError
from gradflow.sweeps.driver import Options, run_sweep
from gradflow.sweeps.executors import _cancel
from gradflow.sweeps.outcome import Ended
from tests.faults.checks import tidy, whole
from tests.faults.commands import ROOT, finished, gradflow, group, started
from tests.sampling import rarely
from tests.sweeps.small import NET, assert_same_bits, computed, run, small, statuses

SWEEP = ("depth=range(2,10)", "width=32", "training.steps=150")
AT_EXIT = """
import atexit, logging, multiprocessing, sys
@atexit.register
def tell():
    if "gradflow" in sys.argv[0] and not multiprocessing.parent_process():
        logging.getLogger("distributed.batched").error("told by a thread that is left")
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Cluster:
    """A `dask scheduler` and `dask worker`s as processes of their own, without nannies."""

    def __init__(self, folder: Path, workers: int = 2) -> None:
        self.folder = folder
        self.address = f"tcp://127.0.0.1:{free_port()}"
        port = self.address.rpartition(":")[2]
        self.processes = [
            self._start(folder, "scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
        ]
        self.scheduler = self.processes[0]
        for _ in range(workers):
            self.join()

    def join(self, path: Path | None = None) -> None:
        """One more worker, which looks for modules in `path` first."""
        local = ("--no-nanny", "--nthreads", "1", "--no-dashboard", "--local-directory", str(self.folder))
        self.worker = self._start(self.folder, "worker", self.address, *local, path=path)
        self.processes.append(self.worker)

    def _start(self, folder: Path, *arguments: str, path: Path | None = None) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]]
        log = folder / f"{arguments[0]}-{time.monotonic_ns()}.log"
        with log.open("wb") as output:
            env = {**os.environ, "PYTHONPATH": str(path)} if path else None
            return subprocess.Popen(command, stdout=output, stderr=output, env=env, cwd=path)

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with ExitStack() as stack:
        one = Cluster(tmp_path)
        stack.callback(one.stop)
        yield one


def test_a_cluster_gives_the_same_bits_even_if_a_worker_is_killed(cluster: Cluster, tmp_path: Path) -> None:
    sweep, ended = small(*SWEEP), []
    events = run_sweep(sweep, tmp_path / "runs", Options("dask", address=cluster.address))
    for event in events:
        if isinstance(event, Ended):
            ended.append(event)
        if len(ended) == 2:
            cluster.worker.send_signal(signal.SIGKILL)
    assert set(statuses(ended).values()) == {"completed"}
    assert computed(ended) == list(range(2, 10))
    run(sweep, tmp_path / "undisturbed")
    assert_same_bits(tmp_path / "runs" / sweep.id, tmp_path / "undisturbed" / sweep.id)


def test_a_cluster_of_this_machine_is_made_where_no_address_is_given(tmp_path: Path) -> None:
    sweep = small("depth=2,3")
    ended = run(sweep, tmp_path / "runs", executor="dask", workers=1)
    assert statuses(ended) == {2: "completed", 3: "completed"}
    run(sweep, tmp_path / "undisturbed")
    assert_same_bits(tmp_path / "runs" / sweep.id, tmp_path / "undisturbed" / sweep.id)


def test_a_scheduler_that_dies_is_told_in_one_line(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(NET)
    arguments = ["sweep", "net.yaml", "seed=range(0,8)", "steps=5000", "every=1000", "--quiet"]
    with started(tmp_path, *arguments, "--dask-address", cluster.address) as process:
        while process.poll() is None and not list(tmp_path.glob("runs/*/*/run.json")):
            time.sleep(0.01)
        cluster.scheduler.kill()
        done = finished(process)
    told = r"error: --executor dask: computes no more \(.+\): run the same sweep again\n"
    assert re.fullmatch(told, done.err)
    assert done.code == 1
    assert 0 < len(whole(tmp_path / "runs")) < 8
    tidy(tmp_path / "runs")


WITHOUT = """
import sys
class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name == "gradflow" or name.startswith("gradflow."):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Nowhere())
"""


@pytest.fixture
def unmanned(tmp_path: Path) -> Iterator[Cluster]:
    with ExitStack() as stack:
        one = Cluster(tmp_path, workers=0)
        stack.callback(one.stop)
        yield one


def waiting(process: "subprocess.Popen[str]") -> None:
    """Until a sweep says that it waits."""
    assert process.stderr is not None
    for line in process.stderr:
        if "waiting for workers" in line:
            return
    raise AssertionError("the sweep ended")


def test_a_scheduler_without_workers_is_waited_for_and_that_is_said(
    unmanned: Cluster, tmp_path: Path
) -> None:
    (tmp_path / "net.yaml").write_text(NET)
    with started(tmp_path, "sweep", "net.yaml", "seed=1,2", "--dask-address", unmanned.address) as process:
        waiting(process)
        time.sleep(1.5)
        assert process.poll() is None
        assert not list(tmp_path.glob("runs/*/*/run.json"))
        unmanned.join()
        done = finished(process)
    assert done.code == 0
    assert "waiting" not in done.err  # said once
    assert len(whole(tmp_path / "runs")) == 2


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {"sitecustomize.py": WITHOUT},
            r"worker tcp://\S+ cannot import gradflow: pip install gradflow-lab==",
        ),
        rarely(
            (
                {"gradflow/__init__.py": "", "gradflow/version.py": "__version__ = '0.0.9'"},
                r"worker tcp://\S+ has gradflow 0\.0\.9, and this is \S+: pip install gradflow-lab==",
            )
        ),
    ],
    ids=["none", "another version"],
)
def test_a_worker_without_the_package_or_with_another_is_told_before_a_point_is_sent(
    unmanned: Cluster, tmp_path: Path, files: dict[str, str], told: str
) -> None:
    (tmp_path / "net.yaml").write_text(NET)
    for name, text in files.items():
        (tmp_path / "path" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "path" / name).write_text(text)
    with started(tmp_path, "sweep", "net.yaml", "seed=1,2", "--dask-address", unmanned.address) as process:
        waiting(process)
        unmanned.join(tmp_path / "path")
        done = finished(process)
    assert done.code == 1
    (line,) = done.err.splitlines()
    assert re.match(rf"error: {unmanned.address}: {told}", line)
    tidy(tmp_path / "runs")


def test_a_client_that_has_closed_takes_nothing_back_and_says_nothing(cluster: Cluster) -> None:
    """As one closes that finds its scheduler gone, before or after the sweep has seen that."""
    client = Client(cluster.address)
    executors = [client.get_executor(pure=False) for _ in range(2)]
    for executor in executors:
        executor.submit(time.sleep, 60)
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        executors[0].shutdown(wait=False)
    _cancel(executors[1])


def test_what_dask_has_left_says_nothing_on_stderr(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(NET)
    (tmp_path / "sitecustomize.py").write_text(AT_EXIT)
    arguments = ["sweep", "net.yaml", "seed=1,2", "--quiet", "--executor", "dask", "--workers", "1"]
    done = gradflow(tmp_path, *arguments, under=["env", f"PYTHONPATH={tmp_path}:{ROOT}"])
    assert (done.code, done.err) == (0, "")


def test_two_sweeps_at_once_listen_to_this_machine_only(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(NET)
    arguments = ["sweep", "net.yaml", "steps=5000", "every=1000", "--quiet", "--executor", "dask"]
    with ExitStack() as stack:
        both = [
            stack.enter_context(started(tmp_path, *arguments, f"seed={first},{first + 1}", "--workers", "1"))
            for first in (1, 3)
        ]
        heard = set[str]()
        while any(process.poll() is None for process in both):
            heard |= {address for process in both for address in listening(process.pid)}
            time.sleep(0.05)
        assert [finished(process).err for process in both] == ["", ""]
    assert heard == {"127.0.0.1"}


AS_A_STRANGER = """
import asyncio, sys
from distributed.comm import connect
from distributed.security import Security
async def ask(place, security):
    try:
        async with asyncio.timeout(5):
            comm = await connect(place, timeout=3, **security.get_connection_args("client"))
            await comm.write({"op": "identity"})
            return f"{place} answers {await comm.read()}"
    except Exception as error:
        return f"{place} refuses: {type(error).__name__}"
async def main():
    own = Security.temporary()  # a certificate of the stranger's
    ways = [("tcp", Security()), ("tls", own)]
    asked = [ask(f"{way}://{address}", security) for address in sys.argv[1:] for way, security in ways]
    print(*await asyncio.gather(*asked), sep="\\n")
asyncio.run(main())
"""


def test_nobody_else_on_the_machine_can_run_code_in_a_sweeps_cluster(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(NET)
    arguments = [
        "sweep",
        "net.yaml",
        "steps=200000",
        "every=1000",
        "seed=1,2",
        "--executor",
        "dask",
        "--quiet",
    ]
    with started(tmp_path, *arguments, "--workers", "1") as process:
        addresses = set[tuple[str, int]]()
        while process.poll() is None and len(addresses) < 4:  # scheduler, nanny, worker, a worker's page
            addresses = ports(process.pid)
            time.sleep(0.05)
        command = [sys.executable, "-c", AS_A_STRANGER, *(f"{ip}:{port}" for ip, port in addresses)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert process.poll() is None
    assert len(done.stdout.splitlines()) == 2 * len(addresses) >= 8
    assert "answers" not in done.stdout


def ports(command: int) -> set[tuple[str, int]]:
    """Where a command and its processes listen."""
    found = set[tuple[str, int]]()
    for number in group(command):
        with suppress(psutil.Error):
            connections = psutil.Process(number).net_connections("tcp")
            found |= {
                (one.laddr.ip, one.laddr.port) for one in connections if one.status == psutil.CONN_LISTEN
            }
    return found


def listening(command: int) -> set[str]:
    """The addresses at which a command and its processes can be reached."""
    return {ip for ip, _ in ports(command)}


def test_a_scheduler_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradflow.sweeps.executors.CONNECTING", 0.3)
    address = f"tcp://127.0.0.1:{free_port()}"
    runs, sweep = tmp_path / "runs", small("depth=2,3")
    with pytest.raises(RunError, match=f"{address}: no dask scheduler answers there"):
        run(sweep, runs, executor="dask", address=address)
    assert not runs.exists()


def test_a_scheduler_is_not_asked_for_points_that_stand_finished(tmp_path: Path) -> None:
    sweep, address = small("depth=2,3"), f"tcp://127.0.0.1:{free_port()}"
    run(sweep, tmp_path)
    for before in (lambda: None, lambda: (tmp_path / sweep.id).rename(tmp_path / "renamed")):
        before()
        ended = run(sweep, tmp_path, executor="dask", address=address)
        assert [event.reused for event in ended] == [True, True]


def test_without_dask_the_extra_to_install_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(MissingExtra, match=r"--executor dask needs the extra 'dask': pip install"):
        run(small("depth=2,3"), tmp_path / "runs", executor="dask")
    assert not list(tmp_path.iterdir())

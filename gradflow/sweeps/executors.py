"""Where points are computed, as a table of frozen classes; each opens a concurrent.futures.Executor."""

from __future__ import annotations

import logging
import resource
import socket
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any, ClassVar

from gradflow.errors import MissingExtra, RunError, did_you_mean, named, refuse_unused, refused
from gradflow.sweeps.worker import compute, compute_or_die
from gradflow.version import __version__
from gradflow.workers.lanes import Lanes, for_workers

CONNECTING = 10  # seconds to wait for a scheduler
LOOPBACK = "127.0.0.1:0"  # at any free port
OPEN, OPEN_EACH = 48, 8  # files that a cluster keeps open: itself, and for each worker
STARTING = 30  # seconds that a worker may take before its own clock runs


class InProcess(Executor):
    """Computes at once what is submitted, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """The finished future of a call."""
        return finished_future(fn(*args, **kwargs))


def finished_future(value: Any) -> Future[Any]:
    """A future that has its value already."""
    future: Future[Any] = Future()
    future.set_result(value)
    return future


@dataclass(frozen=True)
class Pool:
    """An open executor; `width()` points may be under way at a time, `compute` is the function for one.

    An exception in `died` means that a worker died under a point; after `tries` such deaths it has failed.
    Where they are `clocked`, a worker dies when its point has taken too long. `manned()` says whether there
    is a worker. RunError if one could compute nothing.
    """

    executor: Executor
    width: Callable[[], int]
    compute: Callable[..., Any]
    died: tuple[type[BaseException], ...] = ()
    tries: int = 1
    clocked: bool = False
    manned: Callable[[], bool] = lambda: True


@dataclass(frozen=True)
class Backend:
    """A way to compute points: `workers` processes, or those of the scheduler at `address`.

    A worker ends itself after `timeout` seconds at a point; one that cannot, as a stopped one, is killed.
    """

    name: ClassVar[str]
    in_process: ClassVar[bool] = False
    workers: int
    address: str | None = None
    timeout: float | None = None

    def require(self) -> None:
        """MissingExtra if a library is not installed that it needs: asked before anything is written."""

    def reach(self) -> None:
        """RunError if what computes is elsewhere and does not answer: asked before a new folder is made."""

    @contextmanager
    def open(self) -> Iterator[Pool]:
        """The pool; when the context ends, so do its workers."""
        raise NotImplementedError(self.name)


@dataclass(frozen=True)
class Serial(Backend):
    """One point after the other in this process, which keeps a checkpoint of each."""

    name = "serial"
    in_process = True

    @contextmanager
    def open(self) -> Iterator[Pool]:
        yield Pool(InProcess(), lambda: 1, compute)


@dataclass(frozen=True)
class Processes(Backend):
    """Worker processes of this machine, each with one BLAS thread; `option` asks for them.

    `remedy` helps where none can be started.
    """

    name = "processes"
    option: str = "--executor processes"
    remedy: str = "use --executor serial"

    @contextmanager
    def open(self) -> Iterator[Pool]:
        patience = None if self.timeout is None else self.timeout + STARTING
        lanes = Lanes(self.workers, patience, option=self.option, remedy=self.remedy)
        try:
            yield Pool(lanes, lambda: self.workers, compute_or_die, (BrokenExecutor,), tries=2, clocked=True)
        finally:
            lanes.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True)
class Dask(Backend):
    """The workers of a dask scheduler, or of one started here; data and results go through it.

    The scheduler itself gives the point of a dead worker to another, as often as its `allowed-failures` says.
    """

    name = "dask"

    def require(self) -> None:
        try:
            import cryptography  # noqa: F401 - is it there?
            import dask  # noqa: F401
            import distributed  # noqa: F401
        except ImportError:
            raise MissingExtra("dask", "--executor dask") from None

    def reach(self) -> None:
        if self.address is not None:
            from distributed import Client

            _silence()
            _connected(Client, self.address).close()

    @contextmanager
    def open(self) -> Iterator[Pool]:
        import dask
        from distributed import Client, KilledWorker, LocalCluster

        _silence()
        with ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", "Sending large graph")  # the data, which is meant to travel
            stack.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": 1}))
            scheduler: Any = self.address
            if scheduler is None:
                scheduler = stack.enter_context(_local(LocalCluster, self.workers))
            client = stack.enter_context(_connected(Client, scheduler))
            executor = client.get_executor(pure=False)
            stack.callback(_cancel, executor)
            workforce = Workforce(client, self.address)
            width, died = lambda: 2 + 2 * sum(client.ncores().values()), (KilledWorker,)
            yield Pool(
                executor, width, compute, died, manned=workforce.manned if self.address else lambda: True
            )


class Workforce:
    """The workers of a scheduler, of which each is asked once for its version of this package."""

    def __init__(self, client: Any, address: str | None) -> None:
        self.client, self.address = client, address
        self.asked: set[str] = set()

    def manned(self) -> bool:
        """Whether there is a worker. RunError if one has not the package, or another version of it."""
        present = set(self.client.ncores())
        if present - self.asked:
            self._ask(sorted(present - self.asked))
        self.asked |= present
        return bool(present)

    def _ask(self, workers: list[str]) -> None:
        place = "gradflow.version:__version__"  # a name, which a worker without the package can be sent
        found = self.client.run(resolve_name, place, workers=workers, on_error="return")
        without = [worker for worker, said in found.items() if isinstance(said, ImportError)]
        others = {worker: said for worker, said in found.items() if said != __version__ and type(said) is str}
        install = f"pip install gradflow-lab=={__version__} where they start"
        if without:
            raise self._refused(f"{_first_of(without)} cannot import gradflow: {install}")
        if others:
            worker, said = next(iter(others.items()))
            raise self._refused(f"worker {worker} has gradflow {said}, and this is {__version__}: {install}")

    def _refused(self, message: str) -> RunError:
        return RunError(message, self.address)


def _first_of(workers: Sequence[str]) -> str:
    more = f" and {len(workers) - 1} more" if len(workers) > 1 else ""
    return f"worker {workers[0]}{more}"


def _cancel(executor: Any) -> None:
    """Take back what is still to be computed; a scheduler that has gone takes nothing back, and need not."""
    with suppress(Exception):  # distributed's own for a closed client is an Exception without a family
        executor.shutdown(wait=False)


def _silence() -> None:
    """What a command must say it says itself: distributed logs a scheduler's death, and its end, to stderr;
    asyncio each connection that it cannot take.

    For good, since its threads outlive what they serve.
    """
    for name in ("asyncio", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    for handler in logging.getLogger("distributed").handlers:
        handler.setLevel(logging.CRITICAL)


def _require_files(workers: int) -> None:
    """RunError if a cluster would run out of open files: it would wait for its workers for ever."""
    needed, allowed = OPEN + OPEN_EACH * workers, resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if 0 <= allowed < needed:
        remedy = f"raise that (ulimit -n {needed}), or use --executor processes"
        message = f"a cluster needs {needed} open files and {allowed} are allowed: {remedy}"
        raise RunError(message, "--executor dask")


def _try_loopback() -> None:
    """OSError at once where no socket reaches this machine: a cluster would try for a minute."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=CONNECTING).close()


def _local(cluster: Any, workers: int) -> Any:
    """A cluster that only this command can reach, its processes with one thread each.

    A scheduler runs what it is sent, so it and its workers speak TLS, with a certificate that is made for the
    sweep and stands in no file: a port of loopback is open to every user of the machine.
    Each process has an HTTP server, whatever is asked for: without an address it would listen to the whole
    network, the scheduler's at a port that the next sweep would want too.
    """
    _require_files(workers)
    try:
        _try_loopback()
        with for_workers():
            return cluster(
                n_workers=workers, threads_per_worker=1, security=True, silence_logs="CRITICAL",
                dashboard_address=LOOPBACK, worker_dashboard_address=LOOPBACK,
                scheduler_kwargs={"dashboard": False},
            )  # fmt: skip
    except (OSError, RuntimeError) as error:  # no sockets, too many files or processes, no current folder
        message = f"no cluster can be started here ({named(error)}): use --executor processes"
        raise RunError(message, "--executor dask") from None


def _connected(client: Any, scheduler: Any) -> Any:
    try:
        return client(scheduler, timeout=CONNECTING)
    except (OSError, ValueError) as error:
        message = f"no dask scheduler answers there ({type(error).__name__}): start one with `dask scheduler`"
        raise RunError(message, scheduler) from None


EXECUTORS: dict[str, type[Backend]] = {cls.name: cls for cls in (Serial, Processes, Dask)}


def require_executor(name: str, workers: int | None) -> None:
    """InputError for a name that is no executor, and for workers where it has none, or for none of them."""
    if name not in EXECUTORS:
        message = f"should be one of {', '.join(EXECUTORS)}{did_you_mean(name, EXECUTORS)}"
        raise refused(message, "--executor")
    refuse_unused("--executor serial has none", workers=workers if EXECUTORS[name].in_process else None)
    if workers is not None and workers < 1:
        raise refused("should be at least 1", "--workers")

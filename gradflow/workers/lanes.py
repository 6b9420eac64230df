"""An Executor of worker processes in which a dead worker costs the call that it was on, and no other.

ProcessPoolExecutor cannot tell which call a killed worker had, gives up all of them, and leaves orphans.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

from gradflow import threads
from gradflow.errors import RunError, named
from gradflow.interrupts import held_back
from gradflow.workers.serve import serve


class Lanes(Executor):
    """`workers` lanes, each a process with one BLAS thread and a queue; a call goes to the emptiest lane.

    The future of a call whose worker died has a BrokenExecutor, and so have those that waited behind it in
    its lane. Submit from the main thread: the system ends a worker with the thread that started it.
    A worker that has not answered after `patience` seconds, though it lives, is killed. Where none can be
    started, the RunError is of the `option` that asked for them, and has its `remedy` beside the limits.
    """

    def __init__(
        self, workers: int, patience: float | None = None, *, option: str = "", remedy: str = ""
    ) -> None:
        self._lanes = [_Lane(patience, option, remedy) for _ in range(workers)]

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """The future of fn(*args), which a worker computes."""
        if kwargs:
            raise TypeError("only positional arguments go to a worker")
        return min(self._lanes, key=lambda lane: lane.waiting).submit(fn, args)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers: once their calls are answered, or with `wait` False now."""
        for lane in self._lanes:
            lane.close(wait, cancel_futures)


class _Lane:
    """One worker process at a time, and the thread that waits for its answers."""

    def __init__(self, patience: float | None, option: str, remedy: str) -> None:
        self._patience, self._option, self._remedy = patience, option, remedy
        self._calls: list[Future[Any]] = []
        self._thread = ThreadPoolExecutor(1)
        self._process: Any = None
        self._connection: Any = None
        self._broken = True  # there is no worker to ask

    @property
    def waiting(self) -> int:
        """How many calls have no answer yet."""
        self._calls = [call for call in self._calls if not call.done()]
        return len(self._calls)

    def submit(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Future[Any]:
        if self._broken or not self._process.is_alive():
            with held_back():  # a process whose start is cut cannot be ended, and complains
                self._start()
        future = self._thread.submit(self._ask, self._connection, function, arguments)
        self._calls.append(future)
        return future

    def close(self, wait: bool, cancel: bool) -> None:
        if wait:
            self._thread.shutdown(cancel_futures=cancel)
        self._end()
        self._thread.shutdown(cancel_futures=True)

    def _start(self) -> None:
        self._end()
        try:
            self._connection, self._process = _started()
        except (OSError, RuntimeError, AssertionError) as error:
            # too many processes or files, no memory, no current folder; or this is a daemon itself
            words = f"no worker can be started ({named(error)}): see to the limits"
            raise RunError(", or ".join(filter(None, (words, self._remedy))), self._option) from None
        self._broken = False

    def _ask(self, connection: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        try:
            connection.send((function, arguments))
            if not connection.poll(self._patience):
                self._process.kill()  # a stopped process heeds no other signal
            answered, value = connection.recv()
        except (EOFError, OSError):
            self._broken = True  # the system may take a moment to say so
            raise BrokenExecutor("the worker process died") from None
        if answered:
            return value
        raise value

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        # the connection closes itself with the last call that holds it: the thread may be reading it now
        self._process = self._connection = None


def _started() -> tuple[Any, Any]:
    """A worker process, and the connection to it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    try:
        process = context.Process(target=serve, args=(theirs, os.getpid()), daemon=True)
        with for_workers():
            process.start()
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()  # so that the end of the worker is the end of the connection
    return ours, process


@contextmanager
def for_workers() -> Iterator[None]:
    """What processes started here inherit: one BLAS thread, and no Ctrl-C, which is not theirs to handle."""
    resource_tracker.ensure_running()  # its start would unblock the signal
    before = {name: os.environ.get(name) for name in threads.ONE}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(threads.ONE)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

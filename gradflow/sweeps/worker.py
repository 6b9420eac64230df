"""What a worker process does: it asks for nothing, opens no file, and never outlives the one that started it.

Imported before NumPy is, so that a worker is tied to its parent from its first moment.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from threading import Thread
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from gradflow.data import Data
    from gradflow.execution.checkpoint import Checkpoint
    from gradflow.store.result import Result

PR_SET_PDEATHSIG = 1
WATCHED = 0.5  # seconds between two looks at the parent


def serve(connection: Connection, parent: int) -> None:
    """Answer each (function, arguments) by (True, value) or (False, exception) until the other end closes.

    A worker that cannot load what it is sent, as where memory is short, dies: the other end tries another.
    """
    tie_to(parent)
    while True:
        try:
            function, arguments = connection.recv()
        except Exception:
            return
        connection.send(_answer(function, arguments))


def tie_to(parent: int) -> None:
    """End this process when the process `parent` does, however that dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(RuntimeError):  # no thread can be started
        Thread(target=_watch, args=(parent,), daemon=True).start()  # where prctl is not, or came too late


def compute(
    plain: dict[str, Any], data: Data, timeout: float | None, checkpoint: Checkpoint | None = None
) -> Result:
    """The result of a plain config on its data; what goes wrong in between makes it a failed one.

    `timeout` in seconds is looked at after each block of steps.
    """
    from gradflow.analysis.summarize import summarize
    from gradflow.config import config_from_plain
    from gradflow.errors import named
    from gradflow.execution.train import train
    from gradflow.store.result import failed

    start = perf_counter()

    def look(progress: object) -> None:
        if timeout is not None and perf_counter() - start > timeout:
            raise TimeoutError(late(timeout))

    try:
        config = config_from_plain(plain)
        result = train(config, data, progress=look, checkpoint=checkpoint)
        info = {
            name: getattr(result, name) for name in ("status", "data", "outcome", "evaluation", "measured")
        }
        return replace(result, state=None, summary=summarize(config, result.recording, info))
    except TimeoutError as error:
        return failed(str(error))
    except Exception as error:  # a point that cannot be computed must not take the others with it
        return failed(named(error))


def compute_or_die(plain: dict[str, Any], data: Data, timeout: float | None) -> Result:
    """`compute` in a process of its own, which the system ends after `timeout` seconds, come what may.

    It ends itself where not even the libraries can be loaded.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, timeout or 0)
    try:
        return compute(plain, data, None)
    except Exception:
        os._exit(1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def late(timeout: float) -> str:
    """The reason of a point that took too long."""
    return f"it took longer than the {timeout:g} s of --timeout"


def _answer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[bool, Any]:
    try:
        return True, function(*arguments)
    except Exception as error:
        return False, error


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        sleep(WATCHED)
    os._exit(1)

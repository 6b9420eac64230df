"""What a worker process does: it answers calls, and never outlives the process that started it.

Imported before NumPy is, so that a worker is tied to its parent from its first moment.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from threading import Thread
from time import sleep
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

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


def _answer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[bool, Any]:
    try:
        return True, function(*arguments)
    except Exception as error:
        return False, error


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        sleep(WATCHED)
    os._exit(1)

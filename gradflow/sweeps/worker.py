"""What a worker process does for a sweep: it asks for nothing and opens no file."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradflow.data import Data
    from gradflow.execution.beginning import Beginning
    from gradflow.execution.checkpoint import Checkpoint
    from gradflow.store.result import Result


def compute(
    plain: dict[str, Any],
    data: Data,
    timeout: float | None,
    beginning: Beginning | None = None,
    keep_state: bool = False,
    checkpoint: Checkpoint | None = None,
) -> Result:
    """The result of a plain config on its data; what goes wrong in between makes it a failed one.

    `timeout` in seconds is looked at after each block of steps. It goes on from a `beginning`, if there is
    one, and hands its own state on if that is kept.
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
        result = train(config, data, progress=look, checkpoint=checkpoint, beginning=beginning)
        info = {
            name: getattr(result, name) for name in ("status", "data", "outcome", "evaluation", "measured")
        }
        state = result.state if keep_state else None
        return replace(result, state=state, summary=summarize(config, result.recording, info))
    except TimeoutError as error:
        return failed(str(error))
    except Exception as error:  # a point that cannot be computed must not take the others with it
        return failed(named(error))


def compute_or_die(
    plain: dict[str, Any],
    data: Data,
    timeout: float | None,
    beginning: Beginning | None = None,
    keep_state: bool = False,
) -> Result:
    """`compute` in a process of its own, which the system ends after `timeout` seconds, come what may.

    It ends itself where not even the libraries can be loaded.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, timeout or 0)
    try:
        return compute(plain, data, None, beginning, keep_state)
    except Exception:
        os._exit(1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def late(timeout: float) -> str:
    """The reason of a point that took too long."""
    return f"it took longer than the {timeout:g} s of --timeout"

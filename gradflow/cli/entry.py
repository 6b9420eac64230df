"""The way in: signals and streams are seen to before anything slow is loaded."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
INTERRUPTED, TERMINATED = 130, 143


class _Terminated(BaseException):
    """SIGTERM came: unwind, so that what is unfinished is put away."""


def main() -> int:
    """Run the command line; the exit code is that of design.md."""
    _one_thread_each()
    _stand_in_for_closed_streams()
    try:
        signal.signal(signal.SIGTERM, _terminate)
        from gradflow.cli.app import outcome

        code = outcome()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except _Terminated:
        code = TERMINATED
    if code in (INTERRUPTED, TERMINATED):
        from gradflow.cli.output import complain

        complain("interrupted")
    return code


def _one_thread_each() -> None:
    """One BLAS thread: faster at these sizes, the same bits everywhere; must be set before numpy loads."""
    if not any(name in os.environ for name in THREADS):
        os.environ.update(dict.fromkeys(THREADS, "1"))


def _stand_in_for_closed_streams() -> None:
    """Write for nobody where the shell has closed stdout or stderr (`>&-`), which Python gives as None."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nobody = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(nobody, "w", encoding="utf-8"))


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise _Terminated

"""The way in: signals and streams are seen to before anything slow is loaded."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress

from gradflow import interrupts, threads

TOLD = 200  # characters that are told of why a library cannot be loaded
OBJECTS = 250_000  # made between two looks for cycles: libraries and rows, made by the million, have none
PLUGINS = "PYDANTIC_DISABLE_PLUGINS"  # to look for some takes longer than to read a config


def main() -> int:
    """Run the command line; the exit code is that of design.md."""
    threads.default_to_one()
    gc.set_threshold(OBJECTS)
    os.environ.setdefault(PLUGINS, "__all__")
    _stand_in_for_closed_streams()
    try:
        return _interruptible()
    except interrupts.Interrupted as again:  # a second signal, on the way out
        interrupts.ignore()
        return _leave(again.code)


def _interruptible() -> int:
    try:
        interrupts.listen()
        from gradflow.cli.app import outcome

        interrupts.raise_waiting()  # what came while libraries loaded, before anything is begun
        code = outcome()
        interrupts.ignore()
    except interrupts.Interrupted as interrupted:
        interrupts.ignore()
        from gradflow.telling.lines import complain

        complain("interrupted: the same command goes on" if _goes_on() else "interrupted")
        code = _leave(interrupted.code)
    except Exception as error:
        if not _is_of_import(error):
            raise
        code = _tell(error)
    return code


def _leave(code: int) -> int:
    """End at once, since all is put away: Python would wait for threads, and one whose start a signal has cut
    may never end. Worker processes end with this one."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


def _goes_on() -> bool:
    """Whether the command keeps what it has done, and does not do it anew."""
    return sys.argv[1:2] in (["run"], ["sweep"]) and not {"--force", "--dry-run"} & set(sys.argv)


def _is_of_import(error: BaseException) -> bool:
    """Whether a module could not be loaded, as where memory is short: what fails is at the top of one."""
    frame, found = error.__traceback__, isinstance(error, ImportError)
    while frame and not found:
        found = frame.tb_frame.f_code.co_name == "<module>"
        frame = frame.tb_next
    return found


def _tell(error: BaseException) -> int:
    """One line on stderr, made without any library."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    told = " ".join(f"{type(error).__name__}: {error}".split())[:TOLD].rstrip(": ")
    sys.stderr.write(f"error: a library cannot be loaded ({told}): is the memory enough (ulimit -v)?\n")
    return 1


def _stand_in_for_closed_streams() -> None:
    """Write for nobody where the shell has closed stdout or stderr (`>&-`), which Python gives as None."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nobody = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(nobody, "w", encoding="utf-8"))

"""The way in: signals and streams are seen to before anything slow is loaded."""

from __future__ import annotations

import os
import sys

from gradflow import interrupts, threads

LONGEST = 200  # characters that are told of why a library cannot be loaded


def main() -> int:
    """Run the command line; the exit code is that of design.md."""
    threads.default_to_one()
    _stand_in_for_closed_streams()
    try:
        interrupts.listen()
        from gradflow.cli.app import outcome

        code = outcome()
        interrupts.ignore()
    except interrupts.Interrupted as interrupted:
        interrupts.ignore()
        from gradflow.cli.output import complain

        complain("interrupted")
        code = interrupted.code
    except Exception as error:
        if not _is_of_import(error):
            raise
        code = _tell(error)
    return code


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
    told = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST].rstrip(": ")
    sys.stderr.write(f"error: a library cannot be loaded ({told}): is the memory enough (ulimit -v)?\n")
    return 1


def _stand_in_for_closed_streams() -> None:
    """Write for nobody where the shell has closed stdout or stderr (`>&-`), which Python gives as None."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nobody = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(nobody, "w", encoding="utf-8"))

"""Lines on stderr, and how wide a line may be."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TextIO, cast

from gradflow.report.numbers import inert

if TYPE_CHECKING:
    from gradflow.report.terminal import Look

LONGEST = 2000  # characters of a line on stderr: of a longer one the start and the end, which is the remedy
ENDING = 400
WIDEST = 10_000  # columns; beyond it a line is as long as it likes


def note(text: str, quiet: bool) -> None:
    """A line on stderr that a script need not read."""
    if not quiet:
        _to_stderr(_line(text) + "\n")


def noting(quiet: bool) -> Callable[[str], None]:
    """`note` for those who tell what need not be read."""
    return lambda text: note(text, quiet)


def warn(problems: Iterable[str], quiet: bool) -> None:
    """A line for each run that cannot be shown."""
    for problem in problems:
        note(f"warning: {problem}", quiet)


def complain(*problems: str) -> None:
    """A line a problem on stderr."""
    _to_stderr("".join(f"error: {_line(problem)}\n" for problem in problems))


def _line(text: str) -> str:
    shown = inert(text)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - ENDING]} ... {shown[-ENDING:]}"


def _to_stderr(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        pass  # nobody listens: the exit code still says it


def look_of(stream: TextIO) -> Look:
    """What a stream can show: a pipe has no width to wrap at and no colours."""
    from rich.console import Console

    from gradflow.report.terminal import Colours, Look

    tty = stream.isatty()
    plain = not tty or os.environ.get("NO_COLOR") or os.environ.get("TERM") in ("dumb", "unknown")
    return Look(
        columns=columns_of(stream.fileno()),
        wrap=tty,
        colours=None
        if plain
        else cast(Colours | None, Console(file=stream, width=80, height=25).color_system),
        unicode=(stream.encoding or "").lower().replace("-", "") in ("utf8", "utf8sig", "utf16", "utf32"),
    )


def columns_of(descriptor: int) -> int:
    """COLUMNS if it is a positive number, else the terminal's width, else 80."""
    given = os.environ.get("COLUMNS", "").lstrip("0")
    if given.isascii() and given.isdecimal():
        return WIDEST if len(given) >= len(str(WIDEST)) else int(given)
    try:
        return os.get_terminal_size(descriptor).columns or 80
    except OSError:
        return 80

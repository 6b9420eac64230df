"""What goes to stdout, one page or one document, and what goes to stderr, notes and errors."""

from __future__ import annotations

import json
import os
import sys
from math import inf
from typing import TYPE_CHECKING, Any, TextIO, cast

from gradflow.errors import RunError
from gradflow.report.numbers import inert

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradflow.report.page import Page
    from gradflow.report.terminal import Look

_PLAIN = json.JSONEncoder(allow_nan=False)  # without indent it is C, and ten times as fast

LONGEST = 2000  # characters of a line on stderr: of a longer one the start and the end, which is the remedy
ENDING = 400
WIDEST = 10_000  # columns; beyond it a line is as long as it likes

_NESTED = {dict, list, tuple}


class ReaderGone(Exception):
    """The reader of stdout went away."""


def emit(text: str) -> None:
    """Write to stdout now. ReaderGone if nobody reads it, RunError if what it goes to takes no more."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise ReaderGone from None
    except OSError as error:
        silence()
        message = f"cannot be written: {error.strerror}: see to where it goes and run again"
        raise RunError(message, "standard output") from None


def emit_document(document: dict[str, Any]) -> None:
    """One strict JSON document, ASCII only, so that any terminal and any reader can take it."""
    emit(document_text(document))


def document_text(document: dict[str, Any], levels: float = inf) -> str:
    """The text of such a document; what is deeper than some levels is a line."""
    return _document_text(document, levels) + "\n"


def _document_text(value: Any, levels: float, margin: str = "") -> str:
    """JSON, indented down to what holds plain values alone: a row of a table, or a profile, is a line."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    if len(margin) >= 2 * levels or _NESTED.isdisjoint(map(type, inner)):
        return _PLAIN.encode(value)
    deeper = f"{margin}  "
    lines = [_document_text(one, levels, deeper) for one in inner]
    if isinstance(value, dict):
        lines = [f"{_PLAIN.encode(str(key))}: {line}" for key, line in zip(value, lines, strict=True)]
    start, end = "{}" if isinstance(value, dict) else "[]"
    return f"{start}\n{deeper}" + f",\n{deeper}".join(lines) + f"\n{margin}{end}"


def emit_page(page: Page) -> None:
    """The page as this stdout can show it."""
    from gradflow.report.terminal import render  # loads rich, which a document does without

    emit(render(page, look_of_stdout()))


def emit_either(json: bool, document: Callable[[], dict[str, Any]], page: Callable[[], Page]) -> None:
    """The document if it is asked for, else the page."""
    if json:
        emit_document(document())
    else:
        emit_page(page())


def note(text: str, quiet: bool) -> None:
    """A line on stderr that a script need not read."""
    if not quiet:
        _to_stderr(_line(text) + "\n")


def noting(quiet: bool) -> Callable[[str], None]:
    """`note` for those who tell what need not be read."""
    return lambda text: note(text, quiet)


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


def silence() -> None:
    """Give stdout to nobody, so that the interpreter's last flush does not complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def look_of_stdout() -> Look:
    """What stdout can show."""
    return look_of(sys.stdout)


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

"""What goes to stdout, one page or one document, and what goes to stderr, notes and errors."""

from __future__ import annotations

import json
import os
import sys
from math import inf
from typing import TYPE_CHECKING, Any

from gradflow.errors import RunError
from gradflow.telling.lines import look_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradflow.report.page import Page
    from gradflow.report.terminal import Look

_PLAIN = json.JSONEncoder(allow_nan=False)  # without indent it is C, and ten times as fast

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


def silence() -> None:
    """Give stdout to nobody, so that the interpreter's last flush does not complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def look_of_stdout() -> Look:
    """What stdout can show."""
    return look_of(sys.stdout)

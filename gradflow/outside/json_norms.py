"""Norms in JSON: an object a line, as loggers stream them, a list of objects, the state of a Trainer, or the
tables that gradflow exports.

What lies in an object, or is numbered, is a column of its own: {"grad_norm": {"fc1": 0.1}} is grad_norm/fc1.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from gradflow.errors import refused
from gradflow.outside.found import Finding
from gradflow.outside.names import SHOWN
from gradflow.outside.only import ALL, Only
from gradflow.outside.table import NEEDS, NormsTable

LISTS = "log_history", "layers"  # rows of trainer_state.json, of transformers, and of gradflow's own export
DEEPEST = 8  # objects in one another
HISTOGRAM = "a histogram"  # the very object stands for one
BY_STEP = "write an object for each step"
_KIND = "_type"  # of what wandb's history holds beside numbers
_KINDS = {list: "a list", str: "a number or a text", bool: "true or false", type(None): "nothing"}
_NORMS = re.compile(r"(?:.*/)?(?:log_)?(?:(?:delta|grad|gradient|weight_grad)_)?norms?", re.I).fullmatch
_OURS = re.compile(r".*(?:norm|grad).*|_?step|layer|seed|run|kind|depth", re.I).fullmatch


def json_norms(content: bytes, source: str, only: Only = ALL) -> Iterator[Finding]:
    """The norms of a file's content. InputError names the line of what cannot be read."""
    try:
        rows = [*_rows(content.decode("utf-8-sig"), source)]
    except UnicodeDecodeError as error:
        raise refused(f"is no JSON in UTF-8: {error}", source=source) from None
    titles = dict.fromkeys(title for _, cells in rows for title in cells)
    histograms = {title for _, cells in rows for title, cell in cells.items() if cell is HISTOGRAM}
    if histograms and not any("norm" in title for title in titles):
        words = "is a histogram, which tells no norm: log the norm of each layer's gradient as a number"
        raise refused(f"{min(histograms)[:SHOWN]} {words}", source=source)
    if histograms:
        rows = [(line, {t: cell for t, cell in cells.items() if t not in histograms}) for line, cells in rows]
    kept = [title for title in titles if title not in histograms]
    return NormsTable(source, kept, rows, only=only).norms()


class _Refused(Exception):
    """What is wrong with a value, wherever it stands."""


@contextmanager
def _placed(source: str, line: int | None) -> Iterator[None]:
    """What is refused stands there."""
    try:
        yield
    except _Refused as error:
        raise refused(str(error), source=source, line=line) from None


def _rows(text: str, source: str) -> Iterator[tuple[int | None, dict[str, str]]]:
    """What stands under each title of an object, with its line where each has its own."""
    for line, record in _records(text, source):
        with _placed(source, line):
            cells = _flat(record)
        yield line, cells


def _records(text: str, source: str) -> Iterator[tuple[int | None, Any]]:
    """The objects of a file, with their lines where each has its own."""
    try:
        whole = _parsed(text)
    except _Refused as error:
        raise refused(str(error), source=source, line=_line_of_first(text)) from None
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            _refuse(error, source, error.lineno)
    else:
        for record in _listed(whole):
            yield None, record
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                with _placed(source, number):
                    record = _parsed(line)
            except json.JSONDecodeError as error:
                _refuse(error, source, number)
            yield number, record


def _line_of_first(text: str) -> int | None:
    """The line of the first value; None if it goes over several."""
    number, line = next((n, line) for n, line in enumerate(text.split("\n"), start=1) if line.strip())
    try:
        _parsed(line)
    except json.JSONDecodeError:
        return None
    except _Refused:
        pass
    return number


def _refuse(error: json.JSONDecodeError, source: str, line: int) -> NoReturn:
    words = f"is no JSON ({error.msg}): write an object a line, or one list of objects"
    raise refused(words, source=source, line=line) from None


def _listed(document: Any) -> list[Any]:
    if isinstance(document, list):
        return document
    for name in LISTS if isinstance(document, dict) else ():
        rows = document.get(name)
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            return rows
    return [document]


def _parsed(text: str) -> Any:
    """The value of a text, its numbers as they are written. JSONDecodeError or _Refused if it has none."""
    try:
        return json.loads(text, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_single)
    except RecursionError:
        raise _Refused("objects lie too deep in one another: write an object a line") from None


def _single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise _Refused(f"two values of one object are called {twice[:SHOWN]!r}")
    return found


def _flat(record: Any) -> dict[str, str]:
    """The numbers and texts of an object by their path; nothing stands for null, true and false."""
    if not isinstance(record, dict):
        raise _Refused(f"holds {_KINDS[type(record)]} where an object should be: it needs {NEEDS}")
    cells: dict[str, str] = {}
    for path, value in _leaves(record, "", 0):
        if path in cells:
            raise _Refused(f"two values of one object are called {path[:SHOWN]!r}")
        cells[path] = value
    return cells


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > DEEPEST:
        raise _Refused("objects lie too deep in one another: write an object a line")
    if isinstance(value, dict) and _KIND in value:
        yield path, HISTOGRAM
    elif isinstance(value, dict) and not all(map(str.isdecimal, value)):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}/{name}" if path else name, depth + 1)
    elif isinstance(value, dict | list):
        yield from _layers(value, path)
    else:
        yield path, value if isinstance(value, str) else ""


def _layers(values: dict[str, Any] | list[Any], path: str) -> Iterator[tuple[str, str]]:
    """The norms of numbered layers; what else is numbered passes if it could be nothing of ours."""
    numbered = values if isinstance(values, dict) else dict(enumerate(values))
    if _NORMS(path):
        for number, inner in numbered.items():
            if isinstance(inner, dict | list):
                raise _Refused(f"{path[:SHOWN]} holds more than the norm of each layer: {BY_STEP}")
            yield f"{path}/{number}", inner if isinstance(inner, str) else ""
    elif _OURS(path) and numbered:
        raise _Refused(f"{path[:SHOWN]} has a value for each of several steps: {BY_STEP}")

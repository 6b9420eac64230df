"""Values, and the line of each, from YAML parse events by the 1.2 core schema, without recursion.

PyYAML's own constructor reads 1e-3 as text, 010 as 8 and no as false, and keeps the last of two equal keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from gradflow.errors import Problem

KeyPath = tuple[str | int, ...]

DEEPEST = 50  # collections within collections
TOO_DEEP = f"more than {DEEPEST} levels of nesting: write it flatter"
DIGITS = 400  # of an integer: more than any float holds, and int() of very many takes quadratic time

_CONSTANTS = {
    **dict.fromkeys(("null", "Null", "NULL", "~", "")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
INTEGER = re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
FLOAT = re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")


def scalar(text: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar (YAML 1.2.2, 10.3.2); ValueError for an integer over 400 digits."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if INTEGER.match(text):
        if len(text) > DIGITS:
            raise ValueError(f"an integer of {len(text)} characters: at most {DIGITS} are allowed")
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if FLOAT.match(text):
        return float(text)
    if _NOT_FINITE.match(text):
        return float(text.replace(".", ""))
    return text


def dotted(path: KeyPath) -> str:
    """A path as messages name it: data.x[0][1]."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{one_line(part)}" for part in path)
    return "".join(parts).removeprefix(".")


def quoted(text: str) -> str:
    """`text` as an error message shows it: on one line, in double quotes, at most 40 characters of it."""
    return f'"{one_line(text)}"'


def one_line(text: str) -> str:
    """At most 40 characters of `text`, those that do not print as escapes."""
    cut = text if len(text) <= 40 else text[:37] + "..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)


class Hopeless(Exception):
    """What follows the last problem cannot be made sense of."""


@dataclass
class _Open:
    """A collection whose end has not come yet; of a mapping, the key that waits for its value."""

    value: dict[str, Any] | list[Any]
    path: KeyPath
    key: str | None = None
    line: int = 0
    key_lines: dict[str, int] = field(default_factory=dict)


def _as_text(mapping: _Open, digits: str, line: int) -> str:
    """The remedy for a key that is no text; behind a comma it may hold the decimals of the value before."""
    quotes = "put it in quotes"
    whole = [*mapping.value.values()][-1:] if isinstance(mapping.value, dict) else []
    if mapping.line != line or not digits.isdecimal() or [*map(type, whole)] != [int]:
        return quotes
    return f"write {whole[0]}.{one_line(digits)} if it is a number, else {quotes}"


class Reader:
    """Builds the value of a document from its parse events."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.value: Any = None
        self.lines: dict[KeyPath, int] = {(): 1}
        self.problems: list[Problem] = []
        self.stack: list[_Open] = []
        self.documents = 0

    def problem(self, message: str, line: int, path: KeyPath = ()) -> None:
        """Note what is wrong in a line, and at which key if that is known."""
        self.problems.append(Problem(message, dotted(path), self.source, line))

    def take(self, event: Any) -> None:
        """One parse event."""
        line = event.start_mark.line + 1
        match event:
            case yaml.ScalarEvent():
                self._refuse_extras(event, line)
                self._scalar(event, line)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._refuse_extras(event, line)
                self._open({} if isinstance(event, yaml.MappingStartEvent) else [], event, line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self.stack.pop()
            case yaml.AliasEvent():
                self.problem("aliases (*name) are not allowed: write the value out", line)
                self._put(None, line, below=False)
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    self.problem("a second document starts here: a file holds one", line)
                    raise Hopeless

    def _refuse_extras(self, event: Any, line: int) -> None:
        if event.tag is not None:
            tag = one_line(event.tag.replace("tag:yaml.org,2002:", "!!"))
            self.problem(f"tags ({tag}) are not allowed: remove it; quotes make a value text", line)
        if event.anchor is not None:
            self.problem(f"anchors (&{one_line(event.anchor)}) are not allowed: remove it", line)

    def _scalar(self, event: Any, line: int) -> None:
        plain = event.implicit[0]
        try:
            value = scalar(event.value) if plain else event.value
        except ValueError as error:
            self.problem(str(error), line)
            value = 0
        parent = self.stack[-1] if self.stack else None
        if parent is None or isinstance(parent.value, list) or parent.key is not None:
            self._put(value, line, below=plain and not event.value)
            return
        if not isinstance(value, str):
            remedy = _as_text(parent, event.value, line)
            self.problem(f"the key {one_line(event.value)} is not text: {remedy}", line)
        self._key(parent, event.value, line)

    def _key(self, mapping: _Open, key: str, line: int) -> None:
        first = mapping.key_lines.setdefault(key, line)
        if key in mapping.value:
            self.problem(f"already stands in line {first}: remove one of the two", line, (*mapping.path, key))
        mapping.key, mapping.line = key, line

    def _open(self, value: dict[str, Any] | list[Any], event: Any, line: int) -> None:
        if len(self.stack) == DEEPEST:
            self.problem(TOO_DEEP, line)
            raise Hopeless
        path = self._put(value, line, below=not event.flow_style)
        self.stack.append(_Open(value, path))

    def _put(self, value: Any, line: int, below: bool) -> KeyPath:
        """Place a value where it belongs; one that starts `below` its key is found at the key's line."""
        if not self.stack:
            self.value = value
            return ()
        parent = self.stack[-1]
        if isinstance(parent.value, list):
            path = (*parent.path, len(parent.value))
            parent.value.append(value)
        elif parent.key is None:
            self.problem("a list or mapping cannot be a key: a key is text", line)
            raise Hopeless
        else:
            path = (*parent.path, parent.key)
            line = parent.line if below else line
            parent.value[parent.key] = value
            parent.key = None
        self.lines[path] = line
        return path

"""YAML in and out: one document, no aliases, no tags, no key twice, scalars by the 1.2 core schema."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from gradflow.errors import InputError, Problem, refused
from gradflow.files.regular import read_regular, wrong_with
from gradflow.yaml_events import FLOAT, INTEGER, TOO_DEEP, Hopeless, KeyPath, Reader

COMMAND_LINE = "command line"
LARGEST = 1_000_000  # bytes of a file
SHOWN = 50  # problems of one text that are reported
_ENDLESS = 2**31 - 1  # columns of a line that is never broken

# NEL, LS and PS are left out too: YAML 1.1 breaks lines there, so they would shift every line number
_FORBIDDEN = "[^\t\n\r -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
_BLANKS = str.maketrans("", "", "\t\n\r")
_REMEDIES = {  # by a fragment of libyaml's complaint
    "tab character": "a tab where YAML wants spaces: indent with spaces",
    "mapping values": "': ' is not expected here: align the keys of a mapping, put a space after each colon, "
    "and quotes around text that holds ': '",
    "end of stream": "the quote that opens here is never closed: close it",
    "expected ','": "a bracket is not closed, or a comma is missing",
    "flow node": "a bracket is not closed, or a value is missing",
    "node content": "a value is missing, or a bracket is one too many",
    "expected key": "the indentation does not fit the lines above, a key is missing, or a quote ends early",
    "expected '-'": "the indentation does not fit the list above: each of its entries starts with '- '",
    "expected ':'": "a key without its colon: write 'key: value'",
    "escape": "an unknown escape in double quotes: use single quotes, or double the backslash",
    "nesting depth": TOO_DEEP,
    "<document start>": "text after the end of the document: a file holds one document",
}


@dataclass(frozen=True)
class Document:
    """Plain values (dict with text keys, list, str, int, float, bool, None) and the 1-based line of each."""

    value: Any
    lines: dict[KeyPath, int]
    source: str


def parse(text: str, source: str) -> Document:
    """The one document of a YAML text; the InputError of a bad one has `source` and line of each problem."""
    plain = text.isascii() and text.translate(_BLANKS).isprintable()
    found = None if plain else re.search(_FORBIDDEN, text)  # 3 ms to compile, which few texts need
    if found:
        message = f"the character U+{ord(found[0]):04X} has no place in YAML: remove it"
        raise InputError(Problem(message, source=source, line=_line_of(text, found.start())))
    reader = Reader(source)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        reader.problem(*_explain(error, text))
    except Hopeless:
        pass  # the reader has noted why
    if reader.problems:
        raise _refusal(reader.problems)
    return Document(reader.value, reader.lines, source)


def parse_value(text: str, key: str) -> Any:
    """The value of one override KEY=VALUE by the same rules; its problems come from the "command line"."""
    try:
        return parse(text, COMMAND_LINE).value
    except InputError as error:
        raise InputError(*(replace(problem, key=key, line=None) for problem in error.problems)) from None


def read(path: Path) -> Document:
    """Parse a UTF-8 file; refuses what is missing, no regular file, or over 1 MB."""
    source = str(path)
    data = _read_bytes(path, source)
    if len(data) > LARGEST:
        message = f"is larger than {LARGEST // 10**6} MB: put the data into a csv or npz file"
        raise InputError(Problem(message, source=source))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8: save the file as UTF-8"
        raise InputError(Problem(message, source=source, line=line)) from None
    return parse(text, source)


def dump(value: Any) -> str:
    """YAML text that `parse` reads back to the same value, and YAML 1.1 readers too; keys keep their order.

    A list or mapping that holds no other is written on one line.
    """
    options: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": 100}
    return str(yaml.dump(value, Dumper=_Dumper, default_flow_style=None, **options))


def on_one_line(value: Any) -> str:
    """The value in YAML's flow style, as an override has it: {name: gaussian, sigma_w: 1.5}."""
    options: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": _ENDLESS}
    return str(yaml.dump([value], Dumper=_Dumper, default_flow_style=True, **options)).strip()[1:-1]


def _refusal(problems: Sequence[Problem]) -> InputError:
    if len(problems) <= SHOWN:
        return InputError(*problems)
    more = Problem(f"and {len(problems) - SHOWN:,} more problems", source=problems[0].source)
    return InputError(*problems[:SHOWN], more)


def _line_of(text: str, position: int) -> int:
    return len(re.findall(r"\r\n?|\n", text[:position])) + 1


def _explain(error: yaml.MarkedYAMLError, text: str) -> tuple[str, int]:
    """What to do about a text that is no YAML, and the line where."""
    complaint, mark = f"{error.context or ''}: {error.problem}", error.problem_mark
    assert mark is not None  # libyaml always gives one
    if "cannot start any token" in complaint:
        return _stray(text[mark.index]), mark.line + 1
    if "end of stream" in complaint and error.context_mark:
        mark = error.context_mark
    line = min(mark.line + 1, _line_of(text, len(text.rstrip("\r\n"))))
    remedies = (remedy for fragment, remedy in _REMEDIES.items() if fragment in complaint)
    return next(remedies, f"is not YAML: {error.problem}"), line


def _stray(character: str) -> str:
    if character == "\t":
        return _REMEDIES["tab character"]
    return f"text cannot start with {character}: put it in quotes"


def _read_bytes(path: Path, source: str) -> bytes:
    try:
        return read_regular(path, LARGEST)
    except IsADirectoryError:
        raise InputError(Problem("is a directory: name a YAML file in it", source=source)) from None
    except OSError as error:
        raise refused(wrong_with(path, error, "save the text to one"), source=source) from None


class _Dumper(yaml.CSafeDumper):
    """Quotes every text that YAML 1.1 or 1.2 would read as something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True  # a list that stands twice would become an anchor and an alias


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None if text.isprintable() else '"'  # the only style that escapes
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
for _tag, _pattern in (("int", INTEGER), ("float", FLOAT)):
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, list("-+.0123456789"))

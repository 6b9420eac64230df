"""What completion should know of configs, by the schema: `python -m tests.cli.schema_words` writes it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from gradflow.cli import config_words
from gradflow.config.choices import AUTO, AutoOr, Choice, OneOf
from gradflow.config.keys import CHOICES, FIELDS, OF_ENTRIES
from gradflow.yaml_events import KeyPath, dotted

Words = dict[str, str]

HEAD = '''"""The keys of configs and the names that values have, for completion, which loads no schema.

Written by `python -m tests.cli.schema_words`.
"""

from __future__ import annotations
'''
TITLES = {
    "KEYS": "what every config has; -> the names of values, apart by spaces",
    "ENTRIES": "what some entries of a table take",
}


def of_schema() -> dict[str, Words]:
    """KEYS and ENTRIES."""
    every = {
        dotted(path): _joined(_named(field.annotation, field.metadata))
        for path, field in FIELDS.items()
        if path != ("sweep",) and path not in {inner[:-1] for inner in FIELDS}
    }
    return {"KEYS": every, "ENTRIES": {dotted(path): _joined(_of_entry(path)) for path in OF_ENTRIES}}


def _joined(names: Iterator[str]) -> str:
    """Those that no shell asks to be quoted."""
    return " ".join(dict.fromkeys(name for name in names if re.fullmatch(r"[\w-]+", name)))


def _of_entry(path: KeyPath) -> Iterator[str]:
    choice, key = CHOICES[path[:-1]], str(path[-1])
    if key == "name":
        yield from _of_mark(choice)
    for cls in choice.table.values():
        yield from _named(get_type_hints(cls, include_extras=True).get(key))


def _named(hint: Any, marks: Any = ()) -> Iterator[str]:
    """The names of the values that a type has."""
    for mark in marks:
        yield from _of_mark(mark)
    if hint is bool:
        yield from ("true", "false")
    elif get_origin(hint) is Literal:
        yield from (word for word in get_args(hint) if isinstance(word, str))
    elif hasattr(hint, "__metadata__"):
        yield from _named(hint.__origin__, hint.__metadata__)
    elif get_origin(hint) not in (tuple, list, dict):
        for inner in get_args(hint):
            yield from _named(inner)


def _of_mark(mark: Any) -> Iterator[str]:
    if isinstance(mark, Choice):
        yield from (*mark.table, *mark.aliases)
    elif isinstance(mark, OneOf):
        yield from mark.names
    elif isinstance(mark, AutoOr):
        yield AUTO


def module() -> str:
    """The text of the module."""
    parts = [HEAD]
    for title, words in of_schema().items():
        lines = [f"    {key!r}: {_text(names)}," for key, names in words.items()]
        parts.append("\n".join([f"{title} = {{  # {TITLES[title]}", *lines, "}"]))
    return "\n".join(parts).replace("'", '"') + "\n"


def _text(names: str) -> str:
    if len(names) < 60:
        return repr(names)
    lines = textwrap.wrap(names, 90, drop_whitespace=False)
    return "(\n" + "\n".join(f"        {line!r}" for line in lines) + "\n    )"


if __name__ == "__main__":
    Path(config_words.__file__).write_text(module(), encoding="utf-8")

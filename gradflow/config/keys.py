"""Every key that a config can have, found by walking the schema, and the full key of a short name."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic.fields import FieldInfo

from gradflow.config.choices import Choice
from gradflow.config.schema import Config
from gradflow.config.sections import Section
from gradflow.errors import InputError, Problem, did_you_mean
from gradflow.yaml_events import KeyPath, dotted, one_line
from gradflow.yaml_file import COMMAND_LINE


def _walk(section: type[Section], above: KeyPath = ()) -> Iterator[tuple[KeyPath, FieldInfo]]:
    """Each key of a section and of those below it, with its field."""
    for name, field in section.model_fields.items():
        path = (*above, name)
        yield path, field
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from _walk(field.annotation, path)


def _choice(field: FieldInfo) -> Choice | None:
    return next((mark for mark in field.metadata if isinstance(mark, Choice)), None)


def _below(choice: Choice) -> list[str]:
    """The keys of all entries of a table."""
    return list(dict.fromkeys(key for name in choice.table for key in ("name", *choice.keys_of(name))))


FIELDS: dict[KeyPath, FieldInfo] = dict(_walk(Config))  # what every config has
CHOICES: dict[KeyPath, Choice] = {path: c for path, field in FIELDS.items() if (c := _choice(field))}
OF_ENTRIES: list[KeyPath] = [(*path, key) for path, choice in CHOICES.items() for key in _below(choice)]


def override_key(name: str) -> str:
    """The full dotted key that `name` stands for: itself, or the one key of the schema that ends in it.

    Its first part may be the last of any key (`depth`, `init.sigma_w`). A key that every config has comes
    before one that only some entries of a table take, and `training.loss` before `training.stop.loss`.
    InputError for an unknown or ambiguous name.
    """
    try:
        return dotted(find(name))
    except LookupError as error:
        raise InputError(Problem(str(error), one_line(name), COMMAND_LINE)) from None


def find(name: str) -> KeyPath:
    """`override_key` as a path; LookupError says why there is none."""
    first, *rest = name.split(".")
    path = (*_start(first), *rest)
    if path in FIELDS or path in OF_ENTRIES:
        return path
    every = (*FIELDS, *OF_ENTRIES)
    if rest:
        same = [known for known in every if known[-1] == rest[-1].lower()]  # modle.depth, training.lr
        known = map(dotted, same or every)
    else:
        known = map(str, dict.fromkeys(known[-1] for known in every))
    raise LookupError(f"unknown key{did_you_mean(dotted(path).lower(), known)}")


def _start(name: str) -> KeyPath:
    """The key that the first part of a name may be the last of; itself if there is none."""
    for paths in (list(FIELDS), OF_ENTRIES):
        named = [path for path in paths if path[-1] == name]
        found = [path for path in named if len(path) == min(map(len, named))]
        if len(found) > 1:
            raise LookupError(f"is ambiguous: write {' or '.join(map(dotted, found))}")
        if found:
            return found[0]
    return (name,)


def keys_below(path: KeyPath, value: object) -> list[str]:
    """The keys that may stand below `path`, where `value` stands."""
    if path not in CHOICES:
        return [str(key[-1]) for key in FIELDS if key[:-1] == path]
    name = CHOICES[path].name_of(value)
    return CHOICES[path].keys_of(name) if name else []

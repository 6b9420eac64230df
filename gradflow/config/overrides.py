"""Values from the command line and from a sweep's axes, laid over a file: none of them wipes out another.

Each is split into the single values that it gives. Those of the wider key come first, whatever the order in
which they were typed, so that a choice (optimizer=adam) is made before a key below it (lr=0.3). Two that
cannot both hold are a problem.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any

from gradflow.config.draft import Draft, SourceLine, own
from gradflow.config.keys import CHOICES, FIELDS, override_key
from gradflow.errors import InputError, Problem
from gradflow.yaml_events import KeyPath, dotted, one_line
from gradflow.yaml_file import COMMAND_LINE, on_one_line, parse_value

SUFFIXES = (".yaml", ".yml")  # of a word that is meant for a config

# between words that are joined by NUL, which none can hold: lr = 0.1, lr =0.1 or lr= 0.1
_APART = re.compile(r"(?<![^\0])[^\0=]+(?:\0=\0?[^\0]+|=\0[^\0=]+)(?![^\0])")


@dataclass(frozen=True)
class Setting:
    """A value that is given to a key: plain, as YAML has it, and where it was written."""

    path: KeyPath
    value: Any
    place: SourceLine = (COMMAND_LINE, None)


_TOLD = ((), ("sweep",))  # an empty file loses nothing, and sweep=null says what it does

Leaf = tuple[KeyPath, Any, Setting]  # a single value, and the setting that gives it


def settled(path: KeyPath) -> KeyPath:
    """The path; of the name of a choice that of the choice, for which it stands."""
    return path[:-1] if path[:-1] in CHOICES and path[-1] == "name" else path


def without(overrides: Sequence[str], replaced: Sequence[str]) -> list[str]:
    """The overrides that none of `replaced`, other overrides, gives anew or wipes out."""
    paths = [path_of(one) for one in replaced]
    return [one for one in overrides if not any(path_of(one)[: len(path)] == path for path in paths)]


def path_of(override: str) -> KeyPath:
    """The path that KEY=VALUE, or KEY, is laid over, of the name of a choice that of the choice."""
    return settled(tuple(override_key(override.partition("=")[0].strip()).split(".")))


def refuse_spaces(words: Sequence[str]) -> None:
    """InputError for KEY = VALUE, KEY =VALUE or KEY= VALUE among all words of a command.

    For the shell each is several words, of which the first might be taken for a config.
    """
    found = [match[0].split("\0") for match in _APART.finditer("\0".join(words))]
    apart = [parts for parts in found if not any(part.endswith(SUFFIXES) for part in parts)]
    if apart:
        message = "write it without spaces, as one word"
        raise InputError(
            *(
                Problem(f"{message}: {one_line(''.join(parts))}", one_line(" ".join(parts)), COMMAND_LINE)
                for parts in apart
            )
        )


def parse(overrides: Sequence[str]) -> tuple[list[Setting], list[Problem]]:
    """The setting of each KEY=VALUE, and what is wrong with those that give none."""
    settings: list[Setting] = []
    problems: list[Problem] = []
    for override in overrides:
        name, equals, text = override.partition("=")
        try:
            if not (equals and name.strip()):
                raise InputError(Problem(_no_pair(override), one_line(override), COMMAND_LINE))
            key = override_key(name.strip())
            settings.append(Setting(tuple(key.split(".")), own(parse_value(text, key))))
        except InputError as error:
            problems += error.problems
    return settings, problems


def _no_pair(word: str) -> str:
    if word.endswith(SUFFIXES):
        return "is not of the form KEY=VALUE: a config comes first"
    return "is not of the form KEY=VALUE, without spaces"


def lay(settings: Sequence[Setting], draft: Draft) -> list[Problem]:
    """Give `draft` all values, to the same effect in any order, if none conflict; returns the conflicts.

    `draft.left_out` tells what a mapping had that is replaced, and no default has.
    """
    leaves = [(*leaf, setting) for setting in settings for leaf in _leaves(setting.value, setting.path)]
    before = dict(_leaves(draft.value, ()))
    wide = [setting for setting in settings if isinstance(setting.value, dict)]
    for setting in sorted(wide, key=lambda setting: len(setting.path)):
        draft.override(setting.path, {}, setting.place)
    for path, value, setting in sorted(leaves, key=lambda leaf: len(leaf[0])):
        draft.override(path, value, setting.place)
    draft.left_out += _left_out(before, dict(_leaves(draft.value, ())))
    return list({problem.message: problem for problem in _conflicts(leaves)}.values())


def _leaves(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    """The single values below a path; the name of a choice stands at the path of the choice."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    else:
        yield settled(path), value


def _conflicts(leaves: Sequence[Leaf]) -> Iterator[Problem]:
    """A problem for each value that another setting contradicts."""
    held: dict[KeyPath, tuple[Any, Setting]] = {}
    for path, value, setting in sorted(leaves, key=lambda leaf: len(leaf[0])):
        for above in (path[:length] for length in range(len(path))):
            if above in held and not _has_room(above, held[above][0], path):
                yield _conflict(path, held[above][1], setting)
        other, first = held.setdefault(path, (value, setting))
        if not _same(other, value):
            yield _conflict(path, first, setting)


def _has_room(path: KeyPath, value: Any, below: KeyPath) -> bool:
    """Whether a key may stand below a path that has a value: the name of a choice, or no value yet."""
    return value == {} or (path in CHOICES and isinstance(value, str) and below[len(path)] != "name")


def _same(one: Any, other: Any) -> bool:
    """Whether two plain values are the same, true and 1 not."""
    return repr(one) == repr(other)


def _conflict(path: KeyPath, one: Setting, other: Setting) -> Problem:
    place = min(one.place, other.place, key=lambda place: place[1] is None)  # a line, if either has one
    return contradiction(path, _shown(one), _shown(other), place)


def contradiction(path: KeyPath, one: str, other: str, place: SourceLine = (COMMAND_LINE, None)) -> Problem:
    """What is wrong with two overrides of which one would wipe out the other."""
    return Problem(f"{one} and {other} cannot both hold: leave one out", dotted(path), *place)


def _shown(setting: Setting) -> str:
    return f"{dotted(setting.path)}={one_line(on_one_line(setting.value))}"


def _left_out(before: dict[KeyPath, Any], after: dict[KeyPath, Any]) -> Iterator[str]:
    """A sentence for each mapping of which settings replaced values and left others out."""
    lost: dict[KeyPath, list[KeyPath]] = {}
    for path, value in before.items():
        if path not in after and path[:1] not in _TOLD and not _is_default(path, value, before):
            lost.setdefault(_above(path, after), []).append(path)
    for above, paths in lost.items():
        told = ", ".join(
            f"{dotted(path[len(above) :])}: {one_line(on_one_line(before[path]))}" for path in paths
        )
        yield f"{dotted(above)} is replaced whole, without the {told} that it had"


def _above(path: KeyPath, after: Iterable[KeyPath]) -> KeyPath:
    """The longest part of a path that still stands."""
    standing = {other[:length] for other in after for length in range(len(other) + 1)}
    return next(part for part in (path[:n] for n in range(len(path), -1, -1)) if part in standing)


def _is_default(path: KeyPath, value: Any, among: dict[KeyPath, Any]) -> bool:
    """Whether a value is what its key has anyway."""
    if path in FIELDS:
        default = FIELDS[path].default
        return bool(value == (getattr(default, "name", None) if path in CHOICES else default))
    choice = CHOICES.get(path[:-1])
    entry = choice.table.get(choice.name_of(among.get(path[:-1])) or "") if choice else None
    defaults = {field.name: field.default for field in fields(entry)} if entry else {}
    return bool(value == defaults.get(str(path[-1]), MISSING))

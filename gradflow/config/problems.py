"""What pydantic found wrong with a draft, in plain words: key and line, what is wanted and what is there."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import fields
from itertools import islice
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gradflow.config import choices
from gradflow.config.draft import Draft
from gradflow.config.keys import CHOICES, FIELDS, find, keys_below
from gradflow.errors import Problem, did_you_mean
from gradflow.units import is_number
from gradflow.yaml_events import KeyPath, dotted, one_line, quoted, scalar
from gradflow.yaml_file import COMMAND_LINE, SHOWN

WANTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
}
BOUNDS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
YAML_1_1_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
LARGEST = sys.float_info.max


def describe(draft: Draft, error: ValidationError) -> list[Problem]:
    """One problem for each bad value, as they were written: the first 50, and the number of the others."""
    by_path: dict[KeyPath, list[ErrorDetails]] = {}
    for details in error.errors(include_url=False):
        by_path.setdefault(_path(details), []).append(details)
    # where a number or a list may stand, a list with a bad entry is called no number too
    containers = {path[:length] for path in by_path for length in range(len(path))}
    rank = {path: number for number, path in enumerate(draft.places)}
    paths = sorted(by_path.keys() - containers, key=lambda path: (rank[draft.written(path)], dotted(path)))
    problems = [draft.problem(path, _message(draft, path, by_path[path])) for path in paths[:SHOWN]]
    if len(paths) > SHOWN:
        problems.append(Problem(f"and {len(paths) - SHOWN:,} more problems", source=draft.place(())[0]))
    return problems


def numbers_beyond_floats(draft: Draft) -> list[Problem]:
    """The first 50 numbers that are nan, infinite or too large for a float: no key takes those."""
    found = (
        draft.problem(path, f"should be a finite number below {LARGEST:.1e}, not {named(value)}")
        for path, value in _leaves(draft.value)
        if isinstance(value, int | float) and not abs(value) <= LARGEST
    )
    return list(islice(found, SHOWN))


def named(value: Any) -> str:
    """A value as messages call it: null, 3, the text "abc", a list."""
    match value:
        case str():
            return f"the text {quoted(value)}"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
    return one_line(str(value))


def _leaves(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(value, dict | tuple):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(inner, (*path, key))
    else:
        yield path, value


def _path(details: ErrorDetails) -> KeyPath:
    """pydantic's location without what is not in the file: the name of an entry, the type of a union."""
    location = details["loc"]
    for path in CHOICES:
        if location[: len(path)] == path:
            if details["type"] == choices.UNKNOWN:
                return (*path, "name") if isinstance(details["input"], dict) else path
            inside = location[len(path) :]
            return (*path, *inside[:1], *(part for part in inside[1:] if isinstance(part, int)))
    return location


def _message(draft: Draft, path: KeyPath, details: list[ErrorDetails]) -> str:
    first = details[0]
    kind, value, context = first["type"], first["input"], first.get("ctx", {})
    if kind in WANTED:
        typed = draft.place(path)[0] == COMMAND_LINE
        named_values = [one["ctx"]["expected"] for one in details if one["type"] == "literal_error"]
        kinds = [one["type"] for one in details if one["type"] in WANTED]
        told = _wrong_type(value, kinds, [name.strip("'") for name in named_values], typed)
        is_none = isinstance(value, str) and value.lower() == "none"  # as Python and conditions have it
        return f"{told}: write null" if is_none and _takes_null(path) else told
    if kind in BOUNDS:
        words, limit = BOUNDS[kind]
        return f"should be {words} {_short(context[limit])}, not {named(value)}"
    match kind:
        case "missing":
            return _missing(path)
        case "extra_forbidden" | "unexpected_keyword_argument":
            return _unknown_key(draft, path)
        case choices.UNKNOWN:
            return _unknown_entry(path, value)
        case "literal_error":
            return _unknown_name(value, re.findall(r"'([^']*)'", context["expected"]))
        case "too_long":
            return f"should hold at most {context['max_length']} values, not {context['actual_length']}"
        case "too_short":
            return "should hold at least one value"
        case "value_error":  # of a formula, which says itself what is wrong
            return str(context["error"])
        case choices.UNFIT:
            return f"{first['msg']}, not {named(value)}"
    return first["msg"]


def _takes_null(path: KeyPath) -> bool:
    if path in FIELDS:
        return FIELDS[path].default is None
    entries = CHOICES[path[:-1]].table.values() if path[:-1] in CHOICES else ()
    return any(field.default is None for cls in entries for field in fields(cls) if field.name == path[-1])


def _short(limit: float) -> str:
    return f"{limit:g}" if isinstance(limit, float) else str(limit)


def _wrong_type(value: Any, kinds: list[str], names: list[str], typed: bool) -> str:
    if "float_type" in kinds:
        kinds = [kind for kind in kinds if kind != "int_type"]
    wanted = " or ".join([*(WANTED[kind] for kind in kinds), *names])
    return f"should be {wanted}, not {named(value)}{_hint(value, kinds[0], typed)}"


def _hint(value: Any, kind: str, typed: bool) -> str:
    """How to write the value that was probably meant; `typed` on the command line or in a file."""
    match kind, value:
        case "string_type", bool() | int() | float():
            return ": put it in quotes"
        case "int_type", float() if value.is_integer() and abs(value) < 1e15:
            return f": write {int(value)}"
        case "bool_type", str() if value.lower() in YAML_1_1_BOOLEANS:
            return f": write {YAML_1_1_BOOLEANS[value.lower()]}"
        case "int_type" | "float_type", str() if len(value) <= 40:
            return _number_hint(value, int if kind == "int_type" else (int, float), typed)
    return ""


def _number_hint(text: str, wanted: type | tuple[type, ...], typed: bool) -> str:
    """What YAML 1.1, Python or a decimal comma make a number is text in YAML 1.2."""
    if _is_number(text, wanted):
        return ": remove the quotes"
    if re.fullmatch(r"[-+]?[0-9]+(:[0-9]+)+", text):
        return ": only YAML 1.1 has numbers to base 60"
    if re.fullmatch(r"0b[01]+", text):
        return f": write {int(text, 2)}"
    digits = text.strip().replace("_", "")
    if not typed:  # there a comma lies between the values of a sweep
        digits = digits.replace(",", ".")
    return f": write {digits}" if _is_number(digits, wanted) else ""


def _is_number(text: str, wanted: type | tuple[type, ...]) -> bool:
    value = scalar(text)
    return isinstance(value, wanted) and is_number(value)


def _missing(path: KeyPath) -> str:
    needed = [str(key[-1]) for key, field in FIELDS.items() if key[:-1] == path and field.is_required()]
    return f"is required: a mapping with {', '.join(needed)}" if needed else "is required"


def _unknown_key(draft: Draft, path: KeyPath) -> str:
    above, key = path[:-1], str(path[-1])
    known = keys_below(above, draft.at(above))
    return f"unknown key{_elsewhere(draft, above, key) or did_you_mean(key, known) or _listed(known)}"


def _elsewhere(draft: Draft, above: KeyPath, key: str) -> str:
    """Where a key would be known."""
    if above in CHOICES:
        owners = [name for name in CHOICES[above].table if key in CHOICES[above].keys_of(name)]
        remedy = _with_owner(draft, (*above, key), owners[0]) if len(owners) == 1 else ""
        return f" {_beside(draft, above)}: it is a key of {' and '.join(owners)}{remedy}" if owners else ""
    try:
        return f" here: it belongs to {dotted(find(key)[:-1]) or 'the top level'}"
    except LookupError:
        return ""


def _beside(draft: Draft, choice: KeyPath) -> str:
    """Where a key is not known: here, or with the choice that was typed."""
    if draft.place(choice)[0] != COMMAND_LINE:
        return "here"
    return f"with {dotted(choice)}={CHOICES[choice].name_of(draft.at(choice))}"


def _with_owner(draft: Draft, path: KeyPath, owner: str) -> str:
    """The overrides that choose the entry which takes a key; "" where they were not meant for the shell."""
    value, (choice, key) = draft.at(path), path[-2:]
    if draft.place(path)[0] != COMMAND_LINE or not isinstance(value, bool | int | float):
        return ""
    if draft.place(path[:-1])[0] != COMMAND_LINE:
        return f": {choice}={owner} {choice}.{key}={named(value)}"
    alone = f"{dotted(path[:-1])}={{name: {owner}, {key}: {named(value)}}}"
    return f": leave it out, or give it there alone: {alone}"


def _listed(known: list[str]) -> str:
    return f": the keys here are {', '.join(known)}" if known else ": there are none here"


def _unknown_entry(path: KeyPath, value: Any) -> str:
    """A choice whose name is missing or in no table."""
    choice = CHOICES.get(path) or CHOICES[path[:-1]]
    if isinstance(value, dict):
        if "name" not in value:
            return f"is required: one of {', '.join(choice.table)}"
        value = value["name"]
    return _unknown_name(value, list(choice.table), choice.aliases)


def _unknown_name(value: Any, names: list[str], aliases: Iterable[str] = ()) -> str:
    close = did_you_mean(value.lower(), [*names, *aliases]) if isinstance(value, str) else ""
    listed = ", ".join(name if name.isidentifier() else quoted(name) for name in names)
    return f"should be one of {listed}, not {named(value)}{close}"

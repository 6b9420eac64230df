"""The JSON Schema of a config, draft 7, composed from the models and tables that validate one.

It refuses what is wrong with a key by itself, and what `relations` says of several. What it cannot say is
left to `gradflow run`: a whole number written 3.0, sizes that other sizes decide, data, and this machine.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from inspect import getdoc
from itertools import combinations
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from annotated_types import DocInfo
from pydantic import TypeAdapter

from gradflow.config.checks import AXES, NOT_SWEPT
from gradflow.config.choices import Choice
from gradflow.config.keys import CHOICES, FIELDS, OF_ENTRIES
from gradflow.config.needs import needs, needs_of_sweep, spellings
from gradflow.config.relations import relations
from gradflow.config.schema import Config
from gradflow.config.sections import Section
from gradflow.yaml_events import KeyPath, dotted

Json = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
FINITE = {"$ref": "#/definitions/finite"}
WITHIN_FLOATS = {
    "minimum": -sys.float_info.max,
    "maximum": sys.float_info.max,
    "not": {"minimum": 1, "maximum": -1},  # that only nan fulfils, of which every comparison is false
}


def config_schema() -> Json:
    """The schema of a config, or of a sweep's, as a new document."""
    root = _section(Config, ())
    root["properties"]["sweep"] = _sweep(root["properties"]["sweep"])
    return {
        "$schema": DRAFT,
        "title": "gradflow config",
        **root,
        "if": {"required": ["sweep"], "properties": {"sweep": {"type": "object"}}},
        "then": needs_of_sweep(),
        "else": {**needs(), "allOf": relations()},  # which a sweep's values may change
        "definitions": {
            "finite": WITHIN_FLOATS,
            **{_named(path, name): _entry(path, name) for path, name in _entries()},
        },
    }


def entry_sentence(cls: type[Any]) -> str:
    """What a class of a table says of itself first."""
    return " ".join((getdoc(cls) or "").partition("\n\n")[0].split())


def _entries() -> Iterator[tuple[KeyPath, str]]:
    return ((path, name) for path, choice in CHOICES.items() for name in choice.table)


def _named(path: KeyPath, name: str) -> str:
    """An entry among the definitions."""
    return f"{dotted(path)}.{name}"


def _section(section: type[Section], above: KeyPath) -> Json:
    properties = {
        name: _with_default(_of((*above, name), field.rebuild_annotation()), field.default)
        for name, field in section.model_fields.items()
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _entry(path: KeyPath, name: str) -> Json:
    """An entry of a table as a mapping."""
    choice = CHOICES[path]
    cls = choice.table[name]
    hints = get_type_hints(cls, include_extras=True)
    names = [name, *(alias for alias, meant in choice.aliases.items() if meant == name)]
    properties = {
        field.name: _with_default(_of((*path, field.name), hints[field.name]), field.default)
        for field in fields(cls)
    }
    return {
        "description": entry_sentence(cls),
        "type": "object",
        "properties": {"name": {"enum": names}, **properties},
        "required": ["name"],
        "additionalProperties": False,
    }


def _of(path: KeyPath, hint: Any) -> Json:
    """The schema of a key's annotation, with its sentence."""
    base, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    choice = next((mark for mark in marks if isinstance(mark, Choice)), None)
    if choice:
        found = _choice(path, choice)
    elif isinstance(base, type) and issubclass(base, Section):
        found = _section(base, path)
    else:
        found = _finite(_leaf(hint))
    sentence = [mark.documentation for mark in marks if isinstance(mark, DocInfo)]
    return {**({"description": sentence[-1]} if sentence else {}), **found}


def _choice(path: KeyPath, choice: Choice) -> Json:
    """A name alone, or an entry with its keys."""
    entries = [{"$ref": f"#/definitions/{_named(path, name)}"} for name in choice.table]
    return {"anyOf": [{"enum": [*choice.table, *choice.aliases]}, *entries]}


@cache
def _leaf(hint: Any) -> Json:
    return TypeAdapter(hint).json_schema()


def _finite(node: Json) -> Json:
    """A copy in which no number is beyond floats."""
    copied = dict(node)
    if "anyOf" in node:
        copied["anyOf"] = [_finite(each) for each in node["anyOf"]]
    if "items" in node:
        copied["items"] = _finite(node["items"])
    return {**copied, "allOf": [FINITE]} if node.get("type") in ("integer", "number") else copied


def _with_default(node: Json, default: Any) -> Json:
    """With the default, an entry's as its name; one that only the data can tell is none."""
    plain = getattr(default, "name", list(default) if isinstance(default, tuple) else default)
    known = plain is None or (isinstance(plain, bool | int | float | str | list) and plain != "")
    return {**node, "default": plain} if known else node


def _sweep(node: Json) -> Json:
    """A list of values for each key, under every name of the key."""
    names = {path: spellings(path) for path in (*FIELDS, *OF_ENTRIES) if path[0] not in NOT_SWEPT}
    axes = {
        name: {"type": "array", "minItems": 1, "items": _values(path)}
        for path in names
        for name in names[path]
    }
    twice = [{"not": {"required": list(pair)}} for path in names for pair in combinations(names[path], 2)]
    several = {"type": "object", "minProperties": 1, "maxProperties": AXES, "allOf": twice}
    mapping = {**several, "properties": axes, "additionalProperties": False}
    return {"description": node["description"], "anyOf": [mapping, {"type": "null"}]}


def _values(path: KeyPath) -> Json:
    """What one value of a swept key may be."""
    if path in FIELDS:
        return {"$ref": "#" + "".join(f"/properties/{part}" for part in path)}
    choice, key = CHOICES[path[:-1]], str(path[-1])
    if key == "name":
        return {"enum": [*choice.table, *choice.aliases]}
    owners = [name for name in choice.table if key in choice.keys_of(name)]
    refs = [{"$ref": f"#/definitions/{_named(path[:-1], name)}/properties/{key}"} for name in owners]
    return refs[0] if len(refs) == 1 else {"anyOf": refs}

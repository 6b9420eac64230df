"""What JSON Schema can say of keys that have no default: a run states them all, a sweep may hold some."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any

from gradflow.config.keys import CHOICES, FIELDS, find
from gradflow.yaml_events import KeyPath

Json = dict[str, Any]

NAME: KeyPath = ("name",)  # which a Config has, and a file may leave out: its own is taken


def is_needed(path: KeyPath) -> bool:
    """Whether every file states a key."""
    return FIELDS[path].is_required() and path != NAME


def spellings(path: KeyPath) -> list[str]:
    """Every name that stands for a key, the full one first."""
    parts = [str(part) for part in path]
    return [name for i in range(len(parts)) if _means(name := ".".join(parts[i:]), path)]


def _means(name: str, path: KeyPath) -> bool:
    try:
        return find(name) == path
    except LookupError:
        return False


def needs() -> Json:
    """What one run needs: keys without a default, and for an entry that has such keys a mapping with them."""
    found: Json = {}
    for path in filter(is_needed, FIELDS):
        _at(found, path[:-1]).setdefault("required", []).append(path[-1])
    for path, choice in CHOICES.items():
        without = {name: keys for name, cls in choice.table.items() if (keys := _keys_needed(cls))}
        if without:
            alone = {"if": {"enum": list(without)}, "then": {"type": "object"}}
            _at(found, path)["allOf"] = [alone, *(_with_keys(*each) for each in without.items())]
    return found


def _keys_needed(cls: type[Any]) -> list[str]:
    return [field.name for field in fields(cls) if field.default is field.default_factory is MISSING]


def _with_keys(name: str, keys: list[str]) -> Json:
    chosen = {"type": "object", "properties": {"name": {"const": name}}, "required": ["name"]}
    return {"if": chosen, "then": {"required": keys}}


def _at(node: Json, path: KeyPath) -> Json:
    """The node of a path in nested `properties`, made where it is missing."""
    for part in path:
        node = node.setdefault("properties", {}).setdefault(str(part), {})
    return node


def needs_of_sweep() -> Json:
    """A key that is needed stands in its section or among the axes."""
    wanted = [path for path in filter(is_needed, FIELDS) if len(path) > 1]
    return {"allOf": [{"anyOf": [_has(path), *_swept(path)]} for path in wanted]}


def _has(path: KeyPath) -> Json:
    first, *rest = path
    below = {"properties": {first: _has(tuple(rest))}} if rest else {}
    return {"required": [first], **below}


def _swept(path: KeyPath) -> Iterator[Json]:
    """The axes that give a key, or a section that it is in."""
    for above in (path[:length] for length in range(len(path), 0, -1)):
        for name in spellings(above):
            yield {"properties": {"sweep": {"required": [name]}}}

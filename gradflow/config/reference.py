"""Every key of a config in words, read from its JSON Schema: what it takes, its default and its sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gradflow.config.json_schema import config_schema
from gradflow.config.keys import CHOICES, FIELDS
from gradflow.config.needs import is_needed
from gradflow.yaml_events import KeyPath, dotted
from gradflow.yaml_file import on_one_line

Json = dict[str, Any]

TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "null": "null",
    "object": "a mapping",
}
PLURAL = {"a whole number": "whole numbers", "a number": "numbers", "a list": "lists", "text": "texts"}
LOW = {"minimum": "at least", "exclusiveMinimum": "above"}
HIGH = {"maximum": "at most", "exclusiveMaximum": "below"}
LARGE = 10**6  # from here on a bound is written as a power
REQUIRED = "required"


@dataclass(frozen=True)
class KeyLine:
    """A key in words; `of` are the entries of a choice that have it, () where every config does."""

    key: str
    takes: str
    default: str
    sentence: str
    of: tuple[str, ...] = ()


@dataclass(frozen=True)
class EntryLine:
    """An entry of a choice: its names, the keys that it takes, and its sentence."""

    names: tuple[str, ...]
    keys: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class KeyGroup:
    """The keys below the key `above`, "" for those on top; `entries` if that is a choice."""

    above: str
    keys: tuple[KeyLine, ...]
    entries: tuple[EntryLine, ...] = ()


def reference() -> tuple[KeyGroup, ...]:
    """All groups, in the order of a config."""
    schema = config_schema()
    sections = [path for path in FIELDS if any(below[:-1] == path for below in FIELDS)]
    groups = [_choice(schema, path) if path in CHOICES else _section(schema, path)
              for path in FIELDS if path in CHOICES or path in sections]  # fmt: skip
    return (_section(schema, ()), *groups)


def takes(node: Json) -> str:
    """What a schema takes, in words."""
    if "anyOf" in node:
        return ", or ".join(dict.fromkeys(takes(each) for each in node["anyOf"]))
    names = node["enum"] if "enum" in node else [node["const"]] if "const" in node else []
    if names:
        return _listed([on_one_line(name) for name in names])
    if node["type"] == "array":
        return f"a list of {_plural(takes(node['items']))}{_length(node)}"
    return TYPES[node["type"]] + _bounds(node)


def _listed(names: list[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def _plural(words: str) -> str:
    for one, many in PLURAL.items():
        words = words.replace(one, many)
    return words


def _length(node: Json) -> str:
    return f", at most {node['maxItems']}" if "maxItems" in node else ""


def _bounds(node: Json) -> str:
    """The bounds in words."""
    low, high = (
        next((f"{word} {_short(node[key])}" for key, word in words.items() if key in node), "")
        for words in (LOW, HIGH)
    )
    if low.startswith(LOW["minimum"]) and high.startswith(HIGH["maximum"]):
        return f" from {_short(node['minimum'])} to {_short(node['maximum'])}"
    return "".join(f" {words}" for words in (low, "and" * bool(low and high), high) if words)


def _short(limit: float) -> str:
    """100, 0.5, 10^9, 2^53."""
    if abs(limit) < LARGE:
        return f"{limit:g}"
    whole = int(limit)
    if whole & (whole - 1) == 0:
        return f"2^{whole.bit_length() - 1}"
    digit, exponent = f"{limit:.0e}".split("e")
    return f"10^{int(exponent)}" if digit == "1" else f"{digit}e{int(exponent)}"


def _section(schema: Json, above: KeyPath) -> KeyGroup:
    node = schema
    for part in above:
        node = node["properties"][part]
    lines = [_field((*above, name), inner) for name, inner in node["properties"].items()]
    return KeyGroup(dotted(above), tuple(lines))


def _field(path: KeyPath, node: Json) -> KeyLine:
    """A key that every config has; of a choice and of a mapping there is a group."""
    below = path in CHOICES or node.get("type") == "object"
    words = f"see {dotted(path)} below" if below else takes(node)
    return KeyLine(dotted(path), words, _default(node, is_needed(path)), node["description"])


def _default(node: Json, required: bool) -> str:
    value = node.get("default")
    if "default" not in node:
        return REQUIRED if required else ""
    return f"{value:g}" if isinstance(value, float) else on_one_line(value)


def _choice(schema: Json, path: KeyPath) -> KeyGroup:
    """Entries and their keys; a key that several have in the same way stands once."""
    choice = CHOICES[path]
    nodes = {name: schema["definitions"][f"{dotted(path)}.{name}"] for name in choice.table}
    owners: dict[KeyLine, list[str]] = {}
    for name, node in nodes.items():
        for key in choice.keys_of(name):
            inner = node["properties"][key]
            said = inner.get("description", "")  # which tests ask for
            line = KeyLine(dotted((*path, key)), takes(inner), _default(inner, True), said)
            owners.setdefault(line, []).append(name)
    entries = (
        EntryLine(tuple(node["properties"]["name"]["enum"]), tuple(choice.keys_of(name)), node["description"])
        for name, node in nodes.items()
    )
    lines = (
        KeyLine(line.key, line.takes, line.default, line.sentence, tuple(of)) for line, of in owners.items()
    )
    return KeyGroup(dotted(path), tuple(lines), tuple(entries))

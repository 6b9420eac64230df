"""The reference of a config's keys: the document and the page of `gradflow new --keys`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from gradflow.config.reference import EntryLine, KeyGroup, KeyLine, reference
from gradflow.report.page import Block, Column, Heading, Page, Sentence, Table

INTRODUCTION = (
    "Overrides may leave out what stands before a name that is unique: depth=20 lr=0.1. A choice is a "
    "name, or a mapping with the keys that it takes: activation: {name: leaky_relu, slope: 0.1}."
)


def keys_document() -> dict[str, Any]:
    """Every key, in the order of a config."""
    return {"rows": [asdict(line) for group in reference() for line in group.keys]}


def keys_page() -> Page:
    """A table for each section and each choice."""
    blocks = [block for group in reference() for block in _blocks(group)]
    return Page("Every key of a config", (Sentence(INTRODUCTION), *blocks))


def _blocks(group: KeyGroup) -> list[Block]:
    if not group.entries:
        return [Heading(group.above or "top level"), _keys(group.keys)]
    keys: list[Block] = [Heading(f"keys of {group.above}"), _keys_of_entries(group.keys)]
    return [Heading(group.above), _entries(group.entries), *keys]


def _entries(entries: tuple[EntryLine, ...]) -> Table:
    rows = [(" or ".join(entry.names), ", ".join(entry.keys), entry.sentence) for entry in entries]
    return _table(("name", "keys", "what it is"), rows)


def _keys(lines: tuple[KeyLine, ...]) -> Table:
    rows = [(line.key, line.takes, line.default, line.sentence) for line in lines]
    return _table(("key", "takes", "default", "what it is"), rows)


def _keys_of_entries(lines: tuple[KeyLine, ...]) -> Table:
    rows = [(line.key, ", ".join(line.of), line.takes, line.default, line.sentence) for line in lines]
    return _table(("key", "of", "takes", "default", "what it is"), rows)


def _table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    return Table(tuple(Column(title, numeric=False) for title in titles), tuple(rows))

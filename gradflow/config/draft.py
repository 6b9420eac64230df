"""A config before it is validated: plain values that overrides change, and where each of them was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradflow.config.keys import CHOICES, FIELDS
from gradflow.errors import Problem
from gradflow.yaml_events import KeyPath, dotted
from gradflow.yaml_file import COMMAND_LINE, Document

SourceLine = tuple[str, int | None]  # source and line


class Draft:
    """The values of a file, lists as tuples, and the place of each by its path."""

    def __init__(self, value: Any, places: Mapping[KeyPath, SourceLine]) -> None:
        self.value = {} if value is None else own(value)
        self.places: dict[KeyPath, SourceLine] = {(): ("", None), **places}
        self.left_out: list[str] = []  # a sentence for each mapping that lost values to one that replaced it

    @classmethod
    def of(cls, document: Document) -> Draft:
        """A draft of what a file holds."""
        places: dict[KeyPath, SourceLine] = {(): (document.source, None)}
        places |= {path: (document.source, line) for path, line in document.lines.items()}
        return cls(document.value, places)

    def written(self, path: KeyPath) -> KeyPath:
        """The path itself if its value was written somewhere; else that of the mapping around it that was."""
        while path not in self.places:
            path = path[:-1]
        return path

    def place(self, path: KeyPath) -> SourceLine:
        """Where a value was written; of a missing one, where the mapping was that lacks it."""
        return self.places[self.written(path)]

    def problem(self, path: KeyPath, message: str) -> Problem:
        """What is wrong with the value of a path, and where it was written."""
        return Problem(message, dotted(path), *self.place(path))

    def at(self, path: KeyPath) -> Any:
        """The value of a path, None if there is none."""
        value = self.value
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def copy(self) -> Draft:
        """A draft that may be changed for itself."""
        return Draft(self.value, self.places)

    def override(self, path: KeyPath, value: Any, place: SourceLine = (COMMAND_LINE, None)) -> None:
        """Replace the value of a path by one that was written at `place`.

        A key of a choice makes a mapping of the name that stands there, or of the default's; `name` replaces
        the whole.
        """
        if path[:-1] in CHOICES and path[-1] == "name":
            path = path[:-1]
        elif path[:-1] in CHOICES:
            self._make_mapping(path[:-1])
        section = self._section(path[:-1])
        if section is None:
            return
        section[path[-1]] = own(value)
        self.places = {old: place for old, place in self.places.items() if old[: len(path)] != path}
        self.places[path] = place

    def _section(self, path: KeyPath) -> dict[str | int, Any] | None:
        """The mapping of a path, made if it is missing; None if something else stands there."""
        section = self.value
        for part in path:
            if not isinstance(section, dict):
                return None
            section = section.setdefault(part, {})
        return section if isinstance(section, dict) else None

    def _make_mapping(self, path: KeyPath) -> None:
        section, key = self._section(path[:-1]), path[-1]
        if section is None:
            return
        if key not in section and not FIELDS[path].is_required():
            section[key] = FIELDS[path].default.name
        if isinstance(section.get(key), str):
            section[key] = {"name": section[key]}


def own(value: Any) -> Any:
    """A copy of plain values that may be changed, with tuples for lists."""
    if isinstance(value, dict):
        return {key: own(inner) for key, inner in value.items()}
    return tuple(map(own, value)) if isinstance(value, list | tuple) else value

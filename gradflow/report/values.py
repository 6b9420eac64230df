"""The values of an axis in words, as tables of many points have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gradflow.report.numbers import ENTRIES, scalar, side_by_side
from gradflow.report.sentences import entry


def in_words(value: Any, most: int | None = ENTRIES) -> str:
    """A value of an axis: depth 3, init gaussian (sigma_w 1.5), norm layer before; `most` entries a list."""
    if not isinstance(value, dict):
        return scalar(value, most)
    if value.keys() == {"name", "place"}:
        return f"{value['name']} {value['place']}"
    if "name" in value:
        return entry(value, most)
    return ", ".join(f"{key} {in_words(inner, most)}" for key, inner in value.items()) or "{}"


def told_apart(
    values: Sequence[Any], words: Callable[[Any, int | None], str] = in_words, missing: str = "null"
) -> list[str]:
    """The words of each value, a mapping that is no choice without what it has in all of them."""
    if all(isinstance(value, dict) and "name" not in value for value in values):
        telling = {key for value in values for key in value if _differs(key, values)}
        values = [{k: v for k, v in value.items() if k in telling} or value for value in values]
    return side_by_side(values, words, missing)


def _differs(key: str, values: Sequence[Mapping[str, Any]]) -> bool:
    return len({repr(value.get(key)) for value in values}) > 1

"""What differs between runs that are drawn together, as keys and as labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from gradflow.analysis.differences import differing, flat, short_names
from gradflow.analysis.summary import Summary
from gradflow.report.numbers import side_by_side
from gradflow.units import is_number


def keys_apart(summaries: Sequence[Summary]) -> list[str]:
    """The dotted keys in which runs differ, in the order of the config."""
    return differing([flat(summary.config) for summary in summaries])


def labels(summaries: Sequence[Summary]) -> list[str]:
    """A label each: the names where all are different; else what differs, by the last part of its key; the id
    where that does not tell them apart."""
    if named_apart(summaries):
        return names(summaries)
    found = settings([flat(summary.config) for summary in summaries], keys_apart(summaries))
    return [
        text if text and found.count(text) == 1 else s.id for text, s in zip(found, summaries, strict=True)
    ]


def named_apart(summaries: Sequence[Summary]) -> bool:
    """Whether there are several, each of another name; the points of a sweep share theirs."""
    return len({summary.name for summary in summaries}) == len(summaries) > 1


def names(summaries: Sequence[Summary]) -> list[str]:
    """The name of each, its id where another has that name too."""
    uses = Counter(summary.name for summary in summaries)
    return [summary.name if uses[summary.name] == 1 else summary.id for summary in summaries]


def settings(configs: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[str]:
    """Of each config what it has of these keys, as depth 50, init he_normal."""
    names = short_names(keys)
    texts = {key: side_by_side([config.get(key) for config in configs]) for key in keys}
    return [
        ", ".join(f"{names[key]} {texts[key][i]}" for key in keys if key in config)
        for i, config in enumerate(configs)
    ]


def number_of_each(
    configs: Sequence[Mapping[str, Any]], keys: Sequence[str]
) -> tuple[str, list[float]] | None:
    """The last part of the one key in which configs differ, and its values, where these are numbers."""
    values = [config.get(keys[0]) for config in configs] if len(keys) == 1 else []
    numbers = [*filter(is_number, values)]
    return (keys[0].rpartition(".")[2], numbers) if values and len(numbers) == len(values) else None
